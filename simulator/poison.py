"""Damages records, for tests of what must not stop the monitor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.events import TRANSACTION, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BINS = ("622848", "621700", "625094", "455600", "411111", "510510", "552433", "358000", "601100", "370000")
_TEXT_FIELDS = tuple(field.name for field in TRANSACTION if field.kind in {Kind.CODE, Kind.LETTERS, Kind.TEXT})
_REQUIRED = tuple(field.name for field in TRANSACTION if field.required)
_TIMES = tuple(field.name for field in TRANSACTION if field.kind is Kind.TIME)
_DEPTH = 2_000


@dataclass(frozen=True, slots=True)
class Damage:
    """What was done to one record.

    Attributes:
        index: its place in the stream.
        how: one of `HOW`.
        field: the field concerned, "" where the record as a whole is.
        pan: the card number put in, "" where none was.
    """

    index: int
    how: str
    field: str = ""
    pan: str = ""


@dataclass(frozen=True, slots=True)
class Poisoned:
    """A damaged stream: the records, as many as before and in their order, and the damages by index."""

    records: list[bytes]
    damages: list[Damage]

    @property
    def pans(self) -> list[str]:
        """Every card number put in; none of them may be found in what is written afterwards."""
        return [damage.pan for damage in self.damages if damage.pan]


Hit = tuple[bytes, str, str]
"""The damaged record, the field and the card number."""


def luhn_digit(digits: str) -> str:
    """The check digit that completes `digits` by Luhn's formula.

    >>> luhn_digit("7992739871")
    '3'
    """
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return str(-sum(each // 10 + each % 10 for each in doubled) % 10)


def card_number(rng: np.random.Generator) -> str:
    """A made-up card number of a known BIN, 15, 16 or 19 digits, valid by Luhn."""
    bin_ = _BINS[rng.integers(len(_BINS))]
    length = 15 if bin_ == "370000" else int(rng.choice([16, 19])) if bin_.startswith("62") else 16
    digits = bin_ + "".join(map(str, rng.integers(0, 10, length - 7)))
    return digits + luhn_digit(digits)


def _pick(rng: np.random.Generator, options: Sequence[Any]) -> Any:
    return options[int(rng.integers(len(options)))]


def _with(record: bytes, field: str, value: Any) -> bytes:
    event = json.loads(record)
    event[field] = value
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _random_bytes(record: bytes, rng: np.random.Generator) -> Hit:
    return rng.bytes(max(1, len(record) // 2)), "", ""


def _flipped_bytes(record: bytes, rng: np.random.Generator) -> Hit:
    damaged = bytearray(record)
    for place in rng.integers(0, len(damaged), 5):
        damaged[place] ^= int(rng.integers(1, 256))
    return bytes(damaged), "", ""


def _truncated(record: bytes, rng: np.random.Generator) -> Hit:
    return record[: int(rng.integers(0, len(record)))], "", ""


def _invalid_utf8(record: bytes, rng: np.random.Generator) -> Hit:
    bad: bytes = _pick(rng, (b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"))
    return record[:-1] + b',"region":"' + bad + b'"}', "region", ""


def _wrong_type(record: bytes, rng: np.random.Generator) -> Hit:
    field = _pick(rng, _REQUIRED)
    return _with(record, field, _pick(rng, (True, 1.5, [], {}, "x y", [1]))), field, ""


def _missing(record: bytes, rng: np.random.Generator) -> Hit:
    event = json.loads(record)
    field = _pick(rng, _REQUIRED)
    value = _pick(rng, (None, "", "absent"))
    if value == "absent":
        event.pop(field, None)
    else:
        event[field] = value
    return json.dumps(event, separators=(",", ":")).encode(), field, ""


def _absurd_time(record: bytes, rng: np.random.Generator) -> Hit:
    field = _pick(rng, _TIMES)
    times = (0, -1, 10**18, 2**63, 253_402_300_800_000, "2025-13-45T99:99:99Z", "2025-02-30T00:00:00+08:00",
             "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday", "2025-01-06 09:00")  # fmt: skip
    return _with(record, field, _pick(rng, times)), field, ""


def _absurd_amount(record: bytes, rng: np.random.Generator) -> Hit:
    value = _pick(rng, (-1, -(2**63), 2**63, 10**12, 10**30, 1e300, 12.34, "100"))
    return _with(record, "amount", value), "amount", ""


def _pan(record: bytes, rng: np.random.Generator) -> Hit:
    pan = card_number(rng)
    field = _pick(rng, (*_TEXT_FIELDS, "memo", "note", "pan", "track2"))
    shown = _pick(rng, (pan, f"card {pan} used", f"{pan[:4]} {pan[4:8]} {pan[8:12]} {pan[12:]}"))
    return _with(record, field, shown), field, pan


def _pan_number(record: bytes, rng: np.random.Generator) -> Hit:
    pan = card_number(rng)
    field = _pick(rng, ("amount", "memo", "stan", "card_token"))
    return _with(record, field, int(pan)), field, pan


def _pan_key(record: bytes, rng: np.random.Generator) -> Hit:
    pan = card_number(rng)
    return _with(record, pan, "x"), "", pan


def _nested(record: bytes, rng: np.random.Generator) -> Hit:
    field = _pick(rng, ("amount", "merchant_id", "mcc", "extra"))
    return _with(record, field, {"value": [{"deep": [1, {"er": None}]}]}), field, ""


def _nested_pan(record: bytes, rng: np.random.Generator) -> Hit:
    pan = card_number(rng)
    return _with(record, "extra", {"items": [{"text": f"paid by {pan}"}]}), "extra", pan


def _deep(record: bytes, rng: np.random.Generator) -> Hit:
    left, right = _pick(rng, ((b"[", b"]"), (b'{"a":', b"}")))
    return record[:-1] + b',"extra":' + left * _DEPTH + b"1" + right * _DEPTH + b"}", "extra", ""


def _not_an_object(record: bytes, rng: np.random.Generator) -> Hit:
    return _pick(rng, (b"[" + record + b"]", b"null", b"1", b'"text"', b"NaN", b"")), "", ""


def _too_large(record: bytes, _rng: np.random.Generator) -> Hit:
    return record[:-1] + b',"memo":"' + b"x" * 70_000 + b'"}', "memo", ""


HOW: dict[str, Callable[[bytes, np.random.Generator], Hit]] = {
    "random-bytes": _random_bytes,
    "flipped-bytes": _flipped_bytes,
    "truncated": _truncated,
    "invalid-utf8": _invalid_utf8,
    "wrong-type": _wrong_type,
    "missing-field": _missing,
    "absurd-time": _absurd_time,
    "absurd-amount": _absurd_amount,
    "pan": _pan,
    "pan-number": _pan_number,
    "pan-key": _pan_key,
    "nested": _nested,
    "nested-pan": _nested_pan,
    "deep-nesting": _deep,
    "not-an-object": _not_an_object,
    "too-large": _too_large,
}
"""Kinds of damage, equally likely. Some leave a record that is still a valid event (flipped bytes, nested or
deep unknown fields): what is to become of it is for the reader's rules to say."""


def poison(records: Sequence[bytes], *, seed: int, share: float, how: Sequence[str] = tuple(HOW)) -> Poisoned:
    """Damage a share of `records`, JSON objects each, with the kinds of damage in `how`.

    Raises:
        ValueError: `share` is not 0 to 1, or `how` names an unknown kind.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be 0 to 1, got {share!r}")
    unknown = [kind for kind in how if kind not in HOW]
    if unknown or not how:
        raise ValueError(f"how must name some of {', '.join(HOW)}, got {', '.join(unknown) or 'none'}")
    rng = np.random.default_rng(seed)
    out, damages = list(records), []
    for index in np.flatnonzero(rng.random(len(out)) < share).tolist():
        kind = _pick(rng, how)
        out[index], field, pan = HOW[kind](out[index], rng)
        damages.append(Damage(index, kind, field, pan))
    return Poisoned(out, damages)
