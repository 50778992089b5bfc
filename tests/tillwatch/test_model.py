"""`tillwatch model`: a model is trained, measured, put in force, watched and taken back."""

from __future__ import annotations

import base64
import io
import json
import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from domain.habits import HABITS, NAMES
from engine.control_kinds.registry import KINDS
from evaluation.odd_days import in_order
from models.anomaly.model import Model
from models.anomaly.samples import Batch
from simulator.truth import Truth, Violation
from streams.log import Progress
from streams.merchant_days import days_of
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.causes.world import alert
from tests.models.anomaly import drawn
from tests.tillwatch import model_days
from tests.tillwatch.conftest import call
from tests.tillwatch.model_days import iso_day
from tillwatch.language import local_iso
from tillwatch.model.days import COLUMNS, Spool, merchant_key, rows_of
from tillwatch.model.evaluate import evaluated
from tillwatch.model.labels import told_by_truth

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

FIRST, LAST = iso_day(drawn.BEGIN), iso_day(drawn.BEGIN + model_days.DAYS - 1)
CLOCK_MS = 1_767_571_200_000
"""2026-01-05 in UTC."""


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 40 days of 260 merchants, and a model of it."""
    folder = tmp_path_factory.mktemp("model")
    model_days.made_log(folder / "tillwatch.db", [model_days.days()])
    done = on(folder / "tillwatch.db", "train", "--out", folder / "model.json", "--version", "q1")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def log(shelf: Path, tmp_path: Path) -> Path:
    """The log, for one test alone."""
    return shutil.copy(shelf / "tillwatch.db", tmp_path / "tillwatch.db")


@pytest.fixture
def model(shelf: Path) -> Path:
    return shelf / "model.json"


def on(log: Path, *arguments: object) -> Result:
    return call("--log-url", SqliteAddress(log).url, "model", *map(str, arguments))


def figures(log: Path, *arguments: object) -> Any:
    done = on(log, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def refused(log: Path, *arguments: object) -> str:
    done = on(log, *arguments)
    assert done.exit_code == 1, done.output
    return done.stderr.removeprefix("Error: ").strip()


def changed(model: Path, into: Path, **fields: Any) -> Path:
    """A model whose manifest says something else."""
    held = msgspec.json.decode(model.read_bytes())
    held["manifest"] |= fields
    into.write_bytes(msgspec.json.encode(held))
    return into


def confirm(log: Path, key: int, from_day: int, days: int) -> None:
    """Confirm an alert of a merchant that had hits on some days."""
    merchant, day = model_days.merchant(key), date.fromisoformat(iso_day(from_day))
    found = alert(f"a{key}", merchant, "fee_over", day, last_time=f"{iso_day(from_day + days - 1)}T04:00:00.000Z")
    verdict = {
        "type": "verdict", "merchant_id": merchant, "alert_id": found.alert_id, "verdict": "confirmed", "event_time": 1
    }  # fmt: skip
    with SqliteLog(log, durable=False) as opened:
        opened.append("alerts", 0, [msgspec.json.encode(found)], keys=[found.alert_id.encode()])
        opened.append("events", 0, [msgspec.json.encode(verdict)])


def reach(log: Path, clock_ms: int) -> None:
    """Have a worker's clock stand at a time."""
    with SqliteLog(log, durable=False) as opened:
        opened.write_progress(
            Progress(
                worker="monitor", topic="events", updated_ms=0, next_offsets={}, counts={}, rate=0.0, clock_ms=clock_ms
            )
        )


# -- train


