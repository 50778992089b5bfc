"""Events that programs post: many requests in one transaction of the log, each answered once that is durable."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from mode import get_logger

from domain.errors import TillwatchError
from domain.events import Reason
from engine.decoding.decode import dead_letter
from engine.decoding.records import Records
from engine.features.state import MAX_FEEDS
from streams.input_state import InputRefused, InputState, check_name, key_of
from streams.line_intake import LineProcessor
from streams.log import now_utc_ms
from streams.request_keys import RequestKeys, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from domain.alerts import DeadLetter
    from streams.line_intake import ProcessedLines
    from streams.log import Log
    from streams.pan_field import PanField

logger = get_logger(__name__)

NOT_POSTED = ("verdict", "override")
"""Kinds that are not taken: casework forwards them, and who may give them is decided there."""
_MARKS = (*(each.encode() for each in NOT_POSTED), b"\\")


class KeyTaken(TillwatchError):
    """A key of a request that came before with other events."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A request.

    Attributes:
        items: the events, JSON, each without a line's end; a blank one is passed over.
        caller: whose key it is.
        key: the caller's name of the request; "" for none.
    """

    items: Sequence[bytes]
    caller: str = ""
    key: str = ""

    @property
    def size(self) -> int:
        """Bytes of the events."""
        return sum(map(len, self.items))


@dataclass(frozen=True, slots=True)
class ItemRefused:
    """An event that became a dead letter.

    Attributes:
        index: its place in the request, from 0.
        reason: one of `domain.events.Reason`.
        field: the field at fault, "" where none is.
        message: who, what was expected, what came.
    """

    index: int
    reason: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request.

    Attributes:
        received: events that came.
        refused: those that became dead letters; the others are in the log.
        replayed: whether the request had come before under its key, so that nothing was appended.
    """

    received: int
    refused: tuple[ItemRefused, ...]
    replayed: bool = False


