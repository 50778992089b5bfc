"""Fault 3 of the scorecard where there are three brokers: one of them dies, and nobody waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.earnest import assert_drained, at_work
from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from tests.faults.scene import Scene
    from tests.kafka.broker import Cluster
    from tests.kafka.fixtures import NewKafka

_FEEDING_S = 15.0


@pytest.fixture
def backend() -> str:
    return "kafka"


@pytest.fixture(scope="module")
def three(new_kafka: NewKafka) -> Cluster:
    return new_kafka(brokers=3)


@pytest.fixture
def cluster(three: Cluster) -> Cluster:
    three.start()
    return three


@seeds()
@pytest.mark.timeout(900)
def test_a_worker_carries_on_when_one_broker_of_three_dies(scene: Scene, cluster: Cluster) -> None:
    worker = at_work(scene)
    scene.feed_meanwhile(_FEEDING_S)
    before = len(worker.notes())
    scene.draw.choice(cluster.brokers).kill()
    with scene.measure("carried on"):
        wait_until(lambda: len(worker.notes()) > before, "the worker goes on", poll_s=0.02)
    wait_until(lambda: scene.fed, "everything is fed")
    assert_drained(scene, worker)
