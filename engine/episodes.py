"""Episodes: hits of one detector on one merchant within its quiet gap become one alert with revisions.

A revision is due at hits 1, 2, 4, 8, … and when severity rises by `RISE`. If several revisions are due in a batch, only
the last is published, under its own number; so the number counts due revisions and does not depend on how batches were
cut. When the clock of the merchant or of its feed passes the last hit by more than the quiet gap, a closing revision
gives the totals.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from detectors.contract import E7
from domain.alerts import Alert, Duty
from domain.feature_codes import NULL
from domain.timestamps import DAY_MS, iso
from engine.decoding.columns import MISSING
from engine.tallies import Begun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from detectors.contract import Detector, Findings
    from domain.controls import Versions
    from domain.readings import Shop, TransactionRow
    from engine.controls import Controls
    from engine.features.feature_rows import FeatureRows
    from engine.shops import Shops

    Values = Mapping[str, int | float | None]

NAMESPACE = uuid.UUID("6a1c1f3e-7f1e-5d6b-9b55-5d0a3f6f2c11")
"""Namespace of alert ids."""
RISE = 0.05
"""Least rise of severity that makes a revision."""
PARTLY = -1
"""A sum of which earlier hits' part is not known: it is none for good."""
MOST_TXN_IDS = 20
MOST_TRANSACTIONS = 40
MONTH_DAYS = 30
"""Days that a loss is projected to."""
LEAST_DAYS = 3
"""Days of which a loss must be for a projection."""
_NEVER = np.iinfo(np.int64).max


class Risen(NamedTuple):
    """An episode's peak rose by `rise` to `severity` at the batch's row `j`; by 0 on a further day."""

    j: int
    row: int
    at_ms: int
    """The merchant's watermark."""
    alert_id: str
    severity: float
    rise: float


class Taken(NamedTuple):
    """What a detector's findings in rows of features came to.

    Attributes:
        alerts: those due.
        rises: for the risk score, each rise of an episode's peak.
        begun: each episode that began.
        receipts_ms: receipt of the records that made alerts due, UTC milliseconds; of those that are not of the past.
    """

    alerts: list[Alert]
    rises: list[Risen]
    begun: list[Begun]
    receipts_ms: list[int]


class Figures(NamedTuple):
    """An episode's totals at one moment; money in ten-millionths of a minor unit, None where none is known."""

    revision: int = 0
    hits: int = 0
    severity: float = 0.0
    first_ms: int = 0
    last_ms: int = 0
    loss_e7: int | None = None
    turnover_e7: int | None = None
    txn_ids: tuple[str, ...] = ()
    transactions: tuple[TransactionRow, ...] = ()

    @property
    def loss_month_e7(self) -> int | None:
        """The loss of 30 days at the rate of the days from a day before the first hit to the last, of at least 3."""
        days_ms = self.last_ms - self.first_ms + DAY_MS
        if self.loss_e7 is None or days_ms < LEAST_DAYS * DAY_MS:
            return None
        return self.loss_e7 * MONTH_DAYS * DAY_MS // days_ms


