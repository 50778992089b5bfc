"""The columns of a month's statistics, for pages and for the command that writes the monthly table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from domain.alerts import Text
from domain.currencies import in_units

if TYPE_CHECKING:
    from casework.reading.reps import Line
    from console.languages import Say
    from console.tables import Cell

_KEYS = {
    "rep": Text("rep", "客户经理"), "region": Text("region", "地区"), "agent": Text("agent", "代理商"),
}  # fmt: skip
_FIGURES = {
    "merchants": Text("merchants", "商户数"), "active": Text("active merchants", "活跃商户"),
    "new": Text("new merchants", "新增商户"), "lost": Text("lost merchants", "流失商户"),
    "tasks": Text("tasks due", "应办任务"), "tasks_open": Text("open", "未反馈"), "tasks_late": Text("late", "超时"),
    "answered": Text("answered", "已反馈"), "confirmed": Text("confirmed", "属实"),
    "due": Text("visits due", "应走访"), "in_time": Text("made in time", "按期完成"),
    "missed": Text("missed", "逾期"), "visits": Text("visits made", "实际走访"),
    "warned": Text("early warnings", "经营预警"), "turned": Text("warnings that turned", "预警已好转"),
    "complaints": Text("complaints", "投诉"),
}  # fmt: skip
"""By field of `casework.reading.reps.Line`, what the column is called."""
_MONEY = (Text("currency", "币种"), Text("turnover", "交易额"), Text("fee income", "手续费收入"))


def header(by: str, say: Say) -> list[str]:
    """What the columns are called."""
    return [say(each) for each in (_KEYS[by], Text("name", "名称"), *_FIGURES.values(), *_MONEY)]


def cells(line: Line) -> list[list[Cell]]:
    """The rows of a line: one for each currency; counts stand in the first alone, so that a column adds up."""
    counts: list[Cell] = [getattr(line, each) for each in _FIGURES]
    if not line.money:
        return [[line.key, line.name, *counts, None, None, None]]
    blank: list[Cell] = [None] * len(counts)
    return [
        [
            line.key, line.name, *(blank if k else counts), each.currency,
            in_units(each.turnover_minor, each.currency), in_units(each.fee_minor, each.currency),
        ]
        for k, each in enumerate(line.money)
    ]  # fmt: skip
