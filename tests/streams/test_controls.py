"""Controls through the log: workers know them in time, publishing checks them, and what is none changes nothing."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from engine.control_kinds.registry import KINDS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from models.artefacts import MOST_BYTES
from streams import controls
from streams.app import WorkerSettings
from streams.controls import ControlsReader, NotPublished, Pace, publish, publish_first, reached, withdraw
from streams.log import Progress, now_utc_ms
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import TOPICS, create_topics
from streams.worker import run_worker
from tests.controls_made import control, settings_of
from tests.models_made import made_model
from tests.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from domain.controls import Control
    from engine.outputs import Counts
    from tests.streams.conftest import KafkaBackend, LogBackend

START_MS = 1_783_224_000_000
MINUTE_MS, DAY_MS = 60_000, 86_400_000
GAP = {"quiet_gap_s": 60, "max_age_s": 600}
NOTHING = b"{}"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "tillwatch.db") as log:
        create_topics(log, 1)
        yield log


def append(log: SqliteLog, *controls: Control) -> None:
    log.append(
        TOPICS.controls.name, 0, [msgspec.json.encode(each) for each in controls], keys=[each.key for each in controls]
    )


def settings(version: int, effective_from: int, **body: float) -> Control:
    return control("detectors", version, effective_from, {"mcc_jump": {**GAP, **body}})


def sale(minute: int) -> bytes:
    """A sale of the wrong MCC every minute."""
    return json.dumps({
        "txn_id": f"t{minute}", "merchant_id": "m", "amount": 100_000, "currency": "CNY", "mcc": "5411",
        "scheme": "unionpay", "card_kind": "credit", "feed": "f", "event_time": START_MS + minute * MINUTE_MS,
        "received_at": START_MS + minute * MINUTE_MS,
    }).encode()  # fmt: skip


MASTER = json.dumps(
    {"type": "merchant", "merchant_id": "m", "effective_from": START_MS - DAY_MS, "mccs": ["5812"]}
).encode()


def shown(log: SqliteLog, clock_ms: int, speed: float = 1.0, updated_ms: int | None = None) -> None:
    """Let a worker have shown how far it is."""
    log.write_progress(
        Progress(
            worker="w", topic="events", updated_ms=now_utc_ms() if updated_ms is None else updated_ms,
            next_offsets={0: 1}, counts={}, rate=1.0, clock_ms=clock_ms, speed=speed,
        )
    )  # fmt: skip


def worked(log: SqliteLog, **more: Any) -> Counts:
    """Run a worker on the log; until it is idle by default."""
    given = WorkerSettings(address=SqliteAddress(log.path), partitions=1, batch_records=20, checkpoint_every_s=0.05)
    return run_worker(
        given, lambda p, n: Monitor(MonitorConfig(capacity=10), p, n, checkpoints=True), **{"until_idle": True, **more}
    )


def alerts_of(log: SqliteLog) -> dict[str, dict[str, Any]]:
    """Each alert's last record, without the epoch."""
    found = {}
    for each in log.read_keyed("alerts", 0, 0, 100_000):
        found[each.key.decode()] = json.loads(each.value) | {"epoch": 0}
    return found


def jumps(alerts: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in alerts.values() if each["detector"] == "mcc_jump"]


# -- reading


def test_what_is_no_control_or_does_not_ascend_is_passed_over(log: SqliteLog, caplog: pytest.LogCaptureFixture) -> None:
    good = [settings(1, 0), settings(3, 100), control("profiles", 1, 0, None)]
    append(log, good[0])
    log.append(TOPICS.controls.name, 0, [b"?", msgspec.json.encode(settings(2, 50))], keys=[b"x", b"detectors:9"])
    append(log, settings(2, 50, base=2), good[1], settings(2, 200), settings(4, 100), good[2])
    reader = ControlsReader(log)
    assert [each.control for each in reader.read_all()] == good
    assert reader.refused == 5
    for words in ("must be a record of kind", "key must be detectors:2", "base must be 0 to 1, got 2",
                  "version must be above 3, got 2", "effective_from must be above 100, got 100"):  # fmt: skip
        assert words in caplog.text
    assert not reader.poll()
    append(log, settings(4, 101))
    assert reader.poll()
    assert len(reader.known) == 4


