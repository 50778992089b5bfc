"""Masking whole records: before they are appended, and as dead letters show them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from domain.card_search import find_stars
from domain.cards import REMOVED, CardDataError, holds_pan, holds_pan_anywhere, mask, mask_groups
from domain.events import EVENTS, KEYED_HASH, TYPE, WIDE_FIELDS, Kind, Reason
from domain.forbidden_names import Rule, rule_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from domain.card_search import Find

MAX_MASKED_CHARS = 4_096
"""Most characters `mask_record` returns."""
MAX_UNKNOWN_CHARS = 4_096
"""Longest text under a key that is none of ours; what is longer is cut."""

_MAX_DEPTH = 32
_SHORTEST = 12
_MARGIN = 256
_CUT = "…"
_LONGEST_NUMBER = 1200
"""Characters of a number, more than 19 digits and the most between them, each written as an escape of nine."""
_LONGEST_NAME = 48
_LONGEST_ESCAPED = 6 * _LONGEST_NAME
_SEPARATOR = re.compile(r"[\\\"']*\s{0,3}[:=：＝]\s{0,3}")  # noqa: RUF001
_NAME = re.compile(r"[\w.\-\\ \u0300-\u036f\u064b-\u065f\u0670\u0900-\u0eff]+\Z")  # accents and vowel signs are no \w
_MOST_WORDS = 6
"""Of a name: `n\u00famero de la tarjeta de cr\u00e9dito`."""
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_VALUE = re.compile(r"\\*\"(?:[^\"\\]|\\.)*\"?|[\[{].*|[^\s,}]*", re.DOTALL)
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Masked(NamedTuple):
    """A record that may be appended."""

    event: dict[str, Any]
    changed: int
    """Keys and values that were changed."""
    cut: int
    """Texts that were cut, among them."""


def _none_exempt(_field: str, _value: str) -> bool:
    return False


def mask_event(
    event: dict[str, Any], find: Find = find_stars, exempt: Callable[[str, str], bool] = _none_exempt
) -> Masked:
    """A copy of a decoded event that may be appended.

    Free text, and keys and values of unknown fields at any depth, are masked by the wide rule; a masked number becomes
    a string. Text of unknown fields is cut at `MAX_UNKNOWN_CHARS`, and what lies deeper than 32 levels is removed.

    Args:
        event: JSON, decoded.
        find: finds what is to be starred.
        exempt: whether the value of a declared field is known for no card number, whatever it looks like.

    Raises:
        CardDataError: a declared field holds a card number, or a key is forbidden.
    """
    masker = _Masker(find, exempt, refuse=True)
    return Masked(masker.event(event), masker.changed, masker.cut)


def mask_record(raw: bytes, find: Find = find_stars) -> str:
    r"""`raw` as text that is safe to write, at most `MAX_MASKED_CHARS` long, for a dead letter.

    A JSON record is masked key by key and value by value and written anew: free text and unknown fields by the wide
    rule, declared identifiers and numbers group by group; values of forbidden keys are removed. Anything else is
    masked as free text. Bytes that are no UTF-8, and control characters, show as `\xNN`.

    >>> mask_record(b'{"merchant_id":"898210154110002","note":"6222021234567894","cvv":"123"}')
    '{"merchant_id": "898210154110002", "note": "************7894", "cvv": "***"}'
    """
    if len(raw) > MAX_MASKED_CHARS:  # cut short it is no JSON any more
        return _mask_raw(raw, find)
    try:
        value = json.loads(raw.decode(), parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except (ValueError, RecursionError):
        return _mask_raw(raw, find)
    masker = _Masker(find, _none_exempt, refuse=False)
    safe = masker.event(value) if isinstance(value, dict) else masker.free(value)
    return json.dumps(safe, ensure_ascii=False)[:MAX_MASKED_CHARS]


def mask_text(text: str, find: Find = find_stars) -> str:
    r"""`text` masked, with control characters made visible.

    Written as JSON, a control character would become an escape, whose digits join those after it; so what is visible
    is masked once more.

    >>> mask_text("6222\x00\x000212\x9b34567894"), mask_text("a\x07")
    ('***************7894', 'a\\x07')
    """
    text = mask(text, find)
    if _UNPRINTABLE.search(text):
        text = mask(_UNPRINTABLE.sub(_visible, text), find)
    return text


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else "\ufffd"


def _mask_raw(raw: bytes, find: Find) -> str:
    # Without the zero bytes UTF-16 reads as text.
    text = raw.replace(b"\0", b"")[: 4 * (MAX_MASKED_CHARS + _MARGIN) + 4].decode(errors="surrogateescape")
    if len(text) > MAX_MASKED_CHARS + _MARGIN:
        end = _before_digits(text, MAX_MASKED_CHARS + _MARGIN)
        text = text[:end] + REMOVED
    return mask_text(_without_named(text), find)[:MAX_MASKED_CHARS]


def _without_named(text: str) -> str:
    """`text` without what stands behind names that may not be stored, with a colon or an equals sign between."""
    pieces, at = [], 0
    for found in _SEPARATOR.finditer(text):
        start = found.start()
        if start < at or not _is_named(text[max(at, start - _LONGEST_ESCAPED) : start]):
            continue
        value = _VALUE.match(text, found.end())
        pieces += [text[at : found.end()], REMOVED]
        at = value.end() if value else found.end()
    return "".join([*pieces, text[at:]]) if pieces else text


def _is_named(before: str) -> bool:
    """Whether the last words before a separator are a name that may not be stored."""
    before = _ESCAPE.sub(lambda each: chr(int(each[1], 16)), before)[-_LONGEST_NAME:]
    found = _NAME.search(before)
    if found is None:
        return False
    words = found[0].split(" ")
    return any(rule_of(" ".join(words[-n:])) is not Rule.FREE for n in range(1, min(_MOST_WORDS, len(words)) + 1))


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()

    def value(self) -> int | float | str:
        """The number; its text where another spelling of it could show digits that were not looked at."""
        if self.lstrip("-").isdigit() and len(self) <= 20:
            return int(self)
        return float(self) if self.replace(".", "").lstrip("-").isdigit() and len(self) <= 17 else str(self)


class _Masker:
    """Masks one record.

    Attributes:
        refuse: whether to raise at forbidden keys and card numbers in declared fields, or mask them too, and cut
            nothing.
        changed: keys and values changed so far; cut: texts among them that were cut.
    """

    def __init__(self, find: Find, exempt: Callable[[str, str], bool], *, refuse: bool) -> None:
        self._find, self._exempt = find, exempt
        self.refuse = refuse
        self.changed = self.cut = 0

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        kinds = _kinds(event.get(TYPE.name))
        return {
            self._text(key): self._keyed(key, value) if kinds.get(key) is Kind.KEYED
            else self._field(key, value, kinds.get(key))
            for key, value in event.items()
        }  # fmt: skip

    def _keyed(self, key: str, value: Any) -> Any:
        """A keyed hash, or what stands for a value that is none and may be an account or identity number."""
        if value is None or (
            isinstance(value, str) and (not value.strip(" ") or KEYED_HASH.fullmatch(value.strip(" ")))
        ):
            return value
        if self.refuse:
            raise CardDataError(Reason.CARD_NUMBER, key, f"{key} must be a keyed hash, got something else")
        self.changed += 1
        return REMOVED

    def free(self, value: Any, depth: int = 1) -> Any:
        """`value` of an unknown field or of free text, masked by the wide rule."""
        if depth > _MAX_DEPTH and isinstance(value, dict | list):
            self.changed += 1
            return REMOVED
        if isinstance(value, dict):
            return {self._text(key): self._removed(key) or self.free(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.free(item, depth + 1) for item in value]
        return self._scalar(value)

    def _field(self, key: str, value: Any, kind: Kind | None) -> Any:
        if (
            self.refuse
            and kind not in {None, Kind.TEXT}
            and isinstance(value, str | int)
            and len(str(value)) < _SHORTEST
        ):
            return value
        if removed := self._removed(key):
            return removed
        if kind is None or kind is Kind.TEXT or isinstance(value, dict):
            return self.free(value)
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, dict | list) for each in values):
            return self.free(value)
        if self.refuse:
            self._refuse_pan(key, values, kind)
            return value
        masked = [self._declared(key, each, kind) for each in values]
        return masked if isinstance(value, list) else masked[0]

    def _removed(self, key: str) -> str:
        """What stands for the value of a key that may not be stored; "" for other keys."""
        rule = rule_of(key)
        if rule is Rule.FREE:
            return ""
        if rule is Rule.FORBIDDEN and self.refuse:
            raise CardDataError(
                Reason.FORBIDDEN_FIELD,
                mask(key),
                f"a record must not hold card data that may not be stored, got {mask(key)}",
            )
        self.changed += 1
        return REMOVED

    def _refuse_pan(self, key: str, values: list[Any], kind: Kind) -> None:
        for each in values:
            if not isinstance(each, str | int | float) or self._exempt(key, str(each)):
                continue
            if holds_in_field(key, kind, each, self._find):
                raise CardDataError(Reason.CARD_NUMBER, key, f"{key} must not be a card number, got one")

    def _declared(self, key: str, value: Any, kind: Kind) -> Any:
        """A declared field's value, masked for a dead letter."""
        if value is None or isinstance(value, bool):
            return value
        if key in WIDE_FIELDS or (isinstance(value, _Number) and kind is not Kind.FLOAT and len(value) > _TIME_DIGITS):
            return self._scalar(value)
        return self._scalar(value, mask_groups)

    def _text(self, text: str) -> str:
        if len(text) < _SHORTEST and text.isprintable():
            return text
        if self.refuse and len(text) > MAX_UNKNOWN_CHARS:
            self.cut += 1
            self.changed += 1
            # Masked before it is cut, for a number may stand across the cut.
            return mask_text(text[: MAX_UNKNOWN_CHARS + _LONGEST_NUMBER], self._find)[:MAX_UNKNOWN_CHARS] + _CUT
        safe = mask_text(text, self._find)
        self.changed += safe != text
        return safe

    def _scalar(self, value: Any, masked: Callable[[str, Find], str] | None = None) -> Any:
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        # A control character would show as digits, so such text is free text.
        safe = masked(text, self._find) if masked and text.isprintable() else self._text(text)
        if safe != text:
            return safe
        return value.value() if isinstance(value, _Number) else value


