"""Terminals that fail, from raw transactions to the alert, and what must stay silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.terminal_failing import TerminalFailing
from tests.detectors.made import Till, alerts_of, closed, master, only

if TYPE_CHECKING:
    from domain.alerts import Alert
    from tests.detectors.made import Event

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]


def at(terminal_id: str, code: str = "00", count: int = 1) -> list[Event]:
    return [{"terminal_id": terminal_id, "response_code": code, "feed": "f"}] * count


def shop(days: int, *last: list[Event], terminals: str = "123") -> list[Event]:
    """A shop with ordinary days, then other ones; each day is closed."""
    till, made = Till(), [master("5812")]
    usual = [each for terminal in terminals for each in at(terminal, count=10)] + at("1", "91") + at("2", "96")
    for day, sales in enumerate([usual] * days + list(last)):
        made += till.day(day, sales)
        made.append(closed(day))
    return made


def failing(events: list[Event], **settings: Any) -> list[Alert]:
    return alerts_of(events, TerminalFailing(**settings))


def test_one_terminal_that_fails_while_the_others_work_is_named() -> None:
    alert = only(failing(shop(20, [*at("1", count=30), *at("2", count=30), *at("3", "96", 20)])))
    shown = {each.feature: each for each in alert.evidence}
    assert shown["terminal_code"].value == "3"
    assert shown["terminal_failures_1d"].value == 20  # at the 16th hit
    assert "Terminal 3, 21 January: 20 of 20 payments failed technically" in alert.reason.en
    assert (alert.severity, alert.bearer, alert.turnover, alert.risk_code) == (
        pytest.approx(0.42, abs=0.03),
        None,
        None,
        "",
    )


def test_a_terminal_is_found_within_hours_and_not_at_the_end_of_the_day() -> None:
    events = shop(20, [*at("1", count=60), *at("2", count=60), *at("3", "98", 30)])
    alert = only(failing(events[:-1]))
    assert (alert.hits, alert.closed) == (16, False)


def test_an_outage_of_the_host_is_silent() -> None:
    down = [*at("1", "96", 30), *at("2", "96", 30), *at("3", "96", 30), *at("1", count=20), *at("2", count=20)]
    assert failing(shop(20, down)) == []


def test_an_outage_that_only_one_terminal_met_is_silent() -> None:
    """The others were not used then: nobody knows."""
    assert failing(shop(20, at("3", "96", 20))) == []


def test_declines_by_issuers_are_silent() -> None:
    assert failing(shop(20, [*at("1", count=30), *at("2", count=30), *at("3", "51", 30)])) == []


def test_a_terminal_that_always_fails_as_often_is_silent() -> None:
    poor = [*at("1", count=30), *at("2", count=30), *at("3", "91", 6), *at("3", count=5)]
    found = failing(shop(3, *[poor] * 20), days=60)
    assert all(each.first_time < "2025-01-06" for each in found)


def test_a_shop_with_one_terminal_that_fails_for_days_is_told_at_a_day_s_end() -> None:
    broken = [*at("1", "96", 20), *at("1", count=2)]
    assert failing(shop(20, broken, broken, terminals="1")) == []
    alert = only(failing(shop(20, broken, broken, broken, terminals="1")))
    assert "On each of the last 3 days of trade most payments failed technically" in alert.reason.en
    assert "20 of 22 on 23 January" in alert.reason.en
    assert alert.txn_ids == ("",) or alert.hits == 1


def test_a_closed_day_between_failing_ones_neither_counts_nor_ends_them() -> None:
    broken = at("1", "96", 20)
    assert len(failing(shop(20, broken, broken, [], broken, terminals="1"))) == 1
    assert failing(shop(20, broken, broken, at("1", count=5), broken, terminals="1")) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [("at_least", 1), ("share", 2), ("times", 0.5), ("others_at_least", 0), ("others_share", -1), ("days", 1),
     ("base", 2), ("per_decade", -1), ("whole", 2), ("quiet_gap_s", 0)],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        TerminalFailing(**{setting: value})  # type: ignore[arg-type]
