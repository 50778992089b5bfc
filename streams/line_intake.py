"""What intake does to each line: check, mask, stamp, key; and the clock records of the feeds.

`ingest` appends the result to the log, `replay` hands it to a monitor: both see the same records.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from domain import events
from domain.alerts import DeadLetter
from domain.cards import CardDataError
from domain.events import EVENT_KINDS, KIND_CLOCK, KIND_DEAD, KIND_TRANSACTION, MERCHANT_ID, Reason
from domain.masking import mask_event
from engine.decoding.card_scan import find_stars
from engine.decoding.columns import MISSING, NUMBERS, STRINGS
from engine.decoding.decode import Decoder, check_field, dead_letter, exempt_in, parse
from engine.decoding.hashing import partition_of, partitions_of
from engine.decoding.records import Records
from engine.decoding.scan import OK
from engine.features.state import MAX_FEEDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from domain.id_forms import IdForms
    from engine.decoding.decode import Decoded
    from streams.pan_field import PanField

CLOCK_LAG_MS = 120_000
"""How far a feed's clock stays behind its latest transaction until its input ends: room for disorder."""
OWN_LAG_MS = 3_600_000
"""How far the clock records that an input brings may stay behind its latest transaction; beyond, they are made here."""
CLOCKS_A_RECORD = 16
"""Clock records that each record of a feed makes room for: a log grows with what comes in, not with its partitions."""
CLOCKS_EVERY_MS = 60_000
"""After so long by the wall clock, each partition gets one all the same."""
BATCH_LINES = 5_000
CUT_BYTES = events.MAX_RECORD_BYTES + 2
"""As much is looked at of a line, which is too long then, blanks around it included; a record may end in CR LF."""
_MINUTE_MS = 60_000
_NEVER_MS = 2**62
_CURE = (
    "; if the field has identifiers that only look like one, declare their form:"
    " tillwatch controls publish --kind id_forms (docs/events.md, Card numbers)"
)
_TIME, _RECEIVED = NUMBERS.index("event_time"), NUMBERS.index("received_at")
_MERCHANT, _FEED = STRINGS.index("merchant_id"), STRINGS.index("feed")


@dataclass(slots=True)
class FeedClock:
    """A feed's clock.

    Attributes:
        latest_ms: time of its latest transaction, UTC milliseconds.
        published_ms: the greatest time of the clock records that every partition was given.
        own_ms: the greatest time of the clock records that the input brought; 0 for none. Earlier versions kept 1
            for any.
        held_ms: the greatest time of those that were held back, for there is no room yet.
        records: of the feed since its last clock records.
        announced_ms: when those were made, by the wall clock, UTC milliseconds.
    """

    latest_ms: int = 0
    published_ms: int = 0
    own_ms: int = 0
    held_ms: int = 0
    records: int = 0
    announced_ms: int = 0

    @property
    def own(self) -> bool:
        """Whether the input brings clock records that keep up with the feed, so none is made here."""
        return self.own_ms > 0 and self.latest_ms - self.own_ms <= OWN_LAG_MS


class ProcessedLines:
    """What some lines give: values by partition, each with its key and the number of its line, and dead letters.

    Attributes:
        values: by partition.
        keys: of the values.
        numbers: of their lines.
        letters: what became dead letters.
        forwarded: lines that became values.
        repeated: lines that were left out, for others have forwarded the same.
        blank: lines that were passed over, for they are blank.
        cut_texts: texts of unknown fields that were cut.
        passed_clocks: clock records that were passed over, for they lie behind their feed's, or it is not declared.
        undeclared: by name of a feed that is not declared, records that named it.
    """

    def __init__(self, partitions: int) -> None:
        self.values: list[list[bytes]] = [[] for _ in range(partitions)]
        self.keys: list[list[bytes | None]] = [[] for _ in range(partitions)]
        self.numbers: list[list[int]] = [[] for _ in range(partitions)]
        self.letters: list[DeadLetter] = []
        self.repeated = self.forwarded = self.blank = self.cut_texts = self.passed_clocks = 0
        self.undeclared: Counter[str] = Counter()

    def put(self, partition: int, value: bytes, number: int, key: bytes | None = None) -> None:
        """Add to one partition."""
        self.values[partition].append(value)
        self.keys[partition].append(key)
        self.numbers[partition].append(number)

    def everywhere(self, value: bytes, number: int) -> None:
        """Add to every partition."""
        for partition in range(len(self.values)):
            self.put(partition, value, number)


