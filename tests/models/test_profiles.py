"""Profiles of MCCs: counted, built, written and read."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from domain import profiles
from domain.profiles import CREDIT, HOURS_FROM, RETURN, ROUND, SPREAD, STATISTICS, TICKET, WEEKEND, Profiles
from models.profiles import build_profiles
from tillwatch.sales import Sales, read_sales
from tillwatch.settings import Settings

SATURDAY = 1_735_920_000_000
"""2025-01-04T00:00:00+08:00."""
HOUR, DAY = 3_600_000, 86_400_000
FLAT = {"mcc": "5411", "merchants": 8, "sales": 1, "mean": [0] * 13, "deviation": [1] * 13}


def counts(amounts: list[int], **changed: Any) -> Any:
    record = np.zeros(1, np.dtype(list(profiles.COUNTS))).view(np.recarray)[0]
    for amount in amounts:
        record.trade_ticket[profiles.octave(amount)] += 1
    record.trade_sales = len(amounts)
    for name, value in changed.items():
        setattr(record, name, value)
    return record


def test_quantiles_of_tickets_agree_with_those_of_the_amounts() -> None:
    rng = random.Random(1)
    amounts = [int(10_000 * rng.lognormvariate(0, 0.9)) for _ in range(5_000)]
    record = counts(amounts)
    low, middle, high = np.quantile(np.log2(amounts), [0.25, 0.5, 0.75])
    assert profiles.statistic(record, TICKET) == pytest.approx(middle, abs=0.1)
    assert profiles.statistic(record, SPREAD) == pytest.approx(high - low, abs=0.15)


def test_shares_are_roots_and_unknown_where_too_few_are_known() -> None:
    record = counts([100] * 64, trade_weekend=16, trade_round=4, trade_known=29, trade_credit=29)
    record.trade_hour[2] = 36
    assert profiles.statistic(record, WEEKEND) == 0.5
    assert profiles.statistic(record, ROUND) == 0.25
    assert profiles.statistic(record, HOURS_FROM + 2) == 0.75
    assert math.isnan(profiles.statistic(record, CREDIT))
    record.trade_known = 30
    assert profiles.statistic(record, CREDIT) == pytest.approx(math.sqrt(29 / 30))


def followed(visits: list[tuple[int, int]]) -> Any:
    """The counts of cards that come on days, as (card, day) in order."""
    record = np.zeros(1, np.dtype([*profiles.COUNTS, *profiles.CARDS])).view(np.recarray)[0]
    for card, day in visits:
        profiles.follow(record, card, day)
    return record


def test_a_card_returns_if_it_comes_on_a_later_day_within_a_week() -> None:
    visits = [(1, 0), (2, 0), (2, 0), (3, 0), (1, 7), (3, 8), (9, 20)]
    record = followed(visits)
    assert (record.trade_cards, record.trade_returned) == (4, 1)  # 1 came again, 2 and 3 did not, 3 is followed anew


def test_of_many_cards_sixteen_are_followed_at_a_time() -> None:
    record = followed([(card, day) for day in range(0, 40, 2) for card in range(1, 101)])
    assert record.trade_cards == record.trade_returned == 64


def test_shares_of_cards_that_return_are_unknown_below_30_cards() -> None:
    record = counts([100], trade_cards=29, trade_returned=29)
    assert math.isnan(profiles.statistic(record, RETURN))
    record.trade_cards = 36
    assert profiles.statistic(record, RETURN) == pytest.approx(math.sqrt(29 / 36))


def test_an_artefact_of_format_1_says_nothing_of_cards_that_return() -> None:
    old = FLAT | {"mean": [0] * 12, "deviation": [1] * 12}
    raw = json.dumps({"format": 1, "source": "", "from_ms": 0, "to_ms": 0, "profiles": [old]}).encode()
    (profile,) = Profiles.decoded(raw).profiles
    mean, deviation = profile.mean[RETURN], profile.deviation[RETURN]
    likely = [profiles.log_likelihood(share, mean, deviation, 0.01) for share in (0.0, 1.0)]
    assert likely[0] == pytest.approx(likely[1], abs=0.001)


def test_a_profile_has_the_share_of_its_merchants_cards_that_return() -> None:
    days = [
        each
        | {"txn_id": f"{each['txn_id']}-{day}", "event_time": each["event_time"] + day * DAY, "card_token": f"c{k}"}
        for day in range(0, 60, 3)
        for k, each in enumerate(each for m in range(8) for each in sales(f"s{m}", 10, 10_000))
    ]
    assert built(*days).profiles[0].mean[RETURN] == 1.0
    strangers = [each | {"card_token": each["txn_id"]} for each in days]
    assert built(*strangers).profiles[0].mean[RETURN] == 0.0


def test_nothing_seen_says_nothing() -> None:
    assert all(math.isnan(profiles.statistic(counts([]), k)) for k in range(STATISTICS))


def test_a_figure_at_the_mean_is_likeliest_and_far_ones_do_not_decide_alone() -> None:
    at_mean = profiles.log_likelihood(1.0, 1.0, 0.5, 0.0)
    assert at_mean > profiles.log_likelihood(1.5, 1.0, 0.5, 0.0)
    assert at_mean - profiles.log_likelihood(11.0, 1.0, 0.5, 0.0) < 14  # a normal's would be 200


def sales(merchant: str, n: int, amount: int, **changed: Any) -> list[dict[str, Any]]:
    return [
        {
            "txn_id": f"{merchant}{k}", "merchant_id": merchant, "amount": amount, "currency": "CNY", "mcc": "5411",
            "event_time": SATURDAY + 12 * HOUR + k * 1000, "card_kind": "credit",
        } | changed
        for k in range(n)
    ]  # fmt: skip


def sales_of(lines: list[bytes]) -> Sales:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "made"
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        return read_sales(file, Settings())


def built(*events: dict[str, Any]) -> Profiles:
    sold = sales_of([json.dumps(each).encode() for each in events])
    return build_profiles(sold.frame, sold.registered, "made")


def shops(n: int, **changed: Any) -> list[dict[str, Any]]:
    return [each for m in range(n) for each in sales(f"s{m}", 100, 10_000, **changed)]


def test_a_profile_has_the_medians_of_its_merchants() -> None:
    made = built(*shops(8), *sales("odd", 100, 10_000_000, event_time="2025-01-07T03:00:00+08:00"))
    (profile,) = made.profiles
    assert (profile.mcc, profile.merchants, profile.sales) == ("5411", 9, 900)
    assert profile.mean[TICKET] == pytest.approx(math.log2(10_000), abs=0.5)
    assert profile.mean[HOURS_FROM + 2] == profile.mean[WEEKEND] == profile.mean[CREDIT] == profile.mean[ROUND] == 1.0
    assert min(profile.deviation) == 0.02


def test_the_day_and_its_hours_are_those_of_the_merchant() -> None:
    at_ms = SATURDAY + 20 * HOUR  # 20:00 in Shanghai, 07:00 in New York
    here = built(*shops(8, event_time=at_ms)).profiles[0]
    assert here.mean[HOURS_FROM + 5] == 1.0
    zones = [
        {"type": "merchant", "merchant_id": f"s{m}", "effective_from": SATURDAY - DAY, "time_zone": "America/New_York"}
        for m in range(8)
    ]
    assert built(*zones, *shops(8, event_time=at_ms)).profiles[0].mean[HOURS_FROM + 1] == 1.0
    written = built(*shops(8, event_time="2025-01-04T12:00:00.250Z"))
    assert written.profiles[0].mean[HOURS_FROM + 5] == 1.0
    assert written.from_ms == at_ms + 250


def test_master_data_goes_before_what_is_presented() -> None:
    registered = [
        {"type": "merchant", "merchant_id": f"s{m}", "effective_from": SATURDAY - DAY, "mccs": ["5541"]}
        for m in range(8)
    ]
    assert [each.mcc for each in built(*registered, *shops(8)).profiles] == ["5541"]
    several = [each | {"mccs": ["5541", "5411"]} for each in registered]
    with pytest.raises(ValueError, match="must have 8 merchants"):
        built(*several, *shops(8))


def test_declined_sales_refunds_and_what_is_no_event_do_not_count() -> None:
    others = [*sales("r", 50, 1, txn_type="refund"), *sales("d", 50, 1, response_code="05")]
    raw = [json.dumps(each).encode() for each in [*shops(8), *others]]
    sold = sales_of([*raw, b"no json", b'{"amount": "x"}'])
    assert build_profiles(sold.frame, sold.registered, "made").profiles[0].sales == 800
    assert sold.refused == 2


def test_seven_merchants_or_99_sales_are_too_few() -> None:
    for events in (shops(7), [each for m in range(9) for each in sales(f"s{m}", 99, 10_000)]):
        with pytest.raises(ValueError, match="must have 8 merchants of 100 sales"):
            built(*events)


def test_the_same_events_give_the_same_bytes_and_read_back() -> None:
    made = built(*shops(8))
    assert made.encoded() == built(*shops(8)).encoded()
    assert Profiles.decoded(made.encoded()) == made


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": 3}, "must be of format 2 or 1, got 3"),
        ({"profiles": None}, "must be an artefact"),
        ({"profiles": [FLAT | {"mcc": "5x11"}]}, "four digits"),
        ({"profiles": [FLAT | {"mean": [0] * 3, "deviation": [1] * 3}]}, "13 statistics"),
        ({"profiles": [FLAT | {"deviation": [0] * 13}]}, "above 0"),
    ],
)  # fmt: skip
def test_what_is_no_artefact_is_refused_by_what_is_wrong(changed: dict[str, Any], message: str) -> None:
    whole = json.loads(built(*shops(8)).encoded()) | changed
    with pytest.raises(ValueError, match=message):
        Profiles.decoded(json.dumps(whole).encode())
