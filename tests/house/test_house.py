"""The house: folders, names, and what may not stand in the repository."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
    "packages"
]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("the files are not in a git checkout, so which belong to the project is not known")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_root_folder_says_in_one_line_what_it_is(package: str) -> None:
    docstring = (ROOT / package / "__init__.py").read_text(encoding="utf-8").strip()
    assert re.match(r'"""[^\n]+"""', docstring)


def test_the_readme_lists_the_folders_there_are() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)/` \|", readme, re.MULTILINE))
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if len(path.relative_to(ROOT).parts) > 1}
    assert listed == {name for name in folders if not name.startswith(".")}


def test_no_dependency_owns_one_of_our_root_names() -> None:
    owners = packages_distributions()
    assert {name: owners.get(name) for name in PACKAGES if set(owners.get(name, [])) - {"tillwatch"}} == {}


def test_no_file_names_a_registry_host_or_a_path_of_a_machine() -> None:
    words = [
        "pypi" + ".org",
        "python" + "hosted",
        "repo1." + "maven",
        "registry." + "npmjs",
        "/" + "root/",
        "/" + "work/",
    ]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in tracked()
        if path.suffix not in {".png", ".gz"}
        for word in words
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert found == []


def test_links_between_our_pages_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in tracked()
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []
