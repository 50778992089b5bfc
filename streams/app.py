"""The Faust app of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from streams.batches import BATCH_RECORDS
from streams.faust_compat import App, NoTables
from streams.sqlite.faust_transport import log_path
from streams.topics import DEFAULT_PARTITIONS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.batches import BatchTransport
    from streams.kafka.options import KafkaOptions
    from streams.topics import Topics

MOST_CHECKPOINT_EVERY_S = 300.0
"""On Kafka. A checkpoint may come later where checkpoints take long, and must still end before its transaction's time
is up."""
BUFFERED_BATCHES = 8
"""Batches that wait in memory for the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What a worker must be told.

    Attributes:
        log_url: where the log is: `sqlite:///folder/tillwatch.db`, or `kafka://host:9092`.
        kafka: how the cluster is reached, with the latter.
        topics: the log's topics, by what each is for.
        group: the worker's name; its committed offsets and its progress are kept under it.
        partitions: partitions of each topic, at least 1; a log that has others is refused.
        batch_records: most records of a batch, at least 1.
        checkpoint_every_s: seconds from one checkpoint of a partition's state to the next, above 0; checkpoints that
            would take more than a tenth of the time come later. None takes no checkpoints: a worker that starts reads
                every event again.
        keep_events_days: how long events are kept, 0 for ever; never less than back to the last checkpoints.
        health_port: where on loopback `/live` and `/ready` answer; 0 for nowhere.
    """

    log_url: str
    group: str = "tillwatch"
    partitions: int = DEFAULT_PARTITIONS
    batch_records: int = BATCH_RECORDS
    checkpoint_every_s: float | None = 5.0
    keep_events_days: int = 0
    health_port: int = 0
    kafka: KafkaOptions | None = None
    topics: Topics = TOPICS

    def __post_init__(self) -> None:
        if self.kafka is None:
            log_path(self.log_url)
        for name in ("partitions", "batch_records"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if self.checkpoint_every_s is not None and not self.checkpoint_every_s > 0:
            raise ValueError(f"checkpoint_every_s must be above 0, got {self.checkpoint_every_s!r}")
        if self.kafka is not None and not 0 < (self.checkpoint_every_s or 0) <= MOST_CHECKPOINT_EVERY_S:
            raise ValueError(
                f"checkpoint_every_s must be above 0 and at most {MOST_CHECKPOINT_EVERY_S:g} on Kafka, where a"
                f" transaction lasts from checkpoint to checkpoint, got {self.checkpoint_every_s}"
            )


def build_app(settings: WorkerSettings) -> App:
    """An app on the settings' log: no web server, no tables, no topics of Faust's own."""
    options: Mapping[str, Any] = {
        "broker": settings.log_url if settings.kafka is None else "tillwatch-" + settings.kafka.url.split(",")[0],
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
