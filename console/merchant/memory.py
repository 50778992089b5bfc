"""What the monitor remembers of a merchant, as the last closed day tells it: every column in words, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from console.figures import figure
from console.merchant.column_words import GROUPS
from domain.habits import HABITS
from engine.features.families.registry import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.alerts import Text

UNITS = {column.name: column.unit for family in FAMILIES for column in family.COLUMNS}
"""By column, its unit."""


class Line(NamedTuple):
    """A column: its name, what it is, and its value as people read it."""

    name: str
    title: Text
    value: Text


class Group(NamedTuple):
    """Columns that belong together."""

    title: Text
    lines: tuple[Line, ...]


def groups(columns: Mapping[str, float], currency: str) -> tuple[Group, ...]:
    """What a closed day says, in groups; one in which nothing is known is left out.

    Args:
        columns: of merchant-days, those that are not null.
        currency: of their money, ISO 4217; "" where it is not known.
    """
    found = [(title, tuple(_lines(words, columns, currency))) for title, words in GROUPS.values()]
    return tuple(Group(title, lines) for title, lines in found if lines)


def _lines(words: Mapping[str, Text], columns: Mapping[str, float], currency: str) -> Iterator[Line]:
    for name, title in words.items():
        if (value := columns.get(name)) is not None:
            unit = (
                HABITS[int(columns[f"model_reason_{name[-1]}"])].unit if UNITS[name] == "the habit's" else UNITS[name]
            )
            yield Line(name, title, figure(value, unit, currency, of=name))
