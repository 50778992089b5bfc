"""Users as admins look after them, and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from argon2 import extract_parameters

from casework import logins, user_table, users
from casework.errors import Conflict, NotAllowed, NotFound, NotSignedIn, Refused
from casework.logins import make_link, session_of, set_password, sign_in, use_link
from casework.people import ROLES, SYSTEM, Actor, put_user
from tests.casework.world import NOW_MS, rows

if TYPE_CHECKING:
    from casework.store import Store

LI = Actor("li", frozenset({"analyst"}))
TABLE = '用户名,姓名,角色,团队\nli,李雷,analyst lead,east\nhan,韩梅,"rep",\n'


@pytest.fixture
def staffed(store: Store) -> Store:
    put_user(store, SYSTEM, "boss", "Boss", ["admin"], NOW_MS)
    put_user(store, SYSTEM, "li", "Li Lei", ["analyst"], NOW_MS, team="east")
    return store


BOSS = Actor("boss", frozenset({"admin"}))


def names(store: Store) -> list[str]:
    return [each.user_id for each in users.list_users(store, BOSS, NOW_MS)]


def test_users_are_listed_with_roles_team_and_when_they_were_last_here(staffed: Store) -> None:
    use_link(staffed, make_link(staffed, "li", NOW_MS, 1_000), NOW_MS + 5)
    li = users.user_of(staffed, BOSS, "li", NOW_MS + 10)
    assert li == users.User("li", "Li Lei", ("analyst",), "east", signed_in_ms=NOW_MS + 5, sessions=1)
    assert users.list_teams(staffed, BOSS) == [users.Team("east", "east", 1)]


def test_only_admins_look_after_users(staffed: Store) -> None:
    for act in (
        lambda: users.list_users(staffed, LI, NOW_MS), lambda: users.hand_out_link(staffed, LI, "boss", NOW_MS),
        lambda: users.end_sessions(staffed, LI, "boss", NOW_MS), lambda: users.list_teams(staffed, LI),
        lambda: users.put_team(staffed, LI, "a", "A", NOW_MS),
        lambda: user_table.compare(staffed, LI, TABLE, NOW_MS),
    ):  # fmt: skip
        with pytest.raises(NotAllowed):
            act()


def test_who_is_disabled_is_signed_out_and_cannot_come_back(staffed: Store) -> None:
    secret = use_link(staffed, make_link(staffed, "li", NOW_MS, 1_000), NOW_MS)
    link = users.hand_out_link(staffed, BOSS, "li", NOW_MS)
    put_user(staffed, BOSS, "li", "Li Lei", ["analyst"], NOW_MS, disabled=True)
    for enter in (
        lambda: session_of(staffed, secret, NOW_MS), lambda: use_link(staffed, link, NOW_MS),
        lambda: users.hand_out_link(staffed, BOSS, "li", NOW_MS),
    ):  # fmt: skip
        with pytest.raises((NotSignedIn, Refused)):
            enter()


def test_an_admin_ends_another_ones_sessions(staffed: Store) -> None:
    secret = use_link(staffed, make_link(staffed, "li", NOW_MS, 1_000), NOW_MS)
    assert users.end_sessions(staffed, BOSS, "li", NOW_MS) == 1
    with pytest.raises(NotSignedIn):
        session_of(staffed, secret, NOW_MS)
    with pytest.raises(NotFound):
        users.end_sessions(staffed, BOSS, "nobody", NOW_MS)


def test_a_user_that_there_is_not_is_refused_by_as_much_work_as_one_that_there_is() -> None:
    """Else the time that a refusal takes would tell who has an account."""
    work = extract_parameters(logins._NOBODY)
    assert work == extract_parameters(logins._HASHER.hash("a password"))
    assert not logins._verified(logins._NOBODY, "a password")


def test_a_program_never_signs_in_and_stays_a_program(staffed: Store) -> None:
    put_user(staffed, BOSS, "feed", "Feed", ["viewer"], NOW_MS, is_service=True)
    put_user(staffed, BOSS, "feed", "Feed", ["analyst"], NOW_MS)
    assert users.user_of(staffed, BOSS, "feed", NOW_MS).is_service
    set_password(staffed, BOSS, "feed", "correct horse battery", NOW_MS)
    with pytest.raises(NotSignedIn):
        sign_in(staffed, "feed", "correct horse battery", "", NOW_MS)
    with pytest.raises(Refused, match="must be a person"):
        users.hand_out_link(staffed, BOSS, "feed", NOW_MS)
    with pytest.raises(NotSignedIn):
        use_link(staffed, make_link(staffed, "feed", NOW_MS, 1_000), NOW_MS)


@pytest.mark.parametrize("change", [{"roles": ["analyst"]}, {"roles": ["admin"], "disabled": True}])
def test_the_last_admin_stays_one(change: dict[str, object], staffed: Store) -> None:
    with pytest.raises(Refused, match="at least one admin must remain"):
        put_user(staffed, BOSS, "boss", "Boss", now_ms=NOW_MS, **change)  # type: ignore[arg-type]
    assert users.user_of(staffed, BOSS, "boss", NOW_MS).roles == ("admin",)


@pytest.mark.parametrize("user_id", ["", "a b", "casework", "Console", "a/b", "=1", "x" * 65, "王"])
def test_what_no_user_can_be_called_is_refused(user_id: str, store: Store) -> None:
    with pytest.raises(Refused, match="user_id must be"):
        put_user(store, SYSTEM, user_id, "Name", [], NOW_MS)


def test_a_table_adds_and_changes_users_once_its_differences_were_seen(staffed: Store) -> None:
    found = user_table.compare(staffed, BOSS, TABLE, NOW_MS)
    assert [(each.after.user_id, each.fields) for each in found.differences] == [
        ("li", ("name", "roles")), ("han", tuple(user_table.COLUMNS)),
    ]  # fmt: skip
    assert user_table.apply(staffed, BOSS, found, found.digest, NOW_MS) == 2
    assert users.user_of(staffed, BOSS, "li", NOW_MS)[:4] == ("li", "李雷", ("analyst", "lead"), "east")
    again = user_table.compare(staffed, BOSS, TABLE, NOW_MS)
    assert (again.differences, again.same) == ((), 2)


def test_what_was_changed_meanwhile_is_not_written_over(staffed: Store) -> None:
    seen = user_table.compare(staffed, BOSS, TABLE, NOW_MS).digest
    put_user(staffed, BOSS, "li", "Li Lei", ["viewer"], NOW_MS)
    now = user_table.compare(staffed, BOSS, TABLE, NOW_MS)
    with pytest.raises(Conflict, match="look at them again"):
        user_table.apply(staffed, BOSS, now, seen, NOW_MS)


def test_rows_that_cannot_be_taken_are_told_by_line_and_the_others_stand(staffed: Store) -> None:
    text = (
        "user_id,name,roles,disabled\nok,O K,viewer,no\na b,Nobody,viewer,no\n\nx,X,king,no\ny,Y,,maybe\nok,Twice,,\n"
    )
    found = user_table.compare(staffed, BOSS, text, NOW_MS)
    assert [each.after.user_id for each in found.differences] == ["ok"]
    assert [each.line for each in found.faults] == [3, 5, 6, 7]
    assert "roles must be of" in found.faults[1].message


@pytest.mark.parametrize("header", ["", "name,roles", "user_id,user_id", "user_id,用户名", "user_id,colour"])
def test_a_table_with_another_header_is_refused(header: str, staffed: Store) -> None:
    with pytest.raises(Refused, match="header must have"):
        user_table.compare(staffed, BOSS, f"{header}\nx,y\n", NOW_MS)


def test_a_table_that_takes_the_last_admin_away_changes_nothing(staffed: Store) -> None:
    found = user_table.compare(staffed, BOSS, "user_id,name,roles\nnew,New,viewer\nboss,Boss,viewer\n", NOW_MS)
    with pytest.raises(Refused, match="admin must remain"):
        user_table.apply(staffed, BOSS, found, found.digest, NOW_MS)
    assert names(staffed) == ["boss", "li"]


def test_what_is_written_is_read_again_as_no_difference(staffed: Store) -> None:
    put_user(staffed, BOSS, "odd", '=1+1, "x"', ROLES, NOW_MS)
    lines = [[*user_table.COLUMNS], *user_table.rows_of(users.list_users(staffed, BOSS, NOW_MS))]
    text = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    assert user_table.compare(staffed, BOSS, user_table.decoded(text.encode("gb18030")), NOW_MS).differences == ()


def test_every_change_of_users_is_in_the_audit(staffed: Store) -> None:
    users.put_team(staffed, BOSS, "east", "East", NOW_MS)
    users.end_sessions(staffed, BOSS, "li", NOW_MS)
    users.hand_out_link(staffed, BOSS, "li", NOW_MS)
    kinds = [kind for _, kind in sorted(rows(staffed, "audit", "entry_id", "kind"))]
    assert kinds == ["put_user", "put_user", "put_team", "end_sessions", "make_link"]