def test_a_model_that_cannot_be_read_leaves_the_one_before_in_force(
    log: SqliteLog, caplog: pytest.LogCaptureFixture
) -> None:
    good = made_model().encoded()
    broken = good.replace(b'"arrays":"', b'"arrays":"AAAA', 1)
    append(log, *(control("model", k, k * DAY_MS, body) for k, body in enumerate((good, broken, good))))
    reader = ControlsReader(log)
    monitor = Monitor(MonitorConfig(capacity=1))
    assert monitor.learn(reader.read_all()) == []
    assert reader.refused == 1
    assert "record 1 of controls is passed over: model must be an artefact of `tillwatch model train`" in caplog.text
    at = [monitor.controls.at(k * DAY_MS).get("model", 0) for k in range(3)]
    assert at == [0, 0, 2]


def test_a_model_that_cannot_be_is_refused_with_what_is_wrong(log: SqliteLog) -> None:
    for body, words in (
        (b"{}", "format must be 1, got None"),
        (made_model().encoded().replace(b"refund_share", b"refund_shore"), "habit 15 must be refund_share"),
        (b'"' + b"x" * 700_001 + b'"', "at most 700000 bytes"),
    ):
        with pytest.raises(NotPublished, match=words):
            publish(log, "model", body, effective_ms=None, by="wang", zero=b"null")
    assert log.end_offset(TOPICS.controls.name, 0) == 0


