"""`tillwatch model drift`."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import numpy as np

from domain.habits import HABITS
from domain.timestamps import day_iso
from models.anomaly.drift import FAR, MOVED, drift
from models.anomaly.samples import Sample, hashes
from models.anomaly.scoring import scored
from streams.log import now_utc_ms
from streams.model_metrics import write_measured, write_none
from tillwatch.language import lang_option, said, speaker
from tillwatch.model.days import day_numbers, opened
from tillwatch.model.labels import alerts_per_1000
from tillwatch.model.versions import NoModel, in_force, model_of
from tillwatch.show import UNKNOWN, emit_json, styled, table, to_stderr, to_stdout
from tillwatch.training import EVENTS

if TYPE_CHECKING:
    from rich.text import Text

    from models.anomaly.drift import DriftReport
    from models.anomaly.model import Model
    from tillwatch.cli import Invocation
    from tillwatch.language import Say
    from tillwatch.model.days import Source

OF_A_DAY = 20_000
"""Merchant-days of a day that are compared, those of the least hashes: chance then moves an index by 0.001."""
LEAST_MEASURED = 200
"""Fewer merchant-days say nothing: of 200, chance alone gives an index of 0.05, of 50 one of 0.2."""
_BAR = 20
_LEVELS = "▁▂▃▄▅▆▇█"


class Measured(NamedTuple):
    """Drift of the last days.

    Attributes:
        days: ISO dates, ascending.
        daily: of each day; None where it has too few merchant-days.
        whole: of all days together.
        scored_days: merchant-days of the last day that have a score.
        beyond: share of the merchant-days beyond the threshold of alerts.
    """

    days: tuple[str, ...]
    daily: tuple[DriftReport | None, ...]
    whole: DriftReport
    scored_days: int
    beyond: float


@click.command("drift")
@click.argument("model", metavar="[FILE|VERSION]", default="", required=False)
@EVENTS
@click.option("--days", type=click.IntRange(1, 400), default=7, show_default=True, help="How many of the last days.")
@click.option("--check", is_flag=True, help=f"Exit with code 1 if scores or a habit have drifted by {FAR} or more.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the daily figures as a picture, SVG.")  # fmt: skip
@click.option("--metrics", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the figures for the textfile collector of Prometheus' node exporter.")  # fmt: skip
@lang_option
@click.option("--json", "as_json", is_flag=True, help="The figures as one line of JSON.")
@click.pass_obj
def drift_command(
    invocation: Invocation, model: str, events: Path | None, days: int, plot: Path | None, metrics: Path | None,
    lang: str, *, check: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compare the last days with those that a model was trained on: the population stability index of each habit.

    From 0.1 on a habit has moved, from 0.25 on it has drifted: the customary limits of credit scorecards. The model in
    force is taken unless another one is named. With --metrics, once a day, Prometheus can watch it.

    \b
    Examples:
      tillwatch model drift
      tillwatch model drift --days 30 --plot drift.svg
      tillwatch model drift --check --metrics /var/lib/node_exporter/tillwatch_model.prom
    """
    settings = invocation.settings()
    try:
        found_model = model_of(settings, model) if model else in_force(settings)
    except NoModel:
        if metrics:
            write_none(metrics, now_utc_ms() / 1000)
        raise
    with opened(settings, events) as source:
        made = measured(source, found_model, days, alerts_per_1000(settings))
    if metrics:
        write_measured(
            metrics, version=found_model.version, trained_until_s=_end_s(found_model.manifest.to_day),
            scored_days=made.scored_days, beyond=made.beyond, habits=made.whole.habits, score=made.whole.score,
            now_s=now_utc_ms() / 1000,
        )  # fmt: skip
    if plot:
        from tillwatch.model.drift_plot import picture  # noqa: PLC0415

        plot.write_text(picture(made, found_model.version, lang), encoding="utf-8")
    if as_json:
        emit_json(_as_json(made, found_model))
    else:
        _show(made, found_model, lang)
    if check and (drifted := _beyond(made.whole)):
        raise click.ClickException(f"drift must stay below {FAR}, but has reached it: {', '.join(drifted)}")


