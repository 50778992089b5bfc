"""Files unpacked while they are read: gz, zst and zip, one in another too."""

from __future__ import annotations

import fnmatch
import gzip
import io
import zipfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from domain.cards import mask
from streams.files import sniffing
from streams.files.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_DEEP = 3
_MOST_IN_MEMORY = 256 * 1024 * 1024
"""Bytes of a workbook or Parquet file within an archive."""
_PASSED_OVER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_ENCRYPTED = 0x1


@dataclass(slots=True)
class Unpacked:
    """A file, unpacked.

    Attributes:
        name: for messages.
        kind: what it is, one of `streams.files.sniffing`, `EXCEL` among them.
        stream: its bytes from the beginning; it can seek if `kind` is Excel or Parquet.
    """

    name: str
    kind: str
    stream: BinaryIO


EXCEL = "Excel"


class Headed(io.RawIOBase):
    """A stream of which the first bytes were read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read the head, then what a single read of the rest gives."""
        if self._head:
            found, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        else:
            found = getattr(self._rest, "read1", self._rest.read)(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def unpacked(stream: BinaryIO, name: str, stack: ExitStack, member: str = "") -> Unpacked:
    """A file as it is without what it is packed in.

    Args:
        stream: its bytes; what is opened besides is closed with `stack`.
        name: for messages; card numbers in it are masked.
        stack: closes what is opened.
        member: which file of a zip that holds several.

    Raises:
        FileRefused: it is none that can be read.
    """
    name = mask(name)
    packed = False
    for _ in range(_MOST_DEEP):
        head = _head(stream, name)
        kind = sniffing.kind_of(head)
        again = _again(stream, head)
        if kind == sniffing.GZ:
            stream = cast("BinaryIO", stack.enter_context(gzip.GzipFile(fileobj=again)))
        elif kind == sniffing.ZST:
            stream = _zst(again, stack)
        elif kind == sniffing.ZIP:
            found = _member(_seekable(again, name, packed=packed), name, member, stack)
            if isinstance(found, Unpacked):
                return found
            stream = found
        else:
            return _plain(again, name, kind, head, packed=packed)
        packed = True
    raise FileRefused(f"{name} must be packed at most twice, it is packed more often: unpack it first")


def _plain(stream: BinaryIO, name: str, kind: str, head: bytes, *, packed: bool) -> Unpacked:
    if kind != sniffing.PARQUET and (found := sniffing.strange(head)):
        what, cure = found
        raise FileRefused(f"{name} seems to be {what}: {cure}")
    if kind == sniffing.EMPTY:
        raise FileRefused(f"{name} is empty: was it written, or fetched, to its end?")
    if kind == sniffing.PARQUET:
        stream = _seekable(stream, name, packed=packed)
    return Unpacked(name, kind, stream)


def _head(stream: BinaryIO, name: str) -> bytes:
    """The first bytes: as many as a single read gives of a pipe, else as many as are looked at."""
    with reading(name):
        if not _can_seek(stream) and hasattr(stream, "read1") and not isinstance(stream, gzip.GzipFile):
            return cast("bytes", getattr(stream, "read1")(sniffing.HEAD_BYTES))  # noqa: B009  BinaryIO does not say so
        return stream.read(sniffing.HEAD_BYTES)


def _can_seek(stream: BinaryIO) -> bool:
    try:
        return stream.seekable()
    except (OSError, ValueError):
        return False


def _again(stream: BinaryIO, head: bytes) -> BinaryIO:
    if _can_seek(stream) and not isinstance(stream, gzip.GzipFile | zipfile.ZipExtFile):
        stream.seek(0)
        return stream
    return cast("BinaryIO", io.BufferedReader(Headed(head, stream)))


def _seekable(stream: BinaryIO, name: str, *, packed: bool) -> BinaryIO:
    """A stream that can seek; what is within an archive is read into memory, unless it is too large."""
    if _can_seek(stream):
        return stream
    if not packed:
        raise FileRefused(f"{name} is Excel, Parquet or zip, which is read from a file: give its path, no pipe")
    with reading(name):
        held = stream.read(_MOST_IN_MEMORY + 1)
    if len(held) > _MOST_IN_MEMORY:
        raise FileRefused(f"{name} holds a file of more than {_MOST_IN_MEMORY:,} bytes: unpack it first")
    return io.BytesIO(held)


def _zst(stream: BinaryIO, stack: ExitStack) -> BinaryIO:
    import pyarrow as pa  # noqa: PLC0415  it takes a third of a second

    opened = stack.enter_context(pa.CompressedInputStream(stream, "zstd"))
    return cast("BinaryIO", io.BufferedReader(stack.enter_context(Headed(b"", opened))))


def _member(stream: BinaryIO, name: str, member: str, stack: ExitStack) -> BinaryIO | Unpacked:
    """The one file in a zip, or the workbook that the zip is."""
    with reading(name):
        archive = stack.enter_context(zipfile.ZipFile(stream))
    names = set(archive.namelist())
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        if "xl/workbook.bin" in names:
            raise FileRefused(f"{name} seems to be a binary workbook (.xlsb): save it as .xlsx or CSV")
        stream.seek(0)
        return Unpacked(name, EXCEL, stream)
    if "mimetype" in names and "content.xml" in names:
        raise FileRefused(f"{name} seems to be an OpenDocument file: save it as .xlsx or CSV")
    if "word/document.xml" in names or "ppt/presentation.xml" in names:
        raise FileRefused(f"{name} seems to be a document, no table: save the table as CSV or .xlsx")
    found = [each for each in archive.infolist() if not each.is_dir() and not _is_passed_over(each.filename)]
    if member:
        found = [each for each in found if fnmatch.fnmatch(each.filename, member)]
    if len(found) != 1:
        listed = ", ".join(mask(each.filename) for each in found[:5]) or "none"
        more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
        raise FileRefused(
            f"{name} is a zip and must hold one file{f' like {member}' if member else ''}, it holds {listed}{more}:"
            " unpack it, or name one by member in the mapping"
        )
    if found[0].flag_bits & _ENCRYPTED:
        raise FileRefused(f"{name} is a zip with a password: unpack it first")
    with reading(name):
        return cast("BinaryIO", stack.enter_context(archive.open(found[0])))


def _is_passed_over(filename: str) -> bool:
    return filename.startswith(_PASSED_OVER[0]) or filename.rpartition("/")[2] in _PASSED_OVER[1:]


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what the libraries raise at damaged files into a refusal."""
    try:
        yield
    except EOFError as error:
        raise FileRefused(f"{name} is cut short, its packing does not end: fetch it again") from error
    except (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise FileRefused(f"{name} is damaged, it cannot be unpacked ({error}): fetch it again") from error
    except NotImplementedError as error:
        raise FileRefused(f"{name} is packed by a method that is not known ({error}): unpack it first") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise FileRefused(f"{name} is damaged or cut short, it cannot be unpacked ({error}): fetch it again") from error
    except RuntimeError as error:
        raise FileRefused(f"{name} cannot be unpacked ({error}): unpack it first") from error
