"""Reps, agents and shops of a simulation."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from domain.events import MERCHANT_ID
from domain.timestamps import DAY_MS
from engine.decoding.decode import check
from engine.decoding.hashing import partition_of
from simulator.config import SimulationConfig
from simulator.people import MERCHANTS_PER_REP
from simulator.simulation import Simulation, simulate
from simulator.trades import CITIES
from simulator.write import write_jsonl
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tillwatch.feed import feed_simulation

if TYPE_CHECKING:
    from pathlib import Path

WITH = SimulationConfig(seed=5, merchants=600, days=0.6, tx_per_merchant_day=20.0, mcc_change_share=0.1, people=True)


@cache
def run() -> tuple[Simulation, list[dict[str, Any]], list[dict[str, Any]]]:
    """The simulation, its people and assignments, and its merchants."""
    simulation = simulate(WITH)
    people = [json.loads(each.value) for each in simulation.people_records()]
    return simulation, people, [json.loads(each) for each in simulation.master_records()[: WITH.merchants]]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for each in run()[1] if each["type"] == kind]


def values(config: SimulationConfig) -> list[bytes]:
    return [each for batch in simulate(config).batches() for each in batch.values()]


def test_transactions_are_the_same_bytes_with_and_without_people() -> None:
    told, bare = values(WITH), values(replace(WITH, people=False))
    assert len(told) == len(bare) > 1_000
    assert [each for each in told if b'"type":"merchant"' not in each] == [
        each for each in bare if b'"type":"merchant"' not in each
    ]
    assert sum(b'"type":"merchant"' in each for each in told) > 0
    assert all(b'"rep_id"' in each for each in told if b'"type":"merchant"' in each)


def test_without_the_setting_there_are_no_people_and_master_data_are_as_before() -> None:
    bare = simulate(replace(WITH, people=False))
    assert bare.people_records() == []
    extra = set(run()[2][0]) - set(json.loads(bare.master_records()[0]))
    assert extra >= {"short_name", "address", "lat", "lon", "rep_id", "settlement_account_key", "owner_key"}
    for told, before in zip(run()[2], bare.master_records(), strict=False):
        assert {name: value for name, value in told.items() if name not in extra | {"agent_id"}} == json.loads(before)


def test_every_record_is_an_event_and_has_its_key() -> None:
    simulation = run()[0]
    for key, value in simulation.people_records():
        kind, event = check(json.loads(value))
        assert event["person_id" if kind == "person" else MERCHANT_ID.name] == key
        assert event["received_at"] < WITH.start_ms
    for shop in run()[2]:
        assert check(shop)[0] == "merchant"


def test_the_same_seed_gives_the_same_people_and_another_others() -> None:
    assert simulate(WITH).people_records() == run()[0].people_records()
    assert simulate(replace(WITH, seed=6)).people_records() != run()[0].people_records()


def test_everybody_who_is_named_is_a_person() -> None:
    people = {each["person_id"]: each for each in of_kind("person")}
    assert len(people) == len(of_kind("person"))
    roles = Counter(each["role"] for each in people.values())
    assert roles["analyst"] == 3
    assert roles["agent"] == 2
    assert roles["supervisor"] == len({each["region"] for each in run()[2]})
    for each in people.values():
        assert people[each.get("supervisor_id", "sup-1000")]["role"] == "supervisor"
        assert people[each.get("deputy_id", "rep-1000-00")]["role"] == "rep"
        assert each.get("deputy_id") != each["person_id"]
    for each in (*of_kind("assignment"), *run()[2]):
        assert people[each["rep_id"]]["role"] == "rep"
        assert people[each.get("agent_id", "agent-000")]["role"] == "agent"


def test_a_rep_looks_after_shops_of_one_city_and_reps_of_a_city_share_them() -> None:
    region = {each["person_id"]: each.get("region") for each in of_kind("person")}
    shops = defaultdict(set)
    for shop in run()[2]:
        assert region[shop["rep_id"]] == shop["region"]
        shops[shop["region"]].add(shop["rep_id"])
    big = simulate(replace(WITH, merchants=5_000))
    counted = Counter(json.loads(each)["rep_id"] for each in big.master_records()[:5_000])
    assert max(counted.values()) < 3 * MERCHANTS_PER_REP
    assert len(counted) > 20


def test_the_last_assignment_is_that_of_the_master_data_and_some_had_another_before() -> None:
    versions = defaultdict(list)
    for each in of_kind("assignment"):
        versions[each["merchant_id"]].append((each["effective_from"], each["rep_id"]))
    assert {merchant_id: max(each)[1] for merchant_id, each in versions.items()} == {
        shop["merchant_id"]: shop["rep_id"] for shop in run()[2]
    }
    assert max(map(len, versions.values())) <= 2
    assert all(at <= WITH.start_ms - 20 * DAY_MS for each in versions.values() for at, _ in each)


def test_a_shop_lies_in_its_city_where_its_transactions_are() -> None:
    cities = {city.name: city for city in CITIES}
    shops = {shop["merchant_id"]: shop for shop in run()[2]}
    for shop in shops.values():
        city = cities[shop["region"]]
        assert abs(shop["lat"] - city.lat) <= 0.16
        assert abs(shop["lon"] - city.lon) <= 0.16
        assert (shop["city"], shop["coord_sys"]) == (city.zh, "wgs84")
        assert shop["short_name"] in shop["name"].replace(city.zh, "", 1)
    located = [json.loads(each) for each in values(replace(WITH, record_size="all", days=0.05))]
    with_place = [each for each in located if "type" not in each and "lat" in each]
    assert with_place
    assert all((each["lat"], each["lon"]) == (shops[each["merchant_id"]]["lat"], shops[each["merchant_id"]]["lon"])
               for each in with_place)  # fmt: skip


def test_some_shops_have_one_owner_and_each_an_account_of_its_own() -> None:
    owners = {shop["owner_key"] for shop in run()[2]}
    assert 0.9 * WITH.merchants < len(owners) < WITH.merchants
    assert len({shop["settlement_account_key"] for shop in run()[2]}) == WITH.merchants


def test_some_reps_are_away_and_have_a_deputy() -> None:
    big = simulate(replace(WITH, merchants=20_000, days=30.0))
    reps = [json.loads(each.value) for each in big.people_records() if b'"role":"rep"' in each.value]
    away = [each for each in reps if "absent_from" in each]
    assert 0.05 < len(away) / len(reps) < 0.3
    assert all("deputy_id" in each and each["absent_from"] < each["absent_until"] for each in away)


def test_people_come_first_in_the_file(tmp_path: Path) -> None:
    simulation = run()[0]
    write_jsonl(simulation, tmp_path / "events.jsonl")
    people = [each.value for each in simulation.people_records()]
    assert (tmp_path / "events.jsonl").read_bytes().splitlines()[: len(people)] == people


def test_a_feed_puts_each_person_into_the_partition_of_the_person(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "log.db") as log:
        create_topics(log, 3)
        feed_simulation(log, run()[0], until_ms=WITH.start_ms + 1)
        for partition in range(3):
            records = log.read("events", partition, 0)
            found = [json.loads(records.value(i)) for i in range(len(records))]
            found = [each for each in found if each.get("type") != "clock"]
            assert any(each["type"] == "person" for each in found)
            keys = [each.get("merchant_id") or each["person_id"] for each in found]
            assert {partition_of(key.encode(), 3) for key in keys} == {partition}
