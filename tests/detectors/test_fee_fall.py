"""A fee fall by the merchant's own history: lawful things stay silent, each kind of fall is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from detectors.fee_fall import FeeFall
from domain.contracts import fee_minor
from tests.detectors.test_fee_rise import LAWFUL, ON, drift, noisy
from tests.fee_streams import DAY, T0, Event, alerts_of, last_of, month, rows_of, sale, usual

if TYPE_CHECKING:
    import random

    from tests.detectors.test_fee_rise import Fee

pytestmark = [pytest.mark.usefixtures("warm_kernel"), pytest.mark.timeout(300)]


def wallets_come(day: int, event: Event, rng: random.Random) -> int:
    """From one day on nine payments in ten are of wallets, which cost less."""
    if day >= ON and rng.random() < 0.9:
        event |= {"scheme": "alipay", "card_kind": None}
    return usual(event)


def smaller(day: int, event: Event, _rng: random.Random) -> int:
    """Payments become ten times smaller: a minimum is cheaper than what was usual, and below all that was seen."""
    if day >= ON:
        event["amount"] = max(1, event["amount"] // 10)
    return usual(event, minimum=8)


def waived_for_some(_day: int, event: Event, rng: random.Random) -> int:
    """The fee is waived for 70 % of payments, for a reason that no field tells, from the beginning."""
    return usual(event) * (rng.random() < 0.3)


def new_class(day: int, event: Event, _rng: random.Random) -> int:
    """From one day on payments are settled under the concession class, which costs less."""
    if day >= ON:
        event["fee_class"] = "concession"
    return usual(event, rise=-0.4 if day >= ON else 0.0)


def back_to_before(day: int, event: Event, _rng: random.Random) -> int:
    """A rise that is taken back."""
    return usual(event, rise=0.4 if 10 <= day < ON else 0.0)


QUIET: dict[str, Fee] = {
    **LAWFUL,
    "wallets instead of cards": wallets_come,
    "smaller payments, with a minimum": smaller,
    "waived for most from the beginning": waived_for_some,
    "another fee class": new_class,
    "tax in a line of its own": lambda day, event, _rng: taxed(event) if day >= ON else usual(event),
}


def taxed(event: Event) -> int:
    fee = usual(event)
    event["fee_tax"] = round(fee * 0.06)
    return fee + int(event["fee_tax"])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("median", [8.0, 100.0, 2_000.0])
@pytest.mark.parametrize("name", QUIET)
def test_what_is_lawful_stays_silent(name: str, median: float, seed: int) -> None:
    assert alerts_of(*month(QUIET[name], median=median, seed=seed)) == []


def test_a_rise_that_is_taken_back_is_no_fall() -> None:
    assert "fee_fall" not in last_of(alerts_of(*month(back_to_before, median=300.0)))


def cheaper(**how: Any) -> Fee:
    return lambda day, event, _rng: usual(event, **(how if day >= ON else {}))


FALLS: dict[str, Fee] = {
    "-8 %": cheaper(rise=-0.08),
    "-20 %": cheaper(rise=-0.2),
    "-50 %": cheaper(rise=-0.5),
    "waived": cheaper(rise=-1.0),
    "capped for debit at 0.20": lambda day, event, _rng: usual(event, cap=20 if day >= ON else 2_000),
    "drift of 1 % every other day": drift(-0.01),
    "drift of 5 % every other day": drift(-0.05),
    "credit cards alone": lambda day, event, _rng: usual(
        event, rise=-0.3 * (day >= ON and event["card_kind"] == "credit")
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FALLS)
def test_a_fall_is_found(name: str, seed: int) -> None:
    events = month(FALLS[name], median=300.0, seed=seed)
    alerts = alerts_of(*events, sale(10**6, T0 + 80 * DAY))  # the last closes the episodes
    found = last_of(alerts)
    assert set(found) == {"fee_fall"}
    assert found["fee_fall"].first_time >= "2025-01-20T16:00"
    honest = [usual(event) - event["fee"] for event in events]
    total = sum(alert.at_stake for alert in {each.alert_id: each for each in alerts}.values())
    assert 0 < total <= sum(honest)
    if "drift" not in name and name not in {"credit cards alone", "capped for debit at 0.20"}:
        assert total > 0.6 * sum(honest)


def stepped(basis_points: int) -> Fee:
    """Cards alone, at 0.60 %, or at 2.60 % where that falls by more; from one day on by so much more or less."""

    def fee(day: int, event: Event, _rng: random.Random) -> int:
        before = 26_000 if basis_points <= -50 else 6_000
        event |= {"scheme": "unionpay", "card_kind": "credit"}
        return fee_minor(event["amount"], before + 100 * basis_points * (day >= ON), -1, 0, 0)

    return fee


@pytest.mark.parametrize("basis_points", [5, 10, 20, 50, 100, 200])
@pytest.mark.parametrize("way", [1, -1])
@pytest.mark.parametrize("seed", range(2))
def test_steps_of_5_to_200_basis_points_are_found_both_ways(basis_points: int, way: int, seed: int) -> None:
    found = last_of(alerts_of(*month(stepped(way * basis_points), median=200.0, seed=seed)))
    assert set(found) == {"fee_rise" if way > 0 else "fee_fall"}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("rise", "name"), [(0.2, "fee_rise"), (-0.2, "fee_fall")])
def test_a_change_in_the_second_week_of_a_merchant_with_six_payments_a_day_is_found(
    rise: float, name: str, seed: int
) -> None:
    """Of its first payments most come before there is a tariff: that says nothing against tariffs."""
    events = month(
        lambda day, event, _rng: usual(event, rise=rise * (day >= 9)), days=60, a_day=6, median=300.0, seed=seed
    )
    assert set(last_of(alerts_of(*events))) == {name}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("step", [0.02, -0.02])
def test_drift_is_found_where_many_kinds_of_payments_have_no_tariff_of_their_own_yet(step: float, seed: int) -> None:
    def fee(day: int, event: Event, rng: random.Random) -> int:
        if rng.random() < 0.4:
            event["settlement_mode"] = f"D{rng.randrange(4)}"
        return usual(event, rise=(1 + step) ** max(0, day - 14) - 1)

    found = last_of(alerts_of(*month(fee, days=50, a_day=12, median=300.0, seed=seed)))
    assert set(found) == {"fee_rise" if step > 0 else "fee_fall"}
    assert found.popitem()[1].hits > 50


def test_a_fall_where_fees_follow_no_tariff_is_found_by_their_rate() -> None:
    def fee(day: int, event: Event, rng: random.Random) -> int:
        return noisy(day, event, rng) // (4 if day >= ON else 1)

    found = last_of(alerts_of(*month(fee, median=300.0)))
    assert set(found) == {"fee_fall"}


def test_what_comes_and_goes_is_told_the_first_time_alone() -> None:
    """A lower rate in the last ten days of a month, as of a tier that no contract tells."""

    def fee(day: int, event: Event, _rng: random.Random) -> int:
        return usual(event, rise=-0.3 if day % 30 >= 20 else 0.0)

    rows = rows_of(*month(fee, median=300.0, days=90), row_kind=0)
    runs = [(row["fee_cheaper_run"] or 0, row["fee_over"] or 0) for row in rows]
    told = {k // 20 for k, (run, off) in enumerate(runs) if run >= 20 and off < -1}
    assert told
    assert max(told) < 30
    (alert,) = {each.alert_id for each in alerts_of(*month(fee, median=300.0, days=90))}
    assert alert


def test_it_is_told_with_its_rates() -> None:
    def fee(day: int, event: Event, _rng: random.Random) -> int:
        event |= {"scheme": "unionpay", "card_kind": "credit"}
        return fee_minor(event["amount"], 3_800 if day >= ON else 6_000, -1, 0, 0)

    alerts = alerts_of(*month(fee, median=300.0))
    assert "fee down from 0.60 % to 0.38 %" in alerts[-1].reason.en
    assert alerts[-1].reason.en.startswith("Acquirer got ¥")
    assert "费率由0.60%降至0.38%" in alerts[-1].reason.zh
    assert alerts[-1].bearer == "acquirer"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("base", -0.1), ("least_run", 0), ("least_run_rough", 251), ("rounding_minor", -1), ("relative", float("nan"))],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        FeeFall(**{setting: value})  # type: ignore[arg-type]
