"""Builds the state of partitions anew where the log is on Kafka: it is forgotten, and read again from the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.checkpoint.checkpoints import OtherState
from engine.checkpoint.pages import Damaged
from streams.errors import UnknownFormat, WrongParent
from streams.kafka.checkpoints import KafkaCheckpointStore, KafkaStateView
from tillwatch.state_rebuild import ASKED, CannotRebuild, first_checkpoint, goes_on, restored

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from domain.alerts import Text
    from streams.log import Log
    from tillwatch.settings import Settings


def rebuild(settings: Settings, log: Log, chosen: AbstractSet[int], *, from_first: bool) -> list[Text]:
    """Forget the state of the chosen partitions, or of those that a worker cannot go on from if none is chosen.

    A worker that has one of them is fenced, and recovers it anew.

    Args:
        settings: where the log is.
        log: the log.
        chosen: partitions to build anew, damaged or not.
        from_first: whether state may begin at the log's first event where what lay before is gone.

    Returns:
        What was done, in lines for people; none where nothing was.

    Raises:
        CannotRebuild: one of them cannot be built anew; nothing was changed.
        Unreachable: the cluster does not answer.
    """
    why = dict.fromkeys(sorted(chosen), ASKED)
    if not chosen:
        faults = {each: _fault(settings, log, each) for each in range(settings.partitions)}
        why = {each: fault for each, fault in faults.items() if fault}
    starts = {each: log.first_offset(log.topics.events.name, each) for each in why}
    for each, first in starts.items():
        if first and not from_first:
            raise CannotRebuild(
                f"partition {each} must be read again from offset 0, got a log that begins at {first}: let the state"
                " begin there with --from-first"
            )
    asyncio.run(_replace(settings, log.identity, starts))
    return [goes_on(each, why[each], start) for each, start in starts.items()]


def _fault(settings: Settings, log: Log, partition: int) -> str:
    """Why a worker cannot go on from a partition's state, "" where it can."""
    view = KafkaStateView(settings.kafka_options(), settings.topics())
    try:
        manifest = view.manifest(partition)
        if manifest is not None:
            restored(settings, view, manifest)
    except OtherState as error:
        raise CannotRebuild(
            f"partition {partition}: {error}: set it so again, or build it anew with --partition {partition}"
        ) from error
    except (Damaged, UnknownFormat, WrongParent) as error:
        return str(error)
    offset, first = 0 if manifest is None else manifest.offset, log.first_offset(log.topics.events.name, partition)
    return f"it would go on from offset {offset:,}, the log begins at {first:,}" if offset < first else ""


async def _replace(settings: Settings, source: str, starts: dict[int, int]) -> None:
    store = KafkaCheckpointStore(settings.kafka_options(), settings.topics())
    try:
        for partition, start in starts.items():
            await store.replace(partition, first_checkpoint(settings, partition, start, source) if start else None)
    finally:
        await store.close()
