"""What `cases` has of its alerts, so that a page of the queue reads cases alone: counts, money, detectors, priority."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, select, update

from casework.bodies import ms_of, text
from casework.chunks import chunks
from casework.many import execute_many
from casework.queue.order import NO_RECORD, Policy, Records, chance, duty_priority, read_policy, read_records
from casework.queue.reranker import Reranker, features, read_reranker
from casework.schema import alert_totals, alerts, cases, causes, facts, merchants
from casework.states import DUTY, OPEN, RISK, WITHDRAWN
from detectors.registry import DETECTORS
from domain.causes import Cause

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from casework.store import Store

SERVICE = frozenset(each.name for each in DETECTORS if each.risk_group == "service")
"""Detectors of duties and maintenance."""
_ALERTS = (
    alerts.c.case_id, alerts.c.detector, alerts.c.risk_code, alerts.c.severity, alerts.c.currency,
    alerts.c.turnover_minor, alerts.c.loss_minor, alerts.c.first_time, alerts.c.duty_ms, alerts.c.verdict,
    alerts.c.state,
)  # fmt: skip
_CASES = (
    cases.c.case_id, cases.c.merchant_id, cases.c.cause_id, cases.c.is_aml, cases.c.severity, cases.c.filed,
    cases.c.undecided, cases.c.withdrawn,
)  # fmt: skip
_SHOPS = (
    merchants.c.merchant_id, merchants.c.name, merchants.c.grade, merchants.c.mcc, merchants.c.city,
    merchants.c.region, merchants.c.agent_id, merchants.c.rep_id,
)  # fmt: skip
_ORDERED = "queue_ordered"
_NOWHERE = {"grade": "", "mcc": "", "city": "", "region": "", "agent_id": "", "rep_id": ""}


class Rules(NamedTuple):
    """What orders the queue at one moment: policy, records of detectors, and the re-ranker where one is in force."""

    policy: Policy
    records: Records
    reranker: Reranker | None
    now_ms: int


def read_rules(connection: Connection, now_ms: int) -> Rules:
    """Those of now."""
    return Rules(read_policy(connection), read_records(connection, now_ms), read_reranker(connection), now_ms)


class Counts(NamedTuple):
    """Alerts of a case: those that stand, those of them without a verdict, and those withdrawn."""

    filed: int
    undecided: int
    withdrawn: int


def refresh(
    connection: Connection, case_ids: Collection[int], now_ms: int, *, steps: Mapping[int, int] | None = None,
    rules: Rules | None = None,
) -> dict[int, Counts]:  # fmt: skip
    """Have cases, and the totals, follow from their alerts, merchants and causes.

    Args:
        connection: a transaction that writes.
        case_ids: the cases.
        now_ms: UTC milliseconds.
        steps: by case, by how much its version rises; such a case was updated now.
        rules: of now, if they are read already.

    Returns:
        By case, its alerts.
    """
    rules = rules or read_rules(connection, now_ms)
    found: dict[int, Counts] = {}
    for some in chunks(case_ids):
        rows = connection.execute(select(*_CASES).where(cases.c.case_id.in_(some))).all()
        held = _by_case(connection, some)
        shops, named = _shops(connection, rows), _causes(connection, rows)
        given = []
        for each in rows:
            listed = held.get(each.case_id, ())
            shop = shops.get(each.merchant_id) or _NOWHERE | {"shop_name": named.get(each.cause_id, "")}
            counts, shown = _standing(listed)
            found[each.case_id] = counts
            given.append(shop | _of_alerts(shown, each, shop["grade"], rules) | counts._asdict())
        _count_totals(connection, rows, found)
        _write(connection, given, steps, now_ms)
    return found


def refresh_all(store: Store, now_ms: int) -> int:
    """Order all open cases anew, some at a time, each in a transaction of its own; how many there were."""
    with store.reading() as connection:
        rules = read_rules(connection, now_ms)
        ids = [*connection.execute(select(cases.c.case_id).where(cases.c.status == OPEN)).scalars()]
    for some in chunks(ids):
        with store.writing() as connection:
            refresh(connection, some, now_ms, rules=rules)
    return len(ids)


def refresh_daily(store: Store, day: str, now_ms: int) -> None:
    """Order all open cases anew, unless that was done on this day, ISO 8601."""
    with store.reading() as connection:
        done = connection.execute(select(facts.c.value).where(facts.c.name == _ORDERED)).scalar()
    if done == day:
        return
    refresh_all(store, now_ms)
    with store.writing() as connection:
        store.upsert(connection, facts, [{"name": _ORDERED, "value": day}])


def _by_case(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[Any]]:
    held: dict[int, list[Any]] = defaultdict(list)
    for each in connection.execute(select(*_ALERTS).where(alerts.c.case_id.in_(case_ids))):
        held[each.case_id].append(each)
    return held


def _shops(connection: Connection, rows: Sequence[Any]) -> dict[str, dict[str, str]]:
    ids = {each.merchant_id for each in rows if each.merchant_id is not None}
    found = connection.execute(select(*_SHOPS).where(merchants.c.merchant_id.in_(ids)))
    return {
        each.merchant_id: {
            "shop_name": each.name, "grade": each.grade, "mcc": each.mcc, "city": each.city, "region": each.region,
            "agent_id": each.agent_id, "rep_id": each.rep_id,
        }
        for each in found
    }  # fmt: skip


def _causes(connection: Connection, rows: Sequence[Any]) -> dict[str, str]:
    """By cause, its names in both languages."""
    ids = {each.cause_id for each in rows if each.cause_id is not None}
    if not ids:
        return {}
    found = connection.execute(select(causes.c.cause_id, causes.c.body).where(causes.c.cause_id.in_(ids)))
    decoded = {each.cause_id: msgspec.json.decode(each.body, type=Cause) for each in found}
    return {cause_id: f"{each.name.en} {each.name.zh}" for cause_id, each in decoded.items()}


def _standing(listed: Sequence[Any]) -> tuple[Counts, Sequence[Any]]:
    """A case's counts, and the alerts it is described by: the undecided ones, else all that stand."""
    standing = [each for each in listed if each.state != WITHDRAWN]
    undecided = [each for each in standing if each.verdict is None]
    return Counts(len(standing), len(undecided), len(listed) - len(standing)), undecided or standing


