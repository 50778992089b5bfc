"""Tokens: what programs call with. A token acts as a user of its own, with those of its roles that its scopes allow."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select, update

from casework import audit
from casework.errors import NotAllowed, NotFound, NotSignedIn, Refused
from casework.logins import hashed
from casework.people import ADMINS, MOST_NAME, Actor, with_roles
from casework.schema import tokens, users
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Collection

    from casework.store import Store

ALERTS_READ, CASES_READ, CASES_WRITE, RISK_READ, OVERRIDE_WRITE, ACTIONS_WRITE, AUDIT_READ, EVENTS_WRITE = (
    "alerts:read", "cases:read", "cases:write", "risk:read", "override:write", "actions:write", "audit:read",
    "events:write",
)  # fmt: skip
VISITS_READ = "visits:read"
SCOPES = (
    ALERTS_READ, CASES_READ, CASES_WRITE, RISK_READ, OVERRIDE_WRITE, ACTIONS_WRITE, AUDIT_READ, EVENTS_WRITE,
    VISITS_READ,
)  # fmt: skip
PREFIX = "tillwatch_"
"""What a token begins with, so that scanners of source code find one that was left there."""
MOST_DAYS = 400
"""How long a token lasts at most: a year, and some weeks to renew it; our own default."""
_USED_EVERY_MS = 60_000


class Token(NamedTuple):
    """A token, without its secret.

    Attributes:
        token_id: its number.
        user_id: whom it acts as.
        name: what it is for.
        scopes: of `SCOPES`, sorted.
        made_by: who made it.
        made_ms: when, UTC milliseconds.
        until_ms: until when it holds.
        used_ms: when it was used last, to the minute; None for never.
        revoked_ms: when it was revoked; None where it was not.
    """

    token_id: int
    user_id: str
    name: str
    scopes: tuple[str, ...]
    made_by: str
    made_ms: int
    until_ms: int
    used_ms: int | None
    revoked_ms: int | None


class Bearer(NamedTuple):
    """Who calls with a token: which, as whom, and for what."""

    token_id: int
    actor: Actor
    scopes: frozenset[str]

    def need(self, scope: str) -> None:
        """Refuse who lacks a scope; raises NotAllowed."""
        if scope not in self.scopes:
            raise NotAllowed(
                f"the token must have the scope {scope}, it has {', '.join(sorted(self.scopes)) or 'none'}"
            )


def make_token(
    store: Store, actor: Actor, user_id: str, name: str, scopes: Collection[str], days: int, now_ms: int
) -> str:
    """Make a token of a program, and return its secret, which is nowhere kept.

    Args:
        store: the store.
        actor: an admin.
        user_id: the program's user.
        name: what the token is for, 1 to 100 characters.
        scopes: of `SCOPES`, at least one.
        days: how long it holds, 1 to `MOST_DAYS`.
        now_ms: UTC milliseconds.

    Raises:
        NotAllowed: the actor is no admin.
        Refused: the user is none or a person, or one of the rest cannot be.
    """
    actor.need(ADMINS, "to make tokens")
    if not scopes or {*scopes} - {*SCOPES}:
        raise Refused(
            f"scopes must be one or more of {', '.join(SCOPES)}, got {', '.join(sorted(scopes))[:100] or 'none'}"
        )
    if not 1 <= len(name.strip()) <= MOST_NAME or not name.isprintable():
        raise Refused(f"the name of a token must have 1 to {MOST_NAME} printed characters, got {len(name.strip())}")
    if not 1 <= days <= MOST_DAYS:
        raise Refused(f"days must be 1 to {MOST_DAYS}, got {days}")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = {
        "user_id": user_id, "name": name.strip(), "scopes": " ".join(sorted({*scopes})), "made_by": actor.user_id,
        "made_ms": now_ms, "until_ms": now_ms + days * DAY_MS,
    }  # fmt: skip
    with store.writing() as connection:
        known = select(users.c.user_id).where(users.c.user_id == user_id, users.c.is_service, ~users.c.disabled)
        if connection.execute(known).first() is None:
            raise Refused(f"{user_id[:64]} must be the user of a program, not disabled")
        made = insert(tokens).returning(tokens.c.token_id)
        token_id = connection.execute(made, row | {"token_hash": hashed(secret)}).scalar_one()
        audit.append(
            connection, time_ms=now_ms, actor=actor.user_id, kind="make_token",
            detail={
                "token_id": token_id, "user_id": user_id, "name": row["name"], "scopes": row["scopes"],
                "until_ms": row["until_ms"],
            },
        )  # fmt: skip
    return secret


def list_tokens(store: Store, actor: Actor) -> list[Token]:
    """Every token, the newest first; raises NotAllowed for who is no admin."""
    actor.need(ADMINS, "to see tokens")
    with store.reading() as connection:
        found = connection.execute(select(tokens).order_by(tokens.c.token_id.desc())).all()
    return [
        Token(
            each.token_id, each.user_id, each.name, tuple(each.scopes.split()), each.made_by, each.made_ms,
            each.until_ms, each.used_ms, each.revoked_ms,
        )
        for each in found
    ]  # fmt: skip


def revoke_token(store: Store, actor: Actor, token_id: int, now_ms: int) -> None:
    """End a token at once; raises NotAllowed, and NotFound where there is none that could be used."""
    actor.need(ADMINS, "to revoke tokens")
    holds = (tokens.c.token_id == token_id) & tokens.c.revoked_ms.is_(None)
    with store.writing() as connection:
        if not connection.execute(update(tokens).where(holds).values(revoked_ms=now_ms)).rowcount:
            raise NotFound(f"there is no token {token_id} that is not revoked")
        audit.append(
            connection, time_ms=now_ms, actor=actor.user_id, kind="revoke_token", detail={"token_id": token_id}
        )


def bearer_of(store: Store, secret: str, now_ms: int) -> Bearer:
    """Who calls with a secret, with the roles of now; raises NotSignedIn for none, and for one that has ended."""
    holds = (tokens.c.token_hash == hashed(secret)) & tokens.c.revoked_ms.is_(None) & (tokens.c.until_ms > now_ms)
    with store.reading() as connection:
        statement = select(tokens).join(users, users.c.user_id == tokens.c.user_id)
        found = connection.execute(statement.where(holds, ~users.c.disabled, users.c.is_service)).first()
        if found is None:
            raise NotSignedIn("there is no such token, or it has ended")
        actor = with_roles(connection, found.user_id)
    if found.used_ms is None or now_ms >= found.used_ms + _USED_EVERY_MS:
        with store.writing() as connection:
            connection.execute(update(tokens).where(tokens.c.token_id == found.token_id).values(used_ms=now_ms))
    return Bearer(found.token_id, actor, frozenset(found.scopes.split()))
