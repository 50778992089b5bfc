"""Checkpoints: everything one partition remembers at one moment, as pages, of which only what changed is written.

A checkpoint begins between two batches and takes hold of what changed since the last one: the list of dirty rows, and
side values that nothing writes to any more. The rows are then gathered in slices while the stream goes on (the module
`dirty` says how they keep still), and the rest is put together in another thread. Which pages a checkpoint needs
besides its own fresh ones is the caller's to keep: all that no checkpoint has named in `dropped`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from domain.timestamps import iso
from engine.checkpoint.dirty import reserved
from engine.checkpoint.episode_pages import (
    episode_entry,
    episode_of,
    risk_entry,
    risk_of,
    story_entry,
    story_of,
    with_deadline,
)
from engine.checkpoint.fitting import OtherState, fitted
from engine.checkpoint.page_log import Fresh, Ids, Keyed, PageLog
from engine.checkpoint.pages import Page
from engine.checkpoint.retired import UNKNOWN, DetectorMark, RetiredDetector
from engine.control_kinds.registry import DETECTORS
from engine.controls import NEVER_MS
from engine.features.blindness import name_of, version_of
from engine.features.identity import words_of
from engine.features.partition import EARLIER_TURN_S, grown
from engine.features.rows import Copies
from engine.features.sets import Entries
from engine.shops import shop_entry, shop_of
from engine.tallies import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from types import ModuleType

    from numpy.typing import NDArray

    from detectors.contract import Detector
    from engine.controls import Controls
    from engine.episodes import Episodes, Kept
    from engine.features.partition import PartitionState
    from engine.features.rows import Aside, Rows
    from engine.features.sets import Entered
    from engine.risk.ledger import Account, RiskLedger
    from engine.shops import Shops, ShopVersion
    from engine.stories import ClosedStory

logger = logging.getLogger(__name__)

ROWS_A_PAGE = 384
"""So that a page stays below 900 kB however little it can be compressed."""
_BLOCK = "block_"
"""Before the name of a kind of block, the array of a page that holds those of its rows that have one."""
_SPREAD = 3
"""Copies of rows that live pages may hold for each row; beyond, the emptiest pages are written anew."""
_SPARE_ROWS = 8 * ROWS_A_PAGE
_SPARE_PAGES = 64


__all__ = ["Checkpoint", "Checkpoints", "Notes", "OtherState"]

FORMAT = 4
"""Format of what a checkpoint holds. 1 had no format, and was read only by the same detectors and features; 2 had no
secret: what it remembers of messages lies in pages `duplicates` and `undone`; 3 had no blocks: all fields were in the
row."""
LEAST_READER = 4
"""The lowest format a version must know to read what this one writes."""
_FIRST_FAMILIES: dict[str, int] = dict.fromkeys(
    ("lifetime", "volume", "ratios", "repeats", "cards", "mcc", "mcc_set", "numbers", "trade", "fees", "season"), 1
)
"""The families of format 1, which did not name them."""
_WIRE = {"master_data": "contracts", "contracts": "pricings"}
"""Fields that are stored under other names, which states of earlier versions have; so are kinds of pages."""


class Notes(msgspec.Struct, frozen=True, kw_only=True, rename=_WIRE):
    """What a checkpoint holds beside its pages."""

    rows: int
    partition: int
    partitions: int
    time_zones: list[str]
    detectors: list[str]
    feeds: list[tuple[int, int]]
    """Hash and clock of each, and of the places that are free."""
    feed_count: int
    feed_names: dict[str, int]
    master_data: int
    contracts: int
    price_lines: int
    pending_free: tuple[int, int]
    counts: dict[str, int]
    coverage: list[tuple[int, dict[str, int]]]
    """Transactions and fields present, by detector."""
    controls: dict[str, list[int]] = {}
    """By kind, the versions of controls that had been learned."""
    reached_ms: int = NEVER_MS
    """The latest clock by which a version was chosen."""
    format: int = 1
    least_reader: int = 1
    families: dict[str, int] = msgspec.field(default_factory=lambda: dict(_FIRST_FAMILIES))
    """By name, the versions of the families whose fields the rows have."""
    starts: list[tuple[str, int]] = []
    """Families that started anew, in the order they did, and on how many merchants each."""
    marks: dict[str, DetectorMark] = {}
    """By name, detectors that ran, or whose episodes and points are still there."""
    secret: bytes = b""
    """Under which identities are hashed; none in formats 1 and 2."""
    tallies: Tallies = msgspec.field(default_factory=Tallies)
    """What was found; nothing in states of versions that did not count it."""
    earlier_until_s: int = 0
    """Until this second of a merchant's clock there may be what was remembered before identities were keyed."""


