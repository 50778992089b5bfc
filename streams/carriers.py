"""Which carrier a log's URL asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.sqlite_carrier import SqliteCarrier

if TYPE_CHECKING:
    from streams.app import WorkerSettings
    from streams.carrier import Carrier


def carrier_of(settings: WorkerSettings) -> Carrier:
    """The carrier of a worker; raises ValueError where the URL names none."""
    if settings.log_url.startswith("kafka:"):
        from streams.kafka_carrier import KafkaCarrier  # noqa: PLC0415  its clients take long to load

        return KafkaCarrier(settings)
    return SqliteCarrier(settings)
