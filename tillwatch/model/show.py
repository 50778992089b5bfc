"""`tillwatch model show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec
import numpy as np

from detectors.words import figures
from domain.habits import HABITS, unscaled
from domain.mcc_names import mcc_short_name
from models.anomaly.vectors import AGES, CELLS, SIZES
from tillwatch.language import lang_option, said, speaker
from tillwatch.model.versions import NoModel, model_of
from tillwatch.show import UNKNOWN, emit_json, table, to_stdout

if TYPE_CHECKING:
    from domain.habits import Habit
    from models.anomaly.artefact import Manifest
    from models.anomaly.model import Model
    from tillwatch.cli import Invocation
    from tillwatch.language import Say

_EXACT_BELOW = 10
_PARTS = {
    "forest": ("isolation forest", "孤立森林"), "tails": ("tails of each habit", "单项尾部概率"),
    "neighbours": ("distance to usual merchants", "与常见商户的距离"),
}  # fmt: skip


@click.command("show")
@click.argument("model", metavar="[FILE|VERSION]", default="", required=False)
@click.option("--group", default="", metavar="MCC", help="Peers whose usual ranges are shown: an MCC, or its first two"
              " digits; all merchants by default.")  # fmt: skip
@lang_option
@click.option("--json", "as_json", is_flag=True, help="The manifest as one line of JSON.")
@click.pass_obj
def show_command(invocation: Invocation, model: str, group: str, lang: str, *, as_json: bool) -> None:
    """Show what a model was trained on, its parts, groups of peers, and the ranges that are usual among them.

    FILE|VERSION is a file that train wrote, the number of a version in the log, or a model's name there; the model in
    force by default.

    \b
    Examples:
      tillwatch model show
      tillwatch model show model.json --group 5411
      tillwatch model show 3 --lang zh
    """
    found = model_of(invocation.settings(), model)
    if as_json:
        emit_json({name: value for name, value in msgspec.to_builtins(found.manifest).items() if name != "golden"})
        return
    show_model(found, lang, group)


def show_model(model: Model, lang: str, group: str) -> None:
    """Print a model's tables; raises NoModel where it has no such group of peers."""
    say, console, it = speaker(lang), to_stdout(), model.manifest
    names = [each.mccs for each in it.groups]
    if group not in names:
        listed = ", ".join(name for name in names if name) or "none but all merchants"
        raise NoModel(f"--group must be a group of peers of the model ({listed}), got {group!r}")
    show_facts(model, lang)
    _groups(it, say, lang)
    place = names.index(group)
    title = _group_name(group, say, lang)
    made = table(
        say(f"Usual ranges of {title}: nine merchant-days in ten", f"{title}的常见区间（九成商户日）"),
        say("habit", "特征"), say("small", "小型"), say("middle", "中型"), say("large", "大型"), numbers=(1, 2, 3),
    )  # fmt: skip
    low, high = (model.arrays[f"peers.{name}"].astype(np.float64) for name in ("low", "high"))
    cells = [CELLS * place + AGES * size + 1 for size in range(SIZES)]
    for k, habit in enumerate(HABITS):
        made.add_row(said(habit.title, lang), *(_range(habit, low[cell, k], high[cell, k], say) for cell in cells))
    console.print(made)


def show_facts(model: Model, lang: str) -> None:
    """Print what a model was trained on."""
    it, say = model.manifest, speaker(lang)
    made = table(say(f"Model {it.version}", f"模型{it.version}"), say("what", "项目"), say("is", "内容"))
    rows: tuple[tuple[str, Any], ...] = (
        (say("trained on", "训练时段"), f"{it.from_day} .. {it.to_day}"),
        (say("merchants", "商户"), f"{it.merchants:,}"),
        (say("merchant-days", "商户日"), f"{it.merchant_days:,}"),
        (say("source", "数据来源"), it.source or UNKNOWN),
        (say("left out", "已排除"), it.left_out),
        (say("parts", "组成"), say(", ", "、").join(_part(*each, say) for each in it.weights.items())),
        (say("libraries", "程序库"), ", ".join(f"{name} {version}" for name, version in it.libraries.items())),
        ("SHA-256", it.sha256),
    )
    for name, words in rows:
        made.add_row(name, str(words))
    made.add_section()
    for percentile, score in it.percentiles.items():
        made.add_row(say(f"score of percentile {percentile}", f"{percentile}%分位评分"), f"{score:.4f}")
    to_stdout().print(made)
    to_stdout().print()


def _part(name: str, weight: float, say: Say) -> str:
    words = say(*_PARTS.get(name, (name, name)))
    return words if weight == 1 else f"{words} × {weight:g}"


def _groups(manifest: Manifest, say: Say, lang: str) -> None:
    made = table(
        say("Groups of peers", "同类商户分组"), "MCC", say("name", "名称"), say("merchants", "商户"),
        say("score of the oddest 1 %", "最异常1%的评分"), numbers=(2, 3),
    )  # fmt: skip
    for each in manifest.groups:
        oddest = f"{each.scores[2]:.4f}" if len(each.scores) > 2 else UNKNOWN
        mccs = each.mccs if len(each.mccs) != 2 else f"{each.mccs}.."
        made.add_row(mccs, _group_name(each.mccs, say, lang), f"{each.merchants:,}", oddest)
    to_stdout().print(made)
    to_stdout().print()


def _group_name(group: str, say: Say, lang: str) -> str:
    if not group:
        return say("all merchants", "全部商户")
    return said(mcc_short_name(group), lang) if len(group) == 4 else say(f"MCCs {group}..", f"{group}开头的MCC")


def _range(habit: Habit, low: float, high: float, say: Say) -> str:
    first, last = (_figure(habit, unscaled(each, habit.scale)) for each in (low, high))
    unit = {"share": say(" %", "%"), "octaves": say(" octaves", "倍频程")}.get(habit.unit, "")
    return f"{first}{unit}" if first == last else f"{first} .. {last}{unit}"


def _figure(habit: Habit, value: float) -> str:
    """A habit's figure without its unit; money in whole units of the home currency."""
    if habit.unit == "share":
        return figures.percent(value).zh.removesuffix("%")
    if habit.unit == "minor units":
        return f"{value / 100:,.2f}"
    return f"{value:,.2f}" if value < _EXACT_BELOW else f"{value:,.0f}"
