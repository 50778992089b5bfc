"""What wants a second person: decided cases drawn once more (质检), decisions to agree to, actions to execute."""

import secrets
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Form, Response

from casework import actions, agreement, flags, quality, reminders
from casework.actions import EXECUTE_WITHIN_MS
from casework.people import LEADS, WORKS, names_of
from casework.queue.rows import rows_of
from casework.reasons import REASONS, VERDICT_WORDS
from console.audit_words import ACTION_NAMES
from console.filters import clock
from console.page import LeadPage, Page, Words, WorkPage
from console.tables import download, kind_of
from domain.timestamps import DAY_MS
from evaluation.shares import Share, share

router = APIRouter()
DRAWS = (5, 10, 20)
MOST_SHOWN = 50
CHECKED_D = 90
"""Days whose rechecks are summed up."""


class Checked(NamedTuple):
    """Rechecks of one person's decisions: how many were agreed with."""

    by: str
    agreed: Share


@router.get("/reports/recheck")
def show_rechecks(page: WorkPage) -> Response:
    """What the person has drawn and not answered yet, and what rechecks of 90 days have said."""
    since_ms = page.now_ms - CHECKED_D * DAY_MS
    found = quality.listed(page.store, page.actor, page.now_ms, since_ms=since_ms)
    mine = [each for each in found if each.checked_ms is None and each.drawn_by == page.actor.user_id]
    done = [each for each in found if each.checked_ms is not None]
    lately = done[::-1][:MOST_SHOWN]
    return page.render(
        "reports/recheck.html", mine=mine, done=lately, sums=_sums(done), shown=_shown(page, [*mine, *lately]),
        names=_names(page), draws=DRAWS, days=CHECKED_D, verdicts=VERDICT_WORDS,
    )  # fmt: skip


def _sums(done: list[Any]) -> list[Checked]:
    answers: dict[str, list[bool]] = {}
    for each in done:
        answers.setdefault(each.by, []).append(bool(each.agrees))
    return [Checked(who, share(sum(said), len(said))) for who, said in sorted(answers.items())]


@router.post("/reports/recheck")
def draw(page: WorkPage, count: Annotated[int, Form()]) -> Response:
    """Draw decisions of the last week that the person has not given."""
    quality.draw(page.store, page.actor, count, secrets.randbelow(2**31), page.now_ms)
    return page.go("/reports/recheck")


@router.post("/reports/recheck/{recheck_id}")
def answer(page: WorkPage, recheck_id: int, agrees: Annotated[bool, Form()], comment: Words) -> Response:
    """Say whether a decision was right."""
    quality.recheck(page.store, page.actor, recheck_id, comment, page.now_ms, agrees=agrees)
    return page.go("/reports/recheck")


@router.get("/reports/waiting")
def show_waiting(page: WorkPage) -> Response:
    """Decisions that wait for somebody to agree, and actions that wait to be executed."""
    proposed = agreement.waiting(page.store, page.actor, page.now_ms)
    ready = actions.to_execute(page.store, page.actor, page.now_ms)
    return page.render(
        "reports/waiting.html", proposed=proposed, ready=ready, shown=_shown(page, [*proposed, *ready]),
        names=_names(page), may_agree=page.is_of(LEADS), late_ms=page.now_ms - EXECUTE_WITHIN_MS,
        now_ms=page.now_ms, verdicts=VERDICT_WORDS, reasons=REASONS, kinds=ACTION_NAMES,
    )  # fmt: skip


@router.get("/reports/mine")
def show_mine(page: WorkPage) -> Response:
    """Cases that wait for a second pair of eyes, and the person's reminders."""
    up = flags.up(page.store, page.actor, page.now_ms)
    waits = reminders.mine(page.store, page.actor, page.now_ms)
    return page.render(
        "reports/mine.html", up=up, waits=waits, shown=_shown(page, [*up, *waits]), names=_names(page),
        now_ms=page.now_ms,
    )  # fmt: skip


@router.post("/reports/flags/{flag_id}/lift")
def lift_flag(page: WorkPage, flag_id: int, text: Words) -> Response:
    """Say what the second pair of eyes has found."""
    flags.lift(page.store, page.actor, flag_id, text, page.now_ms)
    return page.go("/reports/mine")


@router.post("/reports/reminders/{reminder_id}/done")
def end_reminder(page: WorkPage, reminder_id: int, back: Words = "") -> Response:
    """End a reminder of the person's, from the list or from the queue."""
    reminders.done(page.store, page.actor, reminder_id, page.now_ms)
    return page.go("/queue" if back == "queue" else "/reports/mine")


@router.get("/reports/actions.{file_kind}")
def export_actions(page: WorkPage, file_kind: str) -> Response:
    """Actions to execute as a file, for whoever executes them."""
    kind, say, zone = kind_of(file_kind), page.say, page.console.zone
    found = actions.to_execute(page.store, page.actor, page.now_ms)
    header = [
        say("action", "措施编号"), say("case", "案件"), say("merchant", "商户编号"), say("cause", "共同原因"),
        say("kind", "类别"), say("what", "内容"), say("recommended by", "提出人"), say("since", "可执行自"),
    ]  # fmt: skip
    rows = (
        [
            each.action_id, each.case_id, each.merchant_id, each.cause_id, say(ACTION_NAMES[each.kind]), each.text,
            each.recommended_by, clock(each.since_ms, zone),
        ]
        for each in found
    )  # fmt: skip
    return download(say("actions to execute", "待执行措施"), kind, header, rows)


@router.post("/reports/decisions/{decision_id}/agree")
def agree(page: LeadPage, decision_id: int, text: Words) -> Response:
    """Agree to a decision."""
    agreement.agree(page.store, page.actor, decision_id, text, page.now_ms)
    return page.go("/reports/waiting")


@router.post("/reports/decisions/{decision_id}/decline")
def decline(page: LeadPage, decision_id: int, text: Words) -> Response:
    """Do not agree to one."""
    agreement.decline(page.store, page.actor, decision_id, text, page.now_ms)
    return page.go("/reports/waiting")


@router.post("/reports/actions/{action_id}/record")
def record(page: WorkPage, action_id: int, outcome: Words) -> Response:
    """Record that an action was executed, and what came of it."""
    actions.record(page.store, page.actor, action_id, outcome, page.now_ms)
    return page.go("/reports/waiting")


def _names(page: Page) -> dict[str, str]:
    return dict(names_of(page.store, WORKS))


def _shown(page: Page, rows: list[Any]) -> dict[int, Any]:
    """Rows of the queue of the cases that rows are about, by number."""
    case_ids = [*dict.fromkeys(each.case_id for each in rows)]
    return {each.case_id: each for each in rows_of(page.store, page.actor, case_ids, page.now_ms)}
