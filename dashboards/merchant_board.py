"""Merchant: all that casework has of one merchant, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards import casework_words as words
from dashboards.colours import BLUE, GREEN, GREY, OF_DETECTOR, OF_GRADE, OF_VERDICT, ORANGE, RED, Look
from dashboards.frame import sql_board
from dashboards.kit import Column, Query, Step
from dashboards.sql_kit import AT, by_ms
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.sql_kit import SqlKit
    from dashboards.words import Words

_M = "merchant_id = ${merchant_id:sqlstring}"
_SHOWN = f"$__timeFilter({AT})"
_OF_VOLUME = {
    "sales": Look(Text("sales", "笔数"), BLUE), "expected": Look(Text("expected", "预期"), GREEN),
    "low": Look(Text("nineteen days in twenty have more", "二十日中十九日多于此"), GREY),
    "high": Look(Text("nineteen days in twenty have fewer", "二十日中十九日少于此"), GREY),
}  # fmt: skip
_OF_FEES = {"charged": Look(Text("charged", "实收"), BLUE), "due": Look(Text("due", "应收"), GREEN)}
_OF_GAUGE = {
    "vamp": Look(Text("VAMP of Visa", "Visa VAMP"), BLUE),
    "ecm": Look(Text("ECM of Mastercard", "Mastercard ECM"), ORANGE),
    "hecm": Look(Text("HECM of Mastercard", "Mastercard HECM"), RED),
    "efm": Look(Text("EFM of Mastercard", "Mastercard EFM"), "#B877D9"),
    "approval": Look(Text("approvals", "批准率"), GREEN), "returns": Look(Text("returns", "退货"), "#F2CC0C"),
}  # fmt: skip
_SCORES: tuple[Step, ...] = ((None, GREEN), (50, ORANGE), (75, RED))


def build(kit: SqlKit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = sql_board(
        kit, "tillwatch-merchant", Text("Tillwatch · Merchant", "Tillwatch · 商户"),
        Text("One merchant day by day, with its alerts and cases.", "单个商户逐日情况，及其告警和案件。"),
        variables=("merchant_id", "console"), since="now-90d",
    )  # fmt: skip
    for part in (_figures, _courses, _lists):
        part(kit, made)
    return made


def _figures(kit: SqlKit, made: Dashboard) -> None:
    days = f"FROM view_merchant_days WHERE {_M} AND {_SHOWN}"
    own = f"{days} AND currency = '{kit.currency}'"
    alerts = f"SELECT count(*) AS value FROM view_alerts WHERE {_M} AND verdict"
    figures: tuple[tuple[Words, str, str, tuple[Step, ...], int], ...] = (
        (words.SCORE, f"SELECT score AS value FROM view_merchants WHERE {_M}", "none", _SCORES, 1),
        (words.OPEN_ALERTS, f"{alerts} IS NULL", "none", ((None, GREEN), (1, ORANGE)), 0),
        (words.DECIDED_ALERTS, f"{alerts} = 'confirmed'", "none", ((None, GREEN), (1, RED)), 0),
        (words.TURNOVER_SHOWN, f"SELECT sum(turnover_minor) / {kit.minor} AS value {own}", kit.money,
         ((None, BLUE),), 0),
        (words.FEE_SHOWN, f"SELECT sum(fee_minor) / nullif(sum(turnover_minor), 0) AS value {own}", "percentunit",
         ((None, BLUE),), 2),
        (words.LAST_DAY, f"SELECT count(*) AS value {days}", "none", ((None, BLUE),), 0),
    )  # fmt: skip
    for said, sql, unit, steps, decimals in figures:
        made.with_panel(kit.stat(said, sql, unit, (4, 4), steps=steps, decimals=decimals))


def _courses(kit: SqlKit, made: Dashboard) -> None:
    days = f"FROM view_merchant_days WHERE {_M} AND {_SHOWN}"
    own = f"{days} AND currency = '{kit.currency}'"
    volume = " UNION ALL ".join(
        f"SELECT {AT} AS time, '{name}' AS metric, {column} AS value {days}"
        for name, column in (
            ("sales", "sales"), ("expected", "expected_sales"), ("low", "low_sales"), ("high", "high_sales"),
        )
    )  # fmt: skip
    made.with_panel(kit.lines(words.VOLUME, [Query(f"{volume} ORDER BY 1")], "short", (12, 8), looks=_OF_VOLUME))
    turnover = f"SELECT {AT} AS time, 'turnover' AS metric, turnover_minor / {kit.minor} AS value {own} ORDER BY 1"
    looks = {"turnover": Look(Text("turnover", "交易额"), BLUE)}
    made.with_panel(kit.bars(words.DAY_TURNOVER, Query(turnover), kit.money, (12, 8), looks, most=400))
    charged = f"SELECT {AT} AS time, 'charged' AS metric, fee_minor / nullif(turnover_minor, 0) AS value {own}"
    due = (
        f"SELECT {AT} AS time, 'due' AS metric, fee_due_minor / nullif(fee_judged_minor, 0) * fee_minor"
        f" / nullif(turnover_minor, 0) AS value {own}"
    )
    fees = Query(f"{charged} UNION ALL {due} ORDER BY 1")
    made.with_panel(kit.lines(words.DAY_FEES, [fees], "percentunit", (12, 8), looks=_OF_FEES))
    mix = (
        f"SELECT {AT} AS time, mcc AS metric, sales AS value FROM view_merchant_mccs WHERE {_M} AND {_SHOWN} ORDER BY 1"
    )
    made.with_panel(kit.bars(words.MCC_MIX, Query(mix), "short", (12, 8), most=400))
    risk = f"SELECT {AT} AS time, 'score' AS metric, score AS value {days} ORDER BY 1"
    looks = {"score": Look(Text("score", "评分"), BLUE)}
    made.with_panel(kit.lines(words.RISK, [Query(risk)], "none", (12, 8), looks=looks, steps=_SCORES, top=100))
    gauges = (
        f"SELECT {AT} AS time, programme AS metric, share AS value FROM view_merchant_gauges"
        f" WHERE {_M} AND {_SHOWN} ORDER BY 1"
    )
    steps: tuple[Step, ...] = ((None, GREEN), (1, RED))
    made.with_panel(kit.lines(words.GAUGES, [Query(gauges)], "percentunit", (12, 8), looks=_OF_GAUGE, steps=steps))


def _lists(kit: SqlKit, made: Dashboard) -> None:
    own = f"CASE WHEN currency = '{kit.currency}' THEN"
    alerts = f"""
    SELECT detector, severity, {own} turnover_minor / {kit.minor} END AS turnover,
     {own} loss_minor / {kit.minor} END AS loss, last_time::timestamptz AS last_time, coalesce(verdict, '') AS verdict
    FROM view_alerts WHERE {_M} AND $__timeFilter(last_time::timestamptz) ORDER BY last_time DESC LIMIT 200
    """
    columns = (
        Column("detector", Text("What was found", "问题"), looks=OF_DETECTOR),
        Column("severity", Text("Severity", "级别"), unit="percentunit", width=90),
        Column("turnover", Text("Turnover", "涉及交易额"), unit=kit.money, width=130),
        Column("loss", Text("Loss", "损失"), unit=kit.money, width=130),
        Column("last_time", Text("Last hit", "末次命中"), unit="dateTimeAsIso", width=170),
        Column("verdict", Text("Verdict", "判定"), width=130, looks=OF_VERDICT),
    )
    made.with_panel(kit.table(words.ALERTS, [Query(alerts)], columns, (14, 10)))
    cases = f"""
    SELECT case_id, to_timestamp(opened_ms / 1000.0) AS opened, grade, undecided, coalesce(holder, '') AS holder
    FROM view_cases WHERE {_M} AND {by_ms("updated_ms")} ORDER BY opened_ms DESC LIMIT 50
    """
    of_case = (
        Column("case_id", Text("Case", "案件"), unit="none", width=90, link="${console}/cases/${__value.raw}"),
        Column("opened", Text("Opened", "立案"), unit="dateTimeAsIso", width=170),
        Column("grade", Text("Grade", "等级"), width=90, looks=OF_GRADE),
        Column("undecided", Text("Undecided", "未判定"), unit="none", width=100),
        Column("holder", Text("Held by", "处理人")),
    )
    made.with_panel(kit.table(words.CASES, [Query(cases)], of_case, (10, 10)))
