"""Tokens of programs, and the answers that they are given once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from casework import replies, tokens
from casework.errors import Conflict, NotAllowed, NotFound, NotSignedIn, Refused
from casework.people import SYSTEM, Actor, put_user
from tests.casework.world import NOW_MS, rows

if TYPE_CHECKING:
    from casework.store import Store

DAY_MS = 86_400_000


@pytest.fixture
def staffed(store: Store) -> Store:
    put_user(store, SYSTEM, "feed", "Feed", ["analyst"], NOW_MS, is_service=True)
    put_user(store, SYSTEM, "li", "Li Lei", ["analyst"], NOW_MS)
    return store


def make(store: Store, **more: object) -> str:
    given = {"user_id": "feed", "name": "nightly", "scopes": ["cases:read"], "days": 30} | more
    return tokens.make_token(store, SYSTEM, now_ms=NOW_MS, **given)  # type: ignore[arg-type]


def test_a_token_acts_as_its_program_with_the_roles_of_now(staffed: Store) -> None:
    secret = make(staffed)
    found = tokens.bearer_of(staffed, secret, NOW_MS)
    assert found.actor == Actor("feed", frozenset({"analyst"}))
    assert found.scopes == {"cases:read"}
    put_user(staffed, SYSTEM, "feed", "Feed", ["viewer"], NOW_MS)
    assert tokens.bearer_of(staffed, secret, NOW_MS).actor.roles == {"viewer"}
    with pytest.raises(NotAllowed, match="must have the scope cases:write"):
        found.need("cases:write")


def test_a_token_ends_by_time_by_revoking_and_with_its_user(staffed: Store) -> None:
    secrets = [make(staffed) for _ in range(3)]
    tokens.revoke_token(staffed, SYSTEM, 2, NOW_MS)
    tokens.bearer_of(staffed, secrets[0], NOW_MS + 30 * DAY_MS - 1)
    for secret, now_ms in ((secrets[0], NOW_MS + 30 * DAY_MS), (secrets[1], NOW_MS), ("", NOW_MS)):
        with pytest.raises(NotSignedIn):
            tokens.bearer_of(staffed, secret, now_ms)
    put_user(staffed, SYSTEM, "feed", "Feed", ["analyst"], NOW_MS, disabled=True)
    with pytest.raises(NotSignedIn):
        tokens.bearer_of(staffed, secrets[2], NOW_MS)
    with pytest.raises(NotFound):
        tokens.revoke_token(staffed, SYSTEM, 2, NOW_MS)


def test_the_store_keeps_no_token_but_when_it_was_used(staffed: Store) -> None:
    secret = make(staffed)
    tokens.bearer_of(staffed, secret, NOW_MS + 5)
    tokens.bearer_of(staffed, secret, NOW_MS + 59_000)
    (found,) = tokens.list_tokens(staffed, SYSTEM)
    assert (found.name, found.scopes, found.used_ms) == ("nightly", ("cases:read",), NOW_MS + 5)
    assert secret not in repr([rows(staffed, name) for name in ("tokens", "audit")])


@pytest.mark.parametrize(
    "more",
    [
        {"user_id": "li"}, {"user_id": "nobody"}, {"scopes": []}, {"scopes": ["all"]}, {"days": 0}, {"days": 401},
        {"name": " "},
    ],
)  # fmt: skip
def test_what_no_token_can_be_is_refused(more: dict[str, object], staffed: Store) -> None:
    with pytest.raises(Refused):
        make(staffed, **more)


def test_only_admins_make_see_and_revoke_tokens(staffed: Store) -> None:
    li = Actor("li", frozenset({"lead", "aml"}))
    for act in (
        lambda: tokens.make_token(staffed, li, "feed", "n", ["cases:read"], 1, NOW_MS),
        lambda: tokens.list_tokens(staffed, li), lambda: tokens.revoke_token(staffed, li, 1, NOW_MS),
    ):  # fmt: skip
        with pytest.raises(NotAllowed):
            act()


def test_a_request_that_comes_again_has_the_first_ones_answer(staffed: Store) -> None:
    make(staffed)
    assert replies.begin(staffed, 1, "k", "hash", NOW_MS) is None
    with pytest.raises(Conflict, match="outcome is not known"):
        replies.begin(staffed, 1, "k", "hash", NOW_MS)
    replies.finish(staffed, 1, "k", replies.Reply(201, "{}"))
    assert replies.begin(staffed, 1, "k", "hash", NOW_MS) == (201, "{}")
    with pytest.raises(Refused, match="must be a new one"):
        replies.begin(staffed, 1, "k", "another", NOW_MS)
    assert replies.begin(staffed, 1, "k", "another", NOW_MS + replies.KEPT_MS) is None


def test_a_refused_request_may_be_tried_again(staffed: Store) -> None:
    make(staffed)
    for _ in range(2):
        assert replies.begin(staffed, 1, "k", "hash", NOW_MS) is None
        replies.forget(staffed, 1, "k")
