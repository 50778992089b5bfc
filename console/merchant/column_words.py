"""What columns of a closed day are called, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Text
from domain.habits import HABITS
from domain.scheme_programmes import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED = {"vamp": "VAMP", "ecm": "ECM", "hecm": "HECM", "efm": "EFM"}
PROGRAMMES: Mapping[str, Text] = {
    name: Text(_NAMED[name], _NAMED[name])
    if name in _NAMED
    else Text("approval rate", "授权通过率")
    if name == "approval"
    else Text("refunds and chargebacks", "退款及拒付")
    for name in NAMES
}
"""By gauge, what its programme is called."""
_HABITS = {
    name: words
    for each in HABITS
    for name, words in (
        (f"habit_{each.name}", each.title),
        (f"habit_{each.name}_usual", Text(f"{each.title.en}, usual", f"{each.title.zh}（平时）")),
    )
} | {
    "habit_sales": Text("sales that habits rest on", "习惯所依据笔数"),
    "habit_mcc": Text("MCC of the habits", "习惯所属MCC"),
}
_GAUGES = {
    "gauge_visa_sales_1m": Text("Visa sales without the card, this month", "本月Visa无卡交易笔数"),
    "gauge_visa_fraud_1m": Text("Visa fraud reports, this month", "本月Visa欺诈报告"),
    "gauge_visa_disputes_1m": Text("Visa chargebacks, this month", "本月Visa拒付"),
    "gauge_mastercard_sales_1m": Text("Mastercard sales, this month", "本月万事达交易笔数"),
    "gauge_mastercard_sales_before": Text("Mastercard sales, the month before", "上月万事达交易笔数"),
    "gauge_mastercard_chargebacks_1m": Text("Mastercard chargebacks, this month", "本月万事达拒付"),
    "gauge_mastercard_fraud_1m": Text("of these for fraud", "其中欺诈拒付"),
    "gauge_mastercard_fraud_usd_1m": Text("their amounts, US cents", "欺诈拒付金额（美分）"),
    "gauge_mastercard_online_before": Text("Mastercard e-commerce, the month before", "上月万事达线上交易"),
    "gauge_mastercard_secure_before": Text("of it authenticated", "其中经认证"),
    "gauge_attempts_3d": Text("Mastercard attempts without the card, 3 days", "近3天万事达无卡授权"),
    "gauge_approved_3d": Text("of these approved", "其中通过"),
    "gauge_sales_30d": Text("Mastercard sales without the card, 30 days", "近30天万事达无卡交易"),
    "gauge_returns_30d": Text("refunds of these, and chargebacks, 30 days", "近30天退款及拒付"),
    "gauge_vamp_limit_ppm": Text("VAMP limit in force", "VAMP现行阈值"),
    "gauge_breached": Text("programmes breached, as bits", "已触及的监测计划（位）"),
    **{
        f"gauge_{name}_share": Text(f"{words.en}: of the limit", f"{words.zh}：占阈值")
        for name, words in PROGRAMMES.items()
    },
    **{
        f"gauge_{name}_days": Text(f"{name.upper()}: days to the limit", f"{name.upper()}：距阈值天数")
        for name in _NAMED
    },
}
_DAY = {
    "age_h": Text("hours since the first transaction", "首笔交易以来小时数"),
    "closed_sales": Text("sales", "交易笔数"),
    "closed_minor": Text("turnover", "交易金额"),
    "closed_refunds": Text("refunds", "退款笔数"),
    "closed_refunds_minor": Text("refunded", "退款金额"),
    "closed_undone": Text("voided and reversed", "撤销冲正笔数"),
    "closed_undone_minor": Text("money of voids and reversals", "撤销冲正金额"),
    "closed_declined": Text("declined attempts", "拒绝笔数"),
    "closed_declined_minor": Text("money of declined attempts", "拒绝金额"),
    "closed_technical": Text("technical failures", "技术失败笔数"),
    "closed_credit": Text("credit cards", "贷记卡笔数"),
    "closed_chip": Text("by chip", "芯片笔数"),
    "closed_stripe": Text("by magnetic stripe", "磁条笔数"),
    "closed_contactless": Text("contactless", "非接笔数"),
    "closed_code": Text("by code", "扫码笔数"),
    "closed_keyed": Text("keyed in", "手输笔数"),
    "closed_fee_minor": Text("fees charged", "实收手续费"),
    "closed_fee_judged_minor": Text("of these comparable with what was due", "其中可比对手续费"),
    "closed_fee_due_minor": Text("fees due for those", "对应应收手续费"),
    **{f"closed_mcc_{n}": Text(f"MCC presented, number {n}", f"上送MCC（{n}）") for n in (1, 2, 3)},
    **{f"closed_mcc_{n}_sales": Text(f"sales under MCC number {n}", f"上送MCC（{n}）笔数") for n in (1, 2, 3)},
}
_VOLUME = {
    "expected_1d": Text("sales expected of the day", "当日预期笔数"),
    "expected_minor_1d": Text("turnover expected of the day", "当日预期金额"),
    "expected_low_1d": Text("fewer on one day in twenty", "二十日中一日低于"),
    "expected_high_1d": Text("more on one day in twenty", "二十日中一日高于"),
    "excess_minor": Text("turnover above what was expected", "超出预期金额"),
    "ratio_90d": Text("day against the mean day of 13 weeks", "当日与近13周日均之比"),
    "ratio_week_13w": Text("week against the mean week of 13 weeks", "近一周与近13周周均之比"),
    "week_minor_1d": Text("mean day of the week", "近一周日均金额"),
    "rise_score": Text("how rare so much is", "放量罕见程度"),
    "rise_form": Text("form of the rise, a code", "放量形态（代码）"),
    "closed_surprise": Text("how rare the day alone is", "当日罕见程度"),
    "rise_d": Text("days since the rise began", "放量持续天数"),
    "rise_before_minor": Text("expected of a day before the rise", "放量前日均预期金额"),
    "fall_score": Text("how rare so little is", "下滑罕见程度"),
    "silence_score": Text("how rare such a silence is", "静默罕见程度"),
    "decline_score": Text("how rare such a decline is", "萎缩罕见程度"),
    "decline_ratio": Text("two weeks against three months", "近两周与近三月之比"),
    "volume_score": Text("how rare the day is, in all", "综合罕见程度"),
    "idle_d": Text("days without a sale", "无交易天数"),
    "quiet_d": Text("the same without holidays", "无交易天数（剔除节假日）"),
    "quiet_longest_d": Text("longest such stretch before", "历史最长无交易天数"),
    "missed_sales": Text("sales missed meanwhile", "期间少做笔数"),
}
_MCC = {
    "set_evidence": Text("evidence that cheap MCCs have risen", "低费率MCC占比上升证据"),
    "set_terminal_evidence": Text("the same of one terminal", "单台终端证据"),
    "set_share_1d": Text("share of cheap MCCs", "低费率MCC占比"),
    "set_share_usual": Text("the same, usual", "低费率MCC占比（平时）"),
    "set_amount_share_1d": Text("share of cheap MCCs, by money", "低费率MCC金额占比"),
    "set_amount_share_usual": Text("the same, usual", "低费率MCC金额占比（平时）"),
    "set_cheap_1d": Text("sales under cheap MCCs", "低费率MCC笔数"),
    "set_sales_1d": Text("sales under registered MCCs", "登记MCC笔数"),
    "set_excess_1d_e7": Text("interchange lost beyond the usual", "超出平时少付的费用"),
    "set_mcc_cheap": Text("cheap MCC used last", "最近使用的低费率MCC"),
    "set_mcc_dear": Text("dearest registered MCC", "最高费率登记MCC"),
    "trade_evidence": Text("evidence of a dearer trade", "实际行业费率更高的证据"),
    "trade_mcc": Text("own MCC", "自身MCC"),
    "trade_like": Text("dearer MCC that fits best", "最相似的高费率MCC"),
    "trade_sales": Text("sales compared", "参与比对笔数"),
    "trade_gap_1d_e7": Text("interchange lost by the class", "因费率类别少付的费用"),
    "trade_ticket": Text("median ticket", "客单价中位数"),
    "trade_ticket_own": Text("median ticket of its MCC", "本MCC客单价中位数"),
    "trade_ticket_like": Text("median ticket of the MCC that fits", "最相似MCC客单价中位数"),
    "trade_telling": Text("what tells them apart, a code", "最具区分度的特征（代码）"),
    "trade_name": Text("dearer MCC that the name speaks of", "名称所示高费率MCC"),
    "trade_odds": Text("odds of a dearer trade", "高费率行业对数几率"),
    "trade_probability": Text("probability of the declared MCC", "登记MCC概率"),
    "trade_other": Text("likeliest dearer MCC", "最可能的高费率MCC"),
    "trade_other_probability": Text("its probability", "其概率"),
}
_SERVICE = {
    "terminal_code": Text("terminal told of, a code", "所述终端（代码）"),
    "silent_d": Text("days it was silent", "终端静默天数"),
    "silent_longest_d": Text("longest silence before", "历史最长静默天数"),
    "silent_missed": Text("attempts missed meanwhile", "期间少做笔数"),
    "technical_d": Text("days of mostly technical failures", "连续技术失败天数"),
    "complaints_90d": Text("complaints, 90 days", "近90天投诉"),
    "fee_complaints_90d": Text("of these about fees", "其中费率投诉"),
    "licence_left_d": Text("days to the licence's end", "营业执照剩余天数"),
    "licence_expires_s": Text("licence expires", "营业执照到期"),
}
_MODEL = {
    "model_score": Text("how odd the habits are", "习惯异常程度"),
    "model_percentile": Text("of merchants' days less odd", "异常程度低于本日的占比"),
    "model_load": Text("alerts at this threshold per 1,000 days", "以此为阈值每千商户日告警数"),
    **{
        f"model_{what}_{n}": Text(en.format(n), zh.format(n))
        for n in (1, 2, 3)
        for what, en, zh in (
            ("reason", "habit that says so, number {}", "主要异常习惯（{}）"),
            ("value", "its value ({})", "其数值（{}）"),
            ("usual", "its usual value ({})", "其平时数值（{}）"),
            ("low", "one peer in twenty lies below ({})", "同业5%低于（{}）"),
            ("high", "one peer in twenty lies above ({})", "同业5%高于（{}）"),
        )
    },
}
GROUPS: Mapping[str, tuple[Text, Mapping[str, Text]]] = {
    "day": (Text("The day", "当日"), _DAY),
    "volume": (Text("Volume against what is expected", "交易量与预期"), _VOLUME),
    "mcc": (Text("Trade and MCC", "行业与MCC"), _MCC),
    "gauges": (Text("Limits of card schemes", "卡组织监测阈值"), _GAUGES),
    "service": (Text("Terminals, complaints, licence", "终端、投诉、执照"), _SERVICE),
    "habits": (Text("Habits", "经营习惯"), _HABITS),
    "model": (Text("Anomaly model", "异常模型"), _MODEL),
}
"""Groups of columns: what each is called, and by column of merchant-days what that is."""
