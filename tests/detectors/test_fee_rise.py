"""A fee rise by the merchant's own history: lawful things stay silent, each kind of violation is found."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from detectors.fee_rise import FeeRise
from domain.contracts import fee_minor
from tests.fee_streams import DAY, T0, Event, alerts_of, contract, last_of, month, rows_of, sale, usual

Fee = Callable[[int, Event, random.Random], int]
pytestmark = [pytest.mark.usefixtures("warm_kernel"), pytest.mark.timeout(300)]
ON = 20
"""The day on which things change."""


def to_five_yuan(_day: int, event: Event, _rng: random.Random) -> int:
    """Payments of 5.00 and the like, where rounding moves the rate by a tenth."""
    event["amount"] = 500 * (1 + event["amount"] % 3)
    return usual(event)


def first_same_day(day: int, event: Event, rng: random.Random) -> int:
    same_day = day >= ON and rng.random() < 0.6
    event["settlement_mode"] = "D0" if same_day else "T+1"
    return usual(event, fixed=200 if same_day else 0)


def tiers(_day: int, event: Event, _rng: random.Random) -> int:
    return fee_minor(event["amount"], 3_800 if event["amount"] <= 100_000 else 6_000, -1, 0, 0)


def alternate(_day: int, event: Event, rng: random.Random) -> int:
    """Two tariffs at the same amounts for a reason that no field tells, from the beginning."""
    return usual(event, rise=rng.choice((0.0, 0.4)))


def noisy(_day: int, event: Event, rng: random.Random) -> int:
    return usual(event, rise=rng.choice((-0.3, -0.15, -0.05, -0.03, 0.0, 0.03, 0.1, 0.2)))


LAWFUL: dict[str, Fee] = {
    "the same tariffs": lambda _day, event, _rng: usual(event),
    "debit caps reached": lambda _day, event, _rng: usual(event, cap=300),
    "five yuan": to_five_yuan,
    "a host that rounds the rate": lambda _day, event, rng: max(
        0, usual(event) + round(event["amount"] * rng.uniform(-1e-4, 1e-4))
    ),
    "a minimum": lambda _day, event, _rng: usual(event, minimum=8),
    "tiers": tiers,
    "the first settlement on the same day": first_same_day,
    "two tariffs that alternate": alternate,
    "half of the fees waived": lambda _day, event, rng: usual(event) * (rng.random() < 0.5),
    "fees that follow no tariff": noisy,
    "instalments now and then": lambda day, event, rng: usual(event, rise=2.0 * (day >= ON and rng.random() < 0.25)),
    "free of charge": lambda _day, _event, _rng: 0,
    "larger payments than ever before": lambda day, event, _rng: usual(
        event | {"amount": event.setdefault("amount", 0)} if day < ON else _tenfold(event)
    ),
}  # fmt: skip


def _tenfold(event: Event) -> Event:
    event["amount"] *= 10
    return event


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("median", [8.0, 100.0, 2_000.0])
@pytest.mark.parametrize("name", LAWFUL)
def test_what_is_lawful_stays_silent(name: str, median: float, seed: int) -> None:
    assert alerts_of(*month(LAWFUL[name], median=median, seed=seed)) == []


def dearer(**how: Any) -> Fee:
    return lambda day, event, _rng: usual(event, **(how if day >= ON else {}))


def cap_ignored(day: int, event: Event, _rng: random.Random) -> int:
    return usual(event, cap=-1 if day >= ON else 300)


def drift(step: float) -> Fee:
    return lambda day, event, _rng: usual(event, rise=(1 + step) ** max(0, (day - ON + 2) // 2) - 1)


VIOLATIONS: dict[str, Fee] = {
    "+5 %": dearer(rise=0.05),
    "+10 %": dearer(rise=0.1),
    "+30 %": dearer(rise=0.3),
    "+100 %": dearer(rise=1.0),
    "+400 %": dearer(rise=4.0),
    "0.10 more": dearer(fixed=10),
    "3.00 more": dearer(fixed=300),
    "caps ignored": cap_ignored,
    "drift of 0.5 % every other day": drift(0.005),
    "drift of 2 % every other day": drift(0.02),
    "drift of 10 % every other day": drift(0.1),
    "credit cards alone": lambda day, event, _rng: usual(
        event, rise=0.3 * (day >= ON and event["card_kind"] == "credit")
    ),
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found(name: str, seed: int) -> None:
    events = month(VIOLATIONS[name], median=300.0, seed=seed)
    alerts = alerts_of(*events, sale(10**6, T0 + 80 * DAY))  # the last closes the episodes
    found = last_of(alerts)
    assert set(found) == {"fee_rise"}
    assert found["fee_rise"].first_time >= "2025-01-20T16:00"
    honest = [event["fee"] - usual(event, cap=300 if name == "caps ignored" else 2_000) for event in events]
    total = sum(alert.at_stake for alert in {each.alert_id: each for each in alerts}.values())
    assert 0 < total <= sum(honest)
    if "drift" not in name and name not in {"caps ignored", "credit cards alone"}:
        assert total > 0.6 * sum(honest)


def test_a_rise_where_fees_follow_no_tariff_is_found_by_their_rate() -> None:
    def fee(day: int, event: Event, rng: random.Random) -> int:
        return noisy(day, event, rng) * (2 if day >= ON else 1)

    found = last_of(alerts_of(*month(fee, median=300.0)))
    assert set(found) == {"fee_rise"}
    basis = {row["fee_basis"] for row in rows_of(*month(fee, median=300.0))}
    assert 3 in basis


def test_the_case_of_2025_is_told_with_its_rates() -> None:
    """0.63 % becomes 2.99 % and 3.00 without a word."""

    def fee(day: int, event: Event, _rng: random.Random) -> int:
        event |= {"scheme": "unionpay", "card_kind": "credit"}
        if day == 44:
            event["amount"] = 3_058_000
        ppm, fixed = (29_900, 300) if day >= ON else (6_300, 0)
        return fee_minor(event["amount"], ppm, -1, 0, fixed)

    alerts = alerts_of(*month(fee, median=3_000.0))
    assert any("fee up from 0.63 % to 2.99 % + ¥3.00" in alert.reason.en for alert in alerts)
    last = alerts[-1]
    assert last.severity > 0.6
    assert last.risk_code == "21"
    assert "升至2.99% + ¥3.00" in "".join(alert.reason.zh for alert in alerts)


def test_a_new_version_of_the_contract_with_notice_is_no_rise() -> None:
    def fee(day: int, event: Event, _rng: random.Random) -> int:
        return fee_minor(event["amount"], 9_000 if day >= ON else 6_000, -1, 0, 0)

    versions = [
        contract(T0 - DAY, {"rate_ppm": 6_000}),
        contract(T0 + ON * DAY, {"rate_ppm": 9_000}, notice_from=T0 + (ON - 40) * DAY),
    ]
    assert alerts_of(*versions, *month(fee)) == []


def test_what_came_in_dearer_is_the_merchants_own_after_90_days() -> None:
    rows = rows_of(*month(dearer(rise=0.5), days=125, a_day=8, median=300.0), row_kind=0)
    days = [k // 8 for k, row in enumerate(rows) if (row["fee_over"] or 0) > 1]
    assert len([day for day in days if ON <= day < ON + 88]) > 600
    assert len([day for day in days if day < ON or day >= ON + 95]) < 5


def test_two_dearer_payments_are_no_rise_yet() -> None:
    events = month(lambda _day, event, _rng: usual(event), median=300.0)
    for event in events[-2:]:
        event["fee"] += 500
    assert alerts_of(*events) == []
    assert rows_of(*events)[-1]["fee_over"] is None or rows_of(*events)[-1]["fee_over"] == 500


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("base", -0.1), ("relative", 1.1), ("per_decade", float("nan")), ("least_run", 0), ("least_run", 251),
        ("least_run_rough", True), ("rounding_minor", -1), ("quiet_gap_s", 0), ("max_age_s", 5), ("quiet_gap_s", 0.5),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be"):
        FeeRise(**{setting: value})  # type: ignore[arg-type]
