from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cramjam
import numpy as np
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decoding.records import PADDING, Broken
from streams.kafka import record_batches
from streams.kafka.codecs import MOST_BYTES, CannotDecompress, decompress
from streams.kafka.record_batches import CutShort, RecordSet
from streams.kafka.record_parser import HEAD, LAST, STATE, read_records
from tests.seeds import examples
from tests.streams.record_sets import (
    APPEND_TIME,
    CODECS,
    HEADER,
    corrupted,
    frames,
    made,
    marker,
    sealed,
    with_attributes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHECK_CRCS = True
SOURCE = "events-0"
FIRST_MS = 1_700_000_000_000


@dataclass
class Read:
    """What was read of a record set."""

    records: list[tuple[int, int, bytes]]
    broken: list[Broken]
    next_offset: int

    @property
    def values(self) -> list[bytes]:
        return [value for _, _, value in self.records]

    @property
    def offsets(self) -> list[int]:
        return [offset for offset, _, _ in self.records]


def read(
    data: bytes, offset: int = 0, *, most: int = 1_000, most_bytes: int = 100_000, check_crcs: bool = True,
    aborted: Iterable[tuple[int, int]] = (),
) -> Read:  # fmt: skip
    """All of a record set, as many records at once as are asked for; what must hold of each part is checked."""
    reader = RecordSet(data, offset, SOURCE, check_crcs=check_crcs, aborted=aborted)
    found = Read([], [], offset)
    while not reader.done:
        batch = reader.take(most, most_bytes)
        records = batch.records
        assert len(records) <= most
        assert records.value_bytes <= most_bytes or len(records) == 1
        assert len(records.data) == records.value_bytes + PADDING
        assert not records.data[records.value_bytes :].any()
        for i in range(len(records)):
            assert found.next_offset <= records.offsets[i] < batch.next_offset
            found.records.append((int(records.offsets[i]), int(records.appended_ms[i]), records.value(i)))
        assert batch.next_offset == reader.next_offset
        assert reader.done or batch.next_offset > found.next_offset, "each part must go on"
        found.broken += records.broken
        found.next_offset = batch.next_offset
    assert found.offsets == sorted(set(found.offsets))
    return found


def of_aiokafka(data: bytes, offset: int, aborted: Iterable[tuple[int, int]], *, committed: bool) -> Read:
    level = READ_COMMITTED if committed else READ_UNCOMMITTED
    records = PartitionRecords(
        TopicPartition("events", 0), MemoryRecords(data), list(aborted), offset, None, None, CHECK_CRCS, level
    )
    read = [(each.offset, each.timestamp, each.value or b"") for each in records]
    return Read(read, [], records.next_fetch_offset)


def numbered(first: int, count: int) -> list[bytes | None]:
    return [b"value %d" % i for i in range(first, first + count)]


@st.composite
def record_sets(draw: st.DrawFn) -> tuple[bytes, int, list[tuple[int, int]]]:
    """A record set, its end, and the aborted transactions that begin in it."""
    data, aborted = bytearray(), list[tuple[int, int]]()
    offset = draw(st.integers(0, 3))
    running: dict[int, int] = {}
    for _ in range(draw(st.integers(1, 6))):
        producer = draw(st.sampled_from((-1, -1, 7, 8)))
        if producer in running and draw(st.booleans()):
            commits = draw(st.booleans())
            data += marker(offset, producer, commits=commits)
            first = running.pop(producer)
            aborted += [] if commits else [(producer, first)]
            offset += 1
            continue
        values = draw(st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=5))
        gap, tail = draw(st.integers(1, 3)), draw(st.integers(0, 2))
        headers = draw(st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=4)), max_size=2))
        batch = made(
            values, codec=draw(st.sampled_from(CODECS)), base_offset=offset, producer_id=producer, gap=gap, tail=tail,
            first_ms=draw(st.integers(-1, 1 << 42)), key=draw(st.none() | st.binary(max_size=5)), headers=headers,
        )  # fmt: skip
        data += with_attributes(batch, APPEND_TIME) if draw(st.booleans()) else batch
        if producer >= 0:
            running.setdefault(producer, offset)
        offset += (len(values) - 1) * gap + tail + 1 + draw(st.integers(0, 2))
    return bytes(data), offset, aborted