_NONE = np.zeros(0, np.int32)


def entered_pages(log: PageLog, it: Entered, dropped: list[int]) -> list[Fresh]:
    """The pages to write of what was entered in a set of duplicates."""
    if it.ends:
        log.drop_aside(dropped)
    if it.begins:
        log.set_aside()
    return log.add(it.entries._asdict(), whole=it.whole, dropped=dropped)


class RowPages:
    """Which page holds each row's newest copy."""

    def __init__(self, capacity: int, ids: Ids) -> None:
        self.page_of: NDArray[np.int64] = reserved((capacity,), np.int64)
        """(capacity,): 0 for none."""
        self.held: dict[int, int] = {}
        """Rows of each live page, outdated ones too."""
        self.live: dict[int, int] = {}
        self.refresh = _NONE
        """Rows to write again although they did not change, for the sake of the pages they lie in."""
        self._ids = ids

    def put_back(self, page_id: int, row: NDArray[np.int32]) -> None:
        """Count a page that was written before; pages in their order."""
        self._move(page_id, row, [])

    def page(self, copies: Copies, dropped: list[int]) -> Fresh:
        """A fresh page."""
        page_id = self._ids.take()
        self._move(page_id, copies.row, dropped)
        blocks = {_BLOCK + name: held for name, held in copies.blocks.items()}
        arrays = {"rows": copies.rows, "row": copies.row, "deadline_ms": copies.deadline_ms, **blocks}
        return Fresh(page_id, Page("rows", {}, arrays))

    def _move(self, page_id: int, row: NDArray[np.int32], dropped: list[int]) -> None:
        left, counts = np.unique(self.page_of[row], return_counts=True)
        for before, count in zip(left.tolist(), counts.tolist(), strict=True):
            if before:
                self.live[before] -= count
                if not self.live[before]:
                    del self.live[before], self.held[before]
                    dropped.append(before)
        self.page_of[row] = page_id
        self.held[page_id] = self.live[page_id] = len(row)

    def choose(self, rows: int) -> None:
        """Choose what to `refresh` in the next checkpoint, if there are too many copies, or too many small pages."""
        excess = sum(self.held.values()) - _SPREAD * rows - _SPARE_ROWS
        chosen = []
        if excess > 0:
            for page_id in sorted(self.held, key=lambda each: self.live[each] / self.held[each]):
                chosen.append(page_id)
                excess -= self.held[page_id] - self.live[page_id]
                if excess <= 0:
                    break
        many = len(self.held) - (_SPREAD + 1) * rows // ROWS_A_PAGE - _SPARE_PAGES
        if many > 0:  # half as many again, so that it is not for every checkpoint to do
            chosen += sorted(self.held, key=self.live.__getitem__)[: many + _SPARE_PAGES // 2]
        self.refresh = np.flatnonzero(np.isin(self.page_of[:rows], chosen)).astype(np.int32) if chosen else _NONE


class _Table(NamedTuple):
    """A side table, and how checkpoints hold it."""

    name: str
    """Kind of its pages."""
    attribute: str
    """Of the partition's state."""
    field: str
    """Of its pages."""
    entries_a_page: int
    first: int
    """Its first place in use."""
    used: Callable[[PartitionState], int]
    """The place behind its last one."""
    grows: bool = False
    """Its entries never change once entered; else it is written whole where it changed."""


_TABLES = (
    _Table("contracts", "master_data", "version", 7_000, 1, lambda state: state.master_data_count, grows=True),
    _Table("links", "master_data_next", "next", 200_000, 0, lambda state: state.master_data_count),
    _Table("pricings", "contracts", "version", 30_000, 1, lambda state: state.contract_count, grows=True),
    _Table("pricing_links", "contract_next", "next", 200_000, 0, lambda state: state.contract_count),
    _Table("price_lines", "price_lines", "line", 14_000, 0, lambda state: state.line_count, grows=True),
    _Table("starts", "start_ms", "clock_ms", 200_000, 0, lambda state: state.start_count, grows=True),
    _Table("pending", "pending", "reversal", 30_000, 0, lambda state: int(state.pending_free[1])),
)


@dataclass(slots=True)
class _TableProgress:
    """How far checkpoints hold a table.

    Attributes:
        log: its pages.
        reached: the place behind what the last checkpoint holds, of one that grows.
        then: what the last checkpoint holds, of another.
    """

    log: PageLog
    reached: int
    then: NDArray[Any]


class Checkpoints:
    """Takes the checkpoints of one partition, one after another, and puts a partition back as a checkpoint has it.

    Args:
        state: the partition's.
        episodes: its episodes, which journal.
        risk: its risk ledger, which journals.
        controls: which detectors there are, and the versions in force.
        shops: its merchants' shops, which journal.
    """

    def __init__(
        self, state: PartitionState, episodes: Episodes, risk: RiskLedger, controls: Controls, shops: Shops
    ) -> None:  # fmt: skip
        self._state, self._episodes, self._risk, self._shops = state, episodes, risk, shops
        self._controls = controls
        self._families = {name_of(each): version_of(each) for each in state.families}
        self._marks = {each.name: DetectorMark.of(each) for each in controls.newest("detectors")}
        self._in_hand: Checkpoint | None = None
        state.rows.gather(state.rows.set_aside(_NONE), 0, 0)  # loaded now: the first call takes ten milliseconds
        state.rows.release()
        ids = Ids()
        self.row_pages = RowPages(state.limits.capacity, ids)
        self._sets = {
            "messages": (PageLog("messages", 30_000, ids), state.duplicates),
            "taken_out": (PageLog("taken_out", 30_000, ids), state.undone),
        }
        self._tables = {
            each.name: _TableProgress(PageLog(each.name, each.entries_a_page, ids), each.first, self._entries(each)[:0])
            for each in _TABLES
        }
        self.kept = Keyed("episodes", 500, ids, episode_entry)
        self.stories = Keyed("stories", 500, ids, story_entry)
        self.accounts = Keyed("risk", 40, ids, risk_entry)
        self.shops = Keyed("shops", 2_000, ids, shop_entry)
        self._ids = ids
        self._superseded: list[int] = []
        """Pages of an earlier format, whose entries are written anew by the next checkpoint."""

    def begin(
        self, counts: dict[str, int], coverage: list[tuple[int, dict[str, int]]], feeds: dict[str, int],
        tallies: Tallies | None = None,
    ) -> Checkpoint:  # fmt: skip
        """Begin a checkpoint of what changed since the last one.

        Raises:
            RuntimeError: the last checkpoint is still in progress.
        """
        if self._in_hand is not None:
            raise RuntimeError("a checkpoint must be done with before the next begins")
        state = self._state
        notes = Notes(
            rows=int(state.rows.count[0]), partition=state.limits.partition, partitions=state.limits.partitions,
            time_zones=list(state.zone_names), detectors=list(self._controls.names),
            feeds=list(zip(state.feed_hash.tolist(), state.feed_clock_ms.tolist(), strict=True)),
            feed_count=int(state.feed_count[0]), feed_names=feeds, master_data=state.master_data_count,
            contracts=state.contract_count, price_lines=state.line_count,
            pending_free=(int(state.pending_free[0]), int(state.pending_free[1])), counts=counts, coverage=coverage,
            controls=self._controls.learned, reached_ms=self._controls.reached_ms, format=FORMAT,
            least_reader=LEAST_READER, families=self._families, starts=list(state.starts), marks=dict(self._marks),
            secret=state.rows.secret.astype("<u8").tobytes(), earlier_until_s=state.limits.earlier_until_s,
            tallies=tallies or Tallies(),
        )  # fmt: skip
        side = Side(
            {each.name: self._hold(each) for each in _TABLES},
            {kind: each.entered() for kind, (_, each) in self._sets.items()}, self._episodes.changes(),
            self._episodes.closed.changes(), self._risk.changes(), self._shops.changes(),
        )  # fmt: skip
        self._in_hand = Checkpoint(self, state.rows, state.rows.set_aside(self.row_pages.refresh), side, notes)
        return self._in_hand

    def end(self) -> object:
        """The checkpoint in hand is done with."""
        self._in_hand = None
        return self._state.rows.release()

    def _entries(self, table: _Table) -> NDArray[Any]:
        """The entries of a table in use, from its first place on."""
        held: NDArray[Any] = getattr(self._state, table.attribute)
        return held[table.first : table.used(self._state)]

    def _hold(self, table: _Table) -> NDArray[Any]:
        """What came to a table that grows since the last checkpoint; a copy of another one."""
        if not table.grows:
            return self._entries(table).copy()
        cutting = self._tables[table.name]
        first, cutting.reached = cutting.reached, table.used(self._state)
        return self._entries(table)[first - table.first :]

    def side_pages(self, side: Side, dropped: list[int]) -> Iterator[Fresh]:
        """The pages of side values that changed."""
        dropped += self._superseded
        self._superseded = []
        for each in _TABLES:
            held, table = side.tables[each.name], self._tables[each.name]
            if len(held) if each.grows else not np.array_equal(held, table.then):
                yield from table.log.add({each.field: held}, whole=not each.grows, dropped=dropped)
            if not each.grows:
                table.then = held
        for kind, it in side.entered.items():
            yield from entered_pages(self._sets[kind][0], it, dropped)
        yield from self.kept.add(side.episodes, dropped)
        yield from self.stories.add(side.stories, dropped)
        yield from self.accounts.add(side.risk, dropped)
        yield from self.shops.add(side.shops, dropped)

    def restore(self, notes: bytes, pages: Iterable[tuple[int, Page]]) -> Notes:
        """Put an empty partition back as a checkpoint has it.

        Args:
            notes: the checkpoint's.
            pages: its live pages in order of their numbers.

        Raises:
            OtherState: the checkpoint does not fit this monitor's settings or version.
        """
        found = msgspec.msgpack.decode(notes, type=Notes)
        self._check(found)
        state = self._state
        if found.secret:
            state.rows.secret[:] = words_of(found.secret)
        state.know_earlier(found.earlier_until_s)
        state.set_zones(found.time_zones)
        anew = [name for name, version in self._families.items() if found.families.get(name) != version]
        forgotten = {field for each in state.families if name_of(each) in anew for field in fields_of(each)}
        state.starts = list(found.starts)
        last = 0
        for last, page in pages:
            self._take(last, page, forgotten)
        state.rows.put_back_index(found.rows)
        for k, (h, clock_ms) in enumerate(found.feeds):
            state.feed_hash[k], state.feed_clock_ms[k] = h, clock_ms
        state.feed_count[0] = found.feed_count
        state.pending_free[:] = found.pending_free
        state.master_data_count, state.contract_count, state.line_count = (
            found.master_data,
            found.contracts,
            found.price_lines,
        )
        for each in _TABLES:
            table = self._tables[each.name]
            table.reached = each.used(state)
            if not each.grows:
                table.then = self._entries(each).copy()
        self._ids.go_on(last)
        if found.families != self._families:
            self.row_pages.refresh = np.arange(found.rows, dtype=np.int32)  # no page may keep what was forgotten
        for blind in state.start_anew(anew):
            logger.warning(
                "partition %d: the features %s started anew on %d merchants: detectors are blind to each for %d days of"
                " its clock, to the last until %s",
                state.limits.partition, blind.family, blind.merchants, blind.base_d, iso(blind.until_ms),
            )  # fmt: skip
        self._put_back_findings(found)
        self._controls.go_on(found.controls, found.reached_ms)
        return found

    def _put_back_findings(self, notes: Notes) -> None:
        """Put back episodes and risk accounts, by the names of their detectors, whether these still run or not."""
        retired = {name: mark for name, mark in notes.marks.items() if name not in self._marks}
        self._marks |= retired
        self._risk.know({name: mark.risk_group for name, mark in retired.items()})
        for (name, row), kept in self.kept.values.items():
            detector: Detector = (
                self._controls.detector(name, kept.controls.get(DETECTORS, 0))
                if name in self._controls.names
                else RetiredDetector(name, retired.get(name, UNKNOWN))
            )
            self._episodes.put_back(detector, row, with_deadline(kept, detector))
        for key, story in self.stories.values.items():
            if key not in self.kept.values:  # a version that does not know closed stories may have opened another alert
                self._episodes.closed.put_back(key, story)
        for row, account in self.accounts.values.items():
            self._risk.put_back(row, account)
        for row, versions in self.shops.values.items():
            self._shops.put_back(row, versions)

    def _check(self, notes: Notes) -> None:
        """Whether this monitor can go on from a checkpoint."""
        state = self._state
        if notes.least_reader > FORMAT:
            raise OtherState(
                f"the state must be read by a version that knows format {notes.least_reader}, this one knows {FORMAT}:"
                " start the version that wrote it"
            )
        for name, held, asked in (
            ("partition", [notes.partition, notes.partitions], [state.limits.partition, state.limits.partitions]),
            ("time_zone", notes.time_zones[0], state.zone_names[0]),
        ):
            if held != asked:
                raise OtherState(f"{name} must be {held} as in the state, got {asked}")
        if missing := self._controls.missing(notes.controls):
            raise OtherState(f"controls must have {', '.join(missing)} as in the state, got a log without")
        if notes.rows > state.limits.capacity:
            raise OtherState(f"capacity must be at least the {notes.rows} of the state, got {state.limits.capacity}")

    def _take(self, page_id: int, page: Page, forgotten: AbstractSet[str]) -> None:
        """Put a page back; rows without the fields that are `forgotten`."""
        state, arrays = self._state, page.arrays
        if page.kind in self._tables:
            table, log = next(each for each in _TABLES if each.name == page.kind), self._tables[page.kind].log
            at, held = table.first + log.entries, getattr(state, table.attribute)
            more = arrays[table.field]
            setattr(state, table.attribute, _with(held, at, fitted(more, held.dtype) if held.dtype.names else more))
            log.put_back(page_id, arrays)
            return
        match page.kind:
            case "rows":
                self._take_rows(page_id, arrays, forgotten)
            case "messages" | "taken_out":
                log, aged = self._sets[page.kind]
                aged.enter_again(Entries(**arrays), state.rows.rows)
                log.put_back(page_id, arrays)
            case "duplicates" | "undone":
                self._take_earlier(page.kind, arrays)
                self._superseded.append(page_id)
            case "episodes":
                self.kept.put_back(page_id, page, episode_of)
            case "stories":
                self.stories.put_back(page_id, page, story_of)
            case "risk":
                self.accounts.put_back(page_id, page, risk_of)
            case "shops":
                self.shops.put_back(page_id, page, shop_of)
            case _:  # of a later version, which finds it again: it stays live
                logger.info("page %d is of a kind that this version does not know: %r", page_id, page.kind)

    def _take_earlier(self, kind: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Remember what format 2 did, by hashes that nobody keyed, until it is out of date."""
        state, turn_s = self._state, EARLIER_TURN_S[kind]
        until_s = ((arrays["turn"] >> 1).astype(np.int64) + 2) * turn_s - 1
        aged = state.duplicates if kind == "duplicates" else state.undone
        nothing = np.zeros(len(until_s), np.uint32)
        entries = Entries(
            arrays["key"], arrays["row"], until_s.astype(np.uint32), nothing, nothing.astype(np.int64)
        )  # fmt: skip
        aged.enter_anew(entries, state.rows.rows)
        state.know_earlier(int(until_s.max(initial=0)))

    def _take_rows(self, page_id: int, arrays: Mapping[str, NDArray[Any]], forgotten: AbstractSet[str]) -> None:
        rows, stored = self._state.rows, arrays["rows"]
        held, blocks = fitted(stored, rows.rows.dtype, forgotten, self._state.moved), {}
        for kind in rows.kinds:
            dtype, _ = kind.dtype()
            if _BLOCK + kind.name in arrays:
                found = fitted(arrays[_BLOCK + kind.name], dtype, forgotten, kind.moved)
            else:  # it was written before there were blocks of this kind, with their fields in the row or another
                found = fitted(stored, dtype, forgotten, kind.moved)
                if _BLOCK + kind.was_in in arrays:
                    found[held[f"{kind.was_in}_block"] != 0] = fitted(arrays[_BLOCK + kind.was_in], dtype, forgotten)
                held[kind.place] = found.view(np.uint8).reshape(len(found), -1).any(axis=1)
                found = found[held[kind.place] != 0]
            blocks[kind.name] = found
        rows.put_back(Copies(held, arrays["row"], arrays["deadline_ms"], blocks))
        self.row_pages.put_back(page_id, arrays["row"])


class Side(NamedTuple):
    """Side values as they were when a checkpoint began; nothing writes to them any more."""

    tables: dict[str, NDArray[Any]]
    """By name: what came since the last checkpoint to those that grow, the others whole."""
    entered: dict[str, Entered]
    """Into the set of duplicates, and into that of what was undone."""
    episodes: Mapping[tuple[str, int], Kept | None]
    stories: Mapping[tuple[str, int], ClosedStory | None]
    risk: Mapping[int, Account]
    shops: Mapping[int, tuple[ShopVersion, ...]]


class Checkpoint:
    """A checkpoint in hand. Gather its rows, then take the rest; then it is done with, and the next may begin.

    Attributes:
        dropped: pages of earlier checkpoints that this one and later ones do not need; known once `rest` was taken.
    """

    def __init__(self, checkpoints: Checkpoints, rows: Rows, aside: Aside, side: Side, notes: Notes) -> None:
        self.dropped: list[int] = []
        self._checkpoints, self._rows, self._aside, self._side, self._notes = checkpoints, rows, aside, side, notes
        self._at = 0

    @property
    def gathered(self) -> bool:
        """Whether all its rows are gathered."""
        return self._at == len(self._aside.row)

    def gather(self, most: int) -> list[Fresh]:
        """Copy the next `most` rows; pages to write. Between batches only, in the thread that runs the monitor."""
        first, self._at = self._at, min(self._at + most, len(self._aside.row))
        return list(self._row_pages(self._rows.gather(self._aside, first, self._at)))

    def rest(self) -> Iterator[Fresh]:
        """The other pages to write, once all rows are gathered. In any thread, by itself; take them all."""
        if not self.gathered:
            raise RuntimeError("all rows of a checkpoint must be gathered before the rest is taken")
        yield from self._row_pages(self._rows.saved())
        yield from self._checkpoints.side_pages(self._side, self.dropped)
        self._checkpoints.row_pages.choose(self._notes.rows)

    def notes(self) -> bytes:
        """What `Checkpoints.restore` needs beside the pages."""
        return msgspec.msgpack.encode(self._notes)

    @property
    def merchants(self) -> int:
        """Merchants known when it began."""
        return self._notes.rows

    def end(self) -> object:
        """Its pages are safe: the next checkpoint may begin. In the thread that runs the monitor.

        Returns:
            What it held; let go of it in another thread, for that may take long.
        """
        return self._checkpoints.end()

    def _row_pages(self, copies: Copies) -> Iterator[Fresh]:
        for first in range(0, len(copies.row), ROWS_A_PAGE):
            part = self._rows.part(copies, first, first + ROWS_A_PAGE)
            yield self._checkpoints.row_pages.page(part, self.dropped)


def fields_of(family: ModuleType) -> set[str]:
    """The fields of a row and its blocks that a family has, those that outlive a reset included."""
    blocks = (field for each in getattr(family, "BLOCKS", ()) for field in (*each.kept, *each.fields))
    return {field[0] for field in (*getattr(family, "KEPT", ()), *family.FIELDS, *blocks)}


def _with(array: NDArray[Any], at: int, more: NDArray[Any]) -> NDArray[Any]:
    """The array with `more` put at a place, larger where it must be."""
    if at + len(more) > len(array):
        array = grown(array, at + len(more))
    array[at : at + len(more)] = more
    return array
