"""Checkpoints on Kafka: every partition's last checkpoint, in its partition of the compacted topic `checkpoints`.

Its keys are `owner` (who has the partition), `manifest` and `page/<id>`. A checkpoint is one transaction of the
partition's
owner: pages, tombstones of those that are no longer listed, and the manifest. Who reads what is committed has one
whole checkpoint, or none. Compaction needs nothing of its order.
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
from streams.kafka.result_writer import PartitionOwner
from streams.manifests import REBUILD, Head, Manifest, check_next, check_page, sealed, sized, unsealed
from streams.topics import ALERTS, CHECKPOINTS, MERCHANT_RISK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from streams.kafka.options import KafkaOptions

OWNER, MANIFEST, PAGE = b"owner", b"manifest", b"page/"
_SILENT_S = 30.0


class OwnerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a partition.

    Attributes:
        number: greater than that of any owner before.
        who: for people.
    """

    number: int
    who: str


@dataclass(slots=True)
class Stored:
    """What a partition of `checkpoints` holds.

    Attributes:
        partition: which.
        owner: number of its last owner, 0 for none.
        manifest: the sealed manifest, None where there is none.
        checkpoint: its number, 0 for none.
        pages: by id.
        keys: of every record that is in force.
        faults: what is wrong with records that are in force, by key; what follows a damaged manifest tells nothing.
    """

    partition: int
    owner: int = 0
    manifest: bytes | None = None
    checkpoint: int = 0
    pages: dict[int, bytes] = field(default_factory=dict)
    keys: set[bytes] = field(default_factory=set)
    faults: dict[bytes, Exception] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """For messages."""
        return f"{CHECKPOINTS.name}-{self.partition}"

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take the next record; an empty value takes its key away."""
        if value:
            self.keys.add(key)
        else:  # what was wrong with it matters no more, though compaction has yet to take it away
            self.keys.discard(key)
            self.faults.pop(key, None)
        if key == OWNER and value:
            self.owner = msgspec.json.decode(value, type=OwnerRecord).number
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
    """

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._owners: dict[int, PartitionOwner] = {}
        self._stored: dict[int, Stored] = {}

    def result_writer(self, partition: int) -> PartitionOwner:
        """Where a partition's results go; raises Fenced."""
        try:
            return self._owners[partition]
        except KeyError as error:
            raise LetGo(f"partition {partition} of {CHECKPOINTS.name} was let go of") from error

    def owner(self, partition: int) -> int:
        """The number under which this worker has it; raises Fenced."""
        return self.result_writer(partition).number

    async def fence(self, partitions: Collection[int], held: Collection[int] = ()) -> None:
        """Become the owner of these partitions and read what they hold; remain that of those held, and of no others.

        Raises:
            Unreachable: the cluster does not answer.
            Fenced: they were let go of meanwhile, or have another owner already.
        """
        await self.let_go(self._owners.keys() - held)
        owners = {each: self._new_owner(each) for each in partitions}
        self._owners |= owners
        await asyncio.gather(*(each.start() for each in owners.values()))
        stored = await read_checkpoints(self._options, partitions)
        self._stored = {each: self._stored[each] for each in held} | stored
        await asyncio.gather(*(_sign(each, number, stored[number].owner + 1) for number, each in owners.items()))

    def _new_owner(self, partition: int) -> PartitionOwner:
        compression = None if self._options.compression == "none" else self._options.compression
        name = f"tillwatch-{CHECKPOINTS.name}-{partition}"
        usual = [TopicPartition(topic.name, partition) for topic in (ALERTS, MERCHANT_RISK)]
        return PartitionOwner(name, self._options.client_kwargs(), compression, usual)

    async def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint; None where there is none. Raises Damaged, UnknownFormat, WrongParent."""
        return self._stored[partition].decoded()

    async def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages it lists; each is checked, and let go of, when it is asked for."""
        return _pages(self._stored[manifest.partition], manifest)

    async def commit(self, manifest: Manifest, fresh: Mapping[int, bytes]) -> float:
        """Keep the next checkpoint: one transaction; the processor time it took in this thread, but for the sending."""
        began = time.thread_time()
        partition, owner = manifest.partition, self.result_writer(manifest.partition)
        stored = self._stored[partition]
        gone = sorted(check_next(manifest, owner.number, stored.checkpoint, set(stored.pages), set(fresh)))
        keys = [PAGE + b"%d" % each for each in [*sorted(fresh), *gone]]
        values = [body for _, body in sized(manifest, fresh)] + [None] * len(gone)
        last = sealed(manifest)
        cost_s = time.thread_time() - began  # while all is sent, batches are processed in this thread
        if keys:
            await owner.send_many(CHECKPOINTS.name, partition, values, keys, packed=True)
        await owner.send_many(CHECKPOINTS.name, partition, [last], [MANIFEST])
        await owner.commit()
        stored.checkpoint = manifest.checkpoint
        stored.pages.update(dict.fromkeys(fresh, b""))
        for each in gone:
            del stored.pages[each]
        return cost_s

    async def replace(self, partition: int, first: tuple[Manifest, Mapping[int, bytes]] | None) -> None:
        """Own a partition and forget its state, damaged or not; then keep this first checkpoint, if there is one.

        Args:
            partition: which.
            first: a checkpoint without a parent, and its pages. Its owner is put in.
        """
        self._owners[partition] = owner = self._new_owner(partition)
        await owner.start()
        found = (await read_checkpoints(self._options, [partition]))[partition]
        await _sign(owner, partition, found.owner + 1)
        keys = sorted(found.keys - {OWNER})
        await owner.send_many(CHECKPOINTS.name, partition, [None] * len(keys), keys)
        self._stored[partition] = Stored(partition, owner.number)
        if first is None:
            await owner.commit()
        else:
            await self.commit(msgspec.structs.replace(first[0], owner=owner.number), first[1])
        await self.let_go([partition])

    async def let_go(self, partitions: Collection[int]) -> None:
        """Own these no longer; what is still under way with them fails with `Fenced`."""
        owners = [self._owners.pop(each) for each in partitions if each in self._owners]
        await asyncio.gather(*(each.close() for each in owners))

    def give_up(self) -> None:
        """What waits for the cluster fails."""
        for each in self._owners.values():
            each.let_go()

    async def close(self) -> None:
        """Own nothing."""
        await self.let_go(list(self._owners))


