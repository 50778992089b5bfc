"""What Tillwatch uses of Faust and mode that they do not document, and nothing else in Tillwatch does.

Read for faust-streaming 0.15.3 and mode-streaming 0.7.1. `tests/streams/test_faust_compat.py` holds the installed
versions to this list:

- `Consumer`, called or read: `_get_active_partitions`, `_wait_next_records`, `_unacked_messages`, `_waiting_for_ack`.
- `Consumer`, overridden: `_getmany`, `_wait_next_records`, `_filter_tps_with_pending_acks`, `_new_offset`, `_add_gap`,
  `_should_commit`, `_commit`, `_seek`, `_new_topicpartition`, `_to_message`.
- `TableManager`: `_update_channels`.
- `App`: `_create_directories`.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any

import faust
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer
from faust.types import TP
from mode.utils.futures import notify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from faust.types import ConsumerMessage, Message
    from faust.types.transports import TPorTopicSet

READ_FOR = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1"}
"""The versions that this was read for."""
_REST_S = 0.005


class CompatConsumer(Consumer):
    """Faust's consumer, whose offsets to commit are given in `next_offsets`.

    Attributes:
        next_offsets: the offset that the group may be moved to at the next commit, by partition.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.next_offsets: dict[TP, int] = {}
        self._group_offsets: dict[TP, int] = {}

    # -- fetching

    async def next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:  # noqa: ASYNC109
        """What `fetch_active` gives for the active partitions, and these.

        None is fetched where the flow is stopped, or no partition is active; the partitions are None where they were
        not looked at.
        """
        if self.flow_active and not self._get_active_partitions():
            await self.sleep(_REST_S)  # the base class rests for a second, and every start took that longer
            return None, None
        return await self._wait_next_records(timeout)

    @abc.abstractmethod
    async def fetch_active(self, partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        """Fetch from these partitions, within so many seconds."""

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        return await self.fetch_active(active_partitions, timeout)

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        raise NotImplementedError(f"{tp}: messages are batches, made in BatchConsumer.getmany")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    # -- seeking and committing

    @abc.abstractmethod
    async def move_to(self, partition: TP, offset: int) -> None:
        """Read a partition on from `offset`."""

    @abc.abstractmethod
    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        """Commit the group's offsets; whether it was done."""

    async def _seek(self, partition: TP, offset: int) -> None:
        await self.move_to(partition, offset)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        known = self._group_offsets  # those of a recovery meanwhile are others
        done = await self.commit_offsets(offsets)
        if done:
            known.update(offsets)
        return done

    def _should_commit(self, tp: TP, offset: int) -> bool:
        """Whether the group's offset is not known to be this one; the base class takes a failed commit for done."""
        return self._group_offsets.get(tp, 0) != offset

    def start_from(self, offsets: Mapping[TP, int]) -> None:
        """Have reading start here; the group's offsets, of which others may have made anything, follow."""
        self._group_offsets = {}
        self.next_offsets = dict(offsets)

    def forget_unacked(self, message: Message) -> None:
        """Wait no longer for a message to be acknowledged."""
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterator[TP]:
        return (tp for tp in self.next_offsets if topics is None or tp in topics or tp.topic in topics)

    def _new_offset(self, tp: TP) -> int | None:
        return self.next_offsets.get(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Gaps need no bridge: `next_offsets` passes them."""


class NoTables(TableManager):
    """Faust's table manager without its second of waiting for tables at every start."""

    async def on_start(self) -> None:
        """Go on: there are none."""
        await self._update_channels()
        await self.recovery.start()


class App(faust.App):
    """A Faust app without tables, which needs no folders."""

    def _create_directories(self) -> None:
        """Nothing is kept beside the log."""
