"""Operations: is it well? For whoever runs it, and for the one who was just called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import thresholds as limit
from dashboards.alerting import BEHIND, CHECKPOINT, HELD, JOB, LAG
from dashboards.colours import GREEN, GREY, OF_OUTCOME, OF_STEP, ORANGE, RED, YELLOW, Look
from dashboards.frame import board
from dashboards.kit import NONE, Column, Query, steps_of
from dashboards.queries import chosen, gained, or_none, or_zero, quantile, series
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit

_P = chosen("partition")
RECORDS = "tillwatch_records_total"
_HALF, _MOST = Text("half within", "中位数"), Text("99 % within", "99%以内")
_PARTITION = Text("partition {{partition}}", "分区{{partition}}")
_UP = {"1": Look(Text("answers", "正常"), GREEN), "0": Look(Text("down", "无应答"), RED)}
_FEED = {"0": Look(Text("on time", "正常"), GREEN), "1": Look(Text("stalled", "停滞"), RED)}


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit, "tillwatch-operations", Text("Tillwatch · Operations", "Tillwatch · 运行状况"),
        Text("Is it well? Lines are the limits of the alerting rules: orange a ticket, red a page.",
             "运行是否正常？虚线即告警规则的阈值：橙色为工单，红色为紧急告警。"),
        variables=("partition", "tz"), since="now-6h",
    )  # fmt: skip
    for part in (_figures, _flow, _pace, _state, _intake, _machine):
        part(kit, made)
    return made


def _figures(kit: Kit, made: Dashboard) -> None:
    firing = 'count(ALERTS{alertstate="firing",service="tillwatch",severity="%s"})'
    watched = "count(partition:tillwatch_records_total:max) * 0"
    workers = f'count(up{{job="{JOB}"}} == 1) or count(up{{job="{JOB}"}}) * 0'
    for title, about, expression, unit, steps in (
        (Text("Pages firing", "紧急告警"), Text("Alerts of severity page that fire now.", "当前触发的紧急告警数。"),
         f"{firing % 'page'} or {watched}", "short", ((None, GREEN), (1, RED))),
        (Text("Tickets firing", "工单告警"), Text("Alerts of severity ticket that fire now.", "当前触发的工单级告警数。"),
         f"{firing % 'ticket'} or {watched}", "short", ((None, GREEN), (1, ORANGE))),
        (Text("Workers that answer", "应答的工作进程"),
         Text("Workers that Prometheus could read at its last attempt.", "Prometheus 最近一次可读取的工作进程数。"),
         workers, "none", ((None, RED), (1, GREEN))),
        (Text("Partitions with a worker", "有进程的分区"),
         Text("Partitions that some worker has now; fewer than in the last 6 hours is a page.",
              "当前有工作进程的分区数；少于近6小时即紧急告警。"), f"sum({HELD})", "none", ((None, RED), (1, GREEN))),
        (Text("Behind, worst partition", "最大积压"),
         Text("Waiting records divided by the pace of the last 5 minutes, of the partition where that is longest.",
              "待处理记录数除以近5分钟处理速度，取最大的分区。"), f"max({BEHIND}{_P})", "s", steps_of(limit.BEHIND_S)),
        (Text("Dead letters", "未计入记录"),
         Text("Records refused in the time shown; each is in the topic dead-letters with its reason.",
              "所选时段内被拒绝的记录；均在 dead-letters 主题中并附原因。"),
         or_zero(gained(RECORDS, chosen("partition", outcome="dead_letter"), "$__range")), "short",
         ((None, GREEN), (1, YELLOW))),
    ):  # fmt: skip
        zero = NONE if unit == "short" else None
        made.with_panel(kit.stat(title, about, expression, unit, (4, 4), steps=steps, zero=zero, decimals=0))


def _flow(kit: Kit, made: Dashboard) -> None:
    rate = f"sum by (outcome) (rate({series(RECORDS)}{_P}[$__rate_interval]))"
    made.with_panel(
        kit.lines(
            Text("Records processed", "处理的记录"),
            Text("Records a second by what became of them, as of checkpoints.", "每秒处理的记录数（按结果），截至检查点。"),
            [Query(rate, "{{outcome}}")], "reqps", (12, 8), looks=OF_OUTCOME, stack=True,
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Behind, by partition", "积压（按分区）"),
            Text("Waiting records divided by the pace of the last 5 minutes; a rule counts it only from"
                 f" {limit.LAG_RECORDS_LEAST:,} waiting records on.",
                 f"待处理记录数除以近5分钟处理速度；规则仅在积压达{limit.LAG_RECORDS_LEAST:,}条时计入。"),
            [Query(f"{BEHIND}{_P}", _PARTITION)], "s", (12, 8), steps=steps_of(limit.BEHIND_S),
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Records waiting", "待处理记录"), Text("Records that wait, by partition.", "各分区待处理的记录数。"),
            [Query(f"{LAG}{_P}", _PARTITION)], "short", (12, 8), stack=True,
        )
    )  # fmt: skip
    delay = "tillwatch_publish_delay_seconds"
    made.with_panel(
        kit.lines(
            Text("From receipt to published alert", "从接收到发布预警"),
            Text("Time from the receipt of a record to the publication of the alert it made due; historic feeds are left"
                 f" out. The line is the {limit.PUBLISH_DELAY_S:g} s that the product promises; no rule reads it.",
                 f"从接收记录到发布其预警的时间，不含历史来源。虚线为产品承诺的{limit.PUBLISH_DELAY_S:g}秒，无规则使用。"),
            [Query(quantile(0.5, delay), _HALF), Query(quantile(0.99, delay), _MOST)], "s", (12, 8),
            steps=((None, GREEN), (limit.PUBLISH_DELAY_S, ORANGE)),
        )
    )  # fmt: skip


def _pace(kit: Kit, made: Dashboard) -> None:
    made.with_panel(
        kit.lines(
            Text("Time by step", "各步骤耗时"),
            Text("Share of a second that all workers together spend in each step; 100 % is one core's worth.",
                 "全部工作进程每秒用于各步骤的时间；100%相当于一个核心。"),
            [Query("sum by (step) (rate(tillwatch_step_seconds_sum[$__rate_interval]))", "{{step}}")], "percentunit",
            (8, 8), looks=OF_STEP, stack=True,
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Records in a batch", "每批记录数"), Text("Size of the batches that are processed.", "每批处理的记录数。"),
            [Query(quantile(each, "tillwatch_batch_records"), words) for each, words in ((0.5, _HALF), (0.99, _MOST))],
            "short", (8, 8),
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Behind the clock", "事件时间滞后"),
            Text("Now less the latest event time that was judged, by partition. A feed of the past is behind by its age;"
                 " a shop that is shut makes a partition seem behind.",
                 "当前时间减去最近已处理的事件时间。历史数据会显示其年龄；无交易时也会增大。"),
            [Query(f"time() - {series('tillwatch_watermark_timestamp_seconds')}{_P}", _PARTITION)], "s", (8, 8),
        )
    )  # fmt: skip


def _state(kit: Kit, made: Dashboard) -> None:
    made.with_panel(
        kit.lines(
            Text("Age of the last checkpoint", "最近检查点距今"),
            Text("A recovery repeats what came after it. The rules count it only where transactions were judged since.",
                 "恢复时将重放其后的记录。仅在其后仍有交易处理时，规则才计入。"),
            [Query(f"time() - {CHECKPOINT}{_P}", _PARTITION)], "s", (8, 8), steps=steps_of(limit.CHECKPOINT_AGE_S),
        )
    )  # fmt: skip
    took = "tillwatch_checkpoint_seconds"
    made.with_panel(
        kit.lines(
            Text("Time a checkpoint takes", "检查点耗时"),
            Text("From its beginning to its commit; processing goes on meanwhile.", "从开始到提交；期间处理不停。"),
            [Query(quantile(0.5, took), _HALF), Query(quantile(0.99, took), _MOST)], "s", (8, 8),
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Size of checkpoints", "检查点大小"), Text("Bytes that the last checkpoint of each partition wrote.",
                                                      "各分区最近检查点写入的字节数。"),
            [Query(f"max by (partition) (tillwatch_checkpoint_bytes{_P})", _PARTITION)], "bytes", (8, 8), stack=True,
        )
    )  # fmt: skip
    made.with_panel(
        kit.timeline(
            Text("Workers", "工作进程"), Text("Whether Prometheus could read each worker.", "Prometheus 能否读取各工作进程。"),
            Query(f'max by (instance) (up{{job="{JOB}"}})', "{{instance}}"), (8, 8), _UP,
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Partitions by worker", "各进程的分区数"), Text("How many partitions each worker has.", "每个工作进程持有的分区数。"),
            [Query("max by (instance) (tillwatch_partitions)", "{{instance}}")], "none", (8, 8), stack=True,
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Recoveries", "恢复次数"),
            Text("Partitions that a worker brought back to their last checkpoint, after a start or a move, in each interval.",
                 "每个时间间隔内恢复到检查点的分区数（启动或迁移后）。"),
            [Query("sum by (instance) (increase(tillwatch_recoveries_total[$__rate_interval]))", "{{instance}}")], "short",
            (8, 8), bars=True, stack=True, every="1m",
        )
    )  # fmt: skip


def _intake(kit: Kit, made: Dashboard) -> None:
    none = kit.say(NONE)
    for title, about, metric, label in (
        (Text("Dead letters by reason", "未计入记录（按原因）"),
         Text("Records refused in each interval; docs/events.md explains the reasons.", "每个间隔内被拒绝的记录；原因见 docs/events.md。"),
         "tillwatch_dead_letters_total", "reason"),
        (Text("Optional fields left out", "被舍弃的可选字段"),
         Text("Records of which an optional field was left out because its value was not what it must be.",
              "因取值不合规而舍弃可选字段的记录。"), "tillwatch_fields_dropped_total", "field"),
    ):  # fmt: skip
        expression = or_none(gained(metric, _P, "$__interval", label), label, none)
        made.with_panel(
            kit.lines(
                title, about, [Query(expression, f"{{{{{label}}}}}")], "short", (8, 8), bars=True, stack=True, every="1m"
            )
        )
    made.with_panel(
        kit.lines(
            Text("Time since a feed was heard", "来源静默时间"),
            Text("Since each feed's last clock record; from the line on it counts as stalled, and the deadlines of its"
                 " merchants wait.", "距各来源最近时钟记录的时间；超过虚线即为停滞，其商户的期限暂停。"),
            [Query("time() - max by (feed) (tillwatch_feed_heard_timestamp_seconds)", "{{feed}}")], "s", (8, 8),
            steps=((None, GREEN), (limit.FEED_SILENT_S, RED)),
        )
    )  # fmt: skip
    made.with_panel(
        kit.timeline(
            Text("Feeds", "来源状态"), Text("Whether each feed tells the time.", "各来源是否按时发送时钟记录。"),
            Query("max by (feed) (tillwatch_feed_stalled)", "{{feed}}"), (24, 6), _FEED,
        )
    )  # fmt: skip


def _machine(kit: Kit, made: Dashboard) -> None:
    made.with_panel(
        kit.lines(
            Text("Clock skew", "时钟偏差"),
            Text("By how much the log's clock is ahead of each worker's.", "日志时钟比各工作进程快多少。"),
            [Query("max by (instance) (tillwatch_clock_skew_seconds)", "{{instance}}")], "s", (8, 8),
            steps=steps_of(limit.CLOCK_SKEW_S),
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Free where the log is", "日志磁盘剩余"),
            Text("Free bytes where a log in a file is; on Kafka there is no such figure, watch the brokers' disks.",
                 "文件日志所在磁盘的剩余空间；使用 Kafka 时无此数据，请监控其磁盘。"),
            [Query("min by (instance) (tillwatch_log_free_bytes)", "{{instance}}")], "bytes", (8, 8),
            steps=steps_of(limit.DISK_FREE_BYTES, least=True),
        )
    )  # fmt: skip
    made.with_panel(
        kit.table(
            Text("Versions that run", "运行版本"), Text("Workers by version of Tillwatch and Python.", "各版本的工作进程数。"),
            [Query("count by (version, python) (tillwatch_build_info)")],
            (Column("version", Text("Tillwatch", "Tillwatch")), Column("python", Text("Python", "Python")),
             Column("Value", Text("Workers", "进程数"), unit="none", colours=((None, GREY),))),
            (8, 8),
        )
    )  # fmt: skip