class LineProcessor:
    """Validates, masks and stamps the lines of one input, and finds the partition of each.

    Args:
        source: the input's name, for dead letters.
        feed: of events that name none.
        partitions: of the events.
        historic: whether receipt is the event time (but never after now), else now.
        now_utc_ms: the wall clock.
        pan_field: makes tokens of a field with card numbers; None where no such field comes.
        declared: the feeds there are; what names another counts under `feed`. None takes names as they come.
        makes_clocks: whether the feeds' clocks follow the transactions; not where these come long after others.

    Attributes:
        clocks: by feed; to be kept between runs of the same input.
        is_repeat: whether others have forwarded a record of a feed before, by its time and as it would be appended.

    Raises:
        Refused: the feed's name is none.
    """

    def __init__(
        self, source: str, feed: str, partitions: int, *, historic: bool, now_utc_ms: Callable[[], int],
        pan_field: PanField | None = None, declared: Collection[str] | None = None, makes_clocks: bool = True,
    ) -> None:  # fmt: skip
        self._source, self._feed, self._partitions, self._historic = source, feed, partitions, historic
        check_field(events.FEED, feed)
        self._now_utc_ms, self._makes_clocks = now_utc_ms, makes_clocks
        self._decoder = Decoder(feed)
        self._pan_field = pan_field
        self._declared = None if declared is None else {feed, *declared}
        self._refused: set[str] = set()
        self._now_ms = 0
        self.clocks: dict[str, FeedClock] = {}
        self.is_repeat: Callable[[str, int, bytes], bool] = lambda *_: False

    def learn(self, forms: IdForms) -> None:
        """Take identifiers of these forms for no card numbers, from the next lines on."""
        self._decoder.id_forms = forms

    def process(self, first: int, lines: list[bytes]) -> ProcessedLines:
        """Process lines, of which the first has the number `first`; blank ones are passed over."""
        out = ProcessedLines(self._partitions)
        numbered = [(first + k, stripped) for k, line in enumerate(lines) if (stripped := _stripped(line))]
        out.blank = len(lines) - len(numbered)
        if self._pan_field:
            numbered = [(number, self._pan_field.replaced(line)) for number, line in numbered]
        for k in range(0, len(numbered), BATCH_LINES):
            self._batch(numbered[k : k + BATCH_LINES], out)
        return out

    def end(self, number: int) -> ProcessedLines:
        """Clock records for every partition: everything up to each feed's latest transaction was forwarded."""
        out = ProcessedLines(self._partitions)
        for feed, clock in self.clocks.items():
            reached_ms = max(clock.latest_ms, clock.held_ms)
            if reached_ms > clock.published_ms:
                clock.published_ms = reached_ms
                out.everywhere(_clock(feed, reached_ms), number)
        return out

    def _batch(self, numbered: list[tuple[int, bytes]], out: ProcessedLines) -> None:
        numbers = np.fromiter((number for number, _ in numbered), np.int64, len(numbered))
        records = replace(Records.of([line for _, line in numbered], source=self._source), offsets=numbers)
        decoded = self._decoder.decode(records)
        now_ms = self._now_ms = self._now_utc_ms()
        letters, feeds = {i: letter for i, _, letter in decoded.dead}, self._feeds(decoded)
        feed_of = self._declared_of(decoded, feeds, out)
        self._look_for_clocks(decoded, feed_of, feeds, now_ms)
        partitions, keys = _keyed(decoded, self._partitions)
        columns = zip(
            decoded.columns.kind.tolist(), decoded.columns.status.tolist(), decoded.columns.number[_TIME].tolist(),
            decoded.columns.number[_RECEIVED].tolist(), feed_of.tolist(),
            partitions, keys, strict=True,
        )  # fmt: skip
        untouched = _untouched(decoded, feed_of, now_ms).tolist()
        for i, (kind, status, time_ms, received_ms, feed, partition, key) in enumerate(columns):
            number, raw = numbered[i]
            if untouched[i]:
                if self._is_new(feeds[feed], kind, time_ms, received_ms, raw, number, out):
                    out.put(partition, raw, number, key)
                continue
            letter = letters.get(i)
            if letter is None and kind == KIND_CLOCK:
                letter = self._take_clock(records, i, feeds.get(feed), time_ms, now_ms, number, out)
            elif letter is None:
                given = received_ms != MISSING
                receipt_ms = received_ms if given else self._receipt(time_ms, now_ms)
                safe = raw if status == OK else self._masked(records, i, raw, out)
                line = safe
                if isinstance(safe, bytes):
                    line = self._stamped(records, i, safe, receipt_ms, feed, now_ms, given=given)
                if isinstance(line, DeadLetter):
                    letter = line
                elif self._is_new(feeds.get(feed, self._feed), kind, time_ms, receipt_ms, line, number, out):
                    out.put(partition, line, number, key)
            if letter is not None:
                out.letters.append(self._with_cure(letter))

    def _is_new(
        self, feed: str, kind: int, time_ms: int, received_ms: int, line: bytes, number: int, out: ProcessedLines
    ) -> bool:
        """Whether a line is to be appended, which is counted and moves its feed's clock; else it is a repeat."""
        if self.is_repeat(feed, time_ms, line):
            out.repeated += 1
            return False
        if kind == KIND_TRANSACTION and self._makes_clocks:
            self._tick(feed, time_ms, received_ms, number, out)
        out.forwarded += 1
        return True

    def _declared_of(self, decoded: Decoded, feeds: dict[int, str], out: ProcessedLines) -> NDArray[np.uint64]:
        """The feed of each record, hashed: 0 where none is named, or one that is not declared, which is counted."""
        columns = decoded.columns
        feed_of: NDArray[np.uint64] = columns.hash[_FEED].copy()
        if self._declared is not None:
            others = [each for each, name in feeds.items() if name not in self._declared]
            strange = np.isin(feed_of, np.array(others, np.uint64)) & (columns.kind != KIND_DEAD)
            out.undeclared.update(feeds[each] for each in feed_of[strange].tolist())
            feed_of[strange] = 0
        return feed_of

    def _look_for_clocks(
        self, decoded: Decoded, feed_of: NDArray[np.uint64], feeds: dict[int, str], now_ms: int
    ) -> None:
        """Let feeds whose clock records come within the batch have them from its first line on."""
        kind, time_ms = decoded.columns.kind, decoded.columns.number[_TIME]
        at = np.flatnonzero((kind == KIND_CLOCK) & (feed_of != 0) & (time_ms <= now_ms + events.FUTURE_MS))
        for feed, first in zip(*np.unique(feed_of[at], return_index=True), strict=True):
            clock = self._clock_of(feeds[int(feed)])
            clock.own_ms = max(clock.own_ms, int(time_ms[at[first]]))

    def _feeds(self, decoded: Decoded) -> dict[int, str]:
        """The names behind the batch's feed hashes."""
        columns = decoded.columns
        named = np.flatnonzero((columns.kind != KIND_DEAD) & (columns.hash[_FEED] != 0))
        hashes, first = np.unique(columns.hash[_FEED, named], return_index=True)
        return {each: decoded.text("feed", i) for each, i in zip(hashes.tolist(), named[first].tolist(), strict=True)}

    def _receipt(self, time_ms: int, now_ms: int) -> int:
        return min(time_ms, now_ms) if self._historic and time_ms != MISSING else now_ms

    def _stamped(
        self, records: Records, i: int, raw: bytes, receipt_ms: int, feed: int, now_ms: int, *, given: bool
    ) -> bytes | DeadLetter:
        """The line as it is appended: with receipt and feed; a dead letter where it cannot be."""
        if given and receipt_ms > now_ms + events.FUTURE_MS:
            return _ahead(records, i, "received_at", receipt_ms - now_ms)
        stamp = b"" if given else b',"received_at":%d' % receipt_ms
        if not feed:
            stamp += b',"feed":%s' % msgspec.json.encode(self._feed)
        if stamp:  # behind all others: the last of two keys counts, and one given as null is missing
            raw = raw[: raw.rindex(b"}")] + stamp + b"}"
        if len(raw) > events.MAX_RECORD_BYTES:
            return dead_letter(
                records, i, Reason.TOO_LARGE, "",
                f"record must be at most {events.MAX_RECORD_BYTES} bytes with receipt and feed, got {len(raw)}",
            )  # fmt: skip
        return raw

    def _take_clock(
        self, records: Records, i: int, feed: str | None, time_ms: int, now_ms: int, number: int, out: ProcessedLines
    ) -> DeadLetter | None:
        """Pass an input's own clock record on, unless it lies behind what the feed's clock is already.

        One that is ahead of now would close what is still open; one of no declared feed has no clock to move.
        """
        if time_ms > now_ms + events.FUTURE_MS:
            return _ahead(records, i, "event_time", time_ms - now_ms)
        if feed is None:
            out.passed_clocks += 1
            return None
        clock = self._clock_of(feed)
        clock.own_ms = max(clock.own_ms, time_ms)
        if time_ms <= clock.published_ms:
            out.passed_clocks += 1
            return None
        clock.records += 1
        if not self._announce(feed, clock, time_ms, number, out):
            clock.held_ms = max(clock.held_ms, time_ms)
        out.forwarded += 1
        return None

    def _announce(self, feed: str, clock: FeedClock, time_ms: int, number: int, out: ProcessedLines) -> bool:
        """Give every partition a clock record, if there is room: a log of 1,024 partitions would grow thousandfold."""
        is_room = clock.records * CLOCKS_A_RECORD >= self._partitions
        if not is_room and self._now_ms - clock.announced_ms < CLOCKS_EVERY_MS:
            return False
        clock.published_ms, clock.records, clock.announced_ms = time_ms, 0, self._now_ms
        out.everywhere(_clock(feed, time_ms), number)
        return True

    def _tick(self, feed: str, time_ms: int, received_ms: int, number: int, out: ProcessedLines) -> None:
        """Let the feed's clock follow a transaction that the workers will accept."""
        clock = self._clock_of(feed)
        clock.records += 1
        if time_ms <= received_ms + events.FUTURE_MS and time_ms > clock.latest_ms:
            clock.latest_ms = time_ms
            minute_ms = (time_ms - CLOCK_LAG_MS) // _MINUTE_MS * _MINUTE_MS
            if minute_ms > clock.published_ms and not clock.own:
                self._announce(feed, clock, minute_ms, number, out)

    def _masked(self, records: Records, i: int, raw: bytes, out: ProcessedLines) -> bytes | DeadLetter:
        found = masked_line(records, i, raw, self._decoder.id_forms, self._feed)
        if isinstance(found, DeadLetter):
            return found
        out.cut_texts += found.cut
        return found.line

    def _with_cure(self, letter: DeadLetter) -> DeadLetter:
        """A dead letter with the input's feed, of each field's first card number with what to do if it is none."""
        letter = msgspec.structs.replace(letter, feed=self._feed)
        if letter.message.endswith(f"got {CUT_BYTES}"):
            return msgspec.structs.replace(letter, message=f"{letter.message} or more")
        if letter.reason != Reason.CARD_NUMBER or letter.field in self._refused:
            return letter
        self._refused.add(letter.field)
        return msgspec.structs.replace(letter, message=letter.message + _CURE)

    def _clock_of(self, feed: str) -> FeedClock:
        if feed not in self.clocks:
            if len(self.clocks) >= MAX_FEEDS:  # of these no worker takes a transaction
                return FeedClock(published_ms=_NEVER_MS)
            self.clocks[feed] = FeedClock()
        return self.clocks[feed]


