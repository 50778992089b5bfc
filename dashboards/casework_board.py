"""Casework: what waits, what was decided, by whom, and how well detectors did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import casework_words as words
from dashboards.colours import BLUE, GREEN, GREY, OF_DETECTOR, OF_GRADE, OF_VERDICT, ORANGE, RED, Look
from dashboards.frame import sql_board
from dashboards.kit import Column, Query, Step
from dashboards.sql_kit import NOW_MS, by_ms, local_day
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.sql_kit import SqlKit
    from dashboards.words import Words

_DAY_MS = 86_400_000
_OPEN = "status = 'open' AND undecided > 0"
_SNOOZED = f"coalesce(snoozed_until_ms, 0) > {NOW_MS}"
_DUE = f"status = 'pending' AND not_before_ms < {NOW_MS}"
_AGES = (
    ("today", Text("Up to 1 day", "1日内"), 0, 1), ("days_3", Text("1 to 3 days", "1至3日"), 1, 3),
    ("days_7", Text("3 to 7 days", "3至7日"), 3, 7), ("older", Text("Older", "更久"), 7, 36_500),
)  # fmt: skip
_OF_FLOW = {"opened": Look(Text("opened", "立案"), ORANGE), "decided": Look(Text("decided", "判定"), GREEN)}
_OF_TIME = {
    "half": Look(Text("half within", "中位数"), BLUE), "most": Look(Text("nine in ten within", "九成以内"), ORANGE),
}  # fmt: skip
_OF_OUTBOX = {
    "pending": Look(Text("pending", "待发送"), ORANGE), "sent": Look(Text("sent", "已发送"), GREEN),
    "cancelled": Look(Text("cancelled", "已取消"), GREY), "refused": Look(Text("refused", "被拒绝"), RED),
}  # fmt: skip
_GRADES = OF_GRADE | {"–": Look(Text("–", "–"))}
_JUDGED = "('confirmed', 'lawful_change', 'data_error', 'false_alarm')"


def build(kit: SqlKit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = sql_board(
        kit, "tillwatch-casework", Text("Tillwatch · Casework", "Tillwatch · 案件处理"),
        Text("What waits, what was decided, by whom, and how well detectors did.",
             "待处理案件、判定情况、处理人与各检测项属实率。"),
        variables=("console",), since="now-30d",
    )  # fmt: skip
    for part in (_figures, _waiting, _deciding, _people):
        part(kit, made)
    return made


def _figures(kit: SqlKit, made: Dashboard) -> None:
    count, some = f"SELECT count(*) AS value FROM view_cases WHERE {_OPEN}", ((None, GREEN), (1, ORANGE))
    late: tuple[Step, ...] = ((None, GREEN), (1, RED))
    figures: tuple[tuple[Words, str, str, tuple[Step, ...]], ...] = (
        (words.OPEN_CASES, count, "none", ((None, BLUE),)),
        (words.LATE, f"{count} AND due_ms < {NOW_MS}", "none", late),
        (words.UNASSIGNED, f"{count} AND holder IS NULL AND NOT {_SNOOZED}", "none", some),
        (words.SNOOZED, f"{count} AND {_SNOOZED}", "none", ((None, BLUE),)),
        (words.OLDEST, f"SELECT ({NOW_MS} - min(opened_ms)) / 1000 AS value FROM view_cases WHERE {_OPEN}", "s",
         ((None, BLUE),)),
        (words.OUTBOX, f"SELECT count(*) AS value FROM view_outbox WHERE {_DUE}", "none", some),
    )  # fmt: skip
    for said, sql, unit, steps in figures:
        made.with_panel(kit.stat(said, sql, unit, (4, 4), steps=steps, decimals=0))


def _waiting(kit: SqlKit, made: Dashboard) -> None:
    age = f"({NOW_MS} - opened_ms) / {_DAY_MS}.0"
    counts = ", ".join(
        f"count(*) FILTER (WHERE {age} >= {low} AND {age} < {high}) AS {name}" for name, _, low, high in _AGES
    )
    by_age = (
        f"SELECT coalesce(grade, '–') AS grade, {counts}, count(*) AS every FROM view_cases WHERE {_OPEN}"
        " GROUP BY 1 ORDER BY 1 DESC"
    )
    columns = (
        Column("grade", Text("Grade", "等级"), width=100, looks=_GRADES),
        *(Column(name, title, unit="none") for name, title, _, _ in _AGES),
        Column("every", Text("All", "合计"), unit="none"),
    )
    made.with_panel(kit.table(words.BY_AGE, [Query(by_age)], columns, (12, 8)))
    late = f"""
    SELECT case_id, merchant_id, coalesce(grade, '–') AS grade, ({NOW_MS} - due_ms) / 1000 AS late_s,
     coalesce(holder, '') AS holder
    FROM view_cases WHERE {_OPEN} AND due_ms < {NOW_MS} ORDER BY due_ms LIMIT 20
    """
    columns = (
        Column("case_id", Text("Case", "案件"), unit="none", width=80, link="${console}/cases/${__value.raw}"),
        Column("merchant_id", Text("Merchant", "商户"), link=_merchant(kit)),
        Column("grade", Text("Grade", "等级"), width=90, looks=_GRADES),
        Column("late_s", Text("Late by", "逾期"), unit="s", width=110),
        Column("holder", Text("Held by", "处理人"), width=120),
    )
    made.with_panel(kit.table(words.LATE_CASES, [Query(late)], columns, (12, 8)))


def _merchant(kit: SqlKit) -> str:
    """The board of a merchant, of the same data source."""
    return f"/d/tillwatch-merchant-{kit.language}?var-merchant_id=${{__value.raw}}&var-datasource=${{datasource}}"


def _deciding(kit: SqlKit, made: Dashboard) -> None:
    day = local_day("decided_ms")
    decided = f"""
    SELECT {day} AS time, verdict AS metric, count(*) AS value FROM view_decisions WHERE {by_ms("decided_ms")}
    GROUP BY 1, 2 ORDER BY 1
    """
    made.with_panel(kit.bars(words.DECIDED, Query(decided), "short", (12, 8), OF_VERDICT, most=400))
    flow = f"""
    SELECT {local_day("opened_ms")} AS time, 'opened' AS metric, count(*) AS value FROM view_cases
    WHERE {by_ms("opened_ms")} GROUP BY 1 UNION ALL
    SELECT {day} AS time, 'decided' AS metric, count(DISTINCT case_id) AS value FROM view_decisions
    WHERE {by_ms("decided_ms")} GROUP BY 1 ORDER BY 1
    """
    made.with_panel(kit.lines(words.OPENED, [Query(flow)], "short", (12, 8), looks=_OF_FLOW))
    took = " UNION ALL ".join(
        f"SELECT {day} AS time, '{name}' AS metric, percentile_cont({share}) WITHIN GROUP (ORDER BY"
        f" (decided_ms - opened_ms) / 1000.0) AS value FROM view_decisions WHERE {by_ms('decided_ms')} GROUP BY 1"
        for name, share in (("half", 0.5), ("most", 0.9))
    )
    made.with_panel(kit.lines(words.TIME_TO_DECISION, [Query(f"{took} ORDER BY 1")], "s", (12, 8), looks=_OF_TIME))
    outbox = "SELECT status, count(*) AS records FROM view_outbox GROUP BY 1 ORDER BY 1"
    columns = (
        Column("status", Text("Status", "状态"), looks=_OF_OUTBOX),
        Column("records", Text("Records", "记录数"), unit="none", width=110),
    )
    made.with_panel(kit.table(words.OUTBOX_TABLE, [Query(outbox)], columns, (12, 8)))


def _people(kit: SqlKit, made: Dashboard) -> None:
    holders = f"""
    SELECT coalesce(o.holder, d.holder) AS holder, coalesce(o.cases, 0) AS cases, coalesce(o.late, 0) AS late,
     coalesce(d.decisions, 0) AS decisions
    FROM (SELECT holder, count(*) AS cases, count(*) FILTER (WHERE due_ms < {NOW_MS}) AS late FROM view_cases
     WHERE {_OPEN} AND holder IS NOT NULL GROUP BY 1) o
    FULL JOIN (SELECT "by" AS holder, count(*) AS decisions FROM view_decisions
     WHERE {by_ms("decided_ms")} GROUP BY 1) d ON d.holder = o.holder
    ORDER BY 2 DESC, 1
    """
    columns = (
        Column("holder", Text("Person", "人员")),
        Column("cases", Text("Open", "待处理"), unit="none", width=100),
        Column("late", Text("Late", "逾期"), unit="none", width=100, steps=((None, GREY), (1, RED))),
        Column("decisions", Text("Decisions", "判定"), unit="none", width=100),
    )
    made.with_panel(kit.table(words.HOLDERS, [Query(holders)], columns, (12, 10)))
    quality = f"""
    SELECT detector, count(*) AS decided, avg((verdict = 'confirmed')::integer) AS confirmed FROM view_alerts
    WHERE verdict IN {_JUDGED} AND {by_ms("decided_ms")} GROUP BY 1 ORDER BY 2 DESC
    """
    of_detector = (
        Column("detector", Text("Detector", "检测项"), looks=OF_DETECTOR),
        Column("decided", Text("Decided", "已判定"), unit="none", width=110),
        Column("confirmed", Text("Confirmed", "属实率"), unit="percentunit", width=200, gauge=1),
    )
    made.with_panel(kit.table(words.CONFIRMATION, [Query(quality)], of_detector, (12, 10)))
