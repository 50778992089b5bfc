"""A second stage of the pipeline beside the monitor: it counts dead letters by reason."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from domain.alerts import DeadLetter
from engine.checkpoint.page_log import Fresh
from engine.checkpoint.pages import Page
from engine.outputs import Counts, Outputs, TopicRecords
from streams.app import WorkerSettings
from streams.errors import NoState
from streams.kafka.address import KafkaAddress
from streams.kafka.log import KafkaLog
from streams.sqlite.checkpoints import state_path
from streams.stage import Stage
from streams.topics import Topics, TopicSpec, create_topics
from streams.worker import Worker, run_stage, run_worker
from tests.streams.sums import BareMonitor, SumMonitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from engine.decoding.records import Records
    from streams.log import Log
    from tests.streams.conftest import LogBackend

PARTITIONS = 3
_TALLIES = TopicSpec("tallies", "reason", compacted=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreTopics(Topics):
    """The log's topics, and what the second stage writes."""

    tallies: TopicSpec = _TALLIES


TOPICS = MoreTopics()


class Tally(msgspec.Struct, frozen=True):
    reason: str
    count: int
    epoch: int = 0


@dataclass(slots=True)
class TallyOutputs(Outputs):
    """What the second stage gives: records of a topic of its own, and none of the first's."""

    tallies: tuple[Tally, ...] = ()

    def by_topic(self) -> list[TopicRecords]:
        return [TopicRecords("tallies", [each.reason for each in self.tallies], self.tallies)] if self.tallies else []


class TallyMonitor(BareMonitor):
    """Counts the dead letters of its partition."""

    def __init__(self, partition: int, partitions: int) -> None:
        super().__init__()
        assert partition < partitions
        self.partition, self.page = partition, 0
        self.tally: Counter[str] = Counter()

    def process(self, records: Records) -> Outputs:
        letters = [msgspec.json.decode(records.value(i), type=DeadLetter) for i in range(len(records))]
        self.tally.update(f"{each.reason}-{self.partition}" for each in letters)
        self.counts.add(Counts(records=len(records), other=len(records)))
        told = tuple(Tally(*each) for each in self.tally.items())
        return TallyOutputs(counts=Counts(records=len(records), other=len(records)), tallies=told)

    def checkpoint(self) -> Any:
        return TallyCheckpoint(self)

    def restore(self, notes: bytes, pages: Iterable[tuple[int, Page]]) -> None:
        self.counts, self.tally = msgspec.msgpack.decode(notes, type=tuple[Counts, dict[str, int]])[0], Counter()
        for page_id, page in pages:
            self.page = page_id
            self.tally.update(page.notes)


class TallyCheckpoint:
    gathered, merchants = True, 0

    def __init__(self, monitor: TallyMonitor) -> None:
        monitor.page += 1
        self._fresh = Fresh(monitor.page, Page("tally", dict(monitor.tally), {"none": np.zeros(0, np.int64)}))
        self._notes = msgspec.msgpack.encode((monitor.counts, {}))
        self.dropped = [monitor.page - 1]

    def rest(self) -> Iterator[Fresh]:
        yield self._fresh

    def notes(self) -> bytes:
        return self._notes

    def end(self) -> object:
        return None


STAGE = Stage("dead_letters", TallyMonitor, "tally", usual=("tallies",))


def settings_of(backend: LogBackend, **more: Any) -> WorkerSettings:
    told = {"partitions": PARTITIONS, "batch_records": 50, "checkpoint_every_s": 0.2, "topics": TOPICS, **more}
    return WorkerSettings(address=backend.address, **told)


def fill(backend: LogBackend, count: int) -> None:
    """`count` records for each partition, of which a tenth become dead letters."""
    with backend.address.open(TOPICS) as log:
        create_topics(log, PARTITIONS)
        for partition in range(PARTITIONS):
            log.append("events", partition, [b"%d" % i if i % 10 else b"odd" for i in range(count)])


