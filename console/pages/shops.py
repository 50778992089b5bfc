"""A rep's merchants: what they sell against what was to be expected, what needs care, which visits are due."""

from collections.abc import Callable, Mapping

from fastapi import APIRouter, Response

from casework.errors import Refused
from casework.people import REP, sees_all
from casework.persons import names_of_people
from casework.reading.rep_portfolio import FEES_D, LOOKED_AT_D, ShopLine, rep_portfolio
from casework.visit_words import RULES
from console.page import AnyPage
from domain.alerts import Text

router = APIRouter()
SHOWN: Mapping[str, Callable[[ShopLine], bool]] = {
    "all": lambda _: True, "declining": lambda line: bool(line.declining_since),
    "terminals": lambda line: bool(line.terminals), "due": lambda line: bool(line.due),
    "fees": lambda line: not line.fees.is_stable,
}  # fmt: skip
"""Which merchants can be chosen."""
HINTS = {
    "other_acquirer": Text(
        "Ask what the other terminal does better: price, payout, service. Tell your supervisor before you offer any.",
        "了解对方机具的优势（费率、到账、服务）；报主管后再作承诺。",
    ),
    "codes_only": Text(
        "Offer the code stand, and show how the terminal takes codes.", "推荐台码，并演示本机扫码收款。"
    ),
    "terminal_faulty": Text("Have the terminal repaired or replaced first.", "先安排维修或更换机具。"),
    "low_season": Text("Note when the season begins, and look again then.", "记录旺季时间，届时回访。"),
    "renovating": Text("Ask when the shop opens again.", "确认恢复营业时间。"),
    "closed_down": Text(
        "Ask whether the contract is to end, and take the terminal back.", "确认是否解约，并收回机具。"
    ),
    "moved": Text("Have the new address registered.", "登记新地址。"),
    "transferred": Text("Have the new owner registered before anything else.", "先办理主体变更。"),
}  # fmt: skip
"""By the outcome of the last visit, what may help."""
USUAL_HINT = Text(
    "Visit: does our terminal stand on the counter and work? Does another stand beside it? Ask about customers, season,"
    " works in the street.",
    "上门了解：本机是否在收银台且正常，旁边有无他行机具；询问客流、季节、修路等情况。",
)


@router.get("/shops")
def show(page: AnyPage, rep: str = "", show: str = "all") -> Response:
    """A rep's own merchants; somebody in the office names the rep."""
    if show not in SHOWN:
        raise Refused(f"show must be one of {', '.join(SHOWN)}, got {show[:20]!r}")
    rep_id = rep if sees_all(page.actor) else page.actor.user_id
    found = rep_portfolio(page.store, page.actor, rep_id, page.now_ms) if rep_id else ()
    with page.store.reading() as connection:
        names = names_of_people(connection, [rep_id], page.now_ms) if rep_id else {}
    return page.render(
        "shops/page.html", lines=[*filter(SHOWN[show], found)],
        totals={name: sum(map(fits, found)) for name, fits in SHOWN.items()},
        late=sum(bool(each.due) and each.due[0].due_ms < page.now_ms for each in found),
        rep_id=rep_id, rep_name=names.get(rep_id, ""), is_own=page.is_of({REP}) and rep_id == page.actor.user_id,
        shown=show, rules=RULES, hints=HINTS, usual_hint=USUAL_HINT, looked_at_d=LOOKED_AT_D, fees_d=FEES_D,
        now_ms=page.now_ms,
    )  # fmt: skip
