r"""Card numbers: finding them, masking them, and the token that stands for them.

Two rules (`docs/events.md`, "Card numbers"). The strict one is for declared identifiers and numbers, of
which one in ten passes Luhn by chance: 16-19 digits, a known card range and Luhn. The wide one is for free
text and unknown fields: 13-19 digits and Luhn, whatever the range.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from domain.errors import RecordError
from domain.events import EVENTS, FORBIDDEN_FIELDS, KEYED_HASH, MAX_RECORD_BYTES, TYPE, Kind, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAN_PREFIXES: tuple[tuple[int, int, int], ...] = (
    (62, 62, 2), (810, 817, 3),  # UnionPay
    (4, 4, 1),  # Visa
    (51, 55, 2), (2221, 2720, 4),  # Mastercard
    (50, 50, 2), (56, 58, 2),  # Maestro
    (34, 34, 2), (37, 37, 2),  # American Express
    (3528, 3589, 4),  # JCB
    (6011, 6011, 4), (644, 649, 3), (65, 65, 2),  # Discover
    (300, 305, 3), (36, 36, 2), (38, 38, 2),  # Diners Club
)  # fmt: skip
"""Known card ranges: lowest and highest prefix, and its number of digits (at most 4).

Public issuer identification ranges of ISO/IEC 7812 as the schemes use them.
"""
MAX_MASKED_CHARS = 4_096
"""Most characters `mask_record` returns."""
MIN_KEY_BYTES = 16
"""Shortest key of `card_token`."""

_REMOVED = "***"
_MAX_DEPTH = 32
_KNOWN = frozenset(
    prefix
    for low, high, digits in PAN_PREFIXES
    for prefix in range(low * 10 ** (4 - digits), (high + 1) * 10 ** (4 - digits))
)

# What may stand between two digits of one card number in free text: spaces, dashes, dots, slashes, joiners.
_GAP = r"\s._/\\\-\u00ad\u058a\u05be\u200b-\u200f\u2010-\u2015\u2060\u2212\u30fc\ufe58\ufe63\uff0d\ufeff"
_GROUP = re.compile(r"\d+")
_HASH = re.compile(r"(?=[0-9]*[a-fA-F])[0-9a-fA-F]{24,}")
_STRICT = re.compile(r"\d(?:[ -]?\d){15,}")
_WIDE = re.compile(rf"\d(?:[{_GAP}]{{0,3}}\d){{12,}}")
# Every mask has nine stars or more: digits that touch one are the rest of a longer run, not a whole group.
_MASK = "*" * 9
_TRACK = re.compile(r"(?<!\d);?\d{13,}[=D]\d{4,}\??|%?[Bb]\d[\d ]{11,22}\^[^?\n]{0,120}\??")
_ESCAPE = re.compile(r"(?<!\\)\\+u([0-9a-fA-F]{4})")
_MARGIN = 64
_DIGITS_AT_END = re.compile(rf"[\d{_GAP}]+\Z")
_DIGIT_OR_GAP = re.compile(rf"[\d{_GAP}]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_FORBIDDEN = re.compile(
    r"\b("
    + "|".join(sorted(FORBIDDEN_FIELDS, key=len, reverse=True))
    + r")\b([\\\"']*\s*[:=]\s*)(\\*\"(?:[^\"\\]|\\.)*\"?|[\[{].*|[^\s,}]*)",
    re.IGNORECASE | re.DOTALL,
)


class CardDataError(RecordError):
    """A record holds card data that must not be stored; the message holds none of it.

    Attributes:
        reason: `domain.events.Reason`, CARD_NUMBER or FORBIDDEN_FIELD.
        field: the field at fault.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


def looks_like_pan(digits: str) -> bool:
    """Whether `digits` is a card number by the strict rule: 16-19 digits, a known range, Luhn.

    >>> looks_like_pan("6222021234567894"), looks_like_pan("898210154110002")
    (True, False)
    """
    return digits.isdecimal() and _Digits(digits, range(len(digits))).is_pan()


