from __future__ import annotations

from tests.streams.conftest import backend, embedded, on_kafka

__all__ = ["backend", "embedded", "on_kafka"]
