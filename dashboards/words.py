"""What panels are called and what they say of themselves, in English and Chinese."""

from __future__ import annotations

from typing import NamedTuple

from dashboards import thresholds as limit
from domain.alerts import Text


class Words(NamedTuple):
    """The words of a panel.

    Attributes:
        title: of the panel.
        about: its description: what is counted, and over what.
    """

    title: Text
    about: Text


def _words(title: str, title_zh: str, about: str, about_zh: str) -> Words:
    return Words(Text(title, title_zh), Text(about, about_zh))


_ONCE = " Each is counted once, as of the last checkpoint; 'none' is a counted 0, 'no data' means that nobody answered."
_ONCE_ZH = "每条只计一次，截至最近检查点；“无”为计数0，“无数据”为无进程应答。"
_MONEY, _MONEY_ZH = " In the acquirer's own currency.", "以收单机构本位币计。"
_STEP, _STEP_ZH = "In each interval shown: ", "每个时间间隔内："

# -- risk overview, and the wall

NEW_ALERTS = _words(
    "New alerts", "新增告警", "Alerts begun in the time shown." + _ONCE, "所选时段内新增的告警。" + _ONCE_ZH
)
CRITICAL_ALERTS = _words(
    "Critical alerts", "紧急告警",
    "Alerts begun that are to be worked today, by the severity of their first hit." + _ONCE,
    "所选时段内新增、首次命中即为紧急的告警，须当日核查。" + _ONCE_ZH,
)  # fmt: skip
TURNOVER = _words(
    "Turnover in question",
    "涉及交易额",
    "Turnover of the transactions that hit." + _MONEY,
    "命中交易的金额。" + _MONEY_ZH,
)
LOSS = _words(
    "Loss", "损失", "Loss by the transactions that hit, where it can be computed, whoever bears it." + _MONEY,
    "命中交易造成的可计算损失，各承担方合计。" + _MONEY_ZH,
)  # fmt: skip
BAD_MERCHANTS = _words(
    "Merchants of grade D or E",
    "D、E级商户",
    "Merchants whose published grade is D or E now.",
    "当前公布等级为D或E的商户数。",
)
MERCHANTS = _words(
    "Merchants watched", "监测商户", "Merchants known to the workers that answer.", "应答的工作进程已知的商户数。"
)
ALERTS_BY_SEVERITY = _words(
    "New alerts by severity", "新增告警（按级别）", _STEP + "alerts begun, by the severity of their first hit." + _ONCE,
    _STEP_ZH + "新增的告警，按首次命中的级别。" + _ONCE_ZH,
)  # fmt: skip
ALERTS_BY_KIND = _words(
    "New alerts by kind", "新增告警（按类型）", "Alerts begun in the time shown, by what was found." + _ONCE,
    "所选时段内新增的告警，按发现的问题。" + _ONCE_ZH,
)  # fmt: skip
TURNOVER_BY_KIND = _words(
    "Turnover in question by kind", "涉及交易额（按类型）", _STEP + "turnover of the transactions that hit." + _MONEY,
    _STEP_ZH + "命中交易的金额。" + _MONEY_ZH,
)  # fmt: skip
LOSS_BY_BEARER = _words(
    "Loss by who bears it", "损失（按承担方）",
    _STEP + "loss by the transactions that hit, where it is known." + _MONEY,
    _STEP_ZH + "命中交易造成的可计算损失。" + _MONEY_ZH,
)  # fmt: skip
RISKIEST = _words(
    "Riskiest merchants", "风险最高的商户",
    "Merchants with the highest risk scores now, 0 to 100 points, of the 50 that each partition shows. The number leads"
    " to the merchant in the console.",
    "当前风险评分（0至100分）最高的商户，取自各分区列出的前50名。点商户编号跳转到工作台。",
)  # fmt: skip
GRADES = _words(
    "Merchants of grades C, D and E", "C、D、E级商户",
    "Merchants by their published grade. Those of A and B, the most, are left out so that these can be read.",
    "按公布等级统计的商户数。其余A、B级不画，以便看清。",
)  # fmt: skip
ALERTS_BY_MCC = _words(
    "New alerts by MCC group", "新增告警（按MCC大类）",
    "By the range of ISO 18245 that the merchant's registered MCC is in; the ten with most." + _ONCE,
    "按商户登记MCC所属的ISO 18245区段，取前十。" + _ONCE_ZH,
)  # fmt: skip
ALERTS_BY_REGION = _words(
    "New alerts by region", "新增告警（按地区）",
    "By the shop's city, or region where no city is known; the ten with most." + _ONCE,
    "按商户所在城市（未知则按地区），取前十。" + _ONCE_ZH,
)  # fmt: skip
ALERTS_BY_AGENT = _words(
    "New alerts by agent", "新增告警（按代理商）", "By the agent who brought the merchant; the ten with most." + _ONCE,
    "按拓展该商户的代理商，取前十。" + _ONCE_ZH,
)  # fmt: skip
TODAY = _words(
    "New alerts today", "今日新增告警", _STEP + "alerts begun, by the severity of their first hit.",
    _STEP_ZH + "新增的告警，按首次命中的级别。",
)  # fmt: skip
KINDS_TODAY = _words(
    "What they are",
    "告警类型",
    "Alerts begun today by what was found, the six with most.",
    "今日新增告警按类型，取前六。",
)
WALL_RISKIEST = _words(
    "Riskiest merchants", "风险最高的商户", "The six merchants with the highest risk scores now, 0 to 100 points.",
    "当前风险评分（0至100分）最高的六家商户。",
)  # fmt: skip
TRANSACTIONS = _words(
    "Transactions a second",
    "每秒交易数",
    "Transactions judged a second, as of checkpoints.",
    "每秒处理的交易笔数，截至检查点。",
)

