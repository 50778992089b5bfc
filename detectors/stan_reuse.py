"""Reused trace numbers (流水号重复): a terminal that sends many messages under one STAN and time.

What it finds, where its figures come from, what it cannot see: `docs/detectors/stan_reuse.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, Findings, check_episode, check_range, check_whole, money
from domain.alerts import Evidence, Text

if TYPE_CHECKING:
    from detectors.contract import Features, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class StanReuse:
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
    title = Text("Reused trace numbers", "流水号重复")
    risk_group = "terminal"
    risk_code = "23"
    bearer = ""
    needs = ("stan",)
    columns = ("same_stan_1d",)

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

    def reason(self, values: Values, hits: int, at_stake_minor: int, currency: str) -> Text:
        """How many messages of the day bear the number and time of another."""
        count = int(values["same_stan_1d"] or 0)
        cost = money(at_stake_minor, currency) if at_stake_minor else ""
        return Text(
            f"{count:,} payments of the day under the trace number and time of another, with other amounts: the"
            f" terminal's clock may stand still, or the terminal was altered; {hits} so far"
            + (f", {cost} at stake" if cost else ""),
            f"当日{count:,}笔交易的终端流水号和发送时间与其他交易相同而金额不同：终端时钟可能停走，或终端被改装；累计{hits}笔"
            + (f"，涉及{cost}" if cost else ""),
        )