def newest(backend: LogBackend) -> dict[str, int]:
    with backend.address.open(TOPICS) as log:
        return {key: tally.count for key, tally in _tallies(log)}


def _tallies(log: Log) -> Iterator[tuple[str, Tally]]:
    for partition in range(PARTITIONS):
        for each in log.read_keyed("tallies", partition, 0, committed=True):
            yield each.key.decode(), msgspec.json.decode(each.value, type=Tally)


async def until(reached: Callable[[], bool], running: list[asyncio.Task[Counts]]) -> None:
    """Wait until something is so, or one of these has ended."""
    async with asyncio.timeout(60):
        while not (any(each.done() for each in running) or await asyncio.to_thread(reached)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def all_letters(count: int) -> dict[str, int]:
    return {f"x-{each}": count for each in range(PARTITIONS)}


def test_a_second_stage_reads_what_the_first_wrote_and_goes_on_from_its_own_checkpoint(backend: LogBackend) -> None:
    fill(backend, 400)
    run_worker(settings_of(backend), SumMonitor, until_idle=True)
    assert run_stage(settings_of(backend), STAGE, until_idle=True).records == 40 * PARTITIONS
    assert newest(backend) == all_letters(40)
    fill(backend, 400)
    run_worker(settings_of(backend), SumMonitor, until_idle=True)
    counts = run_stage(settings_of(backend), STAGE, until_idle=True)
    assert (counts.records, newest(backend)) == (80 * PARTITIONS, all_letters(80))


def test_both_stages_run_side_by_side_each_with_partitions_of_its_own(backend: LogBackend) -> None:
    fill(backend, 100)

    async def run() -> None:
        team = [Worker(settings_of(backend), each) for each in (Stage.monitor(SumMonitor), STAGE)]
        running = [asyncio.create_task(each.run()) for each in team]
        try:
            await until(lambda: newest(backend) == all_letters(10), running)
        finally:
            for each in team:
                each.stop()
            await asyncio.gather(*running)

    asyncio.run(run())
    assert newest(backend) == all_letters(10)


def test_what_is_kept_of_a_stage_bears_its_name(backend: LogBackend) -> None:
    fill(backend, 100)
    run_worker(settings_of(backend), SumMonitor, until_idle=True)
    run_stage(settings_of(backend), STAGE, until_idle=True)
    with backend.address.open(TOPICS) as log:
        done = [log.committed("tillwatch-tally", "dead-letters", each) for each in range(PARTITIONS)]
        shown = {each.worker.partition("/")[0]: each.topic for each in log.progress()}
    assert all(done)
    assert shown == {"tillwatch": "events", "tillwatch-tally": "dead-letters"}
    if isinstance(backend.address, KafkaAddress):
        with KafkaLog(backend.address.options, TOPICS) as log:
            assert "tally-checkpoints" in log.topic_names()
    else:
        assert state_path(backend.address.path, "tally").exists()


def test_a_stage_has_a_state_of_its_own(embedded: LogBackend) -> None:
    fill(embedded, 100)
    with pytest.raises(NoState):
        embedded.address.checkpoints(TOPICS)
    run_worker(settings_of(embedded, checkpoint_every_s=None), SumMonitor, until_idle=True)
    run_stage(settings_of(embedded), STAGE, until_idle=True)
    with pytest.raises(NoState):
        embedded.address.checkpoints(TOPICS)


@pytest.mark.parametrize(
    ("topic", "prefix", "message"),
    [
        ("dead_letters", "", "a stage that reads 'dead_letters' must have a prefix, got none"),
        ("dead_letters", "A b", "prefix must be of small letters, digits and hyphens, got 'A b'"),
        ("alerts", "links", "a stage must read a topic that is not compacted, got 'alerts'"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(topic: str, prefix: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stage(topic, TallyMonitor, prefix).topics(TOPICS)
