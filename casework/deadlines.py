"""By when each open case is to be decided: the earliest of what its merchants' grades and its alerts' duties want.

| what | until | from when on | source |
|---|---|---|---|
| a merchant of grade E | 24 h | since it is E | our own default, as `docs/risk-score.md#grades` has the response |
| D or worse | 3 working days | since it is D or worse | likewise |
| C or worse | 5 working days | since it is C or worse | likewise |
| an alert with a duty | what the rule wants | as the alert says | the rule, such as Mastercard's GLB 12772 |
| an answer of a rep | 1 working day | since it came | our own default |
| a re-check that is open | 1 working day | since it is due | our own default; no grade wants a verdict before |
| a retrieval | 5 working days, or what was asked | since it was asked | our own default |

None begins before the case was opened, or opened again. A grade that gets worse postpones nothing: what the better one
wanted is owed still. Once a merchant is better again, what the worse grade wanted is owed no more.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, select, update

from casework.chunks import chunks
from casework.schema import alerts, cases, merchants, tasks
from casework.states import OPEN, RETRIEVAL, WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.working_days import WorkingDays

HOUR_MS = 3_600_000
WITHIN_H: dict[str, int] = {"E": 24}
"""Hours in which a case of a grade is to be decided."""
WITHIN_WORKING_DAYS: dict[str, int] = {"D": 3, "C": 5}
"""Working days in which a case of a grade is to be decided."""
RETRIEVAL_WORKING_DAYS = 5
"""Working days in which a merchant is to send what it was asked for."""
ANSWER_WORKING_DAYS = 1
"""Working days in which somebody looks at what a rep has answered, or at what a re-check was to find."""
ANSWER, RECTIFY = "answer", "recheck"
"""The rules of what comes from a rep's tasks."""
GRADES = (*WITHIN_H, *WITHIN_WORKING_DAYS)
"""Grades that have a deadline, the worst first. A grade is worse than another whose letter comes before its own."""
_decode = msgspec.json.Decoder(dict[str, int]).decode


class Due(NamedTuple):
    """A deadline.

    Attributes:
        due_ms: UTC milliseconds.
        rule: `grade C`, `grade D`, `grade E`, `answer`, `recheck`, or the name of a duty's rule as alerts have it.
    """

    due_ms: int
    rule: str


def of_grade(days: WorkingDays, grade: str, from_ms: int) -> Due:
    """What a grade of `GRADES` wants, from a moment on."""
    if grade in WITHIN_H:
        return Due(from_ms + WITHIN_H[grade] * HOUR_MS, f"grade {grade}")
    return Due(days.after(from_ms, WITHIN_WORKING_DAYS[grade]), f"grade {grade}")


def grades_since(before: Mapping[str, int], grade: str, now_ms: int) -> dict[str, int]:
    """Since when a merchant is of each of `GRADES` or worse, of those that it is now.

    >>> grades_since({"C": 1, "D": 2}, "C", 3), grades_since({"C": 1}, "E", 3)
    ({'C': 1}, {'E': 3, 'D': 3, 'C': 1})
    """
    return {each: before.get(each, now_ms) for each in GRADES if each <= grade}


def refresh(connection: Connection, days: WorkingDays, case_ids: Iterable[int]) -> None:
    """Have the deadlines of cases follow from their undecided alerts, in the transaction that has changed these.

    Args:
        connection: of a transaction that writes.
        days: the working days.
        case_ids: open or not; those that are not have no deadline.
    """
    for some in chunks(sorted({*case_ids})):
        _refresh(connection, days, some)


def refresh_all(connection: Connection, days: WorkingDays) -> None:
    """Likewise for every open case: after an upgrade their deadlines may be others."""
    refresh(connection, days, connection.execute(select(cases.c.case_id).where(cases.c.status == OPEN)).scalars())


def refresh_merchants(connection: Connection, days: WorkingDays, merchant_ids: Collection[str]) -> None:
    """Likewise for the open cases that have alerts of merchants, whose grades have changed."""
    found = set[int]()
    for some in chunks(sorted({*merchant_ids})):
        held = select(alerts.c.case_id).where(alerts.c.merchant_id.in_(some), alerts.c.verdict.is_(None)).distinct()
        found.update(connection.execute(held).scalars())
    refresh(connection, days, found)


