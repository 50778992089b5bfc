"""The protocols of a log backend. `streams.sqlite.backend` and `streams.kafka.backend` implement them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence

    from streams.faust_compat import App
    from streams.log import Progress
    from streams.manifests import Manifest
    from streams.partition_handler import PartitionHandler
    from streams.topics import Topics


class ResultWriter(Protocol):
    """Writes a partition's results; only those of its owner arrive."""

    @property
    def epoch(self) -> int:
        """Of the partition's owner, greater than that of any owner before."""
        ...

    def prepare(self) -> None:
        """Have ready what the first record of a checkpoint needs: some may follow, and a checkpoint will."""
        ...

    def send_many(
        self, topic: str, partition: int, values: Sequence[bytes], keys: Sequence[bytes] | None = None
    ) -> Awaitable[object]:
        """Append records of one partition of a topic; what is returned is done when the log has them.

        Raises:
            Fenced: the partition has another owner by now; nothing was appended.
        """
        ...


class CheckpointStore(Protocol):
    """Where the checkpoints of partitions are kept."""

    async def fence(self, partitions: Collection[int], held: Collection[int] = ()) -> None:
        """Become the only one who may checkpoint these, remain so of those that are held, and own no others.

        Raises:
            Fenced, StateLocked: it cannot be.
        """
        ...

    async def release(self, partitions: Collection[int]) -> None:
        """Own these no longer; what is still under way with them fails with `Fenced`."""
        ...

    def epoch(self, partition: int) -> int:
        """Under which this worker owns the partition; greater than that of any owner before."""
        ...

    async def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint; None where there is none. Raises Damaged, UnknownFormat."""
        ...

    async def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages it lists, ascending; each is checked when it is asked for, in any thread. Raises Damaged."""
        ...

    async def commit(self, manifest: Manifest, fresh: Mapping[int, bytes]) -> float:
        """Keep the next checkpoint, all of it or nothing; the processor time it took. Raises Fenced, WrongParent."""
        ...

    def give_up(self) -> None:
        """Try nothing again from now on."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class LogBackend(Protocol):
    """What a worker needs of the log that it runs on.

    Attributes:
        app: the Faust app on it.
        topics: the log's topics, by what each is for.
        shared: whether other workers of the group may have partitions of it.
        losses: errors after which partitions can be recovered by `rejoin`.
    """

    app: App
    topics: Topics
    shared: bool
    losses: tuple[type[Exception], ...]

    def attach(self, handler: PartitionHandler) -> None:
        """Have `handler` called where partitions come and go; once, before the app starts."""
        ...

    @property
    def identity(self) -> str:
        """Identifies the log: offsets mean something in one log only."""
        ...

    def checkpoint_store(self) -> CheckpointStore:
        """Where checkpoints are kept."""
        ...

    def result_writer(self, partition: int) -> ResultWriter:
        """Writes a partition's results."""
        ...

    async def bounds(self, partition: int) -> tuple[int, int]:
        """First and end offset of a partition of events."""
        ...

    async def ends(self) -> Mapping[int, int] | None:
        """By assigned partition, the end offset of its events; None before the first assignment.

        Raises:
            Unreachable: the log does not answer.
        """
        ...

    async def finished(self, next_offsets: Mapping[int, int]) -> bool:
        """Whether each assigned partition was processed to its end, if it was up to these offsets."""
        ...

    async def show(self, progress: Sequence[Progress]) -> None:
        """Publish how far the worker is."""
        ...

    async def tidy(self, keep_from: Mapping[tuple[str, int], int]) -> None:
        """What housekeeping the log needs; nothing from these offsets on is dropped."""
        ...

    def rejoin(self) -> None:
        """Have every partition released, assigned and recovered once more."""
        ...

    def give_up(self) -> None:
        """Try nothing again from now on: what waits for others fails."""
        ...

    async def close(self) -> None:
        """Let go of what the app and the store of checkpoints have not."""
        ...
