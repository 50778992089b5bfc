"""What is done to a case, from its row in the queue or from its own page: taken, decided, put off, given upwards."""

from hashlib import sha256
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Form, Response

from casework import bulk, decisions, escalation, operations, pauses, queue
from casework.decisions import VERDICTS
from casework.errors import Refused
from casework.queue.filters import parse
from casework.queue.rows import Sums, added_up, versions
from casework.reasons import OTHER, REASONS, VERDICT_WORDS
from console.page import LeadPage, Page, Words, WorkPage
from console.times import parse_day

router = APIRouter()
Version = Annotated[int, Form()]
From = Annotated[str, Form(alias="from")]
FROM_QUEUE = "queue"
SAVED = "case-saved"
"""What the page of a case is told once a change of it is there."""


def done(
    page: Page, case_id: int, words: str, *, from_: str, undo: str = "", gone: bool = True, version: int | None = None
) -> Response:
    """Answer a change of a case: in the queue with a notice, and the row goes or is read again; else with its page.

    Args:
        page: the request.
        case_id: the case.
        words: the notice.
        from_: `FROM_QUEUE`, or "" for its page.
        undo: where the change is taken back; "" where it is not.
        gone: whether the case has left the queue.
        version: the case's after a change that expected the one before, so that what was begun on it meanwhile stands.
    """
    if from_ != FROM_QUEUE:
        return back(page, case_id)
    about: dict[str, Any] = {"case": str(case_id)} | ({} if version is None else {"version": version})
    event = msgspec.json.encode({"case-done" if gone else "case-changed": about}).decode()
    return _noticed(page, "notice.html", event, words=words, kind="done", undo=undo)


def _noticed(page: Page, template: str, event: str, **values: Any) -> Response:
    """Answer with a notice, after which scripts hear of an event; a form sent without scripts leads to the queue."""
    if not page.is_part:
        return page.go("/queue")
    answer = page.render(template, **values)
    answer.headers["HX-Retarget"], answer.headers["HX-Reswap"] = "#notices", "beforeend"
    answer.headers["HX-Trigger-After-Swap"] = event
    return answer


def back(page: Page, case_id: int) -> Response:
    """Answer a change that was made on a case's page: with the page, which scripts read again in its place."""
    if not page.is_part:
        return page.go(f"/cases/{case_id}")
    return Response(status_code=204, headers={"HX-Trigger": SAVED})


def reason(verdict: str, code: str, comment: str) -> str:
    """The comment of a decision: what was written, else the words of the reason, where these say enough.

    Raises:
        Refused: the code is none of the verdict's, or is `OTHER` without a comment.
    """
    if verdict not in VERDICTS or code not in REASONS[verdict]:
        raise Refused(f"reason_code must be one of the verdict's, got {code[:16]!r}")
    if not comment.strip() and code == OTHER:
        raise Refused("this reason wants a comment")
    return comment.strip() or _in_words(verdict, code)


def own_comment(verdict: str, code: str, comment: str) -> str:
    """What somebody wrote beside the reason of a decision; "" where the comment is but the reason's words."""
    return "" if code in REASONS.get(verdict, {}) and comment == _in_words(verdict, code) else comment


def _in_words(verdict: str, code: str) -> str:
    return REASONS[verdict][code].zh + " / " + REASONS[verdict][code].en


# -- holding


@router.post("/cases/{case_id}/take")
def take(page: WorkPage, case_id: int, version: Version, from_: From = "") -> Response:
    """Take a case: it is the person's."""
    taken = operations.take(page.store, page.actor, case_id, version, page.now_ms)
    words = page.say("Case {n} is yours", "案件{n}已由您领取", n=case_id)
    return done(page, case_id, words, from_=from_, gone=False, version=taken)


@router.post("/cases/{case_id}/release")
def release(page: WorkPage, case_id: int, from_: From = "") -> Response:
    """Give a case back."""
    operations.release(page.store, page.actor, case_id, page.now_ms)
    return done(page, case_id, page.say("Case {n} is nobody's", "案件{n}已释放", n=case_id), from_=from_, gone=False)


@router.post("/cases/{case_id}/assign")
def assign(
    page: LeadPage, case_id: int, version: Version, to: Words, from_: From = ""
) -> Response:  # fmt: skip
    """Give a case to somebody."""
    operations.assign(page.store, page.actor, case_id, to, version, page.now_ms)
    words = page.say("Case {n} is with {who}", "案件{n}已分配给{who}", n=case_id, who=to)
    return done(page, case_id, words, from_=from_, gone=False)


# -- deciding


@router.post("/cases/{case_id}/decide/{verdict}")
def decide(
    page: WorkPage, case_id: int, verdict: str, version: Version, reason_code: Words, comment: Words = "",
    alert_id: Annotated[list[str] | None, Form()] = None, from_: From = "",
) -> Response:  # fmt: skip
    """Give a verdict on a case's undecided alerts, or on those that are named."""
    said = reason(verdict, reason_code, comment)
    given = decisions.decide(
        page.store, page.actor, case_id, version, verdict, reason_code, said, page.now_ms, alert_ids=alert_id or None
    )
    word = page.say(VERDICT_WORDS[verdict])
    if decisions.is_proposed(page.store, given):
        words = page.say(
            "Case {n}: {word} waits for a lead, for the merchant is of grade E",
            "案件{n}：{word}待主管复核（商户等级E）", n=case_id, word=word,
        )  # fmt: skip
        return done(page, case_id, words, from_=from_, gone=False)
    words = page.say("Case {n}: {word}", "案件{n}：{word}", n=case_id, word=word)
    return done(page, case_id, words, from_=from_, undo=f"/decisions/{given}/undo")


