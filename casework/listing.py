"""Lists of what was filed and done, in the order in which it came, for programs that read on from where they were.

Each list has a key that only grows, so that a page begins behind the last row of the one before, whatever was changed
in between; and each shows what the reader sees, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import select, tuple_

from casework.errors import NotFound
from casework.people import seen_case, sees, sees_all, sees_aml, sees_merchant
from casework.rep_view import cases_for, risk_for_rep
from casework.schema import (
    SHOWN,
    actions,
    alert_revisions,
    alerts,
    cases,
    causes,
    comments,
    decision_alerts,
    decisions,
    drafts,
    flags,
    merchants,
)
from domain.alerts import Alert, Score
from domain.causes import Cause
from domain.risk import grade_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Select, Table

    from casework.people import Actor
    from casework.store import Store

_score = msgspec.json.Decoder(Score).decode


def list_alerts(
    store: Store, actor: Actor, now_ms: int, after: Sequence[Any], most: int, chosen: Mapping[str, Any]
) -> Sequence[Any]:
    """Rows of `alerts` by the time they were filed.

    Args:
        store: the store.
        actor: who reads.
        now_ms: UTC milliseconds.
        after: `filed_ms` and `alert_id` of the row before; empty for the beginning.
        most: rows at most.
        chosen: columns that must have a value; None for any.
    """
    statement = select(alerts).join(cases, cases.c.case_id == alerts.c.case_id).where(sees(actor, now_ms))
    return _page(store, _chosen(statement, alerts, chosen), (alerts.c.filed_ms, alerts.c.alert_id), after, most)


def alert_of(store: Store, actor: Actor, alert_id: str, now_ms: int) -> tuple[Any, Alert]:
    """An alert's row, and the revision that it shows; raises NotFound."""
    statement = (
        select(alerts, alert_revisions.c.body)
        .join(cases, cases.c.case_id == alerts.c.case_id)
        .join(alert_revisions, SHOWN)
        .where(alerts.c.alert_id == alert_id, sees(actor, now_ms))
    )
    with store.reading() as connection:
        found = connection.execute(statement).first()
    if found is None:
        raise NotFound(f"there is no alert {alert_id[:64]}")
    return found, msgspec.json.decode(found.body, type=Alert)


def list_cases(
    store: Store, actor: Actor, now_ms: int, after: Sequence[Any], most: int, chosen: Mapping[str, Any]
) -> Sequence[Any]:
    """Rows of `cases` by number; arguments as `list_alerts` has them, `after` with `case_id`."""
    statement = _chosen(select(cases).where(sees(actor, now_ms)), cases, chosen)
    found = _page(store, statement, (cases.c.case_id,), after, most)
    with store.reading() as connection:
        return cases_for(connection, actor, found)


def parts_of(store: Store, actor: Actor, case_id: int, now_ms: int) -> dict[str, Sequence[Any]]:
    """What a case holds: rows of `alerts`, `comments`, `decisions`, `actions` and `flags`; raises NotFound."""
    keys = {alerts: alerts.c.filed_ms, comments: comments.c.comment_id, decisions: decisions.c.decision_id,
            actions: actions.c.action_id, flags: flags.c.flag_id}  # fmt: skip
    with store.reading() as connection:
        seen_case(connection, actor, case_id, now_ms)
        return {
            table.name: connection.execute(select(table).where(table.c.case_id == case_id).order_by(key)).all()
            for table, key in keys.items()
        }


def decision_of(store: Store, actor: Actor, decision_id: int, now_ms: int) -> Any:
    """A decision's row; raises NotFound."""
    statement = select(decisions).join(cases, cases.c.case_id == decisions.c.case_id)
    with store.reading() as connection:
        found = connection.execute(statement.where(decisions.c.decision_id == decision_id, sees(actor, now_ms))).first()
    if found is None:
        raise NotFound(f"there is no decision {decision_id}")
    return found


def list_verdicts(
    store: Store, actor: Actor, now_ms: int, after: Sequence[Any], most: int, chosen: Mapping[str, Any]
) -> Sequence[Any]:
    """Rows of verdicts on alerts by decision; arguments as `list_alerts` has them, `after` with both keys."""
    statement = (
        select(decisions, decision_alerts.c.alert_id, alerts.c.merchant_id, alerts.c.detector)
        .join(decision_alerts, decision_alerts.c.decision_id == decisions.c.decision_id)
        .join(alerts, alerts.c.alert_id == decision_alerts.c.alert_id)
        .join(cases, cases.c.case_id == alerts.c.case_id)
        .where(sees(actor, now_ms))
    )
    keys = (decision_alerts.c.decision_id, decision_alerts.c.alert_id)
    return _page(store, _chosen(statement, alerts, chosen), keys, after, most)


