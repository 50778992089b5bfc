"""Cells as people and spreadsheets write them: blanks and quotes around, wide letters, numbers that lost digits."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from unicodedata import normalize

MOST_DIGITS = 15
"""Digits of a number that a spreadsheet keeps."""
AROUND = " \t\r\n\v\f\x00\x85\xa0\u1680\u2000-\u200f\u2028\u2029\u202a-\u202f\u205f-\u2064\u3000\ufeff"
BLANK_WORDS = frozenset(
    {"-", "--", "---", "—", "/", "\\N", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "无"}
)
"""What stands in a cell that has no identifier, amount or time."""

_AROUND = re.compile(f"^[{AROUND}]+|[{AROUND}]+$")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE][+-]\d+")
_PAIRS = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’"}


class Lost(str):
    """A number of a spreadsheet that has lost digits, if it is an identifier."""

    __slots__ = ()


def text_of(cell: object) -> str:  # noqa: PLR0911  a type of cell after another
    """A cell as text: numbers without an exponent, times as ISO 8601, a midnight as its day.

    >>> text_of(134.09), text_of(5.0), text_of(None), text_of(datetime(2026, 7, 5))
    ('134.09', '5', '', '2026-07-05')
    """
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        return _float(cell)
    if isinstance(cell, Decimal):
        return format(cell, "f")
    if isinstance(cell, datetime):
        midnight = not (cell.hour or cell.minute or cell.second or cell.microsecond or cell.tzinfo)
        return cell.date().isoformat() if midnight else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, bytes):
        return cell.decode(errors="backslashreplace")
    return json.dumps(cell, ensure_ascii=False, default=str)


def _float(number: float) -> str:
    if number != number or number in (float("inf"), float("-inf")):  # noqa: PLR0124  how NaN is told
        return ""
    text = format(Decimal(f"{number:.{MOST_DIGITS}g}"), "f")
    return Lost(text) if abs(number) >= 10**MOST_DIGITS else text


def clean(text: str, *, wide: bool = False) -> str:
    r"""A cell without what stands around its value.

    Args:
        text: as it was read.
        wide: whether letters and digits of full width stay, as in free text.

    >>> clean("\t20260705\t"), clean('="000123"'), clean("'00123"), clean("１２３ ")
    ('20260705', '000123', '00123', '123')
    """
    if text.isascii():
        found = text.strip(" \t\r\n\v\f\x00")
    else:
        found = _AROUND.sub("", text)
        found = _INVISIBLE.sub("", found) if wide else normalize("NFKC", _INVISIBLE.sub("", found)).strip()
    if found and found[0] in "=\"'`“‘":
        return _unquoted(found)
    return found


def _unquoted(text: str) -> str:
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1]
    while len(text) > 1 and _PAIRS.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    if text.startswith("`") and not text.endswith("'"):  # as WeChat Pay puts before each cell
        text = text[1:]
    return text.removeprefix("'").strip()


def is_scientific(text: str) -> bool:
    """Whether a text is a number in scientific notation, as a spreadsheet shows long ones.

    >>> is_scientific("8.98E+14"), is_scientific("1e+05"), is_scientific("1E5")
    (True, True, False)
    """
    return bool(_SCIENTIFIC.fullmatch(text))
