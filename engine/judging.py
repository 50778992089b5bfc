"""Rows of features in, alerts and scores out: detectors, their episodes, and the merchants' risk accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from detectors.severity_curves import CURVES
from domain.events import EVENT_KINDS
from domain.feature_codes import NULL
from domain.timestamps import HOUR_MS
from engine.controls import Controls, detect
from engine.episodes import Episodes
from engine.readings import days_of, profile_of, profile_passed_on
from engine.risk.analyst_decisions import decisions_of
from engine.risk.ledger import Change, DayClosed, Effect, Rise, RiskLedger
from engine.shops import Shops
from engine.tallies import Tallies, add

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from detectors.calibration import Curve
    from detectors.contract import Detector
    from domain.controls import Control
    from engine.controls import Known
    from engine.episodes import Risen
    from engine.features.feature_rows import FeatureRows
    from engine.features.partition import MonitorConfig
    from engine.outputs import Outputs


@dataclass(slots=True)
class Coverage:
    """How much of the stream a detector could judge.

    Attributes:
        detector: its name.
        needs: fields of transactions, or types of events, of which the detector needs at least one.
        transactions: accepted transactions.
        present: how many of them had each field, or how many events of each type were accepted.
        artefact: what the detector needs besides and the monitor was not given, "" where nothing is missing.
    """

    detector: str
    needs: tuple[str, ...]
    transactions: int = 0
    present: dict[str, int] = field(default_factory=dict)
    artefact: str = ""

    @property
    def silent(self) -> bool:
        """Whether nothing that the detector needs ever came, or an artefact is missing."""
        return bool(self.artefact) or not any(self.present.values())


class Judge:
    """Judges the rows of features of one partition.

    Args:
        detectors: the detectors to run, each with the settings that hold until `learn` gives others.
        config: the acquirer's settings, with version 0 of the controls.
        merchant_id: the id of the merchant in a row of the partition.
        curves: that calibrate severities, by detector.
        journals: whether changes are noted for checkpoints, which must then be taken now and again.

    Attributes:
        controls: versions of the controls in force, by time.
        episodes: the open episodes.
        risk: the merchants' risk accounts.
        shops: names, places, reps and agents of the merchants.
        coverage: how much of the stream each detector could judge.
        tallies: what was found since the partition's first record.
    """

    def __init__(
        self, detectors: Sequence[Detector], config: MonitorConfig, merchant_id: Callable[[int], str], *,
        curves: Mapping[str, Curve] = CURVES, journals: bool = False,
    ) -> None:  # fmt: skip
        self._detectors, self._curves = tuple(detectors), curves
        self.controls = Controls(self._detectors, config.controls)
        self.episodes = Episodes(journals=journals)
        groups = {each.name: each.risk_group for each in self._detectors}
        self.shops = Shops(journals=journals)
        self.risk = RiskLedger(groups, merchant_id, journals=journals)
        self.coverage = [Coverage(each.name, each.needs) for each in self._detectors]
        self._needs = sorted({need for each in self.coverage for need in each.needs})
        self.tallies = Tallies()
        self._note_artefacts()

    def learn(self, known: Sequence[Known]) -> list[Control] | None:
        """Add versions of controls; those that came too late, None where no version is new."""
        late = self.controls.learn(known)
        if late is not None:
            self._note_artefacts()
        return late

    def _note_artefacts(self) -> None:
        """Note for each detector whether an artefact that it needs is missing."""
        for each, detector in zip(self.coverage, self._detectors, strict=True):
            name: str = getattr(detector, "artefact", "")
            each.artefact = name if name and self.controls.newest(name) is None else ""

    def judge(self, rows: FeatureRows, outputs: Outputs) -> None:
        """Add to `outputs` the alerts and scores that follow from rows of features and the decisions among them."""
        changes: list[tuple[int, int, Change]] = [(j, -1, change) for j, change in decisions_of(rows.analyst_events())]
        terms = rows.terms()
        self.shops.begin(terms)
        outputs.profiles += map(profile_of, terms, (rows.merchant_id(each.merchant_row) for each in terms))
        outputs.profiles += (profile_passed_on(offset, event) for offset, event in rows.passed_on())
        parts = self.controls.parts(rows.clock_ms, rows.judged)
        for k, detector in enumerate(self._detectors):
            findings = detect(parts, k, self._curves)
            taken = self.episodes.take(detector, findings, rows, self.controls, self.shops)
            outputs.alerts += taken.alerts
            outputs.receipts_ms += taken.receipts_ms
            if len(findings.index):
                outputs.findings[detector.name] += len(findings.index)
                self.tallies.count_findings(detector, findings, rows)
            if taken.begun:
                self.tallies.count_begun(detector.name, taken.begun, rows, self.shops)
            changes += ((each.j, k, _rise(each, detector.name, rows.columns)) for each in taken.rises)
        risen = {change.row for _, _, change in changes}
        changes += ((j, len(self._detectors), each) for j, each in self._closings(rows, risen))
        outputs.alerts += self.episodes.close_due(rows)
        self._score(changes, outputs, rows)
        self.tallies.count_days(rows)
        self.shops.end()
        self._cover(rows)

    def _closings(self, rows: FeatureRows, risen: set[int]) -> Iterator[tuple[int, DayClosed]]:
        """The ends of days of merchants that have an account, or will by these changes, with their rows of features."""
        closed = rows.closings
        for j, row in zip(closed.tolist(), rows.merchant_row[closed].tolist(), strict=True):
            if row in risen or self.risk.known(row):
                yield j, DayClosed(row, int(rows.watermark_ms[j]))

    def _score(self, changes: list[tuple[int, int, Change]], outputs: Outputs, rows: FeatureRows) -> None:
        """Apply changes of risk: each with the row of features that it came with or before, and its rank there."""
        touched: dict[int, None] = {}
        scores: dict[int, float] = {}
        for j, _, change in sorted(changes, key=lambda each: each[:2]):
            effect = self.risk.apply(change)
            if isinstance(change, DayClosed) and self.risk.known(change.row):
                scores[j] = self.risk.points(change.row)
            if effect is Effect.PUBLISH:
                touched[change.row] = None
            outputs.counts.unmatched_verdicts += effect is Effect.UNMATCHED
        outputs.scores += [self.risk.score(row) for row in touched]
        if (days := days_of(rows, scores)) is not None:
            outputs.days.append(days)

    def _cover(self, rows: FeatureRows) -> None:
        """Count what each detector could judge."""
        transactions = rows.accepted_transactions
        present = {need: rows.present(need) for need in self._needs}
        for need, count in present.items():
            if need not in EVENT_KINDS:
                add(self.tallies.fields_present, need, count)
        for each in self.coverage:
            each.transactions += transactions
            for need in each.needs:
                each.present[need] = each.present.get(need, 0) + present[need]


def _rise(risen: Risen, detector: str, columns: Mapping[str, Any]) -> Rise:
    """An episode's rise, with what its row of features shows of the merchant."""
    age_h = int(columns["age_h"][risen.j]) if "age_h" in columns else NULL
    mcc = int(columns["mcc_expected"][risen.j]) if "mcc_expected" in columns else NULL
    return Rise(
        risen.row, risen.at_ms, detector, risen.alert_id, risen.severity, risen.rise,
        0 if age_h == NULL else risen.at_ms - age_h * HOUR_MS, "" if mcc == NULL else f"{mcc:04d}", risen.reopened,
    )  # fmt: skip
