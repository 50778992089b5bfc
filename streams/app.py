"""The Faust app of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from streams.batches import BATCH_RECORDS
from streams.endpoint import NOWHERE, Endpoint
from streams.faust_compat import App, NoTables
from streams.topics import DEFAULT_PARTITIONS, GROUP, TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.batches import BatchTransport
    from streams.log_address import LogAddress
    from streams.topics import Topics

BUFFERED_BATCHES = 8
"""Batches that wait in memory for the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker must be told.

    Attributes:
        address: where the log is.
        topics: the log's topics, by what each is for.
        group: the worker's name; its committed offsets and its progress are kept under it.
        partitions: partitions of each topic, at least 1; a log that has others is refused.
        batch_records: most records of a batch, at least 1.
        checkpoint_every_s: seconds from one checkpoint of a partition's state to the next, above 0; checkpoints that
            would take more than a tenth of the time come later. None takes no checkpoints: a worker that starts reads
                every event again.
        keep_events_days: how long events are kept, 0 for ever; never less than back to the last checkpoints.
        health: where `/live`, `/ready` and `/metrics` answer.

    Raises:
        ValueError: one of them is out of range, or a worker on this log cannot have it.
    """

    address: LogAddress
    group: str = GROUP
    partitions: int = DEFAULT_PARTITIONS
    batch_records: int = BATCH_RECORDS
    checkpoint_every_s: float | None = 5.0
    keep_events_days: int = 0
    health: Endpoint = NOWHERE
    topics: Topics = TOPICS

    def __post_init__(self) -> None:
        for name in ("partitions", "batch_records"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if self.checkpoint_every_s is not None and not self.checkpoint_every_s > 0:
            raise ValueError(f"checkpoint_every_s must be above 0, got {self.checkpoint_every_s!r}")
        self.address.check_worker(self)


def build_app(settings: WorkerSettings) -> App:
    """An app on the settings' log: no web server, no tables, no topics of Faust's own."""
    options: Mapping[str, Any] = {
        "broker": settings.address.broker_url,
        "key_serializer": "raw",
        "value_serializer": "raw",
        "web_enabled": False,
        "TableManager": NoTables,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "table_standby_replicas": 0,
        "stream_buffer_maxsize": BUFFERED_BATCHES,
        "stream_wait_empty": False,
        "broker_commit_interval": 1.0,
        "broker_request_timeout": 3_600.0,  # what recovery may take, too
    }
    app = App(settings.group, **options)
    cast("BatchTransport", app.transport).batch_records = settings.batch_records
    return app
