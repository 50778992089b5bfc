"""How the queue's figures look in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.severity import LEVELS
from evaluation.cells import percent, rates
from evaluation.queue import HEAD, UNIT_LAWFUL_DAYS
from tillwatch.language import speaker
from tillwatch.show import table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from evaluation.queue import Queue
    from tillwatch.language import Say


def print_queue(console: Console, figures: Queue, lang: str) -> None:
    """Print every table that has rows, in a language (`en` or `zh`)."""
    say = speaker(lang)
    for each in (_calibration(figures, say), _head(figures, say), _false_rates(figures, say), _grades(figures, say)):
        if each.row_count:
            console.print(each)
            console.print()


def _calibration(figures: Queue, say: Say) -> Table:
    made = table(
        say("Severity: share of true alerts among those of each level", "级别：各级别告警中正确的比例"),
        say("category", "类别"),
        *(say(f"{each.word.en}, from {each.least}", f"{each.least}起（{each.word.zh}）") for each in LEVELS),
    )
    for each in figures.calibration:
        style = "" if each.category else "bold"
        made.add_row(each.category or say("all", "全部"), *(percent(it.true) for it in each.levels), style=style)
    return made


def _head(figures: Queue, say: Say) -> Table:
    made = table(
        say(f"Head of the queue: the severest {HEAD} alerts by kind of violation",
            f"队列前部：最严重的{HEAD}条告警，按违规种类"),
        say("category", "类别"), say("kind", "种类"), say("of the violations found", "占已发现违规"),
        say("of the head", "占前部"), say("rank of its first alert", "首条告警的名次"), numbers=[4],
    )  # fmt: skip
    for each in figures.head:
        kind = each.kind or say("no violation", "非违规")
        cases = percent(each.cases) if each.kind else ""
        made.add_row(each.category, kind, cases, percent(each.head), "-" if each.first is None else f"{each.first:,}")
    return made


def _false_rates(figures: Queue, say: Say) -> Table:
    made = table(
        say(f"False alerts per {UNIT_LAWFUL_DAYS:,} days of merchants without a violation (and how many)",
            f"无违规商户每{UNIT_LAWFUL_DAYS:,}商户日的误报（及条数）"),
        say("category", "类别"), say("detector", "检测"),
        *(say(f"from {each.least}", f"{each.least}起") for each in LEVELS[1:3]), numbers=[2, 3],
    )  # fmt: skip
    for each in figures.false_rates:
        made.add_row(each.category, each.detector, *rates(each), style="" if each.detector else "bold")
    return made


def _grades(figures: Queue, say: Say) -> Table:
    made = table(
        say("Grades: merchants with a violation, of those whose highest grade it was",
            "等级：最高达到该等级的商户中有违规的比例"),
        say("grade", "等级"), say("with a violation", "有违规"),
    )  # fmt: skip
    for each in figures.grades:
        made.add_row(each.grade, percent(each.violating))
    return made
