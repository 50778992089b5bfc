"""What `terminal_failing` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, day_text, terminal_named
from domain.alerts import Text

TITLE = Text("Failing terminal (maintenance)", "终端故障（需维护）")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert; a technical failure is an answer 91, 96 or 98.

    Attributes:
        day: the local day that they are of.
        terminal_id: which terminal, where its name is short enough to be known.
        failed: technical failures of the day, at the terminal or, where `days` is given, at all.
        attempts: attempts there.
        others_failed: technical failures at the merchant's other terminals.
        others_attempts: attempts at them.
        days: for how many days running most attempts at all terminals failed technically; None where one terminal does.
    """

    failed: int
    attempts: int
    day: str | None = None
    terminal_id: str = ""
    others_failed: int = 0
    others_attempts: int = 0
    days: int | None = None


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001
    """Which terminal fails how often while the others work, or for how long all fail."""
    day = day_text(facts.day)
    if facts.days is not None:
        return Text(
            f"On each of the last {facts.days} days of trade most payments failed technically (answers 91, 96, 98), "
            f"{facts.failed:,} of {facts.attempts:,} on {day.en}; check the terminals and their line",
            f"已连续{facts.days}个营业日多数交易因系统原因失败（应答码91、96、98），{day.zh}{facts.attempts:,}笔中{facts.failed:,}笔失败；"
            "请检查终端及通讯线路",
        )
    terminal = terminal_named(facts.terminal_id)
    return Text(
        f"{terminal.en}, {day.en}: {facts.failed:,} of {facts.attempts:,} payments failed technically (answers 91, 96, "
        f"98), at the shop's other terminals {facts.others_failed:,} of {facts.others_attempts:,}; have it checked",
        f"{terminal.zh}：{day.zh}{facts.attempts:,}笔中{facts.failed:,}笔因系统原因失败（应答码91、96、98），"
        f"同店其他终端{facts.others_attempts:,}笔中{facts.others_failed:,}笔失败；请安排检修",
    )
