"""What the product is installed with: locked, listed, licensed, and looked up where that can be done."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import distribution, requires
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.test_house import ROOT
from tools import audit
from tools.licences import is_allowed, licences
from tools.locked import locked, names
from tools.sbom import bill

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return bill()


def closure() -> set[str]:
    """What is installed of what tillwatch requires, and that requires, by the packages' own metadata."""
    found: set[str] = set()
    waiting = [("tillwatch", frozenset[str]())]
    while waiting:
        name, extras = waiting.pop()
        for text in requires(name) or ():
            each = Requirement(text)
            needed = [each.marker.evaluate({"extra": extra}) for extra in extras or {""}] if each.marker else [True]
            if any(needed) and (other := canonicalize_name(each.name)) not in found:
                found.add(other)
                waiting.append((other, frozenset(each.extras)))
    return found


def test_the_part_of_the_lock_is_what_the_packages_say_that_they_need() -> None:
    assert closure() <= {*names(LOCK, "tillwatch")}
    assert not {"pytest", "mypy", "pip-audit", "hypothesis", "ruff"} & {*names(LOCK, "tillwatch")}


def test_every_requirement_of_it_has_an_exact_version_and_hashes() -> None:
    blocks = re.split(r"^(?=\S)", locked(LOCK, "tillwatch"), flags=re.MULTILINE)[1:]
    assert len(blocks) > 40
    assert [each.split()[0] for each in blocks if not re.match(r"\S+==\S+", each) or "--hash=sha256:" not in each] == []


def test_a_package_that_is_not_in_the_lock_is_refused() -> None:
    with pytest.raises(ValueError, match="packages must be in the lock, got no-such-package"):
        locked(LOCK, "no-such-package")


def test_every_package_has_a_licence_that_is_allowed() -> None:
    found = [*licences()]
    assert len(found) > 40
    assert [f"{each.name}: {each.licence}" for each in found if not is_allowed(each.licence)] == []


@pytest.mark.parametrize(
    "licence", ["", "GPL-3.0-only", "MIT AND AGPL-3.0-only", "(MIT OR ISC) AND SSPL-1.0", "UNKNOWN"]
)
def test_others_are_not(licence: str) -> None:
    assert not is_allowed(licence)


@pytest.mark.slow
def test_the_bill_of_materials_fits_its_published_schema(made: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(made)) is None


@pytest.mark.slow
def test_it_lists_every_package_with_version_hashes_and_licence(made: dict[str, Any]) -> None:
    assert {each["name"] for each in made["components"]} == {*names(LOCK, "tillwatch")}
    assert all(each["hashes"] for each in made["components"])
    listed = {(each["name"], each["version"]): each.get("licenses") for each in made["components"]}
    for each in licences():
        assert listed[each.name, distribution(each.name).version] == [{"expression": each.licence}]


def test_a_package_with_a_version_for_each_python_keeps_both() -> None:
    lock = "n==1 ; python_version < '3.12' \\\n    --hash=sha256:a\n    # via tillwatch (pyproject.toml)\n"
    both = lock + lock.replace("n==1", "n==2").replace("<", ">=")
    assert (locked(both, "tillwatch"), names(both, "tillwatch")) == (both, ["n"])


def test_a_known_vulnerability_fails_the_audit_and_no_answer_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TILLWATCH_REQUIRE_AUDIT", raising=False)
    monkeypatch.setattr(audit, "audit", lambda _: audit.Audit(3, 0, ["a 1: X-1, fixed in 2"]))
    with pytest.raises(SystemExit, match="a 1: X-1, fixed in 2"):
        audit.main()
    monkeypatch.setattr(audit, "audit", lambda _: audit.Audit(0, 55, []))
    capsys.readouterr()
    audit.main()
    assert capsys.readouterr().out.startswith("NOT AUDITED")
    monkeypatch.setenv("TILLWATCH_REQUIRE_AUDIT", "1")
    with pytest.raises(SystemExit):
        audit.main()


def test_it_is_found_with_pythons_own_library_alone() -> None:
    """In an image nothing else is there yet."""
    code = (
        "import sys; sys.path.insert(0, '.'); from tools.locked import LOCK, names\n"
        "print(*names(LOCK.read_text(), 'tillwatch'))"
    )
    alone = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(alone, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == names(LOCK, "tillwatch")
