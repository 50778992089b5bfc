"""What a mapping says, once it is read: rules of fields, conditions, layouts of files, and joins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from domain.events import Field

AUTO = "auto"
FORMATS = (
    AUTO, "excel", "excel-1904", "epoch-s", "epoch-ms", "epoch-us", "epoch-ns", "day-first", "month-first",
)  # fmt: skip
"""Named formats of times; others are patterns of `strptime`."""
LINE = "line"
"""The name that stands for a row's line in templates."""
SIGNED = ("fee", "fee_tax", "fee_instant")
"""Amounts that may be negative."""
MOST_HASH = 64
"""Hexadecimal digits of SHA-256."""
SIGNS = ("negative", "zero", "positive")
"""What a number may be by a condition."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the text of a field comes from.

    Attributes:
        columns: the columns that are read.
        kind: `column`, `columns`, `first_of`, `template` or `constant`.
        text: what stands between columns, the template, or the constant.
        none: what stands in cells that count as blank.
    """

    columns: tuple[str, ...]
    kind: str
    text: str = ""
    none: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How a field is made of a row."""

    target: Field
    source: Source
    before: str = ""
    after: str = ""
    first: int = 0
    last: int = 0
    values: Mapping[str, str] | None = None
    otherwise: str | None = None
    hex: bool = False
    hash: int = 0
    pad: int = 0
    prefix: str = ""
    blank: str = ""
    unit: str | int = "major"
    decimal: str = "."
    round: bool = False
    negative: str = "refuse"
    positive: str = "keep"
    formats: tuple[str, ...] = (AUTO,)
    time_zone: str = ""
    zones: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a cell must be for a row to be skipped, or to have fields set."""

    column: str
    values: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    blank: bool | None = None
    sign: str = ""
    set: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out; what is empty is found out."""

    encoding: str = AUTO
    delimiter: str = ""
    names: tuple[str, ...] = ()
    fixed: tuple[tuple[str, int, int], ...] = ()
    sheet: str = ""
    member: str = ""
    records: str = ""


@dataclass(frozen=True, slots=True)
class Join:
    """Another file whose columns are looked up by a key."""

    name: str
    file: Path
    key: str
    on: str
    layout: Layout


@dataclass(frozen=True, slots=True)
class FileMapping:
    """A mapping.

    Attributes:
        name: of its file, for errors.
        kinds: the kinds of events that rows may be.
        time_zone: of times without an offset; "" for that of the settings.
    """

    name: str
    kinds: tuple[str, ...]
    fields: tuple[FieldRule, ...]
    skip: tuple[Condition, ...] = ()
    when: tuple[Condition, ...] = ()
    joins: tuple[Join, ...] = ()
    card: str = ""
    time_zone: str = ""
    layout: Layout = Layout()

    def columns(self) -> list[str]:
        """The columns of the file itself that the mapping names, each once."""
        named = [each for rule in self.fields for each in rule.source.columns]
        named += [each.column for each in (*self.skip, *self.when)]
        named += [each.on for each in self.joins] + ([self.card] if self.card else [])
        joined = tuple(f"{each.name}." for each in self.joins)
        return [each for each in dict.fromkeys(named) if not (joined and each.startswith(joined))]

    def joined_columns(self, join: Join) -> list[str]:
        """The columns of another file that the mapping names, each once."""
        named = [each for rule in self.fields for each in rule.source.columns]
        named += [each.column for each in (*self.skip, *self.when)]
        start = f"{join.name}."
        return [each.removeprefix(start) for each in dict.fromkeys(named) if each.startswith(start)]