def due_without_grades(connection: Connection, rows: Sequence[Any]) -> dict[int, tuple[int | None, str]]:
    """By case, its deadline and the rule of it as if no merchant had a grade; None and "" where it has none.

    Args:
        connection: a transaction.
        rows: of `cases`.
    """
    duties = _duties(connection, [each.case_id for each in rows])
    found: dict[int, tuple[int | None, str]] = {}
    for each in rows:
        if each.kind == RETRIEVAL:
            found[each.case_id] = each.due_ms, each.due_rule
        else:
            found[each.case_id] = min(duties[each.case_id], default=(None, "")) if each.status == OPEN else (None, "")
    return found


def _refresh(connection: Connection, days: WorkingDays, case_ids: list[int]) -> None:
    wanted = select(cases.c.case_id, cases.c.status, cases.c.open_since_ms, cases.c.due_ms, cases.c.due_rule)
    duties, grades = _duties(connection, case_ids), _grades(connection, case_ids)
    answers = _answers(connection, case_ids)
    # Most have no deadline and get none.
    concerned = cases.c.due_ms.is_not(None) | cases.c.case_id.in_({*duties, *grades, *answers})
    of_them = wanted.where(cases.c.case_id.in_(case_ids), concerned, cases.c.kind != RETRIEVAL)
    before = connection.execute(of_them).all()
    changed = []
    for each in before:
        wanted_of = (duties[each.case_id], grades[each.case_id], answers[each.case_id])
        found = _earliest(days, each, *wanted_of) if each.status == OPEN else None
        due_ms, rule = found or (None, "")
        if (due_ms, rule) != (each.due_ms, each.due_rule):
            changed.append({"changed": each.case_id, "new_due_ms": due_ms, "new_due_rule": rule})
    if changed:
        values: dict[str, Any] = {"due_ms": bindparam("new_due_ms"), "due_rule": bindparam("new_due_rule")}
        connection.execute(update(cases).where(cases.c.case_id == bindparam("changed")).values(values), changed)


def _earliest(
    days: WorkingDays, case: Any, duties: list[Due], grades: dict[str, int], answers: list[Any]
) -> Due | None:  # fmt: skip
    of_grades = [of_grade(days, grade, max(since, case.open_since_ms)) for grade, since in grades.items()]
    return min((*duties, *_of_tasks(days, case, of_grades, answers)), default=None)


def _of_tasks(days: WorkingDays, case: Any, of_grades: list[Due], answers: list[Any]) -> list[Due]:
    """What grades want, once what reps have answered since the case is open is taken into account."""
    waits = [each.due_ms for each in answers if each.kind == RECTIFY and each.status == OPEN]
    if waits:
        return [Due(days.after(max(waits), ANSWER_WORKING_DAYS), RECTIFY)]
    came = [each.answered_ms for each in answers if (each.answered_ms or -1) >= case.open_since_ms]
    return [*of_grades, *(Due(days.after(each, ANSWER_WORKING_DAYS), ANSWER) for each in came)]


def _answers(connection: Connection, case_ids: Collection[int]) -> defaultdict[int, list[Any]]:
    """By case, its tasks that have been answered, or that check again what one has found."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    table = tasks.c
    concerned = table.answered_ms.is_not(None) | ((table.kind == RECTIFY) & (table.status == OPEN))
    statement = select(table.case_id, table.kind, table.status, table.due_ms, table.answered_ms)
    for each in connection.execute(statement.where(table.case_id.in_(case_ids), concerned)):
        found[each.case_id].append(each)
    return found


def _undecided(case_ids: Collection[int]) -> Any:
    return alerts.c.case_id.in_(case_ids) & alerts.c.verdict.is_(None) & (alerts.c.state != WITHDRAWN)


def _duties(connection: Connection, case_ids: Collection[int]) -> defaultdict[int, list[Due]]:
    found: defaultdict[int, list[Due]] = defaultdict(list)
    owed = _undecided(case_ids) & alerts.c.duty_ms.is_not(None)
    for each in connection.execute(select(alerts.c.case_id, alerts.c.duty_ms, alerts.c.duty_rule).where(owed)):
        found[each.case_id].append(Due(each.duty_ms, each.duty_rule))
    return found


def _grades(connection: Connection, case_ids: Collection[int]) -> defaultdict[int, dict[str, int]]:
    """By case, since when the first of its merchants is of a grade or worse."""
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    statement = (
        select(alerts.c.case_id, merchants.c.grades_since)
        .join(merchants, merchants.c.merchant_id == alerts.c.merchant_id)
        .where(_undecided(case_ids), merchants.c.grade >= min(GRADES))
        .distinct()
    )
    for each in connection.execute(statement):
        here = found[each.case_id]
        for grade, since_ms in _decode(each.grades_since).items():
            here[grade] = min(since_ms, here.get(grade, since_ms))
    return found
