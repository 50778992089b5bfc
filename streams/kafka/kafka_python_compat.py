"""What Tillwatch uses of kafka-python that kafka-python does not document, and nothing else in Tillwatch does.

Read for kafka-python 3.0. `tests/streams/test_kafka_python_compat.py` holds the installed version to this list:

- `KafkaAdminClient`: the setting `kafka_client`, called with the other settings for the client beneath.
- `kafka.net.compat.KafkaNetClient`: that client, with `close`.
"""

from __future__ import annotations

from typing import Any

from kafka.admin import KafkaAdminClient  # type: ignore[import-untyped]
from kafka.net.compat import KafkaNetClient  # type: ignore[import-untyped]

READ_FOR = "3.0"
"""The version of kafka-python that this was read for."""


def admin_client(**settings: Any) -> Any:
    """kafka-python's `KafkaAdminClient`, connected; one that cannot be leaves no thread and no socket behind."""
    made: list[Any] = []

    def client(**configs: Any) -> Any:
        made.append(KafkaNetClient(**configs))
        return made[-1]

    try:
        return KafkaAdminClient(kafka_client=client, **settings)
    except BaseException:
        for each in made:
            each.close()
        raise
