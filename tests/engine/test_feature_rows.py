"""The middle: what rows of features say beside their features, and how each record ended."""

from __future__ import annotations

import gc
import json
import random
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from domain.dispositions import DISPOSITIONS
from domain.feature_codes import NULL, ROW_CLOSING, ROW_CONTRACT, ROW_REPORT, ROW_SETTLEMENT, ROW_TRANSACTION
from domain.timestamps import DAY_MS
from engine.decoding.columns import MISSING
from engine.decoding.hashing import partition_of
from engine.decoding.records import Records
from engine.features.families import fees, lifetime, reports, season
from engine.features.families.registry import closing_columns, told_by_closings
from engine.features.partition import MonitorConfig
from engine.features.pipeline import FeaturePipeline
from engine.features.state import MAX_FEEDS
from engine.monitor import Monitor
from tests.strategies import cut, records_of, seeded_stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from domain.alerts import DeadLetter

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
NOON_MS = 1_783_224_000_000

SEEDS = range(12)


def pipeline(capacity: int = 100, partition: int = 0, partitions: int = 1, **config: Any) -> FeaturePipeline:
    return FeaturePipeline(MonitorConfig(capacity=capacity, **config), partition, partitions, historic=True)


def sale(k: int, **changed: Any) -> dict[str, Any]:
    return {
        "txn_id": f"t{k}", "merchant_id": "m", "amount": 100 + k, "currency": "CNY", "event_time": NOON_MS + k,
    } | changed  # fmt: skip


def records(events: Iterable[dict[str, Any] | bytes]) -> Records:
    return Records.of([each if isinstance(each, bytes) else json.dumps(each).encode() for each in events])


def letters(made: FeaturePipeline, *events: dict[str, Any] | bytes) -> list[DeadLetter]:
    return [letter for rows in made.rows(records(events)) for letter in rows.dead_letters()]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_closing_has_the_declared_columns_and_no_other(seed: int) -> None:
    declared = {each.name for each in closing_columns()}
    made = pipeline()
    for rows in made.rows(records_of(seeded_stream(seed))):
        closings = rows.kind == ROW_CLOSING
        for name, column in rows.columns.items():
            values = column[closings]
            null = values == NULL if values.dtype == np.int64 else np.isnan(values)
            assert name in declared or null.all(), name


@pytest.mark.parametrize("seed", SEEDS)
def test_only_what_tells_a_column_that_no_sale_does_shows_it_though_rows_take_the_same_memory(seed: int) -> None:
    alone = [name for name, told in zip(pipeline().columns, told_by_closings(), strict=True) if told]
    assert len(alone) >= 190
    kinds = dict.fromkeys(reports.REPORTS, ROW_REPORT) | dict.fromkeys(fees.NEVER_SALES, ROW_CONTRACT)
    made, told = pipeline(), 0
    for values in cut(seeded_stream(seed), random.Random(seed)):
        for rows in made.rows(records_of(values)):
            for each in alone:
                column = rows.columns[each.name]
                null = column == NULL if column.dtype == np.int64 else np.isnan(column)
                tells = rows.kind == kinds.get(each.name, ROW_CLOSING)
                assert null[~tells].all(), each.name
                told += np.count_nonzero(~null)
    assert told