# -- operations

PAGES = _words("Pages firing", "紧急告警", "Rules of severity page that fire now.", "当前触发的紧急级告警规则数。")
TICKETS = _words(
    "Tickets firing", "工单告警", "Rules of severity ticket that fire now.", "当前触发的工单级告警规则数。"
)
WORKERS_UP = _words(
    "Workers that answer", "应答的工作进程", "Workers that Prometheus could read at its last attempt.",
    "Prometheus 最近一次可读取的工作进程数。",
)  # fmt: skip
PARTITIONS = _words(
    "Partitions with a worker", "有进程的分区",
    "Partitions that some worker has now. Fewer than in the last 6 hours is a page.",
    "当前有工作进程的分区数。少于近6小时的数目即紧急告警。",
)  # fmt: skip
BEHIND = _words(
    "Behind", "积压",
    "Waiting records divided by the pace of the last 5 minutes, of the partition where that is longest.",
    "待处理记录数除以近5分钟处理速度，取最大的分区。",
)  # fmt: skip
DEAD_LETTERS = _words(
    "Dead letters", "未计入记录",
    "Records refused in the time shown; each is in the topic dead-letters with its reason." + _ONCE,
    "所选时段内被拒绝的记录；均在 dead-letters 主题中并附原因。" + _ONCE_ZH,
)  # fmt: skip
RECORDS = _words(
    "Records processed a second", "每秒处理的记录", "Records a second by what became of them, as of checkpoints.",
    "每秒处理的记录数（按结果），截至检查点。",
)  # fmt: skip
BEHIND_BY_PARTITION = _words(
    "Behind, by partition", "积压（按分区）",
    "Waiting records divided by the pace of the last 5 minutes. The rules count it only from"
    f" {limit.LAG_RECORDS_LEAST:,} waiting records on.",
    f"待处理记录数除以近5分钟处理速度。积压达{limit.LAG_RECORDS_LEAST:,}条起规则才计入。",
)  # fmt: skip
WAITING = _words("Records waiting", "待处理记录", "Records that wait, by partition.", "各分区待处理的记录数。")
DELAY = _words(
    "From receipt to published alert", "从接收到发布告警",
    "From the receipt of a record to the publication of the alert it made due; historic feeds are left out. The line is"
    f" the {limit.PUBLISH_DELAY_S:g} s that the product promises; no rule reads it.",
    f"从接收记录到发布其告警的时间，不含历史来源。虚线为产品承诺的{limit.PUBLISH_DELAY_S:g}秒，无规则使用。",
)  # fmt: skip
STEPS = _words(
    "Time by step", "各步骤耗时",
    "Seconds that all workers together spend in each step, each second; 100 % is one core's worth.",
    "全部工作进程每秒用于各步骤的时间；100%相当于一个核心。",
)  # fmt: skip
BATCHES = _words("Records in a batch", "每批记录数", "How many records a batch has.", "每批处理的记录数。")
EVENT_DELAY = _words(
    "Behind the clock", "事件时间滞后",
    "Now less the latest event time that was judged. A feed of the past is behind by its age, and where no shop sells"
    " this grows.", "当前时间减去最近已处理的事件时间。历史数据显示其年龄；无交易时会增大。",
)  # fmt: skip
CHECKPOINT_AGE = _words(
    "Age of the last checkpoint", "最近检查点距今",
    "A recovery repeats what came after it. The rules count it only where transactions were judged since.",
    "恢复时将重放其后的记录。其后仍有交易处理时，规则才计入。",
)  # fmt: skip
CHECKPOINT_TIME = _words(
    "Time a checkpoint takes", "检查点耗时", "From its beginning to its commit; processing goes on meanwhile.",
    "从开始到提交；期间处理不停。",
)  # fmt: skip
CHECKPOINT_SIZE = _words(
    "Size of checkpoints", "检查点大小", "Bytes that the last checkpoint of each partition wrote.",
    "各分区最近检查点写入的字节数。",
)  # fmt: skip
WORKERS = _words("Workers", "工作进程", "Whether Prometheus could read each worker.", "Prometheus 能否读取各工作进程。")
SPREAD = _words(
    "Partitions by worker", "各进程的分区数", "How many partitions each worker has.", "各工作进程持有的分区数。"
)
RECOVERIES = _words(
    "Recoveries", "恢复次数",
    _STEP + "partitions that a worker brought back to their last checkpoint, after a start or a move.",
    _STEP_ZH + "恢复到最近检查点的分区数（启动或迁移后）。",
)  # fmt: skip
DEAD_BY_REASON = _words(
    "Dead letters by reason", "未计入记录（按原因）", _STEP + "records refused. docs/events.md explains the reasons.",
    _STEP_ZH + "被拒绝的记录。原因见 docs/events.md。",
)  # fmt: skip
DROPPED = _words(
    "Optional fields left out", "被舍弃的可选字段",
    _STEP + "records of which an optional field was left out, because its value was not what it must be.",
    _STEP_ZH + "因取值不合规而舍弃可选字段的记录。",
)  # fmt: skip
FEEDS_HEARD = _words(
    "Time since a feed was heard", "来源静默时间",
    "Since each feed's last clock record. From the line on it counts as stalled, and deadlines of its merchants wait.",
    "距各来源最近时钟记录的时间。超过虚线即为停滞，其商户的期限暂停。",
)  # fmt: skip
FEEDS = _words("Feeds", "来源状态", "Whether each feed tells the time.", "各来源是否按时发送时钟记录。")
FEEDS_STALLED = _words(
    "Feeds stalled", "停滞的来源", "Feeds that have told no time for 10 minutes.", "10分钟内无时钟记录的来源数。"
)
SKEW = _words(
    "Clock skew", "时钟偏差", "By how much the log's clock is ahead of each worker's.", "日志时钟比各工作进程快多少。"
)
DISK = _words(
    "Free where the log is", "日志磁盘剩余",
    "Free bytes where a log in a file is. On Kafka there is no such figure: watch the brokers' disks.",
    "文件日志所在磁盘的剩余空间。使用 Kafka 时无此数据，请监控其磁盘。",
)  # fmt: skip
VERSIONS = _words(
    "Versions that run", "运行版本", "Workers by version of Tillwatch and Python.", "各版本的工作进程数。"
)

