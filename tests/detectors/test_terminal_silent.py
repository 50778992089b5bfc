"""Terminals that fall silent, from raw transactions to the alert, and what must stay silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.terminal_silent import TerminalSilent
from tests.detectors.made import DAY, HOUR, MIDNIGHT, Till, alerts_of, closed, master, only

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.alerts import Alert
    from tests.detectors.made import Event

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("warm_kernel")]
FIRST = 70
"""Of the run, days from the Till's first: in March, after the festival."""
ON = 30
"""Day of the run on which a terminal falls silent."""


def shop(used: Callable[[int], dict[str, int]], days: int = 45, **said: Any) -> list[Event]:
    """A shop whose terminals are used so often on each day of the run, each of which is closed."""
    till, made = Till(), [master("5812")]
    for day in range(days):
        sales = [{"terminal_id": name, "feed": "f"} for name, count in used(day).items() for _ in range(count)]
        made += till.day(FIRST + day, sales)
        made.append(closed(FIRST + day))
        if said and day == ON:
            midnight_ms = MIDNIGHT + (FIRST + day + 1) * DAY
            made.append({"type": "terminal", "merchant_id": "m1", "effective_from": midnight_ms, **said})
    return made


def silent(events: list[Event], **settings: Any) -> list[Alert]:
    return alerts_of(events, TerminalSilent(**settings))


def gone(day: int) -> dict[str, int]:
    return {"1": 20, "2": 10, "3": 0 if day >= ON else 10}


def test_a_terminal_that_is_not_used_while_the_others_are_is_told_on_the_third_day() -> None:
    alert = only(silent(shop(gone)))
    shown = {each.feature: each.value for each in alert.evidence}
    assert shown["terminal_code"] == "3"
    assert alert.first_time.startswith("2025-04-13")  # the closing of day 32, local
    assert alert.hits == 8  # the last revision's, of 13
    assert "Terminal 3 has not been used on 10 days running on which the shop traded" in alert.reason.en
    assert (alert.bearer, alert.risk_code, alert.severity < 0.5) == (None, "", True)


def test_a_shop_that_is_closed_or_falls_silent_as_a_whole_has_no_silent_terminal() -> None:
    assert silent(shop(lambda day: {"1": 20, "2": 10} if day < ON else {})) == []


def test_a_terminal_that_rests_on_most_days_is_silent() -> None:
    assert silent(shop(lambda day: {"1": 20, "2": 10, "3": 10 if day % 7 > 4 else 0}, days=80)) == []


def test_a_terminal_for_which_little_is_to_be_expected_is_silent() -> None:
    assert silent(shop(lambda day: {"1": 60, "2": 30, "3": 1 if day < ON else 0}, days=ON + 8)) == []


def test_a_terminal_that_was_returned_or_is_a_spare_is_silent() -> None:
    for status in ("returned", "spare"):
        assert silent(shop(gone, terminal_id="3", terminal_status=status)) == []
    assert silent(shop(gone, terminal_id="2", terminal_status="returned")) != []
    assert silent(shop(gone, terminal_id="3")) != []


def test_a_returned_terminal_that_is_used_again_is_watched_again() -> None:
    def again(day: int) -> dict[str, int]:
        return {"1": 20, "2": 10, "3": 10 if day <= ON or 35 <= day < 70 else 0}

    assert len(silent(shop(again, days=90, terminal_id="3", terminal_status="returned"))) == 1


def test_a_terminal_that_comes_back_ends_the_story_and_knows_a_longer_silence() -> None:
    def pause(day: int) -> dict[str, int]:
        return {"1": 20, "2": 10, "3": 0 if ON <= day < ON + 6 or ON + 30 <= day < ON + 36 else 10}

    alert = only(silent(shop(pause, days=ON + 50)))
    assert alert.closed
    assert alert.hits == 4


def test_a_terminal_gone_for_sixty_days_is_no_longer_told_of() -> None:
    alert = only(silent(shop(gone, days=ON + 80)))
    assert alert.hits == 58


def test_a_new_terminal_is_not_judged_for_fourteen_days() -> None:
    assert silent(shop(lambda day: {"1": 20, "2": 10, "3": 10 if 20 <= day < ON else 0})) == []


def test_days_of_a_festival_add_nothing() -> None:
    """Spring Festival of 2025 begins on 28 January, day 27 from the Till's first."""
    till, made = Till(), [master("5812")]
    for day in range(42):
        used = {"1": 20, "2": 10, "3": 0 if 27 <= day < 42 else 10}
        made += till.day(day, [{"terminal_id": name, "feed": "f"} for name, n in used.items() for _ in range(n)])
        made.append({"type": "clock", "feed": "f", "event_time": MIDNIGHT + (day + 1) * DAY + 4 * HOUR})
    assert silent(made) == []


@pytest.mark.parametrize(
    ("setting", "value"), [("days", 0), ("missed", 1), ("base", 2), ("per_decade", -1), ("quiet_gap_s", 0)]
)
def test_a_setting_out_of_range_is_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        TerminalSilent(**{setting: value})  # type: ignore[arg-type]
