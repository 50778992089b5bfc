"""A scene: traffic on its way into a log, worker processes on it, and what it must all come to.

What the faults ask of the backend, which is `Log`, is what `EmbeddedLog` and `ClusterLog` have; nothing else here
knows which it is.
"""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.faults.child import speak_into
from tests.faults.embedded import EmbeddedLog
from tests.faults.processes import Fleet, fork
from tests.faults.strikes import AFTER, BEFORE, Strike
from tests.faults.traffic import traffic
from tests.faults.waiting import wait_until
from tests.outcome import Result, assert_as_in_ledger, assert_same

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.process import BaseProcess

    from tests.faults.child import Ending
    from tests.faults.cluster import ClusterLog
    from tests.faults.processes import WorkerProcess

    Log = EmbeddedLog | ClusterLog
    MakeLog = Callable[[Path, int], Log]
    """Makes a log, with so many partitions, that keeps files in a folder."""

_LENGTH_S = 2.0


@dataclass(frozen=True)
class Kill:
    """A worker that was killed.

    Attributes:
        how: when or where.
        at_work: whether it had processed something, and had something left to do.
        after_checkpoint: whether a checkpoint had been committed by then.
    """

    how: str
    at_work: bool
    after_checkpoint: bool


class Scene:
    """Traffic, a log and its workers, whose sizes are drawn, for nothing may depend on them.

    Args:
        folder: for the files; empty.
        seed: what everything is drawn from.
        make_log: makes the log.
        name: of the traffic.
        partitions: among which their number is drawn.

    Attributes:
        draw: what the rest is drawn from.
        traffic: what is fed.
        log: where to.
        fleet: the workers on it.
        kills: those that were killed.
        measured: what took how long, in seconds, or was how much; said in the report.
    """

    def __init__(
        self, folder: Path, seed: int, make_log: MakeLog = EmbeddedLog, name: str = "ordinary",
        partitions: Sequence[int] = (1, 2, 4),
    ) -> None:  # fmt: skip
        self.draw = random.Random(seed)
        self.traffic = traffic(name)
        self.log = make_log(folder, self.draw.choice(partitions))
        batch_records, checkpoint_every_s = self.draw.randint(50, 1000), round(self.draw.uniform(0.02, 0.2), 3)
        self.fleet = Fleet(
            folder,
            self.log.settings(batch_records=batch_records, checkpoint_every_s=checkpoint_every_s),
            self.log.given,
        )
        self.kills: list[Kill] = []
        self.measured: dict[str, float] = {}
        self._producer: BaseProcess | None = None
        self._fed = 0.0

    def close(self) -> None:
        """End every process."""
        self.fleet.close()
        if self._producer is not None:
            self._producer.kill()
            self._producer.join()
        self.log.close()

    @property
    def embedded(self) -> EmbeddedLog:
        """The log, for what only the embedded one has."""
        assert isinstance(self.log, EmbeddedLog)
        return self.log

    @property
    def kafka(self) -> ClusterLog:
        """The log, for what only one on Kafka has."""
        assert not isinstance(self.log, EmbeddedLog)
        return self.log

    # -- feeding

    def feed(self, until: float = 1.0) -> None:
        """Append the records of a share (0 to 1) of the simulation's time, after those that were fed before."""
        self.log.feed(self.traffic, until)
        self._fed = until

    def feed_meanwhile(self, length_s: float = _LENGTH_S, until: float = 1.0) -> None:
        """Let a process append the records up to a share of the simulation's time, in about so many seconds.

        Args:
            length_s: how long it takes.
            until: as of `feed`.
        """
        config = self.traffic.simulation.config
        pace = (until - self._fed) * (config.end_ms - config.start_ms) / 1000 / length_s
        self._fed = until
        self._producer = fork(_produce, self.log, self.traffic.name, until, pace)

    def feed_somehow(self) -> None:
        """One or the other, as it is drawn."""
        if self.draw.random() < 0.5:
            self.feed()
        else:
            self.feed_meanwhile()

    @property
    def fed(self) -> bool:
        """Whether nothing more is coming."""
        if self._producer is None:
            return True
        assert not self._producer.exitcode, f"the producer should end in order, was {self._producer.exitcode}"
        return self._producer.exitcode == 0

    # -- workers

    def strike(self, by: signal.Signals) -> Strike:
        """A point at which a worker strikes itself."""
        target = self.draw.choice(sorted(self.log.strikes))
        call = self.draw.randint(1, self.log.strikes[target])
        return Strike(target=target, moment=self.draw.choice((BEFORE, AFTER)), call=call, signal=by)

    def drained(self, worker: WorkerProcess) -> bool:
        """Whether `worker` has published what follows from everything in the log, or restored it."""
        reached, checkpoints = worker.reached(), self.log.checkpoints()
        return all(max(reached.get(each, 0), checkpoints.get(each, 0)) >= end for each, end in self.log.ends().items())

    def done(self, worker: WorkerProcess) -> bool:
        """Whether `worker` has nothing left to do, and never will."""
        return self.fed and self.drained(worker)

    def in_checkpoints(self) -> bool:
        """Whether everything in the log is in a committed checkpoint."""
        checkpoints = self.log.checkpoints()
        return all(checkpoints.get(each, 0) >= end for each, end in self.log.ends().items())

    def endure(self, worker: WorkerProcess, seconds: float) -> None:
        """For so long, see that `worker` does not end, and acknowledges nothing that is in no checkpoint."""
        for _ in range(10):
            assert not worker.join(seconds / 10), worker.how()
            acknowledged, checkpoints = (
                self.log.acknowledged(),
                self.log.checkpoints(),
            )  # in this order, for both only grow
            assert all(offset <= checkpoints.get(each, 0) for each, offset in acknowledged.items()), (
                acknowledged,
                checkpoints,
            )

    @contextmanager
    def measure(self, what: str) -> Iterator[None]:
        """Note how long something took, the longest where it was done several times."""
        began = time.monotonic()
        yield
        self.measured[what] = max(self.measured.get(what, 0.0), time.monotonic() - began)

    def kill(self, worker: WorkerProcess, how: str) -> None:
        """Kill `worker`, which may have done it itself."""
        worker.kill()
        at_work = bool(worker.notes()) and not self.done(worker)
        self.kills.append(Kill(how, at_work=at_work, after_checkpoint=bool(self.log.checkpoints())))

    def replayed(self) -> int:
        """How many times a record was processed that had been processed before."""
        again, reached = 0, dict.fromkeys(range(self.log.partitions), 0)
        for note in self.fleet.processed():  # no worker begins where the one before has not been
            again += max(0, min(reached[note.partition], note.last + 1) - note.first)
            reached[note.partition] = max(reached[note.partition], note.last + 1)
        return again

    # -- the end

    def finish(self) -> Ending:
        """Let a new worker do what is left to do; how it ended."""
        wait_until(lambda: self.fed, "everything is fed")
        with self.measure("recovery"):
            worker = self.fleet.start(until_idle=True)
            wait_until(lambda: worker.notes() or not worker.alive, "the last worker works, or has nothing to do")
        return worker.ended()

    def assert_exact(self, ending: Ending) -> None:
        """What is in the log and in the last worker's sums is what an undisturbed run comes to, and the ledger."""
        assert ending.failures == (), ending
        assert all(epochs == sorted(epochs) for epochs in self.log.epochs().values()), (
            "a worker wrote after its successor"
        )
        assert ending.counts.records == self.log.event_count()
        result = self.log.result(ending)
        # Which records are of a partition that is not theirs depends on how many there are; only damage makes such.
        assert_same(result, undisturbed(self.traffic.name, self.log.partitions if self.traffic.damaged else 1))
        assert_as_in_ledger(result, self.traffic.simulation, self.traffic.damaged)


@cache
def undisturbed(name: str, partitions: int) -> Result:
    """What one worker that nothing happens to comes to, without any checkpoint."""
    with TemporaryDirectory() as folder:
        log = EmbeddedLog(Path(folder), partitions)
        log.create()
        log.feed(traffic(name))
        with Fleet(log.folder, log.settings(batch_records=5000, checkpoint_every_s=None)) as fleet:
            return log.result(fleet.start(until_idle=True).ended())


def _produce(log: Log, name: str, until: float, pace: float) -> None:
    """The producer's process."""
    speak_into(log.folder / "producer.log")
    log.feed(traffic(name), until, pace)
    log.close()
