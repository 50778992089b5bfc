"""Search: one field for merchants, cases and alerts; what is found exactly and alone is led to straight on."""

from urllib.parse import quote

from fastapi import APIRouter, Response

from casework.queue.rows import rows_of
from casework.reading.search import LEAST_TYPED, MOST_FOUND, Found, search
from console.page import OfficePage
from domain.alerts import Text

router = APIRouter()
FOUND_BY = {
    "alert_id": Text("its number", "告警编号"), "rrn": Text("reference number (RRN)", "参考号"),
    "terminal_id": Text("terminal", "终端号"), "card_last4": Text("last four digits of a card", "卡号后四位"),
}  # fmt: skip
"""What each column that alerts are found by is called."""


@router.get("/search")
def show(page: OfficePage, q: str = "") -> Response:
    """What is found; or, of a single exact hit, its page."""
    typed = q.strip()
    found = search(page.store, page.actor, typed, page.now_ms)
    path = exact(found, typed)
    if path:
        return page.go(path)
    rows = rows_of(page.store, page.actor, found.cases, page.now_ms)
    return page.render(
        "search.html", typed=typed, found=found, rows=rows, found_by=FOUND_BY, most=MOST_FOUND, least=LEAST_TYPED
    )


def exact(found: Found, typed: str) -> str:
    """The page of the one thing whose number was typed; "" where none was, or where it may be that of several.

    The number of a case may be the beginning of a merchant's, so a case must be all that is found.
    """
    paths = [f"/merchants/{quote(each.merchant_id, safe='')}" for each in found.merchants if each.merchant_id == typed]
    paths += [f"/alerts/{quote(each.alert_id, safe='')}" for each in found.alerts if each.alert_id == typed]
    if not found.merchants and not found.alerts:
        paths += [f"/cases/{each}" for each in found.cases]
    return paths[0] if len(paths) == 1 else ""
