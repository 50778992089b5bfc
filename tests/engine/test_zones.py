from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from domain.events import EARLIEST_MS, LATEST_MS
from domain.timestamps import DAY_MS
from engine.decoding.records import Records
from engine.features.zones import Zones, changes, offset_at, zone_names, zone_table
from engine.jit import njit_cached
from engine.monitor import Monitor, MonitorConfig

NAMES = [
    "Asia/Shanghai", "UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "America/Sao_Paulo",
    "Asia/Tehran", "America/Caracas", "Europe/London", "Europe/Dublin", "Europe/Istanbul",
    "Europe/Moscow", "Africa/Casablanca", "Africa/Cairo", "Australia/Lord_Howe", "Australia/Adelaide",
    "Pacific/Apia", "Pacific/Chatham", "Asia/Gaza", "Pacific/Kiritimati", "Asia/Pyongyang",
    "Antarctica/Troll", "America/St_Johns", "Asia/Hong_Kong",
]  # fmt: skip


@njit_cached
def look_up(zones: Zones, zone: int, ms: int) -> int:
    return offset_at(zones, zone, ms)


def by_zoneinfo(name: str, ms: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    offset = moment.astimezone(ZoneInfo(name)).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def test_offsets_equal_those_of_zoneinfo_at_random_moments() -> None:
    rng, zones = random.Random(4), zone_table(NAMES)
    for zone, name in enumerate(NAMES):
        for _ in range(300):
            ms = rng.randrange(EARLIEST_MS, LATEST_MS)
            assert look_up(zones, zone, ms) == by_zoneinfo(name, ms), (name, ms)


def test_offsets_equal_those_of_zoneinfo_at_both_sides_of_every_change() -> None:
    zones, edges = zone_table(NAMES), 0
    for zone, name in enumerate(NAMES):
        for at_ms, _ in changes(name)[1:]:
            for ms in (at_ms - 1_000, at_ms - 1, at_ms, at_ms + 1, at_ms + 1_000):
                assert look_up(zones, zone, ms) == by_zoneinfo(name, ms), (name, ms)
            edges += 1
    assert edges > 1_500


@pytest.mark.parametrize("name", ["Africa/Casablanca", "America/New_York", "Antarctica/Troll"])
def test_no_change_is_missed_between_two_hours(name: str) -> None:
    zones = zone_table([name])
    for ms in range(EARLIEST_MS, EARLIEST_MS + 40 * 365 * DAY_MS, 3 * 3_600_000):
        assert look_up(zones, 0, ms) == by_zoneinfo(name, ms), ms


def test_a_zone_reads_the_same_whichever_stand_beside_it() -> None:
    alone = [zone_table([name]) for name in NAMES]
    together = zone_table(NAMES[::-1])
    for zone, name in enumerate(NAMES):
        for ms in (EARLIEST_MS, EARLIEST_MS + 1, 1_735_689_600_000, LATEST_MS - 1):
            assert look_up(alone[zone], 0, ms) == look_up(together, len(NAMES) - 1 - zone, ms), (name, ms)


def test_what_is_read_is_covered_from_the_earliest_time_to_the_latest() -> None:
    for name in ("Asia/Shanghai", "America/New_York"):
        assert changes(name)[0][0] < EARLIEST_MS - DAY_MS
    assert changes("America/New_York")[-1][0] > LATEST_MS - 365 * DAY_MS


@pytest.mark.slow
def test_no_zone_changes_twice_within_two_of_the_steps_it_is_read_in() -> None:
    assert len(zone_names()) > 400
    for name in zone_names():
        for (before, _), (after, _) in pairwise(changes(name)[1:]):
            assert after - before >= 6 * DAY_MS, name


@pytest.mark.parametrize("name", [
    "", "Mars/Olympus", "../etc/passwd", "Asia", "shanghai\0", "x" * 300, "localtime", "posixrules", "Factory",
    "right/UTC", "posix/Asia/Shanghai", "asia/shanghai", "Asia//Shanghai", "./UTC",
])  # fmt: skip
def test_a_name_that_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="time_zone must be an IANA name such as Asia/Shanghai, got "):
        changes(name)


def test_a_card_number_in_the_place_of_a_zone_is_not_shown() -> None:
    with pytest.raises(ValueError, match="time_zone must be") as caught:
        changes("06222021234567894")
    assert "622202" not in str(caught.value)
    event = b'{"type":"merchant","merchant_id":"m","effective_from":1783224000000,"time_zone":"06222021234567894"}'
    outputs = Monitor(MonitorConfig(capacity=1), detectors=[]).process(Records.of([event]))
    (letter,) = outputs.dead_letters
    assert (letter.reason, letter.field) == ("card-number", "time_zone")
    assert "622202" not in letter.message + letter.record


def test_a_zone_that_there_is_not_is_left_out_and_counted() -> None:
    event = b'{"type":"merchant","merchant_id":"m","effective_from":1783224000000,"time_zone":"Asia/Peking"}'
    outputs = Monitor(MonitorConfig(capacity=1), detectors=[]).process(Records.of([event]))
    assert (outputs.dead_letters, outputs.fields_dropped) == ([], {"time_zone": 1})
