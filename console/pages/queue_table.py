"""The queue as a file: every row of a filter, in the queue's order."""

from collections.abc import Iterator

from fastapi import APIRouter, Response

from casework import queue
from casework.errors import Refused
from casework.queue.filters import Filter
from casework.queue.rows import Row
from console.filters import against, bearer, clock, detector_title, severity_word
from console.page import OfficePage, Page
from console.pages.queue import filter_of
from console.tables import MOST_SHEET_ROWS, XLSX, Cell, download, kind_of
from domain.causes import Money
from domain.currencies import in_units

router = APIRouter()
_AT_A_TIME = 500
_HEADER = (
    ("place", "序号"), ("case", "案件"), ("merchant", "商户编号"), ("shop", "商户名称"), ("city", "城市"),
    ("rep", "客户经理"), ("grade", "等级"), ("score", "评分"), ("severity", "严重程度"), ("findings", "告警"),
    ("why", "原因"), ("against peers", "同业对比"), ("currency", "币种"), ("loss", "损失"), ("borne by", "损失方"),
    ("turnover", "涉及交易额"), ("similar, decided", "类似告警已判定"), ("of them confirmed", "其中属实"),
    ("first hit", "首次命中"), ("opened", "立案时间"), ("due", "期限"), ("held by", "处理人"),
    ("snoozed until", "暂缓至"),
)  # fmt: skip


@router.get("/queue.{file_kind}")
def export(page: OfficePage, file_kind: str) -> Response:
    """Every case of the filter that the page's address spells."""
    wanted = filter_of(page)
    if kind_of(file_kind) == XLSX:
        count = queue.count_and_money(page.store, page.actor, wanted, page.now_ms).cases
        if count > MOST_SHEET_ROWS:
            raise Refused(f"a sheet of Excel has at most {MOST_SHEET_ROWS} rows, this filter has {count}: take CSV")
    header = [page.say(en, zh) for en, zh in _HEADER]
    return download(
        page.say("queue", "待办队列"), file_kind, header, (_cells(page, each) for each in _rows(page, wanted))
    )


def _rows(page: Page, wanted: Filter) -> Iterator[Row]:
    after, more = "", True
    while more:
        found = queue.page(page.store, page.actor, wanted, page.now_ms, most=_AT_A_TIME, after=after)
        yield from found.rows
        after, more = found.after, bool(found.after)


def _cells(page: Page, row: Row) -> list[Cell]:
    lang, zone = page.lang, page.console.zone
    found = " · ".join(
        detector_title(name, lang) + (f" ×{count}" if count > 1 else "") for name, count in row.detectors.items()
    )
    return [
        row.position, row.case_id, row.merchant_id, row.shop_name, row.city, row.rep_name or row.rep_id, row.grade,
        row.score, severity_word(row.severity, lang), found or page.say(row.title), page.say(row.why),
        against(row.peers, lang) if row.peers is not None and row.peers.value is not None else None,
        *_money(row, lang), row.similar.decided, row.similar.confirmed,
        *(_time(each, zone) for each in (row.oldest_ms, row.opened_ms, row.due_ms)), row.holder,
        _time(row.snoozed_until_ms, zone),
    ]  # fmt: skip


def _money(row: Row, lang: str) -> tuple[Cell, Cell, Cell, Cell]:
    """Currency, loss, who bears it, turnover: numbers where there is one sum, else one text for each, in order."""
    sums = [_sum(each, lang) for each in row.money]
    if len(sums) <= 1:
        return sums[0] if sums else (None, None, None, None)
    currency, loss, who, turnover = (
        "; ".join("" if each is None else f"{each}" for each in column) for column in zip(*sums, strict=True)
    )
    return currency, loss, who, turnover


def _sum(money: Money, lang: str) -> tuple[Cell, Cell, Cell, Cell]:
    currency = money.currency
    return (
        currency, in_units(money.loss, currency), bearer(money.bearer, lang), in_units(money.turnover, currency),
    )  # fmt: skip


def _time(ms: int | None, zone: str) -> str | None:
    return None if ms is None else clock(ms, zone)
