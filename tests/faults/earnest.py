"""Workers on Kafka as they are in earnest: with sessions of seconds, and saying whether they are ready."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import replace
from typing import TYPE_CHECKING

from streams.endpoint import Endpoint
from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports

if TYPE_CHECKING:
    from tests.faults.processes import WorkerProcess
    from tests.faults.scene import Scene

_DRAINED_WITHIN_S = 120.0


def at_work(scene: Scene) -> WorkerProcess:
    """A worker with sessions as long as in earnest, that says whether it is ready and has something left to do."""
    (port,) = free_ports(1)
    scene.fleet.given = {}
    scene.fleet.settings = replace(scene.fleet.settings, health=Endpoint(port), batch_records=50)
    scene.feed(until=0.5)
    worker = scene.fleet.start()
    wait_until(worker.notes, "the worker works")
    worker.join(scene.draw.uniform(0, 0.5))
    return worker


def ready(worker: WorkerProcess) -> bool:
    """Whether it says that it is ready."""
    assert worker.alive, worker.how()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.order.settings.health.port}/ready", timeout=10) as said:
            return bool(said.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False


def assert_drained(scene: Scene, worker: WorkerProcess) -> None:
    """It does what is left to do, unaided."""
    scene.feed()
    with scene.measure("drained"):
        wait_until(
            lambda: scene.done(worker) and scene.in_checkpoints(),
            "all is in checkpoints",
            _DRAINED_WITHIN_S,
            poll_s=0.02,
        )
    wait_until(lambda: ready(worker), "the worker is ready")
    scene.assert_exact(worker.finish())
