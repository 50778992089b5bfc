"""Reports on simulated sales: what they say is what was sold, and the sales are the same without them."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import msgspec
import pytest

from domain.timestamps import DAY_MS
from simulator.config import SimulationConfig
from simulator.simulation import Simulation, simulate

pytestmark = pytest.mark.timeout(300)
KINDS = {"fraud_report", "chargeback", "retrieval"}


@cache
def run(reports: bool = True) -> tuple[Simulation, list[dict[str, Any]]]:
    simulation = simulate(SimulationConfig(
        merchants=60, days=40, seed=5, tx_per_merchant_day=20, reports=reports, compromised_share=0.08,
        report_least_d=2, report_most_d=20,
    ))  # fmt: skip
    return simulation, [msgspec.json.decode(each) for batch in simulation.batches() for each in batch.values()]


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [each for each in run()[1] if each.get("type", "transaction") in kinds]


def test_the_sales_are_the_same_with_and_without_reports() -> None:
    with_reports = [each for each in run()[1] if each.get("type") not in KINDS]
    assert with_reports == run(reports=False)[1]


def test_a_report_tells_of_a_sale_that_was_made_and_comes_as_late_as_it_should() -> None:
    sales = {each["txn_id"]: each for each in of_kind("transaction") if each.get("txn_type", "purchase") == "purchase"}
    reports = [each for each in of_kind("fraud_report") if each.get("status") is None]
    known = [(each, sales[each["txn_id"]]) for each in reports if each["txn_id"] in sales]
    assert len(known) > 100
    for report, sale in known:
        assert all(report[name] == sale[name] for name in ("merchant_id", "amount", "terminal_id", "scheme"))
        assert 0 < report["received_at"] - report["original_time"] <= 22 * DAY_MS
        assert report["event_time"] <= report["received_at"]
    unknown = [each for each in reports if each["txn_id"] not in sales]
    assert 0 < len(unknown) < 0.06 * len(reports)


def test_reports_come_doubled_and_withdrawn_and_chargebacks_and_retrievals_come_too() -> None:
    ids = Counter(each["report_id"] for each in of_kind("fraud_report") if each.get("status") is None)
    assert 0 < sum(count > 1 for count in ids.values()) < 0.1 * len(ids)
    withdrawn = {each["report_id"] for each in of_kind("fraud_report") if each.get("status") == "withdrawn"}
    assert withdrawn
    assert {each["reason_code"] for each in of_kind("chargeback")} >= {"4837", "13.1"}
    assert of_kind("retrieval")


def test_the_truth_names_the_sales_at_each_compromised_point() -> None:
    simulation, records = run()
    points = [each for each in simulation.violations() if each.category == "card"]
    assert {each.kind for each in points} == {"compromised_merchant", "compromised_terminal"}
    sales = {each["txn_id"]: each for each in records if each.get("type") is None}
    for point in points:
        hits = [sales[each] for each in point.txn_ids]
        assert (len(hits), sum(each["amount"] for each in hits)) == (point.transactions, point.amount_minor)
        assert {each["merchant_id"] for each in hits} == {point.merchant_id}
        if "terminal_id" in point.details:
            assert {each["terminal_id"] for each in hits} == {point.details["terminal_id"]}


def test_without_reports_nothing_is_compromised() -> None:
    assert [each for each in run(reports=False)[0].violations() if each.category == "card"] == []


def test_a_delay_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"report_most_d must be 5 to 90, got 4"):
        SimulationConfig(report_least_d=5, report_most_d=4)
