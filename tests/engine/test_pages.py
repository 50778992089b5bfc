from __future__ import annotations

import struct
import sys
import threading
import zlib
from typing import TYPE_CHECKING, Any

import cramjam
import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.checkpoint import pages
from engine.checkpoint.pages import FORMAT, MAGIC, MAX_BYTES, Damaged, Page, decode, encode
from engine.features.event import CONTRACT
from engine.features.families.registry import FAMILIES
from engine.features.rows import row_dtype

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROW, _ = row_dtype(FAMILIES)
PREFIX = struct.Struct("<4s5I")
PADDED = np.dtype([("a", np.uint8), ("b", np.int64), ("c", np.int16, (2, 3)), ("d", "S3")], align=True)


def made_of(dtype: np.dtype[Any], *, align: bool) -> np.dtype[Any]:
    """The same fields without titles; with padding between them if aligned, in those of nested structures too."""
    if dtype.subdtype is not None:
        return np.dtype((made_of(dtype.base, align=align), dtype.shape))
    if dtype.fields is None or dtype.names is None:
        return dtype
    return np.dtype([(name, made_of(dtype.fields[name][0], align=align)) for name in dtype.names], align=align)


nested = hnp.nested_dtypes(hnp.scalar_dtypes(), max_leaves=8, max_itemsize=200)
dtypes = hnp.scalar_dtypes() | st.builds(lambda dtype, align: made_of(dtype, align=align), nested, st.booleans())


@st.composite
def arrays(draw: st.DrawFn) -> NDArray[Any]:
    """Arrays of any bytes, also those of padding; often mostly 0."""
    dtype = draw(dtypes)
    if dtype.subdtype is not None:
        dtype = dtype.base
    array: NDArray[Any] = np.ndarray(draw(st.integers(0, 40)), dtype)
    if array.nbytes:
        low, high = draw(st.sampled_from([(0, 256), (0, 2), (-20, 3)]))
        seed = draw(st.integers(0, 2**32 - 1))
        drawn = np.random.default_rng(seed).integers(low, high, array.nbytes)
        bytes_of(array)[:] = np.maximum(drawn, 0).astype(np.uint8).reshape(len(array), -1)
    return array


facts = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
whole_pages = st.builds(
    Page,
    st.text(max_size=10),
    st.dictionaries(st.text(max_size=5), facts, max_size=3),
    st.dictionaries(st.text(max_size=5), arrays(), max_size=4),
)


def bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array[:, None].view(np.uint8)


def assert_same(got: Page, want: Page) -> None:
    assert (got.kind, got.notes, list(got.arrays)) == (want.kind, want.notes, list(want.arrays))
    for name, array in want.arrays.items():
        back = got.arrays[name]
        assert back.dtype == array.dtype
        assert back.dtype.isalignedstruct == array.dtype.isalignedstruct
        assert len(back) == len(array)
        assert not array.nbytes or np.array_equal(bytes_of(back), bytes_of(array))


def filled(dtype: np.dtype[Any], count: int, seed: int = 1) -> NDArray[Any]:
    """Half of the bytes are 0."""
    array = np.empty(count, dtype)
    drawn = np.random.default_rng(seed).integers(-255, 256, (count, dtype.itemsize))
    bytes_of(array)[:] = np.maximum(drawn, 0).astype(np.uint8)
    return array


def sample() -> Page:
    keys = np.random.default_rng(2).integers(0, 2**64, 50, np.uint64)
    return Page("sample", {"first": 3, "of": ["x", None]}, {"rows": filled(ROW, 9), "keys": keys, "none": keys[:0]})


def sealed(content: bytes, header_bytes: int, *, version: int = FORMAT, size: int | None = None) -> bytes:
    """A page with its checksum right, whatever is in it."""
    packed = bytes(cramjam.zstd.compress(content, 1))
    size = len(content) if size is None else size
    prefix = PREFIX.pack(MAGIC, version, len(packed), size, header_bytes, 0)[:-4]
    return prefix + zlib.crc32(prefix + packed).to_bytes(4, "little") + packed


def unsealed(raw: bytes) -> tuple[bytes, int]:
    *_, header_bytes, _ = PREFIX.unpack_from(raw)
    return bytes(cramjam.zstd.decompress(raw[PREFIX.size :])), header_bytes


@given(whole_pages)
@settings(deadline=None)
@example(Page("", {}, {}))
@example(Page("empty", {}, {"rows": np.empty(0, ROW), "keys": np.empty(0, np.uint64)}))
@example(Page("of no size", {}, {"a": np.ndarray(3, "V0"), "b": np.ndarray(2, "S0"), "c": np.ndarray(1, [])}))
def test_any_page_comes_back_to_the_byte(page: Page) -> None:
    assert_same(decode(encode(page)), page)


@pytest.mark.parametrize("dtype", [ROW, CONTRACT, PADDED, np.dtype(">u4"), np.dtype("M8[25s]"), np.dtype("U3")])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 1_003])
def test_what_a_partition_holds_comes_back_with_padding_and_alignment(dtype: np.dtype[Any], count: int) -> None:
    page = Page("rows", {}, {"rows": filled(dtype, count)})
    assert_same(decode(encode(page)), page)


