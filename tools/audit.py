"""Looks up known vulnerabilities of what is installed, and says loudly where that could not be done.

pip-audit ends with 0 where its data has nothing of a package, as it does where a mirror serves packages alone. So this
counts what was really looked up. It ends with 1 where a vulnerability is known; where nothing was looked up with 0, or
with 1 under TILLWATCH_REQUIRE_AUDIT, which is for releases.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tools.locked import LOCK, locked

SERVICES = ("pypi", "osv")
_WAIT_S = 10


class Audit(NamedTuple):
    """What was found out.

    Attributes:
        looked_up: packages that the service knows.
        skipped: packages that it does not, or that it could not be asked about.
        known: vulnerabilities, each in a line.
    """

    looked_up: int
    skipped: int
    known: list[str]


def read(report: dict[str, Any]) -> Audit:
    """pip-audit's report.

    >>> read({"dependencies": [{"name": "a", "skip_reason": "no"}, {"name": "b", "version": "1", "vulns": []}]})
    Audit(looked_up=1, skipped=1, known=[])
    """
    packages = report["dependencies"]
    asked = [each for each in packages if "skip_reason" not in each]
    known = [
        f"{each['name']} {each['version']}: {one['id']}, fixed in {', '.join(one['fix_versions']) or 'no version'}"
        for each in asked
        for one in each["vulns"]
    ]
    return Audit(len(asked), len(packages) - len(asked), known)


def audit(service: str) -> Audit | None:
    """Ask a service about the packages that the product needs; None where it cannot be reached."""
    with TemporaryDirectory() as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(locked(LOCK.read_text(encoding="utf-8"), "tillwatch"), encoding="utf-8")
        options = ["--disable-pip", "--require-hashes", "--requirement", str(wanted), "--format", "json"]
        done = subprocess.run(  # noqa: S603  the lock's tool
            [Path(sys.executable).with_name("pip-audit"), *options, "--vulnerability-service", service,
             "--timeout", str(_WAIT_S), "--progress-spinner", "off"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    try:
        return read(json.loads(done.stdout))
    except ValueError:
        print(f"{service}: {(done.stderr.strip().splitlines() or ['no answer'])[-1]}", file=sys.stderr)
        return None


def main() -> None:
    """Ask each service until one knows the packages."""
    for service in SERVICES:
        found = audit(service)
        if found is None or not found.looked_up:
            continue
        print(f"{found.looked_up} packages looked up at {service}, {found.skipped} not known there")
        if found.known:
            sys.exit("known vulnerabilities:\n" + "\n".join(found.known))
        return
    print("NOT AUDITED: no service for vulnerabilities could be reached from here; run make sbom where one can be")
    if os.environ.get("TILLWATCH_REQUIRE_AUDIT"):
        sys.exit("TILLWATCH_REQUIRE_AUDIT is set")


if __name__ == "__main__":
    main()
