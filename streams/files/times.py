"""Times as files write them, in UTC milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from streams.files.rules import AUTO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CLOCK = (
    r"(?:(?:[T ]\s*|(?<=日)\s*)(?P<h>\d{1,2})[:时点](?P<m>\d{1,2})"
    r"(?:[:分]?(?:(?P<s>\d{1,2})(?:[.,](?P<f>\d{1,9}))?)?秒?)?"
    r"|[T ]\s*(?P<hms>\d{5,6}))?"
)
_OFFSET = r"\s*(?P<z>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?"
_AUTO = re.compile(
    r"(?:(?P<y>\d{4})(?P<sep>[-/.])(?P<mo>\d{1,2})(?P=sep)(?P<d>\d{1,2})|(?P<y2>\d{4})年(?P<mo2>\d{1,2})月(?P<d2>\d{1,2})日"
    rf"|(?P<ymd>\d{{8}})(?=[T ]|\s*\Z)){_CLOCK}{_OFFSET}"
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(\d{3})?")
_EPOCH_LENGTHS = (10, 13, 16, 19)
_SLASHED = re.compile(
    rf"(?P<a>\d{{1,2}})(?P<sep>[-/.])(?P<b>\d{{1,2}})(?P=sep)(?P<y>\d{{4}}|\d\d),?{_CLOCK}\s*(?P<half>[AaPp]\.?[Mm]\.?)?{_OFFSET}"
)
_NUMBER = re.compile(r"(\d{1,19})(?:\.(\d+))?")
_DIVISORS = {"epoch-s": 1, "epoch-ms": 1_000, "epoch-us": 1_000_000, "epoch-ns": 1_000_000_000}
_EXCEL = {"excel": datetime(1899, 12, 30), "excel-1904": datetime(1904, 1, 1)}  # noqa: DTZ001  of the zone given
_MOST_DAYS = 80_000


def time_reader(formats: Sequence[str], zone: str) -> Callable[[object], int]:
    """What reads times of some formats: UTC milliseconds; it raises ValueError, which says what was expected."""
    readers = [_reader(each, zone) for each in formats]
    if len(readers) == 1:
        only = readers[0]
        return lambda cell: _typed(cell, zone) if isinstance(cell, date) else only(str(cell))

    def read(cell: object) -> int:
        if isinstance(cell, date):
            return _typed(cell, zone)
        for each in readers:
            try:
                return each(str(cell))
            except ValueError:
                continue
        raise ValueError(f"a time of the format {' or '.join(formats)}")

    return read


def _reader(form: str, zone: str) -> Callable[[str], int]:
    if form == AUTO:
        return lambda text: _auto(text, zone)
    if form in _DIVISORS:
        return lambda text: _epoch(text, form)
    if form in _EXCEL:
        return lambda text: _excel(text, form, zone)
    if form in ("day-first", "month-first"):
        return lambda text: _slashed(text, form, zone)
    return lambda text: _by_pattern(text, form, zone)


def _typed(cell: date, zone: str) -> int:
    """Milliseconds of a cell that is a time already; of a day its midnight."""
    moment = cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001
    return _ms(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)))


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)


@lru_cache(65_536)
def _minute(year: str, month: str, day: str, hour: str, minute: str, zone: str) -> int:
    return _ms(datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=ZoneInfo(zone)))


def _auto(text: str, zone: str) -> int:
    expected = "a time such as 2026-07-05 19:42:10 or 20260705194210"
    if text.isdigit() and len(text) != 8:
        found = _COMPACT.fullmatch(text) if len(text) in (12, 14, 17) else None
        if not found:
            hint = ": it may be an epoch, name its format" if len(text) in _EPOCH_LENGTHS else ""
            raise ValueError(expected + hint)
        year, month, day, hour, minute, second, part = found.groups()
        return _together(year, month, day, hour, minute, second, part, zone, expected)
    match = _AUTO.fullmatch(text)
    if not match:
        raise ValueError(expected)
    it = match.groupdict()
    ymd = it["ymd"]
    if ymd:
        it["y"], it["mo"], it["d"] = ymd[:4], ymd[4:6], ymd[6:]
    return _clocked(it, it["y"] or it["y2"], it["mo"] or it["mo2"], it["d"] or it["d2"], zone, expected)


def _clocked(
    it: dict[str, str], year: str, month: str, day: str, zone: str, expected: str, hours: int = 0
) -> int:  # fmt: skip
    hour, minute, second = it["h"] or "0", it["m"] or "0", it["s"]
    if hms := it["hms"]:
        hms = hms.zfill(6)
        hour, minute, second = hms[:2], hms[2:4], hms[4:]
    if hours:
        hour = str(int(hour) % 12 + (12 if hours == 2 else 0))
    return _together(year, month, day, hour, minute, second, it["f"], it["z"] or zone, expected)


def _together(
    year: str, month: str, day: str, hour: str, minute: str, second: str | None, part: str | None, zone: str,
    expected: str,
) -> int:  # fmt: skip
    seconds = int(second or 0)
    if seconds > 59:
        raise ValueError(expected)
    try:
        base, shift_ms = _offset(zone)
        whole = _minute(year, month, day, hour, minute, base)
    except (ValueError, OverflowError) as error:
        raise ValueError(expected) from error
    return whole - shift_ms + seconds * 1000 + int((part or "0").ljust(3, "0")[:3])


@lru_cache(1024)
def _offset(zone: str) -> tuple[str, int]:
    """A zone's name and 0, or UTC and an offset in milliseconds."""
    if zone in ("Z", "UTC", "GMT"):
        return "UTC", 0
    if zone[0] not in "+-":
        return zone, 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes > 18 * 60:
        raise ValueError("an offset of at most 18 hours")
    return "UTC", (-minutes if zone[0] == "-" else minutes) * 60_000


def _epoch(text: str, form: str) -> int:
    found = _NUMBER.fullmatch(text)
    if not found:
        raise ValueError(f"a time as a number since 1970 ({form})")
    divisor = _DIVISORS[form]
    if divisor >= 1_000:
        return int(found[1]) * 1_000 // divisor
    return int(found[1]) * 1_000 + int((found[2] or "0").ljust(3, "0")[:3])


def _excel(text: str, form: str, zone: str) -> int:
    found = _NUMBER.fullmatch(text)
    if not found or int(found[1]) > _MOST_DAYS:
        raise ValueError("a spreadsheet's serial number of a day")
    seconds = round(float(f"0.{found[2] or 0}") * 86_400, 3)
    moment = _EXCEL[form] + timedelta(days=int(found[1]), seconds=seconds)
    return _ms(moment.replace(tzinfo=ZoneInfo(zone)))


def _slashed(text: str, form: str, zone: str) -> int:
    expected = f"a time such as {'25/07/2026' if form == 'day-first' else '07/25/2026'} 19:42:10"
    match = _SLASHED.fullmatch(text)
    if not match:
        raise ValueError(expected)
    it = match.groupdict()
    day, month = (it["a"], it["b"]) if form == "day-first" else (it["b"], it["a"])
    year = it["y"] if len(it["y"]) == 4 else f"20{it['y']}"
    half = it["half"]
    if half and not (it["h"] and 1 <= int(it["h"]) <= 12):
        raise ValueError(expected)
    return _clocked(it, year, month, day, zone, expected, 0 if not half else 2 if half[0] in "pP" else 1)


@lru_cache(65_536)
def _by_pattern(text: str, form: str, zone: str) -> int:
    try:
        moment = datetime.strptime(text, form)  # noqa: DTZ007  the zone follows
        return _ms(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"a time of the format {form}") from error
