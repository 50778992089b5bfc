"""Episodes: hits of one detector on one merchant within its quiet gap, as revisions of an alert.

A revision is due at an episode's hits 1, 2, 4, 8, … and when the alert's severity rises by `RISE`. If several revisions
are due in a batch, only the last is published, under its own number; so the number counts due revisions and does not
depend on how batches were cut. When the clock of the merchant or of its feed passes the last hit by more than the quiet
gap, or when the episode has reached its greatest age, a closing revision gives the totals. A hit that comes soon enough
after that (`engine.stories`) reopens the alert with another episode: its revisions and totals go on.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

from detectors.contract import E7
from domain.alerts import Alert, Duty
from domain.feature_codes import NULL
from domain.timestamps import DAY_MS, iso
from engine.deadlines import Deadlines
from engine.decoding.columns import MISSING
from engine.stories import PARTLY, ClosedStories, ClosedStory, Figures
from engine.tallies import Begun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from detectors.contract import Detector, DutyRule, Findings
    from domain.controls import Versions
    from domain.readings import Shop
    from engine.controls import Controls
    from engine.features.feature_rows import FeatureRows
    from engine.shops import Shops

    Values = Mapping[str, int | float | None]

NAMESPACE = uuid.UUID("6a1c1f3e-7f1e-5d6b-9b55-5d0a3f6f2c11")
"""Namespace of alert ids."""
RISE = 0.05
"""Least rise of severity that makes a revision."""
MOST_TXN_IDS = 20
MOST_TRANSACTIONS = 40
"""Transactions that an alert lists; half of them at most once it is reopened, so that those since then have room."""


class Risen(NamedTuple):
    """An episode began, its peak rose, or it went on for another day, at the batch's row `j`."""

    j: int
    row: int
    at_ms: int
    """The merchant's watermark."""
    alert_id: str
    severity: float
    """The episode's peak after it, 0 to 1."""
    rise: float
    """How much the alert's peak over all its episodes rose."""
    reopened: int
    """How often the alert was reopened until then."""


class Taken(NamedTuple):
    """What a detector's findings in rows of features came to.

    Attributes:
        alerts: those due.
        rises: for the risk score, each rise of an episode's peak.
        begun: each alert that began.
        receipts_ms: receipt of the records that made alerts due, UTC milliseconds; of those that are not of the past.
    """

    alerts: list[Alert]
    rises: list[Risen]
    begun: list[Begun]
    receipts_ms: list[int]


@dataclass(slots=True)
class Episode:
    """An open episode of an alert, with the alert's totals.

    Six attributes belong to the last due revision: `told` has its figures, `values` the features behind them,
    `controls` the versions in force, `detector` the detector with its settings, `received_ms` the receipt of the
    record that made it due (`MISSING` where no record did), and `shop` whose it is.
    """

    detector: Detector
    row: int
    merchant_id: str
    alert_id: str
    currency: str
    slot: int
    now: Figures
    told: Figures
    values: Values
    controls: Versions
    received_ms: int = MISSING
    shop: Shop | None = None

    def take(
        self, j: int, rows: FeatureRows, time_ms: int, severity: float, loss_e7: int, turnover_e7: int
    ) -> bool:  # fmt: skip
        """Count the hit in row `j`, its money `NULL` where it is not known; return whether a revision is due."""
        was = self.now
        txn_id = rows.txn_id(j) if len(was.txn_ids) < MOST_TXN_IDS else ""
        shown = rows.transaction(j) if len(was.transactions) < MOST_TRANSACTIONS else None
        now = was.with_hit(time_ms, severity, loss_e7, turnover_e7, txn_id, shown)
        hits = now.episode_hits
        due = hits & (hits - 1) == 0 or now.severity >= self.told.severity + RISE
        self.now = now
        if due:
            self.now = self.told = now._replace(revision=now.revision + 1)
        return due

    def alert(self, *, closed: bool = False) -> Alert:
        """The last due revision, or the closing one with the totals."""
        it = self.now._replace(revision=self.now.revision + 1) if closed else self.told
        detector = self.detector
        loss, turnover = _minor(it.loss_e7), _minor(it.turnover_e7)
        main = loss if detector.bearer else turnover
        return Alert(
            alert_id=self.alert_id, revision=it.revision, detector=detector.name, version=detector.version,
            merchant_id=self.merchant_id, subject=f"merchant:{self.merchant_id}",
            severity=round(it.severity, 4), hits=it.hits, first_time=iso(it.first_ms), last_time=iso(it.last_ms),
            at_stake=(turnover or 0) if loss is None else loss, currency=self.currency, title=detector.title,
            reason=detector.reason(self.values, it.hits, main or 0, self.currency),
            evidence=detector.evidence(self.values), txn_ids=it.txn_ids, risk_code=detector.risk_code,
            received_at=None if closed or self.received_ms == MISSING else iso(self.received_ms), closed=closed,
            controls=self.controls, shop=self.shop, transactions=it.transactions, turnover=turnover,
            loss=loss, bearer=detector.bearer or None,
            loss_month=_minor(it.loss_month_e7),
            duty=_duty(detector, self.values, it.first_ms),
            reopened=it.reopened, reopened_time=iso(it.episode_first_ms) if it.reopened else None,
        )  # fmt: skip


