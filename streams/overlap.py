"""What an input brings again of what others have forwarded under the same feed: exports that overlap.

The log itself is the memory: its events are read back from the end, only as far as the overlap goes.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from mode import get_logger

from domain.approvals import approves
from domain.events import KIND_CLOCK, KIND_DEAD
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.decode import Decoder
from streams.line_intake import OWN_LAG_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from streams.log import Log

logger = get_logger(__name__)

_BLOCK = 5_000
_STEP_MS = 900_000
_SLACK_MS = OWN_LAG_MS + 300_000
"""How far behind a clock record's time others may lie that were forwarded before it, and the other way round."""
_MOST = 20_000_000
_TIME, _FEED = NUMBERS.index("event_time"), STRINGS.index("feed")


class Forwarded:
    """What had been forwarded under a feed when an input began, looked up by what a record is.

    Args:
        log: has the events.
        feed: whose.
        level_ms: the latest transaction that was forwarded, UTC milliseconds.
        back_ms: how far behind it is looked at most.
        most: records that are remembered, 8 bytes each; what lies further back is not looked at then.

    Attributes:
        read_from: by partition, the offset down to which the events were read.
    """

    def __init__(self, log: Log, feed: str, level_ms: int, back_ms: int, most: int = _MOST) -> None:
        self._log, self._feed, self._most = log, feed, most
        self._level_ms, self._least_ms = level_ms, level_ms - back_ms
        self._from_ms = level_ms + 1
        self._secret = os.urandom(16)
        self._decoder = Decoder()
        self._seen = np.zeros(0, np.uint64)
        topic = log.topics.events.name
        self.read_from = [log.end_offset(topic, each) for each in range(log.partitions(topic))]
        self._high = [False] * len(self.read_from)

    def has(self, time_ms: int, line: bytes) -> bool:
        """Whether a record, as it would be appended, was forwarded before."""
        if not self._least_ms <= time_ms <= self._level_ms:
            return False
        if time_ms < self._from_ms:
            self._read_back(max(self._least_ms, time_ms - _STEP_MS))
        if not len(self._seen):
            return False
        wanted = self._digest(line, time_ms)
        at = int(np.searchsorted(self._seen, wanted))
        return at < len(self._seen) and bool(self._seen[at] == wanted)

    def _read_back(self, from_ms: int) -> None:
        """Remember what lies behind what is remembered already, as far back as records of `from_ms` may lie."""
        self._from_ms = from_ms
        found, count = [self._seen], len(self._seen)
        for partition in range(len(self.read_from)):
            for block in self._back(partition):
                found.append(block)
                count += len(block)
                if count > self._most:
                    break
        self._seen = np.unique(np.concatenate(found))
        if count > self._most:
            logger.warning(
                "feed %r has over %d records where inputs overlap: what lies before them is forwarded again",
                self._feed, self._most,
            )  # fmt: skip
            self._least_ms = from_ms

    def _back(self, partition: int) -> Iterator[NDArray[np.uint64]]:
        """Digests of the partition's blocks, the last first, until what lies further back is too old."""
        first = self._log.first_offset(self._log.topics.events.name, partition)
        while self.read_from[partition] > first:
            end = self.read_from[partition]
            self.read_from[partition] = max(first, end - _BLOCK)
            found, clocks = self._block(partition, self.read_from[partition], end)
            yield np.array(found, np.uint64)
            self._high[partition] |= any(each >= self._level_ms - _SLACK_MS for each in clocks)
            if self._high[partition] and any(each < self._from_ms - _SLACK_MS for each in clocks):
                return

    def _block(self, partition: int, offset: int, end: int) -> tuple[list[np.uint64], list[int]]:
        """Digests of the feed's records from `offset` to `end`, and the times of its clock records."""
        found: list[np.uint64] = []
        clocks: list[int] = []
        while offset < end and len(records := self._log.read(self._log.topics.events.name, partition, offset, _BLOCK)):
            offset = int(records.offsets[-1]) + 1
            decoded = self._decoder.decode(records)
            kinds, times = decoded.columns.kind, decoded.columns.number[_TIME]
            mine = (decoded.columns.hash[_FEED] != 0) & (kinds != KIND_DEAD) & (times != MISSING)
            for i in np.flatnonzero(mine & (records.offsets < end)).tolist():
                if decoded.text("feed", i) != self._feed:
                    continue
                if kinds[i] == KIND_CLOCK:
                    clocks.append(int(times[i]))
                else:
                    found.append(self._digest(records.value(i), int(times[i])))
        return found, clocks

    def _digest(self, line: bytes, time_ms: int) -> np.uint64:
        what = msgspec.json.encode([time_ms, _identity(msgspec.json.decode(line))])
        return np.uint64(int.from_bytes(blake2b(what, digest_size=8, key=self._secret).digest(), "little"))


def _identity(event: dict[str, Any]) -> object:
    """What a record is, besides its time: of a transaction what tells repeats, of others all but their stamps."""
    if event.get("type") in (None, "", "transaction"):
        code, scheme = (event.get(each) or "" for each in ("response_code", "scheme"))
        codes = [str(event.get(each) or "").strip() for each in ("merchant_id", "txn_id", "txn_type", "currency")]
        return [*codes, event.get("amount"), approves(str(code).strip(), str(scheme).strip())]
    return sorted((key, value) for key, value in event.items() if key not in {"received_at", "feed", "event_time"})
