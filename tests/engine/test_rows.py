from __future__ import annotations

import json
import random
from functools import cache

import numpy as np
import pytest

from domain.events import MERCHANT_ID, Reason
from engine.decoding.hashing import HASH_SEED, hash_of
from engine.decoding.records import Records
from engine.features.families import fees, lifetime, volume
from engine.features.identity import keyed_of
from engine.features.rows import HEADER, ID_BYTES, Rows, reindex, row_dtype
from engine.monitor import Monitor, MonitorConfig

DTYPE, KEEP = row_dtype((lifetime,))
NOW_MS = 1_783_224_000_000
pytestmark = pytest.mark.timeout(300)  # the kernel may have to be compiled
M1, MASK = 0x9E3779B97F4A7C15, 2**64 - 1


def enter(rows: Rows, merchant_id: str, under: str = "") -> int:
    """Give the merchant the next row; under the keyed hash of another id, too, if one is given."""
    rows.make_room(1)
    r = int(rows.count[0])
    row = rows.rows[r]
    raw = merchant_id.encode()
    row["merchant_hash"] = hash_of(merchant_id)
    row["id_length"] = len(raw)
    row["id"][: len(raw)] = np.frombuffer(raw, np.uint8)
    rows.count[0] = r + 1
    rows.index.hash[:] = 0
    reindex(rows.rows, r + 1, rows.index, rows.secret)
    if under:
        h = keyed_of(under.encode(), rows.secret)
        at = h % len(rows.index.hash)
        rows.index.hash[at], rows.index.row[at] = h, r
    return r


@cache
def one_hash() -> tuple[str, str]:
    """Two merchant ids of one and the same 64-bit hash: the second word makes good what the first did."""

    def step(word: int) -> int:
        h = (int(HASH_SEED) ^ word) * M1 & MASK
        return h ^ h >> 32

    rng = random.Random(1)
    a = b"8982101541100021"
    while True:
        first = "".join(rng.choices("0123456789", k=8)).encode()
        second = step(int.from_bytes(a[:8], "little")) ^ int.from_bytes(a[8:], "little")
        second ^= step(int.from_bytes(first, "little"))
        b = first + second.to_bytes(8, "little")
        if all(0x20 <= each < 0x7F and each not in b'"\\' for each in b):
            return a.decode(), b.decode()


def sale(k: int, merchant_id: str, amount: int) -> bytes:
    event = {
        "txn_id": f"t{k}",
        "merchant_id": merchant_id,
        "amount": amount,
        "currency": "CNY",
        "event_time": NOW_MS,
    }
    return json.dumps(event).encode()


def test_a_merchant_is_found_by_its_own_id_even_if_anothers_hash_is_the_same() -> None:
    rows = Rows(DTYPE, 10)
    first = enter(rows, "first", under="wanted")
    assert rows.find("wanted") == -1
    wanted = enter(rows, "wanted")
    assert (rows.find("wanted"), rows.id_of(first), rows.id_of(wanted)) == (1, "first", "wanted")


@pytest.mark.parametrize("other", ["wante", "wantedd", "wantee", "Wanted", "wanted\x7f", "w"])
def test_an_id_that_is_nearly_the_same_is_another(other: str) -> None:
    rows = Rows(DTYPE, 10)
    enter(rows, other, under="wanted")
    assert rows.find("wanted") == -1


@pytest.mark.usefixtures("warm_kernel")
def test_two_merchants_of_one_hash_are_never_merged() -> None:
    a, b = one_hash()
    assert a != b
    assert hash_of(a) == hash_of(b)
    monitor = Monitor(MonitorConfig(capacity=10))
    values = [sale(k, merchant, amount) for k, (merchant, amount) in enumerate([(a, 1), (b, 20), (a, 300), (b, 4_000)])]
    for value in values:
        monitor.process(Records.of([value], appended_ms=NOW_MS))
    assert [(each.merchant_id, each.sales, each.sales_minor) for each in monitor.totals()] == [
        (a, 2, 301),
        (b, 2, 4_020),
    ]


def test_the_index_grows_and_still_finds_every_merchant_and_no_other() -> None:
    rows = Rows(DTYPE, 5_000)
    ids = [f"8982101541{n:05}" for n in range(5_000)]
    for r, merchant_id in enumerate(ids):
        raw = merchant_id.encode()
        rows.rows[r]["merchant_hash"] = hash_of(merchant_id)
        rows.rows[r]["id_length"] = len(raw)
        rows.rows[r]["id"][: len(raw)] = np.frombuffer(raw, np.uint8)
    rows.count[0] = len(ids)
    rows.make_room(1)
    assert len(rows.index.hash) == 16_384
    assert [rows.find(each) for each in ids] == list(range(5_000))
    assert [rows.find(f"{each}x") for each in ids[:500]] == [-1] * 500


