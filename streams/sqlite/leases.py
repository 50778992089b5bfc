"""Leases: at most one holder of a name, and an epoch by which a holder that woke too late is refused.

Times are of the machine's boot clock, never of the wall clock, so that setting the clock moves no lease. The
boot's id lies beside them: after a restart of the machine every lease has expired.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import Fenced, LeaseHeld

if TYPE_CHECKING:
    from streams.sqlite.connection import Connection

SCHEMA = """
CREATE TABLE IF NOT EXISTS lease (
    name TEXT PRIMARY KEY, number INTEGER NOT NULL, held INTEGER NOT NULL, owner TEXT NOT NULL,
    pid INTEGER NOT NULL, host TEXT NOT NULL, boot TEXT NOT NULL, ttl_s REAL NOT NULL, renewed_s REAL NOT NULL
)"""
_ROW = "SELECT number, held, owner, pid, host, boot, ttl_s, renewed_s FROM lease WHERE name = ?"


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it was given.

    Attributes:
        name: what is leased.
        epoch: the fencing number, greater than every one given for this name before.
        ttl_s: seconds until it expires, counted from the last renewal.
    """

    name: str
    epoch: int
    ttl_s: float


def boot_s() -> float:
    """Seconds since the machine started, suspension included where the system counts it."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:  # not Linux: a lease of an earlier boot is then known by its clock or its dead process
        return ""


def _here() -> tuple[str, str]:
    """This host, and this boot of it. A process number means something only inside its namespace."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{platform.node()} {namespace}".strip(), _read("/proc/sys/kernel/random/boot_id")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def last_holder(db: Connection, name: str) -> str:
    """Who held `name` last, in words: owner, process, host and age."""
    row = db.execute(_ROW, (name,)).fetchone()
    if row is None:
        return "nobody"
    _, _, owner, pid, host, _, ttl_s, renewed_s = row
    age_s = boot_s() - renewed_s
    return f"{owner}, process {pid} on {host}, renewed {age_s:.1f} s ago (it expires after {ttl_s:g} s)"


def _free(db: Connection, name: str) -> bool:
    row = db.execute(_ROW, (name,)).fetchone()
    if row is None:
        return True
    _, held, _, pid, host, boot, ttl_s, renewed_s = row
    here, this_boot = _here()
    expired = boot != this_boot or not 0 <= boot_s() - renewed_s < ttl_s
    dead = host == here and not _alive(pid)
    return not held or expired or dead


def acquire(db: Connection, name: str, owner: str, ttl_s: float) -> Lease:
    """Give `name` to `owner`, inside a write transaction of `db`.

    Raises:
        LeaseHeld: somebody else's lease has not expired; the message names owner, process and age.
        ValueError: `ttl_s` is not above 0.
    """
    if not ttl_s > 0:
        raise ValueError(f"ttl_s must be above 0, got {ttl_s!r}")
    if not _free(db, name):
        raise LeaseHeld(f"lease {name!r} is held by {last_holder(db, name)}")
    (epoch,) = db.execute("SELECT coalesce(max(number), 0) + 1 FROM lease WHERE name = ?", (name,)).fetchone()
    host, boot = _here()
    db.execute(
        "INSERT OR REPLACE INTO lease VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)",
        (name, epoch, owner, os.getpid(), host, boot, ttl_s, boot_s()),
    )
    return Lease(name, epoch, ttl_s)


def check(db: Connection, lease: Lease) -> None:
    """Refuse a stale lease, inside a write transaction of `db`.

    Raises:
        Fenced: the lease was released, or given to somebody else.
    """
    row = db.execute(_ROW, (lease.name,)).fetchone()
    if row is None or row[0] != lease.epoch or not row[1]:
        now = "nobody" if row is None or not row[1] else f"{row[2]} (process {row[3]}) under epoch {row[0]}"
        raise Fenced(f"lease {lease.name!r} epoch {lease.epoch} is stale: it is now held by {now}")


def renew(db: Connection, lease: Lease) -> None:
    """Start the lease's time to live anew; raises `Fenced` like `check`."""
    check(db, lease)
    db.execute("UPDATE lease SET renewed_s = ? WHERE name = ?", (boot_s(), lease.name))


def release(db: Connection, lease: Lease) -> None:
    """Free the lease, if it is still ours. Its epoch stays known, so that the next one is greater."""
    db.execute("UPDATE lease SET held = 0 WHERE name = ? AND number = ?", (lease.name, lease.epoch))
