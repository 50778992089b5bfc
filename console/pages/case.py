"""A case: its alerts with all that they rest on, whose it is, and what people did and may do about it."""

from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Query, Response

from casework import attachments, drafts, escalation, outbox, retrieval
from casework.actions import KINDS as ACTIONS
from casework.actions import RECOMMENDED
from casework.decisions import UNDO_MS
from casework.people import AML, COMMENTS, LEADS, OFFICE_ROLES, REP, WORKS, names_of
from casework.queue.filters import parse
from casework.queue.neighbours import Neighbours, neighbours
from casework.reading import alert as alerts
from casework.reading import case as cases
from casework.reading import series
from casework.reading.audit import audit_of
from casework.reading.case import CasePage, CaseWork
from casework.reading.retrieval import retrieval as read_retrieval
from casework.reasons import REASONS, VERDICT_WORDS, usual_reason
from casework.states import OPEN, RETRIEVAL
from casework.tasks import reading as tasks
from casework.tasks import words as task_words
from console import tables
from console.audit_words import ACTION_NAMES
from console.case import charts, evidence, timeline
from console.merchant import profile, words
from console.page import AnyPage, Page
from console.pages.work import own_comment
from domain.risk_codes import RISK_CODES

router = APIRouter()
DAYS = (1, 3, 7, 14, 30)
"""Days that something may be put off by."""
SUPPRESS_DAYS = (30, 90, 180, 365)
KEYS = {"confirmed": "c", "false_alarm": "f", "lawful_change": "l", "data_error": "d", "duplicate": ""}
"""By verdict, the key that opens its form."""
FIXABLE = ("name", "short_name", "status", "address", "city", "region", "channel", "rep_id", "agent_id")
"""Fields of master data that a draft of the page changes, by their texts."""


class May(NamedTuple):
    """What somebody may do to a case, by roles and by how it stands.

    Attributes:
        work: take, decide, put off, and all that analysts do.
        lead: what leads do.
        comment: comment and attach.
        office: see the queue.
        suppress: suppress and lift: what is of money laundering by `aml` alone.
    """

    work: bool
    lead: bool
    comment: bool
    office: bool
    suppress: bool


def may(page: Page, case: Any) -> May:
    """What the person may do."""
    return May(
        page.is_of(WORKS), page.is_of(LEADS), page.is_of(COMMENTS), page.is_of(OFFICE_ROLES),
        page.is_of({AML} if case.is_aml else LEADS),
    )  # fmt: skip


@router.get("/cases/{case_id}")
def show(page: AnyPage, case_id: int, alert: Annotated[str, Query(max_length=64)] = "") -> Response:
    """The page, with one alert open: the one that is named, else the leading one."""
    it = cases.case(page.store, page.actor, case_id, page.now_ms)
    work = cases.work(page.store, page.actor, case_id, page.now_ms)
    entries = audit_of(page.store, page.actor, case_id, page.now_ms)
    given = tasks.of_case(page.store, page.actor, case_id, page.now_ms)
    others = {*(each.actor for each in entries), *(each.task.row.rep_id for each in given)} - {*work.names}
    work = work._replace(names=work.names | cases.names(page.store, others, page.now_ms))
    wanted = parse(page.request.query_params.multi_items())
    opened = alert if any(each.alert_id == alert for each in it.alerts) else it.lead.alert_id if it.lead else ""
    values = _choices(page, it) | _papers(page, it, work) | _tasks(page, given)
    values |= _told(page, opened) if opened else {}
    return page.render(
        "case/page.html", it=it, case=it.case, work=work, may=may(page, it.case), now_ms=page.now_ms,
        query=wanted.query, beside=_beside(page, it, wanted), entry=entries[-1].entry_id if entries else 0,
        timeline=timeline.items(page, it, work, entries), open_alert=opened, fresh=_fresh(page, work),
        who=lambda user_id: timeline.who(user_id, work.names, page), **values,
    )  # fmt: skip


def _beside(page: Page, it: CasePage, wanted: Any) -> Neighbours:
    if not page.is_of(OFFICE_ROLES):
        return Neighbours(None, None)
    return neighbours(page.store, page.actor, wanted, it.case.case_id, page.now_ms)


def _fresh(page: Page, work: CaseWork) -> tuple[int, int] | None:
    """The person's decision that can be undone still, and for how many seconds."""
    last = next(iter(work.decisions), None)
    if last is None or last.by != page.actor.user_id or last.second_by is not None:
        return None
    left_s = (last.decided_ms + UNDO_MS - page.now_ms) // 1000
    return (last.decision_id, left_s) if left_s > 0 else None


def _told(page: Page, alert_id: str) -> dict[str, Any]:
    """What the template of an alert is made of."""
    it = alerts.alert(page.store, page.actor, alert_id, page.now_ms)
    chart = charts.chart(page, it)
    return {
        "told": it,
        "evidence": evidence.lines(it.alert),
        "chart": chart,
        "chart_rows": charts.table(chart[1]) if chart else [],
        "risk": RISK_CODES.get(it.alert.risk_code),
        "own_comment": own_comment,
        "by": _decided_by(page, it.decision),
    }


def _decided_by(page: Page, decision: Any) -> str:
    """Who has decided an alert, as people are called; "" where nobody has."""
    if decision is None:
        return ""
    return timeline.who(decision.by, cases.names(page.store, [decision.by], page.now_ms), page)


