"""One thing done to many cases: one transaction and one entry of the audit, which has the members, count and money.

What cannot be done to a case, because somebody else was faster or it is not open any more, keeps none of the others
back: the case is skipped, and listed with the reason.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from casework import audit
from casework.change import Change, changing, check_version
from casework.decisions import GIVEN, UNDO_MS, Answer, give, take_back
from casework.errors import Conflict, NotFound, Refused
from casework.operations import may_hold
from casework.pauses import checked_snooze, put_off
from casework.people import WORKS
from casework.schema import bulk_cases, bulks, decisions
from casework.states import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from casework.people import Actor
    from casework.store import Store

DECIDE, TAKE, SNOOZE, UNDO = "decide", "take", "snooze", "undo"
"""Kinds of bulks."""
MOST_CASES = 2_000
"""Cases at once: our own default, for nothing else is written meanwhile."""


class Skipped(NamedTuple):
    """A case that nothing was done to, and why.

    Attributes:
        case_id: the case.
        reason: in words.
        holder: who holds it; None where nobody does, or where that is not the reason.
        version: of the case now; None where the reason is another.
    """

    case_id: int
    reason: str
    holder: str | None = None
    version: int | None = None


class Money(NamedTuple):
    """Sums of alerts, in minor units of one currency; what is not known counts nothing."""

    turnover_minor: int = 0
    loss_minor: int = 0


class Bulk(NamedTuple):
    """What was done.

    Attributes:
        bulk_id: by which it is undone; 0 where it was done to no case.
        case_ids: that it was done to.
        proposed: of them, those whose decision another must agree to.
        skipped: that it was not done to.
        alerts: how many it was about.
        money: of these alerts, by currency.
    """

    bulk_id: int
    case_ids: tuple[int, ...]
    proposed: tuple[int, ...]
    skipped: tuple[Skipped, ...]
    alerts: int
    money: dict[str, Money]


def decide(
    store: Store, actor: Actor, versions: Mapping[int, int], verdict: str, reason_code: str, comment: str, now_ms: int
) -> Bulk:
    """Give one verdict on the undecided alerts of many cases.

    Args:
        store: the store.
        actor: who decides.
        versions: by case, the version that the actor has seen; at most `MOST_CASES`.
        verdict: as `casework.decisions.decide` has it.
        reason_code: likewise.
        comment: likewise.
        now_ms: UTC milliseconds.

    Raises:
        NotAllowed, Refused: the actor may not; there are too many cases; the verdict, code or comment is none.
    """
    answer = Answer(verdict, reason_code, comment)
    with changing(store, actor, now_ms, WORKS, "to decide") as change:
        work = _Work(change, DECIDE, versions)
        undecided = work.undecided

        def check(case: Any) -> None:
            check_version(case, versions[case.case_id])
            if case.case_id not in undecided:
                raise Refused(f"case {case.case_id} must have an undecided alert, it has none")

        fit = work.fit(check)
        made = give(change, [(each, undecided[each]) for each in fit], answer, work.bulk_id) if fit else []
        proposed = [each.case_id for each in made if each.status != GIVEN]
        return work.done(fit, proposed, verdict=verdict, reason_code=reason_code)


def take(store: Store, actor: Actor, versions: Mapping[int, int], now_ms: int) -> Bulk:
    """Take many cases; arguments and errors as `decide` has them. Those that the actor holds already stay so."""
    with changing(store, actor, now_ms, WORKS, "to take a case") as change:
        work = _Work(change, TAKE, versions)
        new = []

        def check(case: Any) -> None:
            _check_open(case)
            if may_hold(actor, case, versions[case.case_id]):
                new.append(case.case_id)

        fit = work.fit(check)
        change.change_cases(new, holder=actor.user_id, taken_ms=now_ms)
        return work.done(fit)


def snooze(store: Store, actor: Actor, versions: Mapping[int, int], until_ms: int, reason: str, now_ms: int) -> Bulk:
    """Put many cases off until a time, as `casework.pauses.snooze` does; the rest as `decide` has it."""
    said = checked_snooze(until_ms, reason, now_ms)
    with changing(store, actor, now_ms, WORKS, "to snooze a case") as change:
        work = _Work(change, SNOOZE, versions)

        def check(case: Any) -> None:
            _check_open(case)
            check_version(case, versions[case.case_id])

        fit = work.fit(check)
        put_off(change, fit, until_ms, said)
        return work.done(fit, until_ms=until_ms, reason=said)


def undo(store: Store, actor: Actor, bulk_id: int, now_ms: int) -> None:
    """Take back all decisions of a bulk, or none.

    Raises:
        NotFound: there is no such bulk of decisions.
        Refused: it is another's, was undone, is older than `UNDO_MS`, or one of the decisions was followed by another.
    """
    with changing(store, actor, now_ms, WORKS, "to undo decisions") as change:
        row = change.connection.execute(select(bulks).where(bulks.c.bulk_id == bulk_id, bulks.c.kind == DECIDE)).first()
        if row is None:
            raise NotFound(f"there is no bulk {bulk_id} of decisions")
        if row.by != actor.user_id or row.undone_ms is not None or now_ms - row.done_ms > UNDO_MS:
            raise Refused(f"bulk {bulk_id} can be undone once, by {row.by}, for {UNDO_MS // 1000} s")
        of_it = select(decisions).where(decisions.c.bulk_id == bulk_id).order_by(decisions.c.decision_id)
        made = change.connection.execute(of_it).all()
        if {*change.cases([each.case_id for each in made])} != {each.case_id for each in made}:
            raise NotFound(f"there is no bulk {bulk_id} of decisions")
        take_back(change, made)
        work = _Work(change, UNDO, dict.fromkeys((each.case_id for each in made), 0))
        change.connection.execute(update(bulks).where(bulks.c.bulk_id == bulk_id).values(undone_ms=now_ms))
        work.done([each.case_id for each in made], of=bulk_id)


class _Work:
    """A bulk under way, inside a change."""

    def __init__(self, change: Change, kind: str, versions: Mapping[int, int]) -> None:
        if not 1 <= len(versions) <= MOST_CASES:
            raise Refused(f"cases must be 1 to {MOST_CASES} at once, got {len(versions)}")
        self._change, self._kind = change, kind
        self._listed, self._seen = sorted(versions), change.cases(versions)
        self._is_aml = all(each.is_aml for each in self._seen.values())
        self.undecided = change.undecided(self._seen)
        self._skipped: list[Skipped] = []
        row = {"kind": kind, "by": change.actor.user_id, "done_ms": change.now_ms, "is_aml": False, "entry_id": 0}
        self.bulk_id = int(change.connection.execute(insert(bulks).returning(bulks.c.bulk_id), row).scalar_one())

    def fit(self, check: Callable[[Any], None]) -> list[int]:
        """The cases that it can be done to; the others are skipped. `check` gets a case's row, and raises Refused."""
        found = []
        for case_id in self._listed:
            try:
                self._check_seen(case_id)
                check(self._seen[case_id])
            except Conflict as error:
                self._skipped.append(Skipped(case_id, str(error), error.holder, error.version))
            except Refused as error:
                self._skipped.append(Skipped(case_id, str(error)))
            else:
                found.append(case_id)
        return found

    def _check_seen(self, case_id: int) -> None:
        case = self._seen.get(case_id)
        if case is None:
            raise NotFound(f"there is no case {case_id}")
        if case.is_aml and not self._is_aml:
            raise Refused(f"case {case_id} is of money laundering: do it apart from others")

    def done(self, case_ids: Sequence[int], proposed: Sequence[int] = (), **detail: Any) -> Bulk:
        """Note it in the audit, as one entry, of the alerts that were undecided before."""
        connection, of_it = self._change.connection, bulks.c.bulk_id == self.bulk_id
        if not case_ids:
            connection.execute(delete(bulks).where(of_it))
            return Bulk(0, (), (), tuple(self._skipped), 0, {})
        connection.execute(insert(bulk_cases), [{"bulk_id": self.bulk_id, "case_id": each} for each in case_ids])
        concerned = [each for case_id in case_ids for each in self.undecided.get(case_id, ())]
        money = _money(concerned)
        entry_id = audit.append(
            connection, time_ms=self._change.now_ms, actor=self._change.actor.user_id, kind=f"bulk_{self._kind}",
            is_aml=self._is_aml, detail={
                **detail, "bulk_id": self.bulk_id, "case_ids": [*case_ids], "proposed": [*proposed],
                "alerts": len(concerned), "money": {name: each._asdict() for name, each in money.items()},
            },
        )  # fmt: skip
        connection.execute(update(bulks).where(of_it).values(entry_id=entry_id, is_aml=self._is_aml))
        return Bulk(self.bulk_id, tuple(case_ids), tuple(proposed), tuple(self._skipped), len(concerned), money)


def _check_open(case: Any) -> None:
    if case.status != OPEN:
        raise Refused(f"case {case.case_id} must be open, it is {case.status}")


def _money(found: Sequence[Any]) -> dict[str, Money]:
    sums: defaultdict[str, Money] = defaultdict(Money)
    for each in found:
        before = sums[each.currency]
        sums[each.currency] = Money(
            before.turnover_minor + (each.turnover_minor or 0), before.loss_minor + (each.loss_minor or 0)
        )
    return dict(sorted(sums.items()))
