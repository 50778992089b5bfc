"""Waits until a worker has processed what was appended, and what became of it."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
import msgspec

from domain.alerts import DeadLetter
from streams.topics import GROUP
from tillwatch.account import Account
from tillwatch.topics import read_lag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.log import Log

_POLL_S = 0.2
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Outcome:
    """What workers made of the records of an input.

    Attributes:
        counts: how many were counted, duplicates, other events; of all records that workers processed meanwhile.
        account: those of the input that became dead letters.
    """

    counts: Counter[str] = field(default_factory=Counter)
    account: Account = field(default_factory=Account)


class Waiting:
    """Notes where the log ends before an input, and waits for workers afterwards.

    Args:
        log: has the topics.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._events, letters = log.topics.events.name, log.topics.dead_letters.name
        self._from = [log.end_offset(self._events, each) for each in range(log.partitions(self._events))]
        self._letters_from = [log.end_offset(letters, each) for each in range(log.partitions(letters))]
        self._before = self._counts()

    def outcome(self, patience_s: float = _PATIENCE_S) -> Outcome:
        """Wait until every record has been processed, then say what became of them.

        Raises:
            ClickException: no worker comes further for a minute.
        """
        until = [self._log.end_offset(self._events, each) for each in range(len(self._from))]
        left, since = None, time.monotonic()
        while behind := self._behind(until):
            if behind != left:
                left, since = behind, time.monotonic()
            if time.monotonic() - since > patience_s:
                raise click.ClickException(
                    f"a worker must process the {behind:,} records that wait, none has come further for"
                    f" {patience_s:g} s: is tillwatch worker running? The records are in the log"
                )
            time.sleep(_POLL_S)
        found = Outcome(self._counts() - self._before)
        found.account.take(self._letters(until))
        return found

    def _behind(self, until: list[int]) -> int:
        reached = {each.partition: each.reached for each in read_lag(self._log)}
        return sum(max(0, end - (reached.get(p) or 0)) for p, end in enumerate(until))

    def _counts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for each in self._log.progress():
            if each.topic == self._events and each.worker.partition("/")[0] == GROUP:
                found.update(each.counts)
        return found

    def _letters(self, until: list[int]) -> Iterator[DeadLetter]:
        topic = self._log.topics.dead_letters.name
        spans = {f"{self._events}-{p}": range(self._from[p], end) for p, end in enumerate(until)}
        for partition, first in enumerate(self._letters_from):
            offset = first
            while len(records := self._log.read(topic, partition, offset)):
                offset = int(records.offsets[-1]) + 1
                for k in range(len(records)):
                    letter = msgspec.json.decode(records.value(k), type=DeadLetter)
                    if letter.position in spans.get(letter.source, ()):
                        yield letter
