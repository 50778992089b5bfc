"""The schemas of the topics are those of the types, and a reader of the release before reads what this one writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.build_schemas import FOLDER, schemas, written

BEFORE: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "schemas-before.json").read_text())
"""Schemas of the release before, as its types gave them: what its readers know."""


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_schema_in_the_docs_is_that_of_the_types(name: str) -> None:
    path = FOLDER / f"{name}.json"
    assert path.read_text(encoding="utf-8") == written(schemas()[name]), "run: python -m tools.build_schemas"


def test_there_is_no_schema_of_a_topic_that_is_not_there() -> None:
    assert {each.stem for each in FOLDER.glob("*.json")} == set(schemas())


@pytest.mark.parametrize("name", sorted(BEFORE))
def test_a_reader_of_the_release_before_finds_every_field_it_knows_of_the_type_it_knows(name: str) -> None:
    assert broken(BEFORE[name], schemas()[name]) == []


def test_what_would_break_a_reader_is_found() -> None:
    before = {"$defs": {"A": {"properties": {"x": {"type": "integer"}, "y": {"type": "string"}}, "required": ["x"]}}}
    after = {"$defs": {"A": {"properties": {"x": {"type": "string"}}, "required": []}}}
    assert broken(before, after) == ["A.x is another", "A.x is not always there any more", "A.y is gone"]


def broken(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What a reader that knows `before` would miss in `after`."""
    found = []
    for kind, was in before["$defs"].items():
        now = after["$defs"].get(kind)
        if now is None:
            found.append(f"{kind} is gone")
            continue
        for field, shape in was.get("properties", {}).items():
            if field not in now["properties"]:
                found.append(f"{kind}.{field} is gone")
            elif _plain(now["properties"][field]) != _plain(shape):
                found.append(f"{kind}.{field} is another")
        gone = set(was.get("required", ())) - set(now.get("required", ()))
        found += [f"{kind}.{field} is not always there any more" for field in gone]
    return sorted(found)


def _plain(shape: dict[str, Any]) -> Any:
    """The types of a field, whatever its words and its default."""
    kept = {name: value for name, value in shape.items() if name not in {"default", "description", "title"}}
    return json.dumps(kept, sort_keys=True)
