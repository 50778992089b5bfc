from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pytest

from detectors.contract import E7, DutyRule, Findings
from domain.alerts import Alert, Duty, Evidence, Text
from domain.feature_codes import NULL
from domain.readings import TransactionRow
from domain.timestamps import DAY_MS, HOUR_MS, iso
from engine.controls import Controls
from engine.decoding.columns import MISSING
from engine.episodes import Episodes, Risen
from engine.shops import Shops

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from engine.features.feature_rows import FeatureRows

START_MS = 1_783_224_000_000
QUIET_GAP_S, MAX_AGE_S = 7_200, 86_400
QUIET_GAP_MS, MAX_AGE_MS = QUIET_GAP_S * 1000, MAX_AGE_S * 1000


@dataclass(frozen=True, slots=True)
class Probe:
    """A detector whose findings are given to the episodes directly."""

    name: str = "probe"
    version: int = 3
    title = Text("probe", "probe")
    risk_group = "mcc"
    risk_code = "26"
    bearer: str = "issuer_network"
    needs = ("mcc",)
    columns = ("n",)
    quiet_gap_s: int = QUIET_GAP_S
    max_age_s: int = MAX_AGE_S
    duty: DutyRule | None = None

    def detect(self, features: Mapping[str, NDArray[np.int64] | NDArray[np.float64]]) -> Findings:
        raise NotImplementedError

    def evidence(self, values: Mapping[str, int | float | None]) -> tuple[Evidence, ...]:
        return (Evidence("n", "txn", values["n"], None, None, "transactions"),)

    def reason(self, values: Mapping[str, int | float | None], hits: int, at_stake_minor: int, currency: str) -> Text:
        return Text(f"{hits} hits, {at_stake_minor} {currency}", "")


class Hit(NamedTuple):
    """A transaction that a detector found fault with, `at_ms` after the start."""

    at_ms: int
    severity: float = 0.5
    stake_e7: int = 0
    turnover_e7: int = NULL
    row: int = 0
    watermark_ms: int | None = None


