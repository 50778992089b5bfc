"""Mapping files: which columns are which fields, and how cells are read. `docs/mapping.md` has the format in words."""

from __future__ import annotations

import codecs
import tomllib
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any

from domain.events import EVENT_KINDS, PRICE, TXN_TYPES, TYPE, Field, Kind
from streams.files.errors import MappingRefused
from streams.files.raw_rows import column_name
from streams.files.rules import (
    AUTO,
    FORMATS,
    LINE,
    MOST_HASH,
    SIGNED,
    SIGNS,
    Condition,
    FieldRule,
    FileMapping,
    Join,
    Layout,
    Source,
)
from streams.files.settings_of import OneOf, Taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NOT_MAPPED = (Kind.PRICES,)
_SOURCES = ("column", "columns", "first_of", "template", "constant")


def read_mapping(path: Path, joins: Mapping[str, Path] | None = None) -> FileMapping:
    """The mapping in a file.

    Args:
        path: the file.
        joins: by name, where files that are joined are instead of where the mapping looks for them.

    Raises:
        MappingRefused: it is no TOML, or says something that cannot be.
    """
    try:
        held = tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingRefused(f"mapping {path.name} must be TOML in UTF-8: {error}") from error
    return parse_mapping(path.name, held, path.parent, joins or {})


def parse_mapping(
    name: str, held: dict[str, Any], folder: Path = Path(), joins: Mapping[str, Path] | None = None, table_of: str = ""
) -> FileMapping:  # fmt: skip
    """A mapping of what its TOML holds.

    Args:
        name: of its file, for errors.
        held: what it holds.
        folder: where files that are joined are looked for.
        joins: by name, where they are instead.
        table_of: the kind of a table of master data, whose rows need not have every field that its events must.

    Raises:
        MappingRefused: it says something that cannot be.
    """
    top = Taken(held, f"mapping {name}")
    layout, fields = _layout(top), top.table("fields", f"mapping {name}: fields")
    if not fields.keys():
        raise MappingRefused(f"mapping {name} must have a table [fields] with one field or more, got none")
    kinds = _kinds(top, fields, table_of or "transaction")
    found = FileMapping(
        name, kinds, tuple(_rule(fields, each, kinds) for each in fields.keys()),  # noqa: SIM118  no dict
        tuple(_conditions(top, "skip", name, kinds)), tuple(_conditions(top, "when", name, kinds)),
        tuple(_joins(top, name, folder, joins or {})), _card(top, name), top.zone("time_zone"), layout,
    )  # fmt: skip
    top.end()
    if not table_of:
        _check_required(found)
    elif kinds != (table_of,):
        raise MappingRefused(f"{top.who}: type must be {table_of}, got {', '.join(kinds)}")
    return found


def with_constants(mapping: FileMapping, constants: Mapping[str, str]) -> FileMapping:
    """A mapping in which fields have these values in every row; raises MappingRefused for what is no field."""
    known = _fields_of(mapping.kinds)
    for name in constants:
        if name not in known:
            raise MappingRefused(f"constant of mapping {mapping.name} must be of a field, got {name!r}")
    kept = [each for each in mapping.fields if each.target.name not in constants]
    made = [FieldRule(known[name], Source((), "constant", value)) for name, value in constants.items()]
    return replace(mapping, fields=(*kept, *made))


def _card(top: Taken, name: str) -> str:
    table = top.table("card", f"mapping {name}: card")
    column = table.text("column", required=bool(table.keys()))
    table.end()
    return column_name(column)


def _layout(top: Taken) -> Layout:
    fixed = []
    for each in top.list_of("fixed", list):
        if len(each) != 3 or [type(part) for part in each] != [str, int, int] or each[1] < 1 or each[2] < 1:
            raise MappingRefused(f"{top.who}: fixed must have [name, first byte, length] of each column, got {each!r}")
        fixed.append((each[0], each[1], each[2]))
    found = Layout(
        _encoding(top), top.text("delimiter"), tuple(top.list_of("names", str)), tuple(fixed), top.text("sheet"),
        top.text("member"), top.text("records"),
    )  # fmt: skip
    if len(found.delimiter) > 1 or found.delimiter in ('"', "\n", "\r"):
        raise MappingRefused(
            f"{top.who}: delimiter must be one character, no quote or line end, got {found.delimiter!r}"
        )
    if found.names and found.fixed:
        raise MappingRefused(f"{top.who}: names and fixed must not stand together: fixed has the names")
    return found


