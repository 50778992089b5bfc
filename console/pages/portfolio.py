"""The portfolio: where alerts come from and how many there are, what they cost a team, and what is kept out."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Response

from casework import pauses
from casework.errors import Refused
from casework.people import LEADS, WORKS
from casework.queue.filters import Filter
from casework.queue.order import COSTS, Policy, put_policy, read_policy
from casework.queue.rows import count_and_money
from casework.reading import case as cases
from casework.reading.load import LoadDay, load
from casework.reading.pauses import IDLE_D, snoozes_running, suppressions_running
from casework.reading.portfolio import DetectorLine, Group, detectors, duties_due, groups
from console.filters import UNKNOWN
from console.page import LeadPage, OfficePage, Page, Words, WorkPage
from console.tables import Cell, download, kind_of
from domain.alerts import Text
from domain.currencies import in_units
from domain.mcc_names import mcc_short_name
from domain.risk_codes import RISK_CODES
from domain.timestamps import DAY_MS
from evaluation.shares import Share, share

router = APIRouter()
BY = {
    "mcc": ("mcc", Text("MCC", "MCC")), "region": ("region", Text("Region", "地区")),
    "rep": ("rep_id", Text("Rep", "客户经理")), "agent": ("agent_id", Text("Agent", "代理商")),
    "grade": ("grade", Text("Grade", "等级")),
}  # fmt: skip
"""What merchants are grouped by, as the queue's filter names it: the key of the groups, and what it is called."""
SORTS = ("key", "merchants", "cases", "alerts", "turnover", "loss")
MOST_ROWS = 200
"""Groups on a page; a file has all."""
DUE_D = 30
MOST_DUE = 200


class Line(NamedTuple):
    """A group as it is shown: its key, a name for it, the queue's filter of it, and its share of all open alerts."""

    group: Group
    name: str
    query: str
    share: float | None


@router.get("/portfolio")
def show(page: OfficePage, by: str = "mcc", sort: str = "-alerts") -> Response:
    """The load of 30 days, and the groups."""
    lines = lines_of(page, by, sort)
    with page.store.reading() as connection:
        per_day = read_policy(connection).per_day
    days = load(page.store, page.actor, page.console.zone, page.now_ms)
    waiting = count_and_money(page.store, page.actor, Filter(), page.now_ms)
    return page.render(
        "portfolio/page.html", by=by, sort=sort, kinds=BY, lines=lines[:MOST_ROWS], count=len(lines), days=days,
        per_day=per_day, waiting=waiting, total=Group("", *_totals(lines), ()), chart=_chart(page, days, per_day),
    )  # fmt: skip


@router.get("/portfolio.{file_kind}")
def export(page: OfficePage, file_kind: str, by: str = "mcc", sort: str = "-alerts") -> Response:
    """All groups as a file: a row for each currency of a group."""
    kind, say = kind_of(file_kind), page.say
    lines = lines_of(page, by, sort)
    header = [
        say(BY[by][1]), say("name", "名称"), say("merchants", "商户"), say("open cases", "待处理案件"),
        say("open alerts", "待处理告警"), say("share of the load", "占比"), say("currency", "币种"),
        say("loss", "损失"), say("turnover", "涉及交易额"),
    ]  # fmt: skip
    rows = (row for each in lines for row in _cells(each))
    return download(f"{say('portfolio', '业务总览')}-{by}", kind, header, rows)


def _cells(line: Line) -> list[list[Cell]]:
    group = line.group
    first: list[Cell] = [group.key, line.name, group.merchants, group.cases, group.alerts, line.share]
    if not group.money:
        return [[*first, None, None, None]]
    return [
        [*first, each.currency, in_units(each.loss, each.currency), in_units(each.turnover, each.currency)]
        for each in group.money
    ]


def lines_of(page: Page, by: str, sort: str) -> list[Line]:
    """The groups in an order, `alerts` ascending or `-alerts` descending.

    Raises:
        Refused: what they are grouped or ordered by is none of `BY`, `SORTS`.
    """
    if by not in BY:
        raise Refused(f"by must be one of {', '.join(BY)}, got {by[:20]!r}")
    if sort.removeprefix("-") not in SORTS:
        raise Refused(f"sort must be one of {', '.join(SORTS)}, with - for descending, got {sort[:20]!r}")
    found = groups(page.store, page.actor, BY[by][0], page.now_ms)
    names = cases.names(page.store, [each.key for each in found if each.key], page.now_ms) if by == "rep" else {}
    alerts = sum(each.alerts for each in found)
    lines = [
        Line(
            each, _name(page, by, each.key, names), urlencode({by: each.key}) if each.key else "",
            each.alerts / alerts if alerts else None,
        )
        for each in found
    ]  # fmt: skip
    return _ordered(lines, sort)


def _name(page: Page, by: str, key: str, names: Mapping[str, str]) -> str:
    if not key:
        return page.say("not known", "未知")
    if by == "mcc":
        return page.say(mcc_short_name(key))
    return names.get(key, "")