@settings(deadline=None)  # the first example may compile
@given(record_sets(), st.data())
def test_it_reads_what_aiokafka_reads(made_set: tuple[bytes, int, list[tuple[int, int]]], data: st.DataObject) -> None:
    whole, end, aborted = made_set
    asked = data.draw(st.integers(0, end - 1))
    raw = sent(whole, asked)
    committed = data.draw(st.booleans())
    expected = of_aiokafka(raw, asked, aborted, committed=committed)
    most, most_bytes = data.draw(st.integers(1, 7)), data.draw(st.integers(0, 90))
    assert read(raw, asked, most=most, most_bytes=most_bytes, aborted=aborted if committed else ()) == expected


def sent(log: bytes, offset: int) -> bytes:
    """What a broker sends: from the first batch on that does not end before the offset that is asked for."""
    for begin, _ in frames(log):
        (base,), (last_delta,) = struct.unpack_from(">q", log, begin), struct.unpack_from(">i", log, begin + 23)
        if base + last_delta >= offset:
            return log[begin:]
    return b""


@pytest.mark.parametrize("codec", CODECS)
def test_large_batches_are_read_in_every_codec(codec: str) -> None:
    values = [b"%d" % i * (i % 97) for i in range(20_000)]
    raw = bytes(made(values, codec=codec, base_offset=5))
    found = read(raw, 6, most=5_000, most_bytes=10 << 20)
    assert found.values == values[1:]
    assert found.offsets == list(range(6, 20_005))
    assert found.next_offset == 20_005


def test_a_batch_is_decompressed_once_however_often_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    codecs: list[int] = []

    def counted(codec: int, data: memoryview) -> Any:
        codecs.append(codec)
        return decompress(codec, data)

    monkeypatch.setattr(record_batches, "decompress", counted)
    assert len(read(bytes(made(numbered(0, 100), codec="lz4")), most=1).records) == 100
    assert codecs == [CODECS.index("lz4")]


def test_what_is_handed_out_is_as_large_as_it_must_be() -> None:
    batch = RecordSet(bytes(made([b"ab", b"c"])), 0, SOURCE).take(5_000, 1 << 20)
    assert batch.records.data.tobytes() == b"abc" + bytes(PADDING)
    for array in (batch.records.ends, batch.records.offsets, batch.records.appended_ms):
        assert array.base is None
        assert array.shape == (2,)
    assert batch.records.data.base is None


def test_the_broker_s_time_counts_where_it_says_so() -> None:
    raw = made(numbered(0, 3), first_ms=FIRST_MS)
    assert [time for _, time, _ in read(bytes(raw)).records] == [FIRST_MS, FIRST_MS + 1, FIRST_MS + 2]
    assert {time for _, time, _ in read(bytes(with_attributes(raw, APPEND_TIME))).records} == {FIRST_MS + 2}


def test_a_value_larger_than_the_bound_goes_alone() -> None:
    raw = bytes(made([b"a", b"b" * 500, b"c"], codec="lz4"))
    taken = RecordSet(raw, 0, SOURCE)
    assert [taken.take(10, 100).records.value(0) for _ in range(3)] == [b"a", b"b" * 500, b"c"]
    assert taken.done


def test_what_follows_the_records_that_are_asked_for_is_passed_at_once() -> None:
    raw = bytes(made(numbered(0, 2), tail=3) + marker(5, 7, commits=True))
    taken = RecordSet(raw, 0, SOURCE)
    assert taken.take(2, 1_000).next_offset == 6
    assert taken.done


def test_a_batch_that_compaction_left_empty_is_passed() -> None:
    empty = made([b"x"], codec="lz4", base_offset=2, tail=4)[:HEADER]
    struct.pack_into(">i", empty, HEADER - 4, 0)
    raw = bytes(made(numbered(0, 2)) + sealed(empty) + made(numbered(7, 1), base_offset=7))
    assert read(raw).offsets == [0, 1, 7]
    assert read(raw).broken == []


# What was cut short


@pytest.mark.parametrize("codec", ["none", "lz4"])
def test_a_batch_that_is_cut_short_is_left_for_the_next_fetch(codec: str) -> None:
    first, second = (bytes(made(numbered(i, 3), codec=codec, base_offset=i)) for i in (0, 3))
    for cut in range(len(first), len(first) + len(second)):
        found = read((first + second)[:cut])
        assert (found.offsets, found.broken, found.next_offset) == ([0, 1, 2], [], 3)
    for cut in range(1, len(first)):
        with pytest.raises(CutShort, match=f"events-0 at offset 1: .* whole record batch, got {cut} bytes"):
            read(first[:cut], 1)


def test_a_set_that_does_not_reach_what_was_asked_for_is_not_passed_over() -> None:
    with pytest.raises(CutShort):
        read(bytes(made(numbered(0, 3))), 3)


def test_no_bytes_are_no_records() -> None:
    assert read(b"", 5) == Read([], [], 5)