def holds_pan(text: str) -> bool:
    """Whether a declared identifier or number holds a card number.

    That is one or more whole groups of digits, single spaces or hyphens between them, of which together
    `looks_like_pan` holds. A hash (24 or more hexadecimal digits, a letter among them) holds none: one random
    token in 5,000 would. The compiled scanner applies the same rule.

    >>> holds_pan("REF 6222 0212-3456 7894"), holds_pan("20240501-6222021234567894")
    (True, True)
    >>> holds_pan("16222021234567894"), holds_pan("2568d89b625e6222021234567894f1c7")
    (False, False)
    """
    if len(text) < 16 or _HASH.fullmatch(text):
        return False
    groups = [found.span() for found in _GROUP.finditer(text)]
    for k, (start, stop) in enumerate(groups):
        digits, end = text[start:stop], stop
        for more, after in groups[k + 1 :]:
            if looks_like_pan(digits):
                return True
            if len(digits) > 19 or more != end + 1 or text[end] not in " -":
                break
            digits, end = digits + text[more:after], after
        if looks_like_pan(digits):
            return True
    return False


def find_pans(text: str) -> list[tuple[int, int]]:
    """Where free text may hold a card number by the wide rule: start and end, ascending; they may overlap.

    Digits of any script count, and up to three spaces, dashes, dots, slashes or underscores between two.
    Within longer digits, whatever holds by the strict rule is found as well.

    >>> find_pans("card 6222-0212-3456-7894, thanks")
    [(5, 24)]
    """
    return sorted({(start, end) for start, _, end in _pans(_WIDE, text)})


def mask(text: str) -> str:
    """`text` with every card number of `find_pans` starred but for its last four digits, and no track data.

    The result holds no card number: masking it again changes nothing.

    >>> mask("card 6222-0212-3456-7894, ;6222021234567894=30122010000?")
    'card ***************7894, ***'
    """
    return _mask(_WIDE, text)


def card_token(pan: str, key: bytes) -> str:
    """The token of a card: the first 32 hex digits of HMAC-SHA-256 over its digits.

    Raises:
        ValueError: `pan` is not 12-19 digits, or `key` is shorter than `MIN_KEY_BYTES`.
    """
    if not (12 <= len(pan) <= 19 and pan.isascii() and pan.isdigit()):
        raise ValueError(f"pan must be 12 to 19 digits, got {len(pan)} characters")
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"key must be at least {MIN_KEY_BYTES} bytes, got {len(key)}")
    return hmac.new(key, pan.encode(), hashlib.sha256).hexdigest()[:32]


def last4(pan: str) -> str:
    """The last four digits of `pan`, which may be shown."""
    return pan[-4:]


