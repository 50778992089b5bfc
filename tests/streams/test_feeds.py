from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

from detectors.registry import make_detectors
from engine.decoding.hashing import partition_of
from engine.monitor import Monitor, MonitorConfig
from streams.app import WorkerSettings
from streams.feeds import FeedWatch
from streams.intake import ingest
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from streams.worker import run_worker

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


def test_a_feed_is_stalled_once_its_clock_has_stood_still_for_long_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = FeedWatch(stalled_s=60)
    with caplog.at_level(logging.WARNING):
        assert watch.look(0, [{"a": 5, "b": 5}]) == []
        assert watch.look(59, [{"a": 5, "b": 6}]) == []
        assert watch.look(60, [{"a": 5, "b": 6}]) == ["a"]
        assert watch.look(100, [{"a": 5, "b": 7}]) == ["a"]
        assert watch.look(101, [{"a": 6, "b": 7}]) == []
        assert watch.look(160, [{"a": 6, "b": 7}]) == ["b"]
    assert [record.getMessage() for record in caplog.records] == [
        "feed 'a' has sent no clock record for 60 s: the deadlines of its merchants wait",
        "feed 'a' sends clock records again",
        "feed 'b' has sent no clock record for 60 s: the deadlines of its merchants wait",
    ]


def test_a_feed_runs_while_any_partition_hears_from_it() -> None:
    watch = FeedWatch(stalled_s=60)
    watch.look(0, [{"a": 5}, {"a": 9}])
    assert watch.look(60, [{"a": 8}, {"a": 9}]) == ["a"]
    assert watch.look(61, [{"a": 10}, {"a": 9}]) == []


def merchants() -> tuple[str, str]:
    """One merchant of each of two partitions."""
    of = {partition_of(b"m%d" % k, 2): f"m{k}" for k in range(20)}
    return of[0], of[1]


def sale(merchant_id: str, minutes: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "transaction", "txn_id": f"{merchant_id}-{minutes}", "merchant_id": merchant_id, "amount": 50_000,
        "currency": "CNY", "event_time": START_MS + 60_000 * minutes, "mcc": "5812", "scheme": "unionpay",
        "card_kind": "credit",
    } | more  # fmt: skip


def taken_in(path: Path, name: str, events: list[dict[str, Any]]) -> None:
    with SqliteLog(path) as log:
        create_topics(log, 2)
        lines = io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in events))
        ingest(log, lines, name=name, feeds=["east", "west"], historic=True)


def worked(path: Path) -> dict[int, Monitor]:
    made: dict[int, Monitor] = {}
    detectors = make_detectors({"mcc_jump": {"quiet_gap_s": 86_400}})  # so that an episode ends within two days

    def make(partition: int, partitions: int) -> Monitor:
        made[partition] = Monitor(
            MonitorConfig(capacity=100), partition, partitions, checkpoints=True, detectors=detectors
        )
        return made[partition]

    run_worker(
        WorkerSettings(address=SqliteAddress(path), partitions=2, checkpoint_every_s=0.05), make, until_idle=True
    )
    return made


def alerts_of(path: Path, merchant_id: str) -> list[dict[str, Any]]:
    with SqliteLog(path) as log:
        found = [json.loads(each.value) for p in range(2) for each in log.read_keyed("alerts", p, 0, 1_000)]
    return [each for each in found if each["merchant_id"] == merchant_id]


def test_what_falls_due_on_an_idle_partition_is_found_by_clock_records_alone_also_after_a_restart(
    tmp_path: Path,
) -> None:
    busy, idle = merchants()
    path = tmp_path / "tillwatch.db"
    master = {"type": "merchant", "merchant_id": idle, "effective_from": START_MS - HOUR_MS, "mccs": ["5812"]}
    unmatched = sale(idle, 9, txn_type="reversal", txn_id="r", original_txn_id="never", response_code="00")
    taken_in(path, "first", [master, sale(idle, 0), sale(idle, 5, mcc="8062"), unmatched])
    worked(path)
    assert [each["closed"] for each in alerts_of(path, idle)] == [False]
    taken_in(path, "second", [sale(busy, 60 * hour) for hour in range(1, 50)])
    monitors = worked(path)
    (end,) = [each for each in alerts_of(path, idle) if each["closed"]]
    assert (end["hits"], end["revision"]) == (1, 2)
    (sums,) = monitors[partition_of(idle.encode(), 2)].totals()
    assert sums.attempts == 2
    seen = monitors[partition_of(idle.encode(), 2)].snapshot(idle)
    assert seen is not None
    assert seen.waiting == ()
    assert {column.name: value for column, value in seen.columns}["unmatched_reversals"] == 1


def test_a_feed_that_tells_no_time_pauses_what_waits_for_it(tmp_path: Path) -> None:
    busy, idle = merchants()
    path = tmp_path / "tillwatch.db"
    master = {"type": "merchant", "merchant_id": idle, "effective_from": START_MS - HOUR_MS, "mccs": ["5812"]}
    taken_in(path, "first", [master, sale(idle, 0, feed="east"), sale(idle, 5, mcc="8062", feed="east")])
    taken_in(path, "second", [sale(busy, 60 * hour, feed="west") for hour in range(1, 50)])
    monitors = worked(path)
    assert [each["closed"] for each in alerts_of(path, idle)] == [False]
    feeds = monitors[partition_of(idle.encode(), 2)].feeds
    assert feeds["west"] - feeds["east"] > 40 * HOUR_MS
