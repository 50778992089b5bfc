"""Risk overview: what is happening. Alerts and money by kind, grades, regions, agents, the riskiest merchants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.colours import GREEN, GREY, OF_BEARER, OF_DETECTOR, OF_GRADE, OF_SEVERITY, ORANGE, RED
from dashboards.frame import board
from dashboards.kit import NONE, Column, Query
from dashboards.queries import chosen, gained, or_none, or_zero, series
from domain.alerts import Text

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import table
    from grafana_foundation_sdk.builders.dashboard import Dashboard

    from dashboards.kit import Kit

ALERTS, TURNOVER, LOSS = "tillwatch_alerts_total", "tillwatch_alert_turnover_total", "tillwatch_alert_loss_total"
MERCHANTS = series("tillwatch_merchants")
EVERY = "5m"
_ALERT = chosen("partition", "detector", "severity")
_COUNTED = Text(
    " Counted once each, as of the last checkpoint; 'none' is a counted 0, 'no data' means that no worker answered.",
    "每条只计一次，截至最近检查点；“无”表示计数为0，“无数据”表示没有工作进程应答。",
)
_MONEY = Text(
    " In the acquirer's own currency; the detector and partition filters apply where the figure has them.",
    "以收单机构本位币计；筛选条件适用于带有该维度的数据。",
)


def _with(text: Text, tail: Text) -> Text:
    return Text(text.en + tail.en, text.zh + tail.zh)


def build(kit: Kit) -> Dashboard:
    """The dashboard in the kit's language."""
    made = board(
        kit, "tillwatch-risk", Text("Tillwatch · Risk overview", "Tillwatch · 风险概览"),
        Text("What is happening: alerts, money and merchants. For leads and analysts.",
             "正在发生什么：预警、金额与商户。供风控负责人与分析员使用。"),
        variables=("partition", "detector", "severity", "region", "agent", "tz", "console"), since="now-24h", night=True,
    )  # fmt: skip
    _figures(kit, made)
    _courses(kit, made)
    _merchants(kit, made)
    _places(kit, made)
    return made


def _figures(kit: Kit, made: Dashboard) -> None:
    critical = chosen("partition", "detector", severity="critical")
    bad = f"sum({MERCHANTS}{chosen('partition', grade='D')}) + sum({MERCHANTS}{chosen('partition', grade='E')})"
    for title, about, expression, unit, steps in (
        (Text("New alerts", "新增预警"), _with(Text("Alerts begun in the time shown.", "所选时段内新增的预警。"), _COUNTED),
         or_zero(gained(ALERTS, _ALERT, "$__range")), "short", ((None, "#5794F2"),)),
        (Text("Critical alerts", "紧急预警"),
         _with(Text("Those to be worked today, by the severity of their first hit.", "首次命中即为紧急、须当日核查的预警。"),
               _COUNTED), or_zero(gained(ALERTS, critical, "$__range")), "short", ((None, GREEN), (1, RED))),
        (Text("Turnover in question", "涉及交易额"),
         _with(Text("Turnover of the transactions that hit.", "命中交易的金额。"), _MONEY),
         or_zero(gained(TURNOVER, chosen("partition", "detector"), "$__range")), kit.money, ((None, "#5794F2"),)),
        (Text("Loss", "损失"),
         _with(Text("Loss by the transactions that hit, where it can be computed, whoever bears it.",
                    "命中交易造成的、可计算的损失合计。"), _MONEY),
         or_zero(gained(LOSS, chosen("partition"), "$__range")), kit.money, ((None, ORANGE),)),
        (Text("Merchants of grade D or E", "D、E级商户"),
         Text("Merchants whose published grade is D or E now.", "当前公布等级为D或E的商户数。"), bad, "short",
         ((None, GREEN), (1, ORANGE))),
        (Text("Merchants watched", "监测商户"), Text("Merchants known to the workers that answer.", "工作进程已知的商户数。"),
         f"sum({MERCHANTS}{chosen('partition')})", "short", ((None, GREY),)),
    ):  # fmt: skip
        zero = None if unit == kit.money else NONE
        made.with_panel(kit.stat(title, about, expression, unit, (4, 4), steps=steps, zero=zero))