def test_every_column_that_a_family_of_all_merchants_declares_for_closings_has_a_value_in_some() -> None:
    days = [sale(k, event_time=NOON_MS + day * DAY_MS) for day in range(60) for k in [100 * day, 100 * day + 1]]
    surge = [sale(10_000 + k, event_time=NOON_MS + (60 + k // 20) * DAY_MS + k) for k in range(400)]
    late = [sale(20_000, event_time=NOON_MS + 110 * DAY_MS)]
    seen = set()
    for rows in pipeline().rows(records([*days, *surge, *late])):
        closings = rows.kind == ROW_CLOSING
        for name in (*lifetime.CLOSES, *season.CLOSES):
            values = rows.columns[name][closings]
            null = values == NULL if values.dtype == np.int64 else np.isnan(values)
            seen |= {name} if not null.all() else set()
    assert seen == {*lifetime.CLOSES, *season.CLOSES}


def test_a_row_says_what_it_is_of() -> None:
    events = [
        sale(1), {"type": "settlement", **sale(1), "fee": 1, "event_time": NOON_MS + 5},
        {"type": "contract", "merchant_id": "m", "effective_from": NOON_MS, "prices": [{"rate_ppm": 6_000}]},
        sale(2, txn_type="refund"), sale(3, response_code="05"), sale(4, event_time=NOON_MS + 2 * DAY_MS),
    ]  # fmt: skip
    (rows,) = pipeline().rows(records(events))
    kinds = [ROW_TRANSACTION, ROW_SETTLEMENT, ROW_CONTRACT, ROW_TRANSACTION, ROW_TRANSACTION, ROW_CLOSING]
    assert rows.kind.tolist() == [*kinds, ROW_CLOSING, ROW_TRANSACTION]
    assert [rows.txn_id(j) for j in range(len(rows))] == ["t1", "t1", "", "t2", "t3", "", "", "t4"]
    assert rows.approved_role.tolist() == [0, -1, -1, 1, -1, -1, -1, 0]
    assert [rows.merchant_id(row) for row in set(rows.merchant_row.tolist())] == ["m"]
    assert [rows.currency(j) for j in range(len(rows))] == ["CNY"] * 8
    assert rows.number("amount").tolist() == [101, 101, MISSING, 102, 103, MISSING, MISSING, 104]
    shanghai_ms = 8 * 3_600_000
    assert rows.local_ms[0] == rows.time_ms[0] + shanghai_ms
    assert (np.diff(rows.watermark_ms) >= 0).all()
    assert rows.counts().transactions == 4


@pytest.mark.parametrize("seed", SEEDS)
def test_every_record_ends_in_one_way_and_whatever_is_refused_has_a_letter(seed: int) -> None:
    made, codes = pipeline(capacity=2), {each.code: each for each in DISPOSITIONS}
    events = records_of(seeded_stream(seed))
    found = list(made.rows(events))
    ends = [codes[code] for rows in found for code in rows.disposition.tolist()]
    assert len(ends) == len(events)
    refused = [k for k, each in enumerate(ends) if each.counted_as == "dead_letters"]
    given = [letter for rows in found for letter in rows.dead_letters()]
    assert [letter.position for letter in given] == [int(events.offsets[k]) for k in refused]
    assert [letter.reason for letter in given] == [ends[k].reason for k in refused]
    assert sum(rows.counts().transactions for rows in found) == sum(each.counted_as == "transactions" for each in ends)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_snapshot_shows_what_a_declined_void_would_and_changes_nothing(seed: int) -> None:
    events = records_of(seeded_stream(seed))
    made, other = pipeline(), pipeline()
    for each in (made, other):
        assert sum(len(rows) for rows in each.rows(events))
    before = made.state.rows.row_bytes.copy()
    for row in range(int(made.state.rows.count[0])):
        if not made.state.rows.rows[row]["started"]:
            continue
        shown, it = made.snapshot(row), made.state.rows.rows[row]
        void = sale(
            -1, txn_id="void", merchant_id=made.state.rows.id_of(row), amount=0, event_time=int(it["clock_ms"]),
            currency=int(it["currency"]).to_bytes(8, "little")[:3].decode(), txn_type="void", response_code="05",
        )  # fmt: skip
        (rows,) = other.rows(records([void]))
        assert shown == rows.values(list(rows.columns), len(rows) - 1)
    assert (made.state.rows.row_bytes == before).all()


def test_a_late_transaction_s_letter_says_how_late_it_was_when_it_came() -> None:
    events = [sale(1), sale(2, event_time=NOON_MS - 2 * DAY_MS), sale(3, event_time=NOON_MS + DAY_MS)]
    (letter,) = letters(pipeline(), *events)
    assert letter.reason == "late"
    assert letter.message == (
        "event_time must be at most 86400 s behind the merchant's latest transaction, got 172800 s"
    )  # fmt: skip


def test_a_letter_on_the_currency_says_which_came_and_which_was_first() -> None:
    (sold, settled) = letters(
        pipeline(), sale(1), sale(2, currency="USD"), {"type": "settlement", **sale(1), "fee": 1, "currency": "EUR"}
    )
    assert sold.message == (
        "currency must be CNY, the merchant's, or one with a rate to it; got USD: publish its rate (controls, kind"
        " rates), or the merchant's currency in its master data"
    )
    assert settled.message == sold.message.replace("USD", "EUR")


def test_letters_on_the_room_of_a_partition_say_who_came() -> None:
    (merchant,) = letters(pipeline(capacity=1), sale(1), sale(2, merchant_id="n"))
    assert merchant.message == "a partition must hold at most 1 merchants, got n as one more"
    feeds = [sale(k, feed=f"f{k}", event_time=NOON_MS) for k in range(MAX_FEEDS + 1)]
    (feed,) = letters(pipeline(), *feeds)
    assert feed.message == f"a partition must have at most {MAX_FEEDS} feeds, got f{MAX_FEEDS} as one more"
    version = {"type": "merchant", "merchant_id": "m", "effective_from": NOON_MS, "mccs": ["5812"]}
    (full,) = letters(pipeline(capacity=1), *([version] * 9))
    assert full.message == "a partition must hold at most 8 versions of master data, got 9"


def test_a_letter_on_the_partition_says_which_one_the_merchant_belongs_to() -> None:
    own = partition_of(b"m", 4)
    (letter,) = letters(pipeline(partition=(own + 1) % 4, partitions=4), sale(1))
    assert f"must belong to partition {(own + 1) % 4} of 4 by murmur2, got m of partition {own}" in letter.message


def test_a_transaction_ahead_of_its_receipt_says_by_how_much() -> None:
    (letter,) = letters(pipeline(), sale(1, received_at=NOON_MS - 3_600_000))
    assert letter.message == "event_time must be at most 600 s after received_at, got 3600 s"


def test_what_a_detector_needs_is_counted_whether_field_or_event() -> None:
    version = {"type": "contract", "merchant_id": "m", "effective_from": NOON_MS, "prices": [{"rate_ppm": 6_000}]}
    (rows,) = pipeline().rows(records([version, sale(1, fee=3), sale(2), sale(1, fee=3)]))
    assert (rows.present("fee"), rows.present("contract"), rows.present("mcc")) == (1, 1, 0)


def test_a_batch_is_freed_without_pythons_collector() -> None:
    """A cycle would keep megabytes of each batch until the collector, which a worker runs once a minute."""
    monitor = Monitor(MonitorConfig(capacity=100))
    gc.disable()
    try:
        given = Records.of([json.dumps(sale(k)).encode() for k in range(50)], appended_ms=NOON_MS + 50)
        data = weakref.ref(given.data)
        outputs = monitor.process(given)
        assert outputs.counts.transactions == 50
        del given
        assert data() is None
    finally:
        gc.enable()
