"""Where the filing agent answers, and the watch on the audit, while it runs."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from casework.metrics import AgentMetrics, AuditWatch
from streams.log import now_utc_ms
from tillwatch.answering import answering
from tillwatch.logs import open_log
from tillwatch.show import failing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from casework.errors import Tampered
    from casework.store import Store
    from tillwatch.settings import Settings

_logger = logging.getLogger("tillwatch")


@contextmanager
def watched(settings: Settings, store: Store) -> Iterator[AgentMetrics]:
    """Inside the block `/live`, `/ready` and `/metrics` are answered, and the audit is checked.

    Raises:
        ClickException: the settings of where it answers do not fit together, or the port that was set is another's.
    """
    with failing(ValueError, OSError):
        endpoint = settings.casework_endpoint()
    with ExitStack() as stack:
        metrics = AgentMetrics(store, stack.enter_context(open_log(settings, make=False)), now_utc_ms)
        stack.callback(AuditWatch(store, metrics, now_utc_ms, _complain).stop)
        stack.enter_context(answering(endpoint, metrics, "casework_health_port"))
        yield metrics


def _complain(error: Tampered) -> None:
    _logger.error("%s", error)
