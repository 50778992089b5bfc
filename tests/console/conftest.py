from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from casework.agent import FilingAgent
from casework.files import Files
from casework.logins import make_link, session_of, use_link
from casework.people import ROLES, SYSTEM, put_user
from casework.schema import cases
from casework.store import Store
from casework.tokens import SCOPES, make_token
from console.app import make_app
from console.page import COOKIE, Console
from console.security import TOKEN
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.world import NOW_MS, alert, write
from tests.console.browsing import chromium, serving
from tests.parts import require

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

Visitor = TestClient
"""A browser without scripts: somebody's cookies, and the token of their changes."""


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log and a store, made once: two merchants' alerts, and a user of each role, called like it."""
    folder = tmp_path_factory.mktemp("seeded")
    with (
        Store(f"sqlite:///{folder}/casework.db") as found,
        SqliteLog(folder / "tillwatch.db", durable=False) as log,
    ):
        found.check_version(make=True)
        create_topics(log, 2)
        write(log, alert("a"), alert("b", "m2", "fee_over"))
        FilingAgent(found, log, lambda: NOW_MS).file()
        for role in ROLES:
            put_user(found, SYSTEM, role, role.capitalize(), {role}, NOW_MS)
    return folder


@pytest.fixture
def store(seeded: Path, tmp_path: Path) -> Iterator[Store]:
    """A store of its own with what is seeded; its log is beside it."""
    shutil.copytree(seeded, tmp_path, dirs_exist_ok=True)
    with Store(f"sqlite:///{tmp_path}/casework.db") as found:
        yield found


@pytest.fixture
def hidden(store: Store, tmp_path: Path) -> int:
    """The number of a case that only `aml` may see, with alert `z` of merchant `m1`."""
    with SqliteLog(tmp_path / "tillwatch.db", durable=False) as log:
        write(log, alert("z", risk_code="42"))
        FilingAgent(store, log, lambda: NOW_MS).file()
    with store.reading() as connection:
        return int(connection.execute(select(cases.c.case_id).where(cases.c.is_aml)).scalar_one())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a file: while it is open, this thread can run no event loop."""
    started = chromium()
    yield require(started.__enter__)
    started.__exit__(None, None, None)


@pytest.fixture
def address(console: Console) -> Iterator[str]:
    """Where the console serves."""
    with serving(console) as found:
        yield found


@pytest.fixture
def console(store: Store, clock: Clock, tmp_path: Path) -> Console:
    return Console(
        store=store, zone="Asia/Shanghai", now_ms=clock, files=Files(tmp_path / "files"),
        open_log=lambda: SqliteLog(tmp_path / "tillwatch.db", durable=False),
    )  # fmt: skip


@contextmanager
def visiting(console: Console) -> Iterator[Callable[[str], Visitor]]:
    """Makes a visitor: of a user who is signed in, or of nobody for ""."""
    app, made = make_app(console), []

    def visitor(user_id: str = "") -> Visitor:
        found = TestClient(app, base_url="http://testserver", follow_redirects=False)
        found.__enter__()
        made.append(found)
        if user_id:
            now_ms = console.now_ms()
            secret = use_link(console.store, make_link(console.store, user_id, now_ms, 1_000), now_ms)
            found.cookies.set(COOKIE, secret)
            found.headers[TOKEN] = session_of(console.store, secret, now_ms).csrf
        return found

    yield visitor
    for each in made:
        each.__exit__(None, None, None)


@contextmanager
def calling(console: Console) -> Iterator[Callable[..., Visitor]]:
    """Makes a program: of a user with roles, whose token has scopes, all by default."""
    app, made = make_app(console), []

    def program(*roles: str, user_id: str = "", scopes: Collection[str] = SCOPES) -> Visitor:
        now_ms, name = console.now_ms(), user_id or f"program-{'-'.join(roles)}"
        put_user(console.store, SYSTEM, name, name, roles, now_ms, is_service=True)
        secret = make_token(console.store, SYSTEM, name, "test", scopes, 1, now_ms)
        headers = {"Authorization": f"Bearer {secret}"}
        found = TestClient(app, base_url="http://testserver/api/v1", headers=headers)
        found.__enter__()
        made.append(found)
        return found

    yield program
    for each in made:
        each.__exit__(None, None, None)


@pytest.fixture
def visit(console: Console) -> Iterator[Callable[[str], Visitor]]:
    """As `visiting`."""
    with visiting(console) as found:
        yield found


@pytest.fixture
def call(console: Console) -> Iterator[Callable[..., Visitor]]:
    """As `calling`."""
    with calling(console) as found:
        yield found
