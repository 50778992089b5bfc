"""Drift within the registered set, from raw transactions to the alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from detectors.mcc_drift import MccDrift
from tests.detectors.made import DAY, MIDNIGHT, Till, alerts_of, master, only

if TYPE_CHECKING:
    from tests.detectors.made import Event

DEAR: dict[str, str] = {"mcc": "5812"}
CHEAP = {"mcc": "5411"}
SHOP = CHEAP | {"terminal_id": "2"}
HOTEL = master("5812", "5411")


def days(till: Till, first: int, last: int, dear: int, cheap: int, how: dict[str, str] | None = None) -> list[Event]:
    """Days of `dear` sales at terminal 1 and `cheap` ones as `how` says."""
    return [
        each for day in range(first, last) for each in till.day(day, [DEAR] * dear + [how or SHOP] * cheap)
    ]  # fmt: skip


def test_a_share_of_cheap_sales_that_rises_is_found_with_what_it_costs() -> None:
    till = Till()
    events = [HOTEL, *days(till, 0, 20, 80, 20), *days(till, 20, 30, 50, 50)]
    alert = only(alerts_of(events, MccDrift()))
    shown = {each.feature: each for each in alert.evidence}
    assert shown["set_share_1d"].value == pytest.approx(0.5)
    assert shown["set_share_1d"].baseline == pytest.approx(0.2, abs=0.01)
    # 30 sales of 1,000.00 a day beyond the usual, 1.133 each by the price vectors
    assert shown["set_excess_1d"].value == pytest.approx(3399, abs=30)
    assert alert.severity == pytest.approx(0.3 + 0.2 * 0.643, abs=0.01)
    assert alert.at_stake == pytest.approx(3399 * alert.hits, rel=0.02)
    assert 5 <= alert.hits <= 9
    assert "5411" in alert.reason.en
    assert "usually 20 %" in alert.reason.en
    assert alert.risk_code == "26"


def test_a_slow_drift_adds_up() -> None:
    till = Till()
    ramp = [each for k in range(25) for each in days(till, 20 + k, 21 + k, 80 - 2 * k, 20 + 2 * k)]
    assert only(alerts_of([HOTEL, *days(till, 0, 20, 80, 20), *ramp], MccDrift())).hits >= 5


def test_a_terminal_bound_to_the_dear_mcc_that_turns_to_the_cheap_one_is_found() -> None:
    """Of the merchant's 500 sales a day five move: at the terminal a quarter, of the whole a hundredth."""
    till = Till()

    def trade(first: int, last: int, turned: int) -> list[Event]:
        others = [DEAR] * 340 + [SHOP] * 140
        mine = [DEAR | {"terminal_id": "9"}] * (20 - turned) + [CHEAP | {"terminal_id": "9"}] * turned
        return [each for day in range(first, last) for each in till.day(day, others + mine)]

    alert = only(alerts_of([HOTEL, *trade(0, 15, 0), *trade(15, 22, 5)], MccDrift()))
    assert "one terminal's sales" in alert.reason.en
    shown = {each.feature: each for each in alert.evidence}
    assert shown["set_cheap_1d"].value == 5
    assert float(shown["set_evidence"].value or 0) < 10 <= float(shown["set_terminal_evidence"].value or 0)


def test_a_steady_mix_is_lawful() -> None:
    for seed in range(6):
        till = Till(seed)
        mix = [each for day in range(60) for each in till.day(day, [DEAR] * 60 + [SHOP] * till.rng.randint(25, 35))]
        assert alerts_of([HOTEL, *mix], MccDrift()) == []


def test_a_mix_that_swings_from_weekday_to_weekend_is_lawful() -> None:
    till = Till()
    swing = [each for day in range(70) for each in days(till, day, day + 1, 80, 40 if day % 7 in {3, 4} else 20)]
    assert alerts_of([HOTEL, *swing], MccDrift()) == []


def test_one_odd_day_is_lawful() -> None:
    till = Till()
    events = [HOTEL, *days(till, 0, 30, 80, 20), *days(till, 30, 31, 20, 80), *days(till, 31, 60, 80, 20)]
    assert alerts_of(events, MccDrift()) == []


def test_a_new_terminal_with_its_own_mcc_is_lawful() -> None:
    till = Till()
    more = SHOP | {"terminal_id": "3"}
    after = [each for day in range(20, 60) for each in till.day(day, [DEAR] * 80 + [SHOP] * 20 + [more] * 40)]
    assert alerts_of([HOTEL, *days(till, 0, 20, 80, 20), *after], MccDrift()) == []


def test_an_authorised_change_of_the_set_begins_anew() -> None:
    change = master("5812", "5411", "5541", effective_ms=MIDNIGHT + 20 * DAY)
    till = Till()
    events = [HOTEL, change, *days(till, 0, 20, 80, 20), *days(till, 20, 50, 50, 50)]
    assert alerts_of(events, MccDrift()) == []


def test_a_version_with_the_same_set_does_not_begin_anew() -> None:
    moved = master("5411", "5812", effective_ms=MIDNIGHT + 20 * DAY, region="Ningbo")
    till = Till()
    events = [HOTEL, moved, *days(till, 0, 20, 80, 20), *days(till, 20, 30, 50, 50)]
    assert len(alerts_of(events, MccDrift())) == 1


def test_a_late_sale_under_the_set_before_does_not_bring_it_back() -> None:
    change = master("5812", "5411", "5541", effective_ms=MIDNIGHT + 20 * DAY)
    till = Till()
    late = till.day(19, [DEAR], 20, 21)
    events = [HOTEL, change, *days(till, 0, 20, 80, 20), *days(till, 20, 21, 80, 20)[:30], *late,
              *days(till, 21, 40, 80, 20), *days(till, 40, 50, 50, 50)]  # fmt: skip
    assert len(alerts_of(events, MccDrift())) == 1


@pytest.mark.parametrize("known", [[], [master("5812")], [master("5812", "5813")]], ids=["none", "one", "one class"])
def test_without_a_registered_set_of_several_classes_it_says_nothing(known: list[Event]) -> None:
    till = Till()
    assert alerts_of([*known, *days(till, 0, 20, 80, 20), *days(till, 20, 30, 50, 50)], MccDrift()) == []


def test_a_move_to_the_dearer_mcc_is_lawful() -> None:
    till = Till()
    assert alerts_of([HOTEL, *days(till, 0, 20, 50, 50), *days(till, 20, 40, 80, 20)], MccDrift()) == []


def test_sales_without_a_regulated_price_cost_nothing_and_accuse_nobody() -> None:
    till = Till()
    wallet = SHOP | {"scheme": "alipay"}
    events = [HOTEL, *days(till, 0, 20, 80, 20, wallet), *days(till, 20, 30, 50, 50, wallet)]
    assert alerts_of(events, MccDrift()) == []


def test_what_lasts_28_days_is_the_new_usual() -> None:
    till = Till()
    events = [HOTEL, *days(till, 0, 20, 80, 20), *days(till, 20, 80, 50, 50)]
    alerts = alerts_of(events, MccDrift())
    assert sum(alert.hits for alert in alerts) <= 29
    assert all(alert.closed for alert in alerts)


def test_a_setting_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="evidence_nats must be 1 to 100, got 0"):
        MccDrift(evidence_nats=0)
    with pytest.raises(ValueError, match="max_age_s must be at least"):
        MccDrift(quiet_gap_s=10, max_age_s=5)