def mask_event(event: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """A copy of a decoded event that may be appended, and how many keys and values were changed in it.

    Free text, and keys and values of unknown fields at any depth, are masked by the wide rule; a masked
    number becomes a string, and what lies deeper than 32 levels is removed.

    Raises:
        CardDataError: a declared field holds a card number, or a key is one of `FORBIDDEN_FIELDS`.
    """
    masker = _Masker(refuse=True)
    return masker.event(event), masker.changed


def mask_record(raw: bytes) -> str:
    r"""`raw` as text that is safe to write, at most `MAX_MASKED_CHARS` long, for a dead letter.

    A JSON record is masked key by key and value by value and written anew: free text and unknown fields by
    the wide rule, declared identifiers and numbers by the strict one, which here looks within longer digits
    too; values of `FORBIDDEN_FIELDS` are removed. Anything else is masked as free text. Bytes that are no
    UTF-8, and control characters, show as `\xNN`.

    >>> mask_record(b'{"merchant_id":"898210154110002","note":"6222021234567894","cvv":"123"}')
    '{"merchant_id": "898210154110002", "note": "************7894", "cvv": "***"}'
    """
    if len(raw) > MAX_MASKED_CHARS:  # cut short it is no JSON any more
        return _mask_raw(raw)
    try:
        value = json.loads(
            raw.decode(),
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_Number,
        )
    except (ValueError, RecursionError):
        return _mask_raw(raw)
    masker = _Masker(refuse=False)
    safe = masker.event(value) if isinstance(value, dict) else masker.free(value)
    return json.dumps(safe, ensure_ascii=False)[:MAX_MASKED_CHARS]


def _mask_raw(raw: bytes) -> str:
    # Without the zero bytes UTF-16 reads as text.
    text = _plain(raw.replace(b"\0", b"")[:MAX_RECORD_BYTES].decode(errors="backslashreplace"))
    if len(text) > MAX_MASKED_CHARS + _MARGIN:
        # Digits at the cut may be the beginning of a number whose end is gone.
        text = _DIGITS_AT_END.sub(_REMOVED, text[: MAX_MASKED_CHARS + _MARGIN])
    return mask(_FORBIDDEN.sub(rf"\1\2{_REMOVED}", text))[:MAX_MASKED_CHARS]


class _Digits:
    """A run of digits in a text, with the gaps between them left out."""

    def __init__(self, digits: str, at: range | list[int], text: str = "") -> None:
        self.values = [int(digit) for digit in digits]
        self.at = at
        n = len(self.values)
        doubled = [digit * 2 - 9 * (digit > 4) for digit in self.values]
        self._sums = tuple(
            [0, *accumulate(doubled[i] if i % 2 == parity else self.values[i] for i in range(n))] for parity in (0, 1)
        )
        first, last = at[0], at[-1] + 1
        self._starts = [i for i in range(n) if i == 0 or at[i] > at[i - 1] + 1]
        self._ends = {i for i in range(1, n + 1) if i == n or at[i] > at[i - 1] + 1}
        if text[max(first - len(_MASK), 0) : first] == _MASK:
            self._starts.remove(0)
        if text[last : last + len(_MASK)] == _MASK:
            self._ends.remove(n)

    def is_pan(self) -> bool:
        """Whether all of them are a card number by the strict rule."""
        n = len(self.values)
        return 16 <= n <= 19 and self.known(0) and self.luhn(0, n)

    def luhn(self, start: int, end: int) -> bool:
        """Whether the digits from `start` to `end` pass Luhn."""
        sums = self._sums[end % 2]
        return (sums[end] - sums[start]) % 10 == 0

    def known(self, start: int) -> bool:
        """Whether the digits from `start` begin with a known card range."""
        a, b, c, d = self.values[start : start + 4]
        return a * 1000 + b * 100 + c * 10 + d in _KNOWN

    def whole_groups(self) -> Iterator[tuple[int, int]]:
        """Every stretch of whole groups of 13-19 digits."""
        for start in self._starts:
            for end in range(start + 13, start + 20):
                if end in self._ends:
                    yield start, end

    def windows(self) -> Iterator[tuple[int, int]]:
        """Every stretch of 16-19 digits that begins with a known card range."""
        n = len(self.values)
        for start in range(n - 15):
            if self.known(start):
                yield from ((start, end) for end in range(start + 16, min(start + 19, n) + 1))


def _digit_runs(pattern: re.Pattern[str], text: str) -> Iterator[_Digits]:
    for run in pattern.finditer(text):
        at = [i for i in range(*run.span()) if text[i].isdecimal()]
        yield _Digits("".join(text[i] for i in at), at, text)


def _pans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int, int]]:
    """Start, start of the last four digits, and end of every card number in `text`."""
    for found in _digit_runs(pattern, text):
        stretches = set(found.windows())
        if pattern is _WIDE:
            stretches.update(found.whole_groups())
        for start, end in stretches:
            if found.luhn(start, end):
                yield found.at[start], found.at[end - 4], found.at[end - 1] + 1


def _mask(pattern: re.Pattern[str], text: str) -> str:
    text = _TRACK.sub(_REMOVED, text)
    characters = list(text)
    for start, shown, _ in _pans(pattern, text):
        characters[start:shown] = "*" * (shown - start)
    return "".join(characters)


