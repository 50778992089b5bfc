"""What the panels on casework's views are called and what they say of themselves."""

from __future__ import annotations

from dashboards.words import Words
from domain.alerts import Text


def _words(title: str, title_zh: str, about: str, about_zh: str) -> Words:
    return Words(Text(title, title_zh), Text(about, about_zh))


_AML, _AML_ZH = " Cases of money laundering and gambling are left out.", "不含涉洗钱、赌博的案件。"
_OWN, _OWN_ZH = " Money in other currencies than the acquirer's own is left out.", "不含非本位币金额。"

# -- operations

FILING_BEHIND = _words(
    "Filing behind", "归档滞后",
    "Time since casework had filed all that the log had. Dashed lines are the limits of the rules.",
    "距案件归档进程处理完全部日志的时间。虚线为告警规则阈值。",
)  # fmt: skip
FILING_LAG = _words(
    "Records not filed", "未归档记录", "Committed records that casework has not filed yet, by topic.",
    "已提交但尚未归档的记录，按主题。",
)  # fmt: skip
OUTBOX_WAITING = _words(
    "Verdicts for the monitor", "待送达判定",
    "Verdicts that are due and not in the log yet, and those that were refused.",
    "已到期但未写入日志的判定，以及被拒绝的判定。",
)  # fmt: skip
NOTICES_DUE = _words(
    "Notices behind", "通知滞后",
    "How long the oldest pending notice has been due. The dashed line is the limit of the rule.",
    "最早待发送通知已到期的时间。虚线为告警规则阈值。",
)  # fmt: skip
NOTICES_TRIED = _words(
    "Attempts by channel", "各渠道发送次数",
    "Attempts to hand notices to a channel, by what became of them: sent, retry, unknown, refused.",
    "向各渠道发送通知的次数，按结果：sent已发送，retry待重试，unknown结果不明，refused被拒绝。",
)  # fmt: skip
NOTICES_STAND = _words(
    "Notices that wait", "未送达通知",
    "Notices that are pending or were given up, and urgent ones that went on because nobody opened them.",
    "待发送、已放弃的通知，以及因逾时未打开而上报的紧急通知。",
)  # fmt: skip

# -- merchant

SCORE = _words("Risk score", "风险评分", "The published score now, 0 to 100 points.", "当前公布的风险评分，0至100分。")
OPEN_ALERTS = _words("Open alerts", "未判定告警", "Alerts without a verdict." + _AML, "尚无判定的告警。" + _AML_ZH)
DECIDED_ALERTS = _words(
    "Confirmed alerts", "属实告警", "Alerts confirmed since the first." + _AML, "历史上判定属实的告警。" + _AML_ZH
)
TURNOVER_SHOWN = _words(
    "Turnover", "交易额", "Approved sales of the days shown." + _OWN, "所选日期内批准的消费金额。" + _OWN_ZH
)
FEE_SHOWN = _words(
    "Effective fee", "实际费率",
    "Fees charged on the days shown, as a share of their approved sales." + _OWN,
    "所选日期内收取的手续费占批准消费金额的比例。" + _OWN_ZH,
)  # fmt: skip
LAST_DAY = _words("Days", "日数", "Closed days of the merchant in the time shown.", "所选时段内已日结的天数。")
VOLUME = _words(
    "Sales a day and what was expected", "每日笔数与预期",
    "Approved sales of each local day; between the grey lines lie nine days in ten.",
    "各当地日的批准消费笔数；灰线之间为九成日子的范围。",
)  # fmt: skip
DAY_TURNOVER = _words("Turnover a day", "每日交易额", "Approved sales of each local day." + _OWN,
                      "各当地日的批准消费金额。" + _OWN_ZH)  # fmt: skip
