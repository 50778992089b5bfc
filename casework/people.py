"""Who works on cases, what their roles allow, and which cases they see."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, false, func, insert, or_, select, true

from casework import audit
from casework.errors import NotAllowed, NotFound, Refused
from casework.schema import cases, login_links, merchant_reps, sessions, teams, user_roles, users

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import ColumnElement, Connection, Select

    from casework.store import Store

VIEWER, ANALYST, LEAD, RULE_EDITOR, AML, ADMIN, REP = (
    "viewer", "analyst", "lead", "rule_editor", "aml", "admin", "rep",
)  # fmt: skip
ROLES = (VIEWER, ANALYST, LEAD, RULE_EDITOR, AML, ADMIN, REP)
WORKS = frozenset({ANALYST, LEAD, AML})
"""Roles that work on cases: take, decide, snooze, merge, move, recommend and record."""
LEADS = frozenset({LEAD, AML})
"""Roles that suppress, and approve actions: a lead's, and within its own cases, which no lead sees, `aml`."""
COMMENTS = WORKS | {REP}
AUDITORS = frozenset({LEAD, AML, ADMIN})
"""Roles that read the audit."""
ADMINS = frozenset({ADMIN})
OFFICE_ROLES = frozenset(ROLES) - {REP}
"""Roles of those who work at the acquirer: they see every merchant."""

MOST_NAME = 100
"""Characters of a user's or a team's name."""
RESERVED = frozenset({"casework", "console"})
"""What parts of the program are called in the audit, so that no user may be."""
_USER_ID = re.compile(r"[A-Za-z0-9._@-]{1,64}")


@dataclass(frozen=True)
class Actor:
    """Somebody who does something.

    Attributes:
        user_id: a [`person_id`](docs/events.md#person) where the log knows the person; a rep's must be.
        roles: of `ROLES`.
    """

    user_id: str
    roles: frozenset[str]

    def need(self, allowed: Collection[str], what: str) -> None:
        """Refuse who has none of the roles; raises NotAllowed."""
        if not self.roles & {*allowed}:
            raise NotAllowed(f"{what} needs one of the roles {', '.join(sorted(allowed))}; {self.user_id} has none")


SYSTEM = Actor("casework", frozenset({ADMIN}))
"""Who adds the first user."""


def actor_of(store: Store, user_id: str) -> Actor:
    """A user, with the roles of now; raises NotFound for one who is unknown or disabled."""
    with store.reading() as connection:
        return actor_in(connection, user_id)


def actor_in(connection: Connection, user_id: str) -> Actor:
    """Likewise, in a transaction."""
    known = select(users.c.user_id).where(users.c.user_id == user_id, ~users.c.disabled)
    if connection.execute(known).first() is None:
        raise NotFound(f"there is no user {user_id}")
    return with_roles(connection, user_id)


def with_roles(connection: Connection, user_id: str) -> Actor:
    """A user who is known to be there, with the roles of now."""
    found = connection.execute(select(user_roles.c.role).where(user_roles.c.user_id == user_id))
    return Actor(user_id, frozenset(found.scalars()))


def put_user(
    store: Store, actor: Actor, user_id: str, name: str, roles: Collection[str], now_ms: int, *, team: str = "",
    disabled: bool = False, is_service: bool = False,
) -> None:  # fmt: skip
    """Add a user, or change one; roles and team are those given, and a team that is new is made.

    Args:
        store: the store.
        actor: an admin.
        user_id: 1 to 64 letters, digits and `._@-`; never changed.
        name: 1 to 100 characters.
        roles: of `ROLES`.
        now_ms: UTC milliseconds.
        team: "" for none.
        disabled: whether they are kept out; then their sessions and links end.
        is_service: whether it is a program, which calls with tokens and never signs in; of a user that is there it
            stays as it is.

    Raises:
        NotAllowed: who does it is no admin.
        Refused: id, name or a role cannot be, or nobody would be left who may change users.
    """
    actor.need(ADMINS, "to change users")
    check_user(user_id, name, roles, team)
    with store.writing() as connection, keeping_an_admin(connection):
        put_in(
            store, connection, actor, user_id, name, roles, now_ms, team=team, disabled=disabled, is_service=is_service
        )


def check_user(user_id: str, name: str, roles: Collection[str], team: str = "") -> None:
    """Refuse what no user can be called or be; raises Refused."""
    if not _USER_ID.fullmatch(user_id) or user_id.lower() in RESERVED:
        raise Refused(
            f"user_id must be 1 to 64 of A-Z a-z 0-9 . _ @ - and no part of the program, got {user_id[:64]!r}"
        )
    if not 1 <= len(name) <= MOST_NAME or not name.isprintable():
        raise Refused(f"name must have 1 to {MOST_NAME} characters that can be printed, got {len(name)}")
    if unknown := {*roles} - {*ROLES}:
        raise Refused(f"roles must be of {', '.join(ROLES)}, got {', '.join(sorted(unknown))[:100]}")
    if len(team) > MOST_NAME or not team.isprintable():
        raise Refused(f"team must have at most {MOST_NAME} characters that can be printed, got {len(team)}")