# What is broken


def three(codec: str) -> tuple[bytes, int, int]:
    """Three batches of three records, and where the one in the middle begins and ends."""
    batches = [bytes(made(numbered(i, 3), codec=codec, base_offset=i)) for i in (0, 3, 6)]
    return b"".join(batches), len(batches[0]), len(batches[0]) + len(batches[1])


def fetched(raw: bytes, *, check_crcs: bool) -> Read:
    """All of a log that a broker sends whole, from the batch on that holds the offset asked for; nine records."""
    found = Read([], [], 0)
    for _ in range(20):
        if found.next_offset >= 9:
            return found
        more = read(raw, found.next_offset, check_crcs=check_crcs)
        assert more.next_offset > found.next_offset
        found = Read(found.records + more.records, found.broken + more.broken, more.next_offset)
    raise AssertionError("it should come to the end")


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_no_byte_that_is_covered_by_the_checksum_changes_unseen(codec: str, mask: int) -> None:
    raw, begin, end = three(codec)
    for at in range(begin + 16, end):  # magic, checksum, and all behind it
        damaged = bytearray(raw)
        damaged[at] ^= mask
        found = read(bytes(damaged))
        assert found.values == [*numbered(0, 3), *numbered(6, 3)], at
        assert [(each.first_offset, each.last_offset) for each in found.broken] == [(3, 5)], at
        assert found.next_offset == 9


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("check_crcs", [True, False])
def test_a_changed_byte_anywhere_ends_nothing(codec: str, check_crcs: bool) -> None:
    raw, begin, end = three(codec)
    for at in range(begin, end):
        for mask in (0x01, 0x02, 0x10, 0x40, 0x80, 0xFF):
            damaged = bytearray(raw)
            damaged[at] ^= mask
            try:
                fetched(bytes(damaged), check_crcs=check_crcs)
            except CutShort:
                assert begin + 8 <= at < begin + 12, "only the length"


