"""Signing in: by password, with one-time links, and being kept out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from casework.logins import make_link, set_password
from casework.people import SYSTEM
from casework.store import Store
from console.app import make_app
from console.page import COOKIE, Console
from tests.casework.world import NOW_MS, rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.console.conftest import Clock, Visitor

PASSWORD = "correct horse battery"


@pytest.fixture
def with_password(store: Store) -> None:
    set_password(store, SYSTEM, "analyst", PASSWORD, NOW_MS)


@pytest.mark.usefixtures("with_password")
def test_the_right_password_begins_a_session_and_leads_on(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("")
    answer = visitor.post("/login", data={"user_id": "analyst", "password": PASSWORD, "next": "/settings"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/settings")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    assert visitor.get("/queue").status_code == 200


@pytest.mark.usefixtures("with_password")
@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "", "queue"])
def test_it_never_leads_elsewhere(path: str, visit: Callable[[str], Visitor]) -> None:
    answer = visit("").post("/login", data={"user_id": "analyst", "password": PASSWORD, "next": path})
    assert answer.headers["location"] == "/queue"


@pytest.mark.usefixtures("with_password")
def test_a_wrong_password_and_an_unknown_user_are_told_alike(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("")
    answers = [
        visitor.post("/login", data={"user_id": user_id, "password": "wrong password"})
        for user_id in ("analyst", "nobody")
    ]
    assert [each.status_code for each in answers] == [401, 401]
    assert answers[0].text.replace("analyst", "nobody") == answers[1].text


@pytest.mark.usefixtures("with_password")
def test_who_fails_often_waits_longer_each_time_and_then_gets_in(visit: Callable[[str], Visitor], clock: Clock) -> None:
    visitor, wrong = visit(""), {"user_id": "analyst", "password": "wrong password"}
    assert [visitor.post("/login", data=wrong).status_code for _ in range(6)] == [401] * 5 + [429]
    right = {"user_id": "analyst", "password": PASSWORD}
    assert visitor.post("/login", data=right).status_code == 429
    clock.now_ms += 1_000
    assert visitor.post("/login", data=right).status_code == 303


def test_a_link_signs_in_once_and_only_when_its_button_is_pressed(
    store: Store, visit: Callable[[str], Visitor]
) -> None:
    path = f"/login/{make_link(store, 'lead', NOW_MS, 1_000)}"
    for _ in range(3):  # previews open links
        assert visit("").get(path).status_code == 200
    assert visit("").post(path).headers["location"] == "/queue"
    assert visit("").post(path).status_code == 401


def test_a_link_is_over_when_its_time_is(store: Store, visit: Callable[[str], Visitor], clock: Clock) -> None:
    path = f"/login/{make_link(store, 'lead', NOW_MS, 1_000)}"
    clock.now_ms += 1_000
    assert visit("").get(path).status_code == 401
    assert visit("").post(path).status_code == 401


def test_the_first_link_makes_an_admin_and_only_while_there_is_nobody(tmp_path: Path, clock: Clock) -> None:
    with Store(f"sqlite:///{tmp_path}/new.db") as store:
        store.check_version(make=True)
        app = make_app(Console(store=store, zone="UTC", now_ms=clock))
        first, second = (f"/login/{make_link(store, None, NOW_MS, 1_000)}" for _ in range(2))
        given = {"user_id": "wang", "name": "Wang Li", "password": PASSWORD}
        with TestClient(app, follow_redirects=False) as visitor:
            assert visitor.post(first, data=given | {"password": "short"}).status_code == 422
            assert visitor.post(first, data=given).headers["location"] == "/users"
            assert visitor.post(second, data=given | {"user_id": "li"}).status_code == 422
        assert rows(store, "user_roles") == [("wang", "admin")]


def test_the_store_keeps_no_secret_that_signs_in(store: Store, visit: Callable[[str], Visitor]) -> None:
    secret = visit("analyst").cookies[COOKIE]
    link = make_link(store, "lead", NOW_MS, 1_000)
    kept = repr([rows(store, name) for name in ("sessions", "login_links", "audit")])
    assert secret not in kept
    assert link not in kept
