"""Verdicts: given on the alerts of a case, undone within seconds, and put into the outbox for the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, insert, select, update

from casework.change import Change, changing, check_version
from casework.chunks import chunks
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.outbox import CANCELLED, PENDING, post
from casework.people import WORKS
from casework.schema import alerts, decision_alerts, decisions, merchants, outbox
from casework.states import WITHDRAWN
from casework.tasks import ending
from domain import events as log_events
from domain.risk import CLEARED
from domain.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from casework.people import Actor
    from casework.store import Store

VERDICTS = tuple(each for each in log_events.VERDICTS if each != "open")
"""Those that decide."""
UNDO_MS = 10_000
"""How long a decision can be undone, and waits before it is sent: our own default."""
GIVEN, PROPOSED, DECLINED = "given", "proposed", "declined"
"""Statuses of a decision: it stands; another must agree first; another did not."""
TWO_AT = "E"
"""The grade at which clearing an alert needs two: our own default. That of a merchant that the response policy wants to
be suspended is not taken away by one person alone; to confirm an alert, one is enough."""
_MOST_CODE = 16


def decide(
    store: Store, actor: Actor, case_id: int, expected_version: int, verdict: str, reason_code: str, comment: str,
    now_ms: int, *, alert_ids: Collection[str] | None = None,
) -> int:  # fmt: skip
    """Give a verdict on alerts of a case, and return the decision's number.

    One that clears an alert of a merchant of grade `TWO_AT` is `PROPOSED` only: nothing changes until a lead who has
    not given it agrees (`casework.agreement`).

    Args:
        store: the store.
        actor: who decides.
        case_id: the case.
        expected_version: of the case as the actor has seen it: no alert is decided that came meanwhile.
        verdict: one of `VERDICTS`.
        reason_code: of the analysts' own list, 1 to 16 characters.
        comment: why, 1 to 4,000 characters.
        now_ms: UTC milliseconds.
        alert_ids: of the case, which may be decided already: that is a revision; all undecided ones by default.

    Raises:
        Conflict: the case has changed meanwhile.
        NotFound, NotAllowed, Refused: the case is not seen, the actor may not, there is nothing to decide, or the
            verdict, code or comment is none.
    """
    answer = Answer(verdict, reason_code, comment)
    with changing(store, actor, now_ms, WORKS, "to decide") as change:
        case = change.case(case_id)
        check_version(case, expected_version)
        (made,) = give(change, [(case_id, _to_decide(change, case_id, alert_ids))], answer)
        change.note(
            "decide" if made.status == GIVEN else "propose", case, decision_id=made.decision_id, verdict=verdict,
            reason_code=reason_code, alert_ids=[each.alert_id for each in made.alerts],
        )  # fmt: skip
        return made.decision_id


def is_proposed(store: Store, decision_id: int) -> bool:
    """Whether a decision waits for somebody to agree."""
    with store.reading() as connection:
        statement = select(decisions.c.status).where(decisions.c.decision_id == decision_id)
        return connection.execute(statement).scalar() == PROPOSED


class Answer:
    """What is given: a verdict with reason code and comment, checked; raises Refused."""

    def __init__(self, verdict: str, reason_code: str, comment: str) -> None:
        if verdict not in VERDICTS:
            raise Refused(f"verdict must be one of {', '.join(VERDICTS)}, got {verdict!r}")
        if not 1 <= len(reason_code) <= _MOST_CODE:
            raise Refused(f"reason_code must have 1 to {_MOST_CODE} characters, got {len(reason_code)}")
        self.verdict, self.reason_code = verdict, reason_code
        self.comment = checked_text(comment, "the comment of a decision")


class Made(NamedTuple):
    """A decision that was made.

    Attributes:
        decision_id: its number.
        case_id: its case.
        status: `GIVEN`, or `PROPOSED` where another must agree.
        alerts: rows of the alerts that it is on.
    """

    decision_id: int
    case_id: int
    status: str
    alerts: Sequence[Any]


def give(
    change: Change, wanted: Sequence[tuple[int, Sequence[Any]]], answer: Answer, bulk_id: int | None = None
) -> list[Made]:
    """Decide inside a change, which has checked the cases and notes it.

    Args:
        change: the change.
        wanted: cases, each once, with the rows of the alerts to decide, at least one.
        answer: the verdict.
        bulk_id: the bulk that it is done in; None for none.
    """
    worst = _of_grade(change, {each.merchant_id for _, found in wanted for each in found}, TWO_AT)
    rows = [
        {
            "case_id": case_id, "verdict": answer.verdict, "reason_code": answer.reason_code,
            "comment": answer.comment, "by": change.actor.user_id, "decided_ms": change.now_ms, "second_text": "",
            "bulk_id": bulk_id,
            "status": PROPOSED if answer.verdict in CLEARED and any(e.merchant_id in worst for e in found) else GIVEN,
        }
        for case_id, found in wanted
    ]  # fmt: skip
    given = insert(decisions).returning(decisions.c.case_id, decisions.c.decision_id)
    numbers = {each.case_id: int(each.decision_id) for each in change.connection.execute(given, rows)}
    made = [
        Made(numbers[case_id], case_id, str(row["status"]), found)
        for (case_id, found), row in zip(wanted, rows, strict=True)
    ]
    _remember(change, made)
    in_force = [each for each in made if each.status == GIVEN]
    change.change_cases([each.case_id for each in made if each.status == PROPOSED])
    change.change_cases([each.case_id for each in in_force], snoozed_until_ms=None)
    put_in_force(change, in_force, answer, change.actor.user_id)
    return made


def put_in_force(change: Change, made: Sequence[Made], answer: Answer, by: str) -> None:
    """Have decisions stand: their alerts bear them, the monitor will hear of them, cases and tasks follow.

    Args:
        change: the change.
        made: decisions with one verdict; none of no alerts.
        answer: the verdict.
        by: who has given it.
    """
    if not made:
        return
    rows = [{"of": each.alert_id, "new": one.decision_id} for one in made for each in one.alerts]
    values = {"verdict": answer.verdict, "decision_id": bindparam("new"), "decided_reopened": alerts.c.reopened}
    change.connection.execute(update(alerts).where(alerts.c.alert_id == bindparam("of")).values(values), rows)
    _post(change, made, answer, by)
    decided = sorted({each.case_id for each in made})
    change.settle_all(decided)
    ending.of_decided(change, decided, answer.verdict)


def _of_grade(change: Change, merchant_ids: Collection[str], grade: str) -> set[str]:
    found: set[str] = set()
    for some in chunks(merchant_ids):
        statement = select(merchants.c.merchant_id).where(merchants.c.merchant_id.in_(some), merchants.c.grade == grade)
        found.update(change.connection.execute(statement).scalars())
    return found


def _to_decide(change: Change, case_id: int, alert_ids: Collection[str] | None) -> Sequence[Any]:
    statement = select(alerts).where(alerts.c.case_id == case_id, alerts.c.state != WITHDRAWN)
    if alert_ids is None:
        statement = statement.where(alerts.c.verdict.is_(None))
    else:
        statement = statement.where(alerts.c.alert_id.in_({*alert_ids}))
    found = change.connection.execute(statement.order_by(alerts.c.alert_id)).all()
    if missing := {*(alert_ids or ())} - {each.alert_id for each in found}:
        raise NotFound(f"there is no alert {min(missing)} in case {case_id}")
    if not found:
        raise Refused(f"case {case_id} must have an undecided alert, it has none")
    return found


def _remember(change: Change, made: Sequence[Made]) -> None:
    """Keep what the alerts of decisions bore before."""
    before = [
        {
            "decision_id": one.decision_id, "alert_id": each.alert_id, "verdict_before": each.verdict,
            "decision_before": each.decision_id, "reopened_before": each.decided_reopened,
        }
        for one in made for each in one.alerts
    ]  # fmt: skip
    change.connection.execute(insert(decision_alerts), before)


def _post(change: Change, made: Sequence[Made], answer: Answer, by: str) -> None:
    """Put a verdict on each alert into the outbox; it waits there until it cannot be undone any more."""
    for one in made:
        events = [
            {
                "type": "verdict", "merchant_id": each.merchant_id, "event_time": iso(change.now_ms),
                "alert_id": each.alert_id, "verdict": answer.verdict, "reason_code": answer.reason_code, "by": by,
                "case_id": str(one.case_id),
            }
            for each in one.alerts
        ]  # fmt: skip
        post(change.connection, events, change.now_ms + UNDO_MS, decision_id=one.decision_id)


def undo(store: Store, actor: Actor, decision_id: int, now_ms: int) -> None:
    """Take a decision back, as if it had not been: its alerts are as they were before, and nothing is sent.

    Raises:
        NotFound: there is no such decision, or its case is not seen.
        Refused: it is another's, was undone, is older than `UNDO_MS`, or a later one stands on it.
    """
    with changing(store, actor, now_ms, WORKS, "to undo a decision") as change:
        made = change.connection.execute(select(decisions).where(decisions.c.decision_id == decision_id)).first()
        if made is None:
            raise NotFound(f"there is no decision {decision_id}")
        case = change.case(made.case_id)
        take_back(change, [made])
        change.note("undo", case, decision_id=decision_id)


def take_back(change: Change, made: Sequence[Any]) -> None:
    """Undo decisions inside a change, which notes it; all or none. Raises as `undo` does.

    Args:
        change: the change.
        made: rows of `decisions`.
    """
    for each in made:
        late = change.now_ms - each.decided_ms > UNDO_MS
        if each.by != change.actor.user_id or each.undone_ms is not None or each.second_by is not None or late:
            raise Refused(f"decision {each.decision_id} can be undone once, by {each.by}, for {UNDO_MS // 1000} s")
    change.change_cases({each.case_id for each in made})
    given = [each for each in made if each.status == GIVEN]
    for some in chunks([each.decision_id for each in given]):
        _restore(change, some)
    ending.bring_back(change, given)
    for some in chunks([each.decision_id for each in made]):
        is_it = decisions.c.decision_id.in_(some)
        change.connection.execute(update(decisions).where(is_it).values(undone_ms=change.now_ms))


def _restore(change: Change, decision_ids: Sequence[int]) -> None:
    """Have the alerts of decisions bear what they bore before."""
    connection, table = change.connection, decision_alerts.c
    before = connection.execute(select(decision_alerts).where(table.decision_id.in_(decision_ids))).all()
    statement = select(alerts.c.alert_id, alerts.c.decision_id, alerts.c.case_id)
    places = connection.execute(statement.where(alerts.c.decision_id.in_(decision_ids))).all()
    posted = outbox.c.decision_id.in_(decision_ids)
    gone = select(outbox.c.decision_id).where(posted, outbox.c.status != PENDING)
    followed = {(each.alert_id, each.decision_id) for each in before} ^ {
        (each.alert_id, each.decision_id) for each in places
    }
    if late := {*connection.execute(gone).scalars()} | {decision_id for _, decision_id in followed}:
        raise Refused(f"decision {min(late)} was followed by another, or sent already: decide anew")
    rows = [
        {
            "of": each.alert_id, "new_verdict": each.verdict_before, "new_decision": each.decision_before,
            "new_reopened": each.reopened_before,
        }
        for each in before
    ]  # fmt: skip
    values: dict[str, Any] = {
        "verdict": bindparam("new_verdict"), "decision_id": bindparam("new_decision"),
        "decided_reopened": bindparam("new_reopened"),
    }  # fmt: skip
    connection.execute(update(alerts).where(alerts.c.alert_id == bindparam("of")).values(values), rows)
    connection.execute(update(outbox).where(posted).values(status=CANCELLED))
    change.settle_all({each.case_id for each in places})
