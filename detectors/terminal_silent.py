"""Silent terminals (终端停止交易): one that is not used any more while the merchant's others are.

What it finds, where its figures come from, what it cannot see: `docs/detectors/terminal_silent.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from detectors.contract import NOTHING, Findings, Tuned, check_episode, check_range, check_whole, rounded
from detectors.words import terminal_silent as words
from domain.alerts import Evidence
from domain.feature_codes import ROW_CLOSING, terminal_text

if TYPE_CHECKING:
    from detectors.contract import Features, Story, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalSilent(Tuned):
    """Ends of days up to which a terminal has been silent for longer than its own rhythm explains.

    Args:
        days: least ordinary days of the merchant's trade on which it was not used, 1 to 60.
        missed: least attempts to be expected at it on these days, 3 to 10,000: of 10 that are spread by chance none
            comes once in 22,000 such stretches.
        base: severity at `missed`, 0 to 1.
        per_decade: what each tenfold beyond adds, 0 to 1.
        quiet_gap_s: whole seconds without a hit after which an episode closes, 1 to 34,560,000 (400 days).
        max_age_s: whole seconds after which an episode gives way to a new one, `quiet_gap_s` to 34,560,000.

    Raises:
        ValueError: an argument is out of range.
    """

    days: int = 3
    missed: float = 10.0
    base: float = 0.25
    per_decade: float = 0.15
    quiet_gap_s: int = 4 * 86_400
    max_age_s: int = 100 * 86_400

    name = "terminal_silent"
    version = 1
    title = words.TITLE
    sentence = staticmethod(words.sentence)
    risk_group = "service"
    risk_code = ""
    bearer = ""
    needs = ("terminal_id",)
    columns = ("row_kind", "terminal_code", "silent_d", "silent_longest_d", "silent_missed")

    def __post_init__(self) -> None:
        check_range(self, 0, 1, "base", "per_decade")
        check_range(self, 3, 10_000, "missed")
        check_whole(self, 1, 60, "days")
        check_episode(self)

    def detect(self, features: Features) -> Findings:
        """The closings that show such a silence; severity by what is missing."""
        index = np.flatnonzero((features["row_kind"] == ROW_CLOSING) & (features["silent_d"] >= self.days))
        missed = features["silent_missed"][index].astype(np.float64)
        index, missed = index[missed >= self.missed], missed[missed >= self.missed]
        if len(index) == 0:
            return NOTHING
        return Findings(index, np.clip(self.base + self.per_decade * np.log10(missed / self.missed), 0, 1))

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """For how long the terminal has been silent, how long it ever was, and what is missing."""
        text = terminal_text(int(values["terminal_code"] or 0)) or None
        return (
            Evidence("terminal_code", "txn", text, None, None, "code"),
            Evidence("silent_d", "silence", values["silent_d"], self.days, values["silent_longest_d"], "days"),
            Evidence("silent_missed", "silence", rounded(values["silent_missed"], 1), self.missed, 0, "transactions"),
        )

    def facts(self, values: Values, story: Story) -> words.Facts:  # noqa: ARG002
        """For how long the terminal has been silent while the shop trades."""
        return words.Facts(
            silent_d=int(values["silent_d"] or 0), longest_d=int(values["silent_longest_d"] or 0),
            missed=rounded(values["silent_missed"], 1) or 0.0,
            terminal_id=terminal_text(int(values["terminal_code"] or 0)),
        )  # fmt: skip
