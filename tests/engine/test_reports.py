"""Reports on earlier payments: late, in bulk, doubled, withdrawn, of payments nobody knows."""

from __future__ import annotations

import math

import pytest

from domain.feature_codes import POINT_MERCHANT, POINT_TERMINAL, ROW_REPORT, terminal_text
from engine.monitor import Monitor, MonitorConfig
from tests.report_streams import DAY, HOUR, T0, Event, records_of, report, rows_of, sale

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]


def a_week(count: int = 70, week: int = 0) -> list[Event]:
    return [
        sale(f"t{week}-{k}", T0 + 7 * week * DAY + k * 2 * HOUR, terminal_id=f"T{k % 2}", entry_mode="051")
        for k in range(count)
    ]


def points(*events: Event) -> list[tuple[int | None, int | None]]:
    """Reports and sales in question, by row of a report."""
    rows = rows_of(events, "point_reports", "point_sales", kind=ROW_REPORT)
    return [(each["point_reports"], each["point_sales"]) for each in rows]


def reported_minor(*events: Event) -> int:
    return rows_of(events, "reported_minor", kind=ROW_REPORT)[-1]["reported_minor"]


def test_reports_count_in_the_week_of_their_payments_against_the_sales_of_that_week() -> None:
    sales = a_week()
    assert points(*sales, *(report(each) for each in sales[20:24])) == [(1, 70), (2, 70), (3, 70), (4, 70)]


def test_the_evidence_is_the_likelihood_ratio_of_the_rate_shown_against_the_base() -> None:
    sales = a_week()
    names = ("point_evidence", "point_base_ppm", "point_sales")
    row = rows_of([*sales, *(report(each) for each in sales[:48:12])], *names)[-1]
    # Peers at the counter are reported 200 times in a million; the merchant has no weeks before.
    base = 2 / (2 / 0.0002)
    expected = row["point_sales"] * base
    found = (4 * math.log(4 / expected) - (4 - expected)) / math.log(10)
    assert row["point_base_ppm"] == pytest.approx(base * 1e6)
    assert row["point_evidence"] == pytest.approx(found)


def test_what_the_worst_day_has_more_than_any_other_proves_nothing() -> None:
    """One stolen card makes ten payments on one day; two more reports come of two other days."""
    sales = a_week()
    burst = [*sales[:10], sales[24], sales[36]]
    rows = rows_of([*sales, *map(report, burst)], "point_evidence", "point_reports", "point_days", kind=ROW_REPORT)
    spread = rows_of([*sales, *map(report, (sales[0], sales[13], sales[24]))], "point_evidence", kind=ROW_REPORT)
    assert (rows[-1]["point_reports"], rows[-1]["point_days"]) == (12, 3)
    assert rows[-1]["point_evidence"] == pytest.approx(spread[-1]["point_evidence"])


def test_a_doubled_report_counts_once_whether_it_has_an_id_or_not() -> None:
    sales = a_week()
    nameless = [report(each) for each in sales[:3]]
    for each in nameless:
        del each["report_id"]
    monitor = Monitor(MonitorConfig(capacity=10), detectors=[])
    outputs = monitor.process(records_of([*sales, *nameless, *nameless, report(sales[9]), report(sales[9])]))
    assert outputs.counts.duplicates == 4
    assert len(points(*sales, *nameless, *nameless)) == 3


def test_a_report_and_a_chargeback_of_one_payment_are_one_payment() -> None:
    sales = a_week()
    both = [report(sales[0]), report(sales[0], 30, "chargeback", reason_code="10.4")]
    assert points(*sales, *both) == [(1, points(*sales, both[0])[0][1]), (None, None)]
    rows = rows_of([*sales, *both], "reported_minor", "charged_back_minor", "report_loss_minor", kind=ROW_REPORT)
    assert [tuple(each.values()) for each in rows] == [(10_000, 0, 10_000), (10_000, 10_000, None)]


def test_a_chargeback_for_another_reason_is_no_fraud() -> None:
    sales = a_week()
    assert points(*sales, report(sales[0], 30, "chargeback", reason_code="13.1")) == [(None, None)]


