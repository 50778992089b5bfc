"""A partition at a glance, for whoever runs the monitor: what is read every few seconds, so it must cost little."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from domain.risk import GRADES
from engine.control_kinds.registry import DETECTORS, KINDS
from engine.controls import BEGINNING_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.features.pipeline import FeaturePipeline
    from engine.judging import Judge


@dataclass(frozen=True, slots=True)
class RankedMerchant:
    """A merchant with a high score.

    Attributes:
        merchant_id: who.
        name: over the door, "" where it is not known.
        grade: published, A to E.
        score: published, 0 to 100.
    """

    merchant_id: str
    name: str
    grade: str
    score: float


@dataclass(frozen=True, slots=True)
class Overview:
    """A partition at a glance.

    Attributes:
        merchants: known by published grade; those without an account are of the best.
        riskiest: the merchants with the highest scores above 0, the highest first.
        controls: by kind, the version in force at the latest merchant's clock.
        blind_until_ms: by detector that cannot judge every merchant, the merchants' latest clock up to which.
    """

    merchants: Mapping[str, int] = field(default_factory=dict)
    riskiest: tuple[RankedMerchant, ...] = ()
    controls: Mapping[str, int] = field(default_factory=dict)
    blind_until_ms: Mapping[str, int] = field(default_factory=dict)


def overview_of(pipeline: FeaturePipeline, judge: Judge, most: int) -> Overview:
    """A partition at a glance, with at most so many of its riskiest merchants."""
    rows, ledger = pipeline.state.rows, judge.risk
    grades = {grade: ledger.standings.grades[grade] for _, grade in GRADES}
    best = GRADES[-1][1]
    grades[best] += int(rows.count[0]) - sum(grades.values())
    accounts = [(row, ledger.account(row)) for row in ledger.standings.riskiest(most)]
    riskiest = tuple(
        RankedMerchant(rows.id_of(row), judge.shops.name_of(row), it.published_grade, it.published_e2 / 100)
        for row, it in accounts
    )
    in_force = judge.controls.at(max(BEGINNING_MS, judge.controls.reached_ms))
    controls = {kind: in_force.get(kind, 0) for kind in KINDS}
    return Overview(grades, riskiest, controls, _blind_until_ms(pipeline, judge))


def _blind_until_ms(pipeline: FeaturePipeline, judge: Judge) -> dict[str, int]:
    blindness, rows = pipeline.state.blindness, pipeline.state.rows
    found: dict[str, int] = {}
    for blind in blindness.told(rows.rows["clock_ms"][: int(rows.count[0])]):
        columns = {pipeline.columns[k].name for k in blindness.columns_of([blind.family]).tolist()}
        for detector in judge.controls.newest(DETECTORS):
            if columns.intersection(detector.columns):
                found[detector.name] = max(blind.until_ms, found.get(detector.name, 0))
    return found
