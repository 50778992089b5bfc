"""How an evaluation looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from detectors.registry import DETECTORS
from domain.alerts import BEARERS
from domain.severity import LEVELS, level_of
from engine.stories import STORY_D
from evaluation.cells import UNKNOWN, delay, kind, minor, percent, rows, size, stories
from evaluation.metrics import LOAD, UNIT_DAYS
from evaluation.plots import number
from tillwatch.language import local, speaker, zone_name
from tillwatch.show import money, severity_bar, table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from evaluation.matching import Matching
    from evaluation.metrics import Recall, Report
    from tillwatch.language import Say

_LISTED = 10
"""False alarms and missed violations that a terminal shows."""


def print_tables(console: Console, figures: Report, matching: Matching, lang: str, zone: str) -> None:
    """Print every table that has rows, in a language (`en` or `zh`), with times by the clock of a zone."""
    say, reader = speaker(lang), _Reader(lang, zone)
    made = (
        _recalls(figures, say), _bins(figures, say), _delays(figures, say), _precisions(figures, say),
        _look_alikes(figures, say), _stories(figures, say), _false_alarms(matching, say, reader),
        _missed(matching, say, reader),
    )  # fmt: skip
    for each in made:
        if each.row_count:
            console.print(each)
            console.print()


class _Reader(NamedTuple):
    """Who reads the tables: the language, and whose clock times are by."""

    lang: str
    zone: str


def _recalls(figures: Report, say: Say) -> Table:
    made = table(
        say(f"Recall: {figures.merchants:,} merchants, {figures.days:g} days, alerts by severity",
            f"召回率：{figures.merchants:,}家商户，{figures.days:g}天，按告警级别"),
        say("category", "类别"), say("kind", "种类"), say("effect", "违规幅度"),
        *(say(f"from {least} {word.en}", f"{least}起（{word.zh}）") for least, word, _ in LEVELS[1:]),
        say("95 % from", "召回率达95%的幅度"),
    )  # fmt: skip
    for each in (*figures.categories, *figures.recalls):
        cells = [percent(it) for it in each.at_severity]
        if each.effect_unit:
            made.add_row(each.category, _kind(each, say), each.effect_unit, *cells, size(each.reliable_from))
        else:
            made.add_row(each.category, "", "", *cells, "", style="bold")
    return made


def _kind(it: Recall, say: Say) -> str:
    return kind(it) if it.kind else say(kind(it), "全部种类")


def _bins(figures: Report, say: Say) -> Table:
    made = table(
        say("Recall by effect", "各违规幅度的召回率"), say("category", "类别"), say("kind", "种类"),
        say("effect", "违规幅度"),
        say("from", "自"), say("to", "至"), say("recall", "召回率"), numbers=[3, 4],
    )  # fmt: skip
    for each in figures.by_unit():
        for it in each.bins:
            made.add_row(
                each.category, _kind(each, say), each.effect_unit, number(it.low), number(it.high), percent(it.recall)
            )
    return made


def _delays(figures: Report, say: Say) -> Table:
    made = table(
        say("Found violations: delay (median / 90 %), and money in minor units",
            "已发现的违规：发现延迟（中位数/90%）与金额（最小货币单位）"),
        say("category", "类别"), say("kind", "种类"), say("hours", "小时"), say("transactions", "交易笔数"),
        say("loss", "损失"), say("of it found", "其中已发现"), say("loss alerted", "告警损失"),
        say("turnover alerted", "告警涉及金额"), say("borne by", "承担方"), numbers=range(2, 8),
    )  # fmt: skip
    for each in (*figures.categories, *(it for it in figures.recalls if it.kind)):
        money_of = each.money
        made.add_row(
            each.category, each.kind, delay(each.delay_h), delay(each.delay_txns),
            f"{money_of.at_stake:,}", f"{money_of.found:,}", minor(money_of.alerted), minor(money_of.turnover),
            _bearers(each.category, say), style="" if each.kind else "bold",
        )  # fmt: skip
    return made


def _bearers(category: str, say: Say) -> str:
    """Who bears the losses that a category's detectors find."""
    found = dict.fromkeys(each.bearer for each in DETECTORS if each.risk_group == category and each.bearer)
    return say(" or ", "或").join(say(*msgspec.structs.astuple(BEARERS[each])) for each in found) or UNKNOWN