def test_a_withdrawn_report_is_taken_out_and_one_that_comes_again_stays_out() -> None:
    sales = a_week()
    come, gone = [report(each) for each in sales[:3]], report(sales[0], 20, status="withdrawn")
    assert reported_minor(*sales, *come, gone) == 20_000
    assert points(*sales, *come, gone, gone, report(sales[0], 21), report(sales[1], 22, report_id="another"))[3:] == [
        (None, None), (None, None)
    ]  # fmt: skip
    assert points(*sales, *come, gone, report(sales[9]))[-1][0] == 3


def test_a_withdrawal_that_comes_before_its_report_takes_it_out() -> None:
    sales = a_week()
    assert points(*sales, report(sales[0], 8, status="withdrawn"), report(sales[0], 9)) == []


def test_a_chargeback_decided_for_the_merchant_takes_its_payment_out() -> None:
    sales = a_week()
    given = [report(sales[0], 30, "chargeback", reason_code="4837", status=each) for each in ("open", "reversed")]
    rows = rows_of([*sales, *given], "reported_minor", "charged_back_minor", kind=ROW_REPORT)
    assert [tuple(each.values()) for each in rows] == [(10_000, 10_000), (0, 0)]


def test_what_was_paid_before_the_merchant_s_first_payment_or_13_weeks_ago_says_nothing() -> None:
    sales = a_week()
    before = report(sale("x", T0 - 3 * DAY), 20)
    assert points(*sales, before) == [(None, None)]
    later = a_week(week=13)
    assert points(*sales, *later, report(sales[0], 100)) == [(None, None)]


def test_more_reports_than_sales_prove_no_more_than_the_sales() -> None:
    sales = a_week(3)
    unknown = [report(sale(f"x{k}", T0 + k * HOUR)) for k in range(9)]
    assert points(*sales, *unknown)[-1] == (3, 3)


def test_a_report_without_the_time_of_its_payment_is_taken_to_come_a_week_later() -> None:
    sales = a_week()
    nameless = report(sales[5])
    del nameless["original_time"]
    assert points(*sales, nameless) == points(*sales, report(sales[5]))


def test_a_report_before_any_payment_is_counted_and_says_nothing() -> None:
    assert points(report(sale("x", T0))) == [(None, None)]


def test_a_retrieval_request_is_counted_and_accuses_nobody() -> None:
    sales = a_week()
    row = rows_of([*sales, report(sales[0], 30, "retrieval")], "report_kind", "retrievals", "point_reports")[-1]
    assert row == {"report_kind": 3, "retrievals": 1, "point_reports": None}


def test_a_report_says_which_terminal_it_names() -> None:
    sales = [sale("1", T0, terminal_id="21000417")]
    told = rows_of([*sales, report(sales[0])], "report_terminal")[-1]["report_terminal"]
    assert terminal_text(told) == "21000417"
    assert rows_of([sales[0], report(sale("1", T0))], "report_terminal")[-1] == {"report_terminal": None}


def test_reports_that_gather_at_one_of_several_terminals_are_judged_by_its_own_sales() -> None:
    """Ten terminals sell alike for four weeks; five payments at one of them are reported."""
    sales = [each | {"terminal_id": f"T{k % 10}"} for week in range(4) for k, each in enumerate(a_week(80, week))]
    names = ("point_form", "point_reports", "point_sales", "point_days", "point_evidence")
    one = [each for each in sales if each["terminal_id"] == "T3"][-8:]
    at_one = rows_of([*sales, *map(report, one[:5])], *names, kind=ROW_REPORT)[-1]
    assert (at_one["point_form"], at_one["point_reports"], at_one["point_days"]) == (POINT_TERMINAL, 5, 4)
    assert at_one["point_sales"] == 8
    spread = [each for k, each in enumerate(sales[-80:]) if k % 16 == k // 16]
    at_all = rows_of([*sales, *map(report, spread)], *names, kind=ROW_REPORT)[-1]
    assert (at_all["point_form"], at_all["point_reports"], at_all["point_sales"]) == (POINT_MERCHANT, 5, 80)
    assert at_one["point_evidence"] > at_all["point_evidence"] + 1


def test_a_terminal_of_which_no_sales_are_held_is_judged_with_the_merchant() -> None:
    sales = a_week()
    row = rows_of([*sales, *(report(each, terminal_id="elsewhere") for each in sales[:48:12])], "point_form")[-1]
    assert row["point_form"] == POINT_MERCHANT
