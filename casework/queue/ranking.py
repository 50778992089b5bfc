"""Fitting the re-ranker on verdicts, and holding it against the plain order by verdicts that came later."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sqlalchemy import insert, select, update

from casework import audit
from casework.bodies import ms_of, text
from casework.chunks import chunks
from casework.errors import Refused
from casework.queue.order import RECORD_MS, Policy, Record, chance, counted, read_policy
from casework.queue.reranker import RISES, features, numbers_of
from casework.schema import alerts, decisions, merchant_scores, rerankers
from casework.states import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from casework.queue.reranker import Reranker
    from casework.store import Store

LEAST_VERDICTS = 200
"""Verdicts below which nothing is fitted."""
MOST_VERDICTS = 50_000
TESTED_SHARE = 0.3
"""Share of the verdicts, the latest, that the two orders are held against."""
TOP_SHARE = 0.2
"""Share of those that counts as the top of the queue."""
_ROUNDS, _LEAVES, _LEAST_LEAF, _RATE = 60, 8, 20, 0.1


class Ranking(NamedTuple):
    """What came of fitting.

    Attributes:
        verdicts: that it was fitted on.
        tested: later ones, of which it knew nothing, that the orders were held against.
        top: how many of those count as the top.
        precision: confirmed ones in the top by the re-ranker, 0 to 1.
        plain_precision: the same by the plain order.
        in_force: whether the re-ranker orders the queue from now on.
    """

    verdicts: int
    tested: int
    top: int
    precision: float
    plain_precision: float
    in_force: bool


class _Cases(NamedTuple):
    """Decided alerts, by the time of their verdicts: rows of features, worth by the plain order, cost, confirmed."""

    x: NDArray[np.float64]
    plain: NDArray[np.float64]
    cost: NDArray[np.float64]
    confirmed: NDArray[np.bool_]


def fit(store: Store, now_ms: int) -> Ranking:
    """Fit the re-ranker, and put it in force if it finds more in the top than the plain order; else that one is.

    Alerts that only `aml` may see are left out. `casework.summary.refresh_all` then orders the open cases anew.

    Raises:
        Refused: there are fewer than 200 verdicts, or all say the same.
    """
    with store.reading() as connection:
        cases = _read(connection, read_policy(connection))
    count = len(cases.confirmed)
    if count < LEAST_VERDICTS:
        raise Refused(f"the re-ranker needs at least {LEAST_VERDICTS} verdicts, got {count}")
    cut = int(count * (1 - TESTED_SHARE))
    if len({*cases.confirmed[:cut].tolist()}) < 2:
        raise Refused("the re-ranker needs verdicts that confirm and verdicts that do not")
    top = max(1, int((count - cut) * TOP_SHARE))
    held_out = _fitted(cases.x[:cut], cases.confirmed[:cut]).chances(cases.x[cut:].tolist()) * cases.cost[cut:]
    precision = _precision(held_out, cases.confirmed[cut:], top)
    plain = _precision(cases.plain[cut:], cases.confirmed[cut:], top)
    found = Ranking(count, count - cut, top, precision, plain, precision > plain)
    _keep(store, _fitted(cases.x, cases.confirmed), found, now_ms)
    return found


def _keep(store: Store, made: Reranker, found: Ranking, now_ms: int) -> None:
    with store.writing() as connection:
        connection.execute(update(rerankers).values(in_force=False))
        row = {
            "by": "casework", "fitted_ms": now_ms, "in_force": found.in_force, "verdicts": found.verdicts,
            "top": found.top, "precision": found.precision, "plain_precision": found.plain_precision,
            "body": text(made),
        }  # fmt: skip
        connection.execute(insert(rerankers), row)
        audit.append(connection, time_ms=now_ms, actor="casework", kind="rank", detail=found._asdict())


def _fitted(x: NDArray[np.float64], confirmed: NDArray[np.bool_]) -> Reranker:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415  it loads in a second

    x = np.where(np.isnan(x).all(axis=0), 0.0, x)  # it refuses a figure that is not known of anybody
    grown = HistGradientBoostingClassifier(
        max_iter=_ROUNDS, max_leaf_nodes=_LEAVES, min_samples_leaf=_LEAST_LEAF, learning_rate=_RATE,
        monotonic_cst=RISES, random_state=0,
        early_stopping=False,  # pyright: ignore[reportArgumentType]  its stubs know "auto" alone
    ).fit(x, confirmed)  # fmt: skip
    return numbers_of(grown)


def _precision(worth: NDArray[np.float64], confirmed: NDArray[np.bool_], top: int) -> float:
    return float(confirmed[np.argsort(-worth, kind="stable")[:top]].mean())


def _read(connection: Connection, policy: Policy) -> _Cases:
    statement = (
        select(alerts, decisions.c.decided_ms)
        .join(decisions, decisions.c.decision_id == alerts.c.decision_id)
        .where(alerts.c.verdict.is_not(None), ~alerts.c.is_aml, alerts.c.state != WITHDRAWN)
        .order_by(decisions.c.decided_ms.desc(), alerts.c.alert_id)
        .limit(MOST_VERDICTS)
    )
    rows = [each for each in connection.execute(statement) if counted(each.verdict)][::-1]
    grades = _Grades(connection, {each.merchant_id for each in rows})
    before: dict[str, _Window] = defaultdict(_Window)
    x, plain, cost = [], [], []
    for each in rows:
        record = before[each.detector].record(each.decided_ms)
        grade = grades.at(each.merchant_id, each.decided_ms)
        age_ms = each.decided_ms - ms_of(each.first_time)
        x.append(features(each.severity, each.loss_minor, each.turnover_minor, grade, record.share, age_ms))
        cost.append(policy.cost(each.risk_code))
        plain.append(chance(each.severity, record) * cost[-1])
        before[each.detector].add(each.decided_ms, each.verdict == "confirmed", each.severity)
    confirmed = np.array([each.verdict == "confirmed" for each in rows], np.bool_)
    return _Cases(np.array(x, np.float64), np.array(plain), np.array(cost), confirmed)


class _Window:
    """A detector's verdicts of the days before."""

    def __init__(self) -> None:
        self._listed: deque[tuple[int, bool, float]] = deque()
        self._confirmed, self._severity = 0, 0.0

    def add(self, time_ms: int, confirmed: bool, severity: float) -> None:
        self._listed.append((time_ms, confirmed, severity))
        self._confirmed += confirmed
        self._severity += severity

    def record(self, now_ms: int) -> Record:
        while self._listed and self._listed[0][0] <= now_ms - RECORD_MS:
            _, confirmed, severity = self._listed.popleft()
            self._confirmed -= confirmed
            self._severity -= severity
        return Record(len(self._listed), self._confirmed, self._severity)


class _Grades:
    """Merchants' grades at any time, by the history of their scores."""

    def __init__(self, connection: Connection, merchant_ids: set[str]) -> None:
        self._found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        table = merchant_scores.c
        for some in chunks(merchant_ids):
            statement = select(table.merchant_id, table.time, table.grade).where(table.merchant_id.in_(some))
            rows: Sequence[Any] = connection.execute(statement.order_by(table.score_revision)).all()
            for each in rows:
                self._found[each.merchant_id].append((ms_of(each.time), each.grade))

    def at(self, merchant_id: str, time_ms: int) -> str:
        listed = self._found.get(merchant_id, [])
        place = bisect_right(listed, (time_ms, "~"))
        return listed[place - 1][1] if place else ""
