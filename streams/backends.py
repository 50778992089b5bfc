"""Which backend a log's URL asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.sqlite.backend import SqliteBackend
from streams.sqlite.faust_transport import log_path
from streams.sqlite.log import SqliteLog

if TYPE_CHECKING:
    from streams.app import WorkerSettings
    from streams.log import Log
    from streams.log_backend import LogBackend


def backend_of(settings: WorkerSettings) -> LogBackend:
    """The backend of a worker; raises ValueError where the URL names none."""
    if settings.log_url.startswith("kafka:"):
        from streams.kafka.backend import KafkaBackend  # noqa: PLC0415  its clients take long to load

        return KafkaBackend(settings)
    return SqliteBackend(settings)


def log_of(settings: WorkerSettings) -> Log:
    """The log itself, for one thread beside the worker's loop."""
    if settings.kafka is not None:
        from streams.kafka.log import KafkaLog  # noqa: PLC0415  its clients take long to load

        return KafkaLog(settings.kafka, settings.topics)
    return SqliteLog(log_path(settings.log_url), settings.topics)
