"""Versions of controls: chosen by each merchant's own clock, whoever runs the monitor, and on every alert."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from detectors.calibration import RAW
from detectors.mcc_jump import MccJump
from detectors.registry import make_detectors
from detectors.severity_curves import CURVES
from domain.peers import Peer
from domain.timestamps import DAY_MS, HOUR_MS
from engine.checkpoint.checkpoints import OtherState
from engine.checkpoint.episode_pages import episode_of
from engine.controls import read
from engine.decoding.hashing import partition_of
from engine.features.compose import compose
from engine.monitor import Monitor, MonitorConfig
from models.peers import dump_peers
from tests.controls_made import artefacts_of, control, known, peers_of, settings_of
from tests.detectors.shops import FIRST, Shop
from tests.engine.test_checkpoints import Shelf
from tests.engine.test_invariance import Final, interleaved, take
from tests.seeds import seeds
from tests.strategies import JUMPY, MERCHANTS, STARTS, cut, records_of, seeded_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from detectors.calibration import Curve
    from domain.alerts import Alert
    from engine.controls import Known

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("warm_kernel")]

Event = dict[str, Any]
SEEDS = seeds(200 if os.environ.get("TILLWATCH_LONG") == "1" else 8, quick=3)
START_MS = STARTS[0]


def jumping(
    published: Sequence[Known], curves: Mapping[str, Curve] = CURVES
) -> Callable[[int, int], Monitor]:  # fmt: skip
    """Makes monitors that look for code-jumping."""

    def make(partition: int = 0, partitions: int = 1) -> Monitor:
        detectors = [MccJump(quiet_gap_s=7_200, max_age_s=43_200)]
        config = MonitorConfig(capacity=1000)
        made = Monitor(config, partition, partitions, detectors=detectors, checkpoints=True, curves=curves)
        assert made.learn(published) == []
        return made

    return make


def selling(published: Sequence[Known]) -> Callable[[int, int], Monitor]:
    """Makes monitors that look at volume."""

    def make(partition: int = 0, partitions: int = 1) -> Monitor:
        detectors = [each for each in make_detectors() if each.risk_group == "volume"]
        config = MonitorConfig(capacity=100)
        made = Monitor(config, partition, partitions, detectors=detectors, historic=True, checkpoints=True)
        assert made.learn(published) == []
        return made

    return make


def outcome(monitor: Monitor, batches: Iterable[Sequence[Event]]) -> Final:
    final = Final()
    take(monitor, batches, final)
    return final


def partitioned(make: Callable[[int, int], Monitor], events: Sequence[Event], of: int, rng: random.Random) -> Final:
    final = Final()
    for p in range(of):
        mine = [
            each for each in events
            if each.get("type") == "clock" or partition_of(each["merchant_id"].encode(), of) == p
        ]  # fmt: skip
        take(make(p, of), cut(mine, rng), final)
    return final


def brought_back(make: Callable[[int, int], Monitor], events: Sequence[Event], rng: random.Random) -> Final:
    """The outcome where a monitor goes on from a checkpoint of another that dies some batches later."""
    batches = cut(events, rng)
    at = rng.randrange(len(batches))
    final, shelf, first = Final(), Shelf(), make(0, 1)
    take(first, batches[:at], final)
    shelf.whole(first)
    take(first, batches[at : at + 2], final)
    take(shelf.bring_back(make(0, 1)), batches[at:], final)
    final.letters.clear()
    return final


def check_every_way(make: Callable[[int, int], Monitor], events: Sequence[Event], rng: random.Random) -> Final:
    whole = outcome(make(0, 1), [events])
    assert outcome(make(0, 1), cut(events, rng)) == whole, "cut at random"
    assert outcome(make(0, 1), cut(interleaved(events, rng), rng)) == whole, "interleaved otherwise"
    for partitions in (2, 4):
        assert partitioned(make, events, partitions, rng) == whole, f"in {partitions} partitions"
    back = brought_back(make, events, rng)
    assert (back.alerts, back.scores, back.totals) == (whole.alerts, whole.scores, whole.totals), "restarted"
    return whole


def thirds(events: Sequence[Event]) -> tuple[int, int]:
    """Times of a third and two thirds of the transactions."""
    times = sorted(each["event_time"] for each in events if "txn_id" in each)
    return times[len(times) // 3], times[2 * len(times) // 3] + 1


def three_settings(events: Sequence[Event]) -> list[Known]:
    first, second = thirds(events)
    return settings_of(
        "mcc_jump",
        (0, {"quiet_gap_s": 7_200, "max_age_s": 43_200}),
        (first, {"base": 0.5, "quiet_gap_s": 1_800, "max_age_s": 86_400}),
        (second, {"base": 0.1, "quiet_gap_s": 20_000, "max_age_s": 30_000}),
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_invariant_1_with_three_versions_of_settings(seed: int) -> None:
    """Invariant 1: what is found, and by which version, does not depend on batches, partitions or restarts."""
    events = seeded_stream(seed, 160, JUMPY, len(MERCHANTS))
    check_every_way(jumping(three_settings(events)), events, random.Random(seed))


def test_the_streams_have_alerts_of_every_version() -> None:
    """What the test above compares is worth comparing."""
    seen = set()
    for seed in range(8):
        events = seeded_stream(seed, 160, JUMPY, len(MERCHANTS))
        seen |= {
            each.controls.get("detectors", 0)
            for each in outcome(jumping(three_settings(events))(0, 1), [events]).alerts.values()
        }
    assert seen == {1, 2, 3}


@pytest.mark.parametrize("seed", range(4))
def test_findings_of_less_than_the_least_severity_make_no_alert(seed: int) -> None:
    events = seeded_stream(seed, 160, JUMPY, len(MERCHANTS))
    gap = {"quiet_gap_s": 7_200, "max_age_s": 43_200}
    told = outcome(jumping(settings_of("mcc_jump", (0, gap)))(0, 1), [events]).alerts.values()
    least = max(each.severity for each in told)
    raised = check_every_way(
        jumping(settings_of("mcc_jump", (0, gap | {"least_severity": least}))), events, random.Random(seed)
    )
    severe = {each.merchant_id for each in told if each.severity >= least}
    assert {each.merchant_id for each in raised.alerts.values()} == severe
    assert 0 < sum(each.hits for each in raised.alerts.values()) < sum(each.hits for each in told)
    assert all(each.severity >= least for each in raised.alerts.values())
    assert {name for name, each in raised.scores.items() if each.contributions} <= severe


BUSY = Peer(
    mccs=("5812",), week=(0.6, 0.6, 0.6, 0.6, 1.0, 1.8, 1.8), spread=0.04, new_minor=(40_000.0,) * 5, new_sd=0.5
)
CALM = Peer(mccs=("5411",), spread=0.3, new_minor=(900_000.0,) * 5, new_sd=2.0)


def shops(seed: int) -> list[Event]:
    """Three shops of two trades; each changes its ways, one sleeps for long."""
    plans = (
        Shop(merchant="a", seed=seed, factor=lambda d: 8.0 if d == 30 else 0.0 if d >= 45 else 1.0),
        Shop(merchant="b", seed=seed, factor=lambda d: 2.5 if d >= 36 else 1.0),
        Shop(merchant="c", seed=seed, rate=6.0, factor=lambda d: 0.0 if 25 <= d < 50 else 12.0 if d == 50 else 1.0),
    )
    mccs = {"a": "5812", "b": "5411", "c": "5812"}
    events = {each.merchant: each.events(55) for each in plans}
    merged = sorted((event for part in events.values() for event in part), key=lambda each: each["event_time"])
    return [
        each | ({"mcc": mccs[each["merchant_id"]]} if "txn_id" in each else {})
        for k, each in enumerate(merged) if each.get("type") != "clock" or merged[k - 1] != each
    ]  # fmt: skip


def peers_and_settings() -> list[Known]:
    """In force from noon of days 31 and 47, peers an hour later."""
    first, second = ((FIRST + day) * DAY_MS + 4 * HOUR_MS for day in (31, 47))
    return [
        *artefacts_of((0, [CALM, BUSY]), (first + HOUR_MS, [BUSY, CALM]), (second + HOUR_MS, [CALM])),
        *settings_of("volume_rise", (0, {}), (first, {"quiet_gap_s": 3_600}), (second, {"quiet_gap_s": 86_400})),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_invariant_1_with_three_versions_of_peers(seed: int) -> None:
    """Invariant 1, with closings by deadlines, and with groups that other versions number otherwise."""
    events = shops(seed)
    published = peers_and_settings()
    whole = check_every_way(selling(published), events, random.Random(seed))
    last = {each.controls.get("peers", 0) for each in whole.alerts.values()}
    assert {2, 3} <= last <= {1, 2, 3}, "an alert of the first that is reopened is one of a later version"
    assert outcome(selling(published[3:])(0, 1), [events]).alerts.keys() != whole.alerts.keys(), "peers matter"


# -- one merchant, step by step


def sale(txn_id: str, at_ms: int, **more: Any) -> Event:
    return {
        "txn_id": txn_id, "merchant_id": MERCHANTS[0], "amount": 100_000, "currency": "CNY", "mcc": "5411",
        "scheme": "unionpay", "card_kind": "credit", "feed": "f", "event_time": START_MS + at_ms, **more,
    }  # fmt: skip


MASTER: Event = {"type": "merchant", "merchant_id": MERCHANTS[0], "effective_from": START_MS, "mccs": ["5812"]}


def told(monitor: Monitor, *events: Event) -> list[Alert]:
    return monitor.process(records_of(events)).alerts


def test_a_version_is_in_force_from_the_merchants_clock_on_and_the_first_from_the_beginning_of_time() -> None:
    published = settings_of("mcc_jump", (START_MS * 2, {"base": 0.4}), (START_MS * 2 + 1, {}), (START_MS * 3, {}))
    assert [each.controls for each in told(jumping(published)(0, 1), MASTER, sale("1", 0))] == [{"detectors": 1}]
    published = settings_of("mcc_jump", (0, {}), (START_MS + 60_000, {}))
    for at_ms, version in ((59_999, 1), (60_000, 2)):
        (alert,) = told(jumping(published)(0, 1), MASTER, sale("1", at_ms))
        assert alert.controls == {"detectors": version}


def test_a_late_transaction_is_judged_by_the_version_at_the_clock_not_at_its_own_time() -> None:
    published = settings_of("mcc_jump", (0, {}), (START_MS + 60_000, {}))
    lawful = sale("1", 60_000, mcc="5812")
    (alert,) = told(jumping(published)(0, 1), MASTER, lawful, sale("2", 59_000))
    assert (alert.txn_ids, alert.controls.get("detectors", 0)) == (("2",), 2)


def test_an_alert_has_the_figures_of_the_version_that_it_names() -> None:
    published = settings_of(
        "mcc_jump", (0, {"base": 0.2, "per_decade": 0}), (START_MS + 1, {"base": 0.6, "per_decade": 0})
    )
    monitor = jumping(published, RAW)(0, 1)
    (first,) = told(monitor, MASTER, sale("1", 0))
    (second,) = told(monitor, sale("2", 1))
    assert (first.alert_id, second.revision) == (second.alert_id, 2)
    assert (first.controls.get("detectors", 0), second.controls.get("detectors", 0)) == (1, 2)
    assert second.severity == pytest.approx(first.severity + 0.4)


def test_the_quiet_gap_is_that_of_the_version_at_the_last_hit() -> None:
    published = settings_of("mcc_jump", (0, {"quiet_gap_s": 100}), (START_MS + 50_000, {"quiet_gap_s": 7_000}))
    monitor = jumping(published)(0, 1)
    first = told(monitor, MASTER, sale("1", 0), sale("2", 101_000))
    assert [(each.txn_ids, each.closed) for each in first] == [(("1",), True), (("1", "2"), False)]
    assert told(monitor, {"type": "clock", "feed": "f", "event_time": START_MS + 7_101_000}) == []
    (closed,) = told(monitor, {"type": "clock", "feed": "f", "event_time": START_MS + 7_101_001})
    assert (closed.closed, closed.controls.get("detectors", 0)) == (True, 2)


def test_a_control_that_is_learned_when_a_clock_has_passed_it_is_counted() -> None:
    monitor = jumping([])(0, 1)
    told(monitor, MASTER, sale("1", 0))
    zero = known("detectors", 0, 0, {"mcc_jump": {"quiet_gap_s": 7_200, "max_age_s": 43_200}})
    assert monitor.learn([zero]) == [], "it says what the settings said"
    early = known("detectors", 1, START_MS + 1, {})
    assert monitor.learn([zero, early]) == []
    told(monitor, sale("2", 5_000))
    late, later = known("detectors", 2, START_MS + 5_000, {}), known("detectors", 3, START_MS + 5_001, {})
    assert monitor.learn([zero, early, late, later]) == [late.control]
    assert monitor.learn([zero, early, late, later]) == []
    assert monitor.counts.controls_late == 1
    assert [each.controls.get("detectors", 0) for each in told(monitor, sale("3", 5_001), sale("4", 5_002))] == [3]


def test_a_first_version_that_differs_from_the_settings_is_late_once_something_was_judged() -> None:
    monitor = jumping([])(0, 1)
    told(monitor, MASTER, sale("1", 0))
    (late,) = monitor.learn([known("detectors", 0, 0, {"mcc_jump": {"base": 0.9}})])
    assert (late.version, monitor.counts.controls_late) == (0, 1)


def test_a_restored_monitor_tells_what_came_too_late_meanwhile() -> None:
    published = settings_of("mcc_jump", (0, {}), (START_MS + 60_000, {}))
    first, shelf = jumping(published)(0, 1), Shelf()
    told(first, MASTER, sale("1", 0))
    shelf.whole(first)
    more = [*published, known("detectors", 3, START_MS + 60_001, {}), known("peers", 1, 9, b'{"format":1,"groups":[]}')]
    again = shelf.bring_back(jumping(more)(0, 1))
    assert [(each.kind, each.version) for each in again.learn(more)] == [("peers", 1)]
    assert again.counts.controls_late == 1


def test_a_cut_of_a_control_that_is_missing_is_refused() -> None:
    published = settings_of("mcc_jump", (0, {}), (START_MS + 60_000, {}))
    first, shelf = jumping(published)(0, 1), Shelf()
    told(first, MASTER, sale("1", 0))
    shelf.whole(first)
    with pytest.raises(OtherState, match="controls must have detectors:2 as in the state, got a log without"):
        shelf.bring_back(jumping(published[:1])(0, 1))


def test_an_open_episode_of_a_page_without_controls_can_be_read() -> None:
    figures = (1, 1, 0.5, 7, 7, "0", ("t",))
    (_, kept) = episode_of(msgspec.msgpack.encode(("mcc_jump", 3, ("m", "id", "CNY", figures, figures, {"n": 1}))))
    assert kept is not None
    assert (kept.controls, kept.values) == ({}, {"n": 1})


def test_fifty_swaps_under_load_leave_no_gap_and_compile_nothing() -> None:
    """Scorecard row 16, in small: every alert has the version in force at its clock; a corrupt one changes nothing."""
    step_ms, swaps = 20_000, 50
    events = [MASTER, *(sale(f"t{k}", k * 2_000) for k in range(swaps * 10 + 5))]
    monitor = jumping([])(0, 1)
    monitor.process(records_of(events[:1]))
    kernels = len(compose().run.signatures)  # type: ignore[attr-defined]
    published: list[Known] = []
    found: list[Alert] = []
    for k in range(swaps):
        since_ms = START_MS + k * step_ms
        published.append(known("detectors", k, since_ms, {"mcc_jump": {"quiet_gap_s": 1, "base": k / 100}}))
        if k % 10 == 0:
            published.append(known("peers", k, since_ms, dump_peers(peers_of(BUSY if k % 20 else CALM))))
        assert monitor.learn(published) == []
        with pytest.raises(ValueError, match="base must be 0 to 1, got 2"):
            read(msgspec.json.encode(control("detectors", k + 1, 0, {"mcc_jump": {"base": 2}})))
        found += told(monitor, *events[1 + k * 10 : 11 + k * 10])
    found += told(monitor, *events[1 + swaps * 10 :])
    assert len(compose().run.signatures) == kernels  # type: ignore[attr-defined]
    assert {each.hits for each in found} == set(range(1, swaps * 10 + 6)), "each sale closes and reopens the alert"
    for alert in found:
        k = (alert.hits - 1) // 10
        expected = {"detectors": min(k, swaps - 1), "peers": min(k, swaps - 1) // 10 * 10}
        assert alert.controls == {kind: version for kind, version in expected.items() if version}
    assert monitor.counts.controls_late == 0
