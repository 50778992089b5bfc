"""Pages of a checkpoint: a few arrays and facts as one checked string of bytes, small and quick to make.

The bytes of an array are laid out in planes: all first bytes of its entries, then all second bytes, and so on. That
brings together what is alike: the upper bytes of small numbers, most of which are 0. A mask, a bit for every byte,
says which are not 0, and only those are kept; zstd takes what is left. `python bench/pages.py` compares this with
other ways.

A page is a prefix (magic, format, bytes compressed, bytes of content, bytes of the header in it, CRC-32 of all else)
and the content, compressed: the header (msgpack of `_Header`), then of each array the masks and the bytes kept.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import cramjam
import msgspec
import numpy as np

from domain.errors import TillwatchError
from engine.jit import njit_cached, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"TWPG"
FORMAT = 1
MAX_BYTES = 64 * 2**20
"""Most bytes of a page's arrays, and of its content."""
ZSTD_LEVEL = -1
"""Level 1 would take off 3 % of the bytes and add a fifth to the time."""

_PREFIX = struct.Struct("<4s5I")
_CHECKED = _PREFIX.size - 4
"""Bytes of the prefix before the checksum."""


class Damaged(TillwatchError):
    """Bytes that `encode` did not make: says what was expected and what came."""


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """What is written as one.

    Attributes:
        kind: what its entries are.
        notes: small facts that msgpack can hold; a tuple comes back as a list.
        arrays: 1-D arrays by name, plain or structured, of any dtype of fixed size without objects.
    """

    kind: str
    notes: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class _Schema(msgspec.Struct, array_like=True):
    """A dtype, by itself or as a field."""

    name: str
    offset: int
    shape: tuple[int, ...]
    type: Annotated[str, msgspec.Meta(pattern=r"\A[<>|][biufcSUVmM][0-9]{1,9}(\[[0-9]*[A-Za-z]+\])?\Z")]
    """NumPy's string: byte order, kind, size, unit."""
    itemsize: int
    aligned: bool
    fields: tuple[_Schema, ...] | None


class _Entry(msgspec.Struct, array_like=True):
    """An array."""

    name: str
    count: Annotated[int, msgspec.Meta(ge=0, le=MAX_BYTES)]
    schema: bytes
    """msgpack of `_Schema`."""


class _Header(msgspec.Struct, array_like=True):
    kind: str
    notes: dict[str, Any]
    arrays: list[_Entry]


def encode(page: Page) -> bytes:
    """The page as bytes.

    Raises:
        ValueError: an array is not 1-D or its dtype cannot be kept; the content could exceed `MAX_BYTES`.
        TypeError: msgpack cannot hold a note.
    """
    entries = [_entry(name, array) for name, array in page.arrays.items()]
    header = msgspec.msgpack.encode(_Header(page.kind, page.notes, entries))
    most = len(header) + sum(9 * _words(array.nbytes) for array in page.arrays.values())
    if most > MAX_BYTES:
        raise ValueError(f"page {page.kind!r} must have at most {MAX_BYTES:,} bytes, got up to {most:,}")
    content = np.empty(most, np.uint8)
    size = len(header)
    content.data[:size] = header
    for array in page.arrays.values():
        if array.nbytes:
            # Writable, or it would be compiled a second time for arrays that are not.
            rows = np.require(np.asarray(array)[:, None].view(np.uint8), np.uint8, ["C", "W"])
            size += _pack(rows, content[size:])
    compressed = cramjam.zstd.compress(content[:size].data, ZSTD_LEVEL)
    prefix = _PREFIX.pack(MAGIC, FORMAT, len(compressed), size, len(header), 0)[:_CHECKED]
    return b"".join((prefix, _checksum(prefix, compressed).to_bytes(4, "little"), compressed))


