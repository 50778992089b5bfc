"""What `terminal_silent` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, terminal_named
from domain.alerts import Text

TITLE = Text("Silent terminal (maintenance)", "终端停止交易（需核实）")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        silent_d: ordinary days of the merchant's trade on which the terminal was not used.
        longest_d: the most before.
        missed: attempts to be expected at it on these days.
        terminal_id: which terminal, where its name is short enough to be known.
    """

    silent_d: int
    longest_d: int
    missed: float
    terminal_id: str = ""


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001
    """For how long the terminal has been silent while the shop trades."""
    terminal, missed = terminal_named(facts.terminal_id), f"{facts.missed:,.0f}"
    before_en = f"{counted(facts.longest_d, 'day')} at most before" if facts.longest_d else "never a day before"
    before_zh = f"此前最长{facts.longest_d}天" if facts.longest_d else "此前从未中断"
    return Text(
        f"{terminal.en} has not been used on {counted(facts.silent_d, 'day')} running on which the shop traded "
        f"({before_en}); about {missed} payments would be usual: ask whether it is broken, idle or returned",
        f"{terminal.zh}已连续{facts.silent_d}个营业日无交易（{before_zh}），按平时应有约{missed}笔：请核实是否故障、闲置或已撤机",
    )
