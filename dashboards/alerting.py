"""Prometheus' recording and alerting rules, as data; `dashboards.rule_files` writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboards import thresholds as limit
from dashboards.queries import DURABLE, PLACES, series
from domain.alerts import Text

Severity = Literal["page", "ticket", "none"]
JOB = "tillwatch"
"""Name of the scrape job that has all workers."""
CASEWORK_JOB, CONSOLE_JOB, NOTIFY_JOB = "tillwatch-casework", "tillwatch-console", "tillwatch-notify"
"""Those of casework's filing agent, of the console and of the senders of notices, where there are any."""
_WITHOUT = ", ".join(PLACES)


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is kept.

    Attributes:
        name: level, metric and operation, as Prometheus advises.
        expression: PromQL.
    """

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that people are told of.

    Attributes:
        name: of the alert; a ticket and a page on one matter share it.
        severity: `page` wakes somebody, `ticket` waits for working hours, `none` is for the dead-man's switch.
        expression: PromQL.
        lasting: for how long it must hold.
        summary: one line, with labels in braces as Prometheus reads them.
        runbook: the page in `docs/runbooks/`, without its ending.
    """

    name: str
    severity: Severity
    expression: str
    lasting: str
    summary: Text
    runbook: str


def _gauge(metric: str, operation: str = "max") -> Recording:
    return Recording(f"partition:{metric}:{operation}", f"{operation} without ({_WITHOUT}) ({metric})")


RECORDS = series("tillwatch_records_total")
LAG, CHECKPOINT = series("tillwatch_lag_records"), series("tillwatch_checkpoint_timestamp_seconds")
WATERMARK = series("tillwatch_watermark_timestamp_seconds")
_DAYS = series("tillwatch_closings_total")
_FELL = series("tillwatch_closings_fallen_total")
FALLEN_SHARE = f"sum by (job) (increase({_FELL}[6h])) / (sum by (job) (increase({_DAYS}[6h])) >= {limit.DAYS_LEAST})"
PACE = "partition:tillwatch_records:rate5m"
BEHIND = "partition:tillwatch_behind_seconds:max"
QUIET = "detector:tillwatch_quiet_seconds:min"
QUIET_SHARE = "detector:tillwatch_quiet:ratio"
FIRED = "detector:tillwatch_detector_fired_timestamp_seconds:max"
FIELD_SHARE = "field:tillwatch_field_present:ratio1h"
CONTROLS = "control:tillwatch_control_version:max"
HELD = "job:tillwatch_partitions_held:count"
NEW_ALERTS = "job:tillwatch_new_alerts:increase1h"
DEAD_LETTERS = "job:tillwatch_dead_letters:increase15m"
DEAD_SHARE = "job:tillwatch_dead_letters:ratio15m"

RECORDINGS: tuple[Recording, ...] = (
    *(Recording(series(name), f"max without ({_WITHOUT}) ({name})") for name in sorted(DURABLE)),
    *(_gauge(f"tillwatch_{name}") for name in ("lag_records", "watermark_timestamp_seconds",
                                               "checkpoint_timestamp_seconds", "merchants")),
    Recording(PACE, f"sum without (outcome) (rate({RECORDS}[5m]))"),
    Recording(BEHIND, f"{LAG} / clamp_min({PACE}, 1)"),
    Recording(FIRED, "max by (job, detector) (tillwatch_detector_fired_timestamp_seconds)"),
    Recording(QUIET, f"clamp_min(max by (job) ({WATERMARK}) - on (job) group_right () {FIRED}, 0)"),
    Recording(
        QUIET_SHARE,
        f"{QUIET} / clamp_min({limit.QUIET_GAPS} * 28 * 86400"
        f" / (changes({FIRED}[28d]) >= {limit.GAPS_LEAST}), {limit.QUIET_LEAST_S})",
    ),
    Recording(
        FIELD_SHARE,
        f"sum by (job, field) (increase({series('tillwatch_field_present_total')}[1h])) / on (job) group_left ()"
        f' (sum by (job) (increase({RECORDS}{{outcome="transaction"}}[1h])) >= {limit.FIELD_TRANSACTIONS_LEAST})',
    ),
    Recording(CONTROLS, "max by (job, control) (tillwatch_control_version)"),
    Recording(HELD, f"count by (job) (group by (job, partition) ({RECORDS}))"),
    Recording(NEW_ALERTS, f"sum by (job) (increase({series('tillwatch_alerts_total')}[1h]))"),
    Recording(DEAD_LETTERS, f'sum by (job) (increase({RECORDS}{{outcome="dead_letter"}}[15m]))'),
    Recording(
        DEAD_SHARE,
        f"({DEAD_LETTERS} >= {limit.DEAD_LETTERS_LEAST}) / sum by (job) (increase({RECORDS}[15m]))",
    ),
)  # fmt: skip
"""Those of partitions first: the others read them, and rules of a group are evaluated in order."""


