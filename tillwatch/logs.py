"""The settings' log: opening it, and following a topic of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import click

from domain.alerts import Alert, Score
from domain.secrets import masked_url
from streams.controls import ControlsReader
from streams.errors import UnknownTopic
from streams.revisions import RevisionReader
from streams.sqlite.address import SqliteAddress
from streams.topics import create_topics
from tillwatch.settings import SettingsError

if TYPE_CHECKING:
    from engine.controls import Known
    from streams.log import Log
    from streams.log_address import LogAddress
    from streams.sqlite.log import SqliteLog
    from tillwatch.settings import Settings

T = TypeVar("T", Alert, Score)


def open_log(settings: Settings, *, make: bool = True) -> Log:
    """The settings' log, with every topic.

    Args:
        settings: where it is, and how many partitions it has.
        make: whether it is made where there is none; else that is a failure.

    Raises:
        NoLog: there is none.
        ClickException: it has other partitions than the settings say.
    """
    address = settings.address()
    log = address.open(settings.topics(), make=make)
    _create_topics(log, settings, address)
    return log


def open_file(settings: Settings) -> SqliteLog:
    """The settings' log in a file; as `open_log`. Raises SettingsError where the log is elsewhere."""
    address = file_address(settings)
    log = address.open(settings.topics())
    _create_topics(log, settings, address)
    return log


def file_address(settings: Settings) -> SqliteAddress:
    """Where the settings' log is, for what only a log in a file can do; raises SettingsError where it is elsewhere."""
    address = settings.address()
    if not isinstance(address, SqliteAddress):
        raise SettingsError(f"log_url must be sqlite:///folder/file.db for this, got {masked_url(settings.log_url)!r}")
    return address


def _create_topics(log: Log, settings: Settings, address: LogAddress) -> None:
    """Make the topics that are not there; where that fails the log is closed."""
    try:
        create_topics(log, settings.partitions, keep_events_days=settings.keep_events_days)
    except (ValueError, UnknownTopic) as error:
        log.close()
        raise click.ClickException(f"{address}: {error}") from error
    except BaseException:
        log.close()
        raise


def read_controls(settings: Settings) -> tuple[Known, ...]:
    """Every version of the controls in the settings' log; none where there is no log."""
    if not settings.address().exists():
        return ()
    with open_log(settings) as log:
        return ControlsReader(log).read_all()


class Follower(Generic[T]):
    """Reads `alerts` or `merchant-risk` on and on, oldest first, for somebody who looks.

    Args:
        log: the log.
        topic: `alerts` or `merchant-risk`, whose values are `kind`.
        kind: what its values are.
        from_start: whether what is there already is read, of each key the newest; else only what comes.
    """

    def __init__(self, log: Log, topic: str, kind: type[T], *, from_start: bool) -> None:
        self._reader: RevisionReader[T] = RevisionReader(log, topic, kind, committed=False)
        self._started = False
        if not from_start:
            self._skip()

    def _skip(self) -> None:
        for _ in self._reader.read_all():
            pass
        self._started = True

    def poll(self) -> list[T]:
        """All that has come since the last call, by time of appending."""
        if self._started:
            return [each.value for each in self._reader.read_all() if each.value is not None]
        self._started = True
        newest: dict[bytes, T] = {}
        for each in self._reader.read_all():
            newest.pop(each.key, None)  # the dictionary's order is that of appending
            if each.value is not None:
                newest[each.key] = each.value
        return list(newest.values())
