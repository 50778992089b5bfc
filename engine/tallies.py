"""What a partition's monitor has found since the partition's first record, in sums that its checkpoints keep.

They grow with the records alone, so those of a checkpoint count each alert once, whatever was killed or handed over
since. They hold figures for whoever runs the monitor; nothing is judged by them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from detectors.contract import E7, HOME
from domain.mcc import mcc_group
from domain.severity import level_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from detectors.contract import Detector, Findings
    from engine.features.feature_rows import FeatureRows
    from engine.shops import Shops

MOST_VALUES = 100
"""Regions and agents that are told apart; what comes beyond is counted as `OTHER`."""
OTHER, UNKNOWN = "other", "unknown"
BANDS = {"0-50": 50.0, "50-90": 90.0, "90-99": 99.0, "99-99.9": 99.9, "99.9-100": 100.0}
"""Bands of the percentile of the anomaly model's scores, with the upper end of each, which belongs to the next."""
EXPECTED, FALLEN = 5.0, 0.25
"""Sales to be expected of a day below which chance empties it, and the share of them up to which it fell."""


class Begun(NamedTuple):
    """An alert began at the batch's row `j` with a hit of this severity, 0 to 1, on the merchant in `row`."""

    j: int
    row: int
    severity: float


class Tallies(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The sums of a partition.

    Attributes:
        dead_letters: by reason.
        fields_dropped: by field, records that it was left out of because of its value.
        fields_present: by field that a detector needs, accepted transactions that have it.
        findings: by detector, rows of features that it found fault with.
        fired_ms: by detector, the greatest merchant's clock at a finding, UTC milliseconds.
        alerts: by detector, and by the word for the first hit's severity, alerts that began.
        turnover_minor: by detector, turnover of hits in minor units of the acquirer's currency.
        loss_minor: by bearer, loss by hits, likewise.
        home_digits: digits behind the point of the acquirer's currency.
        by_region: alerts that began by the shop's city, or region.
        by_agent: alerts that began by the merchant's agent.
        by_mcc_group: alerts that began by the range of the merchant's MCC.
        days_scored: by band of the percentile, merchants' days that the anomaly model scored.
        days_expected: merchants' days that ended with `EXPECTED` sales or more to be expected.
        days_fallen: of these, those with a quarter of that or less.
    """

    dead_letters: dict[str, int] = {}
    fields_dropped: dict[str, int] = {}
    fields_present: dict[str, int] = {}
    findings: dict[str, int] = {}
    fired_ms: dict[str, int] = {}
    alerts: dict[str, dict[str, int]] = {}
    turnover_minor: dict[str, int] = {}
    loss_minor: dict[str, int] = {}
    home_digits: int = 2
    by_region: dict[str, int] = {}
    by_agent: dict[str, int] = {}
    by_mcc_group: dict[str, int] = {}
    days_scored: dict[str, int] = {}
    days_expected: int = 0
    days_fallen: int = 0

    def copy(self) -> Tallies:
        """The same sums, which do not change when these do."""
        tables = {name: getattr(self, name) for name in _TABLES}
        alerts = {detector: dict(each) for detector, each in self.alerts.items()}
        return Tallies(
            alerts=alerts, home_digits=self.home_digits, days_expected=self.days_expected,
            days_fallen=self.days_fallen, **{name: dict(table) for name, table in tables.items()},
        )  # fmt: skip

    @property
    def alerts_begun(self) -> int:
        """How many alerts began."""
        return sum(count for each in self.alerts.values() for count in each.values())

    def count_findings(self, detector: Detector, findings: Findings, rows: FeatureRows) -> None:
        """Count what a detector found in rows of features, some of which there is."""
        name = detector.name
        add(self.findings, name, len(findings.index))
        clock_ms = max(rows.clock_ms[findings.index].tolist())
        self.fired_ms[name] = max(clock_ms, self.fired_ms.get(name, clock_ms))
        if findings.turnover_e7 is None and findings.loss_e7 is None:
            return
        self.home_digits = rows.home_digits
        up, down = (rows.judged[each][findings.index].tolist() for each in HOME)
        if findings.turnover_e7 is not None:
            add(self.turnover_minor, name, home_minor(findings.turnover_e7.tolist(), up, down))
        if findings.loss_e7 is not None and detector.bearer:
            add(self.loss_minor, detector.bearer, home_minor(findings.loss_e7.tolist(), up, down))

    def count_days(self, rows: FeatureRows) -> None:
        """Count merchants' days that ended, and those that fell: most at once are a hole in the data, or a feast."""
        closed = rows.closings
        if "model_percentile" in rows.columns:
            self._count_scored(rows.columns["model_percentile"][closed])
        if "expected_1d" not in rows.columns:
            return
        expected, sales = (rows.columns[name][closed] for name in ("expected_1d", "closed_sales"))
        days = expected >= EXPECTED
        self.days_expected += int(np.count_nonzero(days))
        self.days_fallen += int(np.count_nonzero(days & (sales <= FALLEN * expected)))

    def _count_scored(self, percentile: NDArray[np.float64]) -> None:
        known = percentile[~np.isnan(percentile)]
        band = np.searchsorted(list(BANDS.values())[:-1], known, "right")
        for name, count in zip(BANDS, np.bincount(band, minlength=len(BANDS)).tolist(), strict=True):
            if count:
                add(self.days_scored, name, count)

    def count_begun(self, detector: str, begun: Sequence[Begun], rows: FeatureRows, shops: Shops) -> None:
        """Count the alerts of a detector that began in rows of features."""
        words = self.alerts.setdefault(detector, {})
        for j, row, severity in begun:
            add(words, level_of(severity).word.en, 1)
            shop = shops.at(row, int(rows.time_ms[j]), j)
            add_of_many(self.by_region, shop.city if shop else "")
            add_of_many(self.by_agent, shop.agent_id if shop else "")
            add(self.by_mcc_group, _group_name(rows.mcc(j)), 1)


_TABLES = tuple(
    each for each in Tallies.__struct_fields__ if each not in {"alerts", "home_digits", "days_expected", "days_fallen"}
)


@cache
def _group_name(mcc: str) -> str:
    group = mcc_group(mcc)
    return group.en if group else UNKNOWN


def add(table: dict[str, int], value: str, count: int) -> None:
    """Add to the sum of a value."""
    table[value] = table.get(value, 0) + count


def add_of_many(table: dict[str, int], value: str) -> None:
    """Add 1 to the sum of a value, or to that of `OTHER` where the table is full."""
    value = value or UNKNOWN
    add(table, value if value in table or len(table) < MOST_VALUES else OTHER, 1)


def home_minor(money_e7: Sequence[int], up: Sequence[int], down: Sequence[int]) -> int:
    """Sum of money in minor units of the acquirer's currency, each amount rounded by itself, half up.

    Args:
        money_e7: ten-millionths of a minor unit of each row's merchant, null where it is not known.
        up: numerator of what such a minor unit is at home.
        down: denominator of that.

    >>> home_minor([15_000_000, -(2**63), 25_000_000], [1, 1, 2], [1, 1, 1])
    7
    """
    total = 0
    for e7, above, below in zip(money_e7, up, down, strict=True):
        if e7 > 0:  # null is below 0
            total += (e7 + E7 // 2) // E7 if above == below else (2 * e7 * above + E7 * below) // (2 * E7 * below)
    return total