@dataclass(slots=True)
class Rows:
    """Rows of features of hits, as `engine.features.feature_rows.FeatureRows` gives them."""

    merchant_row: NDArray[np.int32]
    time_ms: NDArray[np.int64]
    watermark_ms: NDArray[np.int64]
    first: int = 0
    feed_ms: int = 0

    @property
    def clock_ms(self) -> NDArray[np.int64]:
        return self.time_ms

    def txn_id(self, j: int) -> str:
        return f"t{self.first + j}"

    def merchant_id(self, row: int) -> str:
        return f"m{row}"

    def currency(self, j: int) -> str:
        return "CNY"

    def values(self, names: Sequence[str], j: int) -> dict[str, int]:
        return dict.fromkeys(names, self.first + j)

    def received_ms(self, j: int) -> int:
        """A second after it happened; of a row that stands on a whole day none, for it is of no record."""
        at_ms = int(self.time_ms[j])
        return MISSING if at_ms % DAY_MS == 0 else at_ms + 1_000

    def is_live(self, j: int) -> bool:
        return self.received_ms(j) != MISSING

    def transaction(self, j: int) -> TransactionRow:
        return TransactionRow(txn_id=self.txn_id(j), time="", amount=self.first + j, currency="CNY")

    def reached_ms(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.maximum(self.watermark_ms[rows], self.feed_ms)


class Desk:
    """Episodes fed with hits; transactions are numbered from `t0` on over all batches."""

    def __init__(self) -> None:
        self.episodes = Episodes()
        self.made = 0
        self.rises: list[Risen] = []

    def take(self, *hits: Hit, detector: Probe | None = None) -> list[Alert]:
        first, n = self.made, len(hits)
        self.made += n
        marks = [hit.at_ms if hit.watermark_ms is None else hit.watermark_ms for hit in hits]
        rows = Rows(
            np.array([hit.row for hit in hits], np.int32),
            START_MS + np.array([hit.at_ms for hit in hits], np.int64),
            START_MS + np.array(marks, np.int64),
            first,
        )
        findings = Findings(
            np.arange(n),
            np.array([hit.severity for hit in hits]),
            np.array([hit.stake_e7 for hit in hits], np.int64),
            np.array([hit.turnover_e7 for hit in hits], np.int64),
        )
        detector = detector or Probe()
        controls = Controls((detector,))
        taken = self.episodes.take(detector, findings, cast("FeatureRows", rows), controls, Shops())
        self.rises += taken.rises
        return taken.alerts

    def clocks(self, *at_ms: int, feed_ms: int = -START_MS) -> list[Alert]:
        """Let the merchants' clocks, and that of their one feed, stand at these times after the start."""
        marks = START_MS + np.array(at_ms, np.int64)
        rows = Rows(np.arange(len(at_ms), dtype=np.int32), marks, marks, feed_ms=START_MS + feed_ms)
        return self.episodes.close_due(cast("FeatureRows", rows))


def told(alerts: Sequence[Alert]) -> list[tuple[int, int]]:
    return [(alert.revision, alert.hits) for alert in alerts]


def test_hits_1_2_4_and_8_make_revisions() -> None:
    desk = Desk()
    assert told([alert for k in range(9) for alert in desk.take(Hit(k))]) == [(1, 1), (2, 2), (3, 4), (4, 8)]


def test_of_several_revisions_due_in_a_batch_the_last_is_sent_under_its_own_number() -> None:
    assert told(Desk().take(*(Hit(k) for k in range(9)))) == [(4, 8)]


def test_a_rise_of_severity_by_a_twentieth_makes_a_revision() -> None:
    desk = Desk()
    desk.take(*(Hit(k, 0.5) for k in range(4)))
    assert desk.take(Hit(4, 0.549)) == []
    assert [(each.revision, each.hits, each.severity) for each in desk.take(Hit(5, 0.551))] == [(4, 6, 0.551)]


def test_a_rise_is_measured_from_the_last_revision_told() -> None:
    desk = Desk()
    desk.take(Hit(0, 0.5), Hit(1, 0.5), Hit(2, 0.53))
    assert desk.take(Hit(3, 0.5))[0].severity == 0.53
    assert desk.take(Hit(4, 0.56)) == []
    assert desk.take(Hit(5, 0.59))[0].severity == 0.59


def test_severity_is_the_peak_and_times_are_the_earliest_and_the_latest() -> None:
    (alert,) = Desk().take(Hit(0, 0.9), Hit(5_000, 0.4), Hit(-3_000, 0.4), Hit(1_000, 0.4))
    assert (alert.severity, alert.first_time, alert.last_time) == (
        0.9,
        iso(START_MS - 3_000),
        iso(START_MS + 5_000),
    )


def test_a_closing_revision_follows_the_quiet_gap_with_the_totals() -> None:
    desk = Desk()
    desk.take(Hit(0, stake_e7=3 * E7), Hit(1, stake_e7=4 * E7), Hit(2, stake_e7=5 * E7))
    assert desk.clocks(2 + QUIET_GAP_MS) == []
    (closing,) = desk.clocks(3 + QUIET_GAP_MS)
    assert (closing.closed, closing.revision, closing.hits, closing.at_stake) == (True, 3, 3, 12)
    assert closing.txn_ids == ("t0", "t1", "t2")
    assert len(desk.episodes) == 0
    assert desk.clocks(DAY_MS) == []


def test_an_alert_says_when_the_record_was_received_that_made_it_due() -> None:
    desk = Desk()
    (first,) = desk.take(Hit(0), Hit(1))
    assert first.received_at == iso(START_MS + 1 + 1_000)  # of the second hit, with which the last revision was due
    (closing,) = desk.clocks(2 + QUIET_GAP_MS)
    assert closing.received_at is None


def test_an_alert_of_a_closed_day_names_no_receipt() -> None:
    midnight = -START_MS % DAY_MS
    (alert,) = Desk().take(Hit(midnight))
    assert alert.received_at is None


def test_a_clock_record_closes_the_episode_of_an_idle_merchant() -> None:
    desk = Desk()
    desk.take(Hit(0, row=1))
    assert desk.clocks(0, 0, feed_ms=QUIET_GAP_MS) == []
    assert [alert.merchant_id for alert in desk.clocks(0, 0, feed_ms=QUIET_GAP_MS + 1)] == ["m1"]


def test_a_hit_after_the_quiet_gap_closes_the_episode_and_begins_another_of_the_same_alert() -> None:
    desk = Desk()
    (first,) = desk.take(Hit(0))
    closing, second = desk.take(Hit(QUIET_GAP_MS + 1))
    assert (closing.alert_id, closing.closed, closing.reopened) == (first.alert_id, True, 0)
    assert (second.alert_id, second.closed, second.reopened) == (first.alert_id, False, 1)
    assert told([closing, second]) == [(2, 1), (3, 2)]


def test_a_late_hit_after_the_feed_s_clock_passed_the_gap_begins_another_episode() -> None:
    desk = Desk()
    desk.take(Hit(0))
    closing, second = desk.take(Hit(1, watermark_ms=QUIET_GAP_MS + 1))
    assert told([closing, second]) == [(2, 1), (3, 2)]
    assert (closing.reopened, second.reopened) == (0, 1)


def test_a_hit_within_the_quiet_gap_extends_it() -> None:
    desk = Desk()
    desk.take(Hit(0), Hit(QUIET_GAP_MS))
    assert desk.clocks(2 * QUIET_GAP_MS) == []
    assert told(desk.clocks(2 * QUIET_GAP_MS + 1)) == [(3, 2)]


def test_an_episode_past_its_age_gives_way_to_a_new_one_of_the_same_alert() -> None:
    desk = Desk()
    desk.take(*(Hit(at_ms) for at_ms in range(0, MAX_AGE_MS + 1, HOUR_MS)))
    closing, second = desk.take(Hit(MAX_AGE_MS + 1))
    assert (closing.closed, closing.hits, second.closed, second.hits) == (True, 25, False, 26)
    assert (second.alert_id, second.reopened) == (closing.alert_id, 1)


def test_an_alert_names_the_first_twenty_transactions() -> None:
    (alert,) = Desk().take(*(Hit(k) for k in range(32)))
    assert alert.txn_ids == tuple(f"t{k}" for k in range(20))


def test_an_alert_s_id_and_numbers_do_not_depend_on_where_batches_are_cut() -> None:
    hits = [Hit(k * HOUR_MS, 0.3 + 0.01 * k, stake_e7=k) for k in (0, 1, 2, 5, 6, 7, 7, 8, 12, 13)]

    def final(*sizes: int) -> dict[str, Alert]:
        found: dict[str, Alert] = {}
        desk, at = Desk(), 0
        for size in sizes:
            found |= {alert.alert_id: alert for alert in desk.take(*hits[at : at + size])}
            at += size
        return found

    assert final(10) == final(*[1] * 10) == final(3, 3, 4) == final(4, 6)
    assert [(each.hits, each.reopened) for each in final(10).values()] == [(10, 2)]


def test_evidence_is_of_the_transaction_behind_the_revision_and_frozen() -> None:
    desk = Desk()
    assert [alert.evidence[0].value for alert in desk.take(*(Hit(k) for k in range(3)))] == [1]
    assert [alert.evidence[0].value for alert in desk.clocks(QUIET_GAP_MS + 3)] == [1]


def test_evidence_of_an_episode_closed_in_the_batch_it_grew_in_is_its_own() -> None:
    desk = Desk()
    closing, second = desk.take(Hit(0), Hit(1), Hit(QUIET_GAP_MS + 2))
    assert [closing.evidence[0].value, second.evidence[0].value] == [1, 2]


def test_money_is_summed_exactly_and_rounded_once() -> None:
    (alert,) = Desk().take(*(Hit(k, stake_e7=E7 // 4, turnover_e7=E7 // 2) for k in range(2)))
    assert (alert.loss, alert.turnover, alert.at_stake) == (1, 1, 1)
    (alert,) = Desk().take(*(Hit(k, stake_e7=10**16 + 1) for k in range(4)))
    assert (alert.loss, alert.turnover, alert.at_stake) == (4 * 10**9, None, 4 * 10**9)


def test_money_of_which_nothing_is_known_is_none_and_not_nought() -> None:
    desk = Desk()
    (alert,) = desk.take(Hit(0, stake_e7=NULL))
    assert (alert.loss, alert.turnover, alert.at_stake, alert.loss_month) == (None, None, 0, None)
    (alert,) = desk.take(Hit(1, stake_e7=0))
    assert (alert.loss, alert.at_stake) == (0, 0)


def test_the_older_name_of_money_is_the_turnover_where_no_loss_is_known() -> None:
    desk = Desk()
    (alert,) = desk.take(Hit(0, stake_e7=NULL, turnover_e7=700 * E7))
    assert (alert.at_stake, alert.turnover, alert.loss) == (700, 700, None)
    (alert,) = desk.take(Hit(1, stake_e7=3 * E7, turnover_e7=NULL))
    assert (alert.at_stake, alert.turnover, alert.loss) == (3, 700, 3)


def test_a_loss_is_projected_to_30_days_once_it_is_of_three() -> None:
    detector = Probe(quiet_gap_s=4 * DAY_MS, max_age_s=9 * DAY_MS)
    desk = Desk()
    (alert,) = desk.take(Hit(0, stake_e7=100 * E7), Hit(2 * DAY_MS - 1, stake_e7=100 * E7), detector=detector)
    assert alert.loss_month is None
    (alert,) = desk.take(Hit(4 * DAY_MS, stake_e7=50 * E7), Hit(4 * DAY_MS, stake_e7=50 * E7), detector=detector)
    assert (alert.loss, alert.loss_month) == (300, 1_800)


def test_only_a_loss_has_a_bearer() -> None:
    (alert,) = Desk().take(Hit(0))
    assert alert.bearer == "issuer_network"
    (alert,) = Desk().take(Hit(0), detector=Probe(bearer=""))
    assert alert.bearer is None


def test_a_rule_s_deadline_runs_from_the_first_hit() -> None:
    (alert,) = Desk().take(Hit(DAY_MS), Hit(0), detector=Probe(duty=DutyRule("Scheme rule 1", 72 * 3_600)))
    assert alert.duty == Duty("Scheme rule 1", iso(START_MS + 3 * DAY_MS))
    (alert,) = Desk().take(Hit(0))
    assert alert.duty is None


@dataclass(frozen=True, slots=True)
class Dutiful(Probe):
    """A probe of which some findings fall under a rule."""

    def duty_of(self, values: Mapping[str, int | float | None]) -> DutyRule | None:
        return (DutyRule("In two days", 2 * 86_400), None, DutyRule("At a moment", due_ms=START_MS + 7))[values["n"]]


def test_a_detector_may_say_by_a_finding_s_values_which_rule_it_falls_under() -> None:
    desk = Desk()
    duties = [desk.take(Hit(k, row=k), detector=Dutiful())[0].duty for k in range(3)]
    assert duties == [Duty("In two days", iso(START_MS + 2 * DAY_MS)), None, Duty("At a moment", iso(START_MS + 7))]


def test_merchants_and_detectors_have_episodes_of_their_own() -> None:
    desk = Desk()
    ids = {alert.alert_id for alert in desk.take(Hit(0), Hit(0, row=1))}
    ids |= {alert.alert_id for alert in desk.take(Hit(1), detector=Probe("other"))}
    assert len(ids) == len(desk.episodes) == 3


def test_hundreds_of_open_episodes_close_in_the_order_of_their_deadlines() -> None:
    desk = Desk()
    rows = [(7 * k) % 300 for k in range(300)]
    desk.take(*(Hit(row, row=row) for row in rows))
    closed = desk.clocks(*[DAY_MS] * 300)
    assert [alert.merchant_id for alert in closed] == [f"m{row}" for row in range(300)]
    assert told(desk.take(Hit(2 * DAY_MS, row=5))) == [(3, 2)]


def test_an_alert_says_whose_it_is() -> None:
    (alert,) = Desk().take(Hit(0, row=4))
    assert (alert.merchant_id, alert.subject, alert.currency, alert.version) == (
        "m4",
        "merchant:m4",
        "CNY",
        3,
    )
    assert (alert.reason.en, alert.closed) == ("1 hits, 0 CNY", False)


def test_a_score_counts_an_episode_s_peak_once() -> None:
    desk = Desk()
    desk.take(Hit(0, 0.5), Hit(1, 0.4), Hit(2, 0.5), Hit(3, 0.6))
    assert [(each.row, each.at_ms - START_MS, each.severity) for each in desk.rises] == [(0, 0, 0.5), (0, 3, 0.6)]
    assert sum(each.rise for each in desk.rises) == pytest.approx(0.6)
    assert len({each.alert_id for each in desk.rises}) == 1