@pytest.mark.parametrize("codec", CODECS)
def test_the_last_batch_of_a_set_is_lost_no_further_than_it_goes(codec: str) -> None:
    whole = made(numbered(0, 3), codec=codec)
    for at in range(16, len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        found = read(bytes(damaged))
        assert found.records == []
        assert [each.first_offset for each in found.broken] == [0]
        assert found.next_offset <= 3


def test_the_records_before_a_broken_one_count() -> None:
    batch = made([b"first", b"second", b"third"], base_offset=10)
    at = batch.index(b"second") - 1
    assert batch[at] == len(b"second") * 2  # a zigzag varint
    batch[at] = 99
    raw = bytes(sealed(batch) + made([b"after"], base_offset=13))
    found = read(raw, 10)
    assert found.values == [b"first", b"after"]
    message = "record 2 of 3 at offset 11 must be whole, got an impossible value"
    assert found.broken == [Broken(11, 12, message)]


def test_a_body_that_cannot_be_decompressed_is_lost_as_a_whole() -> None:
    raw = bytes(corrupted(made(numbered(0, 3), codec="zstd")) + made([b"after"], base_offset=3))
    found = read(raw, 1)
    assert found.values == [b"after"]
    (broken,) = found.broken
    assert (broken.first_offset, broken.last_offset) == (1, 2)
    assert broken.message.startswith("record batch at offset 0 must be zstd of at most 67108864 bytes, got: ")


def test_a_codec_that_does_not_exist_is_named() -> None:
    (broken,) = read(bytes(with_attributes(made(numbered(0, 3)), 7))).broken
    assert broken.message == (
        "record batch at offset 0 must be compressed by one of none, gzip, snappy, lz4, zstd, got codec 7"
    )


@pytest.mark.parametrize("magic", [0, 1, 3])
def test_other_layouts_are_refused(magic: int) -> None:
    old = made(numbered(0, 3))
    old[16] = magic
    found = read(bytes(old + made([b"after"], base_offset=3)))
    assert found.values == [b"after"]
    message = f"record batch at offset 0 must be of magic 2, got {magic} in {len(old)} bytes"
    assert found.broken == [Broken(0, 2, message)]


def test_fewer_records_than_the_header_says_are_said() -> None:
    batch = made(numbered(0, 3))
    struct.pack_into(">i", batch, HEADER - 4, 4)
    assert read(bytes(sealed(batch))).broken == []  # all of its offsets were read
    struct.pack_into(">i", batch, HEADER - 4, 2)
    found = read(bytes(sealed(batch)))
    assert found.offsets == [0, 1]
    assert found.broken == [Broken(2, 2, "record batch at offset 0 must end with its record 2, got more bytes")]


def test_a_batch_that_goes_back_is_lost_not_read_under_other_offsets() -> None:
    raw = bytes(made(numbered(0, 3)) + made(numbered(3, 3), base_offset=1) + made(numbered(6, 3), base_offset=6))
    found = read(raw)
    assert found.offsets == [0, 1, 2, 6, 7, 8]
    assert found.values == [*numbered(0, 3), *numbered(6, 3)]
    assert [(each.first_offset, each.last_offset) for each in found.broken] == [(3, 5)]


# What a hostile producer may write: the checksum fits


@settings(max_examples=examples(300))
@given(st.binary(max_size=120), st.integers(-3, 9), st.integers(0, 9), st.sampled_from(CODECS))
def test_any_bytes_end_as_records_or_as_broken(body: bytes, count: int, last_delta: int, codec: str) -> None:
    batch = made([b""], codec=codec, tail=last_delta)
    struct.pack_into(">i", batch, HEADER - 4, count)
    raw = bytes(sealed(batch[:HEADER] + body) + made([b"after"], base_offset=last_delta + 1))
    found = read(raw, most=2)
    assert found.values[-1] == b"after"
    assert found.next_offset == last_delta + 2
    broken = {offset for each in found.broken for offset in range(each.first_offset, each.last_offset + 1)}
    assert not broken & set(found.offsets)


@settings(max_examples=examples(300))
@given(st.data())
def test_no_byte_outside_the_batch_is_read(data: st.DataObject) -> None:
    outside = 0xEE
    records = bytes(made([b"one", b"two", None, b"three"], key=b"k"))[HEADER:]
    changed = bytearray(records)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, outside - 1))
    room = np.full(len(changed) + 400, outside, np.uint8)
    body = room[200 : 200 + len(changed)]
    body[:] = changed
    body.flags.writeable = False
    head, state = np.zeros(HEAD, np.int64), np.zeros(STATE, np.int64)
    head[:3], state[LAST] = (9, 0, 100), -1
    values, numbers = np.zeros(500, np.uint8), [np.zeros(9, np.int64) for _ in range(3)]
    read_records(body, head, state, values, *numbers)
    assert outside not in values


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd", "snappy"])
def test_a_few_bytes_that_say_a_gigabyte_are_refused(codec: str) -> None:
    module: Any = getattr(cramjam, codec)
    compress = module.compress_raw if codec == "snappy" else module.compress
    bomb = bytes(compress(bytes(MOST_BYTES + 1)))
    with pytest.raises(CannotDecompress, match=f"must be {codec} of at most {MOST_BYTES} bytes, got: "):
        decompress(CODECS.index(codec), memoryview(bomb))
    whole = bytes(compress(bytes(MOST_BYTES)))
    assert len(decompress(CODECS.index(codec), memoryview(whole))) == MOST_BYTES


def snappy_streams() -> Iterator[bytes]:
    header = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    block = bytes(cramjam.snappy.compress_raw(b"abc"))
    for size in (-1, 0, len(block) + 1, 1 << 30, -(1 << 31)):
        yield header + struct.pack(">i", size) + block
    yield header + b"\0\0"
    yield b"\xff\xff\xff\xff\xff\xff"


@pytest.mark.parametrize("stream", list(snappy_streams()))
def test_snappy_blocks_of_impossible_sizes_are_refused(stream: bytes) -> None:
    with pytest.raises(CannotDecompress, match="must be snappy"):
        decompress(CODECS.index("snappy"), memoryview(stream))


def test_snappy_is_read_with_and_without_frames() -> None:
    block = bytes(cramjam.snappy.compress_raw(b"abc"))
    framed = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1) + (struct.pack(">i", len(block)) + block) * 2
    assert decompress(2, memoryview(block)).tobytes() == b"abc"
    assert decompress(2, memoryview(framed)).tobytes() == b"abcabc"


# Transactions


def test_aborted_transactions_are_left_out_between_others_of_the_same_producer() -> None:
    batches = [
        made([b"aborted"], base_offset=0, producer_id=7),
        made([b"other"], base_offset=1, producer_id=8),
        made([b"plain"], base_offset=2),
        marker(3, 7, commits=False),
        made([b"later"], base_offset=4, producer_id=7),
        marker(5, 8, commits=True),
        marker(6, 7, commits=True),
    ]
    raw = b"".join(map(bytes, batches))
    assert read(raw, aborted=[(7, 0)]).values == [b"other", b"plain", b"later"]
    assert read(raw, aborted=[(7, 0)]).next_offset == 7
    assert read(raw).values == [b"aborted", b"other", b"plain", b"later"]
