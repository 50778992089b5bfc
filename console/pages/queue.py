"""The queue: open cases, in the order in which they are to be worked."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from casework import outbox, queue, reminders
from casework.days import day_of
from casework.people import WORKS, names_of
from casework.queue.filters import CHOICES, Filter, parse
from casework.queue.today import today
from casework.reasons import REASONS, VERDICT_WORDS
from console.page import OfficePage, Page

router = APIRouter()
ROWS, MOST_ROWS = 50, 200
SNOOZE_DAYS = (1, 3, 7, 14, 30)


def filter_of(page: Page) -> Filter:
    """The filter that the page's address spells."""
    return parse(page.request.query_params.multi_items())


@router.get("/queue")
def show(page: OfficePage, after: str = "", most: Annotated[int, Query(ge=1, le=MOST_ROWS)] = ROWS) -> Response:
    """The page; for scripts its rows alone, and for one that follows changes with the figures above them."""
    wanted, is_live = filter_of(page), "x-live" in page.request.headers
    values = rows_of(page, wanted, most=most, after=after)
    if page.is_part and not is_live:
        return page.render("queue/rows.html", is_more=bool(after), **values)
    values |= figures_of(page, wanted)
    if page.is_part:
        return page.render("queue/rows.html", is_live=True, **values)
    return page.render(
        "queue/page.html", choices=CHOICES, reasons=REASONS, words=VERDICT_WORDS, days=SNOOZE_DAYS,
        people=names_of(page.store, WORKS), **values,
    )  # fmt: skip


def rows_of(page: Page, wanted: Filter, *, most: int, after: str = "") -> dict[str, Any]:
    """What the rows of a filter are made of."""
    found = queue.page(page.store, page.actor, wanted, page.now_ms, most=most, after=after)
    work, drawn = None, tuple[queue.Row, ...]()
    if wanted == Filter():  # a line in a part of the queue would be no line of the team's
        work = today(page.store, page.actor, day_of(page.now_ms, page.console.zone), page.now_ms)
        if any(each.position == work.ordered for each in found.rows):  # the line is on this part of the page
            drawn = queue.rows_of(page.store, page.actor, work.drawn, page.now_ms)
    return {
        "wanted": wanted,
        "found": found,
        "today": work,
        "drawn": drawn,
        "may_work": page.is_of(WORKS),
        "now_ms": page.now_ms,
    }


def figures_of(page: Page, wanted: Filter) -> dict[str, Any]:
    """What stands above the rows: alerts by how they stand, and what the filter comes to."""
    return {
        "header": queue.header(page.store, page.actor, page.now_ms),
        "sums": queue.count_and_money(page.store, page.actor, wanted, page.now_ms),
        "due": reminders.due(page.store, page.actor, page.now_ms) if page.is_of(WORKS) else (),
        "kept": outbox.kept(page.store),
    }
