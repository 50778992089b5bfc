"""Faults 3, 4 and 13 of the scorecard: brokers die, are gone for long, or stand still."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.faults.earnest import assert_drained, at_work, ready
from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.scene import Scene
    from tests.kafka.broker import Cluster
    from tests.kafka.fixtures import NewKafka

_RED_WITHIN_S = 30.0


@pytest.fixture
def backend() -> str:
    return "kafka"


@pytest.fixture(scope="module")
def harmed(new_kafka: NewKafka) -> Cluster:
    return new_kafka()


@pytest.fixture
def cluster(harmed: Cluster) -> Cluster:
    return harmed


@seeds()
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
            wait_until(
                lambda: len(worker.notes()) > before or scene.in_checkpoints(),  # noqa: B023
                "the worker goes on",
                poll_s=0.02,
            )
    assert_drained(scene, worker)


@seeds()
@pytest.mark.timeout(600)
def test_a_worker_is_not_ready_while_the_broker_is_gone_and_drains_after(scene: Scene, cluster: Cluster) -> None:
    _endure(scene, cluster, 60)


@pytest.mark.skipif("TILLWATCH_FAULT_SEEDS" not in os.environ, reason="takes twelve minutes: `make faults` runs it")
@seeds(at_most=1)
@pytest.mark.timeout(1200)
def test_a_worker_outlives_ten_minutes_without_a_broker(scene: Scene, cluster: Cluster) -> None:
    _endure(scene, cluster, 600)


def _endure(scene: Scene, cluster: Cluster, outage_s: float) -> None:
    worker = at_work(scene)
    wait_until(lambda: ready(worker), "the worker is ready")
    cluster.kill()
    with scene.measure("red"):
        wait_until(lambda: not ready(worker), "the worker is not ready", _RED_WITHIN_S, poll_s=0.1)
    assert not worker.join(outage_s - scene.measured["red"]), worker.how()
    assert not ready(worker)
    cluster.start()
    assert_drained(scene, worker)


@seeds()
@pytest.mark.timeout(600)
def test_a_broker_that_stands_still_is_waited_for(scene: Scene, cluster: Cluster) -> None:
    worker = at_work(scene)
    cluster.pause()
    assert not worker.join(60), worker.how()
    assert not ready(worker)
    cluster.resume()
    assert_drained(scene, worker)
