"""The demonstration's live view."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tillwatch.show import GRADE_STYLES, money, severity_bar, table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from domain.alerts import Alert, Score
    from tillwatch.demo.log_snapshot import Picture

_FRAME_ROWS = 18
"""Lines of the view that are no row of a table."""


def board(picture: Picture, note: str, height: int) -> RenderableType:
    """Everything, in `height` lines; `note` stands below the figures."""
    rows = max(3, height - _FRAME_ROWS)
    severest = max(1, rows * 2 // 5)
    latest = max(1, rows // 4)
    return Group(
        Panel(
            Group(_figures(picture), Text(note, "dim")),
            title="[bold]Tillwatch[/bold]  simulated terminals 模拟终端",
            title_align="left",
            border_style="blue",
        ),
        _alerts("Severest alerts 最严重告警", picture.severest(severest)),
        Text(),
        _alerts("Latest alerts 最新告警", picture.latest(latest)),
        Text(),
        _merchants(picture.riskiest(max(1, rows - severest - latest))),
    )


def _figures(picture: Picture) -> Table:
    made = Table.grid(expand=True, padding=(0, 1))
    figures = (
        ("now", "当前", f"{picture.rate:,.0f} tx/s"),
        ("lag", "积压", f"{picture.lag:,}"),
        ("transactions", "交易", f"{picture.count('transactions'):,}"),
        ("alerts", "告警", f"{len(picture.alerts):,}"),
        ("at stake", "涉及金额", stakes(picture)),
        ("dead letters", "死信", f"{picture.count('dead_letters'):,}"),
        ("simulated UTC", "模拟时间", moment(picture.simulated_ms)),
    )
    for english, chinese, figure in figures:
        made.add_column(min_width=max(len(english), 2 * len(chinese)), max_width=max(16, len(figure)))
    for row, look in ((0, "dim"), (1, "dim"), (2, "bold")):
        made.add_row(*(Text(each[row], look) for each in figures))
    return made


def _alerts(title: str, alerts: Iterable[Alert]) -> Table:
    made = table(title, "severity 程度", "merchant 商户", "at stake 金额", "hits 次", "why 原因", numbers=(2, 3))
    for column in made.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    made.columns[-1].ratio = 1
    made.expand = True
    for each in alerts:
        made.add_row(
            severity_bar(each.severity), each.merchant_id, money(each.at_stake, each.currency),
            f"{each.hits:,}", f"{each.title.zh} {each.title.en}: {each.reason.en}",
        )  # fmt: skip
    if not made.row_count:
        made.add_row(Text("none so far 暂无", "dim"))
    return made


def _merchants(scores: Iterable[Score]) -> Table:
    made = table(
        "Riskiest merchants 高风险商户",
        "score 评分",
        "grade 等级",
        "merchant 商户",
        "from 来源",
        numbers=(0,),
    )
    for each in scores:
        parts = ", ".join(f"{part.detector} +{part.points:.1f}" for part in each.contributions)
        made.add_row(f"{each.score:.1f}", Text(each.grade, GRADE_STYLES[each.grade]), each.merchant_id, parts)
    if not made.row_count:
        made.add_row(Text("none so far 暂无", "dim"))
    return made


def stakes(picture: Picture) -> str:
    """Money at stake in all alerts."""
    return ", ".join(money(minor, currency) for currency, minor in sorted(picture.at_stake().items())) or "0"


def moment(ms: int | None) -> str:
    """A time for people, UTC.

    >>> moment(1_736_092_800_000)
    '2025-01-05 16:00'
    """
    return "" if ms is None else f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M}"


def status_line(picture: Picture, seconds: float) -> str:
    """The figures in one line."""
    return (
        f"{seconds:.0f} s: {picture.count('transactions'):,} transactions, {picture.rate:,.0f} tx/s,"
        f" lag {picture.lag:,}, {len(picture.alerts):,} alerts, {stakes(picture)} at stake,"
        f" {picture.count('dead_letters'):,} dead letters, simulated {moment(picture.simulated_ms)}"
    )
