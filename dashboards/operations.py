"""Operations: is it well? For whoever runs it, and for the one who was just called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import casework_words, words
from dashboards import thresholds as limit
from dashboards.alerting import BEHIND, FILING_BEHIND, HELD, JOB, NOTICE_DUE
from dashboards.colours import GREEN, GREY, OF_OUTCOME, OF_STEP, ORANGE, RED, YELLOW, Look
from dashboards.frame import board
from dashboards.kit import NONE, Column, Query, Step, steps_of
from dashboards.queries import chosen, gained, or_zero, quantile, series, since_start
from dashboards.risk_overview import each_interval
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit
    from dashboards.words import Words

RECORDS = "tillwatch_records_total"
BARS = 120
_P = chosen("partition")
_THIRD = (8, 8)
_PARTITION = Text("partition {{partition}}", "分区{{partition}}")
_OF_OUTBOX = {
    "pending": Look(Text("pending", "待发送"), ORANGE), "refused": Look(Text("refused", "被拒绝"), RED),
}  # fmt: skip
_OF_NOTICES = {
    "pending": Look(Text("pending", "待发送"), ORANGE), "dead": Look(Text("given up", "已放弃"), RED),
    "unopened": Look(Text("urgent, unopened", "紧急未打开"), YELLOW),
}  # fmt: skip
_UP = {"1": Look(Text("answers", "正常"), GREEN), "0": Look(Text("down", "无应答"), RED)}
_FEED = {"0": Look(Text("on time", "正常"), GREEN), "1": Look(Text("stalled", "停滞"), RED)}


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit,
        "tillwatch-operations",
        Text("Tillwatch · Operations", "Tillwatch · 运行状况"),
        Text(
            "Is it well? Dashed lines are the limits of the alerting rules: orange a ticket, red a page.",
            "运行状况。虚线即告警规则的阈值：橙色为工单，红色为紧急告警。",
        ),
        variables=("partition", "tz"),
        since="now-6h",
    )
    for part in (_figures, _flow, _pace, _workers, _state, _intake, _machine, _casework, _notices):
        part(kit, made)
    return made


def firing(severity: str) -> str:
    """How many alerting rules of a severity fire now; 0 as long as any partition is watched."""
    count = f'count(ALERTS{{alertstate="firing",service="tillwatch",severity="{severity}"}})'
    return f"{count} or count({series(RECORDS)}) * 0"


def by_partition(metric: str) -> str:
    """A gauge of each partition, whoever has it."""
    return f"max by (partition) ({metric}{_P})"


def _figures(kit: Kit, made: Dashboard) -> None:
    workers = f'count(up{{job="{JOB}"}} == 1) or count(up{{job="{JOB}"}}) * 0'
    dead = or_zero(gained(RECORDS, chosen("partition", outcome="dead_letter"), "$__range"))
    some: tuple[Step, ...] = ((None, RED), (1, GREEN))
    figures: tuple[tuple[Words, str, str, tuple[Step, ...]], ...] = (
        (words.PAGES, firing("page"), "short", ((None, GREEN), (1, RED))),
        (words.TICKETS, firing("ticket"), "short", ((None, GREEN), (1, ORANGE))),
        (words.WORKERS_UP, workers, "none", some),
        (words.PARTITIONS, f"sum({HELD})", "none", some),
        (words.BEHIND, f"max({BEHIND}{_P})", "s", steps_of(limit.BEHIND_S)),
        (words.DEAD_LETTERS, dead, "short", ((None, GREEN), (1, YELLOW))),
    )
    for said, expression, unit, steps in figures:
        zero = NONE if unit == "short" else None
        made.with_panel(kit.stat(said, expression, unit, (4, 4), steps=steps, zero=zero, decimals=0))


def _flow(kit: Kit, made: Dashboard) -> None:
    rate = Query(f"sum by (outcome) (rate({series(RECORDS)}{_P}[$__rate_interval]))", "{{outcome}}")
    made.with_panel(kit.lines(words.RECORDS, [rate], "short", (12, 8), looks=OF_OUTCOME, stack=True))
    behind = Query(f"max by (partition) ({BEHIND}{_P})", _PARTITION)
    made.with_panel(kit.lines(words.BEHIND_BY_PARTITION, [behind], "s", (12, 8), steps=steps_of(limit.BEHIND_S)))
    waiting = Query(by_partition("tillwatch_lag_records"), _PARTITION)
    made.with_panel(kit.lines(words.WAITING, [waiting], "short", (12, 8), stack=True))
    steps: tuple[Step, ...] = ((None, GREEN), (limit.PUBLISH_DELAY_S, ORANGE))
    made.with_panel(kit.lines(words.DELAY, _spread("tillwatch_publish_delay_seconds"), "s", (12, 8), steps=steps))


def _spread(histogram: str) -> list[Query]:
    half, most = Text("half within", "中位数"), Text("99 % within", "99%以内")
    return [Query(quantile(0.5, histogram), half), Query(quantile(0.99, histogram), most)]


def _pace(kit: Kit, made: Dashboard) -> None:
    steps = Query("sum by (step) (rate(tillwatch_step_seconds_sum[$__rate_interval]))", "{{step}}")
    made.with_panel(kit.lines(words.STEPS, [steps], "percentunit", _THIRD, looks=OF_STEP, stack=True))
    made.with_panel(kit.lines(words.BATCHES, _spread("tillwatch_batch_records"), "short", _THIRD))
    delay = Query(f"time() - {by_partition('tillwatch_watermark_timestamp_seconds')}", _PARTITION)
    made.with_panel(kit.lines(words.EVENT_DELAY, [delay], "s", _THIRD))


def _workers(kit: Kit, made: Dashboard) -> None:
    up = Query(f'max by (instance) (up{{job="{JOB}"}})', "{{instance}}")
    made.with_panel(kit.timeline(words.WORKERS, up, (8, 6), _UP))
    spread = Query("max by (instance) (tillwatch_partitions)", "{{instance}}")
    made.with_panel(kit.lines(words.SPREAD, [spread], "none", (8, 6), stack=True))
    recoveries = Query(since_start("tillwatch_recoveries_total", "$__interval", "instance"), "{{instance}}")
    made.with_panel(kit.bars(words.RECOVERIES, recoveries, "short", (8, 6), most=BARS))


def _state(kit: Kit, made: Dashboard) -> None:
    age = Query(f"time() - {by_partition('tillwatch_checkpoint_timestamp_seconds')}", _PARTITION)
    made.with_panel(kit.lines(words.CHECKPOINT_AGE, [age], "s", _THIRD, steps=steps_of(limit.CHECKPOINT_AGE_S)))
    made.with_panel(kit.lines(words.CHECKPOINT_TIME, _spread("tillwatch_checkpoint_seconds"), "s", _THIRD))
    size = Query(by_partition("tillwatch_checkpoint_bytes"), _PARTITION)
    made.with_panel(kit.lines(words.CHECKPOINT_SIZE, [size], "bytes", _THIRD, stack=True))


def _intake(kit: Kit, made: Dashboard) -> None:
    for said, metric, label in (
        (words.DEAD_BY_REASON, "tillwatch_dead_letters_total", "reason"),
        (words.DROPPED, "tillwatch_fields_dropped_total", "field"),
    ):
        made.with_panel(kit.bars(said, each_interval(kit, metric, label, _P), "short", _THIRD, most=BARS))
    heard = Query("time() - max by (feed) (tillwatch_feed_heard_timestamp_seconds)", "{{feed}}")
    steps: tuple[Step, ...] = ((None, GREEN), (limit.FEED_SILENT_S, RED))
    made.with_panel(kit.lines(words.FEEDS_HEARD, [heard], "s", _THIRD, steps=steps))
    stalled = Query("max by (feed) (tillwatch_feed_stalled)", "{{feed}}")
    made.with_panel(kit.timeline(words.FEEDS, stalled, (8, 6), _FEED))


def _machine(kit: Kit, made: Dashboard) -> None:
    skew = Query("max by (instance) (tillwatch_clock_skew_seconds)", "{{instance}}")
    made.with_panel(kit.lines(words.SKEW, [skew], "s", (6, 6), steps=steps_of(limit.CLOCK_SKEW_S)))
    free = Query("min by (instance) (tillwatch_log_free_bytes)", "{{instance}}")
    made.with_panel(kit.lines(words.DISK, [free], "bytes", (5, 6), steps=steps_of(limit.DISK_FREE_BYTES, least=True)))
    columns = (
        Column("version", Text("Tillwatch", "Tillwatch")),
        Column("python", Text("Python", "Python")),
        Column("Value", Text("Workers", "进程数"), unit="none", steps=((None, GREY),)),
    )
    running = Query("count by (version, python) (tillwatch_build_info)")
    made.with_panel(kit.table(words.VERSIONS, [running], columns, (5, 6)))


def _casework(kit: Kit, made: Dashboard) -> None:
    behind = Query(FILING_BEHIND, Text("behind", "滞后"))
    steps = steps_of(limit.FILING_BEHIND_S)
    made.with_panel(kit.lines(casework_words.FILING_BEHIND, [behind], "s", (8, 6), steps=steps))
    lag = Query("max by (topic) (tillwatch_casework_lag_records)", "{{topic}}")
    made.with_panel(kit.lines(casework_words.FILING_LAG, [lag], "short", (8, 6)))
    outbox = Query("max by (status) (tillwatch_casework_outbox_records)", "{{status}}")
    made.with_panel(kit.lines(casework_words.OUTBOX_WAITING, [outbox], "none", (8, 6), looks=_OF_OUTBOX))


def _notices(kit: Kit, made: Dashboard) -> None:
    due, steps = Query(NOTICE_DUE, Text("due", "已到期")), ((None, GREEN), (limit.NOTICE_OLDEST_S, ORANGE))
    made.with_panel(kit.lines(casework_words.NOTICES_DUE, [due], "s", (8, 6), steps=steps))
    tried = Query(
        "max by (channel, status) (increase(tillwatch_notices_attempts_total[$__rate_interval]))",
        "{{channel}} {{status}}",
    )
    made.with_panel(kit.lines(casework_words.NOTICES_TRIED, [tried], "short", (8, 6)))
    stand = Query('max by (status) (tillwatch_notices_notices{status=~"pending|dead"})', "{{status}}")
    unopened = Query("max(tillwatch_notices_unopened_urgent)", "unopened")
    made.with_panel(kit.lines(casework_words.NOTICES_STAND, [stand, unopened], "none", (8, 6), looks=_OF_NOTICES))
