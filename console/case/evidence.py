"""The figures that an alert rests on, in words, beside what they were held against."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from console.figures import LOGARITHMS, figure
from console.languages import same
from console.merchant.column_words import GROUPS
from detectors.words import mcc_jump, mcc_rotation
from detectors.words.figures import mcc_text, percent, tariff
from domain.alerts import Text
from domain.habits import HABITS
from domain.profiles import NAMES as STATISTICS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.alerts import Alert, Evidence

Value = float | int | str | None

_MCC = {
    "mcc_used": Text("MCC sent", "上送MCC"), "mcc_class_drop": Text("classes cheaper", "费率类别下降档数"),
    "mcc_high_risk": Text("MCC of a high-risk trade", "高风险行业MCC"),
    "fee_type_used": Text("special-fee type sent", "上送特殊计费类型"),
    "fee_class_used": Text("fee class used", "实际费率类别"),
    "mcc_sources": Text("found in", "发现位置"), "leakage": Text("underpaid on this sale", "本笔少收"),
    "leakage_1d": Text("underpaid on the day", "当日少收"), "mcc_off_1d": Text("sales that are off", "异常笔数"),
    "mcc_off_share_28d": Text("share of sales that are off", "异常笔数占比"),
    "mcc_learned_share": Text("share of the usual MCC", "惯用MCC占比"),
    "mcc_history": Text("sales before this MCC first came", "首次出现前笔数"),
    "mcc_history_d": Text("days before this MCC first came", "首次出现前天数"),
    "set_excess_1d": Text("interchange lost beyond the usual", "超出平时少付的费用"),
    "trade_gap_1d": Text("interchange lost by the class", "因费率类别少付的费用"),
    "number_source": Text("numbers of", "编号来源"), "numbers_28d": Text("numbers used", "所用编号数"),
    "number_places_28d": Text("regions or MCCs of the numbers", "编号所属地区或MCC数"),
    "number_switches_7d": Text("changes of number", "换号次数"),
    "number_switch_share_7d": Text("share of sales that changed it", "换号占比"),
}  # fmt: skip
_FEES = {
    "fee_charged": Text("fee charged", "实扣手续费"), "fee_over": Text("difference to what was due", "与应扣之差"),
    "fee_rate_ppm": Text("rate charged", "实扣费率"), "fee_over_1d": Text("overcharged on the day", "当日多扣"),
    "fee_over_count_1d": Text("payments overcharged", "多扣笔数"), "fee_over_4w": Text("overcharged", "累计多扣"),
    "fee_under_1d": Text("undercharged on the day", "当日少扣"),
    "fee_under_count_1d": Text("payments undercharged", "少扣笔数"),
    "fee_under_4w": Text("undercharged", "累计少扣"),
    "fee_over_share_28d": Text("share of payments overcharged", "多扣笔数占比"),
    "fee_small_28d": Text("small differences together", "小额差异累计"),
    "fee_dearer_run": Text("dearer payments in a row", "连续多扣笔数"),
    "fee_cheaper_run": Text("cheaper payments in a row", "连续少扣笔数"),
    "fee_new_ppm": Text("new rate", "新费率"), "fee_new_fixed": Text("new fixed part", "新固定部分"),
    "contract_rise_ppm": Text("how much dearer the contract is", "签约费率涨幅"),
    "contract_notice_d": Text("days it was announced ahead", "提前公示天数"),
    "contract_lead_d": Text("days it was received ahead", "提前收到天数"),
}  # fmt: skip
_VOLUME = {
    "sales_1d": Text("sales of the day", "当日笔数"), "sales_minor_1d": Text("turnover of the day", "当日金额"),
    "sales_1h": Text("sales of the hour", "当时段笔数"), "day_surprise": Text("how rare the day is", "当日罕见程度"),
    "hour_surprise": Text("how rare the hour is", "时段罕见程度"),
    "sales_minor": Text("turnover so far", "累计交易金额"),
    "dormancy_d": Text("days without a sale before", "此前无交易天数"),
    "new_d": Text("days since the first sale", "入网天数"),
    "peer_z": Text("above new shops of its trade", "高于同业新商户"),
}  # fmt: skip
_CARDS = {
    "point_evidence": Text("how rare so many reports are", "欺诈报告罕见程度"),
    "point_reports": Text("fraud reports", "欺诈报告数"),
    "point_sales": Text("payments they are of", "所涉交易笔数"), "point_days": Text("days they are of", "所涉天数"),
    "reported_minor": Text("reported as fraud", "被报欺诈金额"), "charged_back_minor": Text("charged back", "拒付金额"),
    "report_terminal": Text("terminal", "终端"), "same_stan_1d": Text("messages that share a number", "流水号重复笔数"),
}  # fmt: skip
_TERMINALS = {
    "terminal_failures_1d": Text("failures of the terminal", "该终端失败笔数"),
    "terminal_attempts_1d": Text("attempts at the terminal", "该终端交易笔数"),
    "terminal_failing_usual": Text("usual share of failures", "平时失败占比"),
    "others_attempts_1d": Text("attempts at the others", "其他终端交易笔数"),
    "others_failures_1d": Text("failures of the others", "其他终端失败笔数"),
}  # fmt: skip
TITLES: Mapping[str, Text] = {
    **{name: words for _, group in GROUPS.values() for name, words in group.items()},
    **_MCC, **_FEES, **_VOLUME, **_CARDS, **_TERMINALS,
}  # fmt: skip
"""By feature of an alert's evidence, what it is called."""
_WINDOWS = {
    "txn": Text("this payment", "本笔"), "month": Text("month", "本月"), "history": Text("history", "历史"),
    "days": Text("days so far", "累计"), "silence": Text("silence", "静默期"), "fall": Text("fall", "下滑期"),
    "rise": Text("rise", "放量期"),
    "life": Text("since it opened", "入网以来"),
    "revision": Text("new contract", "本次签约"),
}  # fmt: skip
_SPANS = {"h": Text("{n} h", "{n}小时"), "d": Text("{n} d", "{n}天"), "w": Text("{n} weeks", "{n}周")}
_CODES: Mapping[str, Mapping[str, Text]] = {
    "fee_type_used": mcc_jump.FEE_TYPES,
}
_SAID = {
    each.en: each
    for each in (*mcc_jump.PLACES.values(), *mcc_jump.CLASSES.values(), *mcc_rotation.SOURCES.values(), *STATISTICS)
}
"""Words that evidence itself has, by the English, which is all that it bears."""
_MOST_BAR = 100.0


