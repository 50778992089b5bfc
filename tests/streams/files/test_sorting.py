"""Finished inputs: sorted by time however they stand, in memory and beyond it; misdated rows alone are refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.files.sorting import EVENT, Sortable, Sorter
from tests.seeds import examples
from tests.streams.files.files_made import sale, table, taken

if TYPE_CHECKING:
    from pathlib import Path

DAYS = [sale(60 * (k % 24), f"t{k:03d}", day=1 + k // 24) for k in range(120)]
IN_ORDER = [f"t{k:03d}" for k in range(120)]


@pytest.mark.parametrize("run_bytes", [10**7, 3_000])
@pytest.mark.parametrize("order", ["as it is", "newest first", "shuffled"])
def test_rows_come_by_time_however_they_stand_in_the_file(order: str, run_bytes: int) -> None:
    rows = DAYS[::-1] if order == "newest first" else DAYS[:]
    if order == "shuffled":
        random.Random(1).shuffle(rows)
    assert taken(table(*rows), run_bytes=run_bytes) == (IN_ORDER, [])


def test_several_files_are_merged_by_time() -> None:
    assert taken(table(*DAYS[60:]), table(*DAYS[:60:2]), table(*DAYS[1:60:2][::-1])) == (IN_ORDER, [])


def test_rows_of_one_time_keep_their_order_and_of_a_file_that_is_newest_first_the_other() -> None:
    assert taken(table(sale(1, "a"), sale(1, "b"), sale(2, "c")))[0] == ["a", "b", "c"]
    assert taken(table(sale(2, "c"), sale(1, "b"), sale(1, "a"), sale(0, "z")))[0] == ["z", "a", "b", "c"]


@pytest.mark.parametrize("at", [0, 1, 60, 118, 119])
@pytest.mark.parametrize("newest_first", [False, True])
def test_one_misdated_row_is_refused_alone(at: int, newest_first: bool) -> None:
    rows = DAYS[::-1] if newest_first else DAYS[:]
    rows.insert(at, sale(5, "odd", month=3 if newest_first else 8, day=29))
    names, letters = taken(table(*rows))
    assert names == IN_ORDER
    assert [(each.reason, each.field, each.position) for each in letters] == [("misdated", "event_time", at + 2)]
    assert "days from all others" in letters[0].message


def test_a_sparse_merchants_row_and_one_that_goes_on_in_order_are_no_misdated_ones() -> None:
    sparse = [sale(1, "a", day=1), sale(1, "b", day=2), sale(1, "c", day=3), sale(1, "d", day=28)]
    assert taken(table(*sparse))[1] == []
    lonely = sale(1, "x", month=3).replace(",m1,", ",m2,")
    assert taken(table(*DAYS[:50], lonely, *DAYS[50:]))[1] == []


def test_a_row_of_the_future_is_refused_and_the_others_are_taken() -> None:
    names, letters = taken(table(*DAYS[:60], sale(1, "odd").replace("2026", "2062"), *DAYS[60:]))
    assert names == IN_ORDER
    assert [each.reason for each in letters] == ["future"]


@given(st.lists(st.tuples(st.integers(-5, 5), st.binary(max_size=30)), max_size=60), st.integers(1, 400))
@settings(max_examples=examples(60))
def test_what_is_sorted_is_all_that_came_in_order(rows: list[tuple[int, bytes]], run_bytes: int) -> None:
    sorter = Sorter(run_bytes)
    given_items = [Sortable(ms, 0, k, EVENT, data) for k, (ms, data) in enumerate(rows)]
    for each in given_items:
        sorter.add(each)
    assert list(sorter) == sorted(given_items)
    sorter.close()


def test_many_runs_are_merged_and_no_file_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sorter = Sorter(100)
    for k in range(500, 0, -1):
        sorter.add(Sortable(k, 0, k, EVENT, b"x" * 50))
    assert sorter.runs > 64
    assert list(tmp_path.iterdir()) == []
    assert [each.ms for each in sorter] == list(range(1, 501))
    sorter.close()


def test_no_card_number_is_spilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[bytes] = []
    monkeypatch.setattr(Sorter, "add", lambda _self, item: held.append(item.data))
    rows = [sale(1, "6222021234567894"), sale(2, "x 6222 0212 3456 7894"), sale(3)]
    taken(table(*rows))
    assert len(held) == 3
    assert all(b"6222021234567894" not in each and b"6222 0212" not in each for each in held)
