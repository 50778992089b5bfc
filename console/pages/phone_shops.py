"""The rep's merchants on the phone: what each sells against what was to be expected, what needs care, where to go."""

from fastapi import APIRouter, Response

from casework.errors import Refused
from casework.reading.rep_portfolio import FEES_D, LOOKED_AT_D, rep_portfolio
from casework.visit_list import WITHIN_D, Wanted, visit_list
from casework.visit_words import RULES, VISIT_OUTCOMES
from console.pages.shops import HINTS, SHOWN, USUAL_HINT
from console.pages.visits import ORDER_WORDS
from console.phone.forms import position_of
from console.phone.page import Fields, PhonePage, RepPage

router = APIRouter(prefix="/phone/shops")


@router.get("")
def show(page: RepPage, show: str = "all") -> Response:
    """The rep's own merchants, those that want something first."""
    if show not in SHOWN:
        raise Refused(f"show must be one of {', '.join(SHOWN)}, got {show[:20]!r}")
    found = rep_portfolio(page.console.store, page.actor, page.actor.user_id, page.now_ms)
    return page.render(
        "phone/shops.html", lines=[*filter(SHOWN[show], found)], shown=show,
        totals={name: sum(map(fits, found)) for name, fits in SHOWN.items()}, rules=RULES, hints=HINTS,
        usual_hint=USUAL_HINT, looked_at_d=LOOKED_AT_D, fees_d=FEES_D, now_ms=page.now_ms,
    )  # fmt: skip


@router.get("/visits")
def visits(page: RepPage, order: str = "due") -> Response:
    """Where an inspection is due, by the date or the turnover."""
    return _visits(page, Wanted(page.actor.user_id, WITHIN_D, order))


@router.post("/visits")
def near(page: RepPage, form: Fields) -> Response:
    """The same, the nearest first, from a position that is not kept; it comes in the body, so that no log has it."""
    return _visits(page, Wanted(page.actor.user_id, WITHIN_D, "distance", position_of(form)))


def _visits(page: PhonePage, wanted: Wanted) -> Response:
    found = visit_list(page.console.store, page.actor, wanted, page.now_ms)
    return page.render(
        "phone/visits.html", stops=found, order=wanted.order, orders=ORDER_WORDS, rules=RULES, within_d=WITHIN_D,
        outcomes=VISIT_OUTCOMES, now_ms=page.now_ms,
    )  # fmt: skip
