"""The compiled scanner: a batch's JSON bytes straight into columns.

It reads the plain records that make up a stream and steps aside for the rest: whatever it is not sure of
(escapes, nesting, odd numbers, unknown keys it was not told about, values out of range) it marks `SLOW`, and
`engine.decoding.decode` reads that record with msgspec, which is the authority. What it accepts it must read exactly as
the slow way does; `tests/engine/test_scan.py` fuzzes that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from domain.card_ranges import SHORTEST
from domain.events import KIND_TRANSACTION, MAX_RECORD_BYTES, Kind
from domain.masking import MAX_UNKNOWN_CHARS
from engine.borrowing import borrowed
from engine.decoding.card_gate import has_digits_enough, may_hold_card
from engine.decoding.columns import MISSING, Columns, Spec, Store
from engine.decoding.harmless_keys import KeyTable, is_harmless
from engine.decoding.hashing import HASH_SEED, hash64, hash_end, hash_step, load64, trailing_zeros
from engine.jit import i64, njit_cached, njit_inline, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

OK, SUSPECT, SLOW, DEAD = 0, 1, 2, 3
"""Status of a record: read; read, but text or a number in it may hold a card number; to be read the slow way; a dead
letter."""

_ONES = np.uint64(0x0101010101010101)
_HIGH = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_SLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = np.uint64(0x2020202020202020)
_ZEROS = np.uint64(0x3030303030303030)
_TO_HIGH = np.uint64(0x7676767676767676)
_0 = np.uint64(0)
_1 = np.uint64(1)
_8 = np.uint64(8)
_56 = np.uint64(56)
_7 = np.uint64(7)
_MOST_COUNTED = 248
_K1 = np.uint64(0x9E3779B97F4A7C15)
_K2 = np.uint64(0xD6E8FEB86659FD93)

_DIGITS, _LETTERS, _INT, _TIME, _FLOAT, _TEXT = (
    int(Kind[k]) for k in ("DIGITS", "LETTERS", "INT", "TIME", "FLOAT", "TEXT")
)
_HASH, _NUMBER, _PACKED, _CHOICE, _KIND = (int(Store[k]) for k in ("HASH", "NUMBER", "PACKED", "CHOICE", "KIND"))


@njit_inner
def _special(word: np.uint64) -> np.uint64:
    """High bits set at the quotes, backslashes, control and non-ASCII bytes of `word`; the lowest is exact."""
    quote = word ^ _QUOTES
    slash = word ^ _SLASHES
    return (((quote - _ONES) & ~quote) | ((slash - _ONES) & ~slash) | ((word - _SPACES) & ~word) | word) & _HIGH


@njit_inner
def _no_digits(word: np.uint64) -> np.uint64:
    """1 in each byte of `word`, all of them ASCII, that is no digit."""
    return (((word ^ _ZEROS) + _TO_HIGH) & _HIGH) >> _7


@njit_inline
def _string(data: NDArray[np.uint8], at: int) -> tuple[int, np.uint64, int]:
    """End of the plain ASCII string at `at` (-1 where it is not plain), its hash, how many digits it has.

    Of more than 248 characters as many as there are: what others there are is counted in eight bytes side by side.
    """
    h, others = HASH_SEED, _0
    start = at
    while True:
        word = load64(data, at)
        special = _special(word)
        if special != _0:
            n = trailing_zeros(special) >> 3
            at += n
            if data[at] != 34:
                return -1, h, 0
            mask = (np.uint64(1) << (_8 * np.uint64(n))) - np.uint64(1)
            others += _no_digits(word) & mask
            length = at - start
            digits = length if length > _MOST_COUNTED else length - i64((others * _ONES) >> _56)
            return at, hash_end(h, word & mask, length), digits
        h = hash_step(h, word)
        others += _no_digits(word)
        at += 8
        if at - start > MAX_RECORD_BYTES:
            return -1, h, 0


@njit_inline
def _text_end(data: NDArray[np.uint8], at: int, end: int) -> int:
    """End of the string of well-formed UTF-8 without escapes at `at`, -1 where it is not one."""
    while at < end:
        c = data[at]
        if c == 34:
            return at
        if c < 0x20 or c == 92:
            return -1
        if c < 0x80:
            at += 1
            continue
        low, high, more = 0x80, 0xBF, 1
        if 0xC2 <= c <= 0xDF:
            more = 1
        elif 0xE0 <= c <= 0xEF:
            more = 2
            low = 0xA0 if c == 0xE0 else 0x80
            high = 0x9F if c == 0xED else 0xBF
        elif 0xF0 <= c <= 0xF4:
            more = 3
            low = 0x90 if c == 0xF0 else 0x80
            high = 0x8F if c == 0xF4 else 0xBF
        else:
            return -1
        for k in range(1, more + 1):
            if at + k >= end or data[at + k] < low or data[at + k] > high:
                return -1
            low, high = 0x80, 0xBF
        at += more + 1
    return -1


@njit_inline
def _digits_in(data: NDArray[np.uint8], start: int, end: int) -> int:
    """How many bytes are ASCII digits, or begin a character of a block that has another script's digits."""
    n = 0
    for at in range(start, end):
        c = data[at]
        n += 48 <= c <= 57 or c == 0xC2 or 0xD9 <= c <= 0xE2 or c == 0xEA or c >= 0xEF
    return n