def _plain(text: str) -> str:
    r"""`text` with escapes of digits and gaps (`\u0034`) resolved and control characters made visible.

    Written as JSON, a control character would become an escape, whose digits join those after it.
    """
    return _UNPRINTABLE.sub(
        lambda found: f"\\x{ord(found[0]):02x}" if found[0] < " " else "\ufffd", _ESCAPE.sub(_unescaped, text)
    )


def _unescaped(found: re.Match[str]) -> str:
    character = chr(int(found[1], 16))
    return character if _DIGIT_OR_GAP.fullmatch(character) else found[0]


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
        refuse: whether to raise at forbidden keys and card numbers in declared fields, or mask them too.
        changed: keys and values changed so far.
    """

    def __init__(self, *, refuse: bool) -> None:
        self.refuse = refuse
        self.changed = 0

    def event(self, event: dict[str, Any]) -> dict[str, Any]:
        kinds = _kinds(event.get(TYPE.name))
        return {
            self._text(key): self._keyed(key, value) if kinds.get(key) is Kind.KEYED
            else self._field(key, value, kinds.get(key, Kind.TEXT))
            for key, value in event.items()
        }  # fmt: skip

    def free(self, value: Any, depth: int = 1) -> Any:
        """`value` of an unknown field or of free text, masked by the wide rule."""
        if depth > _MAX_DEPTH and isinstance(value, dict | list):
            self.changed += 1
            return _REMOVED
        if isinstance(value, dict):
            return {self._text(key): self._forbidden(key) or self.free(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.free(item, depth + 1) for item in value]
        return self._scalar(_WIDE, value)

    def _field(self, key: str, value: Any, kind: Kind) -> Any:
        if self.refuse and kind is not Kind.TEXT and isinstance(value, str | int) and len(str(value)) < 16:
            return value
        removed = self._forbidden(key)
        if removed:
            return removed
        if kind is Kind.TEXT or isinstance(value, dict):
            return self.free(value)
        values = value if isinstance(value, list) else [value]
        if any(isinstance(each, dict | list) for each in values):
            return self.free(value)
        if self.refuse:
            self._refuse_pan(key, values)
            return value
        masked = [self._scalar(_STRICT, each) for each in values]
        return masked if isinstance(value, list) else masked[0]

    def _forbidden(self, key: str) -> str:
        name = key.casefold()
        if name not in FORBIDDEN_FIELDS:
            return ""
        if self.refuse:
            raise CardDataError(
                Reason.FORBIDDEN_FIELD,
                name,
                f"a record must not hold card data that may not be stored, got {name}",
            )
        return _REMOVED

    def _keyed(self, key: str, value: Any) -> Any:
        """A keyed hash, or what stands for a value that is none and may be an account or identity number."""
        if value in (None, "") or (isinstance(value, str) and KEYED_HASH.fullmatch(value)):
            return value
        if self.refuse:
            raise CardDataError(Reason.CARD_NUMBER, key, f"{key} must be a keyed hash, got something else")
        self.changed += 1
        return _REMOVED

    def _refuse_pan(self, key: str, values: list[Any]) -> None:
        if any(holds_pan(str(each)) for each in values if isinstance(each, str | int | float)):
            raise CardDataError(Reason.CARD_NUMBER, key, f"{key} must not be a card number, got one")

    def _text(self, text: str, pattern: re.Pattern[str] = _WIDE) -> str:
        if len(text) < 13 and text.isprintable():
            return text
        safe = _mask(pattern, _plain(text))
        self.changed += safe != text
        return safe

    def _scalar(self, pattern: re.Pattern[str], value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        text = str(value)
        safe = self._text(text, pattern)
        if safe != text:
            return safe
        return value.value() if isinstance(value, _Number) else value


def _kinds(event_type: Any) -> Mapping[str, Kind]:
    """Declared fields of an event type; of all of them where the type is unknown."""
    name = event_type or "transaction"
    return _KINDS.get(name, _ALL_KINDS) if isinstance(name, str) else _ALL_KINDS


_KINDS = {name: {field.name: field.kind for field in fields} for name, fields in EVENTS.items()}
_ALL_KINDS = {name: kind for kinds in _KINDS.values() for name, kind in kinds.items()}