def _both(
    name: str, limits: limit.Limits, expression: str, lasting: tuple[str, str], summary: Text, runbook: str
) -> tuple[Rule, Rule]:
    """A ticket and a page on one figure; `expression` has LIMIT where the limit stands."""
    ticket, page = (expression.replace("LIMIT", f"{value:.15g}") for value in (limits.ticket, limits.page))
    return (
        Rule(name, "ticket", ticket, lasting[0], summary, runbook),
        Rule(name, "page", page, lasting[1], summary, runbook),
    )


_UP = f'up{{job="{JOB}"}}'
_DEAD_MAN = Rule(
    "TillwatchDeadMansSwitch", "none", "vector(1)", "0m",
    Text("Always firing: whoever stops hearing it must ask why", "始终告警：收不到时应查明原因"), "dead-mans-switch",
)  # fmt: skip
WORKERS: tuple[Rule, ...] = (
    Rule(
        "TillwatchNoWorker", "page", f"absent({_UP} == 1)", "2m",
        Text("No worker answers: nothing is watched", "没有工作进程应答：交易未受监测"), "no-worker",
    ),
    Rule(
        "TillwatchNotReady", "page", "max by (job) (tillwatch_ready) == 0", "3m",
        Text("No worker is ready: the log or broker does not answer, or nobody is given partitions",
             "没有工作进程就绪：日志或消息服务无应答，或未分配到分区"), "not-ready",
    ),
    Rule(
        "TillwatchWorkerDown", "ticket", f"{_UP} == 0", "2m",
        Text("{{ $labels.instance }} does not answer; others have its partitions",
             "{{ $labels.instance }} 无应答；其分区由其他进程接管"), "worker-down",
    ),
    Rule(
        "TillwatchPartitionUnowned", "page", f"{HELD} < max_over_time({HELD}[6h])", f"{limit.UNOWNED_S // 60}m",
        Text("Only {{ $value }} partitions have a worker, fewer than in the last 6 hours",
             "仅 {{ $value }} 个分区有工作进程，少于近6小时"), "partition-unowned",
    ),
    Rule(
        "TillwatchRestarts", "ticket",
        f'changes(process_start_time_seconds{{job="{JOB}"}}[1h]) >= {limit.STARTS_AN_HOUR}', "0m",
        Text("{{ $labels.instance }} was started {{ $value }} times within an hour",
             "{{ $labels.instance }} 一小时内启动 {{ $value }} 次"), "restarts",
    ),
)  # fmt: skip
FLOW: tuple[Rule, ...] = (
    *_both(
        "TillwatchLag", limit.BEHIND_S, f"{BEHIND} > LIMIT and {LAG} >= {limit.LAG_RECORDS_LEAST}", ("10m", "10m"),
        Text("Partition {{ $labels.partition }} is {{ $value | humanizeDuration }} of work behind",
             "分区 {{ $labels.partition }} 积压 {{ $value | humanizeDuration }} 的处理量"), "lag",
    ),
    Rule(
        "TillwatchNoProgress", "page",
        f"{LAG} > 0 and on (job, partition) sum without (outcome) (increase({RECORDS}[10m])) == 0", "5m",
        Text("{{ $value }} records wait in partition {{ $labels.partition }} and none was processed for 10 minutes",
             "分区 {{ $labels.partition }} 有 {{ $value }} 条记录等待，10分钟内未处理"), "no-progress",
    ),
    *_both(
        "TillwatchCheckpointOld", limit.CHECKPOINT_AGE_S,
        f"time() - {CHECKPOINT} > LIMIT and {WATERMARK} > {CHECKPOINT}", ("2m", "2m"),
        Text("Partition {{ $labels.partition }} was judged on, but its last checkpoint is"
             " {{ $value | humanizeDuration }} old",
             "分区 {{ $labels.partition }} 在处理，但最近检查点已过 {{ $value | humanizeDuration }}"), "checkpoint-old",
    ),
    Rule(
        "TillwatchFeedStalled", "page", "max by (job, feed) (tillwatch_feed_stalled) == 1", "10m",
        Text("Feed {{ $labels.feed }} has told no time for 20 minutes: deadlines of its merchants wait",
             "来源 {{ $labels.feed }} 已20分钟无时钟记录：其商户的期限暂停"), "feed-stalled",
    ),
    Rule(
        "TillwatchFeedStalled", "ticket", "max by (job, feed) (tillwatch_feed_stalled) == 1", "0m",
        Text("Feed {{ $labels.feed }} has told no time for 10 minutes", "来源 {{ $labels.feed }} 已10分钟无时钟记录"),
        "feed-stalled",
    ),
)  # fmt: skip
CONTENT: tuple[Rule, ...] = (
    *_both(
        "TillwatchDeadLetters", limit.DEAD_LETTER_SHARE, f"{DEAD_SHARE} > LIMIT", ("5m", "5m"),
        Text("{{ $value | humanizePercentage }} of the records of 15 minutes were refused",
             "近15分钟 {{ $value | humanizePercentage }} 的记录未计入"), "dead-letters",
    ),
    Rule(
        "TillwatchFieldGone", "ticket",
        f"{FIELD_SHARE} < {limit.FIELD_SHARE_OF_USUAL} * ({FIELD_SHARE} offset 1d >= {limit.FIELD_SHARE_LEAST})", "15m",
        Text("Field {{ $labels.field }} came with {{ $value | humanizePercentage }} of an hour's transactions,"
             " far fewer than a day before", "字段 {{ $labels.field }} 近一小时仅 {{ $value | humanizePercentage }}"
             " 的交易带有，远少于前一日"), "field-gone",
    ),
    Rule(
        "TillwatchTradeFell", "ticket", f"{FALLEN_SHARE} > {limit.FALLEN_SHARE}", "15m",
        Text("{{ $value | humanizePercentage }} of the merchants' days of 6 hours fell to a quarter of the usual:"
             " a hole in a feed, or a feast", "近6小时内结束的商户日中有 {{ $value | humanizePercentage }}"
             " 跌至平时四分之一以下：可能是数据缺失或节日"), "trade-fell",
    ),
    Rule(
        "TillwatchAlertStorm", "ticket",
        f"{NEW_ALERTS} >= {limit.STORM_ALERTS_LEAST} and {NEW_ALERTS} > {limit.STORM_TIMES_USUAL}"
        f" * avg_over_time({NEW_ALERTS}[7d] offset 1h)", "15m",
        Text("{{ $value | humanize }} new alerts within an hour, beyond"
             f" {limit.STORM_TIMES_USUAL} times the week's mean", "一小时内新增告警 {{ $value | humanize }} 条，"
             f"超过近一周均值的{limit.STORM_TIMES_USUAL}倍"), "alert-storm",
    ),
    Rule(
        "TillwatchDetectorSilent", "ticket",
        f"{QUIET_SHARE} > 1 unless on (job, detector) max by (job, detector)"
        " (tillwatch_detector_blind_until_timestamp_seconds) > time()", "1h",
        Text("Detector {{ $labels.detector }} has found nothing for {{ $value | humanize }} times as long as it may",
             "检测项 {{ $labels.detector }} 未命中的时间为允许时长的 {{ $value | humanize }} 倍"), "detector-silent",
    ),
    Rule(
        "TillwatchControlsLate", "ticket",
        f"sum by (job) (increase({series('tillwatch_controls_late_total')}[1h])) > 0", "0m",
        Text("A version of controls came when merchants' clocks had passed its beginning",
             "有控制项版本在商户时钟越过其生效时间后才到达"), "controls-late",
    ),
)  # fmt: skip
MACHINE: tuple[Rule, ...] = (
    Rule(
        "TillwatchDisk", "ticket",
        f"min by (job) (tillwatch_log_free_bytes) < {limit.DISK_FREE_BYTES.ticket:.0f}", "15m",
        Text("{{ $value | humanize1024 }}B are free where the log is", "日志所在磁盘剩余 {{ $value | humanize1024 }}B"),
        "disk",
    ),
    Rule(
        "TillwatchDisk", "page",
        f"min by (job) (tillwatch_log_free_bytes) < {limit.DISK_FREE_BYTES.page:.0f} or min by (job)"
        f" (predict_linear(tillwatch_log_free_bytes[1h], {limit.DISK_FULL_IN_S})) < 0", "10m",
        Text("The disk of the log is full, or will be within 6 hours", "日志所在磁盘已满或6小时内将满"), "disk",
    ),
    *_both(
        "TillwatchClockSkew", limit.CLOCK_SKEW_S, "max by (job, instance) (tillwatch_clock_skew_seconds) > LIMIT",
        ("10m", "5m"),
        Text("The log's clock is {{ $value | humanizeDuration }} ahead of that of {{ $labels.instance }}",
             "日志的时钟比 {{ $labels.instance }} 快 {{ $value | humanizeDuration }}"), "clock-skew",
    ),
)  # fmt: skip
_MODEL = "tillwatch_model_"
MODEL: tuple[Rule, ...] = (
    Rule(
        "TillwatchModelDrifts", "ticket",
        f"max by (habit) ({_MODEL}habit_drift or {_MODEL}score_drift) > {limit.MODEL_DRIFT}", "1h",
        Text("{{ if $labels.habit }}Habit {{ $labels.habit }} has{{ else }}Scores have{{ end }} drifted by"
             " {{ $value | humanize }} from what the anomaly model was trained on",
             "{{ if $labels.habit }}特征 {{ $labels.habit }}{{ else }}异常评分{{ end }}较模型训练期偏移"
             " {{ $value | humanize }}"), "model-drifts",
    ),
    Rule(
        "TillwatchModelMissing", "ticket",
        f"max({_MODEL}in_force) == 0 or time() - max({_MODEL}measured_timestamp_seconds) > {limit.MODEL_UNMEASURED_S}",
        "1h",
        Text("No anomaly model is in force, or its drift has not been measured for 3 days",
             "无生效的异常模型，或已3天未测量其偏移"), "model-missing",
    ),
    Rule(
        "TillwatchModelOld", "ticket",
        f"time() - max({_MODEL}trained_until_timestamp_seconds) > {limit.MODEL_AGE_S}", "1h",
        Text("The anomaly model was trained on days up to {{ $value | humanizeDuration }} ago",
             "异常模型的训练数据截至 {{ $value | humanizeDuration }} 前"), "model-old",
    ),
)  # fmt: skip
_CASEWORK = "tillwatch_casework_"
FILING_BEHIND = f"time() - max by (job) ({_CASEWORK}filed_timestamp_seconds)"
_OUTBOX_LATE = f"time() - max by (job) ({_CASEWORK}outbox_oldest_timestamp_seconds) > {limit.OUTBOX_OLDEST_S}"
_REFUSED = f'{_CASEWORK}outbox_records{{status="refused"}}'
CASEWORK: tuple[Rule, ...] = (
    *_both(
        "TillwatchFilingBehind", limit.FILING_BEHIND_S, f"{FILING_BEHIND} > LIMIT", ("1m", "1m"),
        Text("Casework has not filed all there is for {{ $value | humanizeDuration }}",
             "案件归档已落后 {{ $value | humanizeDuration }}"), "filing-behind",
    ),
    Rule(
        "TillwatchFilingDown", "page", f'up{{job="{CASEWORK_JOB}"}} == 0', "5m",
        Text("Casework's filing agent does not answer: no alert reaches the queue",
             "案件归档进程无应答：新告警未进入队列"), "filing-down",
    ),
    Rule(
        "TillwatchOutboxStuck", "ticket",
        f"{_OUTBOX_LATE} or max by (job) ({_REFUSED}) > max by (job) ({_REFUSED} offset 1h)", "1m",
        Text("Verdicts do not reach the monitor: they are due for 10 minutes, or were refused",
             "判定未送达监测引擎：已到期10分钟以上，或被拒绝"), "outbox-stuck",
    ),
    Rule(
        "TillwatchConsoleDown", "page", f'up{{job="{CONSOLE_JOB}"}} == 0', "5m",
        Text("The console does not answer: nobody can work on cases", "工作台无应答：无法处理案件"), "console-down",
    ),
    Rule(
        "TillwatchAuditBroken", "page", f"min by (job) ({_CASEWORK}audit_intact) == 0", "0m",
        Text("The audit of casework was changed: its chain of hashes does not fit",
             "案件审计记录被改动：哈希链不一致"), "audit-broken",
    ),
)  # fmt: skip
_NOTICES = "tillwatch_notices_"
NOTICE_DUE = f"time() - max by (job) ({_NOTICES}oldest_due_timestamp_seconds)"
_GIVEN_UP = f'{_NOTICES}notices{{status="dead"}}'


