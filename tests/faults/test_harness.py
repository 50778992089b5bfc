"""The harness itself: its faults happen, where they are to happen, and its comparison finds what differs."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streams.sqlite.log import SqliteLog
from tests.faults import cluster, embedded
from tests.faults.child import Did
from tests.faults.processes import fork
from tests.faults.scene import Scene, undisturbed
from tests.faults.strikes import AFTER, BEFORE, Strike, arm, owner_of
from tests.faults.traffic import traffic
from tests.faults.waiting import wait_until
from tests.outcome import assert_as_in_ledger, assert_same

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.outcome import Result


@pytest.fixture
def seed() -> int:
    return 1


@pytest.fixture(scope="module")
def ordinary() -> Result:
    return undisturbed("ordinary", 1)


def test_of_a_killed_worker_nothing_is_left_and_the_next_one_has_its_lease_at_once(scene: Scene) -> None:
    first = scene.fleet.start()
    wait_until(lambda: scene.log.holder() == first.pid, "the first has the lease")
    first.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(first.pid, 0)
    second = scene.fleet.start()
    wait_until(lambda: scene.log.holder() == second.pid, "the second has the lease", timeout_s=5)


@pytest.mark.parametrize(("moment", "processed"), [(BEFORE, 2), (AFTER, 3)])
def test_a_strike_hits_before_or_after_its_call_and_no_other(scene: Scene, moment: str, processed: int) -> None:
    scene.feed()
    worker = scene.fleet.start(strike=Strike(target="engine.monitor:Monitor.process", moment=moment, call=3))
    assert worker.join(30)
    worker.kill()
    assert len(worker.notes(Did.PROCESSED)) == processed


def test_everything_that_a_worker_can_be_struck_at_is_there() -> None:
    for target in [*embedded.STRIKES, *cluster.STRIKES]:
        owner, name = owner_of(target)
        assert callable(getattr(owner, name)), target


def write_and_be_struck(path: Path, moment: str) -> None:
    arm(Strike(target="streams.sqlite.log:SqliteLog.transaction", moment=moment, call=1))
    with SqliteLog(path) as log:
        log.set_position("here", 1)


@pytest.mark.parametrize(("moment", "position"), [(BEFORE, None), (AFTER, 1)])
def test_a_strike_at_a_transaction_hits_before_or_after_its_commit(
    tmp_path: Path, moment: str, position: int | None
) -> None:
    process = fork(write_and_be_struck, tmp_path / "log.db", moment)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with SqliteLog(tmp_path / "log.db") as log:
        assert log.position("here") == position


def test_a_worker_stands_still_and_goes_on_as_it_is_told(scene: Scene) -> None:
    scene.feed()
    worker = scene.fleet.start()
    wait_until(worker.notes, "the worker works")
    worker.stop()
    before = worker.notes()
    assert not worker.join(0.2)
    assert worker.notes() == before
    worker.wake()
    wait_until(lambda: scene.done(worker), "the worker has done with everything")


def test_the_undisturbed_runs_agree_with_the_ledger() -> None:
    for name in ("ordinary", "disordered", "poisoned"):
        it = traffic(name)
        assert_as_in_ledger(undisturbed(name, 1), it.simulation, it.damaged)
        assert len(it.damaged) < it.simulation.config.merchants - 10


def changed(result: Result) -> Iterator[tuple[str, Result]]:
    """The result with one thing wrong in it, and what is to be said of it."""
    alerts, scores, totals = dict(result.alerts), dict(result.scores), dict(result.totals)
    alert_id, alert = next(iter(alerts.items()))
    merchant_id = next(iter(totals))
    letter = next(iter(result.dead_letters))
    yield f"alert {alert_id}: hits is", replace(result, alerts=alerts | {alert_id: alert | {"hits": alert["hits"] + 1}})
    yield "alert new: {}, undisturbed None", replace(result, alerts=alerts | {"new": {}})
    scores.pop(next(iter(scores)))
    yield "score ", replace(result, scores=scores)
    yield "dead letter ", replace(result, dead_letters=result.dead_letters + type(result.dead_letters)([letter]))
    sums = replace(totals[merchant_id], sales=totals[merchant_id].sales + 1)
    yield f"totals {merchant_id}: ", replace(result, totals=totals | {merchant_id: sums})
    yield "duplicates: ", replace(result, counts=replace(result.counts, duplicates=0))


def test_the_comparison_finds_whatever_differs_and_says_what(ordinary: Result) -> None:
    assert_same(ordinary, ordinary)
    for says, wrong in changed(ordinary):
        with pytest.raises(AssertionError, match=says):
            assert_same(wrong, ordinary)


def test_the_ledger_finds_a_merchant_whose_sums_are_wrong(ordinary: Result) -> None:
    merchant_id, sums = next((each, sums) for each, sums in ordinary.totals.items() if sums.sales)
    wrong = replace(ordinary, totals=ordinary.totals | {merchant_id: replace(sums, sales_minor=sums.sales_minor - 1)})
    with pytest.raises(AssertionError, match=f"merchant {merchant_id}: "):
        assert_as_in_ledger(wrong, traffic("ordinary").simulation)
