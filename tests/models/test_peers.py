from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from domain.peers import GENERIC, NO_PEERS, Peer, Peers
from models.peers import build_peers, dump_peers, load_peers
from tillwatch.sales import read_sales
from tillwatch.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

WEEK = (0.6, 0.8, 0.8, 0.9, 1.1, 1.5, 1.3)
MONDAY = 19_999
"""2024-10-03 was day 19,999, a Thursday; weekdays are counted from 1970-01-01, another."""


def sales_of(merchants: int, days: int, mcc: str, seed: int = 1, first: int = 0, minor: int = 5_000) -> pd.DataFrame:
    """Merchants that sell 40 times a day, more at weekends, at noon and at six."""
    rng = np.random.default_rng(seed)
    names: list[str] = []
    at: list[int] = []
    hours: list[int] = []
    for merchant in range(merchants):
        for day in range(MONDAY + first, MONDAY + days):
            n = rng.poisson(40 * WEEK[(day + 3) % 7] * rng.lognormal(0, 0.2))
            names += [f"{mcc}-{merchant}"] * n
            at += [day] * n
            hours += rng.choice([12, 18], n).tolist()
    return pd.DataFrame({"merchant": names, "mcc": mcc, "day": at, "hour": hours, "minor": minor})


def test_weekdays_hours_and_spread_are_those_the_sales_have() -> None:
    (_, group) = build_peers(sales_of(25, 84, "5812")).groups
    assert group.mccs == ("5812",)
    assert group.week == pytest.approx(WEEK, rel=0.08)
    assert group.hours[12] + group.hours[18] > 0.9
    assert all(each > 0 for each in group.hours)
    assert 0.02 <= group.spread <= 0.08
    assert group.new_minor == GENERIC.new_minor


def test_new_shops_are_those_whose_first_sale_comes_late() -> None:
    old, new = sales_of(22, 60, "5812"), sales_of(22, 60, "5812", seed=2, first=20, minor=1_000)
    new["merchant"] = "new" + new["merchant"]
    (_, group) = build_peers(pd.concat([old, new], ignore_index=True)).groups
    assert group.new_minor[0] == pytest.approx(40_000, rel=0.3)
    assert group.new_sd < 0.8


def test_few_merchants_and_no_sales_leave_the_generic_prior() -> None:
    assert build_peers(sales_of(5, 40, "5812")) == NO_PEERS
    assert build_peers(pd.DataFrame({"merchant": [], "mcc": [], "day": [], "hour": [], "minor": []})) == NO_PEERS


def test_an_artefact_is_read_as_it_was_written(tmp_path: Path) -> None:
    peers = Peers((GENERIC, Peer(mccs=("5812", "5814"), week=WEEK, spread=0.1)))
    file = tmp_path / "peers.json"
    file.write_bytes(dump_peers(peers))
    assert load_peers(file) == peers


@pytest.mark.parametrize(
    ("change", "words"),
    [({"format": 2}, "format"), ({"groups": [{"mccs": ["5812"]}]}, "week"), ({"more": 1}, "more")],
)
def test_what_is_no_artefact_is_refused_by_its_name(tmp_path: Path, change: dict[str, object], words: str) -> None:
    file = tmp_path / "peers.json"
    file.write_text(json.dumps({"format": 1, "groups": []} | change), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"peers\.json must be an artefact.*{words}"):
        load_peers(file)


@pytest.mark.parametrize(
    ("name", "value"), [("week", (1.0,) * 6), ("hours", (0.0,) * 24), ("spread", 2.0), ("new_sd", 0.0)]
)
def test_a_peer_that_cannot_be_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} must be"):
        Peer(**{name: value})  # type: ignore[arg-type]


def test_an_mcc_is_in_one_group() -> None:
    with pytest.raises(ValueError, match="5812"):
        Peers((GENERIC, Peer(mccs=("5812",)), Peer(mccs=("5812",))))


def test_a_file_of_events_gives_its_approved_sales_in_local_time(tmp_path: Path) -> None:
    base = {"merchant_id": "m1", "amount": 100, "currency": "CNY", "mcc": "5812", "event_time": 1_735_660_800_000}
    lines = [
        base | {"txn_id": "1"}, base | {"txn_id": "2", "response_code": "51"},
        base | {"txn_id": "3", "txn_type": "refund"}, {"type": "clock", "feed": "f", "event_time": 1_735_660_800_000},
        base | {"txn_id": "4", "txn_type": "completion", "response_code": "00"},
    ]  # fmt: skip
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    sales = read_sales(file, Settings(time_zone="Asia/Shanghai")).frame
    assert sales["day"].tolist() == [20_089, 20_089]  # 2025-01-01, 00:00 in Shanghai
    assert sales["hour"].tolist() == [0, 0]
    assert sales["mcc"].tolist() == ["5812", "5812"]


def test_a_sale_that_came_twice_too_late_or_was_reversed_is_none(tmp_path: Path) -> None:
    day_ms, now_ms = 86_400_000, 1_735_660_800_000
    base = {"merchant_id": "m1", "amount": 100, "currency": "CNY", "mcc": "5812", "event_time": now_ms}
    base["received_at"] = now_ms  # a recorded stream is read as it stands, not sorted
    lines = [
        base | {"txn_id": "1"}, base | {"txn_id": "1"}, base | {"txn_id": "2"},
        base | {"txn_id": "3", "txn_type": "void", "original_txn_id": "2"},
        base | {"txn_id": "4", "event_time": now_ms - 2 * day_ms}, base | {"txn_id": "5"},
    ]  # fmt: skip
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    sales = read_sales(file, Settings())
    assert len(sales.frame) == 2
    assert sales.refused == 1
