"""Gauges of schemes (卡组织监测指标): a merchant that breaches a programme of Visa or Mastercard, or will within days.

What it finds, where its figures come from, what it cannot see: `docs/detectors/gauge_breach.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import (
    NOTHING,
    DutyRule,
    Findings,
    Tuned,
    check_episode,
    check_range,
    check_whole,
    iso_day,
    rounded,
)
from detectors.words import gauge_breach as words
from domain.alerts import Evidence
from domain.feature_codes import NULL, ROW_CLOSING
from domain.scheme_programmes import INVESTIGATED_WITHIN_S, NAMES, RETURNS, VAMP, VAMP_GRACE_S

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values

FORECAST = ("vamp", "ecm", "hecm", "efm")
"""Programmes of a calendar month, whose end is foretold."""
_SCAM = ("approval", "returns")
_COUNTS = {
    "vamp": ("gauge_visa_fraud_1m", "gauge_visa_disputes_1m", "gauge_visa_sales_1m"),
    "ecm": ("gauge_mastercard_chargebacks_1m", "gauge_mastercard_sales_before"),
    "hecm": ("gauge_mastercard_chargebacks_1m", "gauge_mastercard_sales_before"),
    "efm": ("gauge_mastercard_fraud_1m", "gauge_mastercard_online_before", "gauge_mastercard_fraud_usd_1m"),
    "approval": ("gauge_approved_3d", "gauge_attempts_3d"),
    "returns": ("gauge_returns_30d", "gauge_sales_30d"),
}
"""By programme, what it counts: items first, then of how many."""
SCAM_DUTY = DutyRule("Mastercard GLB 12772", INVESTIGATED_WITHIN_S)
VAMP_DUTY = DutyRule("Visa VAMP", VAMP_GRACE_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeBreach(Tuned):
    """Ends of days at which a programme is breached, or will be soon at the recent pace.

    Args:
        ahead_d: days ahead for which a breach is told, 0 to 31; 0 for none.
        least_share: least share of the limit at which a breach ahead is told, 0 to 1.
        base: severity of a breach ahead, 0 to 1.
        breached: severity of a breach, 0 to 1.
        worst: severity of one of VAMP, HECM or two at once, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    ahead_d: int = 7
    least_share: float = 0.5
    base: float = 0.4
    breached: float = 0.65
    worst: float = 0.85
    quiet_gap_s: int = 7 * 86_400
    max_age_s: int = 62 * 86_400

    name = "gauge_breach"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "card"
    risk_code = ""
    bearer = ""
    needs = ("fraud_report", "chargeback")
    columns = (
        "row_kind", "gauge_breached",
        *(f"gauge_{name}_share" for name in NAMES), *(f"gauge_{name}_days" for name in FORECAST),
        *dict.fromkeys(each for name in NAMES for each in _COUNTS[name]), "gauge_vamp_limit_ppm",
        "local_day",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "least_share", "base", "breached", "worst")
        check_whole(self, 0, 31, "ahead_d")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The ends of days of merchants in breach, or about to be; it finds no money."""
        bits = features["gauge_breached"]
        index = np.flatnonzero((features["row_kind"] == ROW_CLOSING) & (bits != NULL))
        if len(index) == 0:
            return NOTHING
        bits, soon = bits[index].astype(np.int64), np.zeros(len(index), np.bool_)
        for name in FORECAST:
            days, share = features[f"gauge_{name}_days"][index], features[f"gauge_{name}_share"][index]
            soon |= (days > 0) & (days <= self.ahead_d) & (share >= self.least_share)
        many = np.array([int(each).bit_count() for each in bits.tolist()], np.int64)
        worst = (many > 1) | (bits & (1 << NAMES.index(VAMP) | 1 << NAMES.index("hecm")) != 0)
        severity = np.where(worst, self.worst, np.where(bits > 0, self.breached, self.base))
        hit = (bits > 0) | soon
        return Findings(index[hit], severity[hit])

    def duty_of(self, values: Values) -> DutyRule | None:
        """What a breach asks for, the most urgent; nothing of one that is ahead."""
        breached = _breached(values)
        if any(name in breached for name in _SCAM):
            return SCAM_DUTY
        return VAMP_DUTY if VAMP in breached else None

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The gauges in question: the share of the limit, what was counted, and when it will be reached."""
        found = []
        for name in self._told(values):
            window = {"approval": "3d", RETURNS: "30d"}.get(name, "month")
            share = rounded(values[f"gauge_{name}_share"], 3)
            found.append(Evidence(f"gauge_{name}_share", window, share, 1, None, "ratio"))
            found += [
                Evidence(each, window, values[each], None, None, "minor units" if "usd" in each else "transactions")
                for each in _COUNTS[name] if each not in {one.feature for one in found}
            ]  # fmt: skip
            if name in FORECAST and values[f"gauge_{name}_days"] is not None:
                found.append(Evidence(f"gauge_{name}_days", "month", values[f"gauge_{name}_days"], 0, None, "days"))
        return tuple(found)

    def facts(self, values: Values, story: Story) -> words.Facts:
        """Which programmes, with what was counted."""
        told = self._told(values)
        counted = [_counted(name, values) for name in told]
        return words.Facts(
            programmes=tuple(told), items=tuple(each for each, _ in counted), base=tuple(each for _, each in counted),
            days=tuple(int(values.get(f"gauge_{name}_days") or 0) for name in told), hits=story.hits,
            day=iso_day(values),
        )  # fmt: skip

    def _told(self, values: Values) -> list[str]:
        """The programmes breached, or else those that will be."""
        if breached := _breached(values):
            return breached
        return [name for name in FORECAST if (values[f"gauge_{name}_days"] or 99) <= self.ahead_d]


def _breached(values: Values) -> list[str]:
    bits = int(values["gauge_breached"] or 0)
    return [name for k, name in enumerate(NAMES) if bits >> k & 1]


def _counted(name: str, values: Values) -> tuple[int, int]:
    """What a gauge counts, and of how many."""
    counts = [int(values[each] or 0) for each in _COUNTS[name]]
    return (counts[0] + counts[1], counts[2]) if name == VAMP else (counts[0], counts[1])