def _duty(detector: Detector, values: Values, first_ms: int) -> Duty | None:
    """What a rule wants by when of an alert whose first hit was at `first_ms`; None where none applies."""
    of_values = getattr(detector, "duty_of", None)
    rule: DutyRule | None = of_values(values) if of_values else getattr(detector, "duty", None)
    return Duty(rule.name, iso(rule.due_ms or first_ms + rule.within_s * 1000)) if rule else None


def _minor(e7: int | None) -> int | None:
    """Ten-millionths of a minor unit to minor units, rounded half up."""
    return None if e7 is None or e7 == PARTLY else (e7 + E7 // 2) // E7


def _money(of_hits: NDArray[np.int64] | None) -> Iterable[int]:
    """Money by hit, `NULL` where it is not known."""
    return repeat(NULL) if of_hits is None else of_hits.tolist()


class Kept(NamedTuple):
    """An open episode as checkpoints hold it; immutable."""

    merchant_id: str
    alert_id: str
    currency: str
    now: Figures
    told: Figures
    values: Values
    controls: Versions
    deadline_ms: int
    """The quiet gap's end, by the version in force at the last hit."""
    received_ms: int
    """Receipt of the record that made the last due revision due; `MISSING` where none did."""
    shop: Shop | None = None


class Episodes:
    """The open episodes of a partition.

    Args:
        journals: whether changed episodes are noted for checkpoints; `changes` must then be called regularly, and
            `closed.changes` with it.

    Attributes:
        closed: the closed alerts that a hit would reopen.
    """

    def __init__(self, *, journals: bool = False) -> None:
        self.closed = ClosedStories(journals=journals)
        self._open: dict[tuple[str, int], Episode] = {}
        self._journals = journals
        self._changed: dict[tuple[str, int], Kept | None] = {}
        self._deadline_ms: Deadlines[Episode] = Deadlines()

    def __len__(self) -> int:
        return len(self._open)

    def take(
        self, detector: Detector, findings: Findings, rows: FeatureRows, controls: Controls, shops: Shops
    ) -> Taken:  # fmt: skip
        """Add a detector's findings in rows of features to its episodes.

        The quiet gap and the greatest age are those of the version in force at each hit.
        """
        taken = Taken([], [], [], [])
        alerts, rises, begun, receipts_ms = taken
        if len(findings.index) == 0:
            return taken
        due: dict[str, tuple[Episode, int]] = {}
        touched: dict[int, Episode] = {}
        at = findings.index
        hits = zip(
            at.tolist(), rows.merchant_row[at].tolist(), rows.time_ms[at].tolist(), rows.watermark_ms[at].tolist(),
            findings.severity.tolist(), _money(findings.loss_e7), _money(findings.turnover_e7), strict=False,
        )  # fmt: skip
        for j, row, time_ms, mark_ms, severity, loss, turnover in hits:
            episode = self._open.get((detector.name, row))
            as_set = controls.detector_at(detector.name, int(rows.clock_ms[j]))
            if episode and self._is_over(episode, time_ms, mark_ms, as_set.max_age_s):
                receipts_ms += self._freeze(due.pop(episode.alert_id, None), rows, controls, shops)
                alerts.append(self._close(episode))
                episode = None
            if episode is None:
                episode = self._begin(as_set, j, rows)
                if not episode.now.reopened:
                    begun.append(Begun(j, row, severity))
            before = episode.now
            touched[row] = episode
            if episode.take(j, rows, time_ms, severity, loss, turnover):
                due[episode.alert_id] = (episode, j)
            now = episode.now
            if now.episode_severity > before.episode_severity or time_ms // DAY_MS > before.last_ms // DAY_MS:
                rise = now.severity - before.severity
                rises.append(Risen(j, row, mark_ms, episode.alert_id, now.episode_severity, rise, now.reopened))
            self._deadline_ms[episode.slot] = now.last_ms + as_set.quiet_gap_s * 1000
        for each in due.values():
            receipts_ms += self._freeze(each, rows, controls, shops)
            alerts.append(each[0].alert())
        if self._journals:
            self._note(touched.values())
        return taken

    def _note(self, touched: Iterable[Episode]) -> None:
        """Note open episodes that changed for the next checkpoint."""
        for it in touched:
            self._changed[it.detector.name, it.row] = Kept(
                it.merchant_id, it.alert_id, it.currency, it.now, it.told, it.values, it.controls,
                self._deadline_ms[it.slot], it.received_ms, it.shop,
            )  # fmt: skip

    def _is_over(self, episode: Episode, time_ms: int, watermark_ms: int, max_age_s: int) -> bool:
        """Whether a hit comes after an episode's quiet gap, or beyond its greatest age."""
        aged = time_ms > episode.now.episode_first_ms + max_age_s * 1000
        return aged or watermark_ms > self._deadline_ms[episode.slot]

    def close_due(self, rows: FeatureRows) -> list[Alert]:
        """Close the episodes whose deadline their merchant's clock or its feed's clock has passed."""
        due = self._deadline_ms.passed(rows)
        due.sort(key=lambda each: (self._deadline_ms[each.slot], each.detector.name, each.merchant_id))
        alerts = [self._close(each) for each in due]
        self.closed.forget_due(rows)
        return alerts

    def changes(self) -> Mapping[tuple[str, int], Kept | None]:
        """The episodes that changed since the last call, by (detector, row); None where an episode was closed."""
        found, self._changed = self._changed, {}
        return found

    def open_of(self, row: int) -> list[Alert]:
        """The open episodes of a row, with the figures so far."""
        return [replace(each, told=each.now).alert() for each in self._open.values() if each.row == row]

    def put_back(self, detector: Detector, row: int, kept: Kept) -> None:
        """Go on with an episode as `changes` gave it, of a detector as `kept.controls` has it."""
        self._open_with(Episode(
            detector, row, kept.merchant_id, kept.alert_id, kept.currency, 0, kept.now, kept.told, kept.values,
            kept.controls, kept.received_ms, kept.shop,
        ), kept.deadline_ms)  # fmt: skip

    def _open_with(self, episode: Episode, deadline_ms: int) -> Episode:
        episode.slot = self._deadline_ms.add(episode, episode.row, deadline_ms)
        self._open[episode.detector.name, episode.row] = episode
        return episode

    def _begin(self, detector: Detector, j: int, rows: FeatureRows) -> Episode:
        """An episode that the batch's row `j` begins: of the alert that it reopens, or else of a new one."""
        row, time_ms = int(rows.merchant_row[j]), int(rows.time_ms[j])
        merchant_id = rows.merchant_id(row)
        story = self.closed.reopen((detector.name, row), int(rows.watermark_ms[j]))
        if story is not None:
            alert_id, currency, start = story.alert_id, story.currency, story.totals.opened_again(time_ms)
        else:
            # A txn_id may come again after years; with its time it is one transaction.
            name = f"{detector.name}|merchant:{merchant_id}|{rows.txn_id(j)}|{time_ms}"
            alert_id, currency = str(uuid.uuid5(NAMESPACE, name)), rows.currency(j)
            start = Figures.beginning(time_ms)
        return self._open_with(Episode(detector, row, merchant_id, alert_id, currency, 0, start, start, {}, {}), 0)

    def _close(self, episode: Episode) -> Alert:
        key = episode.detector.name, episode.row
        del self._open[key]
        if self._journals:
            self._changed[key] = None
        self._deadline_ms.remove(episode.slot)
        now = episode.now
        totals = now._replace(
            revision=now.revision + 1, txn_ids=now.txn_ids[: MOST_TXN_IDS // 2],
            transactions=now.transactions[: MOST_TRANSACTIONS // 2],
        )  # fmt: skip
        self.closed.remember(key, ClosedStory(episode.alert_id, episode.currency, totals))
        return episode.alert(closed=True)

    @staticmethod
    def _freeze(
        due: tuple[Episode, int] | None, rows: FeatureRows, controls: Controls, shops: Shops
    ) -> tuple[int, ...]:
        """Freeze what an episode's last due revision rests on: features, and what was in force.

        Returns:
            Receipt of the record that made it due, where that is not of the past.
        """
        if due is None:
            return ()
        episode, j = due
        clock_ms = int(rows.clock_ms[j])
        episode.detector = controls.detector_at(episode.detector.name, clock_ms)
        episode.controls = controls.at(clock_ms)
        episode.received_ms = rows.received_ms(j)
        episode.shop = shops.at(episode.row, int(rows.time_ms[j]), j)
        episode.values = rows.values(episode.detector.columns, j)
        return (episode.received_ms,) if rows.is_live(j) else ()
