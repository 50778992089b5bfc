"""Statistics of a month, by rep, region or agent."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Response

from casework.month_sums import BY, shifted
from casework.reading.reps import Line, Month, month_of, statistics
from console.filters import clock
from console.page import OfficePage, Page
from console.rep_columns import cells, header
from console.tables import Cell, download, kind_of
from domain.alerts import Text

router = APIRouter()
BY_WORDS = {"rep": Text("Rep", "客户经理"), "region": Text("Region", "地区"), "agent": Text("Agent", "代理商")}
MOST_ROWS = 300
"""Lines on a page; a file has all."""
assert {*BY_WORDS} == {*BY}
MonthAsked = Annotated[str, Query(max_length=20)]


@router.get("/reps")
def show(page: OfficePage, month: MonthAsked = "", by: str = "rep") -> Response:
    """A month's figures, the running month by default."""
    chosen = _month(page, month)
    found = statistics(page.store, page.actor, chosen, by, page.now_ms)
    this = _this_month(page)
    return page.render(
        "reps/page.html", lines=found[:MOST_ROWS], count=len(found), month=chosen, by=by, kinds=BY_WORDS,
        before=chosen.before, after=shifted(chosen.name, 1) if chosen.name < this else "", this=this,
    )  # fmt: skip


@router.get("/reps.{file_kind}")
def export(page: OfficePage, file_kind: str, month: MonthAsked = "", by: str = "rep") -> Response:
    """The same as a file: a row for each currency of a line."""
    kind, chosen = kind_of(file_kind), _month(page, month)
    found = statistics(page.store, page.actor, chosen, by, page.now_ms)
    name = f"{page.say('statistics', '月度统计')}-{by}-{chosen.name}"
    return download(name, kind, header(by, page.say), _rows(found))


def _rows(found: tuple[Line, ...]) -> Iterator[list[Cell]]:
    for each in found:
        yield from cells(each)


def _this_month(page: Page) -> str:
    return clock(page.now_ms, page.console.zone)[:7]


def _month(page: Page, text: str) -> Month:
    return month_of(text or _this_month(page), page.console.zone, page.now_ms)
