"""The settings' log: opening it, and following a topic of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import click
import msgspec

from domain.alerts import Alert, Score
from streams.controls import ControlsReader
from streams.errors import UnknownTopic
from streams.sqlite.address import SqliteAddress
from streams.topics import create_topics
from tillwatch.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.controls import Known
    from streams.log import KeyedRecord, Log
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
        raise SettingsError(f"log_url must be sqlite:///folder/file.db for this, got {settings.log_url!r}")
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
    """Reads a compacted topic on and on, oldest first.

    A worker that was killed writes once more what it had written since its last checkpoint. That is passed over, and
    what is older than what was read of the same key, by revision, then by epoch.

    Args:
        log: the log.
        topic: `alerts` or `merchant-risk`, whose values are `kind`.
        kind: what its values are.
        from_start: whether what is there already is read, of each key the newest; else only what comes.
    """

    def __init__(self, log: Log, topic: str, kind: type[T], *, from_start: bool) -> None:
        self._log, self._topic = log, topic
        self._decode: Callable[[bytes], T] = msgspec.json.Decoder(kind).decode
        self._next = {p: log.first_offset(topic, p) for p in range(log.partitions(topic))}
        self._newest: dict[bytes, T] = {}
        self._started = False
        if not from_start:
            self.poll()

    def poll(self) -> list[T]:
        """All that has come since the last call, by time of appending."""
        found = [(each.appended_ms, p, each) for p in self._next for each in self._read(p)]
        found.sort()
        newer = [each for *_, record in found if (each := self._take(record)) is not None]
        if self._started:
            return newer
        self._started = True
        return list(self._newest.values())

    def _read(self, partition: int) -> list[KeyedRecord]:
        """What the partition holds from where it was read up to, however much that is."""
        found: list[KeyedRecord] = []
        end = self._log.end_offset(self._topic, partition)  # up to which there may be marks of Kafka's alone
        while records := self._log.read_keyed(self._topic, partition, self._next[partition]):
            found += records
            self._next[partition] = records[-1].offset + 1
        self._next[partition] = max(self._next[partition], end)
        return found

    def _take(self, record: KeyedRecord) -> T | None:
        """What `record` says, unless something newer was read of its key, or the key is no more."""
        if not record.value:
            self._newest.pop(record.key, None)
            return None
        value, before = self._decode(record.value), self._newest.get(record.key)
        if before is not None and _rank(value) < _rank(before):
            return None
        if before is not None and msgspec.structs.replace(value, epoch=before.epoch) == before:
            self._newest[record.key] = value  # the same, written again by a later owner
            return None
        self._newest.pop(record.key, None)  # the dictionary's order is that of appending
        self._newest[record.key] = value
        return value


def _rank(value: Alert | Score) -> tuple[int, int]:
    """What grows from one value of a key to the next."""
    return value.revision, value.epoch
