"""Reading days of merchants that workers may have written more than once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pytest

from domain.readings import MerchantDays
from streams.merchant_days import DayReader
from streams.topics import TOPICS, create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.log import Log
    from tests.streams.conftest import LogBackend

Row = tuple[str, str, float | None]
"""Merchant, day, refunds."""


@pytest.fixture
def log(backend: LogBackend) -> Iterator[Log]:
    with backend.address.open(TOPICS) as opened:
        create_topics(opened, 2)
        yield opened


def record(rows: Sequence[Row], epoch: int) -> bytes:
    merchants, days, refunds = (list(each) for each in zip(*rows, strict=True))
    made = MerchantDays(
        merchant_id=merchants, day=days, currency=["CNY"] * len(rows), score=[None] * len(rows),
        columns={"refunds": refunds, "sales": [9] * len(rows)}, epoch=epoch,
    )  # fmt: skip
    return msgspec.json.encode(made)


def write(log: Log, *rows: Row, epoch: int = 1, partition: int = 0) -> None:
    log.append("merchant-days", partition, [record(rows, epoch)])


def read(reader: DayReader) -> list[Row]:
    return [
        (merchant, day, None if math.isnan(refunds) else refunds)
        for found in reader
        for merchant, day, refunds in zip(
            found.merchant_id, found.day, found.columns["refunds"].tolist(), strict=True
        )
    ]  # fmt: skip


def test_of_two_rows_of_a_merchant_and_day_the_one_of_the_greater_epoch_is_given(log: Log) -> None:
    write(log, ("a", "2025-01-01", 1.0), ("b", "2025-01-01", 2.0))
    write(log, ("a", "2025-01-02", 3.0))
    write(log, ("b", "2025-01-01", 2.5), ("a", "2025-01-02", 3.5), ("a", "2025-01-03", 4.0), epoch=2)
    write(log, ("b", "2025-01-01", 9.0), partition=1)
    reader = DayReader(log, ["refunds"])
    expected = [
        ("a", "2025-01-01", 1.0), ("b", "2025-01-01", 2.5), ("a", "2025-01-02", 3.5), ("a", "2025-01-03", 4.0),
        ("b", "2025-01-01", 9.0),
    ]  # fmt: skip
    assert read(reader) == expected
    assert read(reader) == expected, "a second reading gives the same"


def test_a_row_of_an_earlier_epoch_that_came_later_is_passed_over(log: Log) -> None:
    write(log, ("a", "2025-01-01", 2.0), epoch=2)
    write(log, ("a", "2025-01-01", 1.0), epoch=1)
    assert read(DayReader(log, ["refunds"])) == [("a", "2025-01-01", 2.0)]


def test_what_comes_while_it_is_read_is_left_for_the_next_reader(log: Log) -> None:
    write(log, ("a", "2025-01-01", 1.0))
    reader = DayReader(log, ["refunds"])
    write(log, ("a", "2025-01-02", 2.0))
    assert read(reader) == [("a", "2025-01-01", 1.0)]
    assert len(read(DayReader(log, ["refunds"]))) == 2


def test_only_days_of_the_window_are_given(log: Log) -> None:
    write(log, *(("a", f"2025-01-0{day}", float(day)) for day in range(1, 8)))
    reader = DayReader(log, ["refunds"], from_day="2025-01-03", to_day="2025-01-05")
    assert [each[1] for each in read(reader)] == ["2025-01-03", "2025-01-04", "2025-01-05"]
    assert reader.last_day() == "2025-01-05"
    assert DayReader(log, ["refunds"]).last_day() == "2025-01-07"


def test_nulls_and_columns_of_a_later_version_are_not_numbers(log: Log) -> None:
    write(log, ("a", "2025-01-01", None), ("a", "2025-01-02", 0.0))
    (found,) = DayReader(log, ["refunds", "habit_refund_share"])
    assert math.isnan(found.columns["refunds"][0])
    assert found.columns["refunds"][1] == 0.0
    assert all(map(math.isnan, found.columns["habit_refund_share"]))


def test_a_log_without_days_gives_none(log: Log) -> None:
    reader = DayReader(log, ["refunds"])
    assert read(reader) == []
    assert reader.last_day() == ""
