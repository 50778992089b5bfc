"""Programmes of schemes, from raw payments and chargebacks to the alert and its duty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.gauge_breach import GaugeBreach
from engine.monitor import Monitor, MonitorConfig
from tests.engine.test_gauges import AUGUST, NET, SEPTEMBER, chargebacks, declines, of_month
from tests.report_streams import DAY, HOUR, Event, clock, records_of, sale, when

if TYPE_CHECKING:
    from domain.alerts import Alert

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]
OLD = sale("old", SEPTEMBER - 250 * DAY, **NET)
"""Of a merchant older than six months, whose refunds and chargebacks are its own affair."""


def alerts_of(*events: Event, until_ms: int) -> list[Alert]:
    """The alerts' last revisions by the end of the last day before `until_ms`."""
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[GaugeBreach()])
    last: dict[str, Alert] = {}
    for alert in monitor.process(records_of([*sorted(events, key=when), clock(until_ms + 3 * HOUR + 1)])).alerts:
        last[alert.alert_id] = alert
    return list(last.values())


def test_a_breach_of_ecm_is_told_at_the_end_of_its_day_and_foretold_before() -> None:
    august = of_month(AUGUST, 2_000, 30, "mastercard", "a")
    trade = [OLD, *of_month(SEPTEMBER, 28, 28, "mastercard", "s")]
    back = [e for day in range(20) for e in chargebacks(august[5 * day :], 5, SEPTEMBER + day * DAY + 12 * HOUR)]

    def until(day: int) -> list[Alert]:
        end = SEPTEMBER + day * DAY
        return alerts_of(*august, *(e for e in [*trade, *back] if when(e) < end), until_ms=end)

    assert until(12) == []
    (ahead,) = until(14)
    assert (ahead.severity, ahead.duty) == (0.4, None)
    assert ahead.reason.en.startswith(
        "Mastercard excessive chargebacks (ECM): 70 chargebacks in the month to 13 September, 2,000 payments in the "
        "month before (3.50 %; limit 100 and 1.5 %), reached in 6 days at the recent pace"
    )
    (breach,) = until(20)
    assert (breach.severity, breach.duty) == (0.65, None)
    assert "100 chargebacks in the month to 19 September, 2,000 payments in the month" in breach.reason.en
    assert breach.reason.zh.startswith(
        "万事达拒付超标（ECM）：截至9月19日当月拒付100笔、上月交易2,000笔（5.00%；阈值100笔且1.5%）"
    )


def test_a_breach_of_the_approval_rate_is_to_be_investigated_within_72_hours() -> None:
    good = of_month(SEPTEMBER, 7, 2, "mastercard", "g")
    (alert,) = alerts_of(*good, *declines(30, SEPTEMBER + DAY), until_ms=SEPTEMBER + 2 * DAY)
    assert alert.duty is not None
    assert alert.duty.rule == "Mastercard GLB 12772"
    assert alert.first_time[:13] in {"2026-09-02T18", "2026-09-02T19"}  # two to three hours after midnight
    assert alert.duty.due[:13] in {"2026-09-05T18", "2026-09-05T19"}


def test_a_merchant_that_vamp_identifies_has_three_months() -> None:
    sales = of_month(SEPTEMBER, 2_000, 10, "visa", "v")
    (alert,) = alerts_of(*sales, *chargebacks(sales, 1_501, SEPTEMBER + 10 * DAY), until_ms=SEPTEMBER + 11 * DAY)
    assert alert.duty is not None
    assert (alert.duty.rule, alert.duty.due[:10], alert.severity) == ("Visa VAMP", "2026-12-09", 0.85)


@pytest.mark.parametrize(
    "lawful",
    [
        lambda: of_month(SEPTEMBER, 200, 10, "mastercard", "s"),
        lambda: [sale(f"c{k}", SEPTEMBER + k * HOUR, scheme="visa", feed="f", entry_mode="051") for k in range(1, 90)],
        lambda: [
            *of_month(AUGUST, 200, 30, "mastercard", "a"),
            *chargebacks(of_month(AUGUST, 200, 30, "mastercard", "a"), 9, SEPTEMBER + DAY),
        ],
        lambda: [*of_month(SEPTEMBER, 60, 5, "mastercard", "s"), *declines(70, SEPTEMBER + DAY, "96")],
    ],
    ids=["trade", "at the counter", "few chargebacks", "an outage"],
)
def test_what_is_lawful_is_silent(lawful: Any) -> None:
    assert alerts_of(OLD, *lawful(), sale("end", SEPTEMBER + 9 * DAY, **NET), until_ms=SEPTEMBER + 10 * DAY) == []


def test_settings_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"ahead_d must be a whole number of 0 to 31, got 32"):
        GaugeBreach(ahead_d=32)
