"""Reused trace numbers (流水号重复): a terminal that sends many messages under one STAN and time.

What it finds, where its figures come from, what it cannot see: `docs/detectors/stan_reuse.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, Findings, Tuned, check_episode, check_range, check_whole, iso_day
from detectors.words import stan_reuse as words
from domain.alerts import Evidence

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class StanReuse(Tuned):
    """Merchants of which many messages of a day bear the STAN and time of an earlier one.

    Args:
        at_least: such messages of a local day, 2 to 10,000.
        base: severity at `at_least`, 0 to 1.
        per_decade: what each tenfold beyond adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    at_least: int = 10
    base: float = 0.35
    per_decade: float = 0.25
    quiet_gap_s: int = 86_400
    max_age_s: int = 7 * 86_400

    name = "stan_reuse"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "terminal"
    risk_code = "23"
    bearer = ""
    needs = ("stan",)
    columns = ("same_stan_1d", "local_day")

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade")
        check_whole(self, 2, 10_000, "at_least")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The transactions from the one on that is the day's `at_least`-th of its kind."""
        count = features["same_stan_1d"]
        index = np.flatnonzero(count >= self.at_least)
        if len(index) == 0:
            return NOTHING
        severity = self.base + self.per_decade * np.log10(count[index] / self.at_least)
        return Findings(index, np.clip(severity, 0, 1))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """How many there were of the day."""
        return (Evidence("same_stan_1d", "1d", values["same_stan_1d"], self.at_least, 0, "transactions"),)

    def facts(self, values: Values, story: Story) -> words.Facts:
        """How many messages of the day bear the number and time of another."""
        return words.Facts(
            hits=story.hits, first_day=story.first_day, day=iso_day(values), count=int(values["same_stan_1d"] or 0)
        )
