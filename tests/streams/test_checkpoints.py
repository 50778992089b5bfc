from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.checkpoint.pages import Damaged
from streams.errors import Fenced, LogFailed, StateLocked, Superseded, UnknownFormat, WrongParent
from streams.manifests import sealed, unsealed
from streams.sqlite.checkpoints import Manifest, PageRef, SqliteCheckpoints, state_path
from streams.sqlite.log import SqliteLog
from tests.parts import mount_small_disk, require
from tests.seeds import examples
from tests.streams.children import Child

if TYPE_CHECKING:
    from collections.abc import Iterator

PER_CUT = 10
"""Pages that each checkpoint of `checkpoint` writes; it lists its own and those of the three before."""
Checkpoint = tuple[Manifest, dict[int, bytes]]


def page(page_id: int, size: int = 3_000) -> bytes:
    return page_id.to_bytes(8, "little") * ((size + page_id % 700) // 8)


def checkpoint(number: int, epoch: int = 1, partition: int = 0, size: int = 3_000) -> Checkpoint:
    ids = range(max(number - 3, 1) * PER_CUT, (number + 1) * PER_CUT)
    manifest = Manifest(
        partition=partition,
        checkpoint=number,
        parent=number - 1,
        offset=number * 1_000,
        source="a log",
        epoch=epoch,
        rows=number * 7,
        checkpoint_ms=1_700_000_000_000 + number,
        pages=tuple(PageRef.of(each, page(each, size)) for each in ids),
        notes=b"checkpoint %d" % number,
    )
    return manifest, {each: page(each, size) for each in ids[-PER_CUT:]}


def commit(state: SqliteCheckpoints, checkpoints: range, epoch: int = 1, partition: int = 0, size: int = 3_000) -> None:
    for number in checkpoints:
        state.commit(epoch, *checkpoint(number, epoch, partition, size))


def assert_has(state: SqliteCheckpoints, expected: Manifest | None, partition: int = 0, size: int = 3_000) -> None:
    assert state.manifest(partition) == expected
    if expected is not None:
        assert list(state.pages(expected)) == [(each.id, page(each.id, size)) for each in expected.pages]


def stored_pages(state: SqliteCheckpoints, partition: int = 0) -> list[int]:
    rows = state._db.execute("SELECT id FROM page WHERE partition = ? ORDER BY id", (partition,))
    return [page_id for (page_id,) in rows]


def change(path: Path, sql: str, *values: object) -> None:
    db = sqlite3.connect(path)
    with db:
        assert db.execute(sql, values).rowcount == 1
    db.close()


@contextmanager
def child(path: Path, code: str) -> Iterator[Child]:
    """Another process that runs `code` with `state` open."""
    opened = f"from tests.streams.test_checkpoints import *\nstate = SqliteCheckpoints(Path({str(path)!r}))\n"
    process = Child(opened + code)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_line(process: Child) -> str:
    return process.stdout.readline().strip()


class Halting(dict[int, bytes]):
    """Fresh pages that stop the commit for good where half of them are written."""

    def __getitem__(self, page_id: int) -> bytes:
        if page_id == sorted(self)[len(self) // 2]:
            print("inside")
            input()
        return super().__getitem__(page_id)


HALF_A_COMMIT = "state.fence({0}, 'child'); m, f = checkpoint({1}, epoch={0}); state.commit({0}, m, Halting(f))"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tillwatch.state.db"


@pytest.fixture
def state(path: Path) -> Iterator[SqliteCheckpoints]:
    with SqliteCheckpoints(path, busy_timeout_s=0.2) as opened:
        opened.fence(1, "first")
        yield opened


# -- checkpoints


def test_the_state_lies_beside_the_log() -> None:
    assert state_path(Path("X/tillwatch.db")) == Path("X/tillwatch.state.db")


def test_a_new_file_has_no_cut(state: SqliteCheckpoints) -> None:
    assert state.manifest(0) is None
    assert state.offsets() == {}


def test_the_last_cut_is_read_whole_after_a_restart(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 7))
    assert_has(state, checkpoint(6)[0])
    state.close()
    with SqliteCheckpoints(path) as again:
        assert_has(again, checkpoint(6)[0])
        assert again.offsets() == {0: 6_000}


def test_pages_that_are_no_longer_listed_are_deleted(state: SqliteCheckpoints) -> None:
    commit(state, range(1, 7))
    assert stored_pages(state) == [each.id for each in checkpoint(6)[0].pages]


def test_partitions_have_cuts_of_their_own(state: SqliteCheckpoints) -> None:
    commit(state, range(1, 4), partition=0)
    commit(state, range(1, 7), partition=3)
    assert_has(state, checkpoint(3, partition=0)[0], partition=0)
    assert_has(state, checkpoint(6, partition=3)[0], partition=3)
    assert state.offsets() == {0: 3_000, 3: 6_000}
    state.drop(1, 3)
    assert_has(state, None, partition=3)
    assert stored_pages(state, 3) == []
    assert_has(state, checkpoint(3, partition=0)[0], partition=0)
    commit(state, range(1, 2), partition=3)
    assert_has(state, checkpoint(1, partition=3)[0], partition=3)


@settings(max_examples=examples(40))
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 1), st.sets(st.integers(0, 30)), st.lists(st.binary(max_size=90_000), max_size=4)),
        max_size=8,
    )
)
def test_whatever_is_kept_and_written_the_last_cut_is_what_is_read(
    steps: list[tuple[int, set[int], list[bytes]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, SqliteCheckpoints(Path(folder) / "s.db") as state:
        state.fence(1, "first")
        live: list[dict[int, bytes]] = [{}, {}]
        checkpoints, next_ids = [0, 0], [0, 0]
        for partition, dropped, bodies in steps:
            fresh = dict(zip(itertools.count(next_ids[partition]), bodies))
            next_ids[partition] += len(bodies)
            kept = {k: v for k, v in live[partition].items() if k not in dropped}
            live[partition] = kept | fresh
            checkpoints[partition] += 1
            refs = tuple(itertools.starmap(PageRef.of, live[partition].items()))
            at = checkpoints[partition]
            manifest = msgspec.structs.replace(checkpoint(at, partition=partition)[0], pages=refs)
            state.commit(1, manifest, fresh)
            assert state.manifest(partition) == manifest
        for partition in (0, 1):
            found = state.manifest(partition)
            assert dict(state.pages(found) if found else ()) == live[partition]
            assert stored_pages(state, partition) == list(live[partition])


@pytest.mark.parametrize("parent", [1, 3])
def test_a_cut_that_does_not_continue_the_stored_one_is_refused(state: SqliteCheckpoints, parent: int) -> None:
    commit(state, range(1, 3))
    manifest, fresh = checkpoint(3)
    with pytest.raises(
        WrongParent, match=f"checkpoint 4 of partition 0 must continue checkpoint 2, got parent {parent}"
    ):
        state.commit(1, msgspec.structs.replace(manifest, checkpoint=4, parent=parent), fresh)
    assert_has(state, checkpoint(2)[0])


def contradictions() -> dict[str, Checkpoint]:
    manifest, fresh = checkpoint(3)
    replace = msgspec.structs.replace
    refs = manifest.pages
    return {
        r"fresh or stored, got \[30, 31\]": (manifest, {k: fresh[k] for k in range(32, 40)}),
        r"fresh or stored, got \[40\]": (manifest, {**fresh, 40: b"unlisted"}),
        r"fresh or stored, got \[20\]": (manifest, {**fresh, 20: page(20)}),
        r"page 39 .* must have 3032 bytes, got 3": (manifest, {**fresh, 39: b"bad"}),
        r"must have epoch 1,.* got epoch 2": (replace(manifest, epoch=2), fresh),
        r"above its parent.* checkpoint 2, parent 2": (replace(manifest, checkpoint=2), fresh),
        r"ascend by page.* pages \[39, 38": (replace(manifest, pages=refs[::-1]), fresh),
        r"ascend by page.* pages \[10, 10": (replace(manifest, pages=refs[:1] + refs), fresh),
    }


def test_a_manifest_is_stored_under_the_names_that_earlier_versions_read() -> None:
    stored = msgspec.msgpack.decode(unsealed(sealed(checkpoint(3, epoch=2)[0]), 0, "a file"))
    assert (stored["cut"], stored["owner"], stored["cut_ms"]) == (3, 2, 1_700_000_000_003)
    assert stored.keys().isdisjoint({"checkpoint", "epoch", "checkpoint_ms"})


@pytest.mark.parametrize("message", contradictions())
def test_a_manifest_and_pages_that_contradict_each_other_are_refused(state: SqliteCheckpoints, message: str) -> None:
    commit(state, range(1, 3))
    with pytest.raises(ValueError, match=message):
        state.commit(1, *contradictions()[message])
    assert_has(state, checkpoint(2)[0])
    assert stored_pages(state) == list(range(10, 30))
    commit(state, range(3, 4))


# -- fencing


def test_a_fenced_worker_writes_nothing(state: SqliteCheckpoints, path: Path, tmp_path: Path) -> None:
    commit(state, range(1, 3))
    state.backup(tmp_path / "backup.db")
    with SqliteCheckpoints(path) as successor:
        successor.fence(2, "second")
        refused = rf"epoch 1 may not write to .*state\.db: last fenced by second, process {os.getpid()} on .* epoch 2"
        with pytest.raises(Fenced, match=refused):
            state.commit(1, *checkpoint(3))
        with pytest.raises(Fenced):
            state.drop(1, 0)
        with pytest.raises(Fenced):
            state.restore_from(1, tmp_path / "backup.db", 0)
        with pytest.raises(Fenced, match=r"epoch 1 may not fence .* last fenced by second"):
            state.fence(1, "first")
        assert_has(successor, checkpoint(2)[0])
        assert stored_pages(successor) == list(range(10, 30))
        commit(successor, range(3, 5), epoch=2)
        successor.fence(2, "second")
        assert_has(successor, checkpoint(4, epoch=2)[0])


def test_who_has_not_fenced_may_not_commit(path: Path) -> None:
    with SqliteCheckpoints(path) as state:
        with pytest.raises(Fenced, match=r"epoch 1 may not write to .*: nobody has fenced it"):
            state.commit(1, *checkpoint(1))
        state.fence(1, "first")
        with pytest.raises(Fenced, match="epoch 2 may not write"):
            state.commit(2, *checkpoint(1, epoch=2))


def test_a_process_stopped_inside_a_commit_is_named_and_waited_for_no_longer_than_told(path: Path) -> None:
    with SqliteCheckpoints(path, busy_timeout_s=0.3) as state:
        with child(path, HALF_A_COMMIT.format(1, 1)) as stopped:
            assert wait_for_line(stopped) == "inside"
            stopped.send_signal(signal.SIGSTOP)
            started = time.monotonic()
            with pytest.raises(StateLocked, match=rf"last fenced by child, process {stopped.pid} on .* \d+\.\d s ago"):
                state.fence(2, "second")
            assert 0.3 <= time.monotonic() - started < 5
            with SqliteCheckpoints(path, busy_timeout_s=0.3) as opened:
                assert opened.manifest(0) is None
        state.fence(2, "second")
        commit(state, range(1, 2), epoch=2)
        assert_has(state, checkpoint(1, epoch=2)[0])


def test_a_file_that_cannot_be_opened_for_long_is_reported(path: Path) -> None:
    SqliteCheckpoints(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateLocked, match=r"state\.db stays locked while it is opened"):
        SqliteCheckpoints(path, busy_timeout_s=0.1)
    db.close()


def test_processes_that_open_a_new_file_at_once_all_succeed(path: Path) -> None:
    code = "state.fence(1, 'x'); print(state.offsets()); input()"
    with child(path, code) as a, child(path, code) as b, child(path, code) as c:
        assert [wait_for_line(each) for each in (a, b, c)] == ["{}"] * 3


# -- death at any moment


def test_a_process_killed_while_it_commits_leaves_one_whole_cut(path: Path) -> None:
    size = 400_000
    wal = path.with_name(f"{path.name}-wal")
    code = (
        "n = state.offsets().get(0, 0) // 1_000\nstate.fence({0}, 'child')\n"
        f"for each in itertools.count(n + 1): commit(state, range(each, each + 1), {{0}}, size={size}); print(each)"
    )
    with SqliteCheckpoints(path) as state:
        number = 0
        for epoch, writes in enumerate((1, 2, 3, 5), 1):
            with child(path, code.format(epoch)) as killed:
                committed = [int(wait_for_line(killed)) for _ in range(epoch)]
                for _ in range(writes):  # into the journal of the next commits
                    before = wal.stat().st_mtime_ns
                    while wal.stat().st_mtime_ns == before:
                        pass
            assert committed == list(range(number + 1, number + epoch + 1))
            number = state.offsets()[0] // 1_000
            assert number >= committed[-1]
            assert_has(state, checkpoint(number, epoch=epoch, size=size)[0], size=size)
            assert len(stored_pages(state)) == min(number, 4) * PER_CUT


def test_a_process_killed_inside_a_commit_leaves_the_cut_before(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 3))
    with child(path, HALF_A_COMMIT.format(1, 3)) as killed:
        assert wait_for_line(killed) == "inside"
    assert_has(state, checkpoint(2)[0])
    assert stored_pages(state) == list(range(10, 30))
    state.fence(2, "second")
    commit(state, range(3, 4), epoch=2)


def test_a_reader_stopped_for_good_holds_up_no_commit(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 3))
    code = "state._db.execute('BEGIN'); assert_has(state, checkpoint(2)[0]); print('reads'); input()"
    with child(path, code) as reader:
        assert wait_for_line(reader) == "reads"
        reader.send_signal(signal.SIGSTOP)
        commit(state, range(3, 6))
    assert_has(state, checkpoint(5)[0])


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    require(partial(mount_small_disk, folder, size))
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def write_without_end(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4_096))