class MaskedLine(NamedTuple):
    """A line that may be written.

    Attributes:
        line: without card numbers.
        cut: texts that were cut.
    """

    line: bytes
    cut: int


def masked_line(records: Records, i: int, raw: bytes, forms: IdForms, feed: str) -> MaskedLine | DeadLetter:
    """The line with card numbers in its free text masked; a dead letter where that is not enough.

    It is always written anew: of a key that comes twice only the last value was looked at.

    Args:
        records: which the line is one of.
        i: its place among them.
        raw: the line.
        forms: of identifiers that are no card numbers.
        feed: of events that name none.
    """
    event = parse(raw)
    try:
        masked = mask_event(event, find_stars, exempt_in(event, forms, feed))
    except CardDataError as error:
        return dead_letter(records, i, error.reason, error.field, str(error))
    line = json.dumps(masked.event, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return MaskedLine(line, masked.cut)


def _stripped(line: bytes) -> bytes:
    """The line without the blanks around it, unless it is too long with them: the rest of it was not looked at."""
    return line if len(line := line.removesuffix(b"\n")) >= CUT_BYTES else line.strip()


def _untouched(decoded: Decoded, feed_of: NDArray[np.uint64], now_ms: int) -> NDArray[np.bool_]:
    """Which lines go on as they are: plain, with a declared feed and receipt. A clock record has no receipt."""
    received = decoded.columns.number[_RECEIVED]
    timely = (received != MISSING) & (received <= now_ms + events.FUTURE_MS)
    ours: NDArray[np.bool_] = (decoded.columns.status == OK) & timely & (feed_of != 0)
    return ours


def _keyed(decoded: Decoded, partitions: int) -> tuple[list[int], list[bytes]]:
    """The partition and the key of each record: those of its merchant, or of the field that its kind has as key."""
    where, keys = _partitions(decoded, partitions).tolist(), _merchants(decoded)
    for i, event in decoded.others:
        name = EVENT_KINDS[event["type"]].key
        if name != MERCHANT_ID.name:
            keys[i] = event[name].encode()
            where[i] = partition_of(keys[i], partitions)
    return where, keys


def _partitions(decoded: Decoded, partitions: int) -> NDArray[np.int32]:
    """Where each record's merchant belongs; of records that have none, anything."""
    columns = decoded.columns
    usable = (columns.kind != KIND_DEAD) & (columns.hash[_MERCHANT] != 0)
    start = np.where(usable, columns.start[_MERCHANT], 0).astype(np.int32)
    length = np.where(usable, columns.length[_MERCHANT], 0).astype(np.int32)
    return partitions_of(decoded.data, start, length, partitions)


def _merchants(decoded: Decoded) -> list[bytes]:
    """Each record's merchant; of records that have none, anything."""
    data, columns = decoded.data.tobytes(), decoded.columns
    starts = columns.start[_MERCHANT]
    ends = starts + columns.length[_MERCHANT]
    return [data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def _clock(feed: str, time_ms: int) -> bytes:
    return msgspec.json.encode({"type": "clock", "feed": feed, "event_time": time_ms})


def _ahead(records: Records, i: int, field: str, ahead_ms: int) -> DeadLetter:
    return dead_letter(
        records, i, Reason.FUTURE, field,
        f"{field} must be at most {events.FUTURE_MS // 1000} s ahead of now, got {ahead_ms // 1000} s",
    )  # fmt: skip
