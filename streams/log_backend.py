"""What a worker asks of the log that carries it. `streams.sqlite.backend` and `streams.kafka.backend` have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from faust.types import TP

    from streams.faust_compat import App
    from streams.log import Progress
    from streams.manifests import Manifest


class ResultWriter(Protocol):
    """Where a partition's results go; only its owner's arrive."""

    @property
    def epoch(self) -> int:
        """Number of the owner; greater than any before."""
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

    def owner(self, partition: int) -> int:
        """The number under which this worker has it."""
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
    """A log that carries a worker.

    Attributes:
        app: the Faust app on it.
        shared: whether other workers of the group may have partitions of it.
        losses: errors after which partitions can be recovered by `again`.
    """

    app: App
    shared: bool
    losses: tuple[type[Exception], ...]

    def attend(
        self, recover: Callable[[Iterable[TP]], Awaitable[Mapping[TP, int]]], begin: Callable[[int], None],
        release: Callable[[Collection[int]], Awaitable[Collection[int]]],
    ) -> None:  # fmt: skip
        """Have the worker called where partitions come and go.

        Args:
            recover: between each assignment and the resuming of the flow; where to read on from.
            begin: after that, with the token of what is fetched from then on.
            release: when partitions may go to another worker, before they do; those whose owner this worker remains
                until it knows who has them next, for what it holds is what their last checkpoints hold.
        """
        ...

    @property
    def unbroken(self) -> bool:
        """Whether nobody else can have had any partition between its last release and its newest assignment."""
        ...

    @property
    def identity(self) -> str:
        """What tells this log's offsets from every other's."""
        ...

    def checkpoint_store(self) -> CheckpointStore:
        """Where checkpoints are kept."""
        ...

    def result_writer(self, partition: int) -> ResultWriter:
        """Where what a partition gave goes."""
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
        """Say how far we are."""
        ...

    async def tidy(self, keep_from: Mapping[tuple[str, int], int]) -> None:
        """What housekeeping the log needs; nothing from these offsets on is dropped."""
        ...

    def again(self) -> None:
        """Have every partition released, assigned and recovered once more."""
        ...

    def give_up(self) -> None:
        """Try nothing again from now on: what waits for others fails."""
        ...

    async def close(self) -> None:
        """Let go of what the app and the store of checkpoints have not."""
        ...