def _before_digits(text: str, end: int) -> int:
    """Where to cut text that is to end at `end`: digits there may begin a number whose end would be gone."""
    start = end
    while start and not text[start - 1].isalpha():
        start -= 1
    while start < end and not text[start].isnumeric():
        start += 1
    return start


def holds_in_field(name: str, kind: Kind, value: str | float, find: Find = find_stars) -> bool:
    """Whether the value of a declared field holds a card number, by the rule of the field.

    Of a coordinate, only 16 to 19 digits behind the point are looked at: shorter ones are measured.

    >>> holds_in_field("lat", Kind.FLOAT, 0.6222021234567894), holds_in_field("lon", Kind.FLOAT, 116.40378282246310)
    (True, False)
    """
    if kind is Kind.FLOAT:
        return any(len(each) >= 16 and holds_pan(each) for each in re.findall("[0-9]+", str(value)))
    if kind is Kind.INT or kind is Kind.TIME:
        return False if isinstance(value, int) and len(str(value)) <= _TIME_DIGITS else holds_pan(str(value))
    return holds_pan_anywhere(str(value), find) if name in WIDE_FIELDS else holds_pan(str(value))


def _kinds(event_type: Any) -> Mapping[str, Kind]:
    """Declared fields of an event type; of all of them where the type is unknown."""
    name = event_type or "transaction"
    return _KINDS.get(name, _ALL_KINDS) if isinstance(name, str) else _ALL_KINDS


_TIME_DIGITS = 13
"""Digits of times in milliseconds; amounts have fewer."""
_KINDS = {name: {field.name: field.kind for field in fields} for name, fields in EVENTS.items()}
_ALL_KINDS = {name: kind for kinds in _KINDS.values() for name, kind in kinds.items()}