def _papers(page: Page, it: CasePage, work: CaseWork) -> dict[str, Any]:
    """Escalations, attached files, retrievals and drafts."""
    store, actor, now_ms = page.store, page.actor, page.now_ms
    case_id, zone = it.case.case_id, page.console.zone
    is_retrieval = it.case.kind == RETRIEVAL
    asked = retrieval.listed(store, actor, now_ms, from_case_id=case_id, only_open=False)
    return {
        "escalations": escalation.of_case(store, actor, case_id, now_ms),
        "files": attachments.of_case(store, actor, case_id, now_ms),
        "retrievals": asked, "retrieval": read_retrieval(store, actor, case_id, now_ms) if is_retrieval else None,
        "drafts": [
            (
                each, profile.drafted(each.changes, zone),
                drafts.sent(store, each.draft_id) if each.status == drafts.APPROVED else (),
            )
            for each in work.drafts
        ],
        "kept": outbox.kept(store) if work.decisions else 0, "came": words.SENT,
        "documents": retrieval.DOCUMENTS, "outcomes": retrieval.OUTCOMES,
    }  # fmt: skip


def _tasks(page: Page, given: Any) -> dict[str, Any]:
    """Tasks of reps, with what came of them and what a new one may be."""
    return {
        "tasks": given,
        "reps": names_of(page.store, {REP}) if page.is_of(WORKS) else [], "task_kinds": task_words.KINDS,
        "task_checks": task_words.CHECKS, "task_said": task_words.SAID, "task_slots": task_words.SLOTS,
        "task_statuses": task_words.STATUSES, "task_gone": task_words.WITHDRAWN_WHY,
        "visit_outcomes": words.VISIT_OUTCOMES,
    }  # fmt: skip


def _choices(page: Page, it: CasePage) -> dict[str, Any]:
    """What forms offer."""
    works = page.is_of(WORKS)
    people = names_of(page.store, {AML} if it.case.is_aml else WORKS) if works else []
    prices = it.shop.contract.get("prices", ()) if it.shop else ()
    currency = _currency(page, it)
    return {
        "people": people, "reasons": {verdict: REASONS[verdict] for verdict in KEYS}, "verdict_words": VERDICT_WORDS,
        "verdict_keys": KEYS,
        "usual": {verdict: usual_reason(verdict, it.lead.detector if it.lead else "") for verdict in REASONS},
        "actions": ACTIONS, "action_names": ACTION_NAMES, "recommended": RECOMMENDED,
        "days": DAYS, "suppress_days": SUPPRESS_DAYS, "is_open": it.case.status == OPEN, "fixable": FIXABLE,
        "prices": [profile.price(each, currency) for each in prices], "field_names": profile.FIELDS,
        "case_status": words.CASE_STATUS, "stands": words.STANDS, "statuses": profile.STATUSES,
        "most_transactions": retrieval.MOST_TRANSACTIONS,
    }  # fmt: skip


def _currency(page: Page, it: CasePage) -> str:
    """Of the merchant's money: of its alerts, its master data, or its last day; "" where none says."""
    if it.lead is not None or it.shop is None:
        return it.lead.currency if it.lead else ""
    last = series.last_day(page.store, page.actor, it.shop.merchant_id, page.now_ms)
    return str(it.shop.master.get("currency") or (last[1] if last else ""))


@router.get("/cases/{case_id}/alerts/{alert_id}")
def show_alert(page: AnyPage, case_id: int, alert_id: str) -> Response:
    """One alert of a case, as its place in the page is filled when it is unfolded."""
    holds_it = cases.case_of(page.store, page.actor, alert_id, page.now_ms)
    if not page.is_part or holds_it != case_id:
        return page.go(_path_of(holds_it, alert_id))
    case, told = cases.row_of(page.store, page.actor, case_id, page.now_ms), _told(page, alert_id)
    return page.render(
        "case/alert.html", case=case, may=may(page, case), verdict_words=VERDICT_WORDS, reasons=REASONS, **told
    )


@router.get("/alerts/{alert_id}")
def lead_to(page: AnyPage, alert_id: str) -> Response:
    """The alert's case, with the alert open."""
    return page.go(_path_of(cases.case_of(page.store, page.actor, alert_id, page.now_ms), alert_id))


def _path_of(case_id: int, alert_id: str) -> str:
    named = quote(alert_id, safe="")
    return f"/cases/{case_id}?alert={named}#alert-{named}"


@router.get("/alerts/{alert_id}/transactions.csv")
def transactions(page: AnyPage, alert_id: str) -> Response:
    """The transactions that an alert lists."""
    it = alerts.alert(page.store, page.actor, alert_id, page.now_ms)
    header = ("txn_id", "txn_type", "time", "amount_minor", "currency", "mcc", "terminal_id", "rrn", "stan",
              "card_last4", "response_code", "fee_minor")  # fmt: skip
    rows = (
        (
            each.txn_id, each.txn_type, each.time, each.amount, each.currency, each.mcc, each.terminal_id, each.rrn,
            each.stan, each.card_last4, each.response_code, each.fee,
        )
        for each in it.transactions
    )  # fmt: skip
    return tables.download(f"alert-{alert_id}", tables.CSV, header, rows)


@router.get("/cases/{case_id}/news")
def news(page: AnyPage, case_id: int, version: int = -1, entry: int = 0) -> Response:
    """What has changed since a version of the case was shown: nothing, or a bar that says by whom and what."""
    case = cases.row_of(page.store, page.actor, case_id, page.now_ms)
    entries = audit_of(page.store, page.actor, case_id, page.now_ms, after=entry)
    if case.version == version and not entries:
        return Response(status_code=204)
    it = cases.case(page.store, page.actor, case_id, page.now_ms)
    names = cases.names(page.store, [*(each.actor for each in entries), case.holder or ""], page.now_ms)
    holder = timeline.who(case.holder, names, page) if case.holder else ""
    return page.render("case/news.html", said=timeline.said(page, it, entries, names), holder=holder)
