"""Checkpoints on Kafka: every partition's last checkpoint, in its partition of the compacted topic `checkpoints`.

Its keys are `owner` (who has the partition), `manifest` and `page/<id>`. A checkpoint is one transaction of the
partition's owner: pages, tombstones of those that are no longer listed, and the manifest. A reader of committed records
sees one whole checkpoint, or none. Compaction needs nothing of its order.
"""

from __future__ import annotations

import asyncio
import os
import platform
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from engine.checkpoint.pages import Damaged
from streams.errors import LetGo, UnknownFormat, Unreachable, WrongParent
from streams.kafka.options import FETCH_WAIT_MS
from streams.kafka.result_writer import KafkaResultWriter
from streams.manifests import REBUILD, Head, Manifest, check_next, check_page, sealed, sized, unsealed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from streams.kafka.options import KafkaOptions
    from streams.topics import Topics

OWNER, MANIFEST, PAGE = b"owner", b"manifest", b"page/"
_SILENT_S = 30.0


class OwnerRecord(msgspec.Struct, frozen=True, kw_only=True, rename={"epoch": "number"}):
    """Who has a partition.

    Attributes:
        epoch: greater than that of any owner before; stored as `number`.
        who: for people.
    """

    epoch: int
    who: str


@dataclass(slots=True)
class Stored:
    """What a partition of `checkpoints` holds.

    Attributes:
        topic: the topic `checkpoints`.
        partition: which.
        epoch: of its last owner, 0 for none.
        manifest: the sealed manifest, None where there is none.
        checkpoint: its number, 0 for none.
        pages: by id.
        keys: of every record that is in force.
        faults: what is wrong with records that are in force, by key; what follows a damaged manifest tells nothing.
    """

    topic: str
    partition: int
    epoch: int = 0
    manifest: bytes | None = None
    checkpoint: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)
    keys: set[bytes] = field(default_factory=set)
    faults: dict[bytes, Exception] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.topic}-{self.partition}"

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take the next record; an empty value takes its key away."""
        if value:
            self.keys.add(key)
        else:  # what was wrong with it matters no more, though compaction has yet to take it away
            self.keys.discard(key)
            self.faults.pop(key, None)
        if key == OWNER and value:
            self.epoch = msgspec.json.decode(value, type=OwnerRecord).epoch
        elif key.startswith(PAGE) and (digits := key.removeprefix(PAGE)).isdigit():
            page_id = int(digits)
            if value:
                self.pages[page_id] = value
            else:
                self.pages.pop(page_id, None)
        elif key == MANIFEST:
            self._take_manifest(value)
        elif key != OWNER and value:
            who = f"{self.where} has a record that is no part of a checkpoint, under the key {key!r}"
            self.faults[key] = Damaged(f"{who}; {REBUILD}")

    def _take_manifest(self, value: bytes | None) -> None:
        if not value:
            self.manifest, self.checkpoint = None, 0
        elif MANIFEST not in self.faults:
            try:
                self._follow(value)
            except (Damaged, UnknownFormat, WrongParent) as error:
                self.faults[MANIFEST] = error

    def _follow(self, value: bytes) -> None:
        head = msgspec.msgpack.decode(unsealed(value, self.partition, self.where), type=Parent)
        if self.manifest is not None and head.parent != self.checkpoint:
            raise WrongParent(
                f"checkpoint {head.checkpoint} of partition {self.partition} must continue checkpoint"
                f" {self.checkpoint}, got parent {head.parent}; {REBUILD}"
            )
        self.manifest, self.checkpoint = value, head.checkpoint

    def decoded(self) -> Manifest | None:
        """The manifest.

        Raises:
            Damaged: a record is not what was written, or pages are there without a manifest.
            UnknownFormat, WrongParent: see `streams.manifests`.
        """
        for fault in self.faults.values():
            raise fault
        if self.manifest is None:
            if self.pages:
                raise Damaged(f"the manifest of {self.where} is missing, its pages are there; {REBUILD}")
            return None
        return msgspec.msgpack.decode(unsealed(self.manifest, self.partition, self.where), type=Manifest)


class Parent(Head, frozen=True, kw_only=True):
    """What tells whether a manifest follows another."""

    parent: int


class KafkaCheckpointStore:
    """The checkpoints of the partitions this worker owns, and their owners.

    Args:
        options: how to reach the cluster.
        topics: the log's topics.
        usual: those that most results go to, by what they are for.
    """

    def __init__(self, options: KafkaOptions, topics: Topics, usual: Iterable[str] = ()) -> None:
        self._options, self._topic = options, topics.checkpoints.name
        self._result_topics = [topics[each].name for each in usual]
        self._writers: dict[int, KafkaResultWriter] = {}
        self._stored: dict[int, Stored] = {}

    def result_writer(self, partition: int) -> KafkaResultWriter:
        """Writes a partition's results; raises Fenced."""
        try:
            return self._writers[partition]
        except KeyError as error:
            raise LetGo(f"partition {partition} of {self._topic} was let go of") from error

    def epoch(self, partition: int) -> int:
        """Under which this worker owns the partition; raises Fenced."""
        return self.result_writer(partition).epoch

    async def fence(self, partitions: Collection[int], held: Collection[int] = ()) -> None:
        """Become the owner of these partitions and read what they hold; remain that of those held, and of no others.

        Raises:
            Unreachable: the cluster does not answer.
            Fenced: they were let go of meanwhile, or have another owner already.
        """
        await self.release(self._writers.keys() - held)
        writers = {each: self._new_writer(each) for each in partitions}
        self._writers |= writers
        await asyncio.gather(*(each.start() for each in writers.values()))
        stored = await read_checkpoints(self._options, self._topic, partitions)
        self._stored = {each: self._stored[each] for each in held} | stored
        await asyncio.gather(*(self._sign(each, number, stored[number].epoch + 1) for number, each in writers.items()))

    def _new_writer(self, partition: int) -> KafkaResultWriter:
        compression = None if self._options.compression == "none" else self._options.compression
        name = f"tillwatch-{self._topic}-{partition}"
        usual = [TopicPartition(topic, partition) for topic in self._result_topics]
        return KafkaResultWriter(name, self._options.client_kwargs(), compression, usual)

    async def _sign(self, writer: KafkaResultWriter, partition: int, epoch: int) -> None:
        """Record in the log who owns the partition."""
        record = msgspec.json.encode(OwnerRecord(epoch=epoch, who=f"process {os.getpid()} on {platform.node()}"))
        await writer.send_many(self._topic, partition, [record], [OWNER])
        await writer.commit()
        writer.epoch = epoch

    async def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint; None where there is none. Raises Damaged, UnknownFormat, WrongParent."""
        return self._stored[partition].decoded()

    async def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages it lists; each is checked, and let go of, when it is asked for."""
        return _pages(self._stored[manifest.partition], manifest)

    async def commit(self, manifest: Manifest, fresh: Mapping[int, bytes]) -> float:
        """Keep the next checkpoint: one transaction; the processor time it took in this thread, but for the sending."""
        began = time.thread_time()
        partition, writer = manifest.partition, self.result_writer(manifest.partition)
        stored = self._stored[partition]
        gone = sorted(check_next(manifest, writer.epoch, stored.checkpoint, set(stored.pages), set(fresh)))
        keys = [PAGE + b"%d" % each for each in [*sorted(fresh), *gone]]
        values = [body for _, body in sized(manifest, fresh)] + [None] * len(gone)
        last = sealed(manifest)
        cost_s = time.thread_time() - began  # while all is sent, batches are processed in this thread
        if keys:
            await writer.send_many(self._topic, partition, values, keys, packed=True)
        await writer.send_many(self._topic, partition, [last], [MANIFEST])
        await writer.commit()
        stored.checkpoint = manifest.checkpoint
        stored.pages.update(dict.fromkeys(fresh, b""))
        for each in gone:
            del stored.pages[each]
        return cost_s

    async def replace(self, partition: int, first: tuple[Manifest, Mapping[int, bytes]] | None) -> None:
        """Own a partition and forget its state, damaged or not; then keep this first checkpoint, if there is one.

        Args:
            partition: which.
            first: a checkpoint without a parent, and its pages. Its epoch is put in.
        """
        self._writers[partition] = writer = self._new_writer(partition)
        await writer.start()
        found = (await read_checkpoints(self._options, self._topic, [partition]))[partition]
        await self._sign(writer, partition, found.epoch + 1)
        keys = sorted(found.keys - {OWNER})
        await writer.send_many(self._topic, partition, [None] * len(keys), keys)
        self._stored[partition] = Stored(self._topic, partition, writer.epoch)
        if first is None:
            await writer.commit()
        else:
            await self.commit(msgspec.structs.replace(first[0], epoch=writer.epoch), first[1])
        await self.release([partition])

    async def release(self, partitions: Collection[int]) -> None:
        """Own these no longer; what is still under way with them fails with `Fenced`."""
        writers = [self._writers.pop(each) for each in partitions if each in self._writers]
        await asyncio.gather(*(each.close() for each in writers))

    def give_up(self) -> None:
        """What waits for the cluster fails."""
        for each in self._writers.values():
            each.let_go()

    async def close(self) -> None:
        """Own nothing."""
        await self.release(list(self._writers))


