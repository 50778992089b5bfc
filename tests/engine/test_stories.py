"""Stories: an alert is reopened by a further hit of the same detector on the same merchant within 14 days."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.contract import E7
from detectors.mcc_jump import MccJump
from domain.feature_codes import NULL
from domain.timestamps import DAY_MS, HOUR_MS, iso
from engine.checkpoint.episode_pages import episode_entry, episode_of, story_entry, story_of
from engine.controls import Controls
from engine.episodes import Episodes
from engine.monitor import Monitor, MonitorConfig
from engine.stories import PARTLY, STORY_MS, Figures
from tests.engine.test_checkpoints import Shelf
from tests.engine.test_episodes import MAX_AGE_MS, QUIET_GAP_MS, START_MS, Desk, Hit, Probe, told
from tests.seeds import examples
from tests.strategies import cut, records_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.alerts import Alert

Event = dict[str, Any]


def test_a_hit_less_than_fourteen_days_after_the_last_one_reopens_the_alert() -> None:
    desk = Desk()
    (first,) = desk.take(Hit(0))
    (closing,) = desk.clocks(QUIET_GAP_MS + 1)
    (again,) = desk.take(Hit(STORY_MS - 1))
    assert (first.alert_id, closing.alert_id) == (again.alert_id, again.alert_id)
    assert [(each.revision, each.closed, each.reopened) for each in (first, closing, again)] == [
        (1, False, 0), (2, True, 0), (3, False, 1),
    ]  # fmt: skip


def test_a_hit_fourteen_days_after_the_last_one_opens_another_alert() -> None:
    desk = Desk()
    (first,) = desk.take(Hit(0))
    desk.clocks(QUIET_GAP_MS + 1)
    (other,) = desk.take(Hit(STORY_MS))
    assert (other.revision, other.hits, other.reopened, other.reopened_time) == (1, 1, 0, None)
    assert other.alert_id != first.alert_id


def test_the_merchant_s_watermark_counts_and_not_the_time_of_a_late_hit() -> None:
    desk = Desk()
    (first,) = desk.take(Hit(0))
    _, other = desk.take(Hit(DAY_MS, watermark_ms=STORY_MS))
    assert (other.alert_id != first.alert_id, other.reopened) == (True, 0)


def test_a_reopened_alert_has_the_totals_of_all_its_episodes() -> None:
    desk = Desk()
    desk.take(Hit(0, 0.9, stake_e7=3 * E7), Hit(HOUR_MS, 0.4, stake_e7=4 * E7))
    desk.clocks(DAY_MS)
    (again,) = desk.take(Hit(5 * DAY_MS, 0.2, stake_e7=5 * E7))
    assert (again.hits, again.loss, again.severity, again.txn_ids) == (3, 12, 0.9, ("t0", "t1", "t2"))
    assert (again.first_time, again.last_time) == (iso(START_MS), iso(START_MS + 5 * DAY_MS))
    assert again.reopened_time == iso(START_MS + 5 * DAY_MS)
    assert [each.txn_id for each in again.transactions] == ["t0", "t1", "t2"]


def test_a_reopened_alert_lists_its_first_transactions_and_those_since() -> None:
    desk = Desk()
    (full,) = desk.take(*(Hit(k) for k in range(64)))
    assert [each.txn_id for each in full.transactions] == [f"t{k}" for k in range(40)]
    (closing,) = desk.clocks(DAY_MS)
    (again,) = desk.take(*(Hit(2 * DAY_MS + k) for k in range(32)))
    assert (closing.txn_ids, closing.transactions) == (full.txn_ids, full.transactions)
    assert again.txn_ids == tuple(f"t{k}" for k in (*range(10), *range(64, 74)))
    assert [each.txn_id for each in again.transactions] == [f"t{k}" for k in (*range(20), *range(64, 84))]


def test_revisions_of_a_reopened_alert_are_due_at_hits_1_2_4_and_8_since_then() -> None:
    desk = Desk()
    desk.take(*(Hit(k) for k in range(5)))
    desk.clocks(DAY_MS)
    again = [alert for k in range(9) for alert in desk.take(Hit(5 * DAY_MS + k))]
    assert told(again) == [(5, 6), (6, 7), (7, 9), (8, 13)]


def test_a_story_lasts_as_long_as_its_hits_are_less_than_fourteen_days_apart() -> None:
    desk = Desk()
    alerts = [alert for k in range(6) for alert in desk.take(Hit(13 * k * DAY_MS))]
    assert len({alert.alert_id for alert in alerts}) == 1
    assert (alerts[-1].reopened, alerts[-1].hits, alerts[-1].revision) == (5, 6, 11)


def test_the_age_of_an_episode_counts_from_where_the_alert_was_reopened() -> None:
    desk = Desk()
    desk.take(Hit(0))
    begun = 5 * DAY_MS
    alerts = [alert for at_ms in range(0, MAX_AGE_MS + 1, HOUR_MS) for alert in desk.take(Hit(begun + at_ms))]
    assert {alert.reopened for alert in alerts if not alert.closed} == {1}
    closing, again = desk.take(Hit(begun + MAX_AGE_MS + 1))
    assert (closing.closed, closing.reopened, again.reopened) == (True, 1, 2)


def test_each_detector_and_merchant_has_stories_of_its_own() -> None:
    desk = Desk()
    ids = {alert.alert_id for alert in desk.take(Hit(0), Hit(0, row=1))}
    ids |= {alert.alert_id for alert in desk.take(Hit(0), detector=Probe("other"))}
    desk.clocks(DAY_MS, DAY_MS)
    again = [*desk.take(Hit(2 * DAY_MS), Hit(2 * DAY_MS, row=1)), *desk.take(Hit(2 * DAY_MS), detector=Probe("other"))]
    assert {alert.alert_id for alert in again} == ids
    assert len(ids) == 3


def test_a_quiet_gap_of_more_than_fourteen_days_leaves_nothing_to_reopen() -> None:
    desk, slow = Desk(), Probe(quiet_gap_s=20 * 86_400, max_age_s=90 * 86_400)
    (first,) = desk.take(Hit(0), detector=slow)
    (going_on,) = desk.take(Hit(19 * DAY_MS), detector=slow)
    _, other = desk.take(Hit(40 * DAY_MS), detector=slow)
    assert (going_on.alert_id, going_on.reopened) == (first.alert_id, 0)
    assert (other.alert_id != first.alert_id, other.reopened) == (True, 0)


def test_a_closed_alert_is_forgotten_once_no_hit_can_reopen_it() -> None:
    desk = Desk()
    desk.take(Hit(0), Hit(0, row=1))
    desk.clocks(STORY_MS - 1, 0)
    assert len(desk.episodes.closed) == 1
    desk.clocks(STORY_MS, 0)
    assert len(desk.episodes.closed) == 0
    desk.clocks(0, 0, feed_ms=STORY_MS)
    assert (len(desk.episodes), len(desk.episodes.closed)) == (0, 0)


def test_a_partition_remembers_one_closed_alert_of_each_detector_and_merchant_at_most() -> None:
    desk = Desk()
    for k in range(40):
        desk.take(*(Hit(k * DAY_MS, row=row) for row in range(3)))
        desk.clocks(*[k * DAY_MS + QUIET_GAP_MS + 1] * 3)
        assert (len(desk.episodes), len(desk.episodes.closed)) == (0, 3)


def test_the_score_is_told_of_an_episode_s_peak_and_of_what_it_adds_to_the_story_s() -> None:
    desk = Desk()
    desk.take(Hit(0, 0.6))
    desk.take(Hit(2 * DAY_MS, 0.2), Hit(2 * DAY_MS + 1, 0.7))
    assert [(each.severity, round(each.rise, 9), each.reopened) for each in desk.rises] == [
        (0.6, 0.6, 0), (0.2, 0.0, 1), (0.7, 0.1, 1),
    ]  # fmt: skip


HITS = st.lists(
    st.tuples(
        st.sampled_from((1, HOUR_MS, QUIET_GAP_MS, QUIET_GAP_MS + 1, DAY_MS, 5 * DAY_MS, STORY_MS - 1, STORY_MS)),
        st.integers(0, 1), st.sampled_from((0.1, 0.3, 0.52, 0.9)), st.sampled_from((0, -HOUR_MS, -DAY_MS)),
    ),
    min_size=1, max_size=30,
)  # fmt: skip
"""Of each hit how long after the last, whose, its severity, and how late it is."""


def test_the_first_day_of_a_story_is_that_of_its_earliest_hit_and_outlives_its_episodes() -> None:
    desk = Desk()
    desk.take(Hit(2 * DAY_MS))
    desk.take(Hit(DAY_MS))
    desk.clocks(3 * DAY_MS + QUIET_GAP_MS)
    (again,) = desk.take(Hit(12 * DAY_MS))
    assert again.facts["first_day"] == iso(START_MS + DAY_MS)[:10]


def test_a_story_of_a_page_that_says_no_first_day_never_names_one() -> None:
    """A later hit's day would be taken for the first."""
    begun = Figures.beginning(START_MS)._replace(hits=1, first_day=PARTLY)
    further = begun.with_hit(START_MS + DAY_MS, 0.5, NULL, NULL, "t1", None, 20_640)
    assert further.first_day == PARTLY