def test_the_index_stays_at_most_half_full() -> None:
    rows = Rows(DTYPE, 100)
    for more, size in ((512, 1024), (513, 2048), (1, 2048), (5_000, 16_384)):
        rows.make_room(more)
        assert len(rows.index.hash) == size
        assert 2 * more <= size


@pytest.mark.parametrize("merchant_id", ["", "x" * (ID_BYTES + 1), "nobody", "商户"])
def test_who_is_not_there_is_not_found(merchant_id: str) -> None:
    rows = Rows(DTYPE, 10)
    enter(rows, "somebody")
    assert rows.find(merchant_id) == -1


def test_an_id_of_the_longest_length_fits() -> None:
    assert MERCHANT_ID.high == ID_BYTES
    rows = Rows(DTYPE, 10)
    enter(rows, "x" * ID_BYTES)
    assert rows.find("x" * ID_BYTES) == 0
    assert rows.find("x" * (ID_BYTES - 1)) == -1


@pytest.mark.usefixtures("warm_kernel")
def test_one_merchant_more_than_there_is_room_for_is_a_dead_letter_and_the_others_go_on() -> None:
    monitor = Monitor(MonitorConfig(capacity=3))
    values = [sale(k, f"m{k % 5}", 100) for k in range(20)]
    outputs = monitor.process(Records.of(values, appended_ms=NOW_MS))
    assert [each.position % 5 for each in outputs.dead_letters] == [3, 4] * 4
    assert {(each.reason, each.field) for each in outputs.dead_letters} == {(Reason.CAPACITY, "merchant_id")}
    assert [(each.merchant_id, each.sales) for each in monitor.totals()] == [("m0", 4), ("m1", 4), ("m2", 4)]


def test_rows_start_as_zeros_and_never_move() -> None:
    rows = Rows(DTYPE, 1_000)
    assert not rows.rows.view(np.uint8).any()
    where = rows.rows.ctypes.data
    enter(rows, "m")
    rows.make_room(100_000)
    assert rows.rows.ctypes.data == where


@pytest.mark.parametrize("capacity", [0, -1])
def test_room_for_no_merchant_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError, match=f"capacity must be at least 1, got {capacity}"):
        Rows(DTYPE, capacity)


def test_a_reset_keeps_the_header_and_what_families_keep_for_ever_and_nothing_else() -> None:
    dtype, keep = row_dtype((lifetime, volume, fees))
    assert dtype.fields is not None
    kept = {name for name, (_, at, *_) in dtype.fields.items() if at < keep}
    places = {each.place for family in (lifetime, fees) for each in family.BLOCKS}
    assert kept == {each[0] for each in (*HEADER, *lifetime.KEPT)} | places
    for name in kept:
        each, at, *_ = dtype.fields[name]
        assert at + each.itemsize <= keep, name


def test_the_rows_of_one_feed_close_however_many_of_another_lie_between_them() -> None:
    """Deadlines are passed over by chunks of rows; a chunk that nothing is due in is looked at again when it is."""
    day_ms, many = 86_400_000, 700
    monitor = Monitor(MonitorConfig(capacity=many), historic=True)

    def clock(feed: str, at_ms: int) -> bytes:
        return json.dumps({"type": "clock", "feed": feed, "event_time": at_ms}).encode()

    def closed(*values: bytes) -> list[str]:
        days = monitor.process(Records.of(values)).days
        return [merchant_id for each in days for merchant_id in each.merchant_id]

    sales = [
        json.dumps({
            "txn_id": f"t{k}", "merchant_id": f"m{k}", "amount": 1, "currency": "CNY", "event_time": NOW_MS + k,
            "feed": "a" if k % 300 else "b",
        }).encode()
        for k in range(many)
    ]  # fmt: skip
    assert closed(*sales, clock("a", NOW_MS + many), clock("b", NOW_MS + many)) == []
    of_b = ["m0", "m300", "m600"]
    for day in (2, 3):
        assert closed(clock("b", NOW_MS + day * day_ms)) == [each for each in of_b for _ in range(2 if day == 2 else 1)]
    of_a = closed(clock("a", NOW_MS + 3 * day_ms))
    assert sorted(set(of_a) | set(of_b)) == sorted(f"m{k}" for k in range(many))
    assert len(of_a) == 3 * (many - len(of_b))
    assert closed(clock("a", NOW_MS + 3 * day_ms + 1), clock("b", NOW_MS + 3 * day_ms + 1)) == []
