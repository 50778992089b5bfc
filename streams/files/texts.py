"""Lines of text files, in the encoding that their bytes are in."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from streams.files.errors import UnknownEncoding
from streams.files.rules import AUTO
from streams.files.sniffing import utf_16_of
from streams.files.unpacking import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 1_000_000
MOST_CHARS = 65_536
"""Characters of a line; what is longer is cut, and refused."""
_ESCAPED = re.compile("[\udc80-\udcff]")
_GB_PAIR = re.compile(rb"[\x81-\xfe](?:[\x40-\x7e\x80-\xfe]|[\x30-\x39][\x81-\xfe][\x30-\x39])")


class Line(NamedTuple):
    """A line of a file: its number, from 1, and its text without its end."""

    number: int
    text: str


class Decoding:
    """Text of bytes as they come. ASCII is decided by nobody: the first bytes that are none say which encoding it is.

    Args:
        name: of the file, for messages.
        encoding: as the mapping has it.

    Attributes:
        encoding: the name of what was found; "ascii" as long as nothing else came.
    """

    def __init__(self, name: str, encoding: str = AUTO) -> None:
        self._name = name
        self._asked = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self.encoding = "ascii"
        self._first = True
        if encoding != AUTO:
            self._take(encoding)

    def text(self, data: bytes, *, final: bool = False) -> str:
        """The text of the next bytes; bytes that are none of the encoding become lone surrogates."""
        if self._first:
            self._first = False
            data = self._begin(data)
        if self._decoder is None:
            if data.isascii():
                return data.decode("ascii")
            self._take(_encoding_of(data, self._name))
        assert self._decoder is not None
        return self._decoder.decode(data, final)

    def _begin(self, data: bytes) -> bytes:
        if self._asked in (AUTO, "utf-8", "utf-8-sig") and data.startswith(codecs.BOM_UTF8):
            self._take("utf-8")
            return data.removeprefix(codecs.BOM_UTF8)
        if self._asked == AUTO and (name := utf_16_of(data)):
            self._take(name)
        return data

    def _take(self, encoding: str) -> None:
        self.encoding = encoding
        wide = encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
        self._decoder = codecs.getincrementaldecoder(encoding)("replace" if wide else "surrogateescape")


def lines_of(stream: BinaryIO, decoding: Decoding, name: str) -> Iterator[Line]:
    """The lines of a text, whether they end in LF, CR LF or CR; of one that is too long its beginning."""
    rest, number = "", 0
    for text in _texts(stream, decoding, name):
        found = (rest + text).split("\n") if len(rest) < MOST_CHARS * 2 else _cut(rest, text)
        rest = found.pop()
        for each in found:
            number += 1
            yield Line(number, each[: MOST_CHARS + 1])
    if rest:
        yield Line(number + 1, rest[: MOST_CHARS + 1])


def _cut(rest: str, text: str) -> list[str]:
    """Lines of which the first goes on from one that is too long already: of it no more is kept."""
    first, *others = text.split("\n")
    del first
    return [rest[: MOST_CHARS * 2], *others]


def _texts(stream: BinaryIO, decoding: Decoding, name: str) -> Iterator[str]:
    """Decoded chunks whose lines all end in LF."""
    read = getattr(stream, "read1", stream.read)
    held = ""
    first = True
    while True:
        with reading(name):
            data = read(_CHUNK_BYTES)
        text = held + decoding.text(data, final=not data)
        if first:
            first, text = False, text.removeprefix("\ufeff")
        held = "\r" if text.endswith("\r") and data else ""
        if "\r" in text:
            text = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n")
        yield text
        if not data:
            return


def has_bad_bytes(text: str) -> bool:
    """Whether a text held bytes that are none of its encoding."""
    return not text.isascii() and bool(_ESCAPED.search(text))


def _encoding_of(data: bytes, name: str) -> str:
    """UTF-8 or GB18030, whichever most of the bytes beyond ASCII are."""
    whole = data[:cut] if (cut := data.rfind(b"\n") + 1) and not data[:cut].isascii() else data
    text = whole.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    good = sum(1 for each in text if each > "\x7f") - bad
    if good > bad:
        return "utf-8"
    high = sum(1 for each in whole if each > 0x7F)
    pairs = _GB_PAIR.findall(whole)
    paired = sum(len(each) for each in pairs if len(each) == 4 or each[1] > 0x7F)
    if paired * 10 >= high * 8:
        return "gb18030"
    raise UnknownEncoding(
        f"{name} must be UTF-8, UTF-16 or GB18030, its bytes are of another encoding: name it in the mapping, such as"
        ' encoding = "cp1252"'
    )
