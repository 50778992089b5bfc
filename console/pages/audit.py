"""The audit: who did what, chosen by person, kind, case and day, with a check that nothing was changed."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Response

from casework.days import midnights_ms
from casework.errors import Refused, Tampered
from casework.people import AUDITORS
from casework.reading import audit
from casework.reading.audit import Chosen, Entry
from console.audit_kinds import KINDS
from console.audit_words import kind_title, sentence
from console.filters import clock
from console.page import Page, Words, page_for
from console.tables import download, kind_of

router = APIRouter()
AuditPage = Annotated[Page, page_for(AUDITORS)]
AT_A_TIME = 100
MOST_EXPORTED = 100_000
"""Entries of a file: more than anybody reads, and written within seconds."""


@router.get("/audit")
def show(
    page: AuditPage, actor: str = "", kind: str = "", case: str = "", day: str = "", before: int | None = None
) -> Response:
    """The page."""
    chosen = _chosen(page, actor, kind, case, day)
    found = audit.entries(page.store, page.actor, chosen, before=before, most=AT_A_TIME + 1)
    told = [(each, sentence(each, page.lang, page.console.zone)) for each in found[:AT_A_TIME]]
    given = {"actor": actor, "kind": kind, "case": case, "day": day}
    kinds = sorted(((each, kind_title(each, page.lang)) for each in KINDS), key=lambda it: it[1])
    further = found[AT_A_TIME - 1].entry_id if len(found) > AT_A_TIME else None
    return page.render(
        "audit.html", told=told, given=given, kinds=kinds, further=further, before=before, kind_title=kind_title
    )


@router.get("/audit.{file_kind}")
def export(page: AuditPage, file_kind: str, actor: str = "", kind: str = "", case: str = "", day: str = "") -> Response:
    """The chosen entries as a table."""
    kind_of_file = kind_of(file_kind)
    chosen = _chosen(page, actor, kind, case, day)
    found = audit.every_entry(page.store, page.actor, chosen, MOST_EXPORTED)
    say = page.say
    header = [
        say("entry", "序号"), say("time", "时间"), say("who", "操作人"), say("kind", "类别"), say("case", "案件"),
        say("what", "内容"), say("hash", "哈希"),
    ]  # fmt: skip
    return download(say("audit", "审计"), kind_of_file, header, (_row(page, each) for each in found))


@router.post("/audit/verify")
def verify(page: AuditPage, noted: Words = "") -> Response:
    """Compute the chain again."""
    try:
        head, fault = audit.verify(page.store, page.actor, noted.strip()), None
    except Tampered as error:
        head, fault = None, error
    return page.render("audit_verified.html", 200 if fault is None else 409, head=head, fault=fault, noted=noted)


def _row(page: Page, entry: Entry) -> list[str | int | None]:
    zone = page.console.zone
    return [
        entry.entry_id, clock(entry.time_ms, zone), entry.actor, kind_title(entry.kind, page.lang), entry.case_id,
        sentence(entry, page.lang, zone), entry.hash,
    ]  # fmt: skip


def _chosen(page: Page, actor: str, kind: str, case: str, day: str) -> Chosen:
    case_id, since_ms, until_ms = None, None, None
    if case.strip():
        if not (case.strip().isascii() and case.strip().isdigit() and len(case.strip()) < 19):
            raise Refused(f"case must be a number, got {case[:20]!r}")
        case_id = int(case)
    if day:
        try:
            since_ms, until_ms = midnights_ms(date.fromisoformat(day), page.console.zone)
        except (ValueError, OverflowError) as error:
            raise Refused(f"day must be a date such as 2026-01-05, got {day[:20]!r}") from error
    return Chosen(actor.strip()[:64], kind[:64], case_id, since_ms, until_ms)