def test_fields_that_overlap_or_lie_out_of_order_come_back() -> None:
    dtype = np.dtype({"names": ["b", "a"], "formats": ["<i4", "<i8"], "offsets": [9, 3], "itemsize": 20})
    page = Page("odd", {}, {"odd": filled(dtype, 21)})
    assert_same(decode(encode(page)), page)


def test_equal_dtypes_that_differ_in_alignment_come_back_as_they_were() -> None:
    loose = np.dtype({"names": ["a"], "formats": ["<i8"], "offsets": [0], "itemsize": 8})
    for dtype in (loose, np.dtype([("a", "<i8")], align=True), loose):
        page = Page("rows", {}, {"rows": filled(dtype, 3)})
        assert_same(decode(encode(page)), page)


def test_how_an_array_lies_in_memory_does_not_show() -> None:
    array = filled(PADDED, 60)
    fixed = array[10:40:3].copy()
    bytes_of(fixed)[:] = bytes_of(array[10:40:3])
    fixed.flags.writeable = False
    want = encode(Page("rows", {}, {"rows": fixed}))
    assert encode(Page("rows", {}, {"rows": array[10:40:3]})) == want
    assert encode(Page("rows", {}, {"rows": fixed.view(np.recarray)})) == want


def test_what_comes_back_can_be_written() -> None:
    back = decode(encode(sample())).arrays["rows"]
    back["clock_ms"] += 1
    assert back.flags.owndata


def test_the_same_page_gives_the_same_bytes() -> None:
    assert encode(sample()) == encode(sample())


def test_rows_that_are_mostly_zero_become_small() -> None:
    rows = np.zeros(400, ROW)
    rows["clock_ms"] = np.arange(400) * 1000 + 1_700_000_000_000
    rows["hour_minor"] = np.random.default_rng(1).integers(0, 60_000, (400, 24))
    assert len(encode(Page("rows", {}, {"rows": rows}))) < 400 * 60


SAMPLE = encode(sample())


