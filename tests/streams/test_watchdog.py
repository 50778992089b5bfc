from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from streams.watchdog import READY_S, Stuck, Watchdog
from tests.streams.children import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

STUCK_S = 100.0
"""Far more than a machine may stand still between two lines of a test."""


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog(STUCK_S)
    yield watchdog
    watchdog.stop()


def after(seconds: float) -> float:
    return time.monotonic() + seconds


def test_who_has_something_to_do_and_does_nothing_for_long_is_stuck(watchdog: Watchdog) -> None:
    watchdog.look(after(0), 7, {0: 3})
    watchdog.look(after(0.9 * STUCK_S), 7, {0: 3})
    with pytest.raises(Stuck, match=r"7 records are waiting and none was processed for 10\d s"):
        watchdog.look(after(STUCK_S), 7, {0: 3})


@pytest.mark.parametrize(
    ("lag", "done"), [(7, {0: 4}), (0, {0: 3}), (None, {}), (7, {0: 3, 1: 0})],
    ids=["one more was processed", "nothing waits", "nothing is assigned", "another partition came"],
)  # fmt: skip
def test_who_gets_on_or_has_nothing_to_do_is_not_stuck(
    watchdog: Watchdog, lag: int | None, done: dict[int, int]
) -> None:
    watchdog.look(after(0), 7, {0: 3})
    watchdog.look(after(0.9 * STUCK_S), lag, done)
    watchdog.look(after(1.8 * STUCK_S), 7, done)
    with pytest.raises(Stuck):
        watchdog.look(after(3 * STUCK_S), 7, done)


def test_a_log_that_does_not_answer_is_no_fault_of_the_worker(watchdog: Watchdog) -> None:
    watchdog.look(after(0), 7, {0: 3})
    watchdog.unreachable(after(0.9 * STUCK_S), "connection refused")
    watchdog.look(after(1.8 * STUCK_S), 7, {0: 3})
    with pytest.raises(Stuck):
        watchdog.look(after(2 * STUCK_S), 7, {0: 3})


def test_who_was_given_partitions_has_time_from_then_on(watchdog: Watchdog) -> None:
    watchdog.look(after(-0.5 * STUCK_S), 7, {0: 3})
    watchdog.recovered(1)
    watchdog.look(after(0.9 * STUCK_S), 7, {0: 3})
    with pytest.raises(Stuck):
        watchdog.look(after(STUCK_S), 7, {0: 3})


def test_a_worker_is_ready_from_its_recovery_until_its_partitions_go(watchdog: Watchdog) -> None:
    assert watchdog.trouble == "no partition was assigned yet"
    watchdog.recovered(2)
    assert watchdog.trouble == ""
    watchdog.released()
    assert watchdog.trouble == "partitions are being assigned"
    watchdog.recovered(0)
    assert watchdog.trouble == ""


def test_a_worker_whose_log_is_silent_is_not_ready(watchdog: Watchdog) -> None:
    watchdog.recovered(1)
    watchdog.look(after(-READY_S - 1), 0, {0: 3})
    watchdog.unreachable(after(0), "connection refused")
    assert re.fullmatch(r"the log has not answered for 2\d s", watchdog.trouble)
    assert watchdog.alive
    watchdog.look(after(0), 0, {0: 3})
    assert watchdog.trouble == ""


def test_a_process_whose_event_loop_stands_still_ends_and_says_where() -> None:
    code = (
        "import threading, streams.watchdog as watchdog\n"
        "watchdog.LOOP_S = 0.2\n"
        "def standing_still(): threading.Event().wait(60)\n"
        "watchdog.Watchdog()\n"
        "standing_still()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 70
    assert "in standing_still" in ended.stderr
