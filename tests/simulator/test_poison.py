from __future__ import annotations

import json
from functools import cache

import pytest

from domain.events import MAX_RECORD_BYTES
from simulator.config import SimulationConfig
from simulator.poison import HOW, luhn_digit, poison
from simulator.simulation import simulate


@cache
def records() -> tuple[bytes, ...]:
    batches = simulate(SimulationConfig(merchants=50, days=0.7)).batches()
    return tuple(value for batch in batches for value in batch.values())


def test_undamaged_records_are_left_as_they_were() -> None:
    poisoned = poison(records(), seed=1, share=0.1)
    damaged = {damage.index for damage in poisoned.damages}
    assert len(poisoned.records) == len(records())
    assert 0.05 * len(records()) < len(damaged) < 0.2 * len(records())
    for i, (before, after) in enumerate(zip(records(), poisoned.records, strict=True)):
        assert (before != after) <= (i in damaged)
        assert i in damaged or before == after


def test_the_same_seed_does_the_same_damage() -> None:
    assert poison(records(), seed=4, share=0.2) == poison(records(), seed=4, share=0.2)
    assert poison(records(), seed=4, share=0.2) != poison(records(), seed=5, share=0.2)


def test_every_kind_of_damage_occurs() -> None:
    assert {damage.how for damage in poison(records(), seed=2, share=0.5).damages} == set(HOW)


def test_card_numbers_put_in_are_valid_and_reported() -> None:
    poisoned = poison(records(), seed=3, share=0.3, how=["pan", "pan-number", "pan-key", "nested-pan"])
    assert len(poisoned.pans) == len(poisoned.damages)
    for damage in poisoned.damages:
        assert len(damage.pan) in {15, 16, 19}
        assert luhn_digit(damage.pan[:-1]) == damage.pan[-1]
        assert damage.pan.encode() in poisoned.records[damage.index].replace(b" ", b"")


@pytest.mark.parametrize("how", ["truncated", "not-an-object", "invalid-utf8"])
def test_what_is_broken_is_no_json_object(how: str) -> None:
    poisoned = poison(records(), seed=5, share=0.2, how=[how])
    assert poisoned.damages
    for damage in poisoned.damages:
        with pytest.raises((ValueError, AssertionError)):
            assert isinstance(json.loads(poisoned.records[damage.index].decode()), dict)


def test_a_record_too_large_is_larger_than_what_is_read() -> None:
    poisoned = poison(records()[:50], seed=6, share=1.0, how=["too-large"])
    assert min(map(len, poisoned.records)) > MAX_RECORD_BYTES


def test_an_unknown_kind_or_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"how must name some of .*, got rust"):
        poison(records(), seed=1, share=0.1, how=["rust"])
    with pytest.raises(ValueError, match="share must be 0 to 1, got 2"):
        poison(records(), seed=1, share=2)
