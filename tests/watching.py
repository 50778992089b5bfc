"""An observer that calls functions, for tests and benchmarks that want to know one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.observer import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.checkpointing import CheckpointReport
    from streams.log import Progress


class Watching(Observer):
    """Calls what it is given."""

    def __init__(
        self,
        progress: Callable[[Progress], object] = lambda _: None,
        checkpoint: Callable[[CheckpointReport], object] = lambda _: None,
    ) -> None:
        self._progress, self._checkpoint = progress, checkpoint

    def on_progress(self, progress: Progress) -> None:
        self._progress(progress)

    def on_checkpoint(self, report: CheckpointReport) -> None:
        self._checkpoint(report)
