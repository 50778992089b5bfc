"""`tillwatch stress`: an open loop, whose latency leaves nothing out."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.tillwatch.conftest import call
from tillwatch.stress.listening import Heard, totals
from tillwatch.stress.load import OTHER_MCC, Plan, Sender, Sent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.fixtures import NewKafka

STALL_S = 0.6


def sales(path: Path) -> list[dict[str, Any]]:
    """What is in the log, in the order of their numbers."""
    found = []
    with SqliteLog(path) as log:
        for partition in range(4):
            offset = 0
            while len(records := log.read("events", partition, offset)):
                found += [msgspec.json.decode(records.value(i)) for i in range(len(records))]
                offset += len(records)
    return sorted(found, key=lambda each: int(each["txn_id"].rpartition("t")[2]))


def test_a_standstill_of_the_log_delays_every_sale_that_was_due_in_it(tmp_path: Path) -> None:
    path, plan = tmp_path / "log.db", Plan.of(1, 200, 1.5)
    locked, stop = threading.Event(), threading.Event()
    with SqliteLog(path) as log, closing(sqlite3.connect(path, check_same_thread=False)) as other:
        create_topics(log)
        sender = Sender(log, plan, 0.02)

        def stand_still() -> None:
            other.execute("BEGIN IMMEDIATE")
            locked.set()
            threading.Event().wait(STALL_S)
            other.rollback()

        still = threading.Thread(target=stand_still)
        began_s, began_ms = time.monotonic(), 1_790_000_000_000
        still.start()
        locked.wait()
        sender.run(began_s, began_ms, stop)
        still.join()
    found = sales(path)
    assert [each["event_time"] - began_ms for each in found] == [each * 5 for each in range(300)]
    assert max(sender.sent.append_s) > STALL_S / 2
    assert sender.sent.count == 300
    # It caught up behind: the last sale was sent about when it was due.
    assert sender.sent.ended_s - sender.sent.began_s >= plan.intended_s(299)


def test_probes_are_the_first_sales_of_merchants_of_their_own() -> None:
    plan = Plan.of(3, 1000, 20)
    assert (plan.count, plan.probe_every) == (20_000, 20)
    assert len({*plan.probes}) == len(plan.probes) == 1000
    assert {*plan.probes} < {*plan.merchants()}
    assert [plan.merchant(each) in {*plan.probes} for each in (0, 1, 19, 20)] == [True, False, False, True]
    assert msgspec.json.decode(plan.sale(20, 5))["mcc"] == OTHER_MCC
    assert msgspec.json.decode(plan.sale(21, 5))["mcc"] != OTHER_MCC
    assert len(Plan.of(1, 100_000, 36_000).probes) == 20_000


def heard_after(plan: Plan, latency_s: dict[int, float]) -> Heard:
    """Probes by number that were heard of so long after they were due."""
    return Heard({plan.merchant(each): plan.intended_s(each) + took for each, took in latency_s.items()}, [0.001])


def of(
    plan: Plan, heard: Heard, sent: Sent | None = None, *, p99_ms: float = 100, warm_up_s: float = 0
) -> dict[str, Any]:
    done = sent or Sent(0.0, plan.intended_s(plan.count), plan.count, [0.001], [0.002])
    return totals(plan, done, heard, warm_up_s=warm_up_s, p99_ms=p99_ms)


PLAN = Plan(run=1, rate=100, count=1000, probe_every=5)


def test_percentiles_are_of_the_time_from_when_a_probe_was_due() -> None:
    numbers = range(0, 1000, 5)
    found = of(PLAN, heard_after(PLAN, {each: 0.010 + each / 1e6 for each in numbers}))
    assert (found["probes"], found["missing"], found["p50_ms"], found["max_ms"]) == (200, 0, 10.49, 10.99)
    assert found["passed"]
    later = of(PLAN, heard_after(PLAN, {each: 0.5 if each < 500 else 0.01 for each in numbers}), warm_up_s=5)
    assert (later["probes"], later["max_ms"]) == (100, 10.0)


def test_one_that_was_not_heard_of_counts_as_slower_than_any_and_fails() -> None:
    numbers = range(0, 1000, 5)
    found = of(PLAN, heard_after(PLAN, {each: 0.01 for each in numbers if each != 995}))
    assert (found["missing"], found["p99_ms"], found["max_ms"], found["passed"]) == (1, 10.0, None, False)
    assert of(PLAN, Heard())["p50_ms"] is None


def test_a_percentile_above_the_limit_fails() -> None:
    heard = heard_after(PLAN, {each: 0.2 if each < 15 else 0.01 for each in range(0, 1000, 5)})
    found = of(PLAN, heard)
    assert (found["p90_ms"], found["p99_ms"], found["passed"]) == (10.0, 200.0, False)
    assert of(PLAN, heard, p99_ms=200)["passed"]


@pytest.mark.parametrize(("seconds", "count"), [(10.2, 1000), (5.0, 500)])
def test_a_rate_that_was_not_sent_fails(seconds: float, count: int) -> None:
    heard = heard_after(PLAN, dict.fromkeys(range(0, 1000, 5), 0.01))
    found = of(PLAN, heard, Sent(0.0, seconds, count, [0.5], [0.01]))
    assert (found["kept_rate"], found["passed"]) == (False, False)


def test_a_log_with_events_of_others_is_refused(worked: Path) -> None:
    result = call("--log-url", SqliteAddress(worked).url, "stress", "--for", "1")
    assert result.exit_code == 1
    assert "the log of a stress run must be empty" in result.stderr


def _stressed(url: str) -> None:
    arguments = ("--log-url", url, "stress", "--rate", "100", "--for", "3", "--warm-up", "1")
    result = call(*arguments, "--p99-ms", "60000", "--json")
    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout)
    assert (found["sent"], found["probes"], found["missing"], found["passed"]) == (400, 150, 0, True)
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["max_ms"]
    assert found["committed_after_s"] is not None
    again = call(*arguments, "--p99-ms", "0.01")
    assert again.exit_code == 1
    assert "failed: p99" in again.stdout
    assert "150 probes, 0 without an alert" in again.stdout


@pytest.mark.slow
def test_a_run_measures_a_worker_and_ends_by_its_99th_percentile(tmp_path: Path) -> None:
    _stressed(SqliteAddress(tmp_path / "stress.db").url)


@pytest.mark.slow
def test_a_run_measures_a_worker_on_kafka(new_kafka: NewKafka) -> None:
    _stressed(f"kafka://{new_kafka().bootstrap}")
