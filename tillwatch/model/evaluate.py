"""`tillwatch model evaluate`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
import numpy as np

from evaluation.odd_days import ScoredDays, average_precision, begun, found, in_order, odd_rows, seen, threshold_at
from evaluation.shares import Share, share
from simulator.truth import read_truth
from tillwatch.language import lang_option, speaker
from tillwatch.model.days import opened
from tillwatch.model.labels import scored, told_by_truth, told_by_verdicts
from tillwatch.model.versions import NoModel, model_of
from tillwatch.show import UNKNOWN, emit_json, table, to_stderr, to_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.odd_days import Story
    from tillwatch.cli import Invocation

LOADS = (1.0, 5.0)
"""Alerts per 1,000 merchant-days at which recall is measured."""
GRACE_D = 14
"""Days after its end for which a violation may still be found: habits, which halve in a week, bear a quarter of it."""


class OfCategory(msgspec.Struct, frozen=True):
    """How well a model ranks the odd days of one category.

    Attributes:
        category: of the violations; "" for all.
        stories: violations, or confirmed alerts, of which a day has a score.
        odd_days: their merchant-days.
        average_precision: over the merchant-days of no other category; 1 is best, the share of odd days is chance.
        recall: share of the stories found, at each of `LOADS`.
    """

    category: str
    stories: int
    odd_days: int
    average_precision: float
    recall: tuple[Share, ...]


class Evaluated(msgspec.Struct, frozen=True):
    """What came of an evaluation.

    Attributes:
        merchant_days: those that have a score.
        thresholds: scores from which on as many alerts begin as `LOADS` say.
        alerts: that begin there.
        categories: all, then each.
    """

    merchant_days: int
    thresholds: tuple[float, ...]
    alerts: tuple[int, ...]
    categories: tuple[OfCategory, ...]


@click.command("evaluate")
@click.argument("model", metavar="FILE|VERSION")
@click.option("--simulated", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="A folder that simulate wrote: its violations are what is odd.")  # fmt: skip
@lang_option
@click.option("--json", "as_json", is_flag=True, help="The figures as one line of JSON.")
@click.pass_obj
def evaluate_command(invocation: Invocation, model: str, simulated: Path | None, lang: str, *, as_json: bool) -> None:
    """Measure how well a model ranks odd merchant-days: average precision, and what is found at a number of alerts.

    Odd are the days of a simulation's violations; without --simulated, days of the log on which confirmed alerts had
    hits. An alert begins with a merchant's first day beyond the threshold after 14 days below it. A violation is found
    if one of its days, or of the 14 behind it, lies beyond.

    \b
    Examples:
      tillwatch model evaluate model.json --simulated var/sim
      tillwatch model evaluate 3
    """
    settings, say = invocation.settings(), speaker(lang)
    found_model = model_of(settings, model)
    events = simulated / "events.jsonl" if simulated else None
    with opened(settings, events) as source:
        rows = scored(source, [found_model])
        told = (
            told_by_truth(read_truth(simulated / "truth.json")) if simulated else told_by_verdicts(source.confirmed())
        )
    made = evaluated(in_order(rows.merchant, rows.day, rows.scores[0]), told)
    if as_json:
        emit_json(made)
        return
    shown = table(
        say(f"Model {found_model.version}", f"模型{found_model.version}"), say("category", "类别"),
        say("stories", "事件"), say("odd days", "异常商户日"), say("average precision", "平均精确率"),
        *(say(f"found at {each:g} per 1,000", f"每千商户日{each:g}条告警时发现") for each in LOADS),
        numbers=(1, 2, 3, 4, 5),
    )  # fmt: skip
    for each in made.categories:
        recalls = (f"{100 * (it.value or 0):.1f} % {it.part}/{it.whole}" for it in each.recall)
        shown.add_row(
            each.category or say("all", "全部"), f"{each.stories:,}", f"{each.odd_days:,}",
            UNKNOWN if math.isnan(each.average_precision) else f"{each.average_precision:.3f}", *recalls,
        )  # fmt: skip
    to_stdout().print(shown)
    if not simulated:
        words = say(
            "odd days are those of confirmed alerts: what no detector found, nobody has confirmed",
            "异常商户日取自已核实的告警；未被检测项发现的异常不在其中",
        )
        to_stderr().print(words)


def evaluated(days: ScoredDays, stories: Sequence[Story]) -> Evaluated:
    """The figures of scored merchant-days.

    Raises:
        NoModel: none has a score, or none is odd.
    """
    known = seen(days, stories)
    if not known:
        raise NoModel(
            f"merchant-days to evaluate on must have scores and odd ones among them, got {len(days.score):,} with"
            f" scores, and {len(stories)} stories of odd ones"
        )
    thresholds = tuple(threshold_at(days, each) for each in LOADS)
    categories = ["", *sorted({each.category for each in known})] if len({it.category for it in known}) > 1 else [""]
    every = odd_rows(days, known)
    made = []
    for category in categories:
        mine = [each for each in known if category in {"", each.category}]
        odd = odd_rows(days, mine)
        kept = odd | ~every
        recall = tuple(share(len(found(days, mine, each, GRACE_D)), len(mine)) for each in thresholds)
        precision = average_precision(days.score[kept], odd[kept])
        made.append(OfCategory(category, len(mine), int(odd.sum()), precision, recall))
    alerts = tuple(len(begun(days, each)) if np.isfinite(each) else 0 for each in thresholds)
    return Evaluated(len(days.score), thresholds, alerts, tuple(made))
