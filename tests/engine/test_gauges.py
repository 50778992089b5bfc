"""Months of Visa and Mastercard, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

from domain.feature_codes import ROW_CLOSING
from domain.timestamps import iso
from engine.features.families.gauges import COLUMNS
from tests.report_streams import DAY, HOUR, Event, clock, report, rows_of, sale

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]

AUGUST = 1_785_513_600_000
"""1 August 2026, 00:00 in Shanghai."""
SEPTEMBER = AUGUST + 31 * DAY
NAMES = tuple(each.name for each in COLUMNS)
NET = {"feed": "f", "entry_mode": "812"}


def of_month(start_ms: int, count: int, days: int, scheme: str, tag: str, **more: Any) -> list[Event]:
    """Sales spread evenly over the first days of a month."""
    step = days * DAY // count
    return [sale(f"{tag}{k}", start_ms + HOUR + k * step, scheme=scheme, **NET, **more) for k in range(count)]


def told(events: list[Event], until_ms: int) -> dict[str, Any]:
    """The gauges at the end of the last day before `until_ms`."""
    stream = sorted(events, key=lambda each: each["event_time"])
    # Two hours and up to one more after midnight the day is closed.
    return rows_of([*stream, clock(until_ms + 3 * HOUR + 1)], *NAMES, kind=ROW_CLOSING)[-1]


def chargebacks(of: list[Event], count: int, at_ms: int, **more: Any) -> list[Event]:
    return [report(each, 0, "chargeback", event_time=at_ms + k, feed="f", **more) for k, each in enumerate(of[:count])]


def test_the_published_example_of_ecm_comes_to_247_basis_points() -> None:
    """185 chargebacks of a month after 7,500 payments; a tenth of both here, and the count is short of its limit."""
    august = of_month(AUGUST, 750, 30, "mastercard", "a")
    rows = told([*august, *of_month(SEPTEMBER, 10, 5, "mastercard", "s"),
                 *chargebacks(august, 18, SEPTEMBER + DAY)], SEPTEMBER + 5 * DAY)  # fmt: skip
    assert (rows["gauge_mastercard_sales_before"], rows["gauge_mastercard_chargebacks_1m"]) == (750, 18)
    assert rows["gauge_ecm_share"] == pytest.approx(18 / 100)
    assert rows["gauge_hecm_share"] == pytest.approx(18 / 300)
    assert rows["gauge_breached"] == 0


@pytest.mark.parametrize(
    ("payments", "items", "breached", "share"),
    [
        (6_000, 99, 0, 0.99), (6_000, 100, 2, 1.0), (6_667, 100, 0, 100 / 6_667 / 0.015), (6_600, 185, 2, 1.85),
        (9_000, 300, 6, 2.222222),
    ],
)  # fmt: skip
def test_ecm_wants_a_hundred_chargebacks_and_one_and_a_half_percent_of_the_month_before(
    payments: int, items: int, breached: int, share: float
) -> None:
    august = of_month(AUGUST, payments, 30, "mastercard", "a")
    rows = told([*august, *of_month(SEPTEMBER, 3, 3, "mastercard", "s"),
                 *chargebacks(august, items, SEPTEMBER + DAY)], SEPTEMBER + 3 * DAY)  # fmt: skip
    assert rows["gauge_breached"] == breached
    assert rows["gauge_ecm_share"] == pytest.approx(share, rel=1e-6)


def test_ecm_is_not_told_until_a_whole_month_was_counted() -> None:
    august = of_month(AUGUST + DAY, 600, 29, "mastercard", "a")
    row = told([*august, *of_month(SEPTEMBER, 3, 3, "mastercard", "s")], SEPTEMBER + 3 * DAY)
    assert row["gauge_ecm_share"] is row["gauge_mastercard_sales_before"] is None
    assert row["gauge_mastercard_sales_1m"] == 3


def test_vamp_counts_fraud_and_disputes_alike_and_a_fraud_that_was_disputed_twice() -> None:
    sales = of_month(SEPTEMBER, 4_000, 20, "visa", "v")
    at_ms = SEPTEMBER + 20 * DAY
    frauds = [report(each, 0, event_time=at_ms + k, feed="f") for k, each in enumerate(sales[:900])]
    disputes = chargebacks(sales, 600, at_ms + 10_000)
    row = told([*sales, *frauds, *disputes, sale("x", at_ms + DAY, **NET)], at_ms + 2 * DAY)
    assert (row["gauge_visa_fraud_1m"], row["gauge_visa_disputes_1m"], row["gauge_visa_sales_1m"]) == (900, 600, 4_000)
    assert row["gauge_vamp_limit_ppm"] == 15_000
    assert row["gauge_vamp_share"] == pytest.approx(1_500 / 1_501)
    assert (row["gauge_breached"], row["gauge_vamp_days"]) == (0, 1)
    one = chargebacks(sales[2_000:], 1, at_ms + 20_000)
    row = told([*sales, *frauds, *disputes, *one, sale("x", at_ms + DAY, **NET)], at_ms + 2 * DAY)
    assert (row["gauge_breached"], row["gauge_vamp_days"]) == (1, 0)


def test_what_is_withdrawn_leaves_the_month_and_what_was_decided_for_the_merchant_stays() -> None:
    sales = of_month(SEPTEMBER, 50, 10, "visa", "v")
    come = chargebacks(sales, 3, SEPTEMBER + 11 * DAY)
    gone = [come[0] | {"status": "withdrawn", "event_time": SEPTEMBER + 12 * DAY},
            come[1] | {"status": "reversed", "event_time": SEPTEMBER + 12 * DAY}]  # fmt: skip
    row = told([*sales, *come, *gone, sale("x", SEPTEMBER + 13 * DAY, **NET)], SEPTEMBER + 14 * DAY)
    assert row["gauge_visa_disputes_1m"] == 2


def test_a_card_at_the_counter_is_no_payment_of_vamp_and_no_scheme_is_no_payment_at_all() -> None:
    sales = of_month(SEPTEMBER, 10, 5, "visa", "v")
    others = [sale(f"c{k}", SEPTEMBER + k * HOUR, scheme="visa", feed="f", entry_mode="051") for k in range(1, 20)]
    others += [sale(f"u{k}", SEPTEMBER + k * HOUR, feed="f", entry_mode="812") for k in range(1, 20)]
    keyed = [sale(f"k{k}", SEPTEMBER + 2 * HOUR + k, scheme="visa", feed="f", entry_mode="012") for k in range(4)]
    row = told([*sales, *others, *keyed], SEPTEMBER + 5 * DAY)
    assert row["gauge_visa_sales_1m"] == 14


def test_a_merchant_without_e_commerce_or_reports_of_the_schemes_is_told_nothing() -> None:
    others = [sale(f"c{k}", SEPTEMBER + k * HOUR, scheme="visa", feed="f", entry_mode="051") for k in range(1, 20)]
    assert set(told(others, SEPTEMBER + 2 * DAY).values()) == {None}


def test_the_month_ends_at_midnight_where_the_merchant_is() -> None:
    sales = [sale("1", SEPTEMBER - 1, scheme="visa", **NET), sale("2", SEPTEMBER, scheme="visa", **NET)]
    assert told(sales[:1], SEPTEMBER)["gauge_visa_sales_1m"] == 1
    assert told(sales, SEPTEMBER + DAY)["gauge_visa_sales_1m"] == 1


def test_a_forecast_goes_by_the_faster_pace_of_one_and_two_weeks() -> None:
    """Five chargebacks a day from the 1st on: the hundredth comes on the 20th."""
    august = of_month(AUGUST, 2_000, 30, "mastercard", "a")
    events = [*august, *of_month(SEPTEMBER, 28, 28, "mastercard", "s")]
    for day in range(20):
        events += chargebacks(august[5 * day :], 5, SEPTEMBER + day * DAY + 12 * HOUR)
    days = {day: told([e for e in events if e["event_time"] < SEPTEMBER + day * DAY], SEPTEMBER + day * DAY)
            for day in (5, 14, 17, 20)}  # fmt: skip
    assert [each["gauge_ecm_days"] for each in days.values()] == [21, 6, 3, 0]
    assert [each["gauge_mastercard_chargebacks_1m"] for each in days.values()] == [25, 70, 85, 100]


def declines(count: int, at_ms: int, code: str = "05") -> list[Event]:
    return [
        sale(f"d{code}x{at_ms // DAY}x{k}", at_ms + k * 60_000, scheme="mastercard", response_code=code, **NET)
        for k in range(count)
    ]


def test_an_approval_rate_below_thirty_percent_of_25_attempts_in_three_days_is_a_breach() -> None:
    good = of_month(SEPTEMBER, 7, 2, "mastercard", "g")
    row = told([*good, *declines(18, SEPTEMBER + DAY)], SEPTEMBER + 3 * DAY)
    assert (row["gauge_attempts_3d"], row["gauge_approved_3d"], row["gauge_breached"]) == (25, 7, 16)
    assert told([*good, *declines(17, SEPTEMBER + DAY)], SEPTEMBER + 3 * DAY)["gauge_breached"] == 0
    faults = declines(17, SEPTEMBER + DAY) + declines(9, SEPTEMBER + 2 * DAY, "96")
    assert told([*good, *faults], SEPTEMBER + 3 * DAY)["gauge_breached"] == 0


def test_a_fall_of_fifty_points_is_a_breach_though_a_third_is_approved() -> None:
    before = of_month(AUGUST, 400, 25, "mastercard", "b")
    start = AUGUST + 28 * DAY
    good = of_month(start, 14, 2, "mastercard", "g")
    row = told([*before, *good, *declines(21, start + DAY)], start + 3 * DAY)
    assert (row["gauge_attempts_3d"], row["gauge_approved_3d"], row["gauge_breached"]) == (35, 14, 16)
    assert told([*good, *declines(21, start + DAY)], start + 3 * DAY)["gauge_breached"] == 0


def test_a_new_merchant_s_refunds_and_chargebacks_above_five_percent_are_a_breach() -> None:
    sales = of_month(SEPTEMBER, 500, 20, "mastercard", "s")
    refunds = [each | {"txn_id": f"r{k}", "txn_type": "refund", "event_time": each["event_time"] + DAY}
               for k, each in enumerate(sales[:20])]  # fmt: skip
    back = chargebacks(sales, 6, SEPTEMBER + 20 * DAY)
    row = told([*sales, *refunds, *back], SEPTEMBER + 20 * DAY + DAY)
    assert (row["gauge_sales_30d"], row["gauge_returns_30d"], row["gauge_breached"] & 32) == (500, 26, 32)
    assert row["gauge_returns_share"] == 1.0
    assert told([*sales, *refunds, *back[1:]], SEPTEMBER + 21 * DAY)["gauge_breached"] & 32 == 0
    old = sale("old", SEPTEMBER - 200 * DAY, **NET)
    assert told([old, *sales, *refunds, *back], SEPTEMBER + 21 * DAY)["gauge_breached"] & 32 == 0


@pytest.mark.parametrize(
    ("eci", "items", "share", "breached"),
    [("07", 5, 1.0, 8), ("07", 4, 0.8, 0), ("05", 5, 0.0, 0), (None, 5, None, 0)],
)
def test_efm_looks_at_merchants_that_authenticate_little_and_says_nothing_where_nobody_tells(
    eci: str | None, items: int, share: float | None, breached: int
) -> None:
    """A thousand payments of the month before, half a percent of them charged back as fraud, 50,000 dollars."""
    august = of_month(AUGUST, 1_000, 30, "mastercard", "a", **({} if eci is None else {"eci": eci}))
    back = chargebacks(august, items, SEPTEMBER + DAY, reason_code="4837", amount=7_000_000)
    other = chargebacks(august[500:], 20, SEPTEMBER + DAY, reason_code="4853", amount=7_000_000)
    row = told([*august, *of_month(SEPTEMBER, 3, 3, "mastercard", "s"), *back, *other], SEPTEMBER + 3 * DAY)
    assert (row["gauge_mastercard_fraud_1m"], row["gauge_mastercard_fraud_usd_1m"]) == (items, items * 1_000_000)
    assert (row["gauge_efm_share"], row["gauge_breached"]) == (share, breached)


def test_nothing_is_judged_by_a_programme_before_it_is_in_force() -> None:
    """VAMP began on 1 June 2025 with 2.2 %, and Mastercard's monitoring of scams on 24 July 2026."""
    may = 1_746_028_800_000
    assert iso(may) == "2025-04-30T16:00:00.000Z"
    for start, limit in ((may, None), (may + 31 * DAY, 22_000)):
        row = told([*of_month(start, 9, 3, "visa", "v"), *declines(40, start + DAY)], start + 3 * DAY)
        assert (row["gauge_vamp_limit_ppm"], row["gauge_breached"]) == (limit, 0)
