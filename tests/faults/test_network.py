"""Fault 5 of the scorecard, and 4 once more: between a worker and the broker the network is slow, cut or silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.seeds import seeds
from tests.faults.waiting import wait_until
from tests.kafka.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.processes import WorkerProcess
    from tests.faults.scene import Scene
    from tests.kafka.broker import Cluster
    from tests.kafka.fixtures import NewKafka

_FEEDING_S = 20.0
_DRAINED_WITHIN_S = 240.0


@pytest.fixture
def backend() -> str:
    return "kafka"


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def behind(proxy: Proxy, new_kafka: NewKafka) -> Cluster:
    cluster = new_kafka(advertised_ports=[proxy.port])
    proxy.target = cluster.brokers[0].ports["CLIENT"]
    return cluster


@pytest.fixture
def cluster(behind: Cluster, proxy: Proxy) -> Cluster:
    proxy.heal()
    return behind


def at_work(scene: Scene) -> WorkerProcess:
    """A worker with sessions as long as in earnest, while the feed goes on."""
    scene.fleet.given = {}
    worker = scene.fleet.start()
    scene.feed_meanwhile(_FEEDING_S)
    wait_until(worker.notes, "the worker works")
    return worker


def assert_drained(scene: Scene, worker: WorkerProcess, *, recovered: int) -> None:
    """It does what is left to do, and its partitions were recovered at most so often."""
    with scene.measure("drained"):
        wait_until(
            lambda: scene.done(worker) and scene.in_checkpoints(),
            "all is in checkpoints",
            _DRAINED_WITHIN_S,
            poll_s=0.02,
        )
    scene.measured["recovered"] = scene.kafka.owned() / scene.log.partitions
    assert scene.measured["recovered"] <= recovered
    scene.assert_exact(worker.finish())


@seeds()
@pytest.mark.timeout(600)
def test_a_slow_network_costs_no_partition(scene: Scene, proxy: Proxy) -> None:
    worker = at_work(scene)
    proxy.slow(0.1, jitter_s=0.2)
    wait_until(lambda: scene.fed, "everything is fed")
    assert_drained(scene, worker, recovered=1)


@seeds()
@pytest.mark.timeout(600)
def test_connections_that_are_reset_again_and_again_cost_no_partition(scene: Scene, proxy: Proxy) -> None:
    worker = at_work(scene)
    while not scene.fed:
        assert not worker.join(scene.draw.uniform(0.2, 3)), worker.how()
        proxy.cut()
    assert_drained(scene, worker, recovered=2)


@seeds()
@pytest.mark.timeout(600)
def test_a_network_that_is_silent_for_a_minute_costs_one_recovery(scene: Scene, proxy: Proxy) -> None:
    worker = at_work(scene)
    proxy.mute()
    assert not worker.join(60), worker.how()
    proxy.heal()
    wait_until(lambda: scene.fed, "everything is fed")
    assert_drained(scene, worker, recovered=3)