def _of_alerts(shown: Sequence[Any], case: Any, grade: str, rules: Rules) -> dict[str, Any]:
    """The columns that follow from alerts; in one pass, for filing does this for each alert."""
    worst, oldest, due_ms, is_duty = -1.0, "~", None, bool(shown)
    turnover, loss, currencies, detectors, codes = None, None, set(), [], set()
    for _, detector, code, severity, currency, its_turnover, its_loss, first_time, duty_ms, _, _ in shown:
        worst, oldest = max(worst, severity), min(oldest, first_time)
        is_duty = is_duty and detector in SERVICE
        detectors.append(detector)
        codes.add(code)
        if duty_ms is not None:
            due_ms = duty_ms if due_ms is None else min(due_ms, duty_ms)
        if its_turnover is not None:
            turnover = its_turnover + (turnover or 0)
            currencies.add(currency)
        if its_loss is not None:
            loss = its_loss + (loss or 0)
            currencies.add(currency)
    one = len(currencies) == 1
    return {
        "case_id": case.case_id, "lane": DUTY if is_duty else RISK, "severity": worst if shown else case.severity,
        "oldest_ms": ms_of(oldest) if shown else None, "detectors": _listed(tuple(sorted(detectors))),
        "risk_codes": "".join(f" {each} " for each in sorted(codes) if each),
        "currency": currencies.pop() if one else "", "turnover_minor": turnover if one else None,
        "loss_minor": loss if one else None,
        "priority": duty_priority(due_ms) if is_duty else _priority(shown, case.is_aml, grade, rules),
    }  # fmt: skip


@lru_cache(maxsize=4_096)
def _listed(detectors: tuple[str, ...]) -> str:
    """Detectors with how many alerts there are of each, as JSON."""
    return text(Counter(detectors))


def _priority(shown: Sequence[Any], is_aml: bool, grade: str, rules: Rules) -> float:
    """The greatest of what alerts are worth."""
    cost, records, reranker = rules.policy.cost, rules.records, rules.reranker
    if reranker is None:
        worth = [
            chance(each.severity, records.get((each.detector, is_aml), NO_RECORD)) * cost(each.risk_code)
            for each in shown
        ]
        return max(worth, default=0.0)
    rows = [
        features(
            each.severity, each.loss_minor, each.turnover_minor, grade,
            records.get((each.detector, is_aml), NO_RECORD).share, rules.now_ms - ms_of(each.first_time),
        )
        for each in shown
    ]  # fmt: skip
    likely = reranker.chances(rows).tolist()
    return max((share * cost(each.risk_code) for share, each in zip(likely, shown, strict=True)), default=0.0)


def _count_totals(connection: Connection, rows: Sequence[Any], found: Mapping[int, Counts]) -> None:
    for is_aml in (False, True):
        mine = [(each, found[each.case_id]) for each in rows if each.is_aml == is_aml]
        more = {
            name: sum(getattr(now, name) - getattr(before, name) for before, now in mine) for name in Counts._fields
        }
        if any(more.values()):
            values = {name: alert_totals.c[name] + each for name, each in more.items()}
            connection.execute(update(alert_totals).where(alert_totals.c.is_aml == is_aml).values(values))


def _write(
    connection: Connection, given: Sequence[dict[str, Any]], steps: Mapping[int, int] | None, now_ms: int
) -> None:
    if not given:
        return
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in given[0] if name != "case_id"}
    if steps is not None:
        values |= {"version": cases.c.version + bindparam("new_step"), "updated_ms": bindparam("new_updated_ms")}
    names = {name: f"new_{name}" for name in given[0]}
    rows = [{names[name]: value for name, value in each.items()} for each in given]
    if steps is not None:
        for row in rows:
            row["new_step"], row["new_updated_ms"] = steps.get(row["new_case_id"], 0), now_ms
    execute_many(connection, update(cases).where(cases.c.case_id == bindparam("new_case_id")).values(values), rows)
