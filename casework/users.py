"""Users as an admin looks after them: who there is, when they were last here, their links, sessions and teams."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, func, select

from casework import audit
from casework.errors import NotFound, Refused
from casework.logins import IDLE_MS, make_link
from casework.people import ADMINS, MOST_NAME
from casework.schema import sessions, teams, user_roles, users

if TYPE_CHECKING:
    from casework.people import Actor
    from casework.store import Store

LINK_MS = 3_600_000
"""How long a one-time link can be used."""


class User(NamedTuple):
    """A user.

    Attributes:
        user_id: who.
        name: what they are called.
        roles: sorted.
        team: "" for none.
        disabled: whether they are kept out.
        is_service: whether it is a program.
        signed_in_ms: when they signed in last, UTC milliseconds; None for never.
        sessions: how many they have now.
    """

    user_id: str
    name: str
    roles: tuple[str, ...]
    team: str = ""
    disabled: bool = False
    is_service: bool = False
    signed_in_ms: int | None = None
    sessions: int = 0


class Team(NamedTuple):
    """A team.

    Attributes:
        team_id: which.
        name: what it is called.
        members: how many users it has.
    """

    team_id: str
    name: str
    members: int


def list_users(store: Store, actor: Actor, now_ms: int) -> list[User]:
    """Every user, by id; raises NotAllowed for who is no admin."""
    actor.need(ADMINS, "to see users")
    live = (sessions.c.until_ms > now_ms) & (sessions.c.seen_ms > now_ms - IDLE_MS)
    with store.reading() as connection:
        found = connection.execute(select(users).order_by(users.c.user_id)).all()
        roles: dict[str, list[str]] = {}
        for each in connection.execute(select(user_roles).order_by(user_roles.c.role)):
            roles.setdefault(each.user_id, []).append(each.role)
        counted = select(sessions.c.user_id, func.count().label("live")).where(live).group_by(sessions.c.user_id)
        open_now: dict[str, int] = {each.user_id: each.live for each in connection.execute(counted)}
    return [
        User(
            each.user_id, each.name, tuple(roles.get(each.user_id, ())), each.team_id or "", each.disabled,
            each.is_service, each.signed_in_ms, open_now.get(each.user_id, 0),
        )
        for each in found
    ]  # fmt: skip


def user_of(store: Store, actor: Actor, user_id: str, now_ms: int) -> User:
    """A user; raises NotFound, or NotAllowed for who is no admin."""
    for each in list_users(store, actor, now_ms):
        if each.user_id == user_id:
            return each
    raise NotFound(f"there is no user {user_id[:64]}")


def hand_out_link(store: Store, actor: Actor, user_id: str, now_ms: int) -> str:
    """The secret of a link that signs a user in once, within an hour.

    Raises:
        NotAllowed: who asks is no admin.
        NotFound: there is no such user.
        Refused: the user is disabled, or a program.
    """
    found = user_of(store, actor, user_id, now_ms)
    if found.disabled or found.is_service:
        raise Refused(f"{user_id} must be a person who is not disabled, to sign in")
    return make_link(store, user_id, now_ms, LINK_MS, by=actor.user_id)


def end_sessions(store: Store, actor: Actor, user_id: str, now_ms: int) -> int:
    """End all sessions of a user; how many there were. Raises NotAllowed for who is no admin, and NotFound."""
    user_of(store, actor, user_id, now_ms)
    with store.writing() as connection:
        ended = connection.execute(delete(sessions).where(sessions.c.user_id == user_id)).rowcount
        audit.append(
            connection, time_ms=now_ms, actor=actor.user_id, kind="end_sessions",
            detail={"user_id": user_id, "sessions": ended},
        )  # fmt: skip
    return int(ended)


def list_teams(store: Store, actor: Actor) -> list[Team]:
    """Every team, by id; raises NotAllowed for who is no admin."""
    actor.need(ADMINS, "to see teams")
    counted = select(users.c.team_id, func.count().label("members")).group_by(users.c.team_id)
    with store.reading() as connection:
        members: dict[str | None, int] = {each.team_id: each.members for each in connection.execute(counted)}
        found = connection.execute(select(teams).order_by(teams.c.team_id)).all()
    return [Team(each.team_id, each.name, members.get(each.team_id, 0)) for each in found]


def put_team(store: Store, actor: Actor, team_id: str, name: str, now_ms: int) -> None:
    """Add a team, or give one another name; raises NotAllowed, and Refused where id or name cannot be."""
    actor.need(ADMINS, "to change teams")
    for what, value in (("team_id", team_id), ("name", name)):
        if not 1 <= len(value) <= MOST_NAME or not value.isprintable():
            raise Refused(f"{what} of a team must have 1 to {MOST_NAME} printed characters, got {len(value)}")
    with store.writing() as connection:
        row = {"team_id": team_id, "name": name}
        store.upsert(connection, teams, [row])
        audit.append(connection, time_ms=now_ms, actor=actor.user_id, kind="put_team", detail=row)
