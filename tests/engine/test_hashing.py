from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from aiokafka.partitioner import murmur2 as kafka_murmur2  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decoding.hashing import HASH_SEED, _hash64_bytes, hash_of, partition_of

M1, M2, SEED, MASK = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, int(HASH_SEED), 2**64 - 1


def hash_bytes(raw: bytes) -> int:
    return int(_hash64_bytes(np.frombuffer(raw, np.uint8)))


def by_hand(raw: bytes) -> int:
    """The hash written anew, in Python's integers."""
    h, whole = SEED, len(raw) // 8 * 8
    for at in range(0, whole, 8):
        h = (h ^ int.from_bytes(raw[at : at + 8], "little")) * M1 & MASK
        h ^= h >> 32
    x = ((h ^ int.from_bytes(raw[whole:], "little")) * M1 & MASK) ^ len(raw)
    for _ in range(2):
        x = (x ^ (x >> 32)) * M2 & MASK
    return (x ^ (x >> 32)) or 1


def colliding_with_nothing() -> bytes:
    """Eight bytes whose hash would be 0: the steps taken backwards."""
    h = 8 * pow(M1, -1, 2**64) & MASK
    h ^= h >> 32
    return (h * pow(M1, -1, 2**64) & MASK ^ SEED).to_bytes(8, "little")


@settings(deadline=None)
@given(st.binary(max_size=70))
def test_the_compiled_hash_is_the_one_written_down(raw: bytes) -> None:
    assert hash_bytes(raw) == by_hand(raw)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_a_text_is_hashed_by_its_utf_8(text: str) -> None:
    assert hash_of(text) == hash_bytes(text.encode())


def test_no_text_hashes_to_0_which_means_no_value() -> None:
    assert hash_bytes(colliding_with_nothing()) == 1
    assert hash_bytes(b"") != 0


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_texts_that_differ_differ_in_hash(a: bytes, b: bytes) -> None:
    assert (hash_bytes(a) == hash_bytes(b)) == (a == b)


def test_zero_bytes_at_the_end_count() -> None:
    assert len({hash_bytes(b"ab" + bytes(n)) for n in range(40)}) == 40


def test_hashes_of_numbered_ids_spread_over_the_low_and_the_high_bits() -> None:
    hashes = [hash_of(f"89821015411{n:04}") for n in range(10_000)]
    for shift in (0, 54):
        most = max(Counter(each >> shift & 1023 for each in hashes).values())
        assert most < 30, "about 10 are to be expected in each of 1,024 cells"


@settings(deadline=None)
@given(st.binary(max_size=50), st.integers(1, 1_000))
def test_the_partition_is_that_of_kafkas_default_partitioner(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (kafka_murmur2(key) & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize(
    "key",
    [b"21", b"foobar", b"a-little-bit-long-string", b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"],
)
def test_the_partition_is_that_of_kafkas_own_examples(key: bytes) -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2
    want = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    hashed = want.get(key, -58897971)
    assert partition_of(key, 2**31 - 1) == (hashed & 0x7FFFFFFF) % (2**31 - 1)