class PostedInput:
    """Takes requests into a log, under one name; used by one thread.

    Args:
        log: has the topics.
        name: what the keys and clocks are kept under: one process at a time takes under it.
        feeds: declared feeds, the first for events that name none.
        overlap_s: as of `streams.intake.ingest`.
        pan_field: makes tokens of a field with card numbers.
        now_ms: the wall clock, UTC milliseconds.

    Raises:
        InputRefused: the name is none, or a file's; a feed's is none, or the log has no room for it.
    """

    def __init__(
        self, log: Log, name: str, feeds: Sequence[str] = ("main",), overlap_s: int = 86_400,
        pan_field: PanField | None = None, now_ms: Callable[[], int] = now_utc_ms,
    ) -> None:  # fmt: skip
        check_name(name)
        key = key_of(log, name)
        self._log, self._name, self._key, self._feed = log, name, key, feeds[0]
        self._state = InputState(log, key, feeds[0], feeds[1:], overlap_s)
        partitions = log.partitions(log.topics.events.name)
        self._processor, self._checker = (
            LineProcessor(
                name, self._feed, partitions, historic=False, now_utc_ms=now_ms, pan_field=pan_field,
                declared=self._state.declared, makes_clocks=makes_clocks,
            )
            for makes_clocks in (True, False)
        )  # fmt: skip
        self._keys = RequestKeys(log, key)
        self._undeclared: set[str] = set()
        with log.transaction(writer=key):
            if log.position(f"{key}/mark") is not None:
                raise InputRefused(f"name of posted events must be no file's, got {name}: give them another by --name")
            self._line = log.position(f"{key}/lines") or 0
            self._state.begin(self._processor)
            self._keys.begin()

    def take(self, requests: Sequence[Posted]) -> list[Receipt | KeyTaken]:
        """Append what requests bring, in one transaction; what each came to, once that is durable.

        After an exception nothing was appended, or that is not known; another `PostedInput` must be made then.

        Raises:
            InputRefused, Fenced: another process takes events under the name.
            LogFailed: the log did not take them.
        """
        self._state.look(self._processor, self._checker)
        items: list[bytes] = []
        firsts: list[int | KeyTaken | None] = []
        for each in requests:
            what = self._known(each)
            if what is not None:
                firsts.append(what if isinstance(what, KeyTaken) else None)
                continue
            firsts.append(self._line + 1 + len(items))
            items += each.items
        out = self._processed(self._processor, self._line + 1, items)
        self._commit(out, len(items))
        self._warn(out)
        letters = {each.position: each for each in out.letters}
        return [
            first if isinstance(first, KeyTaken)
            else self._again(each) if first is None
            else _receipt(each, first, letters)
            for each, first in zip(requests, firsts, strict=True)
        ]  # fmt: skip

    def _known(self, request: Posted) -> bool | KeyTaken | None:
        """Whether a request came before; None for a new one, whose key is known from now on."""
        if not request.key:
            return None
        key = digest_of([request.caller.encode(), request.key.encode()])
        content = digest_of(request.items)
        found = self._keys.content_of(key)
        if found is None:
            self._keys.add(key, content)
            return None
        return True if found == content else KeyTaken("Idempotency-Key must be a new one for another request")

    def _again(self, request: Posted) -> Receipt:
        """The receipt of a request that came before, made anew from its events."""
        letters = {each.position: each for each in self._processed(self._checker, 1, [*request.items]).letters}
        return replace(_receipt(request, 1, letters), replayed=True)

    def _processed(self, processor: LineProcessor, first: int, items: list[bytes]) -> ProcessedLines:
        """What items give; those of kinds that are not posted become dead letters."""
        at = [i for i, item in enumerate(items) if _is_not_posted(item)]
        kept = items if not at else [b"" if i in {*at} else item for i, item in enumerate(items)]
        out = processor.process(first, kept)
        for i in at:
            records = replace(Records.of([items[i]], source=self._name), offsets=np.array([first + i], np.int64))
            told = f"type must be none of {', '.join(NOT_POSTED)} in posted events: casework forwards them"
            out.letters.append(dead_letter(records, 0, Reason.UNKNOWN_TYPE, "type", told))
        return out

    def _commit(self, out: ProcessedLines, count: int) -> None:
        log, key = self._log, self._key
        with log.transaction(writer=key):
            if (log.position(f"{key}/lines") or 0) != self._line:
                raise InputRefused(f"input {self._name} must be taken by one process at a time, another takes it too")
            log.append_each(log.topics.events.name, out.values, keys=out.keys)
            if out.letters:
                log.append(log.topics.dead_letters.name, 0, [msgspec.json.encode(each) for each in out.letters])
            log.set_position(key, self._line + count)
            log.set_position(f"{key}/lines", self._line + count)
            self._state.keep(self._processor)
            self._keys.keep()
        self._line += count

    def _warn(self, out: ProcessedLines) -> None:
        """Warn once of each feed that is named and not declared."""
        new = [each for each in out.undeclared if each not in self._undeclared]
        for each in new[: MAX_FEEDS - len(self._undeclared)]:
            self._undeclared.add(each)
            logger.warning("feed %r is not declared: its events count under feed %r", each, self._feed)


def _receipt(request: Posted, first: int, letters: dict[int, DeadLetter]) -> Receipt:
    refused = tuple(
        ItemRefused(i, letter.reason, letter.field, letter.message)
        for i in range(len(request.items))
        if (letter := letters.get(first + i))
    )
    return Receipt(sum(1 for each in request.items if each.strip()), refused)


def _is_not_posted(item: bytes) -> bool:
    """Whether an item is of a kind that is not taken, however its type is written."""
    if not any(each in item for each in _MARKS):
        return False
    try:
        event = msgspec.json.decode(item)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the processor refuses it
        return False
    return isinstance(event, dict) and event.get("type") in NOT_POSTED
