"""What every log's `rebuild_state` has in common: what it is asked for, and the state that remembers nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.alerts import Text
from domain.errors import TillwatchError
from engine.checkpoint.pages import encode
from streams.log import now_utc_ms
from streams.manifests import Manifest, PageRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.agent import CheckpointedMonitor
    from streams.log import Log
    from streams.log_address import CheckpointView


ASKED = "asked for"
"""Why a partition that may be whole is built anew."""


class CannotRebuild(TillwatchError):
    """The state cannot be built anew as it was asked for; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildRequest:
    """Which partitions' state is to be built anew, and what it is built of.

    Attributes:
        partitions: how many the log has.
        chosen: those to build anew, damaged or not; where it is empty, those that a worker cannot go on from.
        source: a backup to go on from; None where everything is read again.
        from_first: whether state may begin at the log's first event where what lay before is gone.
        open_log: opens the log, with every topic.
        make_monitor: makes an empty monitor for a partition.
        restored: has a monitor stand where a checkpoint was taken; raises Damaged and OtherState where it cannot.
    """

    partitions: int
    chosen: frozenset[int]
    source: Path | None
    from_first: bool
    open_log: Callable[[], Log]
    make_monitor: Callable[[int], CheckpointedMonitor]
    restored: Callable[[CheckpointView, Manifest], object]

    def first_checkpoint(self, partition: int, offset: int, source: str) -> tuple[Manifest, dict[int, bytes]]:
        """A checkpoint of a partition that remembers nothing, and its pages; it has no owner yet.

        Args:
            partition: which.
            offset: to be read on from.
            source: the log's identity.
        """
        checkpoint = self.make_monitor(partition).checkpoint()
        fresh = {each.id: encode(each.page) for each in checkpoint.rest()}
        manifest = Manifest(
            partition=partition,
            checkpoint=1,
            parent=0,
            offset=offset,
            source=source,
            epoch=0,
            rows=0,
            checkpoint_ms=now_utc_ms(),
            pages=tuple(PageRef.of(page_id, raw) for page_id, raw in fresh.items()),
            notes=checkpoint.notes(),
        )
        return manifest, fresh


def goes_on(partition: int, why: str, start: int) -> Text:
    """What was done to a partition, for people; what is wrong with a file or page is in English in both."""
    return Text(
        f"partition {partition}: {why}; it goes on from offset {start:,}",
        f"分区{partition}：{'按要求重建' if why == ASKED else why}；自位点{start:,}继续",
    )