def _pages(stored: Stored, manifest: Manifest) -> Iterator[tuple[int, bytes]]:
    for ref in manifest.pages:
        body = check_page(manifest, ref, stored.pages.get(ref.id), stored.where)
        stored.pages[ref.id] = b""  # what is asked from here on is which there are
        yield ref.id, body


async def read_checkpoints(options: KafkaOptions, topic: str, partitions: Collection[int]) -> dict[int, Stored]:
    """What is committed of these partitions of the topic `checkpoints`, read to their ends.

    Raises:
        Unreachable: the cluster does not answer.
    """
    found = await _read_once(options, topic, partitions)
    # One that does not follow the one before is read once more: compaction may have taken away what lay between.
    if gaps := [each for each, it in found.items() if isinstance(it.faults.get(MANIFEST), WrongParent)]:
        found |= await _read_once(options, topic, gaps)
    return found


async def _read_once(options: KafkaOptions, topic: str, partitions: Collection[int]) -> dict[int, Stored]:
    found = {each: Stored(topic, each) for each in partitions}
    if not found:
        return found
    consumer = AIOKafkaConsumer(
        **options.client_kwargs(), enable_auto_commit=False, isolation_level="read_committed",
        fetch_max_bytes=64 << 20, max_partition_fetch_bytes=16 << 20, fetch_max_wait_ms=FETCH_WAIT_MS,
        request_timeout_ms=int(_SILENT_S * 1000),
    )  # fmt: skip
    try:
        await consumer.start()
        await _read(consumer, topic, found)
    except (KafkaError, TimeoutError) as error:
        raise Unreachable(f"{topic} cannot be read: {type(error).__name__}: {error}") from error
    finally:
        await consumer.stop()
    return found


