"""Recovers a worker's partitions when they are assigned, hands them over when they are revoked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mode import get_logger

from streams.agent import Partition
from streams.observer import AssignedPartition, RecoveryReport, Tallied

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from streams.agent import MonitorAgent, MonitorLike
    from streams.checkpointing import Checkpointer
    from streams.controls import ControlsWatch
    from streams.log_backend import LogBackend
    from streams.observer import Observer
    from streams.watchdog import Watchdog

logger = get_logger(__name__)

_HAND_OVER_S = 8.0
_MOST_RECOVERIES = 5
"""Times in a row that partitions are recovered without a checkpoint between; more would mend nothing either."""


class PartitionKeeper:
    """The worker's `PartitionHandler`; `streams.partition_handler` has the order in which it is called.

    Args:
        make_monitor: makes an empty monitor for a partition.
        backend: of the worker.
        agent: processes the partitions that were recovered.
        checkpointer: restores and checkpoints them; None where each is read from its first record.
        controls: the controls that monitors must know.
        watchdog: of the worker.
        observer: told of partitions that come and go.
    """

    def __init__(
        self, make_monitor: Callable[[int], MonitorLike], backend: LogBackend, agent: MonitorAgent,
        checkpointer: Checkpointer | None, controls: ControlsWatch, watchdog: Watchdog, observer: Observer,
    ) -> None:  # fmt: skip
        self._make_monitor, self._backend, self._agent = make_monitor, backend, agent
        self._checkpointer, self._controls, self._watchdog = checkpointer, controls, watchdog
        self._observer = observer
        self._recovered: dict[int, Partition] = {}
        self._held: dict[int, Partition] = {}
        self._recoveries = 0
        self._rejoining = False

    # -- a rebalance

    async def on_revoked(self, partitions: Collection[int]) -> Collection[int]:
        """Finish the batch in hand and checkpoint, so that the next owners start right there."""
        self._watchdog.released()
        self._observer.on_released(partitions)
        self._held = {number: each for number, each in self._held.items() if number in partitions}
        ours = [self._agent.partitions[each] for each in partitions if each in self._agent.partitions]
        if await self._agent.release(partitions, _HAND_OVER_S):
            await self._checkpoint(ours)
        for each in ours:
            each.released = True
        if self._checkpointer is not None:
            await self._checkpointer.release({*partitions}.difference(self._held))
        return set(self._held)

    async def _checkpoint(self, partitions: Collection[Partition]) -> None:
        """Take last checkpoints, within `_HAND_OVER_S`; the partitions that have theirs are held."""
        if self._checkpointer is None:
            return
        try:
            async with asyncio.timeout(_HAND_OVER_S):
                for each in partitions:
                    if await self._checkpointer.checkpoint(each):
                        self._held[each.number] = each
        except Exception as error:  # noqa: BLE001  what was not checkpointed is read again by the next owner
            logger.warning("partitions are handed over without a last checkpoint: %s: %s", type(error).__name__, error)

    async def on_assigned(self, partitions: Collection[int], *, unbroken: bool) -> Mapping[int, int]:
        """Restore the partitions from their last checkpoints; those held go on as they are."""
        numbers = sorted(partitions)
        self._recovered = {}
        held = self._held if unbroken else {}
        self._held = {number: each for number, each in held.items() if number in numbers}
        await self._controls.read()
        if self._checkpointer is None:
            found = {each: await self._from_first(each) for each in numbers}
        else:
            found = await self._checkpointer.recover(numbers, self._make, self._held)
        self._recovered = found
        return {number: each.next_offset for number, each in found.items()}

    def on_ready(self, token: int) -> None:
        """Have the agent go on with what was recovered."""
        self._rejoining = False
        self._held = {}
        self._agent.begin(self._recovered, token)
        assigned = [
            AssignedPartition(number, Tallied.of(each.monitor), each.checkpoint_ms, each.recovery)
            for number, each in self._recovered.items()
        ]
        self.apply_controls()
        self._watchdog.recovered(len(self._recovered))
        self._observer.on_assigned(assigned)
        self._observer.on_recovered(
            [
                each.recovery or RecoveryReport(number, 0, each.next_offset, 0.0)
                for number, each in self._recovered.items()
            ]
        )

    async def _from_first(self, number: int) -> Partition:
        first, _ = await self._backend.bounds(number)
        return Partition(number, self._make(number), self._backend.result_writer(number), first)

    def _make(self, partition: int) -> MonitorLike:
        monitor = self._make_monitor(partition)
        self._controls.teach([monitor])
        return monitor

    def apply_controls(self) -> None:
        """Give every monitor the controls that were read since the last call."""
        monitors = [each.monitor for each in self._agent.partitions.values()]
        self._agent.counts.controls_late += self._controls.teach(monitors)

    # -- failed writes

    def recover_after(self, error: Exception, what: str) -> bool:
        """Rejoin the group after a failed write, so that all partitions are recovered.

        Args:
            error: why it failed.
            what: was not written, for the log.

        Returns:
            Whether they will be; not for errors that a recovery mends nothing of, nor too many times in a row.
        """
        if not isinstance(error, self._backend.losses):
            return False
        if self._rejoining:
            return True  # several writes fail for one cause
        if self._recoveries >= _MOST_RECOVERIES:
            return False
        self._recoveries += 1
        self._rejoining = True
        self._held = {}
        self._agent.abandon()
        logger.warning("%s: not written (%s: %s); its partitions are recovered", what, type(error).__name__, error)
        self._watchdog.released()
        self._backend.rejoin()
        return True

    def count_anew(self) -> None:
        """Count recoveries from 0 again where a partition has a checkpoint of everything it has processed."""
        if any(each.checkpoint_offset > 0 and not each.waiting for each in self._agent.partitions.values()):
            self._recoveries = 0
