"""Nobody gets at a page but those whom it is for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

import console
from casework.people import OFFICE_ROLES, REP, ROLES
from console.app import make_app
from console.page import COOKIE, Console
from console.security import HEADERS, TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.console.conftest import Clock, Visitor

PUBLIC = {"/", "/login", "/login/{secret}", "/phone/l/{secret}", "/phone/left", "/metrics", "/api/v1/openapi.json"}


def test_every_form_works_without_scripts_too() -> None:
    forms = [
        (path.name, form)
        for path in (Path(console.__file__).parent / "templates").rglob("*.html")
        for form in re.findall(r"<form\b[^>]*hx-post[^>]*>", path.read_text("utf-8"))
    ]
    assert len(forms) > 20
    assert [each for each in forms if "action=" not in each[1] or 'method="post"' not in each[1]] == []


def routes(console: Console) -> list[APIRoute]:
    return [each for each in make_app(console).routes if isinstance(each, APIRoute)]


def roles_of(route: APIRoute) -> frozenset[str] | None:
    given = [getattr(each.call, "roles", None) for each in route.dependant.dependencies]
    return next((each for each in given if each is not None), None)


def test_every_route_says_which_roles_it_is_for(console: Console) -> None:
    found = routes(console)
    assert len(found) > 5
    assert {each.path for each in found if roles_of(each) is None} == PUBLIC


@pytest.mark.parametrize("role", ROLES)
def test_a_page_opens_for_its_roles_and_for_no_other(
    role: str, visit: Callable[[str], Visitor], console: Console
) -> None:
    visitor = visit(role)
    pages = [each for each in routes(console) if "GET" in each.methods and "{" not in each.path]
    asked = [each for each in pages if each.path not in {*PUBLIC, "/live"} and not each.path.startswith("/api/")]
    assert asked
    for each in asked:
        allowed = role in (roles_of(each) or ())
        assert (visitor.get(each.path).status_code != 403) is allowed, each.path


def test_whoever_is_not_signed_in_is_led_to_the_login_and_back(visit: Callable[[str], Visitor]) -> None:
    answer = visit("").get("/queue?grade=E")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fqueue%3Fgrade%3DE"


def test_a_rep_has_no_page_of_the_office(visit: Callable[[str], Visitor]) -> None:
    assert REP not in OFFICE_ROLES
    assert visit("rep").get("/queue").status_code == 403


@pytest.mark.parametrize("token", ["", "another"])
def test_a_change_without_the_sessions_token_is_refused(token: str, visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    visitor.headers[TOKEN] = token
    assert visitor.post("/settings", data={"lang": "zh"}).status_code == 403


def test_a_change_that_another_site_sends_is_refused(visit: Callable[[str], Visitor]) -> None:
    visitor = visit("analyst")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert visitor.post("/settings", data={"lang": "zh"}, headers=headers).status_code == 403
    assert visitor.post("/settings", data={"lang": "zh"}, headers={"Origin": "http://testserver"}).status_code == 303


@pytest.mark.parametrize("path", ["/queue", "/login", "/static/console.css", "/nothing", "/live-not"])
def test_every_answer_has_the_headers_that_keep_others_out(path: str, visit: Callable[[str], Visitor]) -> None:
    answer = visit("analyst").get(path)
    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)


def test_a_session_ends_without_requests_and_at_the_end_of_the_day(
    visit: Callable[[str], Visitor], clock: Clock
) -> None:
    visitor = visit("analyst")
    for _ in range(11):
        clock.now_ms += 3_600_000
        assert visitor.get("/queue").status_code == 200
    clock.now_ms += 3_600_000
    assert visitor.get("/queue").headers["location"].startswith("/login")
    again = visit("analyst")
    clock.now_ms += 7_200_000
    assert again.get("/queue").status_code == 303


def test_signing_out_ends_the_session_for_a_copied_cookie_too(visit: Callable[[str], Visitor]) -> None:
    visitor, copied = visit("analyst"), visit("")
    copied.cookies.set(COOKIE, visitor.cookies[COOKIE])
    assert copied.get("/queue").status_code == 200
    assert visitor.post("/logout").status_code == 303
    assert copied.get("/queue").status_code == 303
