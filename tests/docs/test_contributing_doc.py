"""What CONTRIBUTING.md names is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATHS = sorted({each for each in re.findall(r"`([\w./-]+(?:/|\.\w+))`", DOC) if "/" in each and "NAME" not in each})


def test_paths_are_found() -> None:
    assert len(PATHS) > 40


@pytest.mark.parametrize("path", [each for each in PATHS if not each.startswith(("build/", "var/", "~"))])
def test_a_path_that_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("line", [line.strip() for line in DOC.splitlines() if line.startswith("    tillwatch →")])
def test_its_layers_are_those_of_the_import_rules(line: str) -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [each.replace(" | ", ", ") for each in rules[0]["layers"]]
    assert line.split(" → ") == layers


@pytest.mark.parametrize("target", re.findall(r"^\| `make ([\w-]+)` \|", DOC, re.MULTILINE))
def test_a_recipe_that_it_names_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
