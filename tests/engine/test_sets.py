from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoint.checkpoints import entered_pages
from engine.checkpoint.page_log import Ids, PageLog
from engine.features import sets
from engine.features.sets import ABSENT, AgedSet, Entries, Table, amount_at, count_live, enter, find, time_at
from engine.jit import njit_cached
from tests.seeds import examples, seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.checkpoint.pages import Page

KEPT_S = 2
"""How long an entry is known."""
ROWS = 4
CLOCK = np.dtype([("clock_ms", np.int64)])
Known = tuple[int, int]
"""Amount and time of an entry."""


@njit_cached
def put(table: Table, keys: NDArray[np.uint64], row: int, now_s: int, amount: int) -> None:
    for key in keys:
        enter(table, key, row, now_s + 2, now_s, amount)


@njit_cached
def look(table: Table, keys: NDArray[np.uint64], row: int, now_s: int) -> NDArray[np.int64]:
    out = np.full((len(keys), 2), ABSENT, np.int64)
    for k in range(len(keys)):
        at = find(table, keys[k], row, now_s)
        if at != ABSENT:
            out[k, 0], out[k, 1] = amount_at(table, at), time_at(table, at)
    return out


class Model:
    """An aged set beside what it must be: a dict of what each (row, key) was entered with, and when."""

    def __init__(self, *, journals: bool = False) -> None:
        self.set = AgedSet(journals=journals)
        self.rows = np.zeros(ROWS, CLOCK)
        self.entered: dict[tuple[int, int], Known] = {}

    def now_s(self, row: int) -> int:
        return int(self.rows["clock_ms"][row]) // 1000

    def put(self, row: int, keys: list[int], amount: int = 7) -> None:
        self.set.make_room(len(keys), self.rows)
        put(self.set.table, np.array(keys, np.uint64), row, self.now_s(row), amount)
        self.entered.update(dict.fromkeys(((row, key) for key in keys), (amount, self.now_s(row))))

    def look(self, row: int, keys: list[int]) -> list[Known | None]:
        found = look(self.set.table, np.array(keys, np.uint64), row, self.now_s(row)).tolist()
        return [None if each == [ABSENT, ABSENT] else (each[0], each[1]) for each in found]

    def check(self) -> None:
        keys = sorted({key for _, key in self.entered} | {1, 2})
        for row in range(ROWS):
            entered = [self.entered.get((row, key)) for key in keys]
            want = [each if each and self.now_s(row) <= each[1] + KEPT_S else None for each in entered]
            assert self.look(row, keys) == want


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, ROWS - 1), st.integers(1, 40)),
        st.tuples(st.just("many"), st.integers(0, ROWS - 1), st.integers(1, 5_000)),
        st.tuples(st.just("later"), st.integers(0, ROWS - 1), st.integers(1, 2_500)),
        st.tuples(st.just("room"), st.just(0), st.integers(0, 3_000)),
    ),
    max_size=30,
)


@settings(max_examples=examples(150))
@given(steps)
def test_it_answers_as_a_dict_would_whatever_grows_ages_and_is_rebuilt(
    steps: list[tuple[str, int, int]],
) -> None:
    model = Model()
    for what, row, n in steps:
        if what == "put":
            model.put(row, [n], amount=n)
        elif what == "many":
            model.put(row, list(range(n, n + 300)))
        elif what == "later":
            model.rows["clock_ms"][row] += n
        else:
            model.set.make_room(n, model.rows)
        model.check()


def test_a_key_is_known_to_the_last_second_it_was_entered_for_and_no_longer() -> None:
    model = Model()
    model.rows["clock_ms"][0] = 10_999
    model.put(0, [7])
    found: list[Known | None] = []
    for at_ms in (10_999, 11_000, 12_999, 13_000):
        model.rows["clock_ms"][0] = at_ms
        found += model.look(0, [7])
    assert found == [(7, 10), (7, 10), (7, 10), None]


def test_one_merchants_keys_are_not_anothers() -> None:
    model = Model()
    model.put(1, [7])
    assert (model.look(1, [7]), model.look(2, [7])) == ([(7, 0)], [None])


def test_what_was_noted_last_counts_and_survives_a_rebuild() -> None:
    model = Model()
    model.put(1, [7, 8], amount=5)
    model.put(1, [8], amount=6)
    assert model.look(1, [7, 8, 9]) == [(5, 0), (6, 0), None]
    model.set.make_room(10_000, model.rows)
    assert model.look(1, [7, 8, 9]) == [(5, 0), (6, 0), None]


def test_one_merchants_clock_does_not_age_anothers_keys() -> None:
    model = Model()
    model.put(1, list(range(1, 400)))
    model.rows["clock_ms"][2] = 10**12
    model.set.make_room(5_000, model.rows)
    assert set(model.look(1, list(range(1, 400)))) == {(7, 0)}


def test_what_is_out_of_date_is_dropped_rather_than_kept_for_ever() -> None:
    model = Model()
    for turn in range(200):
        model.rows["clock_ms"][:] = turn * 1000
        model.put(turn % ROWS, list(range(1 + 100 * turn, 101 + 100 * turn)))
    assert len(model.set.table.entry) <= 4096
    assert count_live(model.set.table, model.rows, len(model.set.table.entry)) <= 300
    assert 2 * int(model.set.table.used[0]) <= len(model.set.table.entry)
    model.check()


@pytest.mark.parametrize("seed", seeds(20, quick=7))
def test_it_answers_as_a_dict_would_while_it_moves_in_slices_and_after_a_restore(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints come at any moment of a move; what the live pages hold is what was remembered."""
    monkeypatch.setattr(sets, "SLICE", 64)
    rng, model = random.Random(seed), Model(journals=True)
    log = PageLog("messages", 200, Ids())
    pages: dict[int, Page] = {}
    moving = dropped = 0
    for _ in range(300):
        row, first = rng.randrange(ROWS), rng.randrange(1, 4_000)
        model.put(row, list(range(first, first + rng.choice((1, 2, 9, 40)))), rng.randrange(9))
        model.rows["clock_ms"][row] += rng.choice((0, 5, 50, 1000))
        moving += len(model.set.table.old) > 1
        if rng.random() < 0.1:
            gone: list[int] = []
            pages |= {each.id: each.page for each in entered_pages(log, model.set.entered(), gone)}
            for each in gone:
                del pages[each]
            dropped += len(gone)
            assert pages.keys() == log.pages.keys()
            again = Model(journals=True)
            again.rows, again.entered = model.rows.copy(), model.entered
            for _, page in sorted(pages.items()):
                again.set.enter_again(Entries(**page.arrays), again.rows)
            again.check()
    model.check()
    assert moving > 10
    assert dropped > 5


def test_no_slice_of_a_move_takes_long() -> None:
    """A million entries move while 200 batches come; none moves more than its slice."""
    model = Model()
    moved = []
    for k in range(200):
        before = int(model.set.table.used[0])
        model.put(k % ROWS, list(range(1 + 5_000 * k, 5_001 + 5_000 * k)))
        moved.append(int(model.set.table.used[0]) - before - 5_000)
    assert max(moved) <= sets.SLICE
    assert 2 * int(model.set.table.used[0]) <= len(model.set.table.entry)
    assert model.look(0, [1, 5_000, 15_001]) == [(7, 0), (7, 0), None]
