"""Reading `alerts` and `merchant-risk`: what is newer of each key, by revision and then by the owner's epoch."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import msgspec

from domain.alerts import Alert, Score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from streams.log import KeyedRecord, Log

T = TypeVar("T", Alert, Score)

MOST_REMEMBERED = 200_000
"""Keys whose last revision is remembered, some 250 bytes each."""
_AT_A_TIME = 1_000


class Revision(NamedTuple, Generic[T]):
    """A record of `alerts` or `merchant-risk`.

    Attributes:
        partition: where it lies.
        offset: in the partition.
        appended_ms: when it was written, by the log's clock, UTC milliseconds.
        key: alert id or merchant id.
        value: what it says; None where the key is no more.
    """

    partition: int
    offset: int
    appended_ms: int
    key: bytes
    value: T | None


class _Known(NamedTuple):
    """What is remembered of a key: rank and content of the last that was read."""

    rank: tuple[int, int]
    content: bytes


class RevisionReader(Generic[T]):
    """Reads a compacted topic of results on and on, from positions that its user keeps.

    A worker that was killed writes once more what it had written since its last checkpoint. What is older than what was
    read of the same key, or says the same again, is passed over as long as the key is remembered. A user that keeps
    `positions` in the transaction of its own results, and takes of each key only what has a higher (revision, epoch),
    loses nothing and counts nothing twice, wherever it is killed.

    On Kafka two readers of one topic may go side by side: one sees each record at once, of which some may be withdrawn
    (the transaction is aborted; the partition's next owner then writes the same, or what replaces it), the other only
    what is committed. The embedded log has committed records only.

    Args:
        log: the log.
        topic: `alerts` or `merchant-risk`, whose values are `kind`.
        kind: what its values are.
        positions: by partition, the offset to read on from; where there is none, from the first.
        committed: only what is committed; else everything at once.
        most_remembered: keys, at least 1; of those that were heard of longest ago, a repetition is given again.
    """

    def __init__(
        self, log: Log, topic: str, kind: type[T], *, positions: Mapping[int, int] | None = None,
        committed: bool, most_remembered: int = MOST_REMEMBERED,
    ) -> None:  # fmt: skip
        if most_remembered < 1:
            raise ValueError(f"most_remembered must be at least 1, got {most_remembered}")
        self._log, self._topic, self._committed, self._most = log, topic, committed, most_remembered
        self._decode: Callable[[bytes], T] = msgspec.json.Decoder(kind).decode
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        given = positions or {}
        self._next: dict[int, int] = {}
        for each in range(log.partitions(topic)):
            # What lay before the first record has been superseded, or it would be there.
            self._next[each] = max(log.first_offset(topic, each), given.get(each, 0))

    @property
    def positions(self) -> dict[int, int]:
        """By partition, the offset after the last record that was read, given or passed over."""
        return dict(self._next)

    def skip_to(self, positions: Mapping[int, int]) -> None:
        """Read on from these offsets where they lie further on, such as those of another reader of the topic."""
        for each, offset in positions.items():
            self._next[each] = max(self._next[each], offset)

    def read(self, most: int = _AT_A_TIME) -> list[Revision[T]]:
        """What comes next of each partition, oldest first, at most `most` records of each; empty only at the end."""
        while True:
            records = [(each, record) for each in self._next for record in self._read(each, most)]
            found = [revision for each, record in records if (revision := self._take(each, record)) is not None]
            if found or not records:
                return sorted(found, key=lambda each: (each.appended_ms, each.partition, each.offset))

    def read_all(self) -> Iterator[Revision[T]]:
        """What has come since the last call, up to the ends of the partitions as they are now."""
        ends = {each: self._log.end_offset(self._topic, each, committed=self._committed) for each in self._next}
        while found := self.read():
            yield from found
        for each, end in ends.items():  # behind the last record there may be marks of Kafka's alone
            self._next[each] = max(self._next[each], end)

    def _read(self, partition: int, most: int) -> list[KeyedRecord]:
        at = self._next[partition]
        found = self._log.read_keyed(self._topic, partition, at, most, committed=self._committed)
        if found:
            self._next[partition] = found[-1].offset + 1
        return found

    def _take(self, partition: int, record: KeyedRecord) -> Revision[T] | None:
        """The record, unless something newer was read of its key, or the same."""
        if not record.value:
            self._known.pop(record.key, None)
            return Revision(partition, record.offset, record.appended_ms, record.key, None)
        value, before = self._decode(record.value), self._known.get(record.key)
        now = _Known((value.revision, value.epoch), _content(value))
        if before is not None and now.rank < before.rank:
            return None
        self._known[record.key] = now
        self._known.move_to_end(record.key)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        if before is not None and now.content == before.content:
            return None  # written again by a later owner
        return Revision(partition, record.offset, record.appended_ms, record.key, value)


def _content(value: Alert | Score) -> bytes:
    """A digest of what it says, whoever wrote it."""
    return blake2b(msgspec.json.encode(msgspec.structs.replace(value, epoch=0)), digest_size=8).digest()
