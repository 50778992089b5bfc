r"""Characters that nobody sees, or that change what others look like, written so that they are seen.

Names, reasons and free text come from others. Controls of a terminal, a change of the writing direction or a newline
in them could make a page, a line of a log or a row of a table say what nobody wrote there.
"""

from __future__ import annotations

import html
import re

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tab and newline, DEL, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"  # no width, or a direction
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\ufffe\uffff"  # no characters
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
_NOT_IN_EMOJI = f"(?<![{_EMOJI}]\ufe0f)(?:(?<![{_EMOJI}\ufe0f]\u200d)|(?![{_EMOJI}]))"
_ONE = re.compile(f"[\t\n{_UNSEEN}]{_NOT_IN_EMOJI}")
_ONE_IN_LINES = re.compile(f"[{_UNSEEN}]{_NOT_IN_EMOJI}(?:(?<!\r)|(?!\n))")
_NAMED = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def visible(text: str) -> str:
    r"""A text in one line, in which each such character stands as its escape.

    What joins the parts of an emoji stays between them.

    >>> visible("50 %\x1b[2J"), visible("A\nB\u202e"), visible("王府井 café")
    ('50 %\\x1b[2J', 'A\\nB\\u202e', '王府井 café')
    """
    return _ONE.sub(lambda found: escape_of(found[0]), text)


def visible_lines(text: str) -> str:
    r"""The same, but for tabs and newlines, which stay: for texts of more than one line.

    >>> visible_lines("a\tb\rc\nd\x9b")
    'a\tb\\rc\nd\\x9b'
    """
    return _ONE_IN_LINES.sub(lambda found: escape_of(found[0]), text)


def escape(text: str) -> str:
    r"""A text for HTML: as `visible_lines`, and without markup.

    >>> escape("<b>\u202e")
    '&lt;b&gt;\\u202e'
    """
    return html.escape(visible_lines(text))


def visible_json(text: str) -> str:
    r"""The same JSON, in which such characters stand as JSON's escapes; newlines between values stay.

    >>> visible_json('{"name":"x\u202e\U000e0001"}')
    '{"name":"x\\u202e\\udb40\\udc01"}'
    """
    return _ONE_IN_LINES.sub(_json_escape, text)


def unseen_at(text: str) -> list[int]:
    """Where such characters stand."""
    return [found.start() for found in _ONE.finditer(text)]


def escape_of(character: str) -> str:
    r"""One of them as it is written.

    >>> escape_of("\x7f"), escape_of("\u200b"), escape_of("\U000e0001")
    ('\\x7f', '\\u200b', '\\U000e0001')
    """
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[k] << 8 | units[k + 1]:04x}" for k in range(0, len(units), 2))
