"""New merchant's burst (新入网商户交易突增): in 30 days, far more than new shops of its trade or than before.

What it finds, where its figures come from, what it cannot see: `docs/detectors/volume_burst.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import (
    HOME,
    NOTHING,
    Findings,
    Tuned,
    check_episode,
    check_range,
    home_minor,
    iso_day,
    own_minor,
    rounded,
    turnover_e7,
    whole,
)
from detectors.words import volume_burst as words
from domain.alerts import Evidence
from domain.feature_codes import NULL

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeBurst(Tuned):
    """Approved sales of a merchant known to be new that take its day far above its peers' or its own days.

    Args:
        peer_z: least deviations of the day's sum above new shops of its trade, 0 to 20.
        ratio: least ratio to its own expectation, once it has one, 1 to 100.
        decades: least rarity of such a day among lawful ones: 3 is one shop-day in 1,000; 1 to 100.
        least_minor: least sum of the day, minor units of the home currency, 0 to 10^12.
        base: severity before money, 0 to 1.
        per_decade: what each tenfold of all its sales above 1,000.00 adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    peer_z: float = 1.8
    ratio: float = 5.0
    decades: float = 3.5
    least_minor: float = 500_000
    base: float = 0.3
    per_decade: float = 0.15
    quiet_gap_s: int = 3 * 86_400
    max_age_s: int = 30 * 86_400

    name = "volume_burst"
    risk_group = "volume"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_code = "13"
    bearer = ""
    needs = ("amount",)
    columns = (
        "row_kind", "new_d", "sales_minor", "sales_1d", "sales_minor_1d", "expected_1d", "expected_minor_1d",
        "day_surprise", "peer_z", "excess_minor", "sale_minor",
        "local_day", *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 0, 20, "peer_z")
        check_range(self, 1, 100, "ratio", "decades")
        check_range(self, 0, 10**12, "least_minor")
        check_range(self, 0, 1, "base", "per_decade")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The sales beyond the peers' or its own measure; severity by all that it has sold since it is new."""
        index = np.flatnonzero((features["row_kind"] == 0) & (features["new_d"] >= 0))
        if len(index) == 0:
            return NOTHING
        day = features["sales_minor_1d"][index]
        own = features["day_surprise"][index] >= self.decades
        own &= day >= self.ratio * np.maximum(features["expected_minor_1d"][index], 1)
        far = (features["peer_z"][index] >= self.peer_z) | own
        index = index[far & (day >= own_minor(features, index, self.least_minor))]
        sold = np.maximum(features["sales_minor"][index], 0).astype(np.float64)
        severity = self.base + self.per_decade * np.log10(1 + home_minor(features, index, sold) / 100_000)
        above = features["excess_minor"][index]
        concerned = np.where(above == NULL, features["sale_minor"][index], above).astype(np.int64)
        return Findings(index, np.clip(severity, 0, 1), turnover_e7=turnover_e7(concerned))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How new it is, what it has sold, and how far above its peers that is."""
        peer, expected = values["peer_z"], values["expected_1d"]
        usual, usual_minor = None if expected is None else round(expected, 1), values["expected_minor_1d"]
        return (
            Evidence("new_d", "life", values["new_d"], None, None, "days"),
            Evidence("sales_minor", "life", values["sales_minor"], None, None, "minor units"),
            Evidence("sales_1d", "1d", values["sales_1d"], None, usual, "transactions"),
            Evidence("sales_minor_1d", "1d", values["sales_minor_1d"], None, usual_minor, "minor units"),
            Evidence("peer_z", "1d", None if peer is None else round(peer, 2), self.peer_z, 0, "deviations"),
        )

    def facts(self, values: Values, story: Story) -> words.Facts:
        """What it sold on the day and in all, and on which day of its life."""
        return words.Facts(
            age_d=int(values["new_d"] or 0) + 1, day=iso_day(values), sales=int(values["sales_1d"] or 0),
            sales_minor=int(values["sales_minor_1d"] or 0), usual_minor=whole(values["expected_minor_1d"]),
            total_minor=int(values["sales_minor"] or 0), by_peers=(values["peer_z"] or 0) >= self.peer_z,
            peer_z=rounded(values["peer_z"], 2), hits=story.hits, turnover_minor=story.turnover_minor,
        )  # fmt: skip
