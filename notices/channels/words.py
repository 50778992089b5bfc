"""Words cut to what a channel carries: in bytes, between characters, and never in a link."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from domain.secrets import HIDDEN, without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_SAID = 300
"""Characters of what a far side said that are kept."""
_LEAST_SECRET = 6
"""Characters of a secret that is looked for in what is shown; a shorter one would star out common words."""
_LINK = re.compile(r"https?://[^\s<>\"）)】」，。；]+")
_PATH = re.compile(r"(https?://[^\s/\"'<>]+)/[^\s\"'<>,]+")
_SIGNED = re.compile(r"((?:sign|signature)[\"']?\s*[=:]\s*[\"']?)[^\s&;,\"'}]+", re.IGNORECASE)
_MORE = "…"
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def cut(text: str, most_bytes: int) -> str:
    """The beginning of a text: at most so many bytes of UTF-8, whole characters with the marks that join them.

    >>> cut("走访任务", 10), cut("abc", 3), cut("e\u0301e\u0301", 4)
    ('走访…', 'abc', '…')
    """
    if len(text.encode()) <= most_bytes:
        return text
    room = most_bytes - len(_MORE.encode())
    if room < 0:
        return ""
    found = text.encode()[:room].decode(errors="ignore")
    while found and _joins(text[len(found)]):
        found = found[:-1]
    return found + _MORE


def fitted(text: str, most_bytes: int, link: str = "") -> str:
    r"""A text of at most so many bytes in which every link is whole, and `link` stands.

    >>> fitted("请走访「小店」：https://c.example/t/1 谢谢", 42, "https://c.example/t/1")
    '请走访「小…\nhttps://c.example/t/1'

    Raises:
        ValueError: not even the link has room.
    """
    if len(text.encode()) <= most_bytes and link in text:
        return text
    tail = f"\n{link}" if link else ""
    room = most_bytes - len(tail.encode())
    if room < 0:
        raise ValueError(f"the link must have room in {most_bytes} bytes, it has {len(link.encode())}")
    if len(text.encode()) <= room:
        return text + tail
    kept = _without_half_a_link(text, cut(text, room), most_bytes)
    if link and link in kept:  # it came early, and is whole
        return _without_half_a_link(text, cut(text, most_bytes), most_bytes)
    return kept + tail


def one_line(text: str, most: int = MOST_SAID) -> str:
    r"""A text without line breaks and control characters, at most so many characters.

    >>> one_line(" keywords not\r\nin content ")
    'keywords not in content'
    """
    found = _BREAKS.sub(" ", text).strip()
    return found if len(found) <= most else found[: most - 1] + _MORE


def masked(text: str, secrets: Iterable[str]) -> str:
    r"""What somebody said, in one line and without secrets, signatures, and what stands in URLs.

    >>> masked("bad 0123456789abcdef at\nhttps://host/a?sign=x%2B", ["0123456789abcdef"])
    'bad *** at https://host/***'
    """
    for each in sorted({each for each in secrets if len(each) >= _LEAST_SECRET}, key=len, reverse=True):
        text = text.replace(each, HIDDEN)
    text = _SIGNED.sub(rf"\1{HIDDEN}", _PATH.sub(rf"\1/{HIDDEN}", text))
    return one_line(without_secrets(text))


def _joins(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return unicodedata.combining(character) != 0 or character in {"\u200d", "\ufe0f"}


def _without_half_a_link(text: str, kept: str, most_bytes: int) -> str:
    """The part that was kept, without the beginning of a link that goes on behind it."""
    end = len(kept.removesuffix(_MORE)) if kept != text else len(text)
    for found in _LINK.finditer(text):
        if found.start() < end < found.end():
            return cut(text[: found.start()].rstrip() + _MORE, most_bytes)
    return kept