def _courses(kit: Kit, made: Dashboard) -> None:
    made.with_panel(
        kit.lines(
            Text("New alerts by severity", "新增预警（按级别）"),
            _with(Text("Alerts begun, in each interval shown.", "每个时间间隔内新增的预警。"), _COUNTED),
            [Query(or_none(gained(ALERTS, _ALERT, "$__interval", "severity"), "severity", kit.say(NONE)), "{{severity}}")], "short", (15, 9),
            looks=OF_SEVERITY, stack=True, bars=True, every=EVERY,
        )
    )  # fmt: skip
    made.with_panel(
        kit.ranking(
            Text("New alerts by kind", "新增预警（按类型）"),
            _with(Text("Alerts begun in the time shown, by what was found.", "所选时段内新增的预警，按发现的问题。"), _COUNTED),
            Query(_ranked(kit, gained(ALERTS, _ALERT, "$__range", "detector"), "detector", most=20), "{{detector}}"),
            "short", (9, 9),
            looks=OF_DETECTOR, decimals=0,
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Turnover in question by kind", "涉及交易额（按类型）"),
            _with(Text("Turnover of the transactions that hit, in each interval shown.", "每个时间间隔内命中交易的金额。"),
                  _MONEY),
            [Query(or_none(gained(TURNOVER, chosen("partition", "detector"), "$__interval", "detector"), "detector", kit.say(NONE)), "{{detector}}")],
            kit.money, (12, 9), looks=OF_DETECTOR, stack=True, bars=True, every=EVERY,
        )
    )  # fmt: skip
    made.with_panel(
        kit.lines(
            Text("Loss by who bears it", "损失（按承担方）"),
            _with(Text("Loss by the transactions that hit, in each interval shown.", "每个时间间隔内命中交易造成的损失。"),
                  _MONEY),
            [Query(or_none(gained(LOSS, chosen("partition"), "$__interval", "bearer"), "bearer", kit.say(NONE)), "{{bearer}}")],
            kit.money, (12, 9), looks=OF_BEARER, stack=True, bars=True, every=EVERY,
        )
    )  # fmt: skip


def riskiest(kit: Kit, most: int, size: tuple[int, int]) -> table.Panel:
    """The table of the merchants with the highest scores; the wall has a shorter one."""
    labels = "merchant_id, name, grade"
    score = f"max by ({labels}) (tillwatch_riskiest_merchant_score{chosen('partition')})"
    return kit.table(
        Text("Riskiest merchants", "风险最高的商户"),
        Text("Merchants with the highest risk scores now, 0 to 100 points, of the 50 that each partition shows. The number"
             " leads to the merchant in the console.", "当前风险评分（0至100分）最高的商户，取自各分区列出的前50名。"
             "点商户编号跳转到工作台。"),
        [Query(f"sort_desc(topk({most}, {score}))")],
        (
            Column("merchant_id", Text("Merchant", "商户编号"), width=190,
                   link="${console}/merchants/${__data.fields.merchant_id}"),
            Column("name", Text("Name", "商户名称")),
            Column("grade", Text("Grade", "等级"), width=80, looks=OF_GRADE),
            Column("Value", Text("Score", "评分"), unit="none", width=220, gauge=100,
                   colours=((None, GREEN), (40, "#F2CC0C"), (60, ORANGE), (80, RED))),
        ),
        size, sort="Value",
    )  # fmt: skip


def _merchants(kit: Kit, made: Dashboard) -> None:
    made.with_panel(riskiest(kit, 20, (14, 14)))
    made.with_panel(
        kit.lines(
            Text("Merchants of grades C, D and E", "C、D、E级商户数"),
            Text("Merchants by their published grade; A and B, the rest, are left out so that these can be read.",
                 "按公布等级统计的商户数；其余A、B级不画，以便看清。"),
            [Query(f'sum by (grade) ({MERCHANTS}{{partition=~"$partition",grade=~"C|D|E"}})', "{{grade}}")],
            "short", (10, 7), looks=OF_GRADE, stack=True,
        )
    )  # fmt: skip
    made.with_panel(
        kit.ranking(
            Text("New alerts by MCC group", "新增预警（按MCC大类）"),
            _with(Text("By the range of ISO 18245 that the merchant's registered MCC is in; the ten with most.",
                       "按商户登记MCC所属的ISO 18245区段，取前十。"), _COUNTED),
            Query(_top(kit, "tillwatch_alerts_by_mcc_group_total", "mcc_group", chosen("partition")), "{{mcc_group}}"),
            "short", (10, 7), decimals=0,
        )
    )  # fmt: skip


def _places(kit: Kit, made: Dashboard) -> None:
    for title, about, metric, label in (
        (Text("New alerts by region", "新增预警（按地区）"),
         Text("By the shop's city, or region where no city is known; the ten with most.", "按商户所在城市（未知则按地区），取前十。"),
         "tillwatch_alerts_by_region_total", "region"),
        (Text("New alerts by agent", "新增预警（按代理商）"),
         Text("By the agent who brought the merchant; the ten with most.", "按拓展该商户的代理商，取前十。"),
         "tillwatch_alerts_by_agent_total", "agent"),
    ):  # fmt: skip
        made.with_panel(
            kit.ranking(
                title, _with(about, _COUNTED),
                Query(_top(kit, metric, label, chosen("partition", label)), f"{{{{{label}}}}}"), "short", (12, 9), decimals=0,
            )
        )  # fmt: skip


def _top(kit: Kit, metric: str, label: str, selector: str) -> str:
    return _ranked(kit, gained(metric, selector, "$__range", label), label, most=10)


def _ranked(kit: Kit, expression: str, label: str, most: int) -> str:
    """The greatest figures that are above 0, the greatest first."""
    return or_none(f"sort_desc(topk({most}, {expression} > 0))", label, kit.say(NONE))
