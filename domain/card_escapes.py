r"""Escapes that stand for characters within a text: percent-encoding, HTML's entities, `\x2d`.

What they stand for is read as any other text is (`card_text`), so an escaped dash parts digits, an escaped digit is
one, and the digits of an escape itself are none. Where that is not sure, for `100%4111...` may be a number behind a
percent sign or the letter A, a text is read both ways, and what either finds counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html.entities import html5

import numpy as np

from domain.card_text import NOTHING, plain, plain_of

_LAYERS = 3
"""As often may a text be encoded, one way within another."""
_LAST = 0x10FFFF
_LEGACY = "|".join(sorted((name for name in html5 if not name.endswith(";")), key=len, reverse=True))
_BYTES = re.compile(r"(?:%|\\\\*x)([0-9a-fA-F]{2})")
_BYTE_BEHIND = r"(?:%[0-9a-fA-F]{2})*"
_X_BEHIND = r"(?:\\\\*x[0-9a-fA-F]{2})*"
_SURE = (
    # Each begins with a character, so that the search is for those. A track 1 begins with %B and digits.
    rf"%(?!(?!20)[0-9]{{2}}|[bB][0-9])[0-9a-fA-F]{{2}}{_BYTE_BEHIND}"
    r"|%u[0-9a-fA-F]{4}"
    rf"|\\\\*x(?![0-9]{{2}})[0-9a-fA-F]{{2}}{_X_BEHIND}"
    r"|\\\\*u(?:[0-9a-fA-F]{4}|\{0{0,8}[0-9a-fA-F]{1,6}\})"
    r"|&#(?:0{0,8}[0-9]{1,7}|[xX]0{0,8}[0-9a-fA-F]{1,6});"
    r"|&[A-Za-z][0-9A-Za-z]{1,31};"
)
_UNSURE = (
    rf"%[0-9]{{2}}{_BYTE_BEHIND}"
    rf"|\\\\*x[0-9]{{2}}{_X_BEHIND}"
    rf"|&#(?:0{{0,8}}[0-9]{{1,7}}|[xX]0{{0,8}}[0-9a-fA-F]{{1,6}})|&(?:{_LEGACY})"
)
_THAT_ARE_SURE, _ANY = re.compile(f"({_SURE})"), re.compile(f"({_SURE}|{_UNSURE})")


def readings(text: str) -> tuple[str, ...]:
    r"""The ways to read a text for the search, one or two, each plain and as long as `text`.

    >>> readings("41%2D11"), readings("41%31")
    (('41\x00\x00-11',), ('41%31', '41\x00\x001'))
    """
    same = _layers(plain(text), _THAT_ARE_SURE)
    other = _layers(same, _ANY)
    return (same,) if other == same else (same, other)


def _layers(text: str, escapes: re.Pattern[str]) -> str:
    """Plain text with the escapes of a kind resolved, one within another too."""
    for _ in range(_LAYERS):
        if not ("%" in text or "&" in text or "\\" in text):
            break
        before, text = text, _resolved(text, escapes)
        if text == before:
            break
    return text


def _resolved(text: str, escapes: re.Pattern[str]) -> str:
    """Plain text with one layer of escapes resolved."""
    if NOTHING not in text:
        return _with_meanings(text, escapes)
    # What an escape left stands between the characters of the next.
    codes = np.frombuffer(text.encode(), np.uint8).copy()
    there = codes != 0
    short = _with_meanings(codes[there].tobytes().decode(), escapes)
    codes[there] = np.frombuffer(short.encode(), np.uint8)
    return codes.tobytes().decode()


def _with_meanings(text: str, escapes: re.Pattern[str]) -> str:
    pieces = escapes.split(text)  # with a call for each, hostile text would take twice as long
    pieces[1::2] = map(_meaning, pieces[1::2])
    return "".join(pieces)


@lru_cache(4096)
def _meaning(escape: str) -> str:
    """What an escape, or a run of encoded bytes, is in plain text, as long as it; itself where it is none."""
    if escape[0] == "&":
        return _behind_nothing(escape, _entity(escape))
    if "u" in escape:
        return _behind_nothing(escape, _of_point(re.sub(r"[^0-9a-fA-F]", "", escape), 16))
    return _text_of(escape)


def _entity(escape: str) -> str | None:
    """The plain character of an entity of HTML, None where there is no such."""
    name = escape[1:]
    if name[0] != "#":
        characters = html5.get(name)
        return plain_of(ord(characters[0])) if characters else None
    name = name[1:].rstrip(";")
    return _of_point(name[1:], 16) if name[0] in "xX" else _of_point(name, 10)


def _of_point(digits: str, base: int) -> str | None:
    point = int(digits, base)
    return plain_of(point) if point <= _LAST else None


def _behind_nothing(escape: str, character: str | None) -> str:
    return escape if character is None else NOTHING * (len(escape) - 1) + character


def _text_of(run: str) -> str:
    """A run of encoded bytes: UTF-8, or where it is none, each byte a character of Latin-1."""
    encoded = [found.span() for found in _BYTES.finditer(run)]
    raw = bytes(int(run[end - 2 : end], 16) for _, end in encoded)
    pieces, at, start = [], 0, 0
    for character in raw.decode(errors="surrogateescape"):
        point = ord(character)
        if 0xDC80 <= point <= 0xDCFF:
            point, size = point - 0xDC00, 1
        else:
            size = len(character.encode())
        at += size
        end = encoded[at - 1][1]
        pieces.append(NOTHING * (end - start - 1) + plain_of(point))
        start = end
    return "".join(pieces)
