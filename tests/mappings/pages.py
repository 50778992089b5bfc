"""Pages of ready mappings, and the table of fields that each has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.files.rules import FieldRule, FileMapping

ROOT = Path(__file__).parents[2]


def page_of(name: str) -> Path:
    return ROOT / "docs" / "mappings" / f"{name}.md"


def table_of(mapping: FileMapping) -> str:
    """A row for each field: where it comes from."""
    rows = [f"| `{rule.target.name}` | {source_of(rule)} |" for rule in mapping.fields]
    return "\n".join(["| field | from |", "|---|---|", *rows])


def source_of(rule: FieldRule) -> str:
    source = rule.source
    if source.kind == "constant":
        return f"always `{source.text}`"
    columns = [f"`{each}`" for each in source.columns]
    said = " or else ".join(columns) if source.kind == "first_of" else ", ".join(columns) or f"`{source.text}`"
    if rule.hash:
        said += ", hashed"
    return said
