"""Writes the bill of materials of what is installed, CycloneDX in JSON: `python -m tools.sbom FILE`.

Packages, versions and hashes are the lock's; licences are those of `tools.licences`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.licences import licences
from tools.locked import LOCK, locked

SPEC = "1.6"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def bill() -> dict[str, Any]:
    """The bill of materials."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    lock = locked(LOCK.read_text(encoding="utf-8"), "tillwatch")
    made = subprocess.run(  # noqa: S603  the lock's tool
        [tool, "requirements", "-", "--pyproject", "pyproject.toml", "--sv", SPEC, "--output-reproducible"],
        input=lock, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(made.stdout)
    known = {each.name: each.licence for each in licences()}
    for each in found["components"]:
        each.pop("externalReferences", None)  # where this machine gets packages is nobody's business
        said = each.pop("description", "")
        each["hashes"] = [{"alg": "SHA-256", "content": one} for one in _HASH.findall(said)]
        if expression := known.get(each["name"]):
            each["licenses"] = [{"expression": expression}]
    return found


def main() -> None:
    """Write it to the file that the first argument names."""
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    made = bill()
    target.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(made['components'])} components in {target}")


if __name__ == "__main__":
    main()