def hits_of(drawn: Sequence[tuple[int, int, float, int]]) -> list[Hit]:
    hits, now_ms = [], 0
    for after_ms, row, severity, late_ms in drawn:
        now_ms += after_ms
        hits.append(Hit(now_ms + late_ms, severity, stake_e7=now_ms, row=row, watermark_ms=now_ms))
    return hits


class Kept:
    """A desk whose episodes are written to pages and put back now and then, and whose clocks pass by."""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.desk = draw, Desk()
        self.desk.episodes = Episodes(journals=True)
        self.open: dict[tuple[str, int], bytes] = {}
        self.closed: dict[tuple[str, int], bytes] = {}

    def restart(self) -> None:
        for key, kept in self.desk.episodes.changes().items():
            self.open[key] = episode_entry(key, kept)
        for key, story in self.desk.episodes.closed.changes().items():
            self.closed[key] = story_entry(key, story)
        self.desk.episodes, detector = Episodes(journals=True), Controls((Probe(),)).detector("probe", 0)
        for (_, row), kept in map(episode_of, self.open.values()):
            if kept is not None:
                self.desk.episodes.put_back(detector, row, kept)
        for key, story in map(story_of, self.closed.values()):
            if story is not None:
                self.desk.episodes.closed.put_back(key, story)

    def run(self, hits: Sequence[Hit]) -> dict[str, Alert]:
        final: dict[str, Alert] = {}
        marks = [0, 0]
        while rest := hits[self.desk.made :]:
            batch = rest[: self.draw.randint(1, 6)]
            final |= {each.alert_id: each for each in self.desk.take(*batch)}
            for hit in batch:
                marks[hit.row] = max(marks[hit.row], hit.watermark_ms or 0)
            if self.draw.random() < 0.5:
                final |= {each.alert_id: each for each in self.desk.clocks(*marks)}
            if self.draw.random() < 0.5:
                self.restart()
        final |= {each.alert_id: each for each in self.desk.clocks(*[1000 * DAY_MS] * 2)}
        return final


