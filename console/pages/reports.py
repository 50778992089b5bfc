"""Reports of a day (日报) and of a shift that is handed over (交接), to be read, printed and kept as files."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from casework import notes
from casework.days import day_of, midnights_ms
from casework.errors import Refused
from casework.people import WORKS, names_of, team_of
from casework.queue.rows import rows_of
from casework.reading.reports import Report, daily_report, hand_over
from casework.reasons import VERDICT_WORDS
from console.filters import bearer, detector_title
from console.page import OfficePage, Page, Words, WorkPage
from console.tables import Cell, download, kind_of
from domain.currencies import in_units

router = APIRouter()
HOURS = (4, 8, 12, 24)
"""How long shifts last that can be chosen."""
_HOUR_MS = 3_600_000


@router.get("/reports")
def show_day(page: OfficePage, day: str = "") -> Response:
    """The report of a day, today by default."""
    chosen = _day(page, day)
    return page.render(
        "reports/day.html", report=_report(page, chosen), day=chosen, today=_today(page),
        before=chosen - timedelta(days=1), after=chosen + timedelta(days=1), notes=_notes(page, chosen),
        may_work=page.is_of(WORKS), names=_names(page), verdicts=VERDICT_WORDS,
    )  # fmt: skip


@router.get("/reports/day.{file_kind}")
def export_day(page: OfficePage, file_kind: str, day: str = "") -> Response:
    """The same as a file: a row for each figure."""
    kind, chosen, say = kind_of(file_kind), _day(page, day), page.say
    header = [say("part", "部分"), say("what", "项目"), say("number", "数值"), say("currency", "币种")]
    return download(f"{say('daily report', '日报')}-{chosen}", kind, header, _rows(page, _report(page, chosen)))


def _rows(page: Page, report: Report) -> Iterator[list[Cell]]:
    say, lang, names = page.say, page.lang, _names(page)
    for name, count in report.filed.items():
        yield [say("alerts filed", "归档告警"), detector_title(name, lang), count, None]
    yield [say("cases opened", "新立案"), None, report.opened, None]
    for verdict, count in report.decided.items():
        yield [say("alerts decided", "已判定告警"), say(VERDICT_WORDS[verdict]), count, None]
    for user_id, count in report.by_person.items():
        yield [say("alerts decided by", "判定人"), names.get(user_id, user_id), count, None]
    for each in report.confirmed_money:
        who = bearer(each.bearer, lang)
        for what, amount in ((say("loss", "损失"), each.loss), (say("turnover", "涉及交易额"), each.turnover)):
            yield [say("confirmed", "属实"), f"{what} {who}".strip(), in_units(amount, each.currency), each.currency]
    if report.median_ms is not None:
        median_h = round(report.median_ms / _HOUR_MS, 1)
        yield [say("median hours from opening to verdict", "立案至判定中位小时数"), None, median_h, None]


@router.get("/reports/hand-over")
def show_hand_over(page: WorkPage, hours: Annotated[int, Query(ge=1, le=72)] = 8) -> Response:
    """What a shift has done, and what it leaves to the next."""
    since_ms = page.now_ms - hours * _HOUR_MS
    found = hand_over(page.store, page.actor, since_ms, page.now_ms)
    shown = {each.case_id: each for each in rows_of(page.store, page.actor, found.worked + found.wakes, page.now_ms)}
    today = _today(page)
    return page.render(
        "reports/hand_over.html", found=found, report=found.report, shown=shown, hours=hours, choices=HOURS,
        since_ms=since_ms, now_ms=page.now_ms, day=today, notes=_notes(page, today), names=_names(page),
        verdicts=VERDICT_WORDS,
    )  # fmt: skip


@router.post("/reports/notes")
def write_note(page: WorkPage, day: Words, text: Words, back: Words = "") -> Response:
    """Keep a note on a day, of the writer's team."""
    chosen = _day(page, day)
    notes.hand_over(page.store, page.actor, team_of(page.store, page.actor.user_id), f"{chosen}", text, page.now_ms)
    return page.go("/reports/hand-over" if back == "hand-over" else f"/reports?day={chosen}")


def _notes(page: Page, day: date) -> list[Any]:
    return [*notes.handovers_on(page.store, page.actor, f"{day}")] if page.is_of(WORKS) else []


def _names(page: Page) -> dict[str, str]:
    return dict(names_of(page.store, WORKS))


def _report(page: Page, day: date) -> Report:
    return daily_report(page.store, page.actor, *midnights_ms(day, page.console.zone), page.now_ms)


def _today(page: Page) -> date:
    return day_of(page.now_ms, page.console.zone)


def _day(page: Page, text: str) -> date:
    """A day of an address or a form; today for "".

    Raises:
        Refused: it is no date, or is after today.
    """
    today = _today(page)
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError as error:
        raise Refused(f"day must be a date such as 2026-01-05, got {text[:20]!r}") from error
    if not date(2000, 1, 1) <= day <= today:
        raise Refused(f"day must be from 2000-01-01 to {today}, got {day}")
    return day