def list_actions(
    store: Store, actor: Actor, now_ms: int, after: Sequence[Any], most: int, chosen: Mapping[str, Any]
) -> Sequence[Any]:
    """Rows of `actions`, with their merchants, by number; arguments as `list_alerts` has them."""
    statement = select(actions, cases.c.merchant_id).join(cases, cases.c.case_id == actions.c.case_id)
    statement = _chosen(statement.where(sees(actor, now_ms)), actions, chosen)
    return _page(store, statement, (actions.c.action_id,), after, most)


def action_of(store: Store, actor: Actor, action_id: int, now_ms: int) -> Any:
    """An action's row, with its merchant; raises NotFound."""
    found = list_actions(store, actor, now_ms, (), 1, {"action_id": action_id})
    if not found:
        raise NotFound(f"there is no action {action_id}")
    return found[0]


def list_drafts(
    store: Store, actor: Actor, now_ms: int, after: Sequence[Any], most: int, chosen: Mapping[str, Any]
) -> Sequence[Any]:
    """Rows of `drafts` by number; arguments as `list_alerts` has them, `after` with `draft_id`."""
    of_seen = drafts.c.case_id.is_(None) & sees_merchant(actor, drafts.c.merchant_id, now_ms)
    statement = select(drafts).outerjoin(cases, cases.c.case_id == drafts.c.case_id)
    statement = _chosen(statement.where(of_seen | sees(actor, now_ms)), drafts, chosen)
    return _page(store, statement, (drafts.c.draft_id,), after, most)


def draft_of(store: Store, actor: Actor, draft_id: int, kind: str, now_ms: int) -> Any:
    """A row of `drafts`, of a kind; raises NotFound."""
    found = list_drafts(store, actor, now_ms, (), 1, {"draft_id": draft_id, "kind": kind})
    if not found:
        raise NotFound(f"there is no {kind} draft {draft_id}")
    return found[0]


def list_causes(
    store: Store, actor: Actor, now_ms: int, after: Sequence[Any], most: int, chosen: Mapping[str, Any]  # noqa: ARG001
) -> Sequence[Any]:  # fmt: skip
    """Rows of `causes` by id; arguments as `list_alerts` has them."""
    statement = _chosen(select(causes).where(_sees_cause(actor)), causes, chosen)
    return _page(store, statement, (causes.c.cause_id,), after, most)


def cause_of(store: Store, actor: Actor, cause_id: str) -> tuple[Any, Cause]:
    """A cause's row, and the cause itself; raises NotFound."""
    with store.reading() as connection:
        found = connection.execute(select(causes).where(causes.c.cause_id == cause_id, _sees_cause(actor))).first()
    if found is None:
        raise NotFound(f"there is no cause {cause_id[:64]}")
    return found, msgspec.json.decode(found.body, type=Cause)


def risk_of(store: Store, actor: Actor, merchant_id: str, now_ms: int) -> Score:
    """A merchant's risk, without contributions of alerts that the reader does not see.

    For those in the office the score itself stays what it is: it is published with all of them. A rep gets what is
    put together of what is left, and not when or how often the score was published.

    Raises:
        NotFound: there is no score of such a merchant, or the reader does not see the merchant.
    """
    of_it = merchants.c.merchant_id == merchant_id
    with store.reading() as connection:
        seen = select(merchants.c.score_body).where(of_it, sees_merchant(actor, merchants.c.merchant_id, now_ms))
        body = connection.execute(seen).scalar()
        if body is None:
            raise NotFound(f"there is no merchant {merchant_id[:64]}")
        theirs = select(alerts.c.alert_id).where(alerts.c.merchant_id == merchant_id)
        theirs = theirs.where(sees_aml(actor, alerts.c.is_aml))
        told = {"", *connection.execute(theirs).scalars()}
        for_rep = None if sees_all(actor) or not body else risk_for_rep(connection, [merchant_id])[merchant_id]
    if not body:
        raise NotFound(f"there is no score of merchant {merchant_id[:64]}")
    if for_rep is not None and for_rep.score is not None:
        return Score(
            merchant_id=merchant_id, time="", score=for_rep.score, grade=for_rep.grade,
            contributions=for_rep.contributions, computed_grade=grade_of(for_rep.score), prior=for_rep.prior,
            capped=for_rep.capped,
        )  # fmt: skip
    found = _score(body)
    kept = tuple(each for each in found.contributions if each.alert_id in told)
    return msgspec.structs.replace(found, contributions=kept)


def _sees_cause(actor: Actor) -> ColumnElement[bool]:
    return sees_aml(actor, causes.c.is_aml)


def _chosen(statement: Select[Any], table: Table, chosen: Mapping[str, Any]) -> Select[Any]:
    return statement.where(*(table.c[name] == value for name, value in chosen.items() if value is not None))


def _page(
    store: Store, statement: Select[Any], keys: Sequence[ColumnElement[Any]], after: Sequence[Any], most: int
) -> Sequence[Any]:
    if after:
        statement = statement.where(tuple_(*keys) > tuple_(*after))
    with store.reading() as connection:
        return connection.execute(statement.order_by(*keys).limit(most)).all()
