"""Builds the state of partitions anew where the log is on Kafka: it is forgotten, and read again from the log."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.checkpoint.checkpoints import OtherState
from engine.checkpoint.pages import Damaged
from streams.errors import UnknownFormat, WrongParent
from streams.kafka.checkpoints import KafkaCheckpointStore, KafkaStateView
from streams.state_rebuild import ASKED, CannotRebuild, goes_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.alerts import Text
    from streams.kafka.options import KafkaOptions
    from streams.log import Log
    from streams.manifests import Manifest
    from streams.state_rebuild import RebuildRequest


def rebuild(options: KafkaOptions, request: RebuildRequest) -> list[Text]:
    """Forget the state of the chosen partitions, or of those that a worker cannot go on from if none is chosen.

    A worker that has one of them is fenced, and recovers it anew.

    Args:
        options: how the cluster is reached.
        request: what is to be built anew.

    Returns:
        What was done, in lines for people; none where nothing was.

    Raises:
        CannotRebuild: one of them cannot be built anew; nothing was changed.
        Unreachable: the cluster does not answer.
    """
    if request.source is not None:
        raise CannotRebuild("a backup is of a state in a file; on Kafka the log is read again")
    with request.open_log() as log:
        why = dict.fromkeys(sorted(request.chosen), ASKED)
        if not why:
            faults = {each: _fault(options, request, log, each) for each in range(request.partitions)}
            why = {each: fault for each, fault in faults.items() if fault}
        starts = {each: log.first_offset(log.topics.events.name, each) for each in why}
        for each, first in starts.items():
            if first and not request.from_first:
                raise CannotRebuild(
                    f"partition {each} must be read again from offset 0, got a log that begins at {first}: let the"
                    " state begin there with --from-first"
                )
        firsts = {
            each: request.first_checkpoint(each, start, log.identity) if start else None
            for each, start in starts.items()
        }
        asyncio.run(_replace(KafkaCheckpointStore(options, log.topics), firsts))
    return [goes_on(each, why[each], start) for each, start in starts.items()]


def _fault(options: KafkaOptions, request: RebuildRequest, log: Log, partition: int) -> str:
    """Why a worker cannot go on from a partition's state, "" where it can."""
    view = KafkaStateView(options, log.topics)
    try:
        manifest = view.manifest(partition)
        if manifest is not None:
            request.restored(view, manifest)
    except OtherState as error:
        raise CannotRebuild(
            f"partition {partition}: {error}: set it so again, or build it anew with --partition {partition}"
        ) from error
    except (Damaged, UnknownFormat, WrongParent) as error:
        return str(error)
    offset, first = 0 if manifest is None else manifest.offset, log.first_offset(log.topics.events.name, partition)
    return f"it would go on from offset {offset:,}, the log begins at {first:,}" if offset < first else ""


async def _replace(store: KafkaCheckpointStore, firsts: Mapping[int, tuple[Manifest, dict[int, bytes]] | None]) -> None:
    try:
        for partition, first in firsts.items():
            await store.replace(partition, first)
    finally:
        await store.close()
