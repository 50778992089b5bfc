"""Dormant merchants: what a rule asks for after three and twelve months, and by when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.dormancy import REVERIFY, STOP, Dormancy
from tests.detectors.made import DAY, MIDNIGHT, Till, alerts_of, closed, master, only

if TYPE_CHECKING:
    from domain.alerts import Alert
    from tests.detectors.made import Event

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]


def shop(idle: int, *, steps: int = 1, **last: Any) -> list[Event]:
    """A shop of twenty days, which then sells nothing while its feed's clock goes on by `steps` days at a time."""
    till, made = Till(), [master("5812")]
    for day in range(20):
        made += till.day(day, [{"feed": "f"}] * 5)
    if last:
        made += till.day(22, [{"feed": "f", **last}])
    made += [closed(day - 1) for day in range(20, 21 + idle, steps)]
    return made


def dormant(events: list[Event]) -> list[Alert]:
    return alerts_of(events, Dormancy())


def test_three_months_without_a_sale_are_a_duty_with_thirty_days() -> None:
    assert dormant(shop(89)) == []
    alert = only(dormant(shop(91)))
    assert (alert.hits, alert.severity) == (1, 0.2)
    assert alert.duty is not None
    assert (alert.duty.rule, alert.first_time[:10], alert.duty.due[:10]) == (REVERIFY, "2025-04-20", "2025-05-20")
    assert "verify" in alert.reason.en


@pytest.mark.parametrize("steps", [1, 13, 380])
def test_twelve_months_are_seen_though_closings_are_no_longer_told_by_then(steps: int) -> None:
    three, twelve = dormant(shop(380, steps=steps))
    assert three.duty is not None
    assert twelve.duty is not None
    assert (three.duty.rule, twelve.duty.rule) == (REVERIFY, STOP)
    assert twelve.duty.due == twelve.first_time
    assert "365" in twelve.reason.en


def test_twelve_months_are_seen_of_a_merchant_whose_last_attempts_were_declined() -> None:
    """Closings go by the last transaction: a year after that the silence is a little longer."""
    found = dormant(shop(385, response_code="51"))
    assert len(found) == 2
    assert {each.value for each in found[1].evidence} == {368}


def test_a_merchant_that_sells_again_is_not_dormant() -> None:
    till = Till(2)
    back = till.day(100, [{"feed": "f", "txn_id": "back"}])
    assert dormant([*shop(80), *back, {"type": "clock", "feed": "f", "event_time": MIDNIGHT + 180 * DAY}]) == []


@pytest.mark.parametrize(
    ("setting", "value"), [("reverify_within_d", 300), ("reverify", 2), ("stop", -1), ("quiet_gap_s", 0)]
)
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        Dormancy(**{setting: value})  # type: ignore[arg-type]
