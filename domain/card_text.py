"""Text as the search for card numbers reads it: every character one of ASCII, where it stands.

By Unicode's categories and NFKC, not by lists: a digit of any script is its ASCII digit; a letter of ASCII, in whatever
width or style, is itself, any other letter is `x`; whatever is neither letter nor number (separators, punctuation,
symbols, marks, format and control characters) is a blank and may stand between two digits of one number.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np

MAX_GAP = 6
"""Most characters that are neither letter nor digit between two digits of one number."""
NOTHING = "\x00"
"""In plain text: a character that is not there at all, such as those of an escape but its last."""

_ESCAPE = re.compile(
    r"\\+u([dD][89abAB][0-9a-fA-F]{2})\\+u([dD][c-fC-F][0-9a-fA-F]{2})|\\+(?:u([0-9a-fA-F]{4})|[bfnrt])"
)
_COMMON = (
    *((f"\\u003{digit}", str(digit)) for digit in range(10)),
    *((f"\\{letter}", " ") for letter in "bfnrt"),
    ("\\u0020", " "), ("\\u00a0", " "),
)  # fmt: skip
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")
"""Letters of Hangul that nobody sees: they show as blanks."""
_KEPT = "=^;%"
"""What marks a track, in whatever width it is written."""


def plain(text: str) -> str:
    r"""`text` as the search reads it, as long as `text`; JSON's escapes are what they stand for.

    >>> plain("4111\u30001111\uff0d\uff11\u0661\xb2"), plain("4\\u00341"), plain("\uff24\u4e2d")
    ('4111 1111 112', '4\x00\x00\x00\x00\x0041', 'Dx')
    """
    if not text.isascii():
        text = text.translate(_PLAIN) if len(text) < _LONG else _long(text)
    return _without_escapes(text) if "\\" in text else text


def _without_escapes(text: str) -> str:
    """Text with JSON's escapes resolved."""
    for escape, last in _COMMON:  # hostile text is full of these: a call for each would take long
        text = text.replace(escape, NOTHING * (len(escape) - 1) + last)
    return _ESCAPE.sub(_resolved, text)


def _long(text: str) -> str:
    """What `text.translate(_PLAIN)` gives, at a tenth of the cost."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    found = _TABLE[points]
    for point in np.unique(points[found == _UNKNOWN]).tolist():
        _TABLE[point] = ord(_PLAIN[point])
    return _TABLE[points].tobytes().decode("ascii")


def _resolved(found: re.Match[str]) -> str:
    """An escape: nothing, and then the character it stands for."""
    if found[1]:  # two halves of UTF-16
        last = plain_of(0x10000 + (int(found[1], 16) - 0xD800 << 10) + int(found[2], 16) - 0xDC00)
    else:
        last = plain_of(int(found[3], 16)) if found[3] else " "
    return NOTHING * (len(found[0]) - 1) + last


def plain_of(point: int) -> str:
    """The one character of plain text for a code point."""
    character = chr(point)
    if character.isascii():
        return character if character != NOTHING else " "
    if character in _FILLERS:
        return " "
    same = unicodedata.normalize("NFKC", character)
    core = [each for each in same if unicodedata.category(each)[0] in "LN"] or [" "]
    if len(same) == 1 and same in _KEPT:
        return same
    if len(core) == 1 and (digit := unicodedata.digit(core[0], None)) is not None:
        return str(digit)
    return core[0] if core[0].isascii() else "x"


class _Plain(dict[int, str]):
    """What characters become, found when they first come; as many as there are code points at most."""

    def __missing__(self, point: int) -> str:
        found = self[point] = plain_of(point) if point > 0x7F else chr(point)
        return found


_PLAIN = _Plain()
_LONG = 128
_UNKNOWN = 0xFF
_TABLE = np.full(0x110000, _UNKNOWN, np.uint8)