@settings(max_examples=examples(150), suppress_health_check=list(HealthCheck))
@given(HITS, st.integers(0, 2**32 - 1))
def test_batch_cuts_and_restarts_and_clocks_do_not_change_a_story(
    drawn: list[tuple[int, int, float, int]], seed: int
) -> None:  # fmt: skip
    hits = hits_of(drawn)
    desk = Desk()
    final = {each.alert_id: each for each in desk.take(*hits)}
    final |= {each.alert_id: each for each in desk.clocks(*[1000 * DAY_MS] * 2)}
    assert Kept(random.Random(seed)).run(hits) == final
    assert sum(each.hits for each in final.values()) == len(hits)


def sale(k: int, at_ms: int, mcc: str) -> Event:
    return {
        "txn_id": f"t{k}", "merchant_id": "m", "amount": 100_000, "currency": "CNY", "mcc": mcc, "event_time": at_ms,
        "scheme": "unionpay", "card_kind": "credit", "feed": "east",
    }  # fmt: skip


def jumps(seed: int) -> list[Event]:
    """A merchant's jumps with pauses of hours to weeks, and the clock records of its feed between them."""
    draw, now_ms = random.Random(seed), START_MS
    events: list[Event] = [
        {"type": "merchant", "merchant_id": "m", "effective_from": START_MS - DAY_MS, "mccs": ["5812"]}
    ]
    for k in range(60):
        now_ms += draw.choice((HOUR_MS, 3 * HOUR_MS, DAY_MS, 4 * DAY_MS, 13 * DAY_MS, 15 * DAY_MS))
        if draw.random() < 0.4:
            ahead_ms = draw.choice((-HOUR_MS, 0, HOUR_MS))
            events.append({"type": "clock", "feed": "east", "event_time": now_ms + ahead_ms})
        events.append(sale(k, now_ms, draw.choice(("8062", "8062", "5812"))))
    return events


