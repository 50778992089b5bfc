"""`tillwatch state`: looking at the state, backing it up, and building it anew."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from engine.decoding.hashing import partition_of
from engine.features.compose import compose
from streams.sqlite.address import SqliteAddress
from streams.sqlite.checkpoints import PageRef, SqliteCheckpoints, state_path
from streams.sqlite.faust_transport import LEASE
from streams.sqlite.log import SqliteLog
from streams.topics import DEFAULT_PARTITIONS
from tests.faults.waiting import wait_until
from tests.outcome import last_by_key, letters_of
from tests.tillwatch import forked
from tests.tillwatch.conftest import call, finish, start
from tillwatch.language import local_iso
from tillwatch.settings import load
from tillwatch.show import money
from tillwatch.state import last_checkpoint, restored

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from click.testing import Result

    from engine.monitor import Totals
    from streams.sqlite.checkpoints import Manifest

PARTITIONS = DEFAULT_PARTITIONS
SUMS = {
    "sales": "approved_count", "sales_minor": "approved_minor", "refunds": "refund_count",
    "refunds_minor": "refund_minor", "reversed": "reversed_count", "reversed_minor": "reversed_minor",
}  # fmt: skip
"""Features, and what the simulator's ledger calls them."""


class Outcome(NamedTuple):
    """What a log's readers see in the end, and the merchants' sums in the last checkpoints."""

    alerts: dict[str, dict[str, Any]]
    scores: dict[str, dict[str, Any]]
    letters: Counter[tuple[str, str, str]]
    totals: dict[str, Totals]


@pytest.fixture
def log(worked: Path, tmp_path: Path) -> Path:
    """A log that a worker has read to its end, with its state."""
    shutil.copy(state_path(worked), tmp_path)
    return Path(shutil.copy(worked, tmp_path))


def outcome(log_file: Path) -> Outcome:
    totals: dict[str, Totals] = {}
    settings = load(log_url=SqliteAddress(log_file).url)
    with SqliteLog(log_file) as log, SqliteCheckpoints(state_path(log_file), read_only=True) as store:
        for partition in range(PARTITIONS):
            manifest = store.manifest(partition)
            assert manifest is not None
            assert manifest.offset == log.end_offset("events", partition)
            totals |= {each.merchant_id: each for each in restored(settings, store, manifest).totals()}
        published = last_by_key(log, "alerts", PARTITIONS), last_by_key(log, "merchant-risk", PARTITIONS)
        return Outcome(*published, letters_of(log, PARTITIONS), totals)


def offsets(file: Path) -> dict[int, int]:
    """By partition, what its last checkpoint goes on from."""
    with SqliteCheckpoints(file, read_only=True) as store:
        return store.offsets()


def state(log_file: Path, *arguments: str | Path) -> Result:
    """A subcommand that runs no worker."""
    return call("--log-url", SqliteAddress(log_file).url, "state", *arguments)


def run(log_file: Path, *arguments: str | Path) -> tuple[int, str, str]:
    """A command that runs a worker."""
    return forked.run("--log-url", SqliteAddress(log_file).url, *arguments)


def inspected(log_file: Path, merchant_id: str) -> dict[str, Any]:
    result = state(log_file, "inspect", merchant_id, "--json")
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    found: dict[str, Any] = msgspec.json.decode(line)
    return found


def refused(result: Result) -> str:
    """Why, in one line."""
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    return line