def put_in(
    store: Store, connection: Connection, actor: Actor, user_id: str, name: str, roles: Collection[str], now_ms: int, *,
    team: str, disabled: bool, is_service: bool,
) -> None:  # fmt: skip
    """Add or change a user, checked before, inside a transaction that keeps an admin; arguments as `put_user` has."""
    if team:
        store.insert_missing(connection, teams, [{"team_id": team, "name": team}])
    before = connection.execute(select(users.c.is_service).where(users.c.user_id == user_id)).scalar()
    row = {
        "user_id": user_id, "name": name, "team_id": team or None, "disabled": disabled,
        "is_service": is_service if before is None else before,
    }  # fmt: skip
    store.upsert(connection, users, [row])
    connection.execute(delete(user_roles).where(user_roles.c.user_id == user_id))
    if roles:
        connection.execute(insert(user_roles), [{"user_id": user_id, "role": each} for each in sorted({*roles})])
    if disabled:
        for table in (sessions, login_links):
            connection.execute(delete(table).where(table.c.user_id == user_id))
    audit.append(
        connection, time_ms=now_ms, actor=actor.user_id, kind="put_user", detail={**row, "roles": sorted({*roles})}
    )


@contextmanager
def keeping_an_admin(connection: Connection) -> Iterator[None]:
    """Changes of users in a transaction; raises Refused where they take away the last one who may change users."""
    admins = (
        select(func.count())
        .select_from(users.join(user_roles, user_roles.c.user_id == users.c.user_id))
        .where(user_roles.c.role == ADMIN, ~users.c.disabled, ~users.c.is_service)
    )
    before = connection.execute(admins).scalar_one()
    yield
    if before and not connection.execute(admins).scalar_one():
        raise Refused("at least one admin must remain who can sign in")


def sees(actor: Actor, now_ms: int) -> ColumnElement[bool]:
    """Which rows of `cases` somebody sees: none of money laundering but for `aml`; a rep its own merchants' alone."""
    whose = sees_merchant(actor, cases.c.merchant_id, now_ms)
    return and_(whose, sees_aml(actor, cases.c.is_aml))


def seen_case(connection: Connection, actor: Actor, case_id: int, now_ms: int) -> Any:
    """The row of a case; raises NotFound where there is none, or the actor does not see it."""
    row = connection.execute(select(cases).where(cases.c.case_id == case_id, sees(actor, now_ms))).first()
    if row is None:
        raise NotFound(f"there is no case {case_id}")
    return row


def sees_merchant(actor: Actor, merchant_id: ColumnElement[Any], now_ms: int) -> ColumnElement[bool]:
    """Which merchants somebody sees: every one, but a rep its own alone.

    Args:
        actor: who looks.
        merchant_id: the column that says which.
        now_ms: UTC milliseconds.
    """
    if not actor.roles:
        return false()
    return true() if sees_all(actor) else merchant_id.in_(merchants_of(actor.user_id, now_ms))


def sees_aml(actor: Actor, is_aml: ColumnElement[bool]) -> ColumnElement[bool]:
    """Which rows somebody sees of a table whose rows say themselves whether they are for `aml` alone."""
    return true() if AML in actor.roles else ~is_aml


def sees_all(actor: Actor) -> bool:
    """Whether somebody sees every merchant: everyone with a role but a rep's."""
    return bool(actor.roles & OFFICE_ROLES)


def merchants_of(rep_id: str, now_ms: int) -> Select[tuple[str]]:
    """The merchants of a rep at a time: by the assignment in force, else by the master data in force."""
    table = merchant_reps.alias()
    lasts = or_(table.c.until_ms.is_(None), table.c.until_ms > now_ms)
    return select(table.c.merchant_id).where(table.c.rep_id == rep_id, table.c.from_ms <= now_ms, lasts)


def names_of(store: Store, roles: Collection[str]) -> list[tuple[str, str]]:
    """Users who have one of the roles and are not disabled, by name: id and name."""
    of_role = select(user_roles.c.user_id).where(user_roles.c.role.in_({*roles}))
    statement = select(users.c.user_id, users.c.name).where(users.c.user_id.in_(of_role), ~users.c.disabled)
    with store.reading() as connection:
        return [(each.user_id, each.name) for each in connection.execute(statement.order_by(users.c.name))]


def team_of(store: Store, user_id: str) -> str:
    """The team that a user is in; "" for none."""
    with store.reading() as connection:
        return connection.execute(select(users.c.team_id).where(users.c.user_id == user_id)).scalar() or ""