class Bar(NamedTuple):
    """A figure as a bar, and marks of what it was held against, in percent of the bar's room."""

    value: float
    threshold: float | None
    baseline: float | None


class Line(NamedTuple):
    """A figure.

    Attributes:
        feature: its name in the log.
        title: what it is.
        window: what it was taken over.
        value: as people read it.
        threshold: what it was held against; None where nothing was.
        baseline: what was to be expected; None where nothing was known.
        bar: None where there is nothing to compare.
    """

    feature: str
    title: Text
    window: Text
    value: Text | None
    threshold: Text | None
    baseline: Text | None
    bar: Bar | None


def lines(alert: Alert) -> tuple[Line, ...]:
    """The evidence of an alert in words."""
    return tuple(_lines(alert))


def _lines(alert: Alert) -> Iterator[Line]:
    habits = {each.feature[-1]: str(each.value) for each in alert.evidence if each.feature.startswith("model_reason_")}
    for each in alert.evidence:
        title = TITLES.get(each.feature, same(each.feature))
        if each.feature.startswith("model_value_"):
            title = _habit(habits.get(each.feature[-1], "")) or title
        value, threshold, baseline = (
            _value(each, number, alert.currency) for number in (each.value, each.threshold, each.baseline)
        )
        if each.unit in LOGARITHMS:  # where nothing is odd it is nought, which says nothing beside a threshold
            baseline = None
        yield Line(each.feature, title, _window(each.window), value, threshold, baseline, _bar(each))


def _habit(name: str) -> Text | None:
    return next((each.title for each in HABITS if each.name == name), None)


def _window(name: str) -> Text:
    """What a figure was taken over.

    >>> _window("28d"), _window("txn").zh, _window("odd").en
    (Text(en='28 d', zh='28天'), '本笔', 'odd')
    """
    span = _SPANS.get(name[-1:])
    if span is not None and name[:-1].isdecimal():
        return Text(span.en.format(n=name[:-1]), span.zh.format(n=name[:-1]))
    return _WINDOWS.get(name, same(name))


def _value(evidence: Evidence, value: Value, currency: str) -> Text | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _words(evidence, value)
    if evidence.unit == "parts per million":
        return tariff(value)
    if evidence.unit == "share" and 0 < abs(value) < 1:
        return percent(value)
    return figure(float(value), evidence.unit, currency, of=evidence.feature)


def _words(evidence: Evidence, value: str) -> Text:
    """A code or words in both languages, where these are known."""
    if evidence.unit == "MCC":
        return mcc_text(value)
    if evidence.feature.startswith("model_reason_"):
        return _habit(value) or same(value)
    known = _CODES.get(evidence.feature, {}).get(value)
    if known is not None:
        return Text(f"{value} ({known.en})", f"{value}（{known.zh}）")
    parts = [_SAID.get(each, same(each)) for each in value.split(", ")]
    return Text(", ".join(each.en for each in parts), "、".join(each.zh for each in parts))


def _bar(evidence: Evidence) -> Bar | None:
    """A bar of numbers that have something to be compared with; None for codes, and where all is nought."""
    numbers = (evidence.value, evidence.threshold, evidence.baseline)
    value, threshold, baseline = (None if isinstance(each, str) or each is None else float(each) for each in numbers)
    beside = [each for each in (threshold, baseline) if each] + ([1.0] if evidence.unit == "share" else [])
    if value is None or not beside or value < 0 or min(beside) < 0:
        return None
    most = max(value, *beside)

    def place(number: float | None) -> float | None:
        return round(_MOST_BAR * number / most, 1) if number else None

    return Bar(place(value) or 0.0, place(threshold), place(baseline))