def test_a_version_as_large_as_a_model_may_be_is_published_and_read(backend: LogBackend) -> None:
    """Its arrays are compressed already: a batch of the log becomes hardly shorter than they are."""
    text = base64.b64encode(random.Random(1).randbytes(MOST_BYTES * 3 // 4 - 100)).decode()
    body = msgspec.json.encode({"format": 1, "source": {"made": text}, "countries": {}})
    assert MOST_BYTES - 200 < len(body) <= MOST_BYTES
    with backend.open() as log:
        create_topics(log, 1)
        publish(log, "calendar", body, effective_ms=None, by="wang", zero=b"{}")
        reader = ControlsReader(log)
        assert [bytes(each.control.body) for each in reader.read_all()] == [body]


# -- publishing


def publish_settings(log: SqliteLog, effective_ms: int | None, body: bytes = NOTHING) -> tuple[Control, ...]:
    zero = msgspec.json.encode({"mcc_jump": {"base": 0.2}})
    return publish(log, "detectors", body, effective_ms=effective_ms, by="wang 6222021234567890128", zero=zero)


def test_a_first_version_on_a_log_that_nobody_has_read_is_in_force_from_the_beginning(log: SqliteLog) -> None:
    (made,) = publish_settings(log, None)
    assert (made.version, made.published_by) == (1, "wang ***************0128")
    with pytest.raises(NotPublished, match="effective_from must be given: detectors are in force already"):
        publish_settings(log, None)


def test_before_the_first_later_version_what_the_settings_say_is_kept(log: SqliteLog) -> None:
    shown(log, START_MS)
    with pytest.raises(NotPublished, match="effective_from must be given"):
        publish_settings(log, None)
    made = publish_settings(log, START_MS + DAY_MS)
    assert [(each.version, bytes(each.body)) for each in made] == [(0, b'{"mcc_jump":{"base":0.2}}'), (1, b"{}")]
    assert [each.version for each in publish_settings(log, START_MS + DAY_MS + 1)] == [2]


@pytest.mark.parametrize("speed", [1.0, 600.0])
def test_a_version_must_take_effect_a_minute_of_the_feed_after_the_greatest_clock(log: SqliteLog, speed: float) -> None:
    shown(log, START_MS, speed)
    least_ms = START_MS + round(MINUTE_MS * speed)
    with pytest.raises(NotPublished, match=r"effective_from must be after 2026-07-05T.*every worker must know it"):
        publish_settings(log, least_ms)
    assert log.end_offset(TOPICS.controls.name, 0) == 0
    publish_settings(log, least_ms + 1)
    with pytest.raises(NotPublished, match="effective_from must be after"):
        publish_settings(log, least_ms + 1)


def test_the_speed_of_a_worker_that_shows_nothing_any_more_does_not_count(log: SqliteLog) -> None:
    shown(log, START_MS, 600.0, now_utc_ms() - 31_000)
    assert reached(log) == (START_MS, START_MS + MINUTE_MS)


@pytest.mark.parametrize(
    "body", [b'{"mcc_jump":{"base":2}}', b'{"none":{}}', b"[]", b'{"mcc_jump":{"base":true}}', b"{"]
)
def test_what_cannot_be_is_not_published(log: SqliteLog, body: bytes) -> None:
    with pytest.raises(NotPublished):
        publish_settings(log, START_MS, body)
    assert log.end_offset(TOPICS.controls.name, 0) == 0


def overtake(monkeypatch: pytest.MonkeyPatch, step: str, meanwhile: Callable[[], object]) -> None:
    """Have `meanwhile` done once, when publishing next comes to a step: a function that `streams.controls` calls."""
    usual = getattr(controls, step)

    def overtaken(*args: Any) -> Any:
        monkeypatch.setattr(controls, step, usual)
        meanwhile()
        return usual(*args)

    monkeypatch.setattr(controls, step, overtaken)


def test_of_two_that_publish_at_once_on_kafka_one_is_told_to_try_again(
    on_kafka: KafkaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_kafka.open() as log, on_kafka.open() as other:
        create_topics(log, 1)
        overtake(monkeypatch, "reached", lambda: publish_settings(other, None, b'{"mcc_jump":{"base":0.4}}'))
        with pytest.raises(NotPublished, match="another came between: try again"):
            publish_settings(log, None)
        assert [each.version for each in publish_settings(log, now_utc_ms() + DAY_MS)] == [2]
        reader = ControlsReader(log)
        reader.read_all()
        assert [bytes(each.control.body) for each in reader.known] == [b'{"mcc_jump":{"base":0.4}}', NOTHING]


def first_bodies(**others: bytes) -> dict[str, bytes]:
    return {kind: others.get(kind, each.default({})) for kind, each in KINDS.items()}


def test_the_first_worker_publishes_version_0_of_every_kind_and_no_other_does(log: SqliteLog) -> None:
    made = publish_first(log, first_bodies(), by="worker")
    assert [(each.kind, each.version) for each in made] == [(kind, 0) for kind in KINDS]
    assert publish_first(log, first_bodies(engine=b'{"late_s":0}'), by="worker") == ()
    known = ControlsReader(log).read_all()
    assert [bytes(each.control.body) for each in known if each.control.kind == "engine"] == [
        b'{"late_s":86400,"country":"CN"}'
    ]


def test_a_kind_that_was_published_before_any_worker_keeps_its_first_version(log: SqliteLog) -> None:
    publish_settings(log, None)
    made = publish_first(log, first_bodies(), by="worker")
    assert [each.kind for each in made] == [kind for kind in KINDS if kind != "detectors"]


def test_a_kind_of_which_there_is_a_version_that_cannot_be_read_gets_no_other_version_0(log: SqliteLog) -> None:
    append(log, control("detectors", 0, 0, {"a_detector_of_a_later_version": {}}))
    assert "detectors" not in {each.kind for each in publish_first(log, first_bodies(), by="worker")}


def test_workers_that_start_together_on_kafka_all_go_on_with_one_version_0(on_kafka: KafkaBackend) -> None:
    def start(_: int) -> int:
        with on_kafka.open() as log:
            together.wait()
            return len(publish_first(log, first_bodies(), by="worker"))

    together = threading.Barrier(5)
    with on_kafka.open() as log:
        create_topics(log, 1)
        with ThreadPoolExecutor(5) as pool:
            made = sorted(pool.map(start, range(5)))
        assert made == [0, 0, 0, 0, len(KINDS)]
        assert [each.control.version for each in ControlsReader(log).read_all()] == [0] * len(KINDS)


def test_of_two_workers_that_start_at_once_on_kafka_both_go_on_with_one_version_0(
    on_kafka: KafkaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on_kafka.open() as log, on_kafka.open() as other:
        create_topics(log, 1)
        (early,) = publish(log, "engine", b'{"late_s":60}', effective_ms=None, by="wang", zero=b"")
        overtake(monkeypatch, "mask", lambda: publish_first(other, first_bodies(), by="other"))
        assert publish_first(log, first_bodies(), by="worker") == ()
        reader = ControlsReader(log)
        known = [each.control for each in reader.read_all()]
        assert known[0] == early
        assert [(each.kind, each.version, each.published_by) for each in known[1:]] == [
            (kind, 0, "other") for kind in KINDS if kind != "engine"
        ]
        assert reader.refused == 0


# -- withdrawing


def test_a_version_that_no_clock_has_reached_can_be_withdrawn_and_another_published(log: SqliteLog) -> None:
    shown(log, START_MS)
    publish_settings(log, START_MS + DAY_MS)
    publish_settings(log, START_MS + 2 * DAY_MS)
    made = withdraw(log, "detectors", 1, by="wang 6222021234567890128")
    assert (made.version, made.withdraws, made.effective_from) == (3, 1, START_MS + DAY_MS)
    assert (bytes(made.body), made.published_by) == (b"null", "wang ***************0128")
    assert withdraw(log, "detectors", 2, by="wang").version == 4
    assert [each.version for each in publish_settings(log, START_MS + DAY_MS)] == [5], "its time is free again"
    reader = ControlsReader(log)
    assert (len(reader.read_all()), reader.refused) == (6, 0)
    assert [each.control.version for each in reader.standing("detectors")] == [0, 5]


def test_what_is_in_force_what_is_withdrawn_and_what_there_is_not_cannot_be_withdrawn(log: SqliteLog) -> None:
    with pytest.raises(NotPublished, match=r"one of those that take effect later \(none\), got 0"):
        withdraw(log, "detectors", 0, by="wang")
    publish_settings(log, START_MS + DAY_MS)
    shown(log, START_MS)
    publish_settings(log, START_MS + 2 * DAY_MS)
    withdraw(log, "detectors", 2, by="wang")
    for version in (0, 2, 3, 7):
        with pytest.raises(NotPublished, match=rf"one of those that take effect later \(1\), got {version}"):
            withdraw(log, "detectors", version, by="wang")
    shown(log, START_MS + DAY_MS - MINUTE_MS)
    with pytest.raises(NotPublished, match=r"version 1 of detectors must take effect after .* to be withdrawn"):
        withdraw(log, "detectors", 1, by="wang")
    assert log.end_offset(TOPICS.controls.name, 0) == 4


def test_a_withdrawal_that_cannot_be_is_passed_over(log: SqliteLog, caplog: pytest.LogCaptureFixture) -> None:
    def withdrawal(version: int, effective_from: int, withdraws: int) -> Control:
        return msgspec.structs.replace(control("detectors", version, effective_from, None), withdraws=withdraws)

    good = [settings(0, 0), settings(1, 100), withdrawal(2, 100, 1)]
    append(log, *good, withdrawal(3, 100, 1), withdrawal(3, 0, 0))
    reader = ControlsReader(log)
    assert [each.control for each in reader.read_all()] == good
    assert reader.refused == 2
    append(log, settings(3, 100))
    append(log, withdrawal(4, 99, 3))
    reader.poll()
    assert reader.refused == 3
    assert "effective_from must be 100, got 99" in caplog.text


def test_a_withdrawn_version_is_never_in_force_for_a_worker_and_a_replay(log: SqliteLog) -> None:
    withdrawn = settings(2, START_MS + 4 * MINUTE_MS, base=0.9)
    taken_back = msgspec.structs.replace(control("detectors", 3, withdrawn.effective_from, None), withdraws=2)
    append(log, settings(1, 0), withdrawn, taken_back, settings(4, START_MS + 6 * MINUTE_MS, base=0.5))
    sales = [MASTER, *(sale(each) for each in range(8))]
    log.append("events", 0, sales[:6])
    assert worked(log).controls_late == 0
    assert [each["controls"] for each in jumps(alerts_of(log))] == [{"detectors": 1}]
    log.append("events", 0, sales[6:])
    assert worked(log).controls_late == 0
    found = alerts_of(log)
    assert [(each["hits"], each["controls"]) for each in jumps(found)] == [(8, {"detectors": 4})]
    replayed = Monitor(MonitorConfig(capacity=10))
    replayed.learn(ControlsReader(log).read_all())
    again = {each.alert_id: each for each in replayed.process(Records.of(sales)).alerts}
    assert {key: json.loads(msgspec.json.encode(each)) for key, each in again.items()} == found


def test_a_withdrawal_that_a_worker_learns_when_a_clock_has_passed_is_counted(log: SqliteLog) -> None:
    append(log, settings(1, 0), settings(2, START_MS + 2 * MINUTE_MS, base=0.9))
    log.append("events", 0, [MASTER, *(sale(each) for each in range(4))])
    assert worked(log).controls_late == 0
    late = msgspec.structs.replace(control("detectors", 3, START_MS + 2 * MINUTE_MS, None), withdraws=2)
    append(log, late)
    log.append("events", 0, [sale(each) for each in range(4, 8)])
    assert worked(log).controls_late == 1, "with an open episode of the version that is no more"
    assert [(each["hits"], each["controls"]) for each in jumps(alerts_of(log))] == [(8, {"detectors": 1})]


def test_the_pace_is_that_of_the_greatest_clock() -> None:
    pace, seen = Pace(), Monitor(MonitorConfig(capacity=1), detectors=[])
    pace.look(5.0, [seen])
    assert (pace.clock_ms, pace.speed) == (0, 1.0)
    for at_s in (10.0, 20.0, 30.0, 40.0, 50.0, 60.0):
        seen.feeds["a"] = START_MS + round(at_s * at_s * 1_000)
        pace.look(at_s, [seen])
    assert (pace.clock_ms, pace.speed) == (START_MS + 3_600_000, (3_600 - 900) / 30)
    seen.controls.reached_ms = START_MS + DAY_MS
    pace.rest()
    pace.look(61.0, [seen])
    assert (pace.clock_ms, pace.speed) == (START_MS + DAY_MS, 1.0)


# -- workers


def test_a_worker_shows_how_far_its_clocks_are_and_knows_every_version_before_it_begins(log: SqliteLog) -> None:
    append(log, settings(1, 0), settings(2, START_MS + 2 * MINUTE_MS + 1), settings(3, START_MS + 5 * MINUTE_MS))
    log.append("events", 0, [MASTER, *(sale(each) for each in range(4))])
    assert worked(log).controls_late == 0
    (progress,) = log.progress()
    assert (progress.clock_ms, progress.speed) == (START_MS + 3 * MINUTE_MS, 1.0)
    assert [(each["hits"], each["controls"]["detectors"]) for each in jumps(alerts_of(log))] == [(4, 2)]
    log.append("events", 0, [sale(each) for each in range(4, 8)])
    assert worked(log).controls_late == 0
    assert [(each["hits"], each["controls"]["detectors"]) for each in jumps(alerts_of(log))] == [(8, 3)]


def test_a_version_that_a_worker_learns_too_late_is_counted(log: SqliteLog, caplog: pytest.LogCaptureFixture) -> None:
    log.append("events", 0, [MASTER, *(sale(each) for each in range(4))])
    found: list[int] = []

    def on_progress(progress: Progress) -> None:
        if progress.clock_ms and log.end_offset(TOPICS.controls.name, 0) == 0:
            append(
                log, control("detectors", 0, 0, {}), settings(1, START_MS + 3 * MINUTE_MS), settings(2, START_MS * 2)
            )
        elif log.end_offset(TOPICS.controls.name, 0) == 3 and log.end_offset("events", 0) < 50:
            log.append("events", 0, [sale(log.end_offset("events", 0))])
        found.append(progress.counts["controls_late"])
        if found[-1] or log.end_offset("events", 0) == 50:
            os.kill(os.getpid(), signal.SIGTERM)

    assert worked(log, until_idle=False, observer=Watching(on_progress)).controls_late == 1
    assert "version 1 of detectors was learned too late" in caplog.text
    assert "version 0" not in caplog.text
    assert worked(log).controls_late == 1, "the state holds the count"


def test_fifty_swaps_under_load_and_a_corrupt_one(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scorecard row 16, in small: no gap, each alert by the version of its time, and the same as a replay says."""
    monkeypatch.setattr("streams.worker._LOOK_S", 0.01)
    monkeypatch.setattr("streams.worker._PROGRESS_S", 0.02)
    swaps, a_swap, a_step = 50, 6, 5  # sales for each version, versions for each step
    published = settings_of("mcc_jump", *(
        (START_MS + k * a_swap * MINUTE_MS, {"quiet_gap_s": 1, "base": k / 100}) for k in range(swaps)
    ))  # fmt: skip
    sales = [sale(k) for k in range(swaps * a_swap)]
    size, steps = a_step * a_swap, swaps // a_step
    append(log, *(each.control for each in published[: 2 * a_step]))
    log.append("events", 0, [MASTER, *sales[:size]])
    step = 1

    def on_progress(progress: Progress) -> None:
        nonlocal step
        if progress.next_offsets.get(0) != log.end_offset("events", 0):
            return
        if step == steps:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if step == steps // 2:
            log.append(TOPICS.controls.name, 0, [b'{"kind":"detectors","version":99'], keys=[b"detectors:99"])
        append(log, *(each.control for each in published[(step + 1) * a_step : (step + 2) * a_step]))
        log.append("events", 0, sales[step * size : (step + 1) * size])
        step += 1

    counts = worked(log, until_idle=False, observer=Watching(on_progress))
    assert (counts.transactions, counts.controls_late) == (len(sales), 0)
    found = alerts_of(log)
    replayed = Monitor(MonitorConfig(capacity=10))
    replayed.learn(ControlsReader(log).read_all())
    revisions = replayed.process(Records.of([MASTER, *sales])).alerts
    version_by_hits = {each.hits: each.controls["detectors"] for each in revisions if each.detector == "mcc_jump"}
    assert version_by_hits == {k + 1: k // a_swap + 1 for k in range(len(sales))}  # each sale reopens the alert
    kept = [json.loads(each.value) for each in log.read_keyed("alerts", 0, 0, 100_000)]
    for each in kept:
        assert each["detector"] != "mcc_jump" or each["controls"]["detectors"] == version_by_hits[each["hits"]]
    again = {each.alert_id: each for each in revisions}
    assert {key: json.loads(msgspec.json.encode(each)) for key, each in again.items()} == found
