"""Checkpoints on SQLite: every partition's last checkpoint, in a file of its own beside the log.

A checkpoint is a manifest and the pages it lists, most of which earlier checkpoints wrote. It is committed in one
transaction, by the holder of the greatest epoch: so the file always has one whole checkpoint of a partition,
or none.

The file is in WAL mode. With a rollback journal a commit takes two thirds of the time and writes half as much, but
a reader that is stopped while it reads would hold up every commit, and a writer that is stopped every reader. A
stopped reader lets the WAL grow instead.
"""

from __future__ import annotations

import os
import platform
import tempfile
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from engine.checkpoint.pages import Damaged
from streams.errors import Fenced, StateLocked, Superseded, UnknownFormat
from streams.log import now_utc_ms
from streams.manifests import REBUILD, Head, Manifest, PageRef, check_next, check_page, sealed, sized, unsealed
from streams.sqlite.connection import SqliteFailed, connect, immediate, make_file, open_patiently

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = [
    "Manifest",
    "PageRef",
    "SqliteCheckpoints",
    "is_whole",
    "state_path",
]

APPLICATION_ID = int.from_bytes(b"TWST")
_VERSION = 1
_PAGE_BYTES = 32_768
_WAL_BYTES = 64 * 2**20
_LOOK_S = 5.0
_MANIFEST_AND_WHETHER_PAGES = """
SELECT manifest.partition IS NOT NULL, CAST(body AS BLOB), EXISTS (SELECT 1 FROM page WHERE partition = :partition)
FROM (SELECT 1) LEFT JOIN manifest ON manifest.partition = :partition
"""
"""In one statement, which sees the file at one moment: a worker may be taking its first checkpoint."""
_HEADER_AND_TABLES = """
SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
FROM pragma_user_version, pragma_application_id
"""
"""In one statement, too: another process may be making the file."""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS fence (
    one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL, owner TEXT NOT NULL,
    pid INTEGER NOT NULL, host TEXT NOT NULL, fenced_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS manifest (partition INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS page (
    partition INTEGER NOT NULL, id INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (partition, id)
);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {_VERSION};
"""


def state_path(log_path: Path, prefix: str = "") -> Path:
    """Where a stage's state lies beside the log: that of `tillwatch.db` in `tillwatch.state.db`.

    >>> state_path(Path("tillwatch.db"), "links").name
    'tillwatch.links-state.db'
    """
    state = f"{prefix}-state" if prefix else "state"
    return log_path.with_name(f"{log_path.stem}.{state}{log_path.suffix}")


def is_whole(path: Path) -> bool:
    """Whether SQLite finds its own structures in a file as they must be; what they hold is not looked at."""
    with closing(connect(f"{path.absolute().as_uri()}?mode=rw", _LOOK_S, uri=True)) as db:
        try:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except SqliteFailed as error:
            if error.is_broken:
                return False
            raise


class SqliteCheckpoints:
    """The checkpoints in the file `path`, made where it does not exist. Used by one thread at a time.

    Where the file is locked or the disk full, what writes raises `SqliteFailed` and may be tried
    again: nothing is half done.

    Args:
        path: the file; its folder must exist.
        busy_timeout_s: how long to wait for another process that writes.
        read_only: change nothing, and raise `FileNotFoundError` where there is no file.

    Raises:
        StateLocked: another process keeps the file from being opened.
        UnknownFormat: it is not a state file, or a newer version's.
        Damaged: it is not a readable file of SQLite.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 10.0, read_only: bool = False) -> None:
        if read_only and not path.exists():
            raise FileNotFoundError(f"no state file at {path}")
        self.path = path
        # Of one that was killed SQLite may have to undo or to recover something before anybody can read.
        mode = "rw" if read_only else "rwc"
        if not read_only:
            make_file(path)
        self._db = connect(f"{path.absolute().as_uri()}?mode={mode}", busy_timeout_s, uri=True)
        try:
            self._open(busy_timeout_s, read_only=read_only)
        except BaseException:
            self._db.close()
            raise

    def _open(self, busy_timeout_s: float, *, read_only: bool) -> None:
        with self._noticing_damage():
            try:
                open_patiently(partial(self._set_up, read_only=read_only), busy_timeout_s)
            except SqliteFailed as error:
                if not error.is_locked:
                    raise
                raise StateLocked(f"{self.path} stays locked while it is opened: {error.reason}") from error

    def _set_up(self, *, read_only: bool) -> None:
        execute = self._db.execute
        version, mark, tables = execute(_HEADER_AND_TABLES).fetchone()
        empty = version == 0 and tables == 0
        if empty and read_only:  # a worker is just making it
            raise FileNotFoundError(f"no state in {self.path} yet")
        if mark not in {0, APPLICATION_ID}:  # 0: of a version that did not mark its files
            raise UnknownFormat(f"{self.path} must be a state file of Tillwatch, got a database of another application")
        if version != _VERSION and not empty:
            raise UnknownFormat(f"{self.path} must be a state file of version {_VERSION}, got version {version}")
        if read_only:
            return
        execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = FULL")
        execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // _PAGE_BYTES}")
        execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        # Where SQLite is built to overwrite what it deletes, a commit would write twice as much.
        execute("PRAGMA secure_delete = OFF")
        if empty:
            self._db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _noticing_damage(self) -> Iterator[None]:
        """What SQLite finds broken by itself is damage, too."""
        try:
            yield
        except SqliteFailed as error:
            if error.is_strange:
                raise Damaged(f"{self.path} is damaged: {error.reason}; {REBUILD}") from error
            raise

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything written inside is there at once or not at all."""
        with self._noticing_damage(), immediate(self._db):
            yield

    # -- fencing

    def fence(self, epoch: int, owner: str) -> None:
        """Become the only one who may commit.

        Args:
            epoch: of the lease that `owner` holds.
            owner: who, for people.

        Raises:
            Fenced: a greater epoch was here already.
            StateLocked: the file stays locked; the message names owner, process, host and age of who fenced last.
        """
        try:
            with self._transaction():
                if epoch < self._fenced_under():
                    raise Fenced(f"epoch {epoch} may not fence {self.path}: {self._last_fenced()}")
                self._db.execute(
                    "INSERT OR REPLACE INTO fence VALUES (1, ?, ?, ?, ?, ?)",
                    (epoch, owner, os.getpid(), platform.node(), now_utc_ms()),
                )
        except SqliteFailed as error:
            if not error.is_locked:
                raise
            raise StateLocked(f"{self.path} stays locked: {self._last_fenced()}") from error

    def _fenced_under(self) -> int:
        row = self._db.execute("SELECT CAST(number AS INTEGER) FROM fence").fetchone()
        return 0 if row is None else int(row[0])

    def _last_fenced(self) -> str:
        row = self._db.execute("SELECT number, owner, pid, host, fenced_ms FROM fence").fetchone()
        if row is None:
            return "nobody has fenced it"
        epoch, owner, pid, host, fenced_ms = row
        age_s = (now_utc_ms() - fenced_ms) / 1_000
        return f"last fenced by {owner}, process {pid} on {host}, under epoch {epoch}, {age_s:.1f} s ago"

    @contextmanager
    def _owned(self, epoch: int) -> Iterator[None]:
        """A transaction of the one who may commit."""
        with self._transaction():
            if epoch != self._fenced_under():
                raise Fenced(f"epoch {epoch} may not write to {self.path}: {self._last_fenced()}")
            yield

    # -- reading

    def manifest(self, partition: int) -> Manifest | None:
        """The last checkpoint of `partition`, or None where there is none; raises `Damaged`, `UnknownFormat`."""
        body = self._manifest_body(partition)
        return None if body is None else msgspec.msgpack.decode(body, type=Manifest)

    def offsets(self) -> dict[int, int]:
        """By partition, the source's offset from which a recovery reads on; raises as `manifest` does."""
        with self._noticing_damage():
            rows = self._db.execute("SELECT partition FROM manifest UNION SELECT partition FROM page").fetchall()
        heads = {partition: self._head(partition) for (partition,) in rows}
        return {partition: head.offset for partition, head in heads.items() if head is not None}

    def _manifest_body(self, partition: int) -> bytes | None:
        """The stored manifest, whose checksum, format and partition are right."""
        who = f"the manifest of partition {partition} in {self.path}"
        with self._noticing_damage():
            asked = self._db.execute(_MANIFEST_AND_WHETHER_PAGES, {"partition": partition})
            found, body, has_pages = asked.fetchone()
        if not found:
            if has_pages:
                raise Damaged(f"{who} is missing, its pages are there; {REBUILD}")
            return None
        return unsealed(body or b"", partition, str(self.path))

    def _head(self, partition: int) -> Head | None:
        body = self._manifest_body(partition)
        return None if body is None else msgspec.msgpack.decode(body, type=Head)

    def pages(self, manifest: Manifest) -> Iterator[tuple[int, bytes]]:
        """Ids and bodies of the pages of `manifest`, ascending by id; each is read when it is asked for.

        Raises:
            Damaged: a page is missing, or not what the manifest says.
            Superseded: a page is gone because a later checkpoint was committed meanwhile.
        """
        for ref in manifest.pages:
            with self._noticing_damage():
                row = self._db.execute(
                    "SELECT CAST(body AS BLOB) FROM page WHERE partition = ? AND id = ?", (manifest.partition, ref.id)
                ).fetchone()
            body = None if row is None else row[0]
            if body is None or PageRef.of(ref.id, body) != ref:
                self._notice_later_checkpoint(manifest)
            yield ref.id, check_page(manifest, ref, body, str(self.path))

    def _notice_later_checkpoint(self, manifest: Manifest) -> None:
        stored = self._head(manifest.partition)
        if stored is None or stored.checkpoint != manifest.checkpoint:
            now = "no checkpoint" if stored is None else f"checkpoint {stored.checkpoint}"
            raise Superseded(f"partition {manifest.partition} has {now} by now, not checkpoint {manifest.checkpoint}")

    # -- writing

    def commit(self, epoch: int, manifest: Manifest, fresh: Mapping[int, bytes]) -> None:
        """Replace the last checkpoint of a partition by the next; pages it no longer lists are deleted.

        Args:
            epoch: of the lease.
            manifest: the next checkpoint; its parent is the stored one, its epoch this one.
            fresh: by id, the pages it lists that are not stored yet.

        Raises:
            Fenced: somebody else has fenced the file.
            WrongParent: the stored checkpoint is not the manifest's parent.
            Damaged: the stored manifest is not what was written.
            ValueError: the manifest and the pages contradict each other.
        """
        partition = manifest.partition
        with self._owned(epoch):
            head = self._head(partition)
            rows = self._db.execute("SELECT id FROM page WHERE partition = ?", (partition,))
            stored = {page_id for (page_id,) in rows}
            gone = check_next(manifest, epoch, 0 if head is None else head.checkpoint, stored, set(fresh))
            # Fresh pages first: they take the room that the checkpoint before freed, and no room is written twice.
            self._insert(partition, sized(manifest, fresh))
            self._delete(partition, gone)
            self._put(manifest)

    def _insert(self, partition: int, pages: Iterable[tuple[int, bytes]]) -> None:
        self._db.executemany(
            "INSERT INTO page VALUES (?, ?, ?)", ((partition, page_id, body) for page_id, body in pages)
        )

    def _delete(self, partition: int, page_ids: Iterable[int]) -> None:
        self._db.executemany(
            "DELETE FROM page WHERE partition = ? AND id = ?", ((partition, page_id) for page_id in page_ids)
        )

    def _put(self, manifest: Manifest) -> None:
        self._db.execute("INSERT OR REPLACE INTO manifest VALUES (?, ?)", (manifest.partition, sealed(manifest)))

    def drop(self, epoch: int, partition: int) -> None:
        """Forget the state of `partition`, damaged or not; raises `Fenced`."""
        with self._owned(epoch):
            self._forget(partition)

    def _forget(self, partition: int) -> None:
        self._db.execute("DELETE FROM page WHERE partition = ?", (partition,))
        self._db.execute("DELETE FROM manifest WHERE partition = ?", (partition,))

    # -- backups

    def backup(self, target: Path) -> None:
        """Copy everything, as it is at one moment, to the new file `target`; workers may commit meanwhile.

        The copy is read once before it gets its name: what is there is whole.

        Raises:
            FileExistsError: `target` is there already.
            Damaged: what would be copied is damaged.
        """
        if target.exists():
            raise FileExistsError(f"a backup must go to a new file, got {target}")
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            copy = Path(folder) / target.name
            with self._noticing_damage():
                make_file(copy)
                self._db.execute("VACUUM INTO ?", (str(copy),))
            with SqliteCheckpoints(copy, read_only=True) as copied:
                for partition in copied.offsets():
                    copied.check(partition)
            with copy.open("rb") as file:
                os.fsync(file.fileno())
            copy.rename(target)

    def check(self, partition: int) -> Manifest | None:
        """Read the last checkpoint of `partition` and all its pages; raises as `manifest` and `pages` do."""
        if (manifest := self.manifest(partition)) is not None:
            for _ in self.pages(manifest):
                pass
        return manifest

    def restore_from(self, epoch: int, source: Path, partition: int) -> Manifest | None:
        """Replace the state of `partition`, damaged or not, by that in the backup `source`.

        Returns:
            The manifest as it is stored now: the backup's, as the next checkpoint here, for later ones to continue.
                None
            where the backup has no state of the partition; then nothing was changed.

        Raises:
            Fenced: somebody else has fenced the file.
            FileNotFoundError, UnknownFormat, Damaged: the backup's state cannot be read; nothing was changed.
        """
        with SqliteCheckpoints(source, read_only=True) as backup:
            if (saved := backup.manifest(partition)) is None:
                return None
            with self._owned(epoch):
                parent = self._last_checkpoint(partition)
                checkpoint = max(parent, saved.checkpoint) + 1
                manifest = msgspec.structs.replace(saved, checkpoint=checkpoint, parent=parent, epoch=epoch)
                self._forget(partition)
                self._insert(partition, backup.pages(saved))  # which checks them
                self._put(manifest)
                return manifest

    def _last_checkpoint(self, partition: int) -> int:
        try:
            head = self._head(partition)
        except Damaged:  # which is why it is replaced
            return 0
        return 0 if head is None else head.checkpoint
