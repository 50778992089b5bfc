from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path

import pytest

from detectors.contract import Tuned
from detectors.registry import DETECTORS
from tests.docs.headings import sections
from tillwatch.settings import FOR_TESTS, NO_SETTINGS, Settings, load

DOC = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
SECTIONS = sections(DOC, 2)
COMMON = {field.name: field.default for field in dataclasses.fields(Tuned)}


def test_every_setting_has_its_heading_and_no_other_in_the_settings_order() -> None:
    assert list(SECTIONS) == [f"`{name}`" for name in Settings.model_fields]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_described_as_it_is_checked(name: str) -> None:
    field = Settings.model_fields[name]
    rows = dict(re.findall(r"^\| (must be|default) \| (.+) \|$", SECTIONS[f"`{name}`"], re.MULTILINE))
    assert rows == {"must be": field.description, "default": f"`{json.dumps(field.default)}`"}


def test_every_detectors_settings_stand_there_with_their_defaults() -> None:
    found = sections(SECTIONS["`detectors`"], 3)
    assert set(found) == {f"`detectors.{each.name}`" for each in DETECTORS}
    for each in DETECTORS:
        rows = re.findall(r"^\| `(\w+)` \| (\S+) \| .+ \|$", found[f"`detectors.{each.name}`"], re.MULTILINE)
        defaults = {field.name: field.default for field in dataclasses.fields(each)}
        assert {name: json.loads(default) for name, default in rows} | COMMON == defaults


def test_the_setting_that_all_detectors_have_stands_before_their_tables() -> None:
    before = SECTIONS["`detectors`"].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| .+ \|$", before, re.MULTILINE)
    assert {name: json.loads(default) for name, default in rows} == COMMON


@pytest.mark.parametrize("example", re.findall(r"^```toml\n(.*?)^```$", DOC, re.MULTILINE | re.DOTALL))
def test_an_example_can_be_loaded(example: str, tmp_path: Path) -> None:
    file = tmp_path / "tillwatch.toml"
    file.write_text(example, encoding="utf-8")
    settings = load(file)
    for name, value in tomllib.loads(example).items():
        assert getattr(settings, name) == value


def test_the_variables_that_are_no_settings_are_named() -> None:
    for name in NO_SETTINGS - FOR_TESTS:
        assert f"`{name}`" in DOC
