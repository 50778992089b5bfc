"""A PostgreSQL server of the tests' own, in a temporary folder, which answers on the loopback alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.sql import SQL, Identifier

from tests.faults.waiting import wait_until
from tests.kafka.ports import free_ports
from tests.parts import Missing

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = "apt install postgresql"
_ROOM = 4 << 30
"""Bytes that a folder in memory must have free."""


def folder_of_commands() -> Path:
    """Where initdb and postgres are; raises Missing."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # Debian's, which are not on the path
    found = found or ([Path(on_path).resolve().parent] if on_path else [])
    if not found:
        raise Missing(f"initdb and postgres are needed and not installed: {_PACKAGE}")
    return found[-1]


@dataclass(frozen=True)
class Server:
    """One that runs.

    Attributes:
        port: on the loopback.
        user: who has every right there.
    """

    port: int
    user: str = "tillwatch"

    def new_database(self, name: str, like: str = "template0") -> str:
        """Make a database, empty or like another one that nobody is connected to; its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(like)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, whoever is connected."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def url(self, name: str, user: str = "") -> str:
        """Of a database, for a user."""
        return f"postgresql://{user or self.user}@127.0.0.1:{self.port}/{name}"


class Running:
    """A server of one data folder, which tests may kill and start again.

    Args:
        folder: an empty one, of whoever runs the server.
        owner: who has every right there.
        safe: whether what is committed outlives a kill of the machine too; slower.
    """

    def __init__(self, folder: Path, owner: str = "tillwatch", *, safe: bool = False) -> None:
        self._commands, self._user, self._folder, self._safe = folder_of_commands(), _user(), folder, safe
        self.server = Server(*free_ports(1), owner)
        init = [self._commands / "initdb", "-D", folder / "data", "-U", owner, "-A", "trust", "-E", "UTF8"]
        subprocess.run([*init, "--no-locale", "-N"], check=True, capture_output=True, cwd="/", **self._user)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = {
            "port": self.server.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self._folder,
            "fsync": "on" if self._safe else "off",
        }  # fmt: skip
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [self._commands / "postgres", "-D", self._folder / "data", *given]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stderr=log, cwd="/", **self._user)
        port, owner = self.server.port, self.server.user
        wait_until(lambda: _answers(port, owner), "PostgreSQL answers", poll_s=0.05)

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(60)

    def stop(self) -> None:
        """End it in order, whoever is connected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)


@contextmanager
def owned_folder() -> Iterator[Path]:
    """An empty folder of whoever runs a server; raises Missing."""
    user = _user()
    with tempfile.TemporaryDirectory(prefix="tillwatch-postgres-", dir=_in_memory()) as made:
        folder = Path(made)
        if user:
            os.chown(folder, user["user"], user["group"])
        yield folder


def _in_memory() -> Path | None:
    """A folder that no disk holds, where it has room: a test's database is 300 files, and most of a test made them."""
    found = Path("/dev/shm")
    return found if found.is_dir() and shutil.disk_usage(found).free >= _ROOM else None


def serving(owner: str = "tillwatch") -> Iterator[Server]:
    """Start a server, and stop it in the end; raises Missing."""
    folder_of_commands()
    with owned_folder() as folder:
        running = Running(folder, owner)
        try:
            running.start()
            yield running.server
        finally:
            running.stop()


def _user() -> dict[str, Any]:
    """Who runs it: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        found = pwd.getpwnam("postgres")
    except KeyError as error:
        raise Missing(f"the user postgres is needed where tests run as root: {_PACKAGE}") from error
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def _answers(port: int, owner: str) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    try:
        psycopg.connect(Server(port, owner).url("postgres")).close()
    except psycopg.OperationalError:  # it is starting up
        return False
    return True