@dataclass(slots=True)
class Episode:
    """An open episode.

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
        self, time_ms: int, severity: float, loss_e7: int, turnover_e7: int, txn_id: str,
        transaction: TransactionRow | None,
    ) -> bool:  # fmt: skip
        """Count a hit, its money `NULL` where it is not known; return whether a revision is due."""
        was = self.now
        hits, peak = was.hits + 1, max(was.severity, severity)
        due = hits & (hits - 1) == 0 or peak >= self.told.severity + RISE
        ids = (*was.txn_ids, txn_id) if txn_id and len(was.txn_ids) < MOST_TXN_IDS else was.txn_ids
        shown = was.transactions if transaction is None else (*was.transactions, transaction)
        self.now = Figures(
            was.revision + due, hits, peak, min(was.first_ms, time_ms), max(was.last_ms, time_ms),
            _plus(was.loss_e7, loss_e7), _plus(was.turnover_e7, turnover_e7), ids, shown,
        )  # fmt: skip
        if due:
            self.told = self.now
        return due

    def alert(self, *, closed: bool = False) -> Alert:
        """The last due revision, or the closing one with the totals."""
        it = self.now._replace(revision=self.now.revision + 1) if closed else self.told
        detector, duty = self.detector, getattr(self.detector, "duty", None)
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
            duty=Duty(duty.name, iso(it.first_ms + duty.within_s * 1000)) if duty else None,
        )  # fmt: skip


def _plus(total: int | None, more: int) -> int | None:
    """A sum of what is known; None where nothing is."""
    if more == NULL or total == PARTLY:
        return total
    return more if total is None else total + more


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
        journals: whether changed episodes are noted for checkpoints; `changes` must then be called regularly.
    """

    def __init__(self, *, journals: bool = False) -> None:
        self._open: dict[tuple[str, int], Episode] = {}
        self._journals = journals
        self._changed: dict[tuple[str, int], Kept | None] = {}
        self._by_slot: list[Episode | None] = []
        self._free: list[int] = []
        self._row = np.zeros(64, np.int64)
        self._deadline_ms = np.full(64, _NEVER, np.int64)

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
            if episode and (
                mark_ms > self._deadline_ms[episode.slot] or time_ms > episode.now.first_ms + as_set.max_age_s * 1000
            ):
                receipts_ms += self._freeze(due.pop(episode.alert_id, None), rows, controls, shops)
                alerts.append(self._close(episode))
                episode = None
            if episode is None:
                episode = self._begin(as_set, row, time_ms, j, rows)
                begun.append(Begun(j, row, severity))
            before, last_ms = episode.now.severity, episode.now.last_ms
            txn_id = rows.txn_id(j) if len(episode.now.txn_ids) < MOST_TXN_IDS else ""
            shown = rows.transaction(j) if len(episode.now.transactions) < MOST_TRANSACTIONS else None
            touched[row] = episode
            if episode.take(time_ms, severity, loss, turnover, txn_id, shown):
                due[episode.alert_id] = (episode, j)
            if episode.now.severity > before or time_ms // DAY_MS > last_ms // DAY_MS:
                peak = episode.now.severity
                rises.append(Risen(j, row, mark_ms, episode.alert_id, peak, peak - before))
            self._deadline_ms[episode.slot] = episode.now.last_ms + as_set.quiet_gap_s * 1000
        for each in due.values():
            receipts_ms += self._freeze(each, rows, controls, shops)
            alerts.append(each[0].alert())
        if self._journals:
            for row, it in touched.items():
                deadline_ms = int(self._deadline_ms[it.slot])
                kept = Kept(
                    it.merchant_id, it.alert_id, it.currency, it.now, it.told, it.values, it.controls, deadline_ms,
                    it.received_ms, it.shop,
                )  # fmt: skip
                self._changed[detector.name, row] = kept
        return taken

    def close_due(self, rows: FeatureRows) -> list[Alert]:
        """Close the episodes whose deadline their merchant's clock or its feed's clock has passed."""
        n = len(self._by_slot)
        passed = rows.reached_ms(self._row[:n]) > self._deadline_ms[:n]
        due = [episode for k in np.flatnonzero(passed) if (episode := self._by_slot[k]) is not None]
        due.sort(key=lambda each: (self._deadline_ms[each.slot], each.detector.name, each.merchant_id))
        return [self._close(each) for each in due]

    def changes(self) -> Mapping[tuple[str, int], Kept | None]:
        """The episodes that changed since the last call, by (detector, row); None where an episode was closed."""
        found, self._changed = self._changed, {}
        return found

    def open_of(self, row: int) -> list[Alert]:
        """The open episodes of a row, with the figures so far."""
        return [replace(each, told=each.now).alert() for each in self._open.values() if each.row == row]

    def put_back(self, detector: Detector, row: int, kept: Kept) -> None:
        """Go on with an episode as `changes` gave it, of a detector as `kept.controls` has it."""
        slot = self._slot(row)
        self._deadline_ms[slot] = kept.deadline_ms
        episode = Episode(
            detector, row, kept.merchant_id, kept.alert_id, kept.currency, slot, kept.now, kept.told, kept.values,
            kept.controls, kept.received_ms, kept.shop,
        )  # fmt: skip
        self._open[detector.name, row] = self._by_slot[slot] = episode

    def _slot(self, row: int) -> int:
        slot = self._free.pop() if self._free else len(self._by_slot)
        if slot == len(self._by_slot):
            self._by_slot.append(None)
            if slot == len(self._row):
                self._row = np.append(self._row, np.zeros(slot, np.int64))
                self._deadline_ms = np.append(self._deadline_ms, np.full(slot, _NEVER, np.int64))
        self._row[slot] = row
        return slot

    def _begin(self, detector: Detector, row: int, time_ms: int, j: int, rows: FeatureRows) -> Episode:
        merchant_id = rows.merchant_id(row)
        # A txn_id may come again after years; with its time it is one transaction.
        name = f"{detector.name}|merchant:{merchant_id}|{rows.txn_id(j)}|{time_ms}"
        slot = self._slot(row)
        start = Figures(first_ms=time_ms, last_ms=time_ms)
        alert_id = str(uuid.uuid5(NAMESPACE, name))
        episode = Episode(detector, row, merchant_id, alert_id, rows.currency(j), slot, start, start, {}, {})
        self._open[detector.name, row] = self._by_slot[slot] = episode
        return episode

    def _close(self, episode: Episode) -> Alert:
        key = episode.detector.name, episode.row
        del self._open[key]
        if self._journals:
            self._changed[key] = None
        self._by_slot[episode.slot] = None
        self._deadline_ms[episode.slot] = _NEVER
        self._free.append(episode.slot)
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
