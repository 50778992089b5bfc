from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest

from casework.store import Store
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.desk import Desk
from tests.casework.postgres import serving
from tests.parts import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.casework.postgres import Server

_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    server = contextmanager(serving)()
    yield require(server.__enter__)
    server.__exit__(None, None, None)


@dataclass(frozen=True)
class Database:
    """An empty database, or a copy of one that is a store already, which takes less time than to make one."""

    url: str
    make_copy: Callable[[], object]

    def open(self, *, make: bool = True) -> Store:
        if make:
            self.make_copy()
        return Store(self.url)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without anything in it."""
    made = tmp_path_factory.mktemp("template") / "casework.db"
    with Store(f"sqlite:///{made}") as store:
        store.migrate()
    return made


@pytest.fixture(scope="session")
def postgres_template(postgres: Server) -> str:
    """Likewise, by the name of its database."""
    with Store(postgres.new_database("template")) as store:
        store.migrate()
    return "template"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        path, made = tmp_path / "casework.db", request.getfixturevalue("template")
        yield Database(f"sqlite:///{path}", lambda: shutil.copy(made, path))
        return
    server: Server = request.getfixturevalue("postgres")
    name, like = f"casework-{next(_numbers)}", request.getfixturevalue("postgres_template")
    if "store" not in request.fixturenames:
        yield Database(server.new_database(name), lambda: None)
    else:
        yield Database(server.url(name), lambda: server.new_database(name, like))
    server.drop_database(name)  # it has 300 files: all at once at the end they would take minutes


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    with database.open() as found:
        yield found


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as found:
        create_topics(found, 2)
        yield found


@pytest.fixture
def desk(store: Store, log: SqliteLog) -> Desk:
    return Desk(store, log)
