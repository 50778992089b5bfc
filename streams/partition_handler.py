"""What a worker does when partitions come and go: the one protocol that a rebalance goes through.

The steps of a rebalance, in order. The backend's consumer takes them, and calls the worker's `PartitionHandler`
(`streams.partitions.PartitionKeeper`) at three of them.

1. **Revoked.** The group takes every partition back before it shares them out anew. The consumer stops fetching and
   awaits `on_revoked`: the batch in hand is finished and published, then each partition is checkpointed. Those whose
   checkpoint was committed are *held*: their monitors and result writers stay as they are. The result writers of the
   others are closed.
2. **Joined.** The worker joins the group again and claims what it holds; the group leaves it what an even share allows.
3. **Assigned.** The consumer forgets which batches it has delivered and awaits `on_assigned`. The previous owner of
   each partition is fenced, then the partition's last checkpoint is restored; held partitions go on as they are. The
   handler returns the offsets to read from, and the consumer seeks there. The group's committed offsets are ignored:
   they only show the lag.
4. **Ready.** The consumer counts a new token and calls `on_ready` with it. The agent takes over what was recovered.
   From then on it processes only batches that carry this token: those fetched before are read again.
5. **Resumed.** Faust lets the consumer fetch.

The embedded log has one worker, which gets every partition when it starts: steps 1 and 2 are Kafka's alone. A rebalance
that begins during step 3 makes its result void: the steps begin anew. After a write that failed (the worker was fenced,
a transaction timed out) `LogBackend.rejoin` starts them at step 1; nothing is held then, and every partition is
restored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class PartitionHandler(Protocol):
    """Called by a backend's consumer where partitions of `events` come and go; see the module for the order."""

    async def on_revoked(self, partitions: Collection[int]) -> Collection[int]:
        """Hand partitions over, before another worker can have them.

        Returns:
            Those that are held: in memory they are as their last checkpoints are in the log.
        """
        ...

    async def on_assigned(self, partitions: Collection[int], *, unbroken: bool) -> Mapping[int, int]:
        """Recover the partitions that this worker has from now on; it has no others.

        Args:
            partitions: their numbers.
            unbroken: True if this worker stayed in the group, so held partitions had no other owner.

        Returns:
            By partition, the offset to read from.
        """
        ...

    def on_ready(self, token: int) -> None:
        """Go on with the recovered partitions, and with the batches that are fetched under `token`."""
        ...