# -- detectors

EVER_FIRED = _words(
    "Detectors that ever fired",
    "曾命中的检测项",
    "Those with a finding since the state began.",
    "自状态建立以来有过命中的检测项。",
)
FIRED = _words(
    "Fired in the time shown",
    "时段内命中的检测项",
    "Those with a finding in the time shown.",
    "所选时段内有命中的检测项。",
)
_QUIET_DAYS = limit.QUIET_LEAST_S // 86_400
SILENT = _words(
    "Silent against their own calendar", "按自身节奏静默",
    f"Those without a finding for longer than {limit.QUIET_GAPS} of their own mean gaps of 28 days, and than"
    f" {_QUIET_DAYS} days. The runbook detector-silent says what to do.",
    f"超过自身近28天平均间隔{limit.QUIET_GAPS}倍且超过{_QUIET_DAYS}天未命中。处理见手册 detector-silent。",
)  # fmt: skip
BLIND = _words(
    "Blind after an upgrade", "升级后暂不可判",
    "Those that cannot judge every merchant yet, because an upgrade began to remember something.",
    "因升级后新增记忆内容而暂不能判断全部商户的检测项。",
)  # fmt: skip
EACH_DETECTOR = _words(
    "Each detector", "各检测项",
    "Figures of the time shown. Silence is counted on the merchants' clock; it may last"
    f" {limit.QUIET_GAPS} times the detector's mean gap of the last 28 days, at least {_QUIET_DAYS} days, which is not"
    f" known before {limit.GAPS_LEAST} hits.",
    f"所选时段的数据。静默按商户时钟计；允许时长为近28天平均间隔的{limit.QUIET_GAPS}倍，不少于{_QUIET_DAYS}天，"
    f"命中不足{limit.GAPS_LEAST}次时未知。",
)  # fmt: skip
ALERTS_BY_DETECTOR = _words(
    "New alerts by detector",
    "新增告警（按检测项）",
    _STEP + "alerts begun." + _ONCE,
    _STEP_ZH + "新增的告警。" + _ONCE_ZH,
)
FINDINGS = _words(
    "Findings by detector", "命中（按检测项）",
    _STEP + "rows of features that a detector found fault with; many make one alert.",
    _STEP_ZH + "检测项命中的特征行数；多次命中合为一条告警。",
)  # fmt: skip
SILENCE = _words(
    "Time since each detector fired", "各检测项静默时长",
    "On the merchants' clock: the latest judged event less the detector's newest finding.",
    "按商户时钟：最近已处理的事件减去该检测项最近的命中。",
)  # fmt: skip
SEVERITIES = _words(
    "Severity of new alerts", "新增告警的级别",
    "Alerts begun in the time shown, by the severity of their first hit." + _ONCE,
    "所选时段内新增的告警，按首次命中的级别。" + _ONCE_ZH,
)  # fmt: skip
COVERAGE = _words(
    "Coverage: fields that detectors need", "覆盖：检测所需字段",
    "Share of all accepted transactions that have the field. A detector without its field is silent.",
    "带有该字段的交易占全部已接受交易的比例。缺字段的检测项不会命中。",
)  # fmt: skip
FIELD_SHARE = _words(
    "Share of transactions with a field", "字段携带率",
    f"Over an hour, of at least {limit.FIELD_TRANSACTIONS_LEAST} transactions. Below"
    f" {limit.FIELD_SHARE_OF_USUAL:.0%} of the share a day before it is a ticket.",
    f"按一小时计（不少于{limit.FIELD_TRANSACTIONS_LEAST}笔）。低于前一日的{limit.FIELD_SHARE_OF_USUAL:.0%}即工单告警。",
)  # fmt: skip
MODEL_SCORED = _words(
    "Merchant-days scored", "已评分商户日",
    "Merchants' days that the anomaly model in force scored in the time shown, as of the last checkpoint.",
    "所选时段内生效的异常模型已评分的商户日数，截至最近检查点。",
)  # fmt: skip
MODEL_BEYOND = _words(
    "Beyond the threshold", "超阈值占比",
    "Share of the scored merchant-days of the days measured that are odd enough for an alert.",
    "所测量时段内，异常评分达到告警阈值的商户日占比。",
)  # fmt: skip
MODEL_AGE = _words(
    "Age of the model", "模型距今",
    "Since the last day that the model in force was trained on; from the limit on a ticket.",
    "距生效模型训练数据的最后一日；超过阈值即工单告警。",
)  # fmt: skip
MODEL_SCORE_DRIFT = _words(
    "Drift of scores", "评分偏移",
    "Population stability index of scores against the model's training. 0.1 is to be looked at, 0.25 is a ticket.",
    "评分分布较训练期的群体稳定性指数（PSI）。0.1须关注，0.25为工单告警。",
)  # fmt: skip
MODEL_DRIFT = _words(
    "Drift of habits", "特征偏移",
    "Population stability index of the ten habits of merchants that have drifted farthest from the model's training.",
    "商户特征分布较训练期的群体稳定性指数（PSI），取偏移最大的十项。",
)  # fmt: skip
CONTROLS = _words(
    "Controls in force", "生效的控制项", "The newest version of each kind that a worker knows.",
    "工作进程已知的各类控制项最新版本。",
)  # fmt: skip
