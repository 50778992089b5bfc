"""Pool rotation (跳商户): one contracted merchant whose number changes from sale to sale within a pool.

What it finds, where its figures come from, what it cannot see: `docs/detectors/mcc_rotation.md`.
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
    rounded,
    turnover_e7,
)
from detectors.words import mcc_rotation as words
from domain.alerts import Evidence
from domain.feature_codes import NUMBER_OF_ACCEPTOR, NUMBER_OF_CHANNEL

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values

_SOURCES = {NUMBER_OF_ACCEPTOR: "acceptor", NUMBER_OF_CHANNEL: "channel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MccRotation(Tuned):
    """Sales that change the number of a merchant which has many and changes often.

    Args:
        numbers: least different numbers in 28 days, 2 to 8.
        switches: least changes at the same terminal, channel and scheme, with a half-life of 7 days, 1 to 1,000.
        least_share: least share of comparable sales that change the number, 0 to 1.
        base: severity where the day sells nothing, 0 to 1.
        per_place: what each further region or MCC among the numbers adds, up to three of them, 0 to 1.
        per_decade: what each tenfold of the day's sales above 1,000.00 adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    numbers: int = 4
    switches: float = 6.0
    least_share: float = 0.02
    base: float = 0.4
    per_place: float = 0.05
    per_decade: float = 0.1
    quiet_gap_s: int = 3 * 86_400
    max_age_s: int = 28 * 86_400

    name = "mcc_rotation"
    risk_group = "mcc"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_code = "26"
    bearer = ""
    needs = ("acceptor_id", "channel_merchant_id")
    columns = (
        "number_source", "number_changed", "numbers_28d", "number_places_28d", "number_switches_7d",
        "number_switch_share_7d", "sales_minor_1d", "sales_1d", "sale_minor",
        *HOME,
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_range(self, 2, 8, "numbers")
        check_range(self, 1, 1_000, "switches")
        check_range(self, 0, 1, "least_share", "base", "per_place", "per_decade")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The sales that change the number; severity by the day's sales and by what the numbers stand for."""
        index = np.flatnonzero(features["number_changed"] > 0)
        if len(index) == 0:
            return NOTHING
        rotating = features["numbers_28d"][index] >= self.numbers
        rotating &= features["number_switches_7d"][index] >= self.switches
        index = index[rotating & (features["number_switch_share_7d"][index] >= self.least_share)]
        day = home_minor(features, index, np.maximum(features["sales_minor_1d"][index], 0))
        places = np.clip(features["number_places_28d"][index] - 1, 0, 3)
        severity = self.base + self.per_place * places + self.per_decade * np.log10(1 + day / 100_000)
        return Findings(
            index, np.clip(severity, 0, 1), turnover_e7=turnover_e7(features["sale_minor"][index].astype(np.int64))
        )

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How many numbers, how many changes, how much was sold."""
        return (
            Evidence("number_source", "txn", words.SOURCES[_source(values)].en, None, None, "places"),
            Evidence("numbers_28d", "28d", values["numbers_28d"], self.numbers, 1, "numbers"),
            Evidence("number_places_28d", "28d", values["number_places_28d"], None, 1, "places"),
            Evidence("number_switches_7d", "7d", rounded(values["number_switches_7d"], 4), self.switches, 0, "changes"),
            Evidence("number_switch_share_7d", "7d", rounded(values["number_switch_share_7d"], 4), self.least_share, 0,
                     "share"),
            Evidence("sales_minor_1d", "1d", values["sales_minor_1d"], None, None, "minor units"),
        )  # fmt: skip

    def facts(self, values: Values, story: Story) -> words.Facts:
        """How many numbers of which kind, how often they changed, on what sales."""
        return words.Facts(
            hits=story.hits, turnover_minor=story.turnover_minor, source=_source(values),
            numbers=int(values["numbers_28d"] or 0), places=int(values["number_places_28d"] or 0),
            switch_share=round(values["number_switch_share_7d"] or 0, 4),
        )  # fmt: skip


def _source(values: Values) -> str:
    return _SOURCES.get(int(values["number_source"] or NUMBER_OF_ACCEPTOR), "acceptor")
