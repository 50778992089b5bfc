"""What the faults must know of a log on Kafka: its owners, its checkpoints, and where its worker can be struck."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from engine.decoding.hashing import partition_of
from streams.app import WorkerSettings
from streams.kafka.address import KafkaAddress
from streams.kafka.checkpoints import MANIFEST, OWNER, PAGE, Stored
from streams.kafka.log import KafkaLog
from streams.kafka.options import KafkaOptions
from streams.topics import TOPICS, create_topics
from tests.faults.damage import flipped, rebuild
from tests.faults.waiting import wait_until
from tests.kafka.topics import admin, delete_topics
from tests.outcome import Result, result_of
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from pathlib import Path

    from aiokafka import ConsumerRecord

    from tests.faults.child import Ending
    from tests.faults.traffic import Traffic

SHORT_SESSION: Mapping[str, object] = {
    "streams.kafka.faust_transport:SESSION_S": 3.0,
    "streams.kafka.faust_transport:HEARTBEAT_S": 0.5,
}
"""Given to workers, lets the group soon do without one that is gone or stands still."""
STRIKES: Mapping[str, int] = {
    "engine.monitor:Monitor.process": 20,
    "streams.kafka.result_writer:KafkaResultWriter.start": 1,
    "streams.kafka.result_writer:KafkaResultWriter._prepare": 6,
    "streams.kafka.result_writer:KafkaResultWriter._send": 30,
    "streams.kafka.result_writer:KafkaResultWriter.commit": 6,
    "aiokafka.producer.sender:SendProduceReqHandler.do": 20,
    "aiokafka.producer.sender:AddPartitionsToTxnHandler.do": 6,
    "aiokafka.producer.sender:EndTxnHandler.do": 6,
    "engine.checkpoint.checkpoints:Checkpoint.gather": 6,
    "streams.kafka.checkpoints:KafkaCheckpointStore.fence": 1,
    "streams.kafka.checkpoints:read_checkpoints": 1,
    "streams.kafka.checkpoints:KafkaCheckpointStore.commit": 6,
    "streams.kafka.backend:KafkaBackend.show": 4,
    "streams.agent:MonitorAgent.acknowledge": 6,
}
"""Where a worker can be struck, and within how many calls: as many as a run of some 30 batches comes to."""


class CommittedLog(KafkaLog):
    """The log as those see it who read nothing that may still be taken back."""

    def _read(
        self, topic: str, partition: int, offset: int, most: int, *, committed: bool | None = True
    ) -> list[ConsumerRecord]:
        del committed  # whoever asks, it is so
        return super()._read(topic, partition, offset, most, committed=True)


@dataclass
class Checkpoints:
    """What a partition of `checkpoints` held, as far as it was read.

    Attributes:
        held: what it holds.
        next: the offset to read on from.
        owners: everyone who became its owner, by who they said they are.
    """

    held: Stored
    next: int = 0
    owners: list[str] = field(default_factory=list)


class ClusterLog:
    """The log on a Kafka cluster whose topics are this one's alone. Processes hand it to each other.

    Args:
        folder: for files of processes that use it.
        partitions: of every topic.
        bootstrap: where workers connect.
        direct: where everybody else does.
        group: of the workers.
    """

    strikes = STRIKES
    given = SHORT_SESSION
    longest_s = 8.0
    """Within which a worker is killed at any moment: the group waits for who was killed before, then it begins."""

    def __init__(self, folder: Path, partitions: int, bootstrap: str, direct: str, group: str = "") -> None:
        self.folder, self.partitions = folder, partitions
        self._bootstrap, self._direct = bootstrap, direct
        self.group = group or f"tillwatch-{uuid4().hex[:12]}"
        self._opened: KafkaLog | None = None
        self._checkpoints = {each: Checkpoints(Stored(TOPICS.checkpoints.name, each)) for each in range(partitions)}
        self._last: dict[int, tuple[int, int]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return ClusterLog, (self.folder, self.partitions, self._bootstrap, self._direct, self.group)

    @staticmethod
    def _options(addresses: str) -> KafkaOptions:
        return KafkaOptions(bootstrap=tuple(addresses.split(",")))

    @property
    def _log(self) -> KafkaLog:
        if self._opened is None:
            self._opened = KafkaLog(self._options(self._direct))
        return self._opened

    def create(self) -> None:
        """Make the topics anew."""
        self._drop_topics()
        create_topics(self._log, self.partitions)

    def _drop_topics(self) -> None:
        delete_topics(self._direct, self._log.topic_names())
        wait_until(lambda: not self._log.topic_names(), "no topic is left", poll_s=0.1)

    def close(self) -> None:
        """Disconnect."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def settings(self, *, batch_records: int, checkpoint_every_s: float | None) -> WorkerSettings:
        """What a worker on it is told."""
        options = self._options(self._bootstrap)
        return WorkerSettings(
            address=KafkaAddress(options), group=self.group, partitions=self.partitions,
            batch_records=batch_records, checkpoint_every_s=checkpoint_every_s,
        )  # fmt: skip

    def feed(self, traffic: Traffic, until: float = 1.0, pace: float | None = None) -> None:
        """As `EmbeddedLog.feed`."""
        until_ms = None if until >= 1 else traffic.until_ms(until)
        with KafkaLog(self._options(self._direct)) as log:  # its writer may have been another process's meanwhile
            feed_simulation(log, traffic.simulation, until_ms=until_ms, pace=pace)

    def ends(self) -> dict[int, int]:
        """By partition, the offset after its last event; what ends a transaction has one, too, and comes behind."""
        return {each: self._end(each) for each in range(self.partitions)}

    def _end(self, partition: int) -> int:
        end = self._log.end_offset(TOPICS.events.name, partition)
        if self._last.get(partition, (-1, 0))[0] != end:
            last = end
            while last and not len(self._log.read(TOPICS.events.name, partition, last - 1, 1)):
                last -= 1
            self._last[partition] = end, last
        return self._last[partition][1]

    def event_count(self) -> int:
        """How many events there are."""
        count = 0
        for partition in range(self.partitions):
            offset = 0
            while len(batch := self._log.read(TOPICS.events.name, partition, offset)):
                count += len(batch)
                offset = int(batch.offsets[-1]) + 1
        return count

    def acknowledged(self) -> dict[int, int]:
        """By partition, the group's committed offset; 0 before the first."""
        return {each: self._log.committed(self.group, TOPICS.events.name, each) or 0 for each in range(self.partitions)}

    def _read_checkpoints(self) -> Mapping[int, Checkpoints]:
        for partition, each in self._checkpoints.items():
            while records := self._log.read_keyed(TOPICS.checkpoints.name, partition, each.next):
                for record in records:
                    each.held.take(record.key, record.value)
                    if record.key == OWNER:
                        each.owners.append(json.loads(record.value)["who"])
                each.next = records[-1].offset + 1
        return self._checkpoints

    def checkpoints(self) -> dict[int, int]:
        """By partition, the offset of the last committed checkpoint; partitions without one are left out."""
        decoded = {p: each.held.decoded() for p, each in self._read_checkpoints().items()}
        return {p: each.offset for p, each in decoded.items() if each is not None}

    def checkpoint_count(self) -> int:
        """How many checkpoints were committed, of all partitions together."""
        return sum(each.held.checkpoint for each in self._read_checkpoints().values())

    def published(self) -> dict[tuple[str, int], int]:
        """By topic and partition, how much there is of what workers publish."""
        return {
            (each.name, p): self._log.end_offset(each.name, p)
            for each in (TOPICS.alerts, TOPICS.merchant_risk, TOPICS.dead_letters)
            for p in range(self.partitions)
        }

    def epochs(self) -> dict[tuple[str, int], list[int]]:
        """By topic and partition of the events, whose owner wrote each alert or score, in the order they were written.

        Those are among them that were never committed.
        """
        found: dict[tuple[str, int], list[int]] = {}
        for topic in (TOPICS.alerts.name, TOPICS.merchant_risk.name):
            for partition in range(self.partitions):
                offset = 0
                while records := self._log.read_keyed(topic, partition, offset):
                    for each in map(json.loads, (record.value for record in records)):
                        source = partition_of(each["merchant_id"].encode(), self.partitions)
                        found.setdefault((f"{topic}-{partition}", source), []).append(each["epoch"])
                    offset = records[-1].offset + 1
        return found

    def result(self, ending: Ending) -> Result:
        """What its readers see in the end of what is committed, with the sums of the worker that ended."""
        with CommittedLog(self._options(self._direct)) as log:
            return result_of(log, self.partitions, ending.counts, ending.totals)

    def owned(self) -> int:
        """How many times a worker became the owner of a partition."""
        return sum(len(each.owners) for each in self._read_checkpoints().values())

    def members(self) -> int:
        """How many workers the group has, each with its share; 0 while they are being told."""
        with admin(self._direct) as asked:
            found = asked.describe_groups([self.group])[self.group]
        return len(found["members"]) if found["group_state"] == "Stable" else 0

    def owners(self) -> set[int]:
        """The processes that were the last to become owner of a partition; of none where one has no owner yet."""
        last = [each.owners[-1] for each in self._read_checkpoints().values() if each.owners]
        found = [re.match(r"process (\d+) on ", each) for each in last]
        return {int(each[1]) for each in found if each} if len(found) == self.partitions else set()

    def holder(self) -> int | None:
        """The process that became the owner of every partition last."""
        owners = self.owners()
        return owners.pop() if len(owners) == 1 else None

    def shown_ms(self) -> int:
        """What a worker's clock was when it last showed its progress, UTC milliseconds; 0 before."""
        return max((each.updated_ms for each in self._log.progress()), default=0)

    def damage_page(self, draw: random.Random) -> str:
        """Put a damaged page in the place of one; which one it was."""
        pages = [(p, number) for p, each in self._read_checkpoints().items() for number in sorted(each.held.pages)]
        partition, number = draw.choice(pages)
        body = flipped(self._checkpoints[partition].held.pages[number], draw)
        self._log.append(TOPICS.checkpoints.name, partition, [body], keys=[PAGE + b"%d" % number])
        return f"page {number} of partition {partition}"

    def damage_manifest(self, draw: random.Random) -> str:
        """Put a damaged manifest in the place of one; which one it was."""
        held = draw.choice([each.held for each in self._read_checkpoints().values() if each.held.manifest])
        assert held.manifest is not None
        self._log.append(TOPICS.checkpoints.name, held.partition, [flipped(held.manifest, draw)], keys=[MANIFEST])
        return f"the manifest of partition {held.partition}"

    def rebuild(self) -> None:
        """Compute the state anew from the log, as an operator does."""
        rebuild(self._options(self._direct).url, self.partitions)