def assert_full(state: SqliteCheckpoints, number: int, size: int) -> None:
    with pytest.raises(LogFailed, match="disk is full") as full:
        commit(state, range(number, number + 1), size=size)
    assert full.value.may_pass


def test_a_full_disk_leaves_the_cut_before_until_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "8m") as disk, SqliteCheckpoints(disk / "s.db") as state:
        state.fence(1, "first")
        commit(state, range(1, 3), size=50_000)
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space left"):
            write_without_end(ballast)
        for _ in range(3):
            assert_full(state, 3, 50_000)
            assert_has(state, checkpoint(2, size=50_000)[0], size=50_000)
        ballast.unlink()
        commit(state, range(3, 4), size=50_000)
        assert_has(state, checkpoint(3, size=50_000)[0], size=50_000)


def test_a_full_file_leaves_the_cut_before_until_there_is_room(state: SqliteCheckpoints) -> None:
    commit(state, range(1, 3), size=50_000)
    (pages,) = state._db.execute("PRAGMA page_count").fetchone()
    state._db.execute(f"PRAGMA max_page_count = {pages + 4}")
    for _ in range(3):
        assert_full(state, 3, 50_000)
        assert_has(state, checkpoint(2, size=50_000)[0], size=50_000)
    state._db.execute("PRAGMA max_page_count = 1000000")
    commit(state, range(3, 4), size=50_000)
    assert_has(state, checkpoint(3, size=50_000)[0], size=50_000)