DAY_FEES = _words(
    "Effective fee a day", "每日实际费率",
    "Fees charged as a share of approved sales; what was due is shown where the contract is known." + _OWN,
    "手续费占批准消费金额的比例；合同已知时同时显示应收比例。" + _OWN_ZH,
)  # fmt: skip
MCC_MIX = _words(
    "Sales by MCC", "各MCC笔数", "Approved sales under the three MCCs that were presented most on each day.",
    "各日上送最多的三个MCC的批准消费笔数。",
)  # fmt: skip
RISK = _words("Risk over time", "风险评分走势", "The score after each closed day.", "各日日结后的评分。")
GAUGES = _words(
    "Programmes of schemes", "卡组织项目",
    "How much of each limit of Visa and Mastercard was reached at the end of each day; the line is the limit.",
    "各日结束时达到Visa、Mastercard各项目限额的比例；虚线为限额。",
)  # fmt: skip
ALERTS = _words(
    "Alerts", "告警", "Alerts whose last hit lies in the time shown, the newest first." + _AML,
    "末次命中在所选时段内的告警，新者在前。" + _AML_ZH,
)  # fmt: skip
CASES = _words("Cases", "案件", "The merchant's cases, the newest first." + _AML, "该商户的案件，新者在前。" + _AML_ZH)

# -- casework

OPEN_CASES = _words("Open cases", "待处理案件", "Open cases with an undecided alert." + _AML,
                    "有未判定告警的待处理案件。" + _AML_ZH)  # fmt: skip
LATE = _words("Late", "已逾期", "Open cases whose deadline has passed." + _AML, "已超过期限的待处理案件。" + _AML_ZH)
UNASSIGNED = _words("Nobody's", "未分配", "Open cases that nobody holds and nobody has put off." + _AML,
                    "无人领取且未暂缓的待处理案件。" + _AML_ZH)  # fmt: skip
SNOOZED = _words("Snoozed", "已暂缓", "Open cases that were put off." + _AML, "已暂缓的待处理案件。" + _AML_ZH)
OLDEST = _words("Oldest", "最久未处理", "Time since the oldest open case was opened." + _AML,
                "最早的待处理案件立案至今的时间。" + _AML_ZH)  # fmt: skip
OUTBOX = _words("Verdicts waiting", "待发送判定", "Verdicts that are due and not in the log yet." + _AML,
                "已到期但尚未写入日志的判定。" + _AML_ZH)  # fmt: skip
BY_AGE = _words("Open cases by grade and age", "待处理案件（按等级和时长）",
                "Open cases by the merchant's grade and the time since they were opened." + _AML,
                "按商户等级和立案至今的时间统计的待处理案件。" + _AML_ZH)  # fmt: skip
DECIDED = _words("Decisions a day", "每日判定", "Decisions that were not undone, by verdict; days of UTC." + _AML,
                 "未撤销的判定，按结论；以UTC日计。" + _AML_ZH)  # fmt: skip
OPENED = _words("Cases opened and decided a day", "每日立案与判定",
                "Cases opened, and cases with a decision; days of UTC." + _AML,
                "每日新立案件与作出判定的案件；以UTC日计。" + _AML_ZH)  # fmt: skip
TIME_TO_DECISION = _words(
    "From opening to decision", "立案至判定用时",
    "Time from the opening of a case to a decision of the day, nights and weekends included." + _AML,
    "案件从立案到当日判定的时间，含夜间和周末。" + _AML_ZH,
)  # fmt: skip
HOLDERS = _words("Who works on what", "各处理人", "Open cases by who holds them; decisions of the time shown." + _AML,
                 "各处理人持有的待处理案件；判定数为所选时段。" + _AML_ZH)  # fmt: skip
CONFIRMATION = _words(
    "Detectors' confirmation", "各检测项属实率",
    "Alerts decided in the time shown, and the share of them that was confirmed; duplicates are left out." + _AML,
    "所选时段内判定的告警及其属实比例，不含重复告警。" + _AML_ZH,
)  # fmt: skip
LATE_CASES = _words(
    "Late cases", "逾期案件", "The twenty that are late longest." + _AML, "逾期最久的二十件。" + _AML_ZH
)
OUTBOX_TABLE = _words("Outbox", "待发队列", "Records for the log by how they stand." + _AML,
                      "待写入日志的记录（按状态）。" + _AML_ZH)  # fmt: skip