def test_a_model_says_what_it_was_trained_on(log: Path, model: Path) -> None:
    manifest = Model.decoded(model.read_bytes()).manifest
    assert (manifest.version, manifest.from_day, manifest.to_day) == ("q1", FIRST, LAST)
    assert (manifest.source, manifest.left_out) == ("merchant-days of the log", "none")
    assert model_days.MERCHANTS - 5 < manifest.merchants <= model_days.MERCHANTS
    shown = on(log, "show", model).output
    for words in (f"{FIRST} .. {LAST}", manifest.sha256, "isolation forest", "supermarkets", "refund share"):
        assert words in shown
    chinese = on(log, "show", model, "--group", "5411", "--lang", "zh").output
    assert "超市的常见区间（九成商户日）" in chinese
    assert all(each.title.zh in chinese for each in HABITS)


@pytest.mark.slow
def test_the_same_days_and_seed_give_the_same_bytes_though_a_killed_worker_wrote_days_twice(
    log: Path, model: Path, tmp_path: Path
) -> None:
    again = model_days.days()
    with SqliteLog(log, durable=False) as opened:
        model_days.append(opened, again.rows(again.day >= drawn.BEGIN + 30), epoch=2, rows=77)
    figures(log, "train", "--out", tmp_path / "again.json", "--version", "q1")
    assert (tmp_path / "again.json").read_bytes() == model.read_bytes()


def test_days_beyond_the_window_and_of_confirmed_alerts_until_habits_forget_them_are_left_out(
    log: Path, tmp_path: Path
) -> None:
    key = int(np.flatnonzero(model_days.days(1).habits.age_d >= 28)[0])
    confirm(log, key, drawn.BEGIN + 3, 2)
    to_day = iso_day(drawn.BEGIN + 35)
    found = figures(log, "train", "--from", iso_day(drawn.BEGIN + 1), "--to", to_day, "--out", tmp_path / "model.json")
    assert found["left_out"] == 2 + 28
    assert (found["from_day"], found["to_day"], found["name"]) == (iso_day(drawn.BEGIN + 1), to_day, to_day)
    manifest = Model.decoded((tmp_path / "model.json").read_bytes()).manifest
    assert manifest.left_out == "days of 1 confirmed alerts, up to 28 days after their last hit"