def test_the_file_does_not_grow_while_the_state_does_not(state: SqliteCheckpoints, path: Path) -> None:
    size = 50_000
    commit(state, range(1, 8), size=size)
    state._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    commit(state, range(8, 38), size=size)
    state._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    live = 4 * PER_CUT * size
    assert live < path.stat().st_size <= before < 2 * live


def test_a_cut_far_above_the_usual_leaves_no_huge_journal(state: SqliteCheckpoints, path: Path) -> None:
    wal = path.with_name(f"{path.name}-wal")
    commit(state, range(1, 2), size=12_000_000)
    assert wal.stat().st_size > 100_000_000
    commit(state, range(2, 4), size=1_000)
    assert wal.stat().st_size <= 64 * 2**20


# -- damage


def test_a_page_that_changed_is_damage(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 3))
    bad = bytearray(page(17))
    bad[1_000] ^= 4
    change(path, "UPDATE page SET body = ? WHERE id = 17", bytes(bad))
    manifest = state.manifest(0)
    assert manifest is not None
    pages = state.pages(manifest)
    assert [page_id for page_id, _ in itertools.islice(pages, 7)] == list(range(10, 17))
    with pytest.raises(Damaged) as damaged:
        next(pages)
    assert str(damaged.value) == (
        f"page 17 of partition 0 in {path} must have 3016 bytes with crc32 {crc32(page(17)):08x},"
        f" got 3016 bytes with crc32 {crc32(bad):08x}; run `tillwatch state rebuild`"
    )
    with pytest.raises(Damaged, match="page 17 of partition 0"):
        state.check(0)