def _encoding(top: Taken) -> str:
    name = top.text("encoding") or AUTO
    if name == AUTO:
        return AUTO
    try:
        found = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError, TypeError) as error:
        raise MappingRefused(f"{top.who}: encoding must be auto or one that Python knows, got {name!r}") from error
    return found.name


def _kinds(top: Taken, fields: Taken, default: str) -> tuple[str, ...]:
    kind = top.text("type") or default
    names = [kind]
    given = fields.peek(TYPE.name)
    if isinstance(given, dict):
        values = given.get("values", {})
        names = [*(values.values() if isinstance(values, dict) else ())]
        names += [given[each] for each in ("otherwise", "constant", "blank") if each in given]
        names = names or [kind]
    allowed = [each for each in EVENT_KINDS if each != "clock"]
    for each in names:
        if each not in allowed:
            raise MappingRefused(f"{top.who}: type must be one of {', '.join(allowed)}, got {each!r}")
    return tuple(dict.fromkeys(names))


def _fields_of(kinds: tuple[str, ...]) -> dict[str, Field]:
    found = {each.name: each for kind in kinds for each in EVENT_KINDS[kind].fields if each.kind not in _NOT_MAPPED}
    if "contract" in kinds:  # in whose tables a row is a price
        found |= {each.name: each for each in PRICE}
    return {TYPE.name: TYPE, **found}


def _rule(fields: Taken, name: str, kinds: tuple[str, ...]) -> FieldRule:
    known = _fields_of(kinds)
    if name not in known:
        close = get_close_matches(name, known, 1)
        hint = f": {close[0]}?" if close else f" (one of {', '.join(known)})"
        raise MappingRefused(f"{fields.who} must be fields of a {' or '.join(kinds)}, got {name!r}{hint}")
    target, given = known[name], fields.peek(name)
    if isinstance(given, str):
        fields.text(name)
        return FieldRule(target, Source((_named(given, f"{fields.who}.{name}"),), "column"))
    table = fields.table(name, f"{fields.who}.{name}")
    rule = FieldRule(
        target, _source(table), table.text("before"), table.text("after"), table.count("first"), table.count("last"),
        table.words("values"), table.maybe("otherwise"), table.flag("hex"), _hash(table), table.count("pad"),
        table.text("prefix"), table.text("blank"), **_money(table, target), **_time(table, target),
    )  # fmt: skip
    table.end()
    if rule.otherwise is not None and rule.values is None:
        raise MappingRefused(f"{table.who}: otherwise must stand beside values")
    return rule


def _hash(table: Taken) -> int:
    count = table.count("hash")
    if count and not 8 <= count <= MOST_HASH:
        raise MappingRefused(f"{table.who}: hash must be 8 to {MOST_HASH} digits, got {count}")
    return count


def _money(table: Taken, target: Field) -> dict[str, Any]:
    """The keys of an amount, which other fields do not have."""
    if target.kind is not Kind.INT:
        return {}
    unit = table.any("unit", "major")
    if unit not in ("major", "minor") and (isinstance(unit, bool) or not isinstance(unit, int) or unit < 1):
        raise MappingRefused(f"{table.who}: unit must be major, minor or a number of minor units, got {unit!r}")
    found: dict[str, Any] = {
        "unit": unit, "decimal": table.choice("decimal", OneOf((".", ","))), "round": table.flag("round")
    }  # fmt: skip
    if target.name == "amount":
        found["negative"] = table.choice("negative", OneOf(("refuse", "absolute", *TXN_TYPES)))
        found["positive"] = table.choice("positive", OneOf(("keep", *TXN_TYPES)))
    elif target.name in SIGNED:
        found["negative"] = table.choice("negative", OneOf(("keep", "absolute", "turn")))
    else:
        found["negative"] = table.choice("negative", OneOf(("refuse", "absolute")))
    return found


def _time(table: Taken, target: Field) -> dict[str, Any]:
    """The keys of a time, which other fields do not have."""
    if target.kind is not Kind.TIME:
        return {}
    given = table.any("format", AUTO)
    formats = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else ()
    if not formats or not all(isinstance(each, str) and (each in FORMATS or "%" in each) for each in formats):
        raise MappingRefused(
            f"{table.who}: format must be one of {', '.join(FORMATS)}, or a pattern with %, or a list, got {given!r}"
        )
    return {"formats": formats, "time_zone": table.zone("time_zone"), "zones": _zones(table)}


def _zones(table: Taken) -> dict[str, str]:
    """What may stand behind a time, the longest first, and its zone."""
    inner = table.table("zones", f"{table.who}.zones")
    found = {each: inner.zone(each) for each in list(inner.keys())}
    if "" in (*found, *found.values()):
        raise MappingRefused(f"{inner.who} must have a word and an IANA name each, got a blank")
    return dict(sorted(found.items(), key=lambda each: -len(each[0])))


