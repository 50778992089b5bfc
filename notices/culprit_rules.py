"""The lead's table: to whom each kind of finding goes behind which a rep or an agent may stand."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from casework import audit
from casework.change import changing
from casework.errors import Refused
from casework.operations import checked_text
from casework.people import LEADS
from casework.schema import culprit_rules, merchants
from notices.culprits import CROSS, DESK, GOES_TO, KINDS, NAMES_SOMEBODY, STRICT

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store


class Rule(NamedTuple):
    """Where a kind goes.

    Attributes:
        kind: of `notices.culprits.KINDS`.
        goes_to: of `GOES_TO`.
        reason: why; "" where nobody has set it.
        by: who set it; "" likewise.
        set_ms: when, UTC milliseconds; None likewise.
    """

    kind: str
    goes_to: str
    reason: str = ""
    by: str = ""
    set_ms: int | None = None


def set_rule(store: Store, actor: Actor, kind: str, goes_to: str, reason: str, now_ms: int) -> None:
    """Say where a kind of finding goes from now on.

    Raises:
        NotAllowed: the actor is no lead.
        Refused: kind, place or reason cannot be, or the finding itself names somebody.
    """
    if kind not in KINDS:
        raise Refused(f"kind must be one of {', '.join(KINDS)}, got {kind[:40]!r}")
    if goes_to not in GOES_TO:
        raise Refused(f"{kind} must go to {', '.join(GOES_TO)}, got {goes_to[:40]!r}")
    if kind in NAMES_SOMEBODY and goes_to not in {DESK, CROSS}:
        raise Refused(f"{kind} must go to {DESK} or {CROSS}, for the finding names somebody, got {goes_to!r}")
    said = checked_text(reason, "the reason of a rule")
    with changing(store, actor, now_ms, LEADS, "to say where a kind of finding goes") as change:
        row = {"kind": kind, "goes_to": goes_to, "reason": said, "by": actor.user_id, "set_ms": now_ms}
        store.upsert(change.connection, culprit_rules, [row])
        audit.append(
            change.connection, time_ms=now_ms, actor=actor.user_id, kind="set_culprit_rule",
            detail={"of": kind, "goes_to": goes_to, "reason": said},
        )  # fmt: skip


def rules_of(connection: Connection) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Where kinds go as leads have it, and by rep the agents of its merchants; these where another rep may be told."""
    rules = {each.kind: each.goes_to for each in connection.execute(select(culprit_rules))}
    agents_of: dict[str, set[str]] = defaultdict(set)
    if CROSS in rules.values():
        found = select(merchants.c.rep_id, merchants.c.agent_id).where(merchants.c.agent_id != "").distinct()
        for each in connection.execute(found):
            agents_of[each.rep_id].add(each.agent_id)
    return rules, agents_of


def listed(store: Store, actor: Actor) -> list[Rule]:
    """Where every kind goes now, for leads."""
    actor.need(LEADS, "to see where findings go")
    with store.reading() as connection:
        rows = {each.kind: each for each in connection.execute(select(culprit_rules))}
    return [
        Rule(kind, rows[kind].goes_to, rows[kind].reason, rows[kind].by, rows[kind].set_ms)
        if kind in rows
        else Rule(kind, STRICT[kind])
        for kind in KINDS
    ]
