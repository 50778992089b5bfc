"""Dearer versions of a contract, from raw records to the alert."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.fee_notice import FeeNotice
from tests.fee_streams import DAY, T0, Event, alerts_of, contract, sale

pytestmark = pytest.mark.usefixtures("warm_kernel")
FIRST = contract(T0, {"rate_ppm": 6_300})


def dearer(**changed: Any) -> Event:
    return contract(T0 + 60 * DAY, {"rate_ppm": 29_900, "fixed": 300}, **changed)


def test_a_dearer_version_that_nobody_was_told_of_is_found() -> None:
    (alert,) = alerts_of(sale(1, T0), FIRST, dearer())
    assert (alert.detector, alert.risk_code, alert.txn_ids, alert.at_stake) == ("fee_notice", "21", (), 0)
    assert alert.currency == "CNY"
    # 100.00 costs 5.99 instead of 0.63: 850.8 % more.
    assert alert.severity == pytest.approx(0.3 + 0.15 * 2.93033 + 0.1, abs=1e-3)
    assert "raised by up to 850.8 %, without notice (30 days required)" in alert.reason.en
    assert "最多上涨850.8%，未作公示（规定不少于30天）" in alert.reason.zh


@pytest.mark.parametrize(("days", "found"), [(60, 0), (30, 0), (29, 1), (0, 1), (-3, 1)])
def test_30_days_notice_is_enough_and_29_are_not(days: int, found: int) -> None:
    assert len(alerts_of(sale(1, T0), FIRST, dearer(notice_from=T0 + (60 - days) * DAY))) == found


def test_half_an_hour_less_than_30_days_is_too_late() -> None:
    assert len(alerts_of(sale(1, T0), FIRST, dearer(notice_from=T0 + 30 * DAY + 1_800_000))) == 1


def test_a_back_dated_version_is_told_as_such() -> None:
    (alert,) = alerts_of(sale(1, T0), FIRST, dearer(received_at=T0 + 65 * DAY))
    assert "entered 5 days after it took effect" in alert.reason.en
    assert "生效5天后才录入" in alert.reason.zh


def test_a_cheaper_an_equal_and_a_first_version_are_silent() -> None:
    assert alerts_of(sale(1, T0), FIRST) == []
    assert alerts_of(sale(1, T0), FIRST, contract(T0 + 60 * DAY, {"rate_ppm": 5_000})) == []
    assert alerts_of(sale(1, T0), FIRST, contract(T0 + 60 * DAY, {"rate_ppm": 6_300})) == []


def test_one_key_made_dearer_is_found_among_cheaper_ones() -> None:
    version = contract(T0 + 60 * DAY, {"rate_ppm": 5_000}, {"card_kind": "debit", "rate_ppm": 6_400})
    (alert,) = alerts_of(sale(1, T0), FIRST, version)
    assert {each.feature: each.value for each in alert.evidence}["contract_rise_ppm"] == 15_873


def test_a_dearer_contract_is_found_before_the_merchant_s_first_sale() -> None:
    (alert,) = alerts_of(FIRST, dearer())
    assert (alert.merchant_id, alert.currency) == ("m1", "")


def test_a_first_sale_later_in_the_same_batch_gives_an_earlier_alert_no_currency() -> None:
    alerts = alerts_of(FIRST, dearer(), sale(1, T0 + 61 * DAY))
    assert [(each.detector, each.currency) for each in alerts][:1] == [("fee_notice", "")]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("base", -0.1), ("untold", 1.1), ("per_decade", float("nan")), ("notice_days", -1), ("notice_days", 30.5),
     ("quiet_gap_s", 0), ("max_age_s", 5)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(setting: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        FeeNotice(**{setting: value})