@njit_inline
def _two(data: NDArray[np.uint8], at: int) -> int:
    """The two-digit number at `at`, far below any other number where it is none."""
    a, b = int(data[at]) - 48, int(data[at + 1]) - 48
    return a * 10 + b if 0 <= a <= 9 and 0 <= b <= 9 else -(10**6)


@njit_inner
def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar; -1 where there is no such date after it."""
    if month < 1 or month > 12 or day < 1 or year < 1970:
        return -1
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    most = 28 + leap if month == 2 else 30 if month in (4, 6, 9, 11) else 31
    if day > most:
        return -1
    y = year - (month <= 2)
    era_year = y % 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return y // 400 * 146097 + era_year * 365 + era_year // 4 - era_year // 100 + of_year - 719468


@njit_inline
def _iso_ms(data: NDArray[np.uint8], at: int, end: int) -> int:
    """UTC milliseconds of `YYYY-MM-DDTHH:MM:SS[.mmm[uuu]](Z|±HH:MM)`; `MISSING` where it is written otherwise."""
    if end - at < 20 or data[at + 4] != 45 or data[at + 7] != 45 or data[at + 10] != 84:
        return MISSING
    if data[at + 13] != 58 or data[at + 16] != 58:
        return MISSING
    year = _two(data, at) * 100 + _two(data, at + 2)
    days = _days(year, _two(data, at + 5), _two(data, at + 8))
    hour, minute, second = _two(data, at + 11), _two(data, at + 14), _two(data, at + 17)
    if days < 0 or not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return MISSING
    ms = ((days * 24 + hour) * 60 + minute) * 60000 + second * 1000
    at += 19
    if data[at] == 46:
        upper, lower = _two(data, at + 1), int(data[at + 3]) - 48
        if upper < 0 or not 0 <= lower <= 9:
            return MISSING
        ms += upper * 10 + lower
        at += 4
        if 48 <= data[at] <= 57:
            if _two(data, at) < 0 or not 48 <= data[at + 2] <= 57:
                return MISSING
            at += 3
    if data[at] == 90:
        return ms if at + 1 == end else MISSING
    if at + 6 != end or data[at + 3] != 58 or (data[at] != 43 and data[at] != 45):
        return MISSING
    off_hour, off_minute = _two(data, at + 1), _two(data, at + 4)
    if not (0 <= off_hour < 24 and 0 <= off_minute < 60):
        return MISSING
    offset = (off_hour * 60 + off_minute) * 60000
    return ms - offset if data[at] == 43 else ms + offset


@njit_inline
def _integer(data: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """The JSON integer of at most 18 digits at `at` and its end; end -1 where it is written otherwise."""
    negative = data[at] == 45
    at += negative
    start, value = at, 0
    while 48 <= data[at] <= 57 and at - start < 19:
        value = value * 10 + (int(data[at]) - 48)
        at += 1
    digits = at - start
    odd = digits == 0 or digits > 18 or (data[start] == 48 and (digits > 1 or negative))
    if odd or data[at] == 46 or data[at] == 101 or data[at] == 69:
        return 0, -1
    return (-value if negative else value), at


@njit_inline
def _number_end(data: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """The whole part (capped) of the JSON number at `at` and its end; end -1 where it is none, or has an exponent."""
    negative = data[at] == 45
    at += negative
    start, whole = at, 0
    while 48 <= data[at] <= 57 and at - start < 16:
        whole = whole * 10 + (int(data[at]) - 48)
        at += 1
    if at == start or at - start > 15 or (data[start] == 48 and at - start > 1):
        return 0, -1
    if data[at] == 46:
        at += 1
        start = at
        while 48 <= data[at] <= 57 and at - start < 16:
            at += 1
        if at == start or at - start > 15:
            return 0, -1
    if data[at] == 101 or data[at] == 69:
        return 0, -1
    return (-whole if negative else whole), at


@njit_inline
def _literal_end(data: NDArray[np.uint8], at: int) -> int:
    """End of `null`, `true` or `false` at `at`, -1 where it is none."""
    if data[at] == 110 and data[at + 1] == 117 and data[at + 2] == 108 and data[at + 3] == 108:
        return at + 4
    if data[at] == 116 and data[at + 1] == 114 and data[at + 2] == 117 and data[at + 3] == 101:
        return at + 4
    if data[at] == 102 and data[at + 1] == 97 and data[at + 2] == 108 and data[at + 3] == 115 and data[at + 4] == 101:
        return at + 5
    return -1


@njit_inline
def _blank(data: NDArray[np.uint8], at: int) -> int:
    """First place from `at` on that is no white space."""
    while data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9:
        at += 1
    return at


@njit_inline
def _matches(data: NDArray[np.uint8], at: int, spec: Spec, f: int) -> bool:
    """Whether the key of field `f`, and the quote that ends it, stand at `at`."""
    n = spec.key_length[f]
    if data[at + n] != 34 or load64(data, at) & spec.key_mask[f, 0] != spec.key[f, 0]:
        return False
    if n > 8 and load64(data, at + 8) & spec.key_mask[f, 1] != spec.key[f, 1]:
        return False
    return n <= 16 or bool(load64(data, at + 16) & spec.key_mask[f, 2] == spec.key[f, 2])


@njit_inline
def _find_field(data: NDArray[np.uint8], at: int, length: int, spec: Spec) -> int:
    """The field whose key of `length` bytes stands at `at`, -1 where it is unknown."""
    word = load64(data, at)
    if length < 8:
        word &= (np.uint64(1) << (_8 * np.uint64(length))) - np.uint64(1)
    slot = i64((word * _K1 + np.uint64(length) * _K2) >> _56)
    while spec.find[slot] >= 0:
        f = spec.find[slot]
        if spec.key_length[f] == length and _matches(data, at, spec, f):
            return int(f)
        slot = (slot + 1) & 255
    return -1


@njit_inline
def _unknown_value(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, bool]:
    """End of a plain value under a key that is none of ours, -1 where it is not plain; whether digits abound in it."""
    c = data[at]
    if c == 34:
        stop = _text_end(data, at + 1, end)
        if stop < 0:
            return -1, False
        return stop + 1, stop - at - 1 > MAX_UNKNOWN_CHARS or _digits_in(data, at + 1, stop) >= SHORTEST
    if c == 45 or 48 <= c <= 57:
        _, stop = _number_end(data, at)
        return stop, stop - at >= SHORTEST
    return _literal_end(data, at), False


@njit_inline
def _without_blanks(data: NDArray[np.uint8], first: int, last: int) -> tuple[int, int]:
    """Where a text begins and ends without the blanks before and behind it."""
    while first < last and data[first] == 32:
        first += 1
    while first < last and data[last - 1] == 32:
        last -= 1
    return first, last


@njit_inline
def _value(
    data: NDArray[np.uint8], at: int, end: int, f: int, i: int, spec: Spec, columns: Columns
) -> tuple[int, bool, bool]:
    """Read the value of field `f` into row `i`: its end (-1: slow), whether it is there, whether it is suspect.

    The end is below -1 where the value is not what it must be, and costs the field unless that is required: 0 is -2.
    """
    kind, store, slot = spec.kind[f], spec.store[f], spec.slot[f]
    low, high = spec.low[f], spec.high[f]
    c = data[at]
    if c == 34:
        if kind == _TEXT:
            stop = _text_end(data, at + 1, end)
            if stop < 0 or stop - at - 1 > high:
                return -1, False, False
            return stop + 1, stop > at + 1, stop - at > SHORTEST and _digits_in(data, at + 1, stop) >= SHORTEST
        stop, h, digits = _string(data, at + 1)
        length = stop - at - 1
        if stop < 0 or stop >= end:
            return -1, False, False
        if length == 0:
            return stop + 1, False, False
        first, last = at + 1, stop
        if kind <= _LETTERS and (data[first] == 32 or data[last - 1] == 32):
            first, last = _without_blanks(data, first, last)
            length, h = last - first, hash64(data, first, last)
            if length == 0:
                return stop + 1, False, False
        if kind == _TIME:
            ms = _iso_ms(data, at + 1, stop)
            if ms == MISSING or ms < low or ms > high:
                return -1, False, False
            columns.number[slot, i] = ms
            return stop + 1, True, False
        enough = digits >= SHORTEST and has_digits_enough(data, first, last, digits, spec.is_wide[f])
        if enough and may_hold_card(data, first, last, spec.is_wide[f]):
            return -1, False, False
        bad = -1 if spec.decides[f] or length >= 13 else -2 - (stop + 1)
        if kind > _LETTERS or length < low or length > high:
            return bad, False, False
        if kind == _DIGITS:
            number = 0
            for k in range(first, last):
                if not 48 <= data[k] <= 57:
                    return bad, False, False
                number = number * 10 + (int(data[k]) - 48)
            if store == _NUMBER:
                columns.number[slot, i] = number
        elif kind == _LETTERS:
            code = 0
            for k in range(first, last):
                if not 65 <= data[k] <= 90:
                    return bad, False, False
                code = code << 5 | (i64(data[k]) & 31)
            if spec.coded[f] and not spec.codes[code & 32767]:
                return bad, False, False
        if spec.choice_to[f] > spec.choice_from[f]:
            begin, choice = spec.choice_from[f], -1
            for k in range(begin, spec.choice_to[f]):
                if spec.choice_hash[k] == h:
                    choice = k - begin
                    break
            if choice < 0:
                if not spec.is_open[f]:
                    return bad, False, False
                choice = spec.choice_to[f] - begin - 1
            if store == _CHOICE:
                columns.number[slot, i] = choice
            elif store == _KIND:
                if spec.allowed[choice] == _0:
                    return -1, False, False
                columns.kind[i] = choice
        if store == _HASH:
            columns.hash[slot, i] = h
            columns.start[slot, i] = first
            columns.length[slot, i] = length
        elif store == _PACKED:
            mask = (np.uint64(1) << (_8 * np.uint64(length))) - np.uint64(1)
            columns.number[slot, i] = i64((load64(data, first) & mask) | (np.uint64(length) << _56))
        return stop + 1, True, False
    if c == 45 or 48 <= c <= 57:
        if kind == _FLOAT:
            whole, stop = _number_end(data, at)
            # As long as a card number: one may stand in the fraction.
            return (stop if low < whole < high else -1), True, stop - at >= 16
        number, stop = _integer(data, at)
        if stop < 0 or kind < _INT or kind > _TIME or number < low or number > high:
            return -1, False, False
        if store == _NUMBER:
            columns.number[slot, i] = number
        return stop, True, False
    stop = _literal_end(data, at) if c == 110 else -1
    return stop, False, False


@njit_inline
def _drop(fields: np.uint64, i: int, spec: Spec, columns: Columns) -> None:
    """Take what was read of `fields`, as bits, out of row `i`."""
    while fields != _0:
        f = trailing_zeros(fields)
        fields &= fields - _1
        if spec.store[f] == _HASH:
            columns.hash[spec.slot[f], i] = _0
        elif spec.store[f] == _NUMBER or spec.store[f] == _PACKED or spec.store[f] == _CHOICE:
            columns.number[spec.slot[f], i] = MISSING


@njit_inline
def _record(
    data: NDArray[np.uint8], at: int, end: int, i: int, spec: Spec,
    follows: NDArray[np.int64], harmless: KeyTable, columns: Columns, dropped: NDArray[np.int64],
) -> int:  # fmt: skip
    """Read the record in [at, end) into row `i`; its status."""
    if end - at > MAX_RECORD_BYTES:
        return SLOW
    for k in range(columns.hash.shape[0]):
        columns.hash[k, i] = _0
    for k in range(columns.number.shape[0]):
        columns.number[k, i] = MISSING
    # Not `_blank`: of many records of nothing but white space each would read all that follow.
    while at < end and (data[at] == 32 or data[at] == 10 or data[at] == 13 or data[at] == 9):
        at += 1
    if at >= end or data[at] != 123:
        return SLOW
    at += 1
    present, written, left_out, status, before = _0, _0, _0, OK, 0
    columns.kind[i] = KIND_TRANSACTION
    while True:
        at = _blank(data, at)
        if data[at] != 34 or at >= end:
            return SLOW
        at += 1
        f = i64(follows[before])
        if not _matches(data, at, spec, f):
            stop, h, _ = _string(data, at)
            if stop < 0 or stop >= end:
                return SLOW
            f = _find_field(data, at, stop - at, spec)
            if f < 0:
                if not is_harmless(data, at, stop, h, harmless):
                    return SLOW
                at = stop
            else:
                follows[before] = f
                at += spec.key_length[f]
        else:
            at += spec.key_length[f]
        at = _blank(data, at + 1)
        if data[at] != 58:
            return SLOW
        at = _blank(data, at + 1)
        if at >= end:
            return SLOW
        if f < 0:
            at, suspect = _unknown_value(data, at, end)
        else:
            bit = np.uint64(1) << np.uint64(f)
            if written & bit:
                return SLOW
            written |= bit
            before = f + 1
            at, there, suspect = _value(data, at, end, f, i, spec, columns)
            if there:
                present |= bit
            if at < -1:
                at = -2 - at
                left_out |= bit
        if at < 0:
            return SLOW
        if suspect:
            status = SUSPECT
        at = _blank(data, at)
        if at >= end:
            return SLOW
        if data[at] == 44:
            at += 1
            continue
        if data[at] != 125:
            return SLOW
        at = _blank(data, at + 1)
        kind = i64(columns.kind[i])
        if at < end or present & spec.required[kind] != spec.required[kind]:
            return SLOW
        undeclared = written & ~spec.allowed[kind]
        left_out &= spec.allowed[kind]
        while left_out != _0:
            dropped[trailing_zeros(left_out)] += 1
            left_out &= left_out - _1
        if undeclared != _0:
            # Unknown fields to this kind, and by their rule, the wider one, they were not looked at.
            _drop(undeclared, i, spec, columns)
            return SUSPECT
        return status


@njit_cached
def scan(
    data: NDArray[np.uint8], ends: NDArray[np.int64], spec: Spec,
    follows: NDArray[np.int64], harmless: KeyTable, columns: Columns, dropped: NDArray[np.int64],
) -> int:  # fmt: skip
    """Read every record of a batch into `columns`; return how many are to be read the slow way.

    Args:
        data: the records' bytes, with `engine.decoding.records.PADDING` zero bytes behind the last: words are read
            eight bytes at a time.
        ends: (n,) where each record ends.
        spec: the fields.
        follows: (fields + 1,) which field came after which in the record before; kept between calls.
        harmless: unknown keys that the slow way found not to be forbidden; those met are noted.
        dropped: (fields,) gets how many records each optional field was left out of because of its value.
        columns: filled; rows of records that are not `OK` or `SUSPECT` are undefined but for their status.
    """
    data, spec, follows, harmless, columns, dropped = (
        borrowed(data), borrowed(spec), borrowed(follows), borrowed(harmless), borrowed(columns), borrowed(dropped),
    )  # fmt: skip
    start, slow = i64(0), i64(0)  # literals would be types of their own, and `_record` would be compiled twice
    for i in range(len(ends)):
        status = _record(data, start, ends[i], i, spec, follows, harmless, columns, dropped)
        columns.status[i] = status
        slow += status == SLOW
        start = ends[i]
    return slow


def hash_texts(data: NDArray[np.uint8], start: NDArray[np.int32], length: NDArray[np.int32]) -> NDArray[np.uint64]:
    """`hash64` of each text of `data`."""
    out = np.empty(len(start), np.uint64)
    _hash_texts(data, start, length, out)
    return out


@njit_cached
def _hash_texts(
    data: NDArray[np.uint8], start: NDArray[np.int32], length: NDArray[np.int32], out: NDArray[np.uint64]
) -> None:
    for i in range(len(start)):
        out[i] = hash64(data, start[i], start[i] + length[i])
