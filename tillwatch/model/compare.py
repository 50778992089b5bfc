"""`tillwatch model compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from evaluation.odd_days import begun, in_order, moved, rank_correlation
from tillwatch.language import lang_option, speaker
from tillwatch.model.days import opened
from tillwatch.model.labels import alerts_per_1000, scored
from tillwatch.model.versions import NoModel, model_of
from tillwatch.show import UNKNOWN, emit_json, table, to_stdout
from tillwatch.training import EVENTS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tillwatch.cli import Invocation
    from tillwatch.model.labels import ScoredSource


@click.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@EVENTS
@click.option("--most", type=click.IntRange(0), default=10, show_default=True,
              help="Merchants shown at which one of them alone raises an alert.")  # fmt: skip
@lang_option
@click.option("--json", "as_json", is_flag=True, help="The figures as one line of JSON, with every such merchant.")
@click.pass_obj
def compare_command(
    invocation: Invocation, a: str, b: str, events: Path | None, most: int, lang: str, *, as_json: bool
) -> None:
    """Compare models A and B on the same merchant-days: how they rank them, and who would raise an alert where.

    A and B are files that train wrote, numbers of versions in the log, or models' names there.

    \b
    Examples:
      tillwatch model compare 3 model.json
      tillwatch model compare old.json new.json --events june.jsonl --json
    """
    settings, say = invocation.settings(), speaker(lang)
    models = [model_of(settings, each) for each in (a, b)]
    with opened(settings, events) as source:
        rows = scored(source, models, named=True)
    figures = compared(rows, alerts_per_1000(settings))
    if as_json:
        emit_json({"a": models[0].version, "b": models[1].version, **figures})
        return
    names = [f"A {models[0].version}", f"B {models[1].version}"]
    made = table(
        say("Two models on the same merchant-days", "同一商户日上的两个模型"), say("what", "项目"),
        say("figure", "数值"), numbers=[1],
    )  # fmt: skip
    made.add_row(say("merchant-days with a score of both", "两者均有评分的商户日"), f"{figures['merchant_days']:,}")
    made.add_row(say("rank correlation of scores", "评分秩相关"), f"{figures['rank_correlation']:.4f}")
    made.add_row(say("population stability index of scores", "评分群体稳定性指数"), f"{figures['psi']:.4f}")
    made.add_row(say("alerts of A", "A的告警"), f"{figures['alerts_a']:,}")
    made.add_row(say("alerts of B", "B的告警"), f"{figures['alerts_b']:,}")
    made.add_row(say("merchants with alerts of both", "两者均告警的商户"), f"{figures['both']:,}")
    to_stdout().print(made)
    for name, only in zip(names, (figures["only_a"], figures["only_b"]), strict=True):
        listed = ", ".join(only[:most]) + (" …" if len(only) > most else "")
        to_stdout().print(
            say(
                f"{name} alone: {len(only):,}: {listed or UNKNOWN}",
                f"仅{name}告警：{len(only):,}家：{listed or UNKNOWN}",
            ),
        )


def compared(rows: ScoredSource, per_1000: float) -> dict[str, Any]:
    """The figures of two models.

    Args:
        rows: scored by both.
        per_1000: new alerts per 1,000 merchant-days of training that a threshold gives.

    Raises:
        NoModel: no merchant-day has a score of both.
    """
    both = ~np.isnan(rows.scores[0]) & ~np.isnan(rows.scores[1])
    if not both.any():
        raise NoModel("merchant-days to compare models on must have scores of both, none has")
    first, second = (each[both] for each in rows.scores)
    alarmed = [_alarms(rows, load, per_1000) for load in rows.loads]
    merchants = [set(np.unique(each).tolist()) for each in alarmed]
    only = [sorted(rows.names[key] for key in merchants[k] - merchants[1 - k]) for k in (0, 1)]
    return {
        "merchant_days": int(both.sum()), "rank_correlation": rank_correlation(first, second),
        "psi": moved(first, second), "alerts_a": len(alarmed[0]), "alerts_b": len(alarmed[1]),
        "both": len(merchants[0] & merchants[1]), "only_a": only[0], "only_b": only[1],
    }  # fmt: skip


def _alarms(rows: ScoredSource, load: NDArray[np.float64], per_1000: float) -> NDArray[np.int64]:
    """The merchant of each alert that begins: the smaller the load, the odder the day."""
    days = in_order(rows.merchant, rows.day, -load)
    return days.merchant[begun(days, -per_1000)]
