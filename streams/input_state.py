"""What an input has besides its lines: declared feeds with their clocks, forms of identifiers, what others brought."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from domain import events
from domain.cards import find_pans
from domain.errors import TillwatchError
from engine.decoding.decode import Refused, check_field
from engine.features.state import MAX_FEEDS
from streams.controls import ControlsReader
from streams.errors import Fenced
from streams.line_intake import FeedClock
from streams.overlap import Forwarded

if TYPE_CHECKING:
    from collections.abc import Collection

    from streams.line_intake import LineProcessor
    from streams.log import Log

_LOOK_S = 1.0
_LATEST = ":latest:"
"""What the positions begin with that say which transaction was the latest that any input has forwarded, by feed."""
_DECLARED = ":feed:"
"""What the positions begin with that say which feeds there are."""
_NAME = ":name:"
"""What the keys of positions begin with whose input has a name like a position's."""
_LIKE_A_POSITION = re.compile(r"/(?:lines|mark|sorted|next-key)$|/(?:feed|latest|told|own|before|key|content)/")
_TRIES = 5
"""Times that feeds are declared anew because another ingest came between."""


class InputRefused(TillwatchError):
    """An input that cannot be taken under its name, or for its feed."""


class InputState:
    """The state of one input, kept in the log under its name.

    Args:
        log: has the topics.
        name: the input's.
        feed: of events that name none.
        feeds: declared besides it.
        overlap_s: how far behind the latest transaction that others had forwarded under a feed repeats are looked for,
            seconds.

    Attributes:
        declared: the feeds there are.

    Raises:
        InputRefused: a feed's name is none, or the log has no room for it.
    """

    def __init__(self, log: Log, name: str, feed: str, feeds: Collection[str], overlap_s: int) -> None:
        self._log, self._name = log, name
        self._controls, self._looked_s = ControlsReader(log), -_LOOK_S
        self.declared = _declare(log, [feed, *feeds], log.positions(f"{name}/feed/"))
        self._overlap_ms = overlap_s * 1000
        self._forwarded: dict[str, Forwarded] = {}
        self._latest = {each: log.position(_LATEST + each) or 0 for each in log.positions(_LATEST)}
        self._before = dict(self._latest)

    def begin(self, processor: LineProcessor) -> None:
        """Give a processor the clocks that were kept, and what tells repeats; in a transaction of the input."""
        log, name = self._log, self._name
        for each in log.positions(f"{name}/feed/"):
            latest, published, own = (log.position(f"{name}/{what}/{each}") or 0 for what in ("latest", "told", "own"))
            processor.clocks[each] = FeedClock(latest, published, own)
            self._before[each] = log.position(f"{name}/before/{each}") or 0
        processor.is_repeat = self._is_repeat

    def keep(self, processor: LineProcessor) -> None:
        """Keep the processor's clocks, in the transaction of what it gave."""
        log, name = self._log, self._name
        for feed, clock in processor.clocks.items():
            log.set_position(f"{name}/feed/{feed}", 1)
            log.set_position(f"{name}/latest/{feed}", clock.latest_ms)
            log.set_position(f"{name}/told/{feed}", clock.published_ms)
            log.set_position(f"{name}/own/{feed}", clock.own_ms)
            if before_ms := self._before.get(feed):
                log.set_position(f"{name}/before/{feed}", before_ms)
            if clock.latest_ms > self._latest.get(feed, 0):
                self._latest[feed] = max(clock.latest_ms, log.position(_LATEST + feed) or 0)
                log.set_position(_LATEST + feed, self._latest[feed])

    def look(self, *processors: LineProcessor) -> None:
        """Let processors learn the forms of identifiers that were declared, about once a second."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        if self._controls.poll():
            for each in processors:
                each.learn(self._controls.id_forms())

    def _is_repeat(self, feed: str, time_ms: int, line: bytes) -> bool:
        """Whether another input had forwarded the same under the feed when this one began."""
        level_ms = self._before.get(feed, 0)
        if time_ms > level_ms or time_ms < level_ms - self._overlap_ms:
            return False
        if feed not in self._forwarded:
            self._forwarded[feed] = Forwarded(self._log, feed, level_ms, self._overlap_ms)
        return self._forwarded[feed].has(time_ms, line)


def check_name(name: str) -> None:
    """Refuse what no input may be called; raises InputRefused."""
    if find_pans(name):
        raise InputRefused("name of an input must not hold a card number, got one: give it another by --name")
    if name.startswith(":"):  # positions that are no input's do
        raise InputRefused(f"name of an input must not begin with a colon, got {name!r}")


def key_of(log: Log, name: str) -> str:
    """What the positions of an input begin with.

    A name that could be read as another input's position, such as `A/lines`, gets a key of its own; unless positions
    lie under it already, from a version that made no difference.
    """
    if _LIKE_A_POSITION.search(name) is None or log.position(f"{name}/lines") is not None:
        return name
    return _NAME + quote(name, safe="")  # without a slash, so that one such is no position of another


def _declare(log: Log, feeds: Collection[str], earlier: Collection[str]) -> set[str]:
    """Declare feeds, and return all that are.

    Args:
        log: keeps them.
        feeds: to be declared.
        earlier: those that the input brought under a version that knew no declared feeds, as far as there is room.

    Raises:
        InputRefused: one is no name, or there would be more than workers can tell apart.
    """
    for each in feeds:
        try:
            check_field(events.FEED, each)
        except Refused as error:
            raise InputRefused(str(error)) from error
    for last in (*[False] * (_TRIES - 1), True):
        declared = set(log.positions(_DECLARED))
        wanted = [each for each in dict.fromkeys(feeds) if each not in declared]
        room = MAX_FEEDS - len(declared) - len(wanted)
        if room < 0:
            refused = wanted[MAX_FEEDS - len(declared)]
            raise InputRefused(f"feeds of a log must be at most {MAX_FEEDS}, got one more: {refused!r}")
        wanted += [each for each in earlier if each not in declared and each not in wanted][:room]
        if not wanted:
            return declared
        try:
            with log.transaction(writer="feeds"):
                if set(log.positions(_DECLARED)) != declared:
                    continue
                for each in wanted:
                    log.set_position(f"{_DECLARED}{each}", 1)
        except Fenced:
            if last:
                raise
            continue
        return declared | set(wanted)
    raise InputRefused(f"feeds {', '.join(feeds)} must be declared by one ingest at a time, others declare theirs too")