def flip(log_file: Path, partition: int) -> str:
    """Change a byte in the middle of a partition's first page; what that page is called."""
    with closing(sqlite3.connect(state_path(log_file), isolation_level=None)) as db:
        key, body = db.execute("SELECT id, body FROM page WHERE partition = ? ORDER BY id", (partition,)).fetchone()
        damaged = bytearray(body)
        damaged[len(damaged) // 2] ^= 0xFF
        db.execute("UPDATE page SET body = ? WHERE partition = ? AND id = ?", (bytes(damaged), partition, key))
    return f"page {key} of partition {partition}"


# -- inspect


def ledger(simulated: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = msgspec.json.decode((simulated / "ledger.json").read_bytes())
    return {name: sums for name, sums in found.items() if not sums["future"]}


def test_inspect_shows_every_column_and_the_sums_of_the_simulators_own_ledger(worked: Path, simulated: Path) -> None:
    for merchant_id, sums in list(ledger(simulated).items())[::40]:
        found = inspected(worked, merchant_id)
        columns = {each["name"]: each for each in found["columns"]}
        assert list(columns) == [each.name for each in compose().columns]
        assert {name: columns[name]["value"] for name in SUMS} == {name: sums[SUMS[name]] for name in SUMS}
        shown = state(worked, "inspect", merchant_id).stdout
        for each in compose().columns:
            (line,) = [line for line in shown.splitlines() if line.startswith(f"{each.name} ")]
            assert each.unit in line
            assert each.window[:30] in line  # the table shows no more of it
        assert money(sums["approved_minor"], "CNY") in shown
        assert merchant_id in shown


def test_inspect_says_as_of_which_cut_it_is_and_what_lies_beyond(log: Path, simulated: Path) -> None:
    merchant_id = next(iter(ledger(simulated)))
    partition = partition_of(merchant_id.encode(), PARTITIONS)
    with SqliteCheckpoints(state_path(log), read_only=True) as store:
        manifest = store.manifest(partition)
    assert manifest is not None
    with SqliteLog(log) as opened:
        opened.append("events", partition, [b"{}", b"{}", b"{}"])
    found = inspected(log, merchant_id)
    as_of = {name: found[name] for name in ("partition", "checkpoint", "offset", "records_beyond")}
    assert as_of == {
        "partition": partition,
        "checkpoint": manifest.checkpoint,
        "offset": manifest.offset,
        "records_beyond": 3,
    }


def test_inspect_shows_an_open_episode_and_what_the_score_is_made_of(worked: Path) -> None:
    alerts = outcome(worked).alerts.values()
    alert = next(each for each in alerts if not each["closed"])
    found = inspected(worked, alert["merchant_id"])
    episode = next(each for each in found["episodes"] if each["alert_id"] == alert["alert_id"])
    assert episode["hits"] >= alert["hits"]
    assert episode["detector"] in [each["detector"] for each in found["score"]["contributions"]]
    since = local_iso(episode["first_time"], found["time_zone"])
    chinese = state(worked, "inspect", alert["merchant_id"], "--lang", "zh").stdout
    for words in ("进行中的告警", "商户登记信息", "数据截至", since):
        assert words in chinese
    shown = state(worked, "inspect", alert["merchant_id"]).stdout
    for words in ("as of", "Open alerts", episode["detector"], "Master data", found["score"]["grade"], since):
        assert words in shown


def test_inspect_of_a_merchant_without_transactions_shows_its_master_data(tmp_path: Path) -> None:
    log_file, events = tmp_path / "tillwatch.db", tmp_path / "events.jsonl"
    event = {"type": "merchant", "merchant_id": "[new]", "effective_from": 1_735_700_400_000, "mccs": ["5812"]}
    events.write_bytes(msgspec.json.encode(event) + b"\n")
    assert (
        call("--log-url", SqliteAddress(log_file).url, "ingest", events, "--feed", "sim", "--historic").exit_code == 0
    )
    assert run(log_file, "worker", "--until-idle")[0] == 0
    found = inspected(log_file, "[new]")
    assert (found["clock"], found["score"], found["columns"], found["episodes"]) == (None, None, [], [])
    assert [(each["effective_from"], each["mccs"]) for each in found["versions"]] == [
        ("2025-01-01T03:00:00.000Z", ["5812"])
    ]
    shown = state(log_file, "inspect", "[new]").stdout
    for words in ("Merchant [new]", "no transaction yet", "5812"):
        assert words in shown


class Overtaken(SqliteCheckpoints):
    """Whose partition a worker checkpoints anew after its manifest was read, once."""

    overtaken = False

    def pages(self, manifest: Manifest) -> Iterator[tuple[int, bytes]]:
        if not self.overtaken:
            self.overtaken = True
            with SqliteCheckpoints(self.path) as worker:
                worker.fence(1_000, "worker")
                fresh = {1_000 + page_id: body for page_id, body in worker.pages(manifest)}
                refs = tuple(PageRef.of(page_id, body) for page_id, body in fresh.items())
                again = {
                    "checkpoint": manifest.checkpoint + 1,
                    "parent": manifest.checkpoint,
                    "epoch": 1_000,
                    "pages": refs,
                }
                worker.commit(1_000, msgspec.structs.replace(manifest, **again), fresh)
        return super().pages(manifest)


def test_a_cut_that_a_worker_replaces_while_it_is_read_gives_way_to_the_next(log: Path) -> None:
    before = outcome(log)
    with Overtaken(state_path(log), read_only=True) as store:
        earlier = store.manifest(0)
        assert earlier is not None
        manifest, monitor = last_checkpoint(load(log_url=SqliteAddress(log).url), store, 0)
    assert manifest.checkpoint == earlier.checkpoint + 1
    found = {each.merchant_id: each for each in monitor.totals()}
    assert found
    assert found.items() <= before.totals.items()


def test_inspect_of_an_unknown_merchant_is_one_line_and_code_1(worked: Path) -> None:
    assert "merchant 'nobody' is not known as of checkpoint" in refused(state(worked, "inspect", "nobody"))


def test_before_any_cut_there_is_nothing_to_inspect_or_back_up(log: Path, tmp_path: Path) -> None:
    state_path(log).unlink()
    assert f"there is no state at {state_path(log)}" in refused(state(log, "inspect", "m"))
    assert f"there is no state at {state_path(log)}" in refused(state(log, "backup", tmp_path / "backup"))
    SqliteCheckpoints(state_path(log)).close()
    assert "no checkpoint was taken yet of partition" in refused(state(log, "inspect", "m"))


def test_state_makes_no_log_where_there_is_none(tmp_path: Path) -> None:
    for arguments in (("inspect", "m"), ("rebuild",)):
        assert "there is no log at" in refused(state(tmp_path / "none.db", *arguments))
    assert list(tmp_path.iterdir()) == []


# -- backup


@pytest.fixture(scope="module")
def moved_on(events: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with its state, and a backup that was taken while the worker ran, before the last third of the events."""
    folder = tmp_path_factory.mktemp("moved_on")
    log_file, part, config = folder / "tillwatch.db", folder / "part.jsonl", folder / "tillwatch.toml"
    config.write_text("checkpoint_every_s = 0.2\n")
    lines = events.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[: len(lines) * 2 // 3]))
    assert call("--log-url", SqliteAddress(log_file).url, "ingest", part, "--feed", "sim", "--historic").exit_code == 0
    worker = start("--config", config, "--log-url", SqliteAddress(log_file).url, "worker")
    try:
        ends = wait_for_cuts(log_file)
        result = state(log_file, "backup", folder / "backup.db")
        assert result.exit_code == 0, result.output
        assert all(f" {offset:,} " in result.stdout for offset in ends.values())
        assert offsets(folder / "backup.db") == ends
        assert "is held by tillwatch@" in refused(state(log_file, "rebuild", "--all"))
        part.write_bytes(b"".join(lines))
        assert (
            call("--log-url", SqliteAddress(log_file).url, "ingest", part, "--feed", "sim", "--historic").exit_code == 0
        )
        wait_for_cuts(log_file)
        worker.terminate()
        code, _, errors = finish(worker)
        assert code == 0, errors
    finally:
        worker.kill()
    return folder


def wait_for_cuts(log_file: Path) -> dict[int, int]:
    """Wait until everything in a log is in checkpoints; by partition, up to which offset that is."""
    with SqliteLog(log_file) as log:
        ends = {each: log.end_offset("events", each) for each in range(PARTITIONS)}
        wait_until(
            lambda: {each: log.committed("tillwatch", "events", each) for each in ends} == ends,
            "all that was ingested is in checkpoints",
        )
    return ends


@pytest.fixture
def backed_up(moved_on: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A log of one's own, and the backup."""
    shutil.copy(moved_on / "tillwatch.state.db", tmp_path)
    return Path(shutil.copy(moved_on / "tillwatch.db", tmp_path)), moved_on / "backup.db"


def test_a_backup_that_was_taken_while_a_worker_ran_can_be_gone_on_from(backed_up: tuple[Path, Path]) -> None:
    log, backup = backed_up
    before = outcome(log)
    damaged = [flip(log, partition) for partition in range(PARTITIONS)]
    code, out, errors = run(log, "state", "rebuild", "--from", backup, "--json")
    assert code == 0, errors
    for partition, offset in offsets(backup).items():
        assert f"partition {partition}: {damaged[partition]}" in errors
        assert f"it goes on from offset {offset:,}" in errors
    assert msgspec.json.decode(out)["merchants"] == len(before.totals)
    assert outcome(log) == before


def test_a_backup_goes_to_a_new_file_only(worked: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    assert "a backup must go to a new file" in refused(state(worked, "backup", there))
    assert there.read_text() == "mine"


# -- rebuild


def test_a_worker_refuses_damaged_state_and_rebuild_comes_to_what_an_undisturbed_run_does(log: Path) -> None:
    before = outcome(log)
    with SqliteLog(log) as opened:
        (progress,) = opened.progress()
    damaged = flip(log, 2)
    code, out, errors = run(log, "worker", "--until-idle", "--json")
    assert (code, out) == (1, "")
    assert errors.splitlines()[-1].startswith(f"Error: {damaged} ")
    assert "`tillwatch state rebuild`" in errors
    code, out, errors = run(log, "state", "rebuild", "--json")
    assert code == 0, errors
    assert errors.count("it goes on from offset") == 1
    assert f"partition 2: {damaged}" in errors
    totals = msgspec.json.decode(out)
    assert {name: totals[name] for name in progress.counts} == progress.counts
    assert totals["merchants"] == len(before.totals)
    assert outcome(log) == before


def test_what_is_not_damaged_is_left_alone(log: Path) -> None:
    state_before = state_path(log).read_bytes()
    result = state(log, "rebuild")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "nothing is damaged: a worker can go on from the state as it is\n"
    assert state_path(log).read_bytes() == state_before


def test_the_partitions_that_are_asked_for_are_built_anew_damaged_or_not(log: Path) -> None:
    before = outcome(log)
    code, _, errors = run(log, "state", "rebuild", "--partition", "1", "--partition", "3")
    assert code == 0, errors
    assert [line for line in errors.splitlines() if line.startswith("partition")] == [
        f"partition {each}: asked for; it goes on from offset 0" for each in (1, 3)
    ]
    assert outcome(log) == before


def test_a_file_that_is_broken_is_set_aside_and_what_can_be_read_of_it_is_kept(log: Path) -> None:
    before, path = outcome(log), state_path(log)
    lose_a_block(path)
    code, _, errors = run(log, "state", "rebuild")
    assert code == 0, errors
    assert f"{path} is broken as a file; it was moved to {path}.damaged" in errors
    assert 0 < errors.count("it goes on from offset 0") < PARTITIONS
    assert outcome(log) == before


def lose_a_block(path: Path) -> None:
    """Zero the last block of a file without which SQLite finds it malformed."""
    whole, block = path.read_bytes(), 32_768
    for first in range(len(whole) - block, 0, -block):
        path.write_bytes(whole[:first] + bytes(block) + whole[first + block :])
        try:
            with closing(sqlite3.connect(path)) as db:
                if db.execute("PRAGMA quick_check").fetchone() != ("ok",):
                    return
        except sqlite3.DatabaseError:
            return
    pytest.fail("no block of the file matters to SQLite")


def test_a_file_that_is_no_database_is_set_aside(log: Path) -> None:
    before, path = outcome(log), state_path(log)
    path.write_bytes(b"no database" * 100)
    code, _, errors = run(log, "state", "rebuild")
    assert code == 0, errors
    assert errors.count("file is not a database; it goes on from offset 0") == PARTITIONS
    assert outcome(log) == before


def test_no_state_is_built_anew_while_a_worker_runs(log: Path) -> None:
    state_before = state_path(log).read_bytes()
    with SqliteLog(log) as opened:
        lease = opened.acquire_lease(LEASE, "a worker", 3600)
        assert "lease 'worker' is held by a worker" in refused(state(log, "rebuild", "--all"))
        opened.release_lease(lease)
    assert state_path(log).read_bytes() == state_before


def drop_beginning(log_file: Path) -> dict[int, int]:
    """Let the log forget its first events; by partition, the first offset that is left."""
    with SqliteLog(log_file) as log:
        log.create_topic("events", PARTITIONS, retention_ms=1)
        log.create_topic("dead-letters", PARTITIONS)
        keep = {("events", each): log.end_offset("events", each) // 2 for each in range(PARTITIONS)}
        assert log.retain(2**62, keep)
        return {each: log.first_offset("events", each) for each in range(PARTITIONS)}


def test_where_the_logs_beginning_is_gone_that_must_be_accepted(log: Path) -> None:
    before, first = outcome(log), drop_beginning(log)
    partition = max(first, key=lambda each: first[each])
    flip(log, partition)
    damaged = state_path(log).read_bytes()
    why = refused(state(log, "rebuild"))
    assert f"got a log that begins at {first[partition]}" in why
    assert "--from-first" in why
    assert state_path(log).read_bytes() == damaged
    code, _, errors = run(log, "state", "rebuild", "--from-first")
    assert code == 0, errors
    assert f"it goes on from offset {first[partition]:,}" in errors
    after = outcome(log)
    mine = {each for each in after.totals if partition_of(each.encode(), PARTITIONS) == partition}
    assert sum(after.totals[each].attempts for each in mine) < sum(before.totals[each].attempts for each in mine)
    others = after.totals.keys() - mine
    assert {each: after.totals[each] for each in others} == {each: before.totals[each] for each in others}
    assert run(log, "worker", "--until-idle")[0] == 0


def test_a_backup_that_the_log_no_longer_reaches_back_to_is_refused(backed_up: tuple[Path, Path]) -> None:
    log, backup = backed_up
    with SqliteLog(log) as opened:
        opened.create_topic("events", PARTITIONS, retention_ms=1)
        opened.retain(2**62)
    before = state_path(log).read_bytes()
    for more in ((), ("--from-first",)):
        why = refused(state(log, "rebuild", "--all", "--from", backup, *more))
        assert f"it would go on from offset {offsets(backup)[0]:,}, the log has " in why
    assert state_path(log).read_bytes() == before


def test_a_damaged_backup_is_refused_and_nothing_is_changed(log: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    shutil.copy(state_path(log), state_path(backup))
    damaged = flip(backup, 3)
    before = state_path(log).read_bytes()
    why = refused(state(log, "rebuild", "--all", "--from", state_path(backup)))
    assert f"partition 3 of the backup: {damaged}" in why
    assert state_path(log).read_bytes() == before


def test_state_of_other_settings_is_not_damaged(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLWATCH_TIME_ZONE", "Asia/Tokyo")
    why = refused(state(log, "rebuild"))
    assert "time_zone must be Asia/Shanghai as in the state, got Asia/Tokyo" in why
    assert "build it anew with --partition 0" in why
    assert run(log, "state", "rebuild", "--all")[0] == 0
    with SqliteLog(log) as opened:
        merchant_id = next(iter(last_by_key(opened, "merchant-risk", PARTITIONS)))
    assert inspected(log, merchant_id)["columns"]


def test_a_partition_that_does_not_exist_is_a_usage_error(log: Path) -> None:
    result = state(log, "rebuild", "--partition", str(PARTITIONS))
    assert result.exit_code == 2
    assert f"must be 0 to {PARTITIONS - 1}, got {PARTITIONS}" in result.stderr