def _source(table: Taken) -> Source:
    kinds = [each for each in _SOURCES if table.any(each, None) is not None]
    if len(kinds) != 1:
        raise MappingRefused(
            f"{table.who} must have one of column, columns, first_of, template, constant, got"
            f" {' and '.join(kinds) or 'none'}"
        )
    kind, none = kinds[0], tuple(table.list_of("none", str))
    if kind == "column":
        return Source((_named(table.text(kind), table.who),), kind, none=none)
    if kind in ("columns", "first_of"):
        names = tuple(_named(each, table.who) for each in table.list_of(kind, str))
        if not names:
            raise MappingRefused(f"{table.who}: {kind} must name columns, got none")
        between = table.maybe("between") if kind == "columns" else None
        return Source(names, kind, " " if between is None else between, none)
    if kind == "constant":
        return Source((), kind, _constant(table.any(kind, ""), table.who))
    text = table.text(kind)
    return Source(tuple(dict.fromkeys(_places(text, table.who))), kind, text, none)


def _constant(value: object, who: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise MappingRefused(f"{who}: constant must be a text or a number, got {value!r}")
    return str(value)


def _places(text: str, who: str) -> Iterator[str]:
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise MappingRefused(f"{who}: template must have columns in braces, got {text!r}: {error}") from error
    for _, name, form, turn in parts:
        if name is None:
            continue
        if not name or turn:
            raise MappingRefused(f"{who}: template must have names of columns in its braces, got {text!r}")
        whole = f"{name}:{form}" if form else name
        if whole != LINE:
            yield _named(whole, who)


def _named(column: str, who: str) -> str:
    name = column_name(column)
    if not name:
        raise MappingRefused(f"{who} must name a column, got a blank")
    return name


def _conditions(top: Taken, key: str, name: str, kinds: tuple[str, ...]) -> Iterator[Condition]:
    known = _fields_of(kinds)
    for k, each in enumerate(top.list_of(key, dict), start=1):
        table = Taken(each, f"mapping {name}: {key} {k}")
        found = Condition(
            _named(table.text("column", required=True), table.who),
            tuple(table.list_of("in", str)),
            tuple(table.list_of("not_in", str)),
            tuple(table.list_of("begins", str)),
            tuple(table.list_of("holds", str)),
            table.flag_or_none("blank"),
            table.choice("sign", OneOf(("", *SIGNS))),
            table.words("set") or {} if key == "when" else {},
        )
        table.end()
        if found.blank is None and not (found.values or found.others or found.begins or found.holds or found.sign):
            raise MappingRefused(f"{table.who} must have one of in, not_in, begins, holds, blank, sign, got none")
        if key == "when" and (not found.set or set(found.set) - set(known)):
            raise MappingRefused(
                f"{table.who}: set must have values of fields of a {' or '.join(kinds)}, got {dict(found.set)!r}"
            )
        yield found


def _joins(top: Taken, name: str, folder: Path, places: Mapping[str, Path]) -> Iterator[Join]:
    tables = top.table("join", f"mapping {name}: join")
    for each in list(tables.keys()):
        table = tables.table(each, f"mapping {name}: join {each}")
        file = table.text("file", required=each not in places)
        layout = _layout(table)
        key, on = (_named(table.text(which, required=True), table.who) for which in ("key", "on"))
        yield Join(each, places[each] if each in places else folder / file, key, on, layout)
        table.end()
    if unknown := set(places) - set(tables.keys()):
        raise MappingRefused(f"mapping {name} must have the join {min(unknown)}, which --join names")


def _check_required(found: FileMapping) -> None:
    """Refuse a mapping whose rows could never be events."""
    given = {rule.target.name for rule in found.fields} | {name for each in found.when for name in each.set}
    for kind in found.kinds:
        missing = [
            each.name for each in EVENT_KINDS[kind].fields
            if each.required and each.name not in given and each.kind not in _NOT_MAPPED
        ]  # fmt: skip
        if missing:
            raise MappingRefused(
                f"mapping {found.name} must have the fields that a {kind} requires, {', '.join(missing)} are missing:"
                " give the column, or a constant"
            )
        if any(each.required and each.kind in _NOT_MAPPED for each in EVENT_KINDS[kind].fields):
            raise MappingRefused(f"mapping {found.name}: a {kind} cannot be made of rows: it has a list of prices")
