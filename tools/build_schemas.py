"""Writes `docs/schemas/`: the JSON Schema of each topic's records, made of the types that write and check them.

python -m tools.build_schemas
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from domain.alerts import Alert, DeadLetter, Score
from domain.causes import Cause
from domain.events import EVENT_KINDS, PRICE, Field, Kind
from domain.readings import MerchantDays, Profile

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
WRITTEN: dict[str, type[msgspec.Struct]] = {
    "alerts": Alert, "merchant-risk": Score, "dead-letters": DeadLetter, "merchant-profiles": Profile,
    "merchant-days": MerchantDays, "causes": Cause,
}  # fmt: skip
"""What the monitor and the reader of causes write, by topic."""
_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema, by the name of its file."""
    found = {name: {"$schema": _DRAFT, "title": name, **msgspec.json.schema(kind)} for name, kind in WRITTEN.items()}
    return {**found, "events": _events()}


def _events() -> dict[str, Any]:
    kinds = [
        {
            "title": kind.name,
            "type": "object",
            "properties": {
                "type": {"const": kind.name},
                **{field.name: _of(field) for field in kind.fields},
            },
            "required": [
                *([] if kind.name == "transaction" else ["type"]),
                *(field.name for field in kind.fields if field.required),
            ],
        }
        for kind in EVENT_KINDS.values()
    ]
    return {"$schema": _DRAFT, "title": "events", "oneOf": kinds}


def _of(field: Field) -> dict[str, Any]:
    """A field as the worker checks it; blanks around a code are no part of it."""
    if field.kind is Kind.TIME:
        return {"oneOf": [{"type": "string", "format": "date-time"}, _number("integer", field)]}
    if field.kind is Kind.INT:
        return _number("integer", field)
    if field.kind is Kind.FLOAT:
        return _number("number", field)
    if field.kind is Kind.CODES:
        return {"type": "array", "items": {"type": "string", "minLength": field.low, "maxLength": field.high}}
    if field.kind is Kind.PRICES:
        item = {
            "type": "object", "properties": {each.name: _of(each) for each in PRICE},
            "required": [each.name for each in PRICE if each.required],
        }  # fmt: skip
        return {"type": "array", "items": item}
    text: dict[str, Any] = {"type": "string", "minLength": field.low, "maxLength": field.high}
    if field.choices:
        text["enum"] = list(field.choices)
    if field.codes:
        text["enum"] = sorted(field.codes)
    if field.kind is Kind.DIGITS:
        text["pattern"] = "^[0-9]+$"
    if field.kind is Kind.LETTERS:
        text["pattern"] = "^[A-Z]+$"
    return text


def _number(kind: str, field: Field) -> dict[str, Any]:
    return {"type": kind, "minimum": field.low, "maximum": field.high}


def written(schema: dict[str, Any]) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / f"{name}.json").write_text(written(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
