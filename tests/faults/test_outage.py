"""Faults 3, 4 and 13 of the scorecard: brokers die, are gone for long, or stand still."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports

if TYPE_CHECKING:
    from tests.faults.processes import WorkerProcess
    from tests.faults.scene import Scene
    from tests.kafka.broker import Cluster
    from tests.kafka.fixtures import NewKafka

_FEEDING_S = 15.0
_RED_WITHIN_S = 30.0
_DRAINED_WITHIN_S = 120.0


@pytest.fixture
def carrier() -> str:
    return "kafka"


@pytest.fixture(scope="module")
def harmed(new_kafka: NewKafka) -> Cluster:
    return new_kafka()


@pytest.fixture
def cluster(harmed: Cluster) -> Cluster:
    return harmed


def at_work(scene: Scene) -> WorkerProcess:
    """A worker with sessions as long as in earnest, that says whether it is ready and has something left to do."""
    (port,) = free_ports(1)
    scene.fleet.given = {}
    scene.fleet.settings = replace(scene.fleet.settings, health_port=port, batch_records=50)
    scene.feed(until=0.5)
    worker = scene.fleet.start()
    wait_until(worker.notes, "the worker works")
    worker.join(scene.draw.uniform(0, 0.5))
    return worker


def ready(worker: WorkerProcess) -> bool:
    """Whether it says that it is ready."""
    assert worker.alive, worker.how()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.order.settings.health_port}/ready", timeout=10) as said:
            return bool(said.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False


def assert_drained(scene: Scene, worker: WorkerProcess) -> None:
    """It does what is left to do, unaided."""
    scene.feed()
    with scene.measure("drained"):
        wait_until(lambda: scene.done(worker) and scene.in_cuts(), "all is in cuts", _DRAINED_WITHIN_S, poll_s=0.02)
    wait_until(lambda: ready(worker), "the worker is ready")
    scene.assert_exact(worker.finish())


@seeds(quick=1)
@pytest.mark.timeout(600)
def test_a_worker_goes_on_by_itself_when_a_killed_broker_is_back(scene: Scene, cluster: Cluster) -> None:
    worker = at_work(scene)
    for until in (0.7, 0.9):
        scene.feed(until)
        cluster.kill()
        worker.join(scene.draw.uniform(0, 5))
        before = len(worker.notes())
        cluster.start()
        with scene.measure("reconnected"):
            wait_until(lambda: len(worker.notes()) > before or scene.in_cuts(), "the worker goes on", poll_s=0.02)  # noqa: B023
    assert_drained(scene, worker)


@pytest.mark.parametrize("outage_s", [60, pytest.param(600, marks=pytest.mark.timeout(1200))])
@seeds(quick=1)
@pytest.mark.timeout(600)
def test_a_worker_is_not_ready_while_the_broker_is_gone_and_drains_after(
    scene: Scene, cluster: Cluster, outage_s: float
) -> None:
    worker = at_work(scene)
    wait_until(lambda: ready(worker), "the worker is ready")
    cluster.kill()
    with scene.measure("red"):
        wait_until(lambda: not ready(worker), "the worker is not ready", _RED_WITHIN_S, poll_s=0.1)
    assert not worker.join(outage_s - scene.measured["red"]), worker.how()
    assert not ready(worker)
    cluster.start()
    assert_drained(scene, worker)


@seeds(quick=1)
@pytest.mark.timeout(600)
def test_a_broker_that_stands_still_is_waited_for(scene: Scene, cluster: Cluster) -> None:
    worker = at_work(scene)
    cluster.pause()
    assert not worker.join(60), worker.how()
    assert not ready(worker)
    cluster.resume()
    assert_drained(scene, worker)


@pytest.fixture
def three(new_kafka: NewKafka) -> Cluster:
    return new_kafka(brokers=3)


class TestOfThree:
    @pytest.fixture
    def cluster(self, three: Cluster) -> Cluster:
        return three

    @seeds(quick=1)
    @pytest.mark.timeout(900)
    def test_a_worker_carries_on_when_one_broker_dies(self, scene: Scene, cluster: Cluster) -> None:
        worker = at_work(scene)
        scene.feed_meanwhile(_FEEDING_S)
        before = len(worker.notes())
        scene.draw.choice(cluster.brokers).kill()
        with scene.measure("carried on"):
            wait_until(lambda: len(worker.notes()) > before, "the worker goes on", poll_s=0.02)
        wait_until(lambda: scene.fed, "everything is fed", _DRAINED_WITHIN_S)
        assert_drained(scene, worker)