@router.post("/decisions/{decision_id}/undo")
def undo(page: WorkPage, decision_id: int) -> Response:
    """Take a decision back, within seconds."""
    decisions.undo(page.store, page.actor, decision_id, page.now_ms)
    return _undone(page)


@router.post("/bulks/{bulk_id}/undo")
def undo_many(page: WorkPage, bulk_id: int) -> Response:
    """Take the decisions of a bulk back."""
    bulk.undo(page.store, page.actor, bulk_id, page.now_ms)
    return _undone(page)


def _undone(page: Page) -> Response:
    return _noticed(page, "notice.html", "case-changed", words=page.say("Taken back", "已撤销"), kind="done")


# -- putting off, giving upwards


@router.post("/cases/{case_id}/snooze")
def snooze(
    page: WorkPage, case_id: int, until: Words, comment: Words, from_: From = ""
) -> Response:  # fmt: skip
    """Put a case off: for some days, or until a day."""
    until_ms = parse_day(until, page.console.zone, page.now_ms)
    pauses.snooze(page.store, page.actor, case_id, until_ms, comment, page.now_ms)
    return done(page, case_id, page.say("Case {n} is put off", "案件{n}已暂缓", n=case_id), from_=from_)


@router.post("/cases/{case_id}/escalate")
def escalate(
    page: WorkPage, case_id: int, to: Words, comment: Words, from_: From = ""
) -> Response:  # fmt: skip
    """Give a case to a role, `role:lead`, or to a person."""
    role = to.removeprefix("role:") if to.startswith("role:") else ""
    whom = {"to_role": role} if role else {"to_user": to}
    escalation.escalate(page.store, page.actor, case_id, comment, page.now_ms, **whom)
    words = page.say("Case {n} was escalated", "案件{n}已上报", n=case_id)
    return done(page, case_id, words, from_=from_, gone=False)


# -- many at once


class Chosen(NamedTuple):
    """The cases that a bulk is about.

    Attributes:
        versions: by case, the version that was shown.
        sums: what they come to.
        of: how many the filter has; more than there are versions where these are too many at once.
    """

    versions: dict[int, int]
    sums: Sums
    of: int

    @property
    def mark(self) -> str:
        """Another one when any of the cases is another, or has changed."""
        return sha256(repr(sorted(self.versions.items())).encode()).hexdigest()


def _chosen(page: Page, query: str, cases: str) -> Chosen:
    """Cases that were picked, or all of a filter."""
    if cases:
        picked = [int(each) for each in cases.split(",")[: bulk.MOST_CASES] if each.isdecimal() and len(each) < 16]
        found = queue.rows_of(page.store, page.actor, picked, page.now_ms)
        alerts = sum(sum(each.detectors.values()) for each in found)
        sums = Sums(len(found), alerts, added_up(money for each in found for money in each.money))
        return Chosen({each.case_id: each.version for each in found}, sums, len(found))
    wanted = parse(parse_qsl(query))
    listed = versions(page.store, page.actor, wanted, page.now_ms)
    sums = queue.count_and_money(page.store, page.actor, wanted, page.now_ms)
    return Chosen(dict(listed[: bulk.MOST_CASES]), sums, len(listed))


@router.get("/queue/bulk")
def ask_many(page: WorkPage, cases: str = "") -> Response:
    """The dialog in which many cases are acted on, with their count and money."""
    query = "" if cases else page.request.url.query
    return _dialog(page, query, cases, _chosen(page, query, cases))


def _dialog(page: Page, query: str, cases: str, chosen: Chosen, *, changed: bool = False) -> Response:
    return page.render(
        "queue/bulk.html", query=query, cases=cases, chosen=chosen, changed=changed, reasons=REASONS,
        words=VERDICT_WORDS, most=bulk.MOST_CASES,
    )  # fmt: skip


@router.post("/queue/bulk")
def do_many(
    page: WorkPage, what: Words, mark: Words, query: Words = "", cases: Words = "", comment: Words = ""
) -> Response:
    """Act on many cases: `take`, `snooze:DAYS` or `VERDICT:REASON`; refused where they are not as they were shown."""
    chosen = _chosen(page, query, cases)
    if chosen.mark != mark:
        return _dialog(page, query, cases, chosen, changed=True)
    kind, _, detail = what.partition(":")
    if kind == bulk.TAKE:
        made = bulk.take(page.store, page.actor, chosen.versions, page.now_ms)
    elif kind == bulk.SNOOZE:
        until_ms = parse_day(detail, page.console.zone, page.now_ms)
        made = bulk.snooze(page.store, page.actor, chosen.versions, until_ms, comment, page.now_ms)
    else:
        said = reason(kind, detail, comment)
        made = bulk.decide(page.store, page.actor, chosen.versions, kind, detail, said, page.now_ms)
    undo = f"/bulks/{made.bulk_id}/undo" if kind in VERDICTS and made.bulk_id else ""
    return _noticed(page, "queue/bulk_done.html", "case-changed", made=made, undo=undo)
