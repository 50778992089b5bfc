"""Sums of visits and inspections: whatever changes, they are what summing up anew gives."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from casework import notes, visit_table
from casework.agent import FilingAgent
from casework.field_sums import FIGURES, sum_up
from casework.store import versions
from domain.timestamps import DAY_MS, iso
from tests.casework.desk import LI, REP
from tests.casework.test_field_events import tell
from tests.casework.test_months import write_days
from tests.casework.world import NOW_MS, rows
from tests.seeds import seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from streams.sqlite.log import SqliteLog

SHOPS, REPS = ("m0", "m1", "m2", "unregistered"), ("rep-1", "rep-2", "rep-3")
OUTCOMES = ("as_registered", "differs", "not_found")


def kept(store: Store) -> list[tuple[object, ...]]:
    """The sums that are of something."""
    return [each for each in rows(store, "field_sums", "month", "by", "key", *FIGURES) if any(each[3:])]


def anew(store: Store) -> list[tuple[object, ...]]:
    with store.writing() as connection:
        sum_up(store, connection)
    return kept(store)


class Field:
    """What may happen to visits, inspections, and to whose merchants are; one thing after another, at random."""

    def __init__(self, store: Store, log: SqliteLog, seed: int) -> None:
        self.store, self.log, self.draw, self.now_ms, self.offset = store, log, random.Random(seed), NOW_MS, 100
        self.agent = FilingAgent(store, log, lambda: self.now_ms)
        self.told: list[tuple[str, int, str]] = []
        for shop in SHOPS[:-1]:
            self.register(shop, 500)

    def ago_ms(self, most_d: int) -> int:
        """A moment of so many days before now, at most."""
        return self.now_ms - self.draw.randrange(most_d * DAY_MS)

    def register(self, shop: str = "", back_d: int = 0) -> None:
        """Master data, from a while ago or from some days on: of another region, agent or address too."""
        since_ms = self.now_ms - (back_d or self.draw.randrange(-20, 300)) * DAY_MS
        draw = self.draw
        tell(
            self.log, "merchant", shop or draw.choice(SHOPS[:-1]), since_ms, rep_id=draw.choice(REPS),
            region=draw.choice(("north", "south")), agent_id=draw.choice(("a1", "a2", "")), address=draw.choice("xyz"),
            status=draw.choice(("active", "active", "closed")), opened_at=since_ms,
            licence_expires_at=draw.choice((NOW_MS + 9 * DAY_MS, 253_402_214_400_000)),
        )  # fmt: skip
        self.agent.file()

    def assign(self) -> None:
        """To another rep, late too: from a time on whose visits and inspections are counted already."""
        since_ms = self.now_ms - self.draw.randrange(-20, 200) * DAY_MS
        tell(self.log, "assignment", self.draw.choice(SHOPS), since_ms, rep_id=self.draw.choice(REPS))
        self.agent.file()

    def visit(self) -> None:
        """Told by the log: a new one, or one that is told otherwise now."""
        self.offset += 1
        new = (self.draw.choice(SHOPS), self.ago_ms(200), self.draw.choice(REPS))
        shop, time_ms, by = self.draw.choice([*self.told[-5:], new])
        self.told.append((shop, time_ms, by))
        outcome = self.draw.choice(OUTCOMES)
        tell(self.log, "visit", shop, time_ms, self.offset, person_id=by, outcome=outcome)
        self.agent.file()

    def record(self) -> None:
        """Recorded at the console."""
        notes.record_visit(
            self.store, LI, "m1", self.ago_ms(90), "routine", self.draw.choice(OUTCOMES), "", self.now_ms
        )

    def take_in(self) -> None:
        """Of another program's table: new ones, and one that is known."""
        listed = [(self.draw.choice(SHOPS[:-1]), self.ago_ms(90) // 1000 * 1000, "rep-1") for _ in range(3)]
        lines = [f"{shop},{iso(time_ms)},{by}" for shop, time_ms, by in [*listed, *self.told[-1:]]]
        raw = "\n".join(["merchant_id,visited_at,person_id", *lines]).encode()
        visit_table.take_in(self.store, LI, visit_table.read_table(raw, "UTC", self.now_ms), self.now_ms)

    def sell(self) -> None:
        """A day's sales: whoever is dormant is not any more."""
        day = date.fromisoformat(iso(self.now_ms)[:10]) - timedelta(days=1)
        write_days(self.log, [(self.draw.choice(SHOPS), day, 3, 900, 2)])
        self.agent.file()

    def wait(self) -> None:
        """Until other versions are in force, merchants dormant, and days too old to be kept."""
        self.now_ms += self.draw.choice((1, 30, 150)) * DAY_MS
        self.agent.file()


@pytest.mark.parametrize("seed", seeds(8, quick=2))
def test_sums_are_what_summing_up_anew_gives_whatever_happens(store: Store, log: SqliteLog, seed: int) -> None:
    field = Field(store, log, seed)
    happens: list[Callable[[], Any]] = [
        field.register, field.assign, field.visit, field.visit, field.record, field.take_in, field.sell, field.wait,
    ]  # fmt: skip
    for _ in range(4):
        for happening in field.draw.sample(happens, len(happens)):
            happening()
            found = kept(store)
            assert found == anew(store), happening.__name__
    assert {each[1] for each in found} == {"rep", "region", "agent"}
    for by in ("rep", "region", "agent"):
        of_it = [each for each in found if each[1] == by]
        assert sum(int(str(each[3])) for each in of_it) == len(rows(store, "visits"))


def test_a_store_of_an_earlier_version_gets_the_sums_of_what_it_has(store: Store, log: SqliteLog) -> None:
    field = Field(store, log, 1)
    for happening in (field.visit, field.record, field.assign):
        happening()
    before = kept(store)
    assert before
    store.migrate(versions()[versions().index("014") - 1])
    store.migrate(now_ms=lambda: NOW_MS)
    assert kept(store) == before


def test_a_visit_counts_for_who_made_it_and_for_the_place_that_the_merchant_has_now(
    store: Store, log: SqliteLog
) -> None:
    agent = FilingAgent(store, log, lambda: NOW_MS)
    tell(log, "merchant", "m1", NOW_MS - 400 * DAY_MS, rep_id="rep-1", region="north", agent_id="a1")
    agent.file()
    visit_id = notes.record_visit(store, REP, "m1", NOW_MS, "routine", "as_registered", "", NOW_MS)
    assert visit_id
    month = iso(NOW_MS)[:7]
    assert {each[1:3] for each in kept(store) if each[0] == month and each[3]} == {
        ("rep", REP.user_id), ("region", "north"), ("agent", "a1"),
    }  # fmt: skip
    tell(log, "merchant", "m1", NOW_MS - DAY_MS, rep_id="rep-2", region="south", agent_id="a1")
    agent.file()
    assert {each[1:3] for each in kept(store) if each[0] == month and each[3]} == {
        ("rep", REP.user_id), ("region", "south"), ("agent", "a1"),
    }  # fmt: skip
