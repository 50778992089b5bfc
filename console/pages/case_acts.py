"""What is done on the page of a case, and not in the queue: comments, alerts moved, flags, actions, answers."""

from typing import Annotated

from fastapi import APIRouter, Form, Response

from casework import actions, agreement, escalation, flags, operations, pauses, reminders
from casework.errors import Refused
from casework.reading import case as cases
from console.page import CommentPage, LeadPage, Page, Words, WorkPage
from console.pages.work import back
from console.times import parse_day

router = APIRouter()
Number = Annotated[int, Form()]
AlertIds = Annotated[list[str], Form(alias="alert_id")]


@router.post("/cases/{case_id}/comments")
def comment(page: CommentPage, case_id: int, text: Words) -> Response:
    """Write a comment."""
    operations.comment(page.store, page.actor, case_id, text, page.now_ms)
    return back(page, case_id)


# -- which alerts it holds


@router.post("/cases/{case_id}/detach")
def detach(page: WorkPage, case_id: int, alert_id: AlertIds) -> Response:
    """Take alerts out of the case, into one of their own, whose page follows."""
    _check_held(page, case_id, alert_id)
    return page.go(f"/cases/{operations.detach(page.store, page.actor, alert_id, page.now_ms)}")


@router.post("/cases/{case_id}/move")
def move(page: WorkPage, case_id: int, alert_id: AlertIds, into: Number) -> Response:
    """Move alerts into another case, whose page follows."""
    _check_held(page, case_id, alert_id)
    operations.move(page.store, page.actor, alert_id, into, page.now_ms)
    return page.go(f"/cases/{into}")


@router.post("/cases/{case_id}/merge")
def merge(page: WorkPage, case_id: int, into: Number) -> Response:
    """Move all its alerts into another case, whose page follows."""
    operations.merge(page.store, page.actor, case_id, into, page.now_ms)
    return page.go(f"/cases/{into}")


def _check_held(page: Page, case_id: int, alert_ids: list[str]) -> None:
    """Refuse alerts that are not the case's: they were moved meanwhile."""
    held = {each.alert_id for each in cases.case(page.store, page.actor, case_id, page.now_ms).alerts}
    if missing := {*alert_ids} - held:
        raise Refused(f"alert {min(missing)} must be of case {case_id}, it is not: load the page again")


# -- putting off, second looks, reminders


@router.post("/cases/{case_id}/wake")
def wake(page: WorkPage, case_id: int) -> Response:
    """Put a case that was put off back into the queue."""
    pauses.end_snooze(page.store, page.actor, case_id, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/suppress")
def suppress(page: LeadPage, case_id: int, kind: Words, until: Words, comment: Words) -> Response:
    """Keep a finding of a merchant out of the queue; `kind` is `DETECTOR:MERCHANT` of one of the case's alerts."""
    it = cases.case(page.store, page.actor, case_id, page.now_ms)
    detector, _, merchant_id = kind.partition(":")
    if not any((each.detector, each.merchant_id) == (detector, merchant_id) for each in it.alerts):
        raise Refused(f"what is suppressed must be of an alert of case {case_id}, got {kind[:60]!r}")
    until_ms = parse_day(until, page.console.zone, page.now_ms)
    pauses.suppress(
        page.store, page.actor, detector, merchant_id, until_ms, comment, page.now_ms, of_aml=bool(it.case.is_aml)
    )
    return back(page, case_id)


@router.post("/cases/{case_id}/suppressions/{suppression_id}/lift")
def lift(page: LeadPage, case_id: int, suppression_id: int) -> Response:
    """End a suppression."""
    pauses.lift(page.store, page.actor, suppression_id, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/flag")
def flag(page: WorkPage, case_id: int, comment: Words) -> Response:
    """Ask for a second pair of eyes."""
    flags.flag(page.store, page.actor, case_id, comment, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/flags/{flag_id}/lift")
def lift_flag(page: WorkPage, case_id: int, flag_id: int, comment: Words) -> Response:
    """Say what the second pair of eyes has found."""
    flags.lift(page.store, page.actor, flag_id, comment, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/remind")
def remind(page: WorkPage, case_id: int, until: Words, comment: Words, whom: Words = "") -> Response:
    """Set a reminder."""
    due_ms = parse_day(until, page.console.zone, page.now_ms)
    reminders.remind(page.store, page.actor, case_id, due_ms, comment, page.now_ms, whom=whom)
    return back(page, case_id)


@router.post("/cases/{case_id}/reminders/{reminder_id}/done")
def done(page: WorkPage, case_id: int, reminder_id: int) -> Response:
    """End a reminder of one's own."""
    reminders.done(page.store, page.actor, reminder_id, page.now_ms)
    return back(page, case_id)


# -- answers


@router.post("/cases/{case_id}/escalations/{escalation_id}/answer")
def answer(page: WorkPage, case_id: int, escalation_id: int, comment: Words) -> Response:
    """Answer an escalation."""
    escalation.answer(page.store, page.actor, escalation_id, comment, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/decisions/{decision_id}/agree")
def agree(page: LeadPage, case_id: int, decision_id: int, comment: Words) -> Response:
    """Agree to another's decision, which stands from then on."""
    agreement.agree(page.store, page.actor, decision_id, comment, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/decisions/{decision_id}/decline")
def decline(page: LeadPage, case_id: int, decision_id: int, comment: Words) -> Response:
    """Do not agree to another's decision."""
    agreement.decline(page.store, page.actor, decision_id, comment, page.now_ms)
    return back(page, case_id)


# -- what is to be done about the merchant


@router.post("/cases/{case_id}/actions")
def recommend(
    page: WorkPage, case_id: int, action: Words, text: Words, by_two: Annotated[bool, Form()] = False
) -> Response:  # fmt: skip
    """Recommend an action."""
    actions.recommend(page.store, page.actor, case_id, action, text, page.now_ms, approved_by_two=by_two)
    return back(page, case_id)


@router.post("/cases/{case_id}/actions/{action_id}/approve")
def approve(page: LeadPage, case_id: int, action_id: int) -> Response:
    """Approve an action that another has recommended."""
    actions.approve(page.store, page.actor, action_id, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/actions/{action_id}/record")
def record(page: WorkPage, case_id: int, action_id: int, outcome: Words) -> Response:
    """Record that an action was done, and what came of it."""
    actions.record(page.store, page.actor, action_id, outcome, page.now_ms)
    return back(page, case_id)