@pytest.mark.parametrize("other", [7, 2.5, "text", b""])
def test_a_page_or_manifest_that_became_something_else_is_damage(
    state: SqliteCheckpoints, path: Path, other: object
) -> None:
    commit(state, range(1, 3))
    change(path, "UPDATE page SET body = ? WHERE id = 17", other)
    with pytest.raises(Damaged, match=r"page 17 of partition 0 .* must have 3016 bytes .*, got \d bytes"):
        state.check(0)
    change(path, "UPDATE manifest SET body = ?", other)
    with pytest.raises(Damaged, match=r"manifest of partition 0 in .* must have crc32"):
        state.manifest(0)


def test_a_missing_page_is_damage(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 3))
    change(path, "DELETE FROM page WHERE id = 20")
    with pytest.raises(Damaged, match=r"page 20 of partition 0 .* must have 3016 bytes .*, got none; run `tillwatch"):
        state.check(0)


def test_a_manifest_that_changed_is_damage(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 3))
    change(path, "UPDATE manifest SET body = CAST(replace(body, 'checkpoint 2', 'checkpoint 3') AS BLOB)")
    damaged = r"the manifest of partition 0 in .* must have crc32 \w{8}, got \w{8}; run `tillwatch state rebuild`"
    with pytest.raises(Damaged, match=damaged):
        state.manifest(0)
    with pytest.raises(Damaged, match=damaged):
        state.offsets()
    with pytest.raises(Damaged, match=damaged):
        state.commit(1, *checkpoint(3))
    state.drop(1, 0)
    commit(state, range(1, 2))