def monitor() -> Monitor:
    detector = MccJump(quiet_gap_s=7_200, max_age_s=43_200)
    return Monitor(MonitorConfig(capacity=10), detectors=[detector], checkpoints=True)


def final_of(events: Sequence[Event], draw: random.Random | None) -> tuple[dict[str, Alert], list[object]]:
    """Each alert's last revision, and the scores; restarted from a checkpoint between batches where `draw` is given."""
    taken, shelf, at = monitor(), Shelf(), 0
    alerts: dict[str, Alert] = {}
    scores: list[object] = []
    for batch in cut(events, draw, 5) if draw else [events]:
        outputs = taken.process(records_of(batch, at))
        alerts |= {each.alert_id: each for each in outputs.alerts}
        scores = [*outputs.scores] or scores
        at += len(batch)
        if draw and draw.random() < 0.4:
            shelf.whole(taken)
            taken = shelf.bring_back(monitor())
    return alerts, scores


class Older:
    """A monitor that found a jump and closed its alert, and whose state a version is to read that knows no stories."""

    def __init__(self) -> None:
        self.shelf, self.monitor, self.at = Shelf(), monitor(), 0
        master = {"type": "merchant", "merchant_id": "m", "effective_from": START_MS - DAY_MS, "mccs": ["5812"]}
        self.take(master)
        (self.first,) = self.jump(0)
        (self.closing,) = self.take(sale(1, START_MS + DAY_MS, "5812"))
        self.shelf.whole(self.monitor)

    def take(self, event: Event) -> list[Alert]:
        self.at += 1
        return self.monitor.process(records_of([event], self.at - 1)).alerts

    def jump(self, days: int) -> list[Alert]:
        return self.take(sale(100 + days, START_MS + days * DAY_MS, "8062"))

    def read(self, *, stories: bool) -> None:
        pages = self.shelf.decoded()
        if not stories:
            pages = [
                (number, replace(page, kind="unknown") if page.kind == "stories" else page) for number, page in pages
            ]
        self.monitor = monitor()
        self.monitor.restore(self.shelf.notes, pages)


@pytest.mark.usefixtures("warm_kernel")
def test_a_state_of_a_version_that_remembered_no_closed_alerts_opens_another() -> None:
    older = Older()
    assert any(page.kind == "stories" for _, page in older.shelf.decoded())
    older.read(stories=False)
    (other,) = older.jump(3)
    assert (other.alert_id != older.first.alert_id, other.reopened, other.revision) == (True, 0, 1)
    older.read(stories=True)
    (again,) = older.jump(3)
    assert (again.alert_id, again.reopened, again.revision) == (older.first.alert_id, 1, older.closing.revision + 1)


@pytest.mark.usefixtures("warm_kernel")
def test_an_alert_that_an_older_version_opened_meanwhile_goes_on_in_place_of_the_closed_one() -> None:
    older = Older()
    older.read(stories=False)
    (other,) = older.jump(3)
    older.shelf.whole(older.monitor)
    older.read(stories=True)
    closing, again = older.jump(5)
    assert [(each.alert_id, each.closed, each.reopened) for each in (closing, again)] == [
        (other.alert_id, True, 0), (other.alert_id, False, 1),
    ]  # fmt: skip


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("warm_kernel")
@pytest.mark.parametrize("seed", range(8))
def test_invariant_1_a_monitor_brought_back_to_checkpoints_reopens_the_same_alerts(seed: int) -> None:
    events = jumps(seed)
    alerts, scores = final_of(events, None)
    assert final_of(events, random.Random(seed)) == (alerts, scores)
    assert max(each.reopened for each in alerts.values()) >= 3
    assert len(alerts) >= 2
