"""Events of rows: a mapping, and where its columns are in a file, make a function of a row's cells."""

from __future__ import annotations

import json
from datetime import date
from string import Formatter
from typing import TYPE_CHECKING, Any

import msgspec

from domain.events import EVENT_KINDS, TYPE, Kind
from engine.decoding.decode import shown
from streams.files.cells import BLANK_WORDS, Lost, clean, is_scientific, text_of
from streams.files.errors import BadRow, MappingRefused
from streams.files.field_values import converter, sign_of, words_of
from streams.files.raw_rows import column_name
from streams.files.rules import LINE, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from streams.files.rules import Condition, FieldRule, FileMapping
    from streams.pan_field import PanField

    Row = Sequence[object]

_IDENTIFIERS = (Kind.CODE, Kind.DIGITS, Kind.KEYED)


class RowEvents:
    """Makes events of the rows of one file.

    Args:
        mapping: what it says.
        header: the names of the columns, in their order.
        time_zone: of times without an offset, where the mapping names none.
        pan_field: makes the token of the card's number; None where the mapping has no such column.
        joined: by join, what finds the cells of a row's partner by its key, in the order of its columns.

    Attributes:
        needed: where the columns of required fields are.

    Raises:
        MappingRefused: the file has no such column, or its card numbers have no key.
    """

    def __init__(
        self, mapping: FileMapping, header: Sequence[str], time_zone: str, pan_field: PanField | None = None,
        joined: Mapping[str, Callable[[str], Sequence[object]]] | None = None,
    ) -> None:  # fmt: skip
        self._mapping, self._pan_field = mapping, pan_field
        self._at = places([column_name(each) for each in header])
        self._joined = self._joins(len(header), joined or {})
        self._zone = mapping.time_zone or time_zone
        if missing := [each for each in mapping.columns() if each not in self._at]:
            raise MappingRefused(
                f"mapping {mapping.name} must fit the file: column {missing[0]!r} is not among {', '.join(header)}"
            )
        if mapping.card and not pan_field:
            raise MappingRefused(
                f"mapping {mapping.name} has a column of card numbers, {mapping.card!r}: give --token-key, by which"
                " tokens are made"
            )
        order = sorted(mapping.fields, key=lambda rule: _ORDER.get(rule.target.name, 1))
        self._makers = [(rule.target.name, self._maker(rule)) for rule in order]
        self._skip = [self._test(each) for each in mapping.skip]
        self._when = [(self._test(each), dict(each.set)) for each in mapping.when]
        self._names = {kind: {each.name for each in EVENT_KINDS[kind].fields} for kind in mapping.kinds}
        self._required = {kind: [e.name for e in EVENT_KINDS[kind].fields if e.required] for kind in mapping.kinds}
        self._card = self._getter(mapping.card) if mapping.card else None
        self._read = {each for each in mapping.columns() if each != mapping.card}
        required = {name for names in self._required.values() for name in names}
        self.needed = tuple({
            self._at[column] for rule in mapping.fields if rule.target.name in required
            for column in rule.source.columns if column in self._at
        })  # fmt: skip

    def event(self, cells: Row, line: int) -> dict[str, Any] | None:
        """The event of a row; None of one that the mapping leaves out.

        Raises:
            BadRow: it makes none, and why.
        """
        if self._joined:
            cells = self._with_partners(cells)
        for skipped in self._skip:
            if skipped(cells, line):
                return None
        event: dict[str, Any] = {}
        for name, make in self._makers:
            value = make(cells, line, event)
            if value is not None:
                event[name] = value
        for holds, values in self._when:
            if holds(cells, line):
                event.update(values)
        event = self._of_kind(event)
        for name in self._required[event.get(TYPE.name, "transaction")]:
            if name not in event:
                raise BadRow(name, f"{name} must be given{self._said_of(name)}, got a blank cell")
        return self._with_token(event, cells, line)

    def values(self, cells: Row, line: int) -> tuple[dict[str, Any], BadRow | None] | None:
        """What each field of a row has, but for blank ones, and the first error; None of a row that is left out.

        For tables of which a bad row is still told by its key.
        """
        event: dict[str, Any] = {}
        bad: BadRow | None = None
        try:
            cells = self._with_partners(cells)
        except BadRow as error:
            return event, error
        if any(skipped(cells, line) for skipped in self._skip):
            return None
        for name, make in self._makers:
            try:
                value = make(cells, line, event)
            except BadRow as error:
                bad = bad or error
                continue
            if value is not None:
                event[name] = value
        for holds, values in self._when:
            if holds(cells, line):
                event.update(values)
        return event, bad

    def _with_partners(self, cells: Row) -> Row:
        """A row's cells, and behind them those of its partners in other files."""
        for join, of in self._joined:
            cells = [*cells, *of(clean(text_of(cells[join])))]
        return cells

    def record(self, cells: Row) -> str:
        """The cells that the mapping reads, by name, as JSON for a dead letter; never the card's number."""
        named = {each: cells[at] for each, at in self._at.items() if each in self._read and at < len(cells)}
        return json.dumps(
            {column_name(each): cell if isinstance(cell, int) else text_of(cell) for each, cell in named.items()},
            ensure_ascii=False,
        )  # fmt: skip

    def _of_kind(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event with its type, and of its fields those that the type has."""
        kind = event.get(TYPE.name) or self._mapping.kinds[0]
        if len(self._names) == 1 and kind == "transaction":
            return event
        names = self._names.get(kind)
        if names is None:
            raise BadRow(TYPE.name, f"type must be one of {', '.join(self._names)}, got {shown(kind)}")
        return {TYPE.name: kind, **{name: value for name, value in event.items() if name in names}}

    def _with_token(self, event: dict[str, Any], cells: Row, line: int) -> dict[str, Any]:
        if not self._card or not self._pan_field:
            return event
        number = clean(text_of(self._card(cells, line)))
        if isinstance(number, Lost) or is_scientific(number):
            raise BadRow("card_token", "card number must be written out: a spreadsheet has lost its digits")
        return self._pan_field.with_token(event, number)

    def _joins(
        self, width: int, joined: Mapping[str, Callable[[str], Sequence[object]]]
    ) -> list[tuple[int, Callable[[str], Sequence[object]]]]:
        """Where the key of each join is, and what finds the partner; joined columns stand behind the row's own."""
        found = []
        for join in self._mapping.joins:
            for column in self._mapping.joined_columns(join):
                self._at[f"{join.name}.{column}"] = width
                width += 1
            if join.on in self._at:
                found.append((self._at[join.on], joined[join.name]))
        return found

    def _said_of(self, name: str) -> str:
        columns = [e for rule in self._mapping.fields if rule.target.name == name for e in rule.source.columns]
        return f" (column {', '.join(columns)})" if columns else ""

    def _getter(self, column: str) -> Callable[[Row, int], object]:
        at = self._at[column]
        return lambda cells, _line: cells[at]

    def _text(self, source: Source, *, wide: bool) -> Callable[[Row, int], object]:
        """What gives the cleaned text of a source; a typed time stays one, a number without its digits `Lost`."""
        if source.kind == "constant":
            return lambda _cells, _line: source.text
        gets = [_but(self._getter(each), source.none) for each in source.columns]
        if source.kind == "column":
            get = gets[0]
            return lambda cells, line: _cleaned(get(cells, line), wide)
        if source.kind == "first_of":
            return lambda cells, line: next((t for g in gets if (t := _cleaned(g(cells, line), wide)) != ""), "")
        if source.kind == "columns":

            def joined(cells: Row, line: int) -> object:
                found = [_as_text(_cleaned(get(cells, line), wide)) for get in gets]
                return source.text.join(each for each in found if each)

            return joined
        return _template(source, dict(zip(source.columns, gets, strict=True)), wide=wide)

    def _maker(self, rule: FieldRule) -> Callable[[Row, int, dict[str, Any]], Any]:
        """What makes the value of a field, None of a blank one."""
        wide = rule.target.kind is Kind.TEXT
        get, worded = self._text(rule.source, wide=wide), words_of(rule, wide=wide)
        convert = converter(rule, rule.time_zone or self._zone)
        name, blanks = rule.target.name, frozenset() if wide else BLANK_WORDS
        identifier, timed = rule.target.kind in _IDENTIFIERS, rule.target.kind is Kind.TIME

        def make(cells: Row, line: int, event: dict[str, Any]) -> Any:
            found = get(cells, line)
            if isinstance(found, date):
                if timed:
                    return convert(found, event)
                found = text_of(found)
            if identifier and (isinstance(found, Lost) or is_scientific(str(found))):
                raise BadRow(
                    name, f"{name} must be written out, got {shown(str(found))}: a spreadsheet has lost its digits"
                )
            text = worded(str(found)) if worded else str(found)
            if not text or text in blanks:
                text = rule.blank
                if not text:
                    return None
            return convert(text, event)

        return make

    def _test(self, condition: Condition) -> Callable[[Row, int], bool]:
        """What holds where all keys of a condition do."""
        get = self._text(_one(condition.column), wide=False)
        sets = [frozenset(map(clean, each)) for each in (condition.values, condition.others)]
        begins, holds = (tuple(map(clean, each)) for each in (condition.begins, condition.holds))

        def test(cells: Row, line: int) -> bool:
            text = _as_text(get(cells, line))
            return (
                (not sets[0] or text in sets[0]) and (not sets[1] or text not in sets[1])
                and (not begins or text.startswith(begins)) and (not holds or any(each in text for each in holds))
                and (condition.blank is None or condition.blank == (not text or text in BLANK_WORDS))
                and (not condition.sign or sign_of(text) == condition.sign)
            )  # fmt: skip

        return test


_ORDER = {"currency": -1, "txn_type": 0, "amount": 2}
"""Fields that others rest on come first: the currency has the digits; an amount's sign may give the type."""


def places(header: Sequence[str]) -> dict[str, int]:
    """Where each column is: of a name that comes again the first, `name#2` for the second.

    >>> places(["id", "fee", "fee"])
    {'id': 0, 'fee': 1, 'fee#2': 2}
    """
    found: dict[str, int] = {}
    for at, each in enumerate(header):
        name, k = each, 1
        while name in found:
            k += 1
            name = f"{each}#{k}"
        if each:
            found[name] = at
    return found


def encode(event: dict[str, Any]) -> bytes:
    """An event as a line without its end."""
    return msgspec.json.encode(event)


def _but(get: Callable[[Row, int], object], none: Sequence[str]) -> Callable[[Row, int], object]:
    """The same, but what stands for nothing is blank."""
    if not none:
        return get
    words = frozenset(map(clean, none))
    return lambda cells, line: "" if _cleaned(found := get(cells, line), wide=False) in words else found


def _one(column: str) -> Source:
    return Source((column,), "column")


def _cleaned(cell: object, wide: bool) -> object:
    if type(cell) is str:
        return clean(cell, wide=wide)
    if isinstance(cell, date):
        return cell
    text = text_of(cell)
    return text if isinstance(text, Lost) else clean(text, wide=wide)


def _as_text(cell: object) -> str:
    return cell if isinstance(cell, str) else text_of(cell)


def _template(
    source: Source, gets: Mapping[str, Callable[[Row, int], object]], *, wide: bool
) -> Callable[[Row, int], object]:
    parts = [(t, f"{n}:{form}" if form else n) for t, n, form, _ in Formatter().parse(source.text)]

    def fill(cells: Row, line: int) -> object:
        made = []
        for text, name in parts:
            made.append(text)
            if name == LINE:
                made.append(str(line))
            elif name is not None:
                cell = _cleaned(gets[column_name(name)](cells, line), wide)
                if isinstance(cell, Lost):
                    return cell
                if not (filled := _as_text(cell)):
                    return ""
                made.append(filled)
        return "".join(made)

    return fill