def test_pages_without_their_manifest_are_damage(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 3))
    change(path, "UPDATE manifest SET partition = 5")
    missing = "the manifest of partition 0 in .* is missing, its pages are there; run"
    with pytest.raises(Damaged, match=missing):
        state.manifest(0)
    with pytest.raises(Damaged, match=missing):
        state.offsets()
    with pytest.raises(Damaged, match=r"the manifest of partition 5 in .* is that of partition 0; run"):
        state.manifest(5)


def test_a_first_cut_that_is_committed_meanwhile_is_no_damage(state: SqliteCheckpoints, path: Path) -> None:
    with SqliteCheckpoints(path) as looking:
        for partition in range(3):
            asked = 0

            def come_between(statement: str) -> None:
                nonlocal asked
                asked += 1
                if "page" in statement and state.manifest(partition) is None:  # noqa: B023  called at once
                    commit(state, range(1, 2), partition=partition)  # noqa: B023

            looking._db.set_trace_callback(come_between)
            found = looking.manifest(partition)
            looking._db.set_trace_callback(None)
            assert asked
            assert found == state.manifest(partition) == checkpoint(1, partition=partition)[0]


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "s.db"
    with SqliteCheckpoints(path) as state:
        state.fence(1, "first")
        commit(state, range(1, 3), size=40_000)
    return path.read_bytes()


