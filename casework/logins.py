"""Who somebody is: passwords, sessions, one-time links and tokens of programs.

Of each secret that is handed out the store keeps a hash alone, so that who reads the store cannot sign in with it.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from hashlib import sha256
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from sqlalchemy import delete, func, insert, select, update

from casework import audit
from casework.errors import NotSignedIn, Refused, Throttled
from casework.people import ADMIN, ADMINS, Actor, check_user, with_roles
from casework.schema import credentials, login_failures, login_links, sessions, user_roles, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from casework.store import Store

SESSION_MS, IDLE_MS = 12 * 3_600_000, 2 * 3_600_000
"""How long a session lasts, and how long without a request: a working day, and a long lunch; our own defaults."""
_SEEN_EVERY_MS = 5 * 60_000
LEAST_PASSWORD, MOST_PASSWORD = 12, 256
"""Characters of a password. Long ones hold better than odd ones, so nothing else is asked for."""
FREE_TRIES, WINDOW_MS = 5, 15 * 60_000
"""Failures of one name or address that cost no wait, and how long they count; each further one doubles the wait."""
_HASHER = PasswordHasher()
_AT_ONCE = BoundedSemaphore(2)
"""Passwords compared at a time: each takes 64 MiB."""


def _nobodys_hash() -> str:
    """One that no password has, drawn: to hash a drawn password would take each command a fifth of a second."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    cost = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


_NOBODY = _nobodys_hash()
"""Compared with where there is no such user: both refusals take the same time."""


class Session(NamedTuple):
    """Somebody who is signed in.

    Attributes:
        actor: who it is, with the roles of now.
        name: what they are called.
        csrf: what each of their changes must carry.
        key: names the session in the store.
    """

    actor: Actor
    name: str
    csrf: str
    key: str


def hashed(secret: str) -> str:
    """How the store keeps a random secret: SHA-256 in hexadecimal; it has too many bits to be guessed from that."""
    return sha256(secret.encode()).hexdigest()


def has_users(store: Store) -> bool:
    """Whether anybody can sign in, or could once."""
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(users)).scalar_one() > 0


# -- passwords


def set_password(store: Store, actor: Actor, user_id: str, password: str, now_ms: int) -> None:
    """Set one's own password, or as an admin another's; their sessions end.

    Raises:
        NotAllowed: it is another's, and the actor is no admin.
        Refused: the password is too short or too long, or there is no such user.
    """
    if actor.user_id != user_id:
        actor.need(ADMINS, "to set another's password")
    _check_password(user_id, password)
    with store.writing() as connection:
        _set_password(store, connection, actor.user_id, user_id, password, now_ms)


def change_password(store: Store, actor: Actor, before: str, password: str, now_ms: int) -> None:
    """Change one's own password, knowing the one before; raises Refused where that is another."""
    with store.reading() as connection:
        kept = connection.execute(_hash_of(actor.user_id)).scalar()
    if not _verified(kept or _NOBODY, before):
        raise Refused("the present password is another one")
    set_password(store, actor, actor.user_id, password, now_ms)


def _check_password(user_id: str, password: str) -> None:
    if not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise Refused(f"a password must have {LEAST_PASSWORD} to {MOST_PASSWORD} characters, got {len(password)}")
    if user_id.lower() in password.lower() or len({*password}) < 5:
        raise Refused("a password must not contain the user's name, and must have 5 different characters")


def _set_password(
    store: Store, connection: Connection, by: str, user_id: str, password: str, now_ms: int
) -> None:  # fmt: skip
    if connection.execute(select(users.c.user_id).where(users.c.user_id == user_id)).first() is None:
        raise Refused(f"there is no user {user_id}")
    row = {"user_id": user_id, "password_hash": _HASHER.hash(password), "changed_ms": now_ms}
    store.upsert(connection, credentials, [row])
    connection.execute(delete(sessions).where(sessions.c.user_id == user_id))
    audit.append(connection, time_ms=now_ms, actor=by, kind="set_password", detail={"user_id": user_id})


def _hash_of(user_id: str) -> Any:
    return (
        select(credentials.c.password_hash)
        .join(users, users.c.user_id == credentials.c.user_id)
        .where(credentials.c.user_id == user_id, ~users.c.disabled, ~users.c.is_service)
    )


