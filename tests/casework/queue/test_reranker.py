"""The re-ranker: numbers that say what scikit-learn's trees say, and an order that is in force only if it is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sqlalchemy import insert

from casework import queue
from casework.errors import Refused
from casework.queue.filters import Filter
from casework.queue.ranking import fit
from casework.queue.reranker import FEATURES, RISES, features, numbers_of, read_reranker
from casework.schema import alerts, cases, decisions
from casework.summary import refresh_all
from tests.casework.desk import LI, Desk
from tests.casework.world import NOW_MS, alert, rows

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog


def world(seed: int, count: int = 600) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.random((count, len(FEATURES)))
    x[draw.random(x.shape) < 0.2] = np.nan
    return x, draw.random(count) < 0.2 + 0.6 * np.nan_to_num(x[:, 1]) * np.nan_to_num(x[:, 3], nan=0.5)


def test_its_numbers_say_what_the_grown_trees_say_and_only_rise() -> None:
    x, confirmed = world(3)
    grown = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=8, monotonic_cst=RISES, early_stopping=False, random_state=0
    ).fit(x, confirmed)
    made = numbers_of(grown)
    unseen, _ = world(4)
    assert made.chances(unseen.tolist()) == pytest.approx(grown.predict_proba(unseen)[:, 1], abs=1e-12)
    for k in np.flatnonzero(RISES):
        more = unseen.copy()
        more[:, k] += 0.2
        assert (made.chances(more.tolist()) >= made.chances(unseen.tolist()) - 1e-12).all()
    assert made.chances([]).shape == (0,)


def decided(store: Store, count: int, *, by_loss: bool) -> None:
    """Alerts with verdicts, a minute apart, that are right where the loss is great, or by chance."""
    draw = np.random.default_rng(7)
    with store.writing() as connection:
        for i in range(count):
            loss, at = int(draw.integers(1, 100_000)), NOW_MS - (count - i) * 60_000
            is_right = loss > 60_000 if by_loss else bool(draw.random() < 0.4)
            verdict = "confirmed" if is_right else "false_alarm"
            case = {
                "case_id": 1_000 + i, "kind": "merchant", "merchant_id": f"x{i}", "is_aml": False, "status": "decided",
                "version": 1, "severity": 0.5, "opened_by": "casework", "opened_ms": at, "updated_ms": at,
            }  # fmt: skip
            connection.execute(insert(cases), case)
            given = {
                "decision_id": 1_000 + i,
                "case_id": 1_000 + i,
                "verdict": verdict,
                "reason_code": "x",
                "comment": "x",
            }
            connection.execute(insert(decisions), given | {"by": "li", "decided_ms": at})
            row = {
                "alert_id": f"x{i}", "case_id": 1_000 + i, "merchant_id": f"x{i}", "detector": "fee_over",
                "risk_code": "21", "is_aml": False, "revision": 1, "epoch": 1, "state": "confirmed",
                "severity": float(draw.random()), "currency": "CNY", "turnover_minor": None, "loss_minor": loss,
                "first_time": "2026-11-01T00:00:00.000Z", "last_time": "2026-11-01T00:00:00.000Z", "closed": False,
                "reopened": 0, "filed_ms": at, "verdict": verdict, "decision_id": 1_000 + i,
            }  # fmt: skip
            connection.execute(insert(alerts), row)


def test_it_is_in_force_where_it_finds_more_and_hides_nothing(store: Store, log: SqliteLog) -> None:
    desk = Desk(store, log)
    before = {each.case_id for each in queue.page(store, LI, Filter(), NOW_MS).rows}
    decided(store, 400, by_loss=True)
    found = fit(store, NOW_MS)
    assert found.in_force
    assert found.precision > found.plain_precision + 0.3
    assert (found.verdicts, found.tested, found.top) == (400, 120, 24)
    refresh_all(store, NOW_MS)
    desk.file(
        alert("p", "m5", "fee_over", loss=99_000, severity=0.3), alert("q", "m6", "fee_over", loss=10, severity=0.3)
    )
    ordered = queue.page(store, LI, Filter(), NOW_MS).rows
    assert {each.case_id for each in ordered} > before
    places = [each.merchant_id for each in ordered]
    assert places.index("m5") < places.index("m6")
    assert desk.kinds().count("rank") == 1


def test_the_plain_order_stays_where_it_is_no_better(store: Store) -> None:
    decided(store, 260, by_loss=False)
    with store.writing() as connection:  # what the plain order knows is all there is to know
        connection.exec_driver_sql("UPDATE alerts SET severity = 0.9, loss_minor = NULL WHERE verdict = 'confirmed'")
        connection.exec_driver_sql("UPDATE alerts SET severity = 0.1, loss_minor = NULL WHERE verdict <> 'confirmed'")
    found = fit(store, NOW_MS)
    assert (found.in_force, found.plain_precision) == (False, 1.0)
    with store.reading() as connection:
        assert read_reranker(connection) is None
    assert rows(store, "rerankers", "in_force") == [(False,)]


def test_it_needs_200_verdicts_that_do_not_all_say_the_same(store: Store) -> None:
    decided(store, 199, by_loss=True)
    with pytest.raises(Refused, match="at least 200 verdicts, got 199"):
        fit(store, NOW_MS)


def test_what_is_not_known_is_no_number() -> None:
    found = features(0.5, None, 0, "", None, -5)
    assert found[0] == 0.5
    assert np.isnan([found[1], found[4]]).all()
    assert found[2:4] + found[5:] == (0.0, 0.0, 0.0)
