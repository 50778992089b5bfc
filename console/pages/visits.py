"""Visits: which are due, as a list or a file, and those of other programs, taken in from a file."""

from typing import Annotated, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, File, Form, Query, Response, UploadFile

from casework import visit_table
from casework.errors import Refused
from casework.people import WORKS, sees_all
from casework.reading.reps import month_of
from casework.tasks.place import Position
from casework.visit_list import ORDERS, WITHIN_D, Stop, Wanted, count_due, visit_list
from casework.visit_words import RULES, VISIT_OUTCOMES
from console.filters import clock
from console.page import AnyPage, Page, WorkPage
from console.tables import Cell, download, kind_of
from domain.alerts import Text
from domain.currencies import in_units

router = APIRouter()
ORDER_WORDS = {
    "due": Text("Due first", "按到期"), "value": Text("Most turnover first", "按交易额"),
    "distance": Text("Nearest first", "按距离"),
}  # fmt: skip
MAP_WORDS = {
    "": Text("map not known", "坐标系未知"), "wgs84": Text("GPS (WGS-84)", "GPS（WGS-84）"),
    "gcj02": Text("Chinese maps (GCJ-02)", "国内地图（GCJ-02）"), "bd09": Text("Baidu (BD-09)", "百度（BD-09）"),
}  # fmt: skip
MOST_SHOWN = 200
DAYS = (0, 7, 30, 90, 365)


class Choice(NamedTuple):
    """What a list was asked for, as its address has it."""

    rep: str = ""
    within: int = WITHIN_D
    order: str = "due"
    lat: float | None = None
    lon: float | None = None
    coord_sys: str = ""

    @property
    def wanted(self) -> Wanted:
        """Which inspections."""
        here = None if self.lat is None or self.lon is None else Position(self.lat, self.lon, self.coord_sys)
        return Wanted(self.rep, self.within, self.order, here)

    @property
    def query(self) -> str:
        """The same as an address has it."""
        return urlencode({name: value for name, value in self._asdict().items() if value not in {"", None}})


@router.get("/visits")
def show(
    page: AnyPage, rep: str = "", within: int = WITHIN_D, order: str = "due", lat: str = "", lon: str = "",
    coord_sys: str = "",
) -> Response:  # fmt: skip
    """Merchants at which an inspection is due."""
    choice = Choice(rep, within, order, _degrees(lat), _degrees(lon), coord_sys)
    found = visit_list(page.store, page.actor, choice.wanted, page.now_ms, MOST_SHOWN)
    due, late = count_due(page.store, page.actor, choice.wanted, page.now_ms)
    return page.render(
        "visits/list.html", stops=found, count=due, late=late, choice=choice, orders=ORDER_WORDS,
        maps=MAP_WORDS, days=DAYS, rules=RULES, outcomes=VISIT_OUTCOMES, now_ms=page.now_ms,
        is_office=sees_all(page.actor), may_take_in=page.is_of(WORKS),
        month=clock(page.now_ms, page.console.zone)[:7],
    )  # fmt: skip


@router.get("/visits.{file_kind}")
def export(
    page: AnyPage, file_kind: str, rep: str = "", within: int = WITHIN_D, order: str = "due", lat: str = "",
    lon: str = "", coord_sys: str = "",
) -> Response:  # fmt: skip
    """The same as a file."""
    kind, say = kind_of(file_kind), page.say
    found = visit_list(
        page.store, page.actor, Choice(rep, within, order, _degrees(lat), _degrees(lon), coord_sys).wanted, page.now_ms
    )
    header = [
        say("merchant_id", "商户号"), say("shop", "店名"), say("city", "城市"), say("address", "地址"),
        say("rep", "客户经理"), say("name", "姓名"), say("due", "到期时间"), say("why", "事由"),
        say("turnover", "交易额"), say("currency", "币种"), say("last visit", "上次走访"), say("outcome", "走访结果"),
        say("distance, m", "距离（米）"), say("uncertain by, m", "误差（米）"),
    ]  # fmt: skip
    return download(say("visit list", "走访清单"), kind, header, (_row(page, each) for each in found))


def _degrees(text: str) -> float | None:
    """Degrees of a form; None for "". Raises Refused."""
    try:
        return float(text) if text.strip() else None
    except ValueError as error:
        raise Refused(f"a position must be in degrees, got {text[:20]!r}") from error


def _row(page: Page, stop: Stop) -> list[Cell]:
    say, zone = page.say, page.console.zone
    why = say("; ", "；").join(say(RULES[each.rule]) for each in stop.due)
    return [
        stop.merchant_id, stop.name, stop.city, stop.address, stop.rep_id, stop.rep_name, clock(stop.due_ms, zone), why,
        in_units(stop.turnover_minor, stop.currency) if stop.currency else None, stop.currency,
        clock(stop.last_visit_ms, zone) if stop.last_visit_ms else None,
        say(VISIT_OUTCOMES[stop.last_outcome]) if stop.last_outcome else None,
        None if stop.distance_m is None else round(stop.distance_m), stop.radius_m,
    ]  # fmt: skip


@router.get("/visits/made.{file_kind}")
def export_made(
    page: AnyPage, file_kind: str, month: Annotated[str, Query(max_length=7)] = ""
) -> Response:  # fmt: skip
    """The visits that were made in a month, as a table that can be taken in again."""
    kind, zone = kind_of(file_kind), page.console.zone
    chosen = month_of(month or clock(page.now_ms, zone)[:7], zone, page.now_ms)
    rows = visit_table.rows_of(page.store, page.actor, chosen.from_ms, chosen.until_ms, zone, page.now_ms)
    header = [page.say(each) for each in visit_table.COLUMNS.values()]
    return download(f"{page.say('visits', '走访记录')}-{chosen.name}", kind, header, rows)


@router.post("/visits/import")
def take_in(
    page: WorkPage, file: Annotated[UploadFile, File()], dry_run: Annotated[bool, Form()] = False
) -> Response:  # fmt: skip
    """Take in a table of visits, and show what became of its rows."""
    raw = file.file.read(visit_table.MOST_BYTES + 1)
    found = visit_table.read_table(raw, page.console.zone, page.now_ms)
    taken = visit_table.take_in(page.store, page.actor, found, page.now_ms, dry_run=dry_run)
    return page.render("visits/taken.html", taken=taken, dry_run=dry_run)


assert {*ORDER_WORDS} == {*ORDERS}