def test_too_little_history_is_refused_with_what_is_needed(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.json"
    said = refused(log, "train", "--to", iso_day(drawn.BEGIN + 9), "--out", out)
    assert said.startswith("a model needs 30 days of 200 merchants with sales enough to be judged, got 10 days of 2")
    with SqliteLog(tmp_path / "new.db", durable=False) as opened:
        create_topics(opened, model_days.PARTITIONS)
    assert "none were found: has a worker closed any day?" in refused(tmp_path / "new.db", "train", "--out", out)
    assert not out.exists()


# -- what is refused


def test_what_is_no_model_is_refused_with_the_reason(log: Path, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    body = model.read_bytes()
    habits = [*NAMES[:3], "shoe_size", *NAMES[4:]]
    golden = msgspec.json.decode(body)["manifest"]["golden"]
    golden["score"][0] = 0.123
    for made, reason in (
        (b"\x80\x04\x95pickle", "malformed"),
        (b'{"mcc": []}', "format must be 1, got None"),
        (body[:9_000], "truncated"),
        (changed(model, file, habits=habits).read_bytes(), "habit 3 must be ticket_spread, got shoe_size"),
        (changed(model, file, golden=golden).read_bytes(), "score of golden merchant-day 0 must be 0.123, got"),
        (changed(model, file, sha256="0" * 64).read_bytes(), "arrays must have the SHA-256 000"),
        (body.replace(b'"arrays":"', b'"arrays":"gASV'), "contains pickled (object) data"),
    ):
        file.write_bytes(made)
        for arguments in (("activate", file), ("show", file), ("evaluate", file), ("drift", file)):
            said = refused(log, *arguments)
            assert said.startswith(f"{file}: model must be an artefact of `tillwatch model train`: "), said
            assert reason in said, said
    assert figures(log, "list") == [], "nothing was published"


def test_a_pickle_within_the_arrays_is_refused_unread(log: Path, model: Path, tmp_path: Path) -> None:
    into = io.BytesIO()
    np.savez(into, a=np.array([object()], object))
    held = msgspec.json.decode(model.read_bytes())
    held["arrays"] = base64.b64encode(into.getvalue()).decode()
    file = tmp_path / "odd.json"
    file.write_bytes(msgspec.json.encode(held))
    assert "Object arrays cannot be loaded" in refused(log, "activate", file)


def test_a_name_that_is_neither_file_nor_version_is_refused(log: Path) -> None:
    assert "a model must be a file of `tillwatch model train`, the number of a version" in refused(log, "show", "q9")
    assert "none is: put one in force with tillwatch model activate" in refused(log, "show")
    assert "none is: put one in force" in refused(log, "drift")


# -- in force


def test_versions_are_activated_listed_named_and_rolled_back(log: Path, model: Path, tmp_path: Path) -> None:
    assert figures(log, "activate", model)[0]["effective_from"] is None
    other = changed(model, tmp_path / "q2.json", version="q2")
    reach(log, CLOCK_MS)
    said = refused(log, "activate", other)
    assert "effective_from must be given" in said
    assert "must be after" in refused(log, "activate", other, "--effective-from", "2026-01-04T00:00")
    figures(log, "activate", other, "--in", "10m")
    assert [(each["name"], each["state"]) for each in figures(log, "list")] == [("q1", "active"), ("q2", "ahead")]
    reach(log, CLOCK_MS + 3_600_000)
    first, second = figures(log, "list")
    assert (first["state"], second["state"]) == ("past", "active")
    assert (second["from_day"], second["to_day"]) == (FIRST, LAST)
    shown = on(log, "list").output.splitlines()
    assert "Anomaly models (times: Asia/Shanghai)" in shown[0]
    since = local_iso(second["effective_from"], "Asia/Shanghai")
    assert [shown[2].split()[:3], shown[3].split()[:4]] == [["1", "q1", "always"], ["2", "q2", *since.split()]]
    assert "生效中" in on(log, "list", "--lang", "zh").output
    for named in ("", "2", "q2"):
        assert figures(log, "show", *filter(None, [named]))["version"] == "q2"
    assert figures(log, "show", "1")["version"] == "q1"
    (made,) = figures(log, "rollback", "--in", "10m")
    assert made["version"] == 3
    assert [(each["name"], each["state"]) for each in figures(log, "list")][1:] == [("q2", "active"), ("q1", "ahead")]


def test_a_version_that_no_clock_has_reached_is_withdrawn_by_a_rollback(log: Path, model: Path, tmp_path: Path) -> None:
    figures(log, "activate", model)
    assert "must have a version before the newest to go back to, it has 1 in all" in refused(log, "rollback")
    figures(log, "activate", changed(model, tmp_path / "q2.json", version="q2"), "--in", "1d")
    assert on(log, "rollback").output == "model 3: model 2 is never in force\n"
    assert [each["state"] for each in figures(log, "list")] == ["active", "withdrawn", "withdrawal"]
    assert figures(log, "show")["version"] == "q1"


def test_going_back_to_before_the_first_model_leaves_none(log: Path, model: Path) -> None:
    figures(log, "activate", model, "--in", "1d")
    assert "no model" in on(log, "list").output
    reach(log, CLOCK_MS + 400 * 86_400_000)
    figures(log, "rollback", "--in", "10m")
    reach(log, CLOCK_MS + 402 * 86_400_000)
    assert "none is" in refused(log, "show")


def test_what_is_published_is_what_a_worker_reads(log: Path, model: Path) -> None:
    figures(log, "activate", model)
    with SqliteLog(log) as opened:
        (record,) = opened.read_keyed("controls", 0, 0)
    body = msgspec.json.decode(record.value)["body"]
    assert KINDS["model"].decode(msgspec.json.encode(body)) == Model.decoded(model.read_bytes())


# -- drift


def test_the_days_of_training_have_not_drifted_and_the_files_say_so(log: Path, model: Path, tmp_path: Path) -> None:
    plot, metrics = tmp_path / "drift.svg", tmp_path / "model.prom"
    options = ("--days", "40", "--check", "--plot", plot, "--metrics", metrics)
    found = figures(log, "drift", model, *options)
    assert found["score"] < 0.1
    assert max(found["habits"].values()) < 0.02
    assert len(found["daily"]) == 40
    assert found["drifted"] == []
    assert plot.read_text(encoding="utf-8").startswith("<svg xmlns=")
    written = metrics.read_text()
    assert 'tillwatch_model_in_force{version="q1"} 1.0' in written
    assert f"tillwatch_model_scored_merchant_days {float(found['scored_days'])}" in written


def moved_log(path: Path, habit: str, by: float) -> Path:
    """A log in which a share of all merchants is another one from one day on."""
    batch = model_days.days()
    value = batch.habits.value.copy()
    place = NAMES.index(habit)
    later = batch.day >= drawn.BEGIN + 36
    value[later, place] = np.minimum(1.0, value[later, place] + by)
    return model_days.made_log(path, [Batch(batch.merchant, batch.day, batch.habits._replace(value=value))])


def test_a_habit_that_moves_is_named_and_fails_the_check(model: Path, tmp_path: Path) -> None:
    log = moved_log(tmp_path / "moved.db", "night_share", 0.3)
    found = figures(log, "drift", model, "--days", "4")
    assert "night_share" in found["drifted"]
    assert found["habits"]["night_share"] == max(found["habits"].values())
    shown = on(log, "drift", model, "--days", "8", "--check")
    assert shown.exit_code == 1
    assert "drift must stay below 0.25, but has reached it: " in shown.stderr
    (row,) = [each for each in shown.stdout.splitlines() if each.startswith("share of 00-06 h")]
    days = row.split()[-1]
    assert set(days[:4]) == {"▁"}
    assert set(days[4:]) == {"█"}
    assert "0-6时占比" in on(log, "drift", model, "--days", "8", "--lang", "zh").output


def test_the_missing_model_is_written_for_prometheus(log: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "model.prom"
    refused(log, "drift", "--metrics", metrics)
    assert 'tillwatch_model_in_force{version=""} 0.0' in metrics.read_text()


def test_too_few_days_of_merchants_say_nothing_of_drift(model: Path, tmp_path: Path) -> None:
    log = model_days.made_log(tmp_path / "few.db", [model_days.days(3, 40)])
    assert "drift needs 200 merchant-days" in refused(log, "drift", model)


# -- evaluate and compare


def planted(path: Path, keys: tuple[int, ...]) -> Path:
    """A log of later days, on eight of which some merchants have habits far from anybody's."""
    batch = model_days.days(20, first=drawn.BEGIN + model_days.DAYS, seed=9)
    value = batch.habits.value.copy()
    odd = np.isin(batch.merchant, keys) & (batch.day >= drawn.BEGIN + model_days.DAYS + 5)
    odd &= batch.day < drawn.BEGIN + model_days.DAYS + 13
    for name in ("refund_share", "foreign_share", "testing_share", "night_share"):
        value[odd, NAMES.index(name)] = 0.97
    return model_days.made_log(path, [Batch(batch.merchant, batch.day, batch.habits._replace(value=value))])


def test_odd_days_of_confirmed_alerts_are_ranked_first(model: Path, tmp_path: Path) -> None:
    keys = (11, 45, 120)
    log = planted(tmp_path / "planted.db", keys)
    assert "odd ones among them" in refused(log, "evaluate", model)
    for key in keys:
        confirm(log, key, drawn.BEGIN + model_days.DAYS + 5, 8)
    found = figures(log, "evaluate", model)
    (every,) = found["categories"]
    assert (every["stories"], every["odd_days"]) == (3, 24)
    assert every["average_precision"] > 0.9
    assert [each["part"] for each in every["recall"]] == [3, 3]
    shown = on(log, "evaluate", model)
    assert "3/3" in shown.stdout
    assert "what no detector found, nobody has confirmed" in shown.stderr


def test_violations_of_a_simulation_are_counted_by_category() -> None:
    violation = Violation(
        merchant_id="m1", merchant_index=1, category="fee", kind="over", onset_ms=86_400_000 * 10,
        end_ms=86_400_000 * 12, effect=1.0, effect_unit="x", txn_ids=(), transactions=1, amount_minor=1,
        money_minor=None, details={},
    )  # fmt: skip
    other = msgspec.structs.replace(violation, merchant_id="m2", category="mcc")
    truth = Truth(violations=(violation, other), look_alikes=(), start_ms=0, end_ms=1, merchants=2)
    stories = told_by_truth(truth)
    assert [(each.category, each.from_day, each.to_day) for each in stories] == [("fee", 10, 12), ("mcc", 10, 12)]
    merchant = np.repeat([merchant_key(f"m{k}") for k in range(3)], 20)
    score = np.where((merchant == merchant_key("m1")) & (np.tile(np.arange(20), 3) == 11), 0.9, 0.1)
    made = evaluated(in_order(merchant, np.tile(np.arange(20), 3), score), stories)
    assert [(each.category, each.stories, each.odd_days) for each in made.categories] == [
        ("", 2, 6), ("fee", 1, 3), ("mcc", 1, 3),
    ]  # fmt: skip
    assert made.categories[1].average_precision > made.categories[2].average_precision


def test_two_models_are_compared_on_the_same_days(model: Path, tmp_path: Path) -> None:
    log = planted(tmp_path / "planted.db", (11, 45))
    same = figures(log, "compare", model, model)
    assert (same["rank_correlation"], same["psi"], same["only_a"], same["only_b"]) == (1.0, 0.0, [], [])
    other = tmp_path / "other.json"
    figures(model.parent / "tillwatch.db", "train", "--seed", "4", "--version", "q2", "--out", other)
    found = figures(log, "compare", model, other)
    assert 0.8 < found["rank_correlation"] < 1.0
    assert found["both"] >= 2
    shown = on(log, "compare", model, other, "--lang", "zh").output
    assert "评分秩相关" in shown
    assert "仅A q1告警" in shown


def test_days_that_are_kept_in_a_file_are_read_as_often_as_they_are_asked_for(tmp_path: Path) -> None:
    days = days_of(model_days.published(model_days.days(2)), COLUMNS)
    with (tmp_path / "spool").open("w+b") as file:
        spool = Spool(file)
        spool.put(days)
        spool.put(days)
        for _ in range(2):
            for found in spool:
                assert (found.merchant_id, found.day) == (days.merchant_id, days.day)
                assert rows_of(found).batch.habits.value.shape == rows_of(days).batch.habits.value.shape
                for name in COLUMNS:
                    np.testing.assert_array_equal(found.columns[name], days.columns[name])
            assert len([*spool]) == 2


@pytest.mark.slow
def test_a_file_of_events_is_replayed_for_its_days(simulated: Path, model: Path, tmp_path: Path) -> None:
    """Three days of it are too few for any habit to be known."""
    events, log = simulated / "events.jsonl", tmp_path / "none.db"
    said = refused(log, "train", "--events", events, "--out", tmp_path / "model.json")
    assert "got 0 days of 0" in said
    assert "drift needs 200 merchant-days" in refused(log, "drift", model, "--events", events)
    assert "got 0 with scores" in refused(log, "evaluate", model, "--simulated", simulated)
    assert not log.exists(), "no log is made"
    events_kept = events.read_bytes()
    assert on(log, "train", "--events", events, "--out", events).exit_code == 2
    assert events.read_bytes() == events_kept