def _verified(kept: str, password: str) -> bool:
    try:
        with _AT_ONCE:
            return _HASHER.verify(kept, password[:MOST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False


# -- signing in


def sign_in(store: Store, user_id: str, password: str, address: str, now_ms: int) -> str:
    """Begin a session; its secret.

    Args:
        store: the store.
        user_id: as it was typed.
        password: likewise.
        address: where from.
        now_ms: UTC milliseconds.

    Raises:
        Throttled: name or address failed too often lately; nothing was compared.
        NotSignedIn: there is no such user, or the password is another: which, is not said.
    """
    names = (f"user {hashed(user_id)}", f"address {address}")
    with store.reading() as connection:
        check_tries(connection, names, now_ms)
        kept = connection.execute(_hash_of(user_id)).scalar()
    fits = _verified(kept or _NOBODY, password)
    if not fits or kept is None:
        with store.writing() as connection:
            for each in names:
                note_failure(store, connection, each, now_ms)
            audit.append(
                connection, time_ms=now_ms, actor="console", kind="sign_in_refused",
                detail={"user_id": user_id[:100] if kept else "", "address": address},
            )  # fmt: skip
        raise NotSignedIn("the name or the password is another one")
    with store.writing() as connection:
        connection.execute(delete(login_failures).where(login_failures.c.name == names[0]))
        return _begin(connection, user_id, now_ms, {"by": "password", "address": address})


def wait_ms(failures: int, last_ms: int, now_ms: int) -> int:
    """How long to wait before the next try: nothing for the first, then 1 s, 2 s, 4 s, at most 15 minutes.

    >>> wait_ms(4, 0, 0), wait_ms(5, 0, 0), wait_ms(8, 0, 3_000), wait_ms(50, 0, 0), wait_ms(50, 0, 900_000)
    (0, 1000, 5000, 900000, 0)
    """
    if failures < FREE_TRIES:
        return 0
    pause = min(1_000 << min(failures - FREE_TRIES, 20), WINDOW_MS)
    return max(last_ms + pause - now_ms, 0)


def check_tries(connection: Connection, names: Sequence[str], now_ms: int) -> None:
    """Raise Throttled where names or addresses failed too often lately."""
    found = connection.execute(select(login_failures).where(login_failures.c.name.in_(names)))
    waits = [wait_ms(each.failures, each.last_ms, now_ms) for each in found if each.last_ms > now_ms - WINDOW_MS]
    if wait := max(waits, default=0):
        raise Throttled(f"too many failed tries: the next one must be {-(-wait // 1000)} s later", wait)


def note_failure(store: Store, connection: Connection, name: str, now_ms: int) -> None:
    """Count a failure of a name or an address, and drop those that count no more."""
    before = connection.execute(select(login_failures).where(login_failures.c.name == name)).first()
    counted = before.failures if before is not None and before.last_ms > now_ms - WINDOW_MS else 0
    store.upsert(connection, login_failures, [{"name": name, "failures": counted + 1, "last_ms": now_ms}])
    connection.execute(delete(login_failures).where(login_failures.c.last_ms <= now_ms - WINDOW_MS))


def _begin(connection: Connection, user_id: str, now_ms: int, how: dict[str, str]) -> str:
    secret = secrets.token_urlsafe(32)
    connection.execute(delete(sessions).where(sessions.c.until_ms <= now_ms))
    connection.execute(insert(sessions), {
        "session_hash": hashed(secret), "user_id": user_id, "csrf": secrets.token_urlsafe(32), "made_ms": now_ms,
        "seen_ms": now_ms, "until_ms": now_ms + SESSION_MS,
    })  # fmt: skip
    connection.execute(update(users).where(users.c.user_id == user_id).values(signed_in_ms=now_ms))
    audit.append(connection, time_ms=now_ms, actor=user_id, kind="sign_in", detail=how)
    return secret


# -- sessions


def session_of(store: Store, secret: str, now_ms: int) -> Session:
    """Whose session a secret is of, with the roles of now; raises NotSignedIn for none, and for one that has ended."""
    key = hashed(secret)
    with store.reading() as connection:
        statement = (
            select(sessions, users.c.name)
            .join(users, users.c.user_id == sessions.c.user_id)
            .where(sessions.c.session_hash == key, ~users.c.disabled, ~users.c.is_service)
        )
        found = connection.execute(statement).first()
        if found is None or now_ms >= found.until_ms or now_ms >= found.seen_ms + IDLE_MS:
            raise NotSignedIn("there is no such session, or it has ended")
        actor = with_roles(connection, found.user_id)
    if now_ms >= found.seen_ms + _SEEN_EVERY_MS:
        with store.writing() as connection:
            connection.execute(update(sessions).where(sessions.c.session_hash == key).values(seen_ms=now_ms))
    return Session(actor, found.name, found.csrf, key)


def sign_out(store: Store, session: Session, now_ms: int) -> None:
    """End a session."""
    with store.writing() as connection:
        connection.execute(delete(sessions).where(sessions.c.session_hash == session.key))
        audit.append(connection, time_ms=now_ms, actor=session.actor.user_id, kind="sign_out", detail={})


# -- one-time links


def make_link(store: Store, user_id: str | None, now_ms: int, lasts_ms: int, by: str = "console") -> str:
    """The secret of a link that signs a user in once; of None one that makes the first user, an admin.

    Args:
        store: the store.
        user_id: who signs in with it; None while there are no users.
        now_ms: UTC milliseconds.
        lasts_ms: how long it can be used.
        by: who hands it out.
    """
    secret = secrets.token_urlsafe(32)
    with store.writing() as connection:
        connection.execute(delete(login_links).where(login_links.c.until_ms <= now_ms))
        row = {"link_hash": hashed(secret), "user_id": user_id, "until_ms": now_ms + lasts_ms}
        connection.execute(insert(login_links), row)
        audit.append(connection, time_ms=now_ms, actor=by, kind="make_link", detail={"user_id": user_id or ""})
    return secret


def link_user(store: Store, secret: str, now_ms: int) -> str | None:
    """Whom a link signs in, None where it makes the first user; raises NotSignedIn where it is used up or over."""
    with store.reading() as connection:
        return _link(connection, secret, now_ms)


def use_link(store: Store, secret: str, now_ms: int) -> str:
    """Sign in with a link; the secret of the session. Raises NotSignedIn where it is used up, over, or of no user."""
    with store.writing() as connection:
        user_id = _spend(connection, secret, now_ms)
        known = select(users.c.user_id).where(users.c.user_id == user_id, ~users.c.disabled, ~users.c.is_service)
        if user_id is None or connection.execute(known).first() is None:
            raise NotSignedIn("the link is of no user")
        return _begin(connection, user_id, now_ms, {"by": "link"})


def make_first_user(store: Store, secret: str, user_id: str, name: str, password: str, now_ms: int) -> str:
    """Make the first user, an admin, with the link of the first start; the secret of their session.

    Raises:
        NotSignedIn: the link is used up or over.
        Refused: there are users already, or name or password do not do.
    """
    check_user(user_id, name, {ADMIN})
    _check_password(user_id, password)
    with store.writing() as connection:
        _spend(connection, secret, now_ms)
        if connection.execute(select(func.count()).select_from(users)).scalar_one():
            raise Refused("the first user must be the first, there are others")
        row = {"user_id": user_id, "name": name, "team_id": None, "disabled": False, "is_service": False}
        connection.execute(insert(users), row)
        connection.execute(insert(user_roles), {"user_id": user_id, "role": ADMIN})
        audit.append(
            connection, time_ms=now_ms, actor=user_id, kind="put_user", detail={"user_id": user_id, "roles": [ADMIN]}
        )
        _set_password(store, connection, user_id, user_id, password, now_ms)
        return _begin(connection, user_id, now_ms, {"by": "first link"})


def _link(connection: Connection, secret: str, now_ms: int) -> str | None:
    is_it = login_links.c.link_hash == hashed(secret)
    found = connection.execute(select(login_links).where(is_it, login_links.c.until_ms > now_ms)).first()
    if found is None:
        raise NotSignedIn("the link was used already, or its time is over")
    user_id: str | None = found.user_id
    return user_id


def _spend(connection: Connection, secret: str, now_ms: int) -> str | None:
    user_id = _link(connection, secret, now_ms)
    connection.execute(delete(login_links).where(login_links.c.link_hash == hashed(secret)))
    return user_id
