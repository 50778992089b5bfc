"""Where a log is, and with it everything that depends on which log that is. `streams.addresses` makes one out of a URL.

An address connects to nothing, and loads a log's libraries only when it is asked for something that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from domain.alerts import Text
    from streams.app import WorkerSettings
    from streams.diagnosis import Finding
    from streams.log import Log
    from streams.log_backend import LogBackend
    from streams.manifests import Manifest
    from streams.stage import Stage
    from streams.state_rebuild import RebuildRequest
    from streams.topic_faults import TopicFault
    from streams.topics import Topics


class CheckpointView(Protocol):
    """The checkpoints of a log, for whoever only looks; a worker may go on meanwhile."""

    def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint of a partition; None where there is none. Raises Damaged, UnknownFormat."""
        ...

    def pages(self, manifest: Manifest) -> Iterable[tuple[int, bytes]]:
        """The pages it lists, each checked. Raises Damaged, Superseded."""
        ...


class LogAddress(Protocol):
    """Where a log is; one class for each scheme of `streams.addresses.SCHEMES`. As a text, what messages call it."""

    @property
    def url(self) -> str:
        """As the setting `log_url` has it."""
        ...

    @property
    def broker_url(self) -> str:
        """The URL by which Faust finds the log's transport, which gets it."""
        ...

    def exists(self) -> bool:
        """Whether there is something to open without making it. A cluster is taken to be there: nobody connects."""
        ...

    def open(self, topics: Topics, *, make: bool = True) -> Log:
        """Open the log, for one thread.

        Args:
            topics: its topics, by what each is for; `streams.topics.create_topics` makes those that are not there.
            make: whether the log is made where there is none.

        Raises:
            NoLog: there is none, and none is to be made.
            LogFailed: it cannot be opened.
        """
        ...

    def topic_faults(self, topics: Topics, partitions: int, keep_events_days: int) -> list[TopicFault]:
        """What is wrong with the log's topics; nothing is changed.

        Args:
            topics: the log's topics.
            partitions: of each topic that says nothing else.
            keep_events_days: how long events are kept, 0 for ever.

        Raises:
            NoLog: there is none.
            LogFailed: it cannot be reached.
        """
        ...

    def diagnose(
        self, topics: Topics, partitions: int, keep_events_days: int, certificate_days: float
    ) -> Iterator[Finding]:
        """What keeps workers from the log, and what does not, check by check.

        Args:
            topics: the log's topics.
            partitions: of each topic that says nothing else.
            keep_events_days: how long events are kept, 0 for ever.
            certificate_days: how long certificates must be valid still, days.
        """
        ...

    def check_worker(self, settings: WorkerSettings) -> None:
        """Refuse settings that a worker on this log cannot have; raises ValueError."""
        ...

    def backend(self, settings: WorkerSettings, stage: Stage) -> LogBackend:
        """The backend of a worker on this log.

        Args:
            settings: the worker's, as the stage has them.
            stage: what it works at.
        """
        ...

    def checkpoints(self, topics: Topics) -> AbstractContextManager[CheckpointView]:
        """The checkpoints of the log's partitions, to be looked at. Raises NoState where there is nowhere to look."""
        ...

    def rebuild_state(self, request: RebuildRequest) -> list[Text]:
        """Build the state of partitions anew.

        Returns:
            What was done, in lines for people; none where nothing was.

        Raises:
            CannotRebuild: it cannot be done as it was asked for; nothing was changed.
        """
        ...
