from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from streams.errors import Fenced, LeaseHeld
from streams.sqlite import leases
from streams.sqlite.log import SqliteLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.streams.conftest import SqliteBackend


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "log.db", busy_timeout_s=0.1) as opened:
        opened.create_topic("events", 1)
        yield opened


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(leases, "boot_s", lambda: now[0])
    return now


def test_a_second_holder_is_refused_and_told_who_holds_it(log: SqliteLog, clock: list[float]) -> None:
    log.acquire_lease("worker", "first@here", 10)
    clock[0] += 3
    with pytest.raises(LeaseHeld, match=rf"'worker' is held by first@here, process {os.getpid()} on .*3\.0 s ago"):
        log.acquire_lease("worker", "second", 10)
    assert log.acquire_lease("other", "second", 10).epoch == 1


def test_a_released_lease_is_given_again_under_a_greater_number(log: SqliteLog) -> None:
    first = log.acquire_lease("worker", "a", 10)
    log.release_lease(first)
    assert log.acquire_lease("worker", "b", 10).epoch > first.epoch


def test_an_expired_lease_is_given_again_and_its_holder_fenced(log: SqliteLog, clock: list[float]) -> None:
    first = log.acquire_lease("worker", "a", 10)
    clock[0] += 9.9
    log.renew_lease(first)
    clock[0] += 9.9
    with pytest.raises(LeaseHeld):
        log.acquire_lease("worker", "b", 10)
    clock[0] += 0.1
    second = log.acquire_lease("worker", "b", 10)
    assert second.epoch == first.epoch + 1
    with pytest.raises(Fenced, match=r"'worker' epoch 1 is stale: it is now held by b \(process"):
        log.renew_lease(first)
    with pytest.raises(Fenced), log.transaction(first):
        log.append("events", 0, [b"late"])
    log.release_lease(first)
    with log.transaction(second):
        log.commit("monitor", "events", 0, 0)
        with pytest.raises(Fenced), log.transaction(first):
            raise AssertionError
    assert log.end_offset("events", 0) == 0


def test_a_lease_of_an_earlier_boot_is_free(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    host, boot = leases._here()
    first = log.acquire_lease("worker", "a", 10)
    monkeypatch.setattr(leases, "_here", lambda: (host, boot + "x"))
    assert log.acquire_lease("worker", "b", 10).epoch == first.epoch + 1


def test_a_boot_clock_that_went_back_frees_the_lease(log: SqliteLog, clock: list[float]) -> None:
    log.acquire_lease("worker", "a", 10)
    clock[0] = 5.0
    assert log.acquire_lease("worker", "b", 10).epoch == 2


def test_a_dead_process_on_this_machine_holds_no_lease(embedded: SqliteBackend) -> None:
    with embedded.open() as log:
        holder = embedded.python("log.acquire_lease('worker', 'child', 3600); print('has it', flush=True); input()")
        assert holder.stdout.readline() == "has it\n"
        with pytest.raises(LeaseHeld, match=f"child, process {holder.pid}"):
            log.acquire_lease("worker", "b", 10)
        holder.kill()
        holder.communicate()
        assert log.acquire_lease("worker", "b", 10).epoch == 2


def test_a_dead_process_of_another_machine_is_waited_for(
    log: SqliteLog, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, boot = leases._here()
    monkeypatch.setattr(leases, "_here", lambda: ("elsewhere", boot))
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)
    log.acquire_lease("worker", "a", 10)
    monkeypatch.setattr(leases, "_here", lambda: ("here", boot))
    with pytest.raises(LeaseHeld):
        log.acquire_lease("worker", "b", 10)
    clock[0] += 10
    assert log.acquire_lease("worker", "b", 10).epoch == 2


def test_a_log_that_stays_locked_names_the_last_holder(log: SqliteLog) -> None:
    log.acquire_lease("worker", "first", 10)
    held = pytest.raises(LeaseHeld, match=r"log\.db stays locked; last held by first, process")
    with SqliteLog(log.path) as other, other.transaction(), held:
        log.acquire_lease("worker", "b", 10)


def test_a_lease_lasts_longer_than_nothing(log: SqliteLog) -> None:
    with pytest.raises(ValueError, match="ttl_s must be above 0, got 0"):
        log.acquire_lease("worker", "a", 0)
