"""Forms of identifiers that an acquirer declares, so that they are not taken for card numbers."""

from __future__ import annotations

import re
from bisect import bisect_right
from calendar import timegm
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import msgspec

from domain.card_ranges import LONGEST, PREFIX_DIGITS, SHORTEST, lengths_of
from domain.events import EVENTS, Kind
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

BEFORE_MS, AFTER_MS = 400 * DAY_MS, 2 * DAY_MS
"""How long before its record's time, and behind it, the date in an identifier may lie."""

_PART = re.compile(r"\{([0-9]{1,2}|[YMDhms]+)\}|([0-9A-Za-z ._/:+-])")
_DATES = {"YYYYMMDD": 8, "YYMMDD": 6}
_CLOCKS = {"hhmmss": "(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]", "hhmm": "(?:[01][0-9]|2[0-3])[0-5][0-9]"}
_CODES = {field.name for fields in EVENTS.values() for field in fields if field.kind in {Kind.CODE, Kind.DIGITS}}


class IdForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A form of identifiers.

    Attributes:
        field: the declared field that holds them.
        form: what they are made of, from the first character to the last: `{YYMMDD}` or `{YYYYMMDD}` a date, with
            `hhmm` or `hhmmss` behind it a time too; `{10}` ten digits; letters, digits, blanks and `. _ / : + -` stand
            for themselves.
        feed: of this feed alone; any where it is "".
    """

    field: str
    form: Annotated[str, msgspec.Meta(min_length=1, max_length=96)]
    feed: str = ""

    def fits(self, value: str, time_ms: int | None) -> bool:
        """Whether an identifier has the form, and a date near its record's time.

        Args:
            value: the identifier.
            time_ms: the record's, UTC milliseconds; None where it has none, then any date will do.

        >>> form = IdForm("txn_id", "{YYMMDD}{10}")
        >>> form.fits("2611281030000007", 1_795_833_000_000), form.fits("2611281030000007", 1_700_000_000_000)
        (True, False)
        """
        found = _compiled(self.form).fullmatch(value)
        if found is None:
            return False
        return all(_is_near(each, time_ms) for each in found.groups())


def check(form: IdForm) -> None:
    """Raise ValueError where a form is none, or could be a card number's.

    >>> check(IdForm("txn_id", "{16}"))
    Traceback (most recent call last):
    ValueError: form must have a date or letters, or begin as no card number of 16 digits does, got '{16}'
    """
    if form.field not in _CODES:
        raise ValueError(f"field must be a declared code, got {form.field!r}")
    _compiled(form.form)
    parts = [(found[1] or "", found[2] or "") for found in _PART.finditer(form.form)]
    if any(braces.startswith(tuple(_DATES)) or literal.isalpha() for braces, literal in parts):
        return  # no card number has letters
    digits = "".join(
        "#" * int(braces) if braces else literal for braces, literal in parts if braces or literal.isdigit()
    )
    first = digits[:PREFIX_DIGITS]
    low, high = first.replace("#", "0").ljust(PREFIX_DIGITS, "0"), first.replace("#", "9").ljust(PREFIX_DIGITS, "9")
    n = len(digits)
    if not SHORTEST <= n <= LONGEST:
        return
    if "#" in first.rstrip("#") or any(
        lengths_of(f"{prefix:06d}") >> n - SHORTEST & 1 for prefix in range(int(low), int(high) + 1)
    ):
        raise ValueError(
            f"form must have a date or letters, or begin as no card number of {n} digits does, got {form.form!r}"
        )


@lru_cache(256)
def _compiled(form: str) -> re.Pattern[str]:
    pieces, at = [], 0
    while at < len(form):
        found = _PART.match(form, at)
        if found is None:
            raise ValueError(f"form must be of {{YYMMDD}}, {{10}} and plain characters, got {form!r}")
        pieces.append(_piece(found[1], form) if found[1] else re.escape(found[2]))
        at = found.end()
    return re.compile("".join(pieces))


def _piece(braces: str, form: str) -> str:
    """The pattern of what stands in braces."""
    if braces.isdigit():
        if not 1 <= int(braces) <= 64:
            raise ValueError(f"form must have 1 to 64 digits in a part, got {form!r}")
        return f"[0-9]{{{int(braces)}}}"
    for date, digits in _DATES.items():
        clock = braces.removeprefix(date)
        if braces.startswith(date) and (not clock or clock in _CLOCKS):
            return f"([0-9]{{{digits}}}){_CLOCKS.get(clock, '')}"
    raise ValueError(f"date of form must be YYMMDD or YYYYMMDD, with hhmm or hhmmss or without, got {form!r}")


def _is_near(date: str, time_ms: int | None) -> bool:
    """Whether digits are a date, near a time."""
    year, month, day = int(date[:-4]), int(date[-4:-2]), int(date[-2:])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return False
    date_ms = timegm((year + 2000 if year < 100 else year, month, day, 0, 0, 0)) * 1000
    return time_ms is None or time_ms - BEFORE_MS <= date_ms <= time_ms + AFTER_MS


class IdForms:
    """The forms that are declared, by time.

    Args:
        versions: from when on which forms are in force, UTC milliseconds, ascending.
    """

    def __init__(self, versions: Sequence[tuple[int, tuple[IdForm, ...]]] = ()) -> None:
        self._since_ms = [since_ms for since_ms, _ in versions]
        self._forms = [forms for _, forms in versions]

    def exempt(self, feed: str, time_ms: int | None, field: str, value: str) -> bool:
        """Whether the value of a field has a declared form, and so is no card number.

        Args:
            feed: the event's.
            time_ms: its own time: `event_time`, else `effective_from`; it says which version is in force.
            field: the field.
            value: its value.
        """
        if not self._forms:
            return False
        k = len(self._forms) - 1 if time_ms is None else max(0, bisect_right(self._since_ms, time_ms) - 1)
        return any(
            each.field == field and each.feed in {"", feed} and each.fits(value, time_ms) for each in self._forms[k]
        )
