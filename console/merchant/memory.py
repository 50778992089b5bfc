"""What the monitor remembers of a merchant, as the last closed day tells it: every column in words, in groups."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from console.filters import number
from console.languages import same
from console.merchant.column_words import GROUPS
from detectors.words.figures import mcc_text
from domain.alerts import Text
from domain.currencies import money_text
from domain.habits import HABITS
from engine.features.families.registry import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
            yield Line(name, title, figure(value, unit, currency))


def figure(value: float, unit: str, currency: str) -> Text:
    """A column's value with its unit.

    >>> figure(12_800, "minor units", "CNY").en, figure(0.125, "share", "CNY").zh, figure(3.0, "days", "").zh
    ('¥128.00', '12.5%', '3天')
    >>> figure(0.5, "ratio", "").en, figure(2, "transactions", "").en, figure(4, "place", "").zh
    ('0.5', '2', '客单价双峰程度')
    """
    if unit in _AS_MONEY and currency:
        return same(money_text(round(value / _AS_MONEY[unit]), currency))
    if unit == "MCC":
        return mcc_text(f"{value:04.0f}")
    if unit == "share":
        return same(f"{100 * value:.3g}%")
    if unit == "place":
        return HABITS[int(value)].title
    if unit == "UTC seconds":
        return same(f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d}")
    after = _UNITS.get(unit, Text(f" {unit}", unit))
    return Text(f"{number(value)}{after.en}", f"{number(value)}{after.zh}")


_AS_MONEY = {"minor units": 1, "1e-7 minor units": 10_000_000}
_UNITS = {
    "transactions": Text("", "笔"), "days": Text(" d", "天"), "hours": Text(" h", "小时"), "ratio": Text("", ""),
    "code": Text("", ""), "reports": Text("", "份"), "complaints": Text("", "件"),
    "alerts": Text("", "条"), "percent": Text("%", "%"), "parts per million": Text(" ppm", " ppm"),
    "decades": Text(" decades", "个十倍级"), "nats": Text(" nats", "奈特"), "octaves": Text(" octaves", "个二倍级"),
}  # fmt: skip
