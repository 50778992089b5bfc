"""The settings' log: opening it, and following a topic of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import click
import msgspec

from streams.sqlite_log import SqliteLog
from streams.topics import create_topics

if TYPE_CHECKING:
    from tillwatch.settings import Settings

T = TypeVar("T", bound=msgspec.Struct)


def open_log(settings: Settings, *, make: bool = True) -> SqliteLog:
    """The settings' log, with every topic.

    Args:
        settings: where it is, and how many partitions it has.
        make: whether it is made where there is none; else that is a failure.

    Raises:
        ClickException: there is none, or it has other partitions than the settings say.
    """
    path = settings.log_path
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise click.ClickException(f"there is no log at {path}: start `tillwatch ingest` or `tillwatch worker` first")
    log = SqliteLog(path)
    try:
        create_topics(log, settings.partitions)
    except ValueError as error:
        log.close()
        raise click.ClickException(f"{path}: {error}") from error
    except BaseException:
        log.close()
        raise
    return log


class Follower(Generic[T]):
    """Reads a compacted topic on and on, oldest first.

    Args:
        log: the log.
        topic: a compacted topic whose values are `kind`.
        kind: what its values are.
        from_start: whether what is there already is read, of each key the newest; else only what comes.
    """

    def __init__(self, log: SqliteLog, topic: str, kind: type[T], *, from_start: bool) -> None:
        self._log, self._topic = log, topic
        self._decode = msgspec.json.Decoder(kind).decode
        places = range(log.partitions(topic))
        self._next = {p: log.first_offset(topic, p) if from_start else log.end_offset(topic, p) for p in places}

    def poll(self) -> list[T]:
        """What has come since the last call, by time of appending."""
        found = []
        for partition, offset in self._next.items():
            records = self._log.read_keyed(self._topic, partition, offset)
            found += [(each.appended_ms, partition, each.offset, each.value) for each in records]
            if records:
                self._next[partition] = records[-1].offset + 1
        found.sort()
        return [self._decode(value) for *_, value in found if value]
