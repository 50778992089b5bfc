"""The two hashes of the engine: ours for look-up and equality, Kafka's for the choice of a partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engine.jit import i64, njit_cached, njit_inline, njit_inner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    def load64(data: NDArray[np.uint8], at: int) -> np.uint64:
        """Eight bytes of `data` from `at`, little-endian; the caller keeps `at + 8` within it."""
        ...

    def trailing_zeros(x: np.uint64) -> int:
        """Number of zero bits below the lowest set bit of `x`; `x` is not 0."""
        ...

    def count_ones(x: np.uint64) -> int:
        """Number of set bits of `x`."""
        ...

    def prefetch(array: NDArray[Any], byte: int) -> None:
        """Have the cache line at `byte` bytes from the array's beginning fetched, for it will be read soon."""
        ...

else:
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    @intrinsic
    def load64(typingctx: Any, data: Any, at: Any) -> Any:  # noqa: ARG001  (numba's signature)
        """Eight bytes of `data` from `at` in one unaligned load."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, args[0])
            word = cgutils.pointer_add(builder, array.data, args[1], ir.IntType(64).as_pointer())
            return builder.load(word, align=1)

        return types.uint64(data, types.intp), generate

    @intrinsic
    def trailing_zeros(typingctx: Any, x: Any) -> Any:  # noqa: ARG001  (numba's signature)
        """Count of trailing zero bits."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
            return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

        return types.int64(types.uint64), generate

    @intrinsic
    def count_ones(typingctx: Any, x: Any) -> Any:  # noqa: ARG001  (numba's signature)
        """Count of set bits."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
            return builder.ctpop(args[0])

        return types.int64(types.uint64), generate

    @intrinsic
    def prefetch(typingctx: Any, array: Any, byte: Any) -> Any:  # noqa: ARG001  (numba's signature)
        """Fetch a cache line ahead of time."""

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            start = builder.bitcast(data, ir.IntType(8).as_pointer())
            place = cgutils.pointer_add(builder, start, args[1])
            one, word = ir.IntType(32), ir.Constant
            kind = ir.FunctionType(ir.VoidType(), [place.type, one, one, one])
            fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            builder.call(fetch, [place, word(one, 0), word(one, 3), word(one, 1)])
            return context.get_dummy_value()

        return types.void(array, types.intp), generate


_M1 = np.uint64(0x9E3779B97F4A7C15)
_M2 = np.uint64(0xD6E8FEB86659FD93)
_32 = np.uint64(32)
HASH_SEED = np.uint64(0x2545F4914F6CDD1D)
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: multiples of it differ in all their bits."""


@njit_inner
def mix64(x: np.uint64) -> np.uint64:
    """Spread the bits of `x`: a bijection on 64 bits."""
    x = (x ^ (x >> _32)) * _M2
    x = (x ^ (x >> _32)) * _M2
    return x ^ (x >> _32)


@njit_inline
def hash_as(h: np.uint64, what: int) -> np.uint64:
    """What a keyed hash is looked up as, never 0: nobody who does not know the secret can make two of them one."""
    key: np.uint64 = mix64(h ^ np.uint64(what) * GOLDEN)
    return key if key != np.uint64(0) else np.uint64(1)


@njit_inline
def tag_of(h: np.uint64) -> int:
    """Sixteen bits of a hash, never 0: of 65,536 pairs two are taken for one."""
    return i64(h >> np.uint64(48)) | 1


@njit_inner
def hash_step(h: np.uint64, word: np.uint64) -> np.uint64:
    """Take eight more bytes into the running hash."""
    h = (h ^ word) * _M1
    return h ^ (h >> _32)


@njit_inner
def hash_end(h: np.uint64, tail: np.uint64, length: int) -> np.uint64:
    """Finish a hash with the last 0 to 7 bytes; never 0, which means "no value" in every hash column."""
    h = mix64(((h ^ tail) * _M1) ^ np.uint64(length))
    return h if h != np.uint64(0) else np.uint64(1)


@njit_inline
def hash64(data: NDArray[np.uint8], start: int, end: int) -> np.uint64:
    """Hash of `data[start:end]`, 1 to 2**64 - 1."""
    h = HASH_SEED
    at = start
    while at + 8 <= end:
        h = hash_step(h, load64(data, at))
        at += 8
    tail = np.uint64(0)
    shift = np.uint64(0)
    while at < end:
        tail |= np.uint64(data[at]) << shift
        shift += np.uint64(8)
        at += 1
    return hash_end(h, tail, end - start)


@njit_inline
def murmur2(data: NDArray[np.uint8], start: int, end: int) -> int:
    """Kafka's murmur2 of `data[start:end]`, made positive as its default partitioner does."""
    m = np.uint32(0x5BD1E995)
    r = np.uint32(24)
    h = np.uint32(0x9747B28C) ^ np.uint32(end - start)
    at = start
    while at + 4 <= end:
        k = (
            np.uint32(data[at])
            | np.uint32(data[at + 1]) << np.uint32(8)
            | np.uint32(data[at + 2]) << np.uint32(16)
            | np.uint32(data[at + 3]) << np.uint32(24)
        )
        k = np.uint32(k * m)
        k ^= k >> r
        k = np.uint32(k * m)
        h = np.uint32(h * m)
        h ^= k
        at += 4
    rest = end - at
    if rest == 3:
        h ^= np.uint32(data[at + 2]) << np.uint32(16)
    if rest >= 2:
        h ^= np.uint32(data[at + 1]) << np.uint32(8)
    if rest >= 1:
        h ^= np.uint32(data[at])
        h = np.uint32(h * m)
    h ^= h >> np.uint32(13)
    h = np.uint32(h * m)
    h ^= h >> np.uint32(15)
    return int(h & np.uint32(0x7FFFFFFF))


@njit_cached
def _hash64_bytes(data: NDArray[np.uint8]) -> np.uint64:
    return hash64(data, 0, len(data))


@njit_cached
def _murmur2_bytes(data: NDArray[np.uint8]) -> int:
    return murmur2(data, 0, len(data))


def partitions_of(
    data: NDArray[np.uint8], start: NDArray[np.int32], length: NDArray[np.int32], partitions: int
) -> NDArray[np.int32]:
    """The partition of each key `data[start : start + length]`, as `partition_of` gives it."""
    out = np.empty(len(start), np.int32)
    _partitions_of(data, start, length, partitions, out)
    return out


@njit_cached
def _partitions_of(
    data: NDArray[np.uint8],
    start: NDArray[np.int32],
    length: NDArray[np.int32],
    partitions: int,
    out: NDArray[np.int32],
) -> None:
    for i in range(len(start)):
        out[i] = murmur2(data, start[i], start[i] + length[i]) % partitions


def hash_of(text: str) -> int:
    """`hash64` of the UTF-8 of `text`."""
    return int(_hash64_bytes(np.frombuffer(text.encode(), np.uint8)))


def partition_of(key: bytes, partitions: int) -> int:
    """The partition Kafka's default partitioner gives `key`, 0 ≤ result < `partitions`.

    >>> partition_of(b"898210154110002", 4)
    0
    """
    return _murmur2_bytes(np.frombuffer(key, np.uint8)) % partitions
