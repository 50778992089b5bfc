"""Records of JSON files: lines, arrays, and objects that go over several lines."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec

from streams.files.errors import FileRefused
from streams.files.raw_rows import RawRow, Rows
from streams.files.texts import MOST_CHARS, Decoding, has_bad_bytes, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MOST_WHOLE = 256 * 1024 * 1024
_NEXT = re.compile(r"[}\]]\s*,?\s*\{")
_BETWEEN = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()


class Record(NamedTuple):
    """A value of a JSON file.

    Attributes:
        line: where it begins.
        raw: its text, on one line.
        value: what it is; None of what is no JSON.
    """

    line: int
    raw: str
    value: Any


def json_rows(records: Iterator[Record], columns: Sequence[str]) -> Rows:
    """Records as rows of the columns that the mapping names, `outer.inner` of inner objects."""

    def rows() -> Iterator[RawRow]:
        for each in records:
            if isinstance(each.value, dict):
                yield RawRow(each.line, cells_of(each.value, columns), each.raw)
            else:
                yield RawRow(each.line, [], each.raw, "record must be a JSON object, got something else", json=True)

    return Rows(list(columns), rows())


def cells_of(held: dict[str, Any], columns: Sequence[str]) -> list[object]:
    """The values of columns, None of those that are not there."""
    return [held[each] if each in held else _inner(held, each) for each in columns]


def _inner(held: dict[str, Any], path: str) -> object:
    found: Any = held
    for part in path.split("."):
        if isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, dict) and part in found:
            found = found[part]
        else:
            return None
    return found


def line_records(stream: BinaryIO, decoding: Decoding, name: str) -> Iterator[Record]:
    """The records of a file of JSON lines; blank lines are passed over."""
    for number, text in lines_of(stream, decoding, name):
        if text and not text.isspace():
            yield Record(number, text, _value(text))


def _value(text: str) -> Any:
    if len(text) > MOST_CHARS or has_bad_bytes(text):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


def document_records(stream: BinaryIO, decoding: Decoding, name: str, path: str = "") -> Iterator[Record]:
    """The records of a document: members of its array, or objects one behind another, or the list at a path in it.

    What is no JSON costs the record it is in, as far as the next one can be found.

    Raises:
        FileRefused: the document must be read whole, for the path, and is too large, no JSON, or has no list there.
    """
    texts = (f"{line.text}\n" for line in lines_of(stream, decoding, name))
    if path:
        return _at_path(texts, name, path)
    return _Document(texts).records()


def _at_path(texts: Iterator[str], name: str, path: str) -> Iterator[Record]:
    parts, size = [], 0
    for each in texts:
        parts.append(each)
        size += len(each)
        if size > _MOST_WHOLE:
            raise FileRefused(f"{name} must be at most {_MOST_WHOLE:,} characters with records: write it as JSON lines")
    try:
        whole = json.loads("".join(parts))
    except (ValueError, RecursionError) as error:
        raise FileRefused(f"{name} must be one JSON document for records = {path!r}: {error}") from error
    found = _inner(whole, path) if isinstance(whole, dict) else None
    if not isinstance(found, list):
        keys = ", ".join(map(str, whole)) if isinstance(whole, dict) else "no keys"
        raise FileRefused(f"{name} must have a list at records = {path!r}, it has {keys}")
    return (Record(k, json.dumps(each, ensure_ascii=False), each) for k, each in enumerate(found, start=1))


class _Document:
    """Values one behind another, in an array or not, read as they come."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._held, self._at, self._line, self._more = "", 0, 1, True

    def records(self) -> Iterator[Record]:
        self._fill()
        self._pass_over(re.compile(r"\s*\[?"))
        while True:
            self._pass_over(_BETWEEN)
            if self._at >= len(self._held):
                if not self._fill():
                    return
                continue
            if self._held[self._at] == "]":
                self._at += 1
                continue
            yield self._next()

    def _next(self) -> Record:
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except (ValueError, RecursionError):
                if len(self._held) - self._at <= MOST_CHARS * 2 and self._fill():
                    continue
                return self._broken()
            if end == len(self._held) and not isinstance(value, dict | list) and self._fill():
                continue  # a number may go on
            return self._taken(end, value)

    def _taken(self, end: int, value: Any) -> Record:
        raw = self._held[self._at : end]
        found = Record(self._line, raw.replace("\n", " ").replace("\r", " "), value)
        self._line += raw.count("\n")
        self._at = end
        if self._at > 1_000_000:
            self._held, self._at = self._held[self._at :], 0
        return found if not has_bad_bytes(raw) else found._replace(value=None)

    def _broken(self) -> Record:
        """Pass over what is no JSON, up to where the next object seems to begin."""
        while not (found := _NEXT.search(self._held, self._at + 1)):
            kept = self._held[self._at : self._at + MOST_CHARS]
            if len(self._held) > MOST_CHARS * 4:
                line = self._held.count("\n")
                self._held, self._at = kept + self._held[-MOST_CHARS:], 0
                self._line += max(0, line - self._held.count("\n"))
            if not self._fill():
                return self._taken(len(self._held), None)
        return self._taken(found.end() - 1, None)

    def _pass_over(self, blank: re.Pattern[str]) -> None:
        found = blank.match(self._held, self._at)
        assert found is not None
        self._line += found[0].count("\n")
        self._at = found.end()

    def _fill(self) -> bool:
        """Read more; false at the end."""
        if not self._more:
            return False
        parts, size = [self._held[self._at :]], 0
        self._at = 0
        for each in self._texts:
            parts.append(each)
            size += len(each)
            if size > MOST_CHARS:
                break
        else:
            self._more = False
        self._held = "".join(parts)
        return size > 0
