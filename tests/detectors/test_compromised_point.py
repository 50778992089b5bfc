"""Compromised points, from raw payments and the reports on them to the alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.compromised_point import CompromisedPoint
from domain.timestamps import iso
from engine.monitor import Monitor, MonitorConfig
from tests.report_streams import DAY, HOUR, T0, Event, records_of, report, sale, when

if TYPE_CHECKING:
    from domain.alerts import Alert

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]


def shop(days: int = 40, a_day: int = 10, **more: Any) -> list[Event]:
    """A shop that sells alike every day, at two terminals."""
    return [
        sale(f"t{day}x{k}", T0 + day * DAY + (9 + k) * HOUR, terminal_id=f"2100000{k % 2}", entry_mode="051", **more)
        for day in range(days) for k in range(a_day)
    ]  # fmt: skip


def alerts_of(*events: Event) -> list[Alert]:
    """The alerts' last revisions, of events put in the order of their times."""
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[CompromisedPoint()])
    last: dict[str, Alert] = {}
    for alert in monitor.process(records_of(sorted(events, key=when))).alerts:
        last[alert.alert_id] = alert
    return list(last.values())


def at(sales: list[Event], *places: int) -> list[Event]:
    return [sales[k] for k in places]


def test_reports_a_week_late_on_payments_of_three_days_are_found_at_the_fifth() -> None:
    sales = shop()
    leaked = at(sales, 200, 201, 210, 221, 223, 230)
    assert alerts_of(*sales, *map(report, leaked[:4])) == []
    (alert,) = alerts_of(*sales, *map(report, leaked))
    assert (alert.detector, alert.risk_code, alert.bearer, alert.hits) == (
        "compromised_point", "07", "issuer_network", 2
    )  # fmt: skip
    assert alert.loss == 20_000
    assert alert.first_time == iso(when(report(leaked[4])))
    assert set(alert.txn_ids) == {each["txn_id"] for each in leaked[4:]}
    assert alert.reason.en.startswith("6 of ")
    assert "笔被报为欺诈" in alert.reason.zh


def test_a_terminal_is_named_where_the_reports_gather_at_it() -> None:
    sales = [each | {"terminal_id": f"2100000{k % 5}"} for k, each in enumerate(shop())]
    (alert,) = alerts_of(*sales, *map(report, at(sales, 200, 205, 210, 220, 225, 230)))
    assert "终端21000000" in alert.reason.zh
    assert "at terminal 21000000" in alert.reason.en
    assert "21000000" in [each.value for each in alert.evidence if each.feature == "report_terminal"]


def test_what_is_charged_back_is_said_to_be_the_merchant_s() -> None:
    sales = shop()
    leaked = at(sales, 200, 201, 210, 221, 223, 230)
    back = [report(each, 9, "chargeback", reason_code="4837") for each in leaked[:2]]
    (alert,) = alerts_of(*sales, *map(report, leaked), *back)
    assert {each.feature: each.value for each in alert.evidence}["charged_back_minor"] == 20_000


@pytest.mark.parametrize(
    "reports",
    [
        [],
        [(k, {}) for k in (5, 120, 240)],
        [(k, {}) for k in (200, 201, 202, 203, 204, 205, 206, 207, 208, 209)],
        [(200, {}), (210, {}), (221, {})] * 4,
        [(k, {"status": "withdrawn"}) for k in (200, 201, 210, 221, 223, 230)],
        [(k, {"kind": "retrieval"}) for k in range(200, 260, 7)],
        [(k, {"kind": "chargeback", "reason_code": "13.1"}) for k in range(200, 260, 7)],
        [(k, {"original_time": T0 - 9 * DAY}) for k in range(200, 260, 7)],
    ],
    ids=["none", "rare", "one card of a day", "doubled", "withdrawn", "retrievals", "disputes", "before our time"],
)
def test_what_is_lawful_is_silent(reports: list[tuple[int, dict[str, Any]]]) -> None:
    sales, told = shop(), []
    for k, more in reports:
        if more.get("status"):
            told.append(report(sales[k], 4))
            told.append(report(sales[k], 5, **more))
        else:
            told.append(report(sales[k], **more))
    assert alerts_of(*sales, *told) == []


def test_a_merchant_with_as_many_reports_all_along_is_silent() -> None:
    """Two percent of its payments are reported, as they always were; it is its own base."""
    sales = shop(80, 20)
    reports = [report(each, 3) for k, each in enumerate(sales) if k % 50 == 0]
    hits = [alert for alert in alerts_of(*sales, *reports) if alert.first_time > "2026-11-01"]
    assert hits == []


def test_settings_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"least_days must be a whole number of 1 to 64, got 0"):
        CompromisedPoint(least_days=0)