@given(st.sets(st.integers(0, 8 * len(SAMPLE) - 1), min_size=1, max_size=3))
@example({0})
@example({8 * PREFIX.size - 1})
def test_flipped_bits_are_damage(flips: set[int]) -> None:
    raw = bytearray(SAMPLE)
    for flip in flips:
        raw[flip // 8] ^= 1 << flip % 8
    with pytest.raises(Damaged):
        decode(bytes(raw))


@given(st.integers(0, len(SAMPLE) - 1))
@example(0)
@example(PREFIX.size)
def test_a_page_cut_short_is_damage(length: int) -> None:
    with pytest.raises(Damaged):
        decode(SAMPLE[:length])


@given(st.binary(min_size=1, max_size=40))
def test_a_page_with_something_after_it_is_damage(more: bytes) -> None:
    with pytest.raises(Damaged, match="bytes it says"):
        decode(SAMPLE + more)


@given(st.binary(max_size=200), st.sampled_from([b"", MAGIC, SAMPLE[:8], SAMPLE[:20]]))
def test_foreign_bytes_are_damage(body: bytes, start: bytes) -> None:
    with pytest.raises(Damaged):
        decode(start + body)


@given(st.data())
@settings(deadline=None)
def test_forged_content_is_damage_or_another_page_and_nothing_else(data: st.DataObject) -> None:
    content, header_bytes = unsealed(SAMPLE)
    forged = bytearray(content)
    within = header_bytes if data.draw(st.booleans()) else len(content)
    for at, byte in data.draw(st.dictionaries(st.integers(0, within - 1), st.integers(0, 255), max_size=4)).items():
        forged[at] = byte
    checkpoint = data.draw(st.integers(0, 3))
    raw = sealed(bytes(forged[: len(forged) - checkpoint]), max(0, header_bytes + data.draw(st.integers(-2, 2))))
    try:
        page = decode(raw)
    except Damaged:
        return
    assert sum(array.nbytes for array in page.arrays.values()) <= MAX_BYTES


def of_header(*entries: list[object]) -> bytes:
    header = msgspec.msgpack.encode(["kind", {}, list(entries)])
    return sealed(header, len(header))


def schema(kind: str, size: int, shape: tuple[int, ...] = (), fields: list[object] | None = None) -> bytes:
    return msgspec.msgpack.encode(["", 0, shape, kind, size, False, fields])


FIELD = ["a", 0, [], "<i8", 8, False, None]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "at least 24 bytes, got 0"),
        (b"SQLite format 3\0" * 2, r"begin with b'TWPG', got b'SQLi'"),
        (sealed(b"", 0, version=2), "format must be 1, got 2"),
        (SAMPLE[:-1], rf"the {len(SAMPLE):,} bytes it says, got {len(SAMPLE) - 1:,}"),
        (SAMPLE[:-1] + bytes([SAMPLE[-1] ^ 1]), "checksum must be [0-9a-f]{8}, got [0-9a-f]{8}"),
        (sealed(b"", 0, size=MAX_BYTES + 1), "0 to 67,108,864 bytes, got 67,108,865"),
        (sealed(b"ab", 3), "content must have 3 to"),
        (sealed(b"ab", 0, size=1), "1 bytes compressed by zstd: "),
        (sealed(b"ab", 0, size=3), "must have 3 bytes, got 2"),
        (sealed(b"", 0), "header must be readable: Input data was truncated"),
        (of_header(["a", -1, schema("<i8", 8)]), r"readable: .*int` >= 0"),
        (of_header(["a", 2**40, schema("<i8", 8)]), "readable: .*int` <= 67108864"),
        (of_header(["a", 1, b"?"]), "readable: "),
        (of_header(["a", 1, schema("|O", 8)]), "readable: .*matching regex"),
        (of_header(["a", 1, schema("i4,i4", 8)]), "readable: .*matching regex"),
        (of_header(["a", 1, schema("<i9", 9)]), "readable: .*i9"),
        (of_header(["a", 1, schema("<i8", 4)]), "readable: type must be <i8 of 4 bytes, got <i8 of 8"),
        (of_header(["a", 1, schema("|V8", 8, (-1,), [FIELD])]), "readable: "),
        (of_header(["a", 1, schema("|V8", 8, (2**62,), [FIELD])]), "readable: "),
        (of_header(["a", 1, schema("|V4", 4, (), [FIELD])]), "readable: "),
        (of_header(["a", 1, schema("|V8", 2**62, (), [FIELD])]), "readable: "),
        (of_header(["a", 1, schema("|V8", 8, (), [["a", 2**63, *FIELD[2:]]])]), "readable: "),
        (sealed(b"\x93\xa0\x81\xa1a" + b"\x91" * 9999 + b"\x90\x90", 10_006), "readable: .*recursion"),
        (of_header(["a", 1, schema("|V8", 8, (), [FIELD, FIELD])]), "readable: "),
        (of_header(["a", 2**26, schema("<i8", 8)]), "arrays must have at most 67,108,864 bytes, got 536,870,912"),
        (of_header(["a", 1, schema("<i8", 8)]), r"must have at least \d+ bytes, got \d+"),
        (of_header(["a", 0, schema("<i8", 8)], ["a", 0, schema("<i8", 8)]), r"differ in name, got \['a', 'a'\]"),
        (sealed(unsealed(of_header())[0] + b"!", len(unsealed(of_header())[0])), r"must have \d+ bytes, got \d+"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_damage_says_what_was_expected_and_what_came(raw: bytes, message: str) -> None:
    with pytest.raises(Damaged, match=message):
        decode(raw)


def test_an_array_that_ends_within_a_word_is_filled_with_zero() -> None:
    for _ in range(100):
        content, header_bytes = unsealed(encode(Page("k", {}, {"a": np.array([7, 0, 9], np.uint8)})))
        assert content[header_bytes:] == bytes([0b101, 7, 9])


def test_masks_that_stand_for_more_than_there_is_are_damage() -> None:
    content, header_bytes = unsealed(encode(Page("k", {}, {"a": np.arange(1, 9, dtype=np.uint8)})))
    assert content[header_bytes:] == bytes([255, 1, 2, 3, 4, 5, 6, 7, 8])
    with pytest.raises(Damaged, match="must have at least"):
        decode(sealed(content[:-1], header_bytes))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2)), "'a' must have 1 dimension, got 2"),
        (np.array([None]), "without objects, got object"),
        (np.zeros(1, [("x", "O")]), "without objects"),
        (np.zeros(1, [(("title", "x"), "i4")]), "the same by its names"),
        (np.zeros(MAX_BYTES, np.uint8), "at most 67,108,864 bytes, got up to 75,"),
    ],
)
def test_what_cannot_be_kept_is_refused(array: NDArray[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode(Page("k", {}, {"a": array}))


def test_a_note_that_msgpack_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="complex"):
        encode(Page("k", {"a": 1j}, {}))


ROOM = np.zeros(9 * 2**18, np.uint8)
BYTES = np.ones((2**10, 2**11), np.uint8)
PACKED = np.append(np.full(2**18, 255, np.uint8), np.ones(2**21 + 1, np.uint8))
COMPRESSED = bytes(cramjam.zstd.compress(PACKED.data, 1))


@pytest.mark.parametrize(
    "work",
    [
        lambda: pages._pack(BYTES, ROOM),
        lambda: pages._unpack(PACKED, BYTES),
        lambda: cramjam.zstd.compress(ROOM.data, -1),
        lambda: cramjam.zstd.decompress_into(COMPRESSED, np.empty_like(PACKED).data),
        lambda: zlib.crc32(ROOM.data),
    ],
    ids=["pack", "unpack", "compress", "decompress", "checksum"],
)
def test_other_threads_run_on_meanwhile(work: Callable[[], object]) -> None:
    work()
    begun, seen = threading.Event(), threading.Event()
    found = []

    def repeat() -> None:
        begun.set()
        for _ in range(500):
            work()
            if seen.is_set():
                break
        found.append(seen.is_set())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # the lock changes hands only where it is released
    try:
        thread = threading.Thread(target=repeat)
        thread.start()
        begun.wait()
        seen.set()
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert found == [True]
