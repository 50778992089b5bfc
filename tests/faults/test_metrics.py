"""Counters do not lie: whatever was killed or handed over, they never go back, and count each alert once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streams.endpoint import Endpoint
from tests.faults.seeds import STRIKES, seeds
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.scrape import partitions_shown, scrape, summed

if TYPE_CHECKING:
    from tests.faults.processes import WorkerProcess
    from tests.faults.scene import Scene
    from tests.scrape import Labels, Series

COUNTED = (
    "records_total", "dead_letters_total", "findings_total", "alerts_total", "alert_turnover_total",
    "alert_loss_total", "alerts_by_region_total", "alerts_by_agent_total", "alerts_by_mcc_group_total",
    "field_present_total", "fields_dropped_total",
)  # fmt: skip
BACKENDS = ["embedded", "kafka"]
_A_STRIKE_S = {"embedded": 0.6, "kafka": 5.0}
"""How long the feed lasts for each strike."""


class Counters:
    """What was shown of the counters so far; none may go back."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Labels], float] = {}
        self.scrapes = 0

    def see(self, found: Series | None) -> bool:
        """Compare with what was shown before, by whichever worker; whether any record is counted."""
        if found is None:
            return False
        for name in COUNTED:
            for labels, count in found.get(f"tillwatch_{name}", {}).items():
                before = self._seen.get((name, labels), 0.0)
                assert count >= before, f"{name}{dict(labels)} was {before:g}, then {count:g}"
                self._seen[name, labels] = count
        self.scrapes += "tillwatch_records_total" in found
        return summed(found, "records_total") > 0


def start(scene: Scene) -> WorkerProcess:
    """A worker that shows its metrics, on a port of its own."""
    scene.fleet.settings = replace(scene.fleet.settings, health=Endpoint(*free_ports(1)))
    return scene.fleet.start()


def shown(worker: WorkerProcess) -> Series | None:
    return scrape(worker.order.settings.health.port)


def assert_counted(scene: Scene, *workers: WorkerProcess) -> None:
    """Together the workers show each record and each alert once, and each partition once."""
    wait_until(lambda: scene.fed and scene.in_checkpoints(), "everything is in a checkpoint", 240, poll_s=0.05)
    events = scene.log.event_count()

    def whole() -> bool:
        found = [shown(each) or {} for each in workers]
        return sum(summed(each, "records_total") for each in found) == events

    wait_until(whole, f"{events} records are counted", poll_s=0.05)
    found = [each for worker in workers if (each := shown(worker)) is not None]
    partitions = [number for each in found for number in partitions_shown(each)]
    assert sorted(partitions) == list(range(scene.log.partitions))
    endings = [each.finish() for each in workers]
    assert [each.failures for each in endings] == [()] * len(workers)
    ending = scene.finish()
    result = scene.log.result(ending)
    assert sum(summed(each, "alerts_total") for each in found) == len(result.alerts) > 0
    assert sum(summed(each, "alerts_by_region_total") for each in found) == len(result.alerts)
    assert sum(summed(each, "dead_letters_total") for each in found) == result.dead_letters.total() > 0
    scene.assert_exact(ending)


@pytest.mark.faults
@pytest.mark.parametrize("backend", BACKENDS)
@seeds()
@pytest.mark.timeout(900)
def test_after_kills_the_sum_of_alerts_counted_is_that_of_distinct_alerts(scene: Scene, backend: str) -> None:
    counters = Counters()
    scene.feed_meanwhile(STRIKES * _A_STRIKE_S[backend])
    for k in range(STRIKES):
        worker = start(scene)
        if k % 2:  # the others may be killed before they have any partition
            wait_until(lambda worker=worker: counters.see(shown(worker)), "a checkpoint is shown", poll_s=0.02)
        worker.join(scene.draw.uniform(0, _A_STRIKE_S[backend] / 2))
        counters.see(shown(worker))
        scene.kill(worker, "while its counters were read")
    last = start(scene)
    wait_until(lambda: shown(last), "the last worker shows its metrics", poll_s=0.02)
    counters.see(shown(last))
    assert counters.scrapes >= STRIKES // 2
    assert any(each.after_checkpoint for each in scene.kills)
    assert_counted(scene, last)


@pytest.mark.faults
@seeds()
@pytest.mark.timeout(600)
def test_after_restarts_in_order_each_is_counted_once(scene: Scene) -> None:
    counters = Counters()
    scene.feed_meanwhile(STRIKES * _A_STRIKE_S["embedded"])
    for _ in range(STRIKES):
        worker = start(scene)
        wait_until(lambda worker=worker: shown(worker), "it shows its metrics", poll_s=0.02)
        worker.join(scene.draw.uniform(0, 0.3))
        counters.see(shown(worker))
        assert worker.finish().failures == ()
    assert_counted(scene, start(scene))


@pytest.mark.faults
@pytest.mark.parametrize("backend", ["kafka"])
@pytest.mark.parametrize("partitions", [(2, 4)])
@seeds()
@pytest.mark.timeout(900)
def test_after_rebalances_each_is_counted_once_and_shown_by_its_owner(scene: Scene) -> None:
    stays = start(scene)
    scene.feed_meanwhile(STRIKES * _A_STRIKE_S["kafka"])
    every, other = set(range(scene.log.partitions)), None
    wait_until(lambda: partitions_shown(shown(stays) or {}) == every, "one shows all", poll_s=0.05)
    for k in range(STRIKES):
        if other is None:
            other = start(scene)
        elif k % 4 == 1:
            assert other.finish().failures == ()
            other = None
        else:
            scene.kill(other, "of two")
            other = None
        of = [stays] if other is None else [stays, other]

        def shared(of: list[WorkerProcess] = of) -> bool:
            numbers = [number for each in of for number in partitions_shown(shown(each) or {})]
            return sorted(numbers) == sorted(every) and all(partitions_shown(shown(each) or {}) for each in of)

        wait_until(shared, "each partition is shown by one", poll_s=0.05)
    left = [stays] if other is None else [stays, other]
    assert_counted(scene, *left)