@settings(max_examples=examples(150))
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), in_a_head=st.booleans())
def test_a_flipped_bit_anywhere_is_damage_or_changes_nothing(
    whole_file: bytes, where: float, bit: int, in_a_head: bool
) -> None:
    at = int(where * len(whole_file))
    if in_a_head:  # of a page of SQLite, where its own structures are
        at = at // 32_768 * 32_768 + at % 130
    data = bytearray(whole_file)
    data[at] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        path.write_bytes(data)
        try:
            with SqliteCheckpoints(path) as state:
                assert_has(state, checkpoint(2, size=40_000)[0], size=40_000)
                assert state.offsets() == {0: 2_000}
        except (Damaged, UnknownFormat) as error:
            assert str(path) in str(error)  # noqa: PT017  either outcome is right


def test_a_reader_overtaken_by_a_cut_is_told_to_read_again(state: SqliteCheckpoints, path: Path) -> None:
    commit(state, range(1, 3))
    with SqliteCheckpoints(path, read_only=True) as reader:
        manifest = reader.manifest(0)
        assert manifest is not None
        pages = reader.pages(manifest)
        assert next(pages) == (10, page(10))
        commit(state, range(3, 6))
        with pytest.raises(Superseded, match="partition 0 has checkpoint 5 by now, not checkpoint 2"):
            next(pages)
        assert_has(reader, checkpoint(5)[0])


# -- versions