def _ordered(lines: Sequence[Line], sort: str) -> list[Line]:
    """By a column; money by the currency that most groups have, those without it last."""
    column, falls = sort.removeprefix("-"), sort.startswith("-")
    if column not in {"turnover", "loss"}:
        return sorted(lines, key=lambda each: getattr(each.group, column), reverse=falls)
    held = [money.currency for each in lines for money in each.group.money]
    main = max(sorted({*held}), key=held.count, default="")
    sums = {
        each.group.key: getattr(money, column)
        for each in lines
        for money in each.group.money
        if money.currency == main and getattr(money, column) is not None
    }
    known = sorted((each for each in lines if each.group.key in sums), key=lambda each: sums[each.group.key])
    return [*(reversed(known) if falls else known), *(each for each in lines if each.group.key not in sums)]


def _totals(lines: Sequence[Line]) -> tuple[int, int, int]:
    found = [each.group for each in lines]
    return sum(each.merchants for each in found), sum(each.cases for each in found), sum(each.alerts for each in found)


def _chart(page: Page, days: Sequence[LoadDay], per_day: int) -> dict[str, object]:
    """What `portfolio.js` draws: days by their beginnings, seconds; cases opened and decided; what can be worked."""
    say = page.say
    return {
        "zone": page.console.zone,
        "labels": [
            say("day", "日期"), say("opened", "新立案"), say("decided", "已判定"), say("can be worked", "可处理"),
        ],
        "data": [
            [each.first_ms // 1000 for each in days], [each.opened for each in days], [each.decided for each in days],
            [per_day] * len(days),
        ],
    }  # fmt: skip


# -- detectors, duties


@router.get("/portfolio/detectors")
def show_detectors(page: OfficePage) -> Response:
    """How each detector does."""
    found = detectors(page.store, page.actor, page.now_ms)
    return page.render("portfolio/detectors.html", lines=[(each, _interval(each)) for each in found])


def _interval(line: DetectorLine) -> Share:
    return share(round((line.share or 0.0) * line.decided), line.decided)


@router.get("/portfolio/duties")
def show_duties(page: OfficePage) -> Response:
    """Duties that are late, or due within 30 days."""
    found = duties_due(page.store, page.actor, page.now_ms + DUE_D * DAY_MS, page.now_ms, most=MOST_DUE)
    return page.render("portfolio/duties.html", found=found, most=MOST_DUE, now_ms=page.now_ms, within_d=DUE_D)


# -- what is kept out of the queue


@router.get("/portfolio/paused")
def show_paused(page: OfficePage) -> Response:
    """Snoozes and suppressions that run."""
    return page.render(
        "portfolio/paused.html", snoozes=snoozes_running(page.store, page.actor, page.now_ms),
        suppressions=suppressions_running(page.store, page.actor, page.now_ms), idle_d=IDLE_D,
        may_end=page.is_of(WORKS), may_lift=page.is_of(LEADS),
    )  # fmt: skip


@router.post("/portfolio/snoozes/{case_id}/end")
def end_snooze(page: WorkPage, case_id: int) -> Response:
    """Put a case back into the queue."""
    pauses.end_snooze(page.store, page.actor, case_id, page.now_ms)
    return page.go("/portfolio/paused")


@router.post("/portfolio/suppressions/{suppression_id}/lift")
def lift(page: LeadPage, suppression_id: int) -> Response:
    """End a suppression."""
    pauses.lift(page.store, page.actor, suppression_id, page.now_ms)
    return page.go("/portfolio/paused")


# -- the queue's policy


@router.get("/portfolio/policy")
def show_policy(page: OfficePage, saved: bool = False) -> Response:
    """What the queue is ordered by, and how much can be worked."""
    return _policy(page, saved=saved)


@router.post("/portfolio/policy")
def keep_policy(
    page: LeadPage, per_day: Words, code: Annotated[list[str], Form()],
    cost: Annotated[list[str], Form()],
) -> Response:  # fmt: skip
    """Put a policy in force; a cost that is left empty is the usual one."""
    try:
        given = {one: float(text) for one, text in zip(_codes(code), cost, strict=True) if text.strip()}
        put_policy(page.store, page.actor, Policy(given, int(per_day)), page.now_ms)
    except (ValueError, Refused) as error:
        return _policy(page, 422, refused=error)
    return page.go("/portfolio/policy?saved=1")


def _codes(given: Sequence[str]) -> list[str]:
    """Codes of a form, which names the costs of what has none by `none`."""
    return ["" if each == NO_CODE else each for each in given]


NO_CODE = "none"


def _policy(page: Page, status: int = 200, *, saved: bool = False, refused: Exception | None = None) -> Response:
    with page.store.reading() as connection:
        policy = read_policy(connection)
    lines = [
        (code or NO_CODE, page.say(RISK_CODES[code].name) if code else page.say("no risk code", "无风险代码"), usual)
        for code, usual in sorted({**dict.fromkeys([*RISK_CODES, ""], COSTS[""]), **COSTS}.items())
    ]
    return page.render(
        "portfolio/policy.html", status, policy=policy, lines=lines, saved=saved, no_code=NO_CODE,
        refused=refused, may_set=page.is_of(LEADS), unknown=UNKNOWN,
    )  # fmt: skip
