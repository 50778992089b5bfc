"""Values of fields: what cuts a cell's text and looks its meaning up, and what makes a value of it."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from domain.events import Kind
from engine.decoding.decode import shown
from streams.files.amounts import currency_code, digits_in, minor_units
from streams.files.cells import BLANK_WORDS, clean, is_scientific
from streams.files.errors import BadRow
from streams.files.rules import SIGNED
from streams.files.times import time_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.files.rules import FieldRule

_BETWEEN_CODES = str.maketrans(dict.fromkeys(";,|、，；\t\n", " "))
_PADDED = {"mcc": 4, "channel_mcc": 4}


def converter(rule: FieldRule, zone: str) -> Callable[[Any, dict[str, Any]], Any]:
    """What makes a field's value of its text, or of a typed time, and of the fields before it; it raises BadRow."""
    name = rule.target.name
    by_kind: dict[Kind, Callable[[Any, dict[str, Any]], Any]] = {
        Kind.FLOAT: lambda text, _event: _number(name, text),
        Kind.CODES: lambda text, _event: _text(text).translate(_BETWEEN_CODES).split(),
        Kind.DIGITS: lambda text, _event: _text(text).removesuffix(".0"),
    }
    if rule.target.kind is Kind.TIME:
        return _time(name, rule, zone)
    if name == "rate_ppm":
        return lambda text, _event: rate_ppm(_text(text))
    if rule.target.kind is Kind.INT:
        return _money(rule)
    if name == "currency":
        return lambda text, _event: currency_code(_text(text))
    return by_kind.get(rule.target.kind, lambda text, _event: _text(text))


def _text(cell: object) -> str:
    return cell if type(cell) is str else str(cell)


def _time(name: str, rule: FieldRule, zone: str) -> Callable[[Any, dict[str, Any]], int]:
    read = time_reader(rule.formats, zone)
    behind = [(word, time_reader(rule.formats, of)) for word, of in rule.zones.items()]

    def convert(cell: Any, _event: dict[str, Any]) -> int:
        try:
            for word, read_there in behind:
                if isinstance(cell, str) and cell.endswith(word):
                    return read_there(cell.removesuffix(word).strip())
            return read(cell)
        except ValueError as error:
            raise BadRow(name, f"{name} must be {error}, got {shown(str(cell))}") from error

    return convert


def words_of(rule: FieldRule, *, wide: bool) -> Callable[[str], str] | None:
    """What cuts a text and looks its meaning up; None where nothing is to be done."""
    words = None if rule.values is None else {clean(word, wide=wide): value for word, value in rule.values.items()}
    pad = rule.pad or _PADDED.get(rule.target.name, 0)
    if not (
        words is not None or pad or rule.prefix or rule.before or rule.after or rule.first or rule.last or rule.hex
        or rule.hash
    ):  # fmt: skip
        return None

    def change(text: str) -> str:
        if rule.before:
            text = text.partition(rule.before)[0].strip()
        if rule.after and rule.after in text:
            text = text.partition(rule.after)[2].strip()
        if rule.first:
            text = text[: rule.first]
        if rule.last:
            text = text[-rule.last :]
        if words is not None:
            text = _looked_up(rule, words, text)
        if (rule.hex or rule.hash) and text:
            text = _identifier(rule, text)
        if pad and text and text not in BLANK_WORDS:
            text = text.removesuffix(".0").zfill(pad)
        return rule.prefix + text if text and rule.prefix else text

    return change


def _looked_up(rule: FieldRule, words: Mapping[str, str], text: str) -> str:
    if text in words:
        return words[text]
    if rule.otherwise is not None:
        return text if rule.otherwise == "same" else rule.otherwise
    if not text or text in BLANK_WORDS:
        return ""
    raise BadRow(rule.target.name, f"{rule.target.name} must be one of the mapping's values, got {shown(text)}")


def _identifier(rule: FieldRule, text: str) -> str:
    """A number in hexadecimal, or a name hashed."""
    if rule.hex:
        text = _hex(rule.target.name, text)
    if rule.hash and text not in BLANK_WORDS:
        text = sha256(text.encode()).hexdigest()[: rule.hash]
    return text


def _hex(name: str, text: str) -> str:
    try:
        return f"{int(text) % 2**64:016x}"
    except ValueError as error:
        raise BadRow(name, f"{name} must be a whole number, to be written in hexadecimal, got {shown(text)}") from error


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise BadRow(name, f"{name} must be a number, got {shown(text)}") from error


def rate_ppm(text: str) -> int:
    """Parts per million of a rate: `0.6%`, `6‰`, or parts per million as they are.

    >>> rate_ppm("0.6%"), rate_ppm("6000")
    (6000, 6000)
    """
    unit = {"%": 10_000, "‰": 1_000}.get(text[-1:], 1)
    try:
        found = Decimal(text.rstrip("%‰").strip().replace(",", "")) * unit
        whole = int(found)
    except (ArithmeticError, ValueError) as error:
        raise BadRow("rate_ppm", f"rate_ppm must be a rate such as 0.6% or 6000, got {shown(text)}") from error
    if found != whole:
        raise BadRow("rate_ppm", f"rate_ppm must be whole parts per million, such as 0.6% or 6000, got {shown(text)}")
    return whole


def _money(rule: FieldRule) -> Callable[[Any, dict[str, Any]], int]:
    name, unit = rule.target.name, rule.unit
    times = unit if isinstance(unit, int) else 1

    def convert(text: Any, event: dict[str, Any]) -> int:
        if is_scientific(text):
            raise BadRow(name, f"{name} must be written out, got {text}: a spreadsheet has lost its digits")
        digits = digits_in(unit, event.get("currency", ""))
        try:
            found = minor_units(text, digits, decimal=rule.decimal, times=times, rounds=rule.round)
        except ValueError as error:
            raise BadRow(name, f"{name} must be {error}, got {shown(text)}") from error
        if name == "amount":
            return _signed_amount(rule, found, event, text)
        if name in SIGNED:
            return abs(found) if rule.negative == "absolute" else -found if rule.negative == "turn" else found
        if found < 0 and rule.negative != "absolute":
            raise BadRow(name, f"{name} must not be negative, got {shown(text)}")
        return abs(found)

    return convert


def _signed_amount(rule: FieldRule, found: int, event: dict[str, Any], text: str) -> int:
    word = rule.negative if found < 0 else rule.positive if found > 0 else "keep"
    if word == "refuse":
        raise BadRow(
            "amount", f"amount must not be negative, got {shown(text)}: the mapping's key negative says what such are"
        )
    if word not in ("absolute", "keep"):
        event.setdefault("txn_type", word)
    return abs(found)


def sign_of(text: str) -> str:
    """What a number is: `negative`, `zero` or `positive`; "" of what is none."""
    try:
        found = minor_units(text, 4)
    except ValueError:
        return ""
    return "negative" if found < 0 else "positive" if found else "zero"
