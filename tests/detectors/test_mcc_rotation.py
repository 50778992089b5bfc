"""Rotation over a pool of numbers, from raw transactions to the alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from detectors.mcc_rotation import MccRotation
from tests.detectors.made import Till, alerts_of, master, only

if TYPE_CHECKING:
    from tests.detectors.made import Event

OWN = "898100058120001"


def acceptor(k: int, region: str = "1000") -> dict[str, str]:
    return {"acceptor_id": f"898{region}5812{k:04d}"}


def channel(k: int) -> dict[str, str]:
    return {"channel_merchant_id": f"C{k}", "channel_mcc": "5812", "acceptor_id": OWN}


def rotating(till: Till, first: int, last: int, pool: list[dict[str, str]], share: float) -> list[Event]:
    """Days of 40 sales of which `share` go out under a number of the pool."""
    return [
        each
        for day in range(first, last)
        for each in till.day(
            day,
            [
                till.rng.choice(pool) if till.rng.random() < share else {"acceptor_id": OWN, **pool[0]}
                for _ in range(40)
            ],
        )
    ]


@pytest.mark.parametrize("number", [acceptor, channel])
@pytest.mark.parametrize("known", [[], [master("5812")]], ids=["no master data", "master data"])
def test_a_pool_of_numbers_at_one_terminal_is_found(number: object, known: list[Event]) -> None:
    pool = [number(k) for k in range(8)]  # type: ignore[operator]
    alert = only(alerts_of([*known, *rotating(Till(), 0, 5, pool, 1.0)], MccRotation()))
    shown = {each.feature: each.value for each in alert.evidence}
    assert shown["numbers_28d"] == 8
    assert alert.hits > 100
    assert (alert.loss, alert.turnover, alert.bearer) == (None, alert.hits * 100_000, None)
    assert alert.severity == pytest.approx(0.4 + 0.1 * 1.613, abs=0.01)  # 40 sales of 1,000.00 a day
    assert "At least 8" in alert.reason.en
    assert alert.risk_code == "26"


def test_a_pool_that_takes_one_sale_in_ten_is_found() -> None:
    pool = [acceptor(k) for k in range(6)]
    assert alerts_of(rotating(Till(), 0, 15, pool, 0.1), MccRotation())


def test_numbers_of_several_regions_weigh_more() -> None:
    one = only(alerts_of(rotating(Till(), 0, 5, [acceptor(k) for k in range(6)], 1.0), MccRotation()))
    pool = [acceptor(k, region) for k, region in enumerate(("1000", "2900", "5840", "58D7", "3310", "7910"))]
    several = only(alerts_of(rotating(Till(), 0, 5, pool, 1.0), MccRotation()))
    assert several.severity == pytest.approx(one.severity + 0.15, abs=0.005)


def test_three_steady_numbers_are_lawful() -> None:
    assert alerts_of(rotating(Till(), 0, 40, [acceptor(k) for k in range(3)], 1.0), MccRotation()) == []


@pytest.mark.parametrize("by", ["terminal_id", "channel", "scheme"])
def test_a_number_for_each_terminal_channel_or_scheme_is_lawful(by: str) -> None:
    values = ("unionpay", "visa", "mastercard", "amex", "jcb", "alipay", "wechat")
    till = Till()
    sales = [acceptor(k) | {by: value} for k, value in enumerate(values)]
    days = [each for day in range(30) for each in till.day(day, sales * 6)]
    assert alerts_of(days, MccRotation()) == []


def test_one_lawful_change_of_all_numbers_is_silent() -> None:
    till = Till()
    before = [acceptor(k) | {"terminal_id": f"{k}"} for k in range(3)]
    after = [acceptor(k + 10) | {"terminal_id": f"{k}"} for k in range(3)]
    days = [each for day in range(30) for each in till.day(day, (before if day < 15 else after) * 10)]
    assert alerts_of(days, MccRotation()) == []


def test_numbers_of_long_ago_do_not_count() -> None:
    till = Till()
    days = [each for k in range(6) for day in range(29 * k, 29 * k + 2) for each in till.day(day, [acceptor(k)] * 20)]
    assert alerts_of(days, MccRotation()) == []


def test_declined_sales_and_refunds_are_not_looked_at() -> None:
    pool = [acceptor(k) for k in range(8)]
    for other in ({"response_code": "05"}, {"txn_type": "refund"}):
        assert alerts_of(rotating(Till(), 0, 5, [each | other for each in pool], 1.0), MccRotation()) == []


def test_a_merchant_of_a_hundred_terminals_with_steady_numbers_is_lawful() -> None:
    till = Till()
    sales = [acceptor(k % 3) | {"terminal_id": f"{k}"} for k in range(100)]
    assert alerts_of([each for day in range(10) for each in till.day(day, sales * 3)], MccRotation()) == []


def test_a_setting_out_of_range_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="numbers must be 2 to 8, got 9"):
        MccRotation(numbers=9)
    with pytest.raises(ValueError, match="least_share must be 0 to 1, got nan"):
        MccRotation(least_share=float("nan"))


def test_new_numbers_for_every_mcc_terminal_and_scheme_at_once_are_lawful() -> None:
    """Three MCCs with a number of the channel each, three terminals, five schemes: 6 numbers and 15 first changes."""
    till = Till()
    schemes = ("unionpay", "visa", "mastercard", "alipay", "wechat")

    def sales(first: int) -> list[dict[str, str]]:
        return [channel(first + k) | {"terminal_id": f"{k}", "scheme": scheme} for k in range(3) for scheme in schemes]

    days = [each for day in range(30) for each in till.day(day, sales(0 if day < 15 else 10) * 2)]
    assert alerts_of(days, MccRotation()) == []
