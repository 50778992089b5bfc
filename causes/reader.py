"""Reads alerts and merchants from a log, and publishes their causes to it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from causes.collection import Causes
from causes.hits import REACH_D
from causes.stories import STORY_D
from domain.alerts import Alert
from domain.causes import Cause
from domain.readings import Profile
from streams.errors import Fenced
from streams.revisions import RevisionReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.log import Log

WRITER = "causes"
"""Who writes them: on Kafka a later writer of the name ends an earlier one."""
_EPOCH, _FROM, _KEEPS = ":causes:epoch", ":causes:from", ":causes:keeps"
LATE_D = 7
"""Days after a cause is over for which a late alert may still change it."""
_AT_A_TIME = 1_000
_decode_cause = msgspec.json.Decoder(Cause).decode
_decode_profile = msgspec.json.Decoder(Profile).decode


class LogReader:
    """Reads the alerts and merchants of a log, and has their causes.

    Args:
        log: the log.
        zone: the acquirer's time zone, an IANA name.
        positions: by partition of `alerts`, where to begin; where there is none, at the first.
    """

    def __init__(self, log: Log, zone: str, positions: dict[int, int] | None = None) -> None:
        self._log = log
        self.causes = Causes(zone)
        alerts = log.topics.alerts.name
        # At once: what an aborted transaction wrote is written again, and changes nothing.
        self._alerts = RevisionReader(log, alerts, Alert, positions=positions, committed=False)
        self._at: dict[str, tuple[int, int]] = {}
        profiles = log.topics.merchant_profiles.name
        self._profiles = {each: log.first_offset(profiles, each) for each in range(log.partitions(profiles))}

    def read(self) -> bool:
        """Read all that has come; whether there was anything."""
        found = self._read_profiles()
        for each in self._alerts.read_all():
            found = True
            if each.value is None:
                self._at.pop(each.key.decode(), None)
                self.causes.drop(each.key.decode())
            else:
                self._at[each.value.alert_id] = each.partition, each.offset
                self.causes.take(each.value)
        return found

    def _read_profiles(self) -> bool:
        topic, found = self._log.topics.merchant_profiles.name, False
        for partition in self._profiles:
            while records := self._log.read_keyed(topic, partition, self._profiles[partition], _AT_A_TIME):
                self._profiles[partition] = records[-1].offset + 1
                for each in records:
                    found |= bool(each.value) and self.causes.learn(_decode_profile(each.value))
        return found

    def forget_before(self, day: int) -> dict[int, int]:
        """Let go of alerts that began before a day; by partition, the offset from which on all others lie."""
        self.causes.forget_before(day)
        self._at = {each: at for each, at in self._at.items() if self.causes.day_of(each) is not None}
        first = self._alerts.positions
        for partition, offset in self._at.values():
            first[partition] = min(first[partition], offset)
        return first


class CauseReader:
    """Publishes the causes of a log to its topic `causes`.

    It keeps, with what it publishes, from where in `alerts` on it must read again to have the same causes. Wherever it
    is killed, the next one finds the same causes, and publishes only what the topic does not say yet.

    Args:
        log: the log.
        zone: the acquirer's time zone, an IANA name.
    """

    def __init__(self, log: Log, zone: str) -> None:
        self._log = log
        with log.transaction(writer=WRITER):
            self._epoch = (log.position(_EPOCH) or 0) + 1
            log.set_position(_EPOCH, self._epoch)
        self._published = self._read_published()
        partitions = range(log.partitions(log.topics.alerts.name))
        kept = log.read_positions([_FROM, _KEEPS, *map(_place, partitions)])
        positions = {each: kept[_place(each)] for each in partitions if _place(each) in kept}
        self._reader = LogReader(log, zone, positions)
        self._reader.causes.from_day = kept.get(_FROM, 0)
        self._keeps_day, self._kept_day = kept.get(_KEEPS, 0), 0

    def _read_published(self) -> dict[str, Cause]:
        topic, found = self._log.topics.causes.name, dict[str, Cause]()
        offset = self._log.first_offset(topic, 0)
        while records := self._log.read_keyed(topic, 0, offset, _AT_A_TIME):
            offset = records[-1].offset + 1
            for each in records:
                if each.value:
                    found[each.key.decode()] = _decode_cause(each.value)
                else:
                    found.pop(each.key.decode(), None)
        return found

    def publish(self) -> list[Cause]:
        """Read what has come, and publish the causes that are new or changed; they are returned.

        What was published and is no cause any more, by alerts that came later, is taken back: its key is deleted.

        Raises:
            Fenced: another reader of causes has begun on this log.
        """
        if not self._reader.read():
            return []
        causes = self._reader.causes
        live = {each.cause_id: each for each in causes.causes() if _day(each.last_day) >= self._keeps_day}
        new = [self._next(each) for each in live.values() if self._says_more(each)]
        gone = [
            each for each, cause in self._published.items()
            if _day(cause.last_day) >= self._keeps_day and each not in live
        ]  # fmt: skip
        if new or gone or causes.clock_day > self._kept_day:
            self._write(new, gone, [*live.values()])
        return new

    def _says_more(self, cause: Cause) -> bool:
        before = self._published.get(cause.cause_id)
        return before is None or replace(before, revision=0, epoch=0) != cause

    def _next(self, cause: Cause) -> Cause:
        before = self._published.get(cause.cause_id)
        return replace(cause, revision=before.revision + 1 if before else 1, epoch=self._epoch)

    def _write(self, new: Sequence[Cause], gone: Sequence[str], live: Sequence[Cause]) -> None:
        """Publish, and keep where to go on, in one transaction; then let go of what is not needed any more."""
        causes, topic = self._reader.causes, self._log.topics.causes.name
        keeps_day = max(self._keeps_day, causes.clock_day - STORY_D - LATE_D)
        from_day = min([keeps_day, *(_day(each.first_day) for each in live if _day(each.last_day) >= keeps_day)])
        positions = self._reader.forget_before(from_day - REACH_D)
        with self._log.transaction(writer=WRITER):
            if self._log.position(_EPOCH) != self._epoch:
                raise Fenced(f"another reader of causes has begun on this log; reader {self._epoch} ends")
            values = [*(msgspec.json.encode(each) for each in new), *(b"" for _ in gone)]
            self._log.append(topic, 0, values, keys=[each.encode() for each in (*(it.cause_id for it in new), *gone)])
            self._log.set_position(_FROM, from_day)
            self._log.set_position(_KEEPS, keeps_day)
            for partition, offset in positions.items():
                self._log.set_position(_place(partition), offset)
        self._published |= {each.cause_id: each for each in new}
        for each in gone:
            del self._published[each]
        self._keeps_day, self._kept_day, causes.from_day = keeps_day, causes.clock_day, from_day


def _place(partition: int) -> str:
    return f":causes:alerts:{partition}"


def _day(day: str) -> int:
    return date.fromisoformat(day).toordinal()
