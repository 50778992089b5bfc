"""The pages of users: adding and changing them, links and tokens shown once, tables seen before they are applied."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from casework import tokens, users
from casework.people import SYSTEM
from tests.casework.world import NOW_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from casework.store import Store
    from tests.console.conftest import Visitor

TABLE = "用户名,姓名,角色\nanalyst,陈静,analyst lead\nnew,New One,viewer\nbad one,Bad,viewer\n".encode("gb18030")


@pytest.fixture
def admin(visit: Callable[[str], Visitor]) -> Visitor:
    return visit("admin")


def test_an_admin_adds_a_user_and_changes_one(admin: Visitor, store: Store) -> None:
    given = {"user_id": "wang.li", "name": "王丽", "roles": ["analyst", "lead"], "team": "east"}
    assert admin.post("/users", data=given).headers["location"] == "/users/wang.li"
    assert "王丽" in admin.get("/users").text
    changed = {"name": "王莉", "roles": ["viewer"], "disabled": "true"}
    assert admin.post("/users/wang.li", data=changed).status_code == 303
    assert users.user_of(store, SYSTEM, "wang.li", NOW_MS)[:5] == ("wang.li", "王莉", ("viewer",), "", True)


@pytest.mark.parametrize(
    ("path", "given", "said"),
    [
        ("/users", {"user_id": "a b", "name": "A"}, "user_id must be"),
        ("/users", {"user_id": "lead", "name": "A"}, "There is a user lead already."),
        ("/users", {"user_id": "x", "name": "A", "roles": ["king"]}, "roles must be of"),
        ("/users/admin", {"name": "A", "roles": ["viewer"]}, "at least one admin must remain"),
        ("/users/teams", {"team_id": ""}, "team_id of a team must have"),
    ],
)
def test_what_cannot_be_is_refused_on_the_page(
    path: str, given: dict[str, object], said: str, admin: Visitor
) -> None:  # fmt: skip
    answer = admin.post(path, data=given)
    assert answer.status_code == 422
    assert said in answer.text


def test_a_one_time_link_is_shown_once_and_signs_in(admin: Visitor, visit: Callable[[str], Visitor]) -> None:
    answer = admin.post("/users/lead/link")
    (link,) = re.findall(r"http://testserver(/login/\S+?)</p>", answer.text)
    assert link not in admin.get("/users/lead").text
    assert visit("").post(link).headers["location"] == "/queue"


def test_ending_sessions_signs_out_everywhere(admin: Visitor, visit: Callable[[str], Visitor]) -> None:
    lead = visit("lead")
    assert lead.get("/queue").status_code == 200
    assert admin.post("/users/lead/end-sessions").status_code == 303
    assert lead.get("/queue").status_code == 303


def test_a_token_is_made_for_a_program_shown_once_and_revoked(admin: Visitor, store: Store) -> None:
    admin.post("/users", data={"user_id": "feed", "name": "Feed", "roles": ["viewer"], "is_service": "true"})
    answer = admin.post("/users/feed/tokens", data={"name": "nightly", "scopes": ["cases:read"], "days": "30"})
    (secret,) = re.findall(r"tillwatch_[\w-]+(?=</p>)", answer.text)
    assert tokens.bearer_of(store, secret, NOW_MS).actor.user_id == "feed"
    assert secret not in admin.get("/users/feed").text
    assert admin.post("/users/lead/tokens/1/revoke").status_code == 404
    assert admin.post("/users/feed/tokens/1/revoke").status_code == 303
    assert tokens.list_tokens(store, SYSTEM)[0].revoked_ms == NOW_MS
    assert admin.post("/users/lead/tokens", data={"name": "n", "scopes": ["cases:read"]}).status_code == 422


def test_a_table_shows_what_it_changes_before_it_is_applied(admin: Visitor, store: Store) -> None:
    shown = admin.post("/users/import", files={"file": ("users.csv", TABLE, "text/csv")})
    assert shown.status_code == 200
    assert "1 users are new, 1 change, 0 stay as they are." in shown.text
    assert "Line 4: user_id must be" in shown.text
    assert users.user_of(store, SYSTEM, "analyst", NOW_MS).name == "Analyst"
    (digest,) = re.findall(r'name="digest" value="(\w+)"', shown.text)
    given = {"text": TABLE.decode("gb18030"), "digest": digest}
    assert admin.post("/users/import/apply", data=given | {"digest": "another"}).status_code == 409
    assert admin.post("/users/import/apply", data=given).headers["location"] == "/users"
    assert users.user_of(store, SYSTEM, "analyst", NOW_MS)[:3] == ("analyst", "陈静", ("analyst", "lead"))


def test_the_table_that_is_kept_can_be_taken_in_again(admin: Visitor) -> None:
    for lang in ("en", "zh"):
        table = admin.get("/users.csv", headers={"Accept-Language": lang}).content
        shown = admin.post("/users/import", files={"file": ("users.csv", table, "text/csv")})
        assert "0 users are new, 0 change, 7 stay as they are." in shown.text
    assert admin.get("/users.xlsx").content[:2] == b"PK"
    assert admin.get("/users.pdf").status_code == 404


def test_a_table_that_is_too_large_is_refused(admin: Visitor) -> None:
    large = b"user_id,name\n" + b"a,b\n" * 200_000
    assert admin.post("/users/import", files={"file": ("users.csv", large, "text/csv")}).status_code == 422


def test_the_pages_are_in_chinese_too(admin: Visitor) -> None:
    page = admin.get("/users", headers={"Accept-Language": "zh"}).text
    assert "添加用户" in page
    assert "客户经理" in page
