"""The address of a log in a file: `sqlite:///folder/tillwatch.db`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from domain.secrets import masked_url
from streams.errors import NoLog, NoState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from domain.alerts import Text
    from streams.app import WorkerSettings
    from streams.diagnosis import Finding
    from streams.sqlite.backend import SqliteBackend
    from streams.sqlite.checkpoints import SqliteCheckpoints
    from streams.sqlite.log import SqliteLog
    from streams.stage import Stage
    from streams.state_rebuild import RebuildRequest
    from streams.topic_faults import TopicFault
    from streams.topics import Topics

_ROOT = "sqlite:///"


@dataclass(frozen=True, slots=True)
class SqliteAddress:
    """A log in a file, with its state in another beside it; see `streams.log_address.LogAddress`.

    Attributes:
        path: the log's file.

    >>> SqliteAddress(Path("/data/till watch.db")).url
    'sqlite:////data/till%20watch.db'
    """

    path: Path

    @classmethod
    def of(cls, url: str) -> SqliteAddress:
        """The address that a URL names; raises ValueError where it names no file."""
        return cls(path_of(url))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def url(self) -> str:
        """As the setting `log_url` has it."""
        return _ROOT + quote(str(self.path))

    @property
    def broker_url(self) -> str:
        """The URL by which Faust finds the transport."""
        from streams.sqlite.faust_transport import log_url

        return log_url(self.path)

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def open(self, topics: Topics, *, make: bool = True) -> SqliteLog:
        """Open the log; where it is made, its folder is, too. Raises NoLog, SqliteFailed."""
        from streams.sqlite.log import SqliteLog

        if make:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        elif not self.exists():
            raise NoLog(self)
        return SqliteLog(self.path, topics)

    def topic_faults(self, topics: Topics, partitions: int, keep_events_days: int) -> list[TopicFault]:  # noqa: ARG002  retention is the worker's
        """What is wrong with the topics. Raises NoLog, SqliteFailed."""
        from streams.topic_faults import embedded_faults

        with self.open(topics, make=False) as log:
            return embedded_faults(log, partitions)

    def diagnose(
        self,
        topics: Topics,
        partitions: int,
        keep_events_days: int,  # noqa: ARG002  retention is the worker's
        certificate_days: float,  # noqa: ARG002  of Kafka
    ) -> Iterator[Finding]:
        """Files, log, topics, state and clock."""
        from streams.sqlite.diagnosis import SqliteDiagnosis

        return SqliteDiagnosis(self.path, topics, partitions).findings()

    def check_worker(self, settings: WorkerSettings) -> None:
        """Every worker can run on it."""

    def backend(self, settings: WorkerSettings, stage: Stage) -> SqliteBackend:
        """The backend of the log's one worker; what it says of its files names them in full."""
        from streams.sqlite.backend import SqliteBackend

        return SqliteBackend(self.path.absolute(), settings, stage)

    def checkpoints(self, topics: Topics) -> SqliteCheckpoints:  # noqa: ARG002  they lie in a file, not in a topic
        """The state's file, to be read; raises NoState."""
        from streams.sqlite.checkpoints import SqliteCheckpoints, state_path

        path = state_path(self.path)
        if not path.exists():
            raise NoState(path)
        return SqliteCheckpoints(path, read_only=True)

    def rebuild_state(self, request: RebuildRequest) -> list[Text]:
        """Replace the state of partitions in its file; no worker may run meanwhile."""
        from streams.sqlite.state_rebuild import rebuild

        return rebuild(self.path, request)


def path_of(url: str) -> Path:
    """The file that a URL names: relative to the working directory after three slashes, from the root after four.

    >>> path_of("sqlite:////data/till%20watch.db").as_posix(), path_of("sqlite:///var/log.db").as_posix()
    ('/data/till watch.db', 'var/log.db')

    Raises:
        ValueError: it names none.
    """
    path = url.removeprefix(_ROOT)
    if not url.startswith(_ROOT) or path in {"", "/"} or path.endswith("/") or "\0" in unquote(path):
        raise ValueError(f"log_url must be sqlite:///folder/file.db, got {masked_url(url)!r}")
    return Path(unquote(path))