def decode(raw: bytes) -> Page:
    """The page that was encoded.

    Raises:
        Damaged: `encode` did not make `raw`.
    """
    content, header_bytes = _content(raw)
    try:
        header = msgspec.msgpack.decode(content[:header_bytes].data, type=_Header)
        dtypes = [_dtype(entry.schema) for entry in header.arrays]
    except (msgspec.DecodeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Damaged(f"a page's header must be readable: {error}") from error
    names, counts = [entry.name for entry in header.arrays], [entry.count for entry in header.arrays]
    if len(set(names)) < len(names):
        raise Damaged(f"a page's arrays must differ in name, got {names}")
    total = sum(count * dtype.itemsize for count, dtype in zip(counts, dtypes, strict=True))
    if total > MAX_BYTES:
        raise Damaged(f"a page's arrays must have at most {MAX_BYTES:,} bytes, got {total:,}")
    arrays, at = {}, header_bytes
    for name, count, dtype in zip(names, counts, dtypes, strict=True):
        arrays[name], at = _array(content, at, count, dtype)
    if at != len(content) - 1:
        raise Damaged(f"a page's content must have {at:,} bytes, got {len(content) - 1:,}")
    return Page(header.kind, header.notes, arrays)


def _content(raw: bytes) -> tuple[NDArray[np.uint8], int]:
    """What is compressed in a page, a byte that belongs to nothing after it, and how much of it is the header."""
    if len(raw) < _PREFIX.size:
        raise Damaged(f"a page must have at least {_PREFIX.size} bytes, got {len(raw)}")
    magic, version, compressed_bytes, size, header_bytes, checksum = _PREFIX.unpack_from(raw)
    if magic != MAGIC:
        raise Damaged(f"a page must begin with {MAGIC!r}, got {magic!r}")
    if version != FORMAT:
        raise Damaged(f"a page's format must be {FORMAT}, got {version}")
    if len(raw) != _PREFIX.size + compressed_bytes:
        raise Damaged(f"a page must have the {_PREFIX.size + compressed_bytes:,} bytes it says, got {len(raw):,}")
    compressed = memoryview(raw)[_PREFIX.size :]
    found = _checksum(raw[:_CHECKED], compressed)
    if found != checksum:
        raise Damaged(f"a page's checksum must be {checksum:08x}, got {found:08x}")
    if not header_bytes <= size <= MAX_BYTES:
        raise Damaged(f"a page's content must have {header_bytes:,} to {MAX_BYTES:,} bytes, got {size:,}")
    content = np.zeros(size + 1, np.uint8)
    try:
        got = cramjam.zstd.decompress_into(compressed, content[:size].data)
    except cramjam.DecompressionError as error:
        raise Damaged(f"a page's content must be {size:,} bytes compressed by zstd: {error}") from error
    if got != size:
        raise Damaged(f"a page's content must have {size:,} bytes, got {got:,}")
    return content, header_bytes


def _array(content: NDArray[np.uint8], at: int, count: int, dtype: np.dtype[Any]) -> tuple[NDArray[Any], int]:
    """The array packed in the content from `at`, and where it ends."""
    array: NDArray[Any] = np.ndarray(count, dtype)
    if not array.nbytes:
        return array, at
    words = _words(array.nbytes)
    packed = content[at:]
    end = at + words + int(np.bitwise_count(packed[:words]).sum(dtype=np.int64))
    if end >= len(content):
        raise Damaged(f"a page's content must have at least {end:,} bytes, got {len(content) - 1:,}")
    _unpack(packed, array[:, None].view(np.uint8))
    return array, end


def _checksum(prefix: bytes, compressed: Any) -> int:
    return zlib.crc32(compressed, zlib.crc32(prefix))


def _words(array_bytes: int) -> int:
    return -(-array_bytes // 8)


def _entry(name: str, array: NDArray[Any]) -> _Entry:
    if array.ndim != 1:
        raise ValueError(f"array {name!r} must have 1 dimension, got {array.ndim}")
    return _Entry(name, len(array), _schema(array.dtype, array.dtype.isalignedstruct))


@lru_cache(maxsize=64)
def _schema(dtype: np.dtype[Any], aligned: bool) -> bytes:  # noqa: ARG001  (dtypes that differ in it are equal)
    """The dtype for the header.

    Raises:
        ValueError: it holds objects, or more than names, types, shapes and offsets.
    """
    schema = msgspec.msgpack.encode(_described(dtype, "", 0))
    try:
        kept = _dtype(schema)
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise ValueError(f"dtype must be of fixed size without objects, got {dtype}") from error
    if kept != dtype:
        raise ValueError(f"dtype must be the same by its names, types, shapes and offsets, got {dtype}")
    return schema


def _described(dtype: np.dtype[Any], name: str, offset: int) -> _Schema:
    base = dtype.base
    held: Any = base.fields
    fields = (
        None if base.names is None else tuple(_described(held[each][0], each, held[each][1]) for each in base.names)
    )
    return _Schema(name, offset, dtype.shape, base.str, base.itemsize, base.isalignedstruct, fields)


@lru_cache(maxsize=64)
def _dtype(schema: bytes) -> np.dtype[Any]:
    """The dtype that `_schema` was given; the errors that `decode` catches where there is none."""
    return _made(msgspec.msgpack.decode(schema, type=_Schema))


def _made(schema: _Schema) -> np.dtype[Any]:
    if schema.fields is None:
        base = np.dtype(schema.type)
    else:
        base = np.dtype(
            {
                "names": [each.name for each in schema.fields],
                "formats": [_made(each) for each in schema.fields],
                "offsets": [each.offset for each in schema.fields],
                "itemsize": schema.itemsize,
            },
            align=schema.aligned,
        )
    if (base.str, base.itemsize) != (schema.type, schema.itemsize):
        raise ValueError(f"type must be {schema.type} of {schema.itemsize} bytes, got {base.str} of {base.itemsize}")
    return np.dtype((base, schema.shape)) if schema.shape else base


@njit_cached
def _pack(rows: NDArray[np.uint8], packed: NDArray[np.uint8]) -> int:
    """Write the masks and the bytes kept of (n, size) bytes: how many. There must be room for 9 a word."""
    words = np.zeros((rows.size + 7) // 8, np.uint64)
    plain = words.view(np.uint8)
    _transpose(rows, plain[: rows.size].reshape(rows.shape[1], rows.shape[0]))
    at = len(words)
    for k in range(len(words)):
        mask = 0
        if words[k] != np.uint64(0):
            for bit in range(8):
                byte = plain[8 * k + bit]
                packed[at] = byte
                mask |= (byte != 0) << bit
                at += byte != 0
        packed[k] = mask
    return at


@njit_cached
def _unpack(packed: NDArray[np.uint8], rows: NDArray[np.uint8]) -> None:
    """Undo `_pack`; the byte after those kept is looked at, not used."""
    words = (rows.size + 7) // 8
    plain = np.empty(8 * words, np.uint8)
    at = words
    for k in range(words):
        mask = packed[k]
        if mask == 0:
            for bit in range(8):
                plain[8 * k + bit] = 0
        elif mask == 255:
            for bit in range(8):
                plain[8 * k + bit] = packed[at + bit]
            at += 8
        else:
            for bit in range(8):
                kept = (mask >> bit) & 1
                plain[8 * k + bit] = packed[at] * kept
                at += kept
    _transpose(plain[: rows.size].reshape(rows.shape[1], rows.shape[0]), rows)


@njit_inner
def _transpose(source: NDArray[np.uint8], target: NDArray[np.uint8]) -> None:
    """Write (n, m) bytes as (m, n)."""
    n, m = source.shape
    whole = n // 8 * 8
    for top in range(0, whole, 8):
        for column in range(m):
            for k in range(8):  # a fixed number, so that the compiler writes them at once
                target[column, top + k] = source[top + k, column]
    for column in range(m):
        for row in range(whole, n):
            target[column, row] = source[row, column]