async def _read(consumer: Any, topic: str, found: Mapping[int, Stored]) -> None:
    tps = {TopicPartition(topic, each): stored for each, stored in found.items()}
    consumer.assign(list(tps))
    await consumer.seek_to_beginning(*tps)
    ends = await consumer.end_offsets(list(tps))
    received_at = time.monotonic()
    while any([await consumer.position(tp) < ends[tp] for tp in tps]):
        batches = await consumer.getmany(timeout_ms=500)
        for tp, records in batches.items():
            received_at = time.monotonic()
            for each in records:
                if each.offset < ends[tp]:  # what comes behind may be a part of a checkpoint
                    tps[tp].take(each.key, each.value)
        if time.monotonic() - received_at > _SILENT_S:
            raise TimeoutError(f"nothing came for {_SILENT_S:g} s")


class KafkaStateView:
    """The checkpoints as they are committed, for who only looks; a worker may go on meanwhile.

    Args:
        options: how to reach the cluster.
        topics: the log's topics.
    """

    def __init__(self, options: KafkaOptions, topics: Topics) -> None:
        self._options, self._topic = options, topics.checkpoints.name
        self._stored: dict[int, Stored] = {}

    def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint; None where there is none. Raises Unreachable, Damaged, UnknownFormat, WrongParent."""
        self._stored |= asyncio.run(read_checkpoints(self._options, self._topic, [partition]))
        return self._stored[partition].decoded()

    def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages of a manifest that was asked for last; raises Damaged."""
        return _pages(self._stored[manifest.partition], manifest)