def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    SqliteCheckpoints(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 2")
    db.close()
    with pytest.raises(UnknownFormat, match=r"state\.db must be a state file of version 1, got version 2"):
        SqliteCheckpoints(path)


def test_a_log_is_no_state_file_and_stays_as_it_is(path: Path) -> None:
    SqliteLog(path).close()
    before = path.read_bytes()
    with pytest.raises(UnknownFormat, match="must be a state file of Tillwatch, got a database of another application"):
        SqliteCheckpoints(path)
    assert path.read_bytes() == before


def test_a_manifest_of_another_format_is_refused(state: SqliteCheckpoints) -> None:
    manifest, fresh = checkpoint(1)
    state.commit(1, msgspec.structs.replace(manifest, format=1), fresh)
    with pytest.raises(UnknownFormat, match=r"manifest of partition 0 in .* must be of format 2, got 1"):
        state.manifest(0)


# -- backups


def test_a_backup_is_one_whole_cut_while_a_worker_commits(path: Path, tmp_path: Path) -> None:
    code = "state.fence(1, 'child')\nfor n in itertools.count(1): commit(state, range(n, n + 1), size=60_000)"
    with SqliteCheckpoints(path) as state:
        with child(path, code):
            checkpoints: list[int] = []
            for n in range(5):
                while state.offsets().get(0, 0) // 1_000 <= (checkpoints[-1] if checkpoints else 0):
                    pass
                state.backup(tmp_path / f"{n}.db")
                with SqliteCheckpoints(tmp_path / f"{n}.db", read_only=True) as backup:
                    checkpoints.append(backup.offsets()[0] // 1_000)
                    assert_has(backup, checkpoint(checkpoints[-1], size=60_000)[0], size=60_000)
        assert checkpoints == sorted(set(checkpoints))
    assert {each.name for each in tmp_path.iterdir()} == {"tillwatch.state.db", *(f"{n}.db" for n in range(5))}


def test_a_backup_replaces_no_file(state: SqliteCheckpoints, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_text("mine")
    with pytest.raises(FileExistsError, match=r"a backup must go to a new file, got .*backup\.db"):
        state.backup(target)
    assert target.read_text() == "mine"


def test_a_damaged_state_gives_no_backup(state: SqliteCheckpoints, path: Path, tmp_path: Path) -> None:
    commit(state, range(1, 3))
    change(path, "UPDATE page SET body = x'00' WHERE id = 12")
    before = set(tmp_path.iterdir())
    with pytest.raises(Damaged, match="page 12 of partition 0"):
        state.backup(tmp_path / "backup.db")
    assert set(tmp_path.iterdir()) == before


@pytest.fixture
def backup(state: SqliteCheckpoints, tmp_path: Path) -> Path:
    """Partition 0 at checkpoint 3 and partition 1 at checkpoint 5; the state itself has gone on to checkpoint 6 of
    partition 0.
    """
    commit(state, range(1, 4))
    commit(state, range(1, 6), partition=1)
    state.backup(tmp_path / "backup.db")
    commit(state, range(4, 7))
    return tmp_path / "backup.db"


def test_a_restored_partition_continues_as_the_next_cut(state: SqliteCheckpoints, backup: Path) -> None:
    state.fence(4, "restorer")
    before = backup.read_bytes()
    restored = state.restore_from(4, backup, 0)
    assert restored == msgspec.structs.replace(checkpoint(3)[0], checkpoint=7, parent=6, epoch=4)
    assert_has(state, restored)
    assert stored_pages(state) == [each.id for each in restored.pages]
    assert_has(state, checkpoint(5, partition=1)[0], partition=1)
    manifest, fresh = checkpoint(4, epoch=4)
    state.commit(4, msgspec.structs.replace(manifest, checkpoint=8, parent=7), fresh)
    assert stored_pages(state) == [each.id for each in manifest.pages]
    assert backup.read_bytes() == before


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE page SET body = x'00' WHERE id = 50 AND partition = 0",
        "UPDATE manifest SET body = x'00' WHERE partition = 0",
        "DELETE FROM manifest WHERE partition = 0",
    ],
)
def test_a_damaged_partition_can_be_restored(state: SqliteCheckpoints, backup: Path, path: Path, damage: str) -> None:
    change(path, damage)
    with pytest.raises(Damaged):
        state.check(0)
    restored = state.restore_from(1, backup, 0)
    assert restored is not None
    assert restored.checkpoint == (7 if "page" in damage else 4)
    assert_has(state, restored)


def test_a_partition_without_state_is_restored_as_well(state: SqliteCheckpoints, backup: Path) -> None:
    state.drop(1, 0)
    restored = state.restore_from(1, backup, 0)
    assert restored == msgspec.structs.replace(checkpoint(3)[0], checkpoint=4, parent=0)
    assert_has(state, restored)


def test_what_a_backup_lacks_is_left_alone(state: SqliteCheckpoints, backup: Path) -> None:
    commit(state, range(1, 3), partition=2)
    assert state.restore_from(1, backup, 2) is None
    assert_has(state, checkpoint(2, partition=2)[0], partition=2)
    with pytest.raises(FileNotFoundError, match=r"no state file at .*nowhere\.db"):
        state.restore_from(1, backup.with_name("nowhere.db"), 0)
    assert not backup.with_name("nowhere.db").exists()


def test_a_damaged_backup_changes_nothing(state: SqliteCheckpoints, backup: Path) -> None:
    change(backup, "UPDATE page SET body = x'00' WHERE id = 12 AND partition = 0")
    with pytest.raises(Damaged, match=r"page 12 of partition 0 in .*backup\.db"):
        state.restore_from(1, backup, 0)
    assert_has(state, checkpoint(6)[0])
    assert state.restore_from(1, backup, 1) is not None


def test_a_state_whose_writer_was_killed_half_way_can_be_opened_to_read(tmp_path: Path) -> None:
    """What was half written lies in the file, and must be undone before anybody reads it."""
    path = tmp_path / "state.db"
    SqliteCheckpoints(path).close()
    half_way = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('PRAGMA journal_mode=DELETE'); db.execute('PRAGMA cache_size=1'); db.execute('BEGIN');"
        "db.execute('CREATE TABLE half (a)'); db.execute('INSERT INTO half VALUES (zeroblob(500000))'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", half_way, str(path)], check=False).returncode == 9
    assert path.with_name("state.db-journal").exists()
    with SqliteCheckpoints(path, read_only=True) as store:
        assert store.manifest(0) is None