def _precisions(figures: Report, say: Say) -> Table:
    found = percent(figures.at_load.recall)
    made = table(
        say(f"Precision (neither: a violation of another category, or excused); rates per {UNIT_DAYS:,} merchant-days;"
            f" the severest {LOAD} find {found} violations",
            f"精确率（其他：命中另一类违规，或不计为误报）；比率按每{UNIT_DAYS:,}商户日；最严重的{LOAD}条发现{found}的违规"),
        say("alerts taken", "告警范围"), say("category", "类别"), say("alerts", "告警"), say("rate", "比率"),
        say("true", "正确"), say("false", "误报"), say("on look-alikes", "其中合法相似"), say("neither", "其他"),
        say("precision", "精确率"), numbers=range(2, 8),
    )  # fmt: skip
    taken = [(say(f"the severest {LOAD}", f"最严重的{LOAD}条"), figures.at_load.rows)]
    for each in figures.at_severity:
        word = level_of(each.severity).word
        taken.append((say(f"from {each.severity} {word.en}", f"{each.severity}起（{word.zh}）"), each.rows))
    for name, precisions in taken:
        for k, (category, *cells) in enumerate(rows(precisions)):
            of = say("all", "全部") if category == "all" else category
            made.add_row("" if k else name, of, *cells, style="" if k else "bold")
    return made


def _look_alikes(figures: Report, say: Say) -> Table:
    made = table(
        say(f"False alarms on look-alikes; rates per {UNIT_DAYS:,} of their merchant-days",
            f"合法相似行为的误报；比率按每{UNIT_DAYS:,}个相似行为商户日"),
        say("category", "类别"), say("kind", "种类"), say("look-alikes", "相似行为"), say("days", "天数"),
        say("alerts", "告警"), say("rate", "比率"), say("excused", "不计为误报"), say("merchants hit", "被告警商户"),
        numbers=range(2, 7),
    )  # fmt: skip
    for each in figures.look_alikes:
        rate = "-" if each.per_unit is None else f"{each.per_unit:,.1f}"
        made.add_row(
            each.category, each.kind, f"{each.look_alikes:,}", f"{each.days:,.0f}", f"{each.alerts:,}", rate,
            f"{each.excused:,}", percent(each.merchants), style="red" if each.alerts else "",
        )  # fmt: skip
    return made


def _stories(figures: Report, say: Say) -> Table:
    made = table(
        say(f"Alerts by merchant-story: one detector, one merchant, less than {STORY_D} days in between",
            f"每件事的告警数：同一商户、同一检测，间隔不足{STORY_D}天的命中为一件事"),
        say("detector", "检测"), say("alerts", "告警"), say("of them reopened", "其中重新打开"), say("stories", "事件"),
        say("alerts a story", "每件事的告警"), numbers=range(1, 5),
    )  # fmt: skip
    for name, *cells in stories(figures.stories):
        made.add_row(say("all", "全部") if name == "all" else name, *cells, style="bold" if name == "all" else "")
    return made


def _false_alarms(matching: Matching, say: Say, reader: _Reader) -> Table:
    every, clock = matching.false_alarms(), zone_name(reader.zone, reader.lang)
    made = table(
        say(f"False alarms ({len(every):,}; times: {clock})", f"误报（{len(every):,}条；时间：{clock}）"),
        say("severity", "级别"), say("merchant", "商户"), say("detector", "检测"), say("first hit", "首次命中"),
        say("on", "对象"), say("reason", "原因"),
    )  # fmt: skip
    for each in every[:_LISTED]:
        it = each.alert
        on = each.look_alike.kind if each.look_alike else ""
        severity, first = severity_bar(it.severity, reader.lang), local(it.first_ms, reader.zone)
        made.add_row(severity, it.merchant_id, it.detector, first, on, it.reason)
    return made


def _missed(matching: Matching, say: Say, reader: _Reader) -> Table:
    every, clock = matching.missed(), zone_name(reader.zone, reader.lang)
    made = table(
        say(f"Missed violations ({len(every):,}; times: {clock})", f"漏报的违规（{len(every):,}起；时间：{clock}）"),
        say("category", "类别"), say("kind", "种类"), say("effect", "违规幅度"), say("unit", "单位"),
        say("merchant", "商户"), say("onset", "开始"), say("transactions", "交易笔数"), say("loss", "损失"),
        numbers=[2, 6, 7],
    )  # fmt: skip
    for each in every[:_LISTED]:
        it = each.violation
        lost = money(it.money_minor, "")
        made.add_row(
            it.category, it.kind, number(it.effect), it.effect_unit, it.merchant_id, local(it.onset_ms, reader.zone),
            f"{it.transactions:,}", lost,
        )  # fmt: skip
    return made