def _tried(sign: str) -> str:
    """Attempts by channel that were or were not taken, within `REFUSALS_WITHIN_S`; all senders show the same."""
    counter = f'{_NOTICES}attempts_total{{status{sign}"sent"}}'
    now, before = (
        f"max by (job, channel, status) ({each})" for each in (counter, f"{counter} offset {limit.REFUSALS_WITHIN_S}s")
    )
    return f"sum by (job, channel) ({now} - ({before} or {now} * 0))"


NOTICES: tuple[Rule, ...] = (
    Rule(
        "TillwatchNotifyDown", "page",
        f'max by (job) (up{{job="{NOTIFY_JOB}"}}) == 0'
        f" or time() - max by (job) ({_NOTICES}looked_timestamp_seconds) > {limit.NOTICE_LOOK_S}", "5m",
        Text("No sender of notices answers or looks at casework: nobody is told of anything",
             "通知发送进程无应答或未查询案件：无人收到通知"), "notify-down",
    ),
    Rule(
        "TillwatchNoticesStuck", "ticket",
        f"{NOTICE_DUE} > {limit.NOTICE_OLDEST_S} or max by (job) ({_GIVEN_UP})"
        f" > max by (job) ({_GIVEN_UP} offset 1h)", "1m",
        Text("Notices do not reach their recipients: due for 10 minutes, or given up",
             "通知未送达：已到期10分钟以上，或已放弃发送"), "notices-stuck",
    ),
    Rule(
        "TillwatchChannelRefuses", "ticket",
        f'{_tried("!=")} >= {limit.REFUSALS_LEAST} unless on (job, channel) {_tried("=")} > 0', "1m",
        Text("Channel {{ $labels.channel }} took none of {{ $value }} notices within a quarter of an hour",
             "渠道 {{ $labels.channel }} 一刻钟内 {{ $value }} 次发送均未成功"), "channel-refuses",
    ),
    Rule(
        "TillwatchUrgentUnopened", "ticket", f"max by (job) ({_NOTICES}unopened_urgent) > 0", "5m",
        Text("{{ $value }} urgent notices were not opened in time and have gone on",
             "{{ $value }} 条紧急通知逾时未打开，已上报"), "urgent-unopened",
    ),
)  # fmt: skip
ALERTS: dict[str, tuple[Rule, ...]] = {
    "tillwatch-workers": (_DEAD_MAN, *WORKERS), "tillwatch-flow": FLOW, "tillwatch-content": CONTENT,
    "tillwatch-machine": MACHINE, "tillwatch-model": MODEL, "tillwatch-casework": CASEWORK,
    "tillwatch-notices": NOTICES,
}  # fmt: skip
"""The alerting rules by group."""
SILENCING = ("TillwatchNoWorker", "TillwatchNotReady")
"""While one of these fires, the others are consequences: Alertmanager holds them back."""
APART = (_DEAD_MAN.name, "TillwatchAuditBroken", "TillwatchConsoleDown", *(each.name for each in NOTICES))
"""But for these, which follow from something else."""
