"""Where a command that goes on says how it is, while it runs."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from streams.loop_thread import LoopThread
from tillwatch.show import failing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from casework.look_metrics import LookMetrics
    from streams.endpoint import Endpoint


@contextmanager
def answering(endpoint: Endpoint, metrics: LookMetrics, setting: str) -> Iterator[None]:
    """Inside the block `/live`, `/ready` and `/metrics` are answered, in a thread of their own.

    Args:
        endpoint: where.
        metrics: what is answered.
        setting: the one of the port, for messages.

    Raises:
        ClickException: the port that was set is another's.
    """
    from streams.health import Health  # noqa: PLC0415  its web server takes a third of a second

    with closing(LoopThread("health")) as thread:
        health = Health(endpoint, metrics, metrics, setting)
        with failing(OSError):
            thread.run(health.start())
        try:
            yield
        finally:
            thread.run(health.stop())