async def _sign(owner: PartitionOwner, partition: int, number: int) -> None:
    """Let everyone know who owns the partition."""
    record = msgspec.json.encode(OwnerRecord(number=number, who=f"process {os.getpid()} on {platform.node()}"))
    await owner.send_many(CHECKPOINTS.name, partition, [record], [OWNER])
    await owner.commit()
    owner.number = number


def _pages(stored: Stored, manifest: Manifest) -> Iterator[tuple[int, bytes]]:
    for ref in manifest.pages:
        body = check_page(manifest, ref, stored.pages.get(ref.id), stored.where)
        stored.pages[ref.id] = b""  # what is asked from here on is which there are
        yield ref.id, body


async def read_checkpoints(options: KafkaOptions, partitions: Collection[int]) -> dict[int, Stored]:
    """What is committed of these partitions of `checkpoints`, read to their ends.

    Raises:
        Unreachable: the cluster does not answer.
    """
    found = await _read_once(options, partitions)
    # One that does not follow the one before is read once more: compaction may have taken away what lay between.
    if gaps := [each for each, it in found.items() if isinstance(it.faults.get(MANIFEST), WrongParent)]:
        found |= await _read_once(options, gaps)
    return found


async def _read_once(options: KafkaOptions, partitions: Collection[int]) -> dict[int, Stored]:
    found = {each: Stored(each) for each in partitions}
    if not found:
        return found
    consumer = AIOKafkaConsumer(
        **options.client_kwargs(), enable_auto_commit=False, isolation_level="read_committed",
        fetch_max_bytes=64 << 20, max_partition_fetch_bytes=16 << 20, request_timeout_ms=int(_SILENT_S * 1000),
    )  # fmt: skip
    try:
        await consumer.start()
        await _read(consumer, found)
    except (KafkaError, TimeoutError) as error:
        raise Unreachable(f"{CHECKPOINTS.name} cannot be read: {type(error).__name__}: {error}") from error
    finally:
        await consumer.stop()
    return found


async def _read(consumer: Any, found: Mapping[int, Stored]) -> None:
    tps = {TopicPartition(CHECKPOINTS.name, each): stored for each, stored in found.items()}
    consumer.assign(list(tps))
    await consumer.seek_to_beginning(*tps)
    ends = await consumer.end_offsets(list(tps))
    heard = time.monotonic()
    while any([await consumer.position(tp) < ends[tp] for tp in tps]):
        batches = await consumer.getmany(timeout_ms=500)
        for tp, records in batches.items():
            heard = time.monotonic()
            for each in records:
                if each.offset < ends[tp]:  # what comes behind may be a part of a checkpoint
                    tps[tp].take(each.key, each.value)
        if time.monotonic() - heard > _SILENT_S:
            raise TimeoutError(f"nothing came for {_SILENT_S:g} s")


class KafkaStateView:
    """The checkpoints as they are committed, for who only looks; a worker may go on meanwhile.

    Args:
        options: how to reach the cluster.
    """

    def __init__(self, options: KafkaOptions) -> None:
        self._options = options
        self._stored: dict[int, Stored] = {}

    def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint; None where there is none. Raises Unreachable, Damaged, UnknownFormat, WrongParent."""
        self._stored |= asyncio.run(read_checkpoints(self._options, [partition]))
        return self._stored[partition].decoded()

    def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages of a manifest that was asked for last; raises Damaged."""
        return _pages(self._stored[manifest.partition], manifest)
