"""Kafka's compression codecs, within bounds: what a record batch may come to is limited."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any

import cramjam
import numpy as np

from domain.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

MOST_BYTES = 1 << 26
"""What a batch may come to, 64 MiB: brokers take 1 MiB compressed by default, and that can say a gigabyte."""
_FIRST_GUESS = 16
_LEAST_ROOM = 1 << 16
_NO_ROOM = "failed to write whole buffer"
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_BLOCK = struct.Struct(">i")


class CannotDecompress(RecordError):
    """Bytes that are not what their codec says, or come to too much; the message goes on from "the batch …"."""


def decompress(codec: int, data: memoryview) -> NDArray[np.uint8]:
    """What `data` comes to, read only.

    Args:
        codec: Kafka's number: 0 none, 1 gzip, 2 snappy (framed as by xerial's library, or not), 3 lz4, 4 zstd.
        data: compressed.

    Raises:
        CannotDecompress: it cannot be, to at most `MOST_BYTES`.
    """
    if codec not in _CODECS:
        raise CannotDecompress(f"must be compressed by one of {', '.join(_NAMES)}, got codec {codec}")
    try:
        body: NDArray[np.uint8] = _CODECS[codec](data)
    except (cramjam.DecompressionError, struct.error, ValueError) as error:
        raise CannotDecompress(f"must be {_NAMES[codec]} of at most {MOST_BYTES} bytes, got: {error}") from error
    body.flags.writeable = False
    return body


def _plain(data: memoryview) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _bounded(into: Callable[[memoryview, Any], int], data: memoryview) -> NDArray[np.uint8]:
    """Decompress into more and more room."""
    room = max(_FIRST_GUESS * len(data), _LEAST_ROOM)
    while True:
        room = min(room, MOST_BYTES)
        body = np.empty(room, np.uint8)
        try:
            return body[: into(data, body)]
        except cramjam.DecompressionError as error:
            if room == MOST_BYTES or _NO_ROOM not in str(error):
                raise
        room *= _FIRST_GUESS


def _snappy(data: memoryview) -> NDArray[np.uint8]:
    blocks = list(_xerial_blocks(data)) if data[: len(_XERIAL)] == _XERIAL else [data]
    sizes = [int(cramjam.snappy.decompress_raw_len(block)) for block in blocks]
    if sum(sizes) > MOST_BYTES:
        raise ValueError(f"{sum(sizes)} bytes")
    body = bytearray(sum(sizes))
    at, room = 0, memoryview(body)
    for block, size in zip(blocks, sizes, strict=True):
        cramjam.snappy.decompress_raw_into(block, room[at : at + size])
        at += size
    return np.frombuffer(body, np.uint8)


def _xerial_blocks(data: memoryview) -> Iterator[memoryview]:
    at = _XERIAL_HEADER
    while at < len(data):
        (size,) = _BLOCK.unpack_from(data, at)
        at += _BLOCK.size
        if not 0 < size <= len(data) - at:
            raise ValueError(f"a block of {size} bytes of {len(data) - at}")
        yield data[at : at + size]
        at += size


_NAMES = ("none", "gzip", "snappy", "lz4", "zstd")
_CODECS: dict[int, Any] = {
    0: _plain,
    1: partial(_bounded, cramjam.gzip.decompress_into),
    2: _snappy,
    3: partial(_bounded, cramjam.lz4.decompress_into),
    4: partial(_bounded, cramjam.zstd.decompress_into),
}