def measured(source: Source, model: Model, days: int, per_1000: float) -> Measured:
    """The drift of the last days of a source.

    Raises:
        NoModel: they have too few merchant-days with scores.
    """
    last = source.last_day()
    last_day = int(day_numbers([last])[0]) if last else 0
    sample, counts = Sample(OF_A_DAY), dict.fromkeys(range(last_day - days + 1, last_day + 1), 0)
    for rows in source:
        batch = rows.batch
        chosen = np.flatnonzero((batch.day > last_day - days) & scored(batch.habits))
        if len(chosen):
            batch = batch.rows(chosen)
            for day, count in zip(*np.unique(batch.day, return_counts=True), strict=True):
                counts[int(day)] += int(count)
            sample.add(batch.day, hashes(batch.merchant, batch.day, 0), batch)
    taken = sample.taken()
    if len(taken.stratum) < LEAST_MEASURED:
        raise NoModel(
            f"drift needs {LEAST_MEASURED} merchant-days with sales enough to be judged, got {len(taken.stratum)} on"
            f" the last {days} days"
        )
    daily = []
    for day in counts:
        mine = taken.habits.rows(taken.stratum == day)
        daily.append(drift(model, mine) if len(mine.weight) >= LEAST_MEASURED else None)
    beyond = float((model.score(taken.habits).load <= per_1000).mean())
    names = tuple(f"{day_iso(each)}" for each in counts)
    return Measured(names, tuple(daily), drift(model, taken.habits), counts[last_day], beyond)


def _beyond(report: DriftReport) -> list[str]:
    """What has drifted: "scores", and habits by name."""
    return [*(["scores"] if report.score >= FAR else []), *report.moved(FAR)]


def _as_json(made: Measured, model: Model) -> dict[str, object]:
    return {
        "model": model.version, "days": made.days, "merchant_days": made.whole.merchant_days,
        "scored_days": made.scored_days, "beyond": made.beyond, "score": made.whole.score,
        "habits": made.whole.habits, "drifted": _beyond(made.whole),
        "daily": [None if each is None else {"score": each.score, "habits": each.habits} for each in made.daily],
    }  # fmt: skip


def _show(made: Measured, model: Model, lang: str) -> None:
    say, whole = speaker(lang), made.whole
    shown = table(
        say(f"Drift from model {model.version}, {made.days[0]} .. {made.days[-1]}",
            f"较模型{model.version}的偏移，{made.days[0]} .. {made.days[-1]}"),
        say("what", "项目"), "PSI", "", say("is", "状态"), say("by day", "逐日"), numbers=[1],
    )  # fmt: skip
    rows = [(say("scores", "评分"), whole.score, [each and each.score for each in made.daily])]
    titles = {each.name: said(each.title, lang) for each in HABITS}
    for name, value in sorted(whole.habits.items(), key=lambda each: -each[1]):
        rows.append((titles[name], value, [each and each.habits[name] for each in made.daily]))
    for title, value, daily in rows:
        shown.add_row(title, f"{value:.3f}", _bar(value), _word(value, say), "".join(map(_level, daily)))
    to_stdout().print(shown)
    counts = say(
        f"{made.scored_days:,} merchant-days scored on {made.days[-1]}; {made.beyond:.2%} of those measured lie beyond"
        " the threshold",
        f"{made.days[-1]}已评分商户日{made.scored_days:,}个；所测量商户日中{made.beyond:.2%}超过告警阈值",
    )
    to_stderr().print(counts)


def _bar(value: float) -> Text:
    full = min(_BAR, round(value / FAR * _BAR / 2))
    return styled("■" * full, style="red" if value >= FAR else "yellow" if value >= MOVED else "green")


def _word(value: float, say: Say) -> str:
    if value >= FAR:
        return say("drifted", "已偏移")
    return say("moved", "有变化") if value >= MOVED else say("steady", "稳定")


def _level(value: float | None) -> str:
    """A day's index as a block; `FAR` is half the height."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return _LEVELS[min(len(_LEVELS) - 1, int(value / FAR * len(_LEVELS) / 2))]


def _end_s(day: str) -> float:
    end = date.fromisoformat(day) + timedelta(days=1)
    return datetime(end.year, end.month, end.day, tzinfo=UTC).timestamp()
