"""Links that open the tasks of one person on one phone, without a password.

A link is a random number and its last second, both signed: what nobody has made is refused before it is looked up. The
store keeps a hash of the link, so that who reads it cannot use one. A GET shows what a link is for, a POST alone uses
it: the previews of messengers open links too. The first phone that uses it has it; another is told to sign in.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from casework.change import Change, changing
from casework.errors import NotAllowed, NotFound, NotSignedIn, Refused
from casework.logins import check_tries, hashed, note_failure
from casework.people import REP, WORKS, Actor, with_roles
from casework.persons import names_of_people
from casework.schema import facts, task_links, tasks, users
from casework.tasks.noting import note as _note
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from casework.store import Store

LINK_MS, MOST_LINK_MS = 7 * DAY_MS, 30 * DAY_MS
"""How long a link is good, and how long at most: our own defaults. So long a phone stays signed in by it."""
_KEY = "task_link_key"
_RANDOM, _SECONDS, _SIGNATURE = 16, 5, 15
_LENGTH = (_RANDOM + _SECONDS + _SIGNATURE) * 4 // 3


class Linked(NamedTuple):
    """What a link is for, before it is used.

    Attributes:
        user_id: whose it is.
        task_id: the task that it opens; None for all.
        until_ms: until when it is good.
        is_used: whether a phone has it already.
    """

    user_id: str
    task_id: int | None
    until_ms: int
    is_used: bool


class Phone(NamedTuple):
    """A phone that a link has signed in.

    Attributes:
        actor: whose it is: with the role `rep` alone, whatever else the person may do.
        name: what the person is called.
        csrf: what each of its changes must carry.
        until_ms: until when.
    """

    actor: Actor
    name: str
    csrf: str
    until_ms: int


def make_link(
    change: Change, user_id: str, *, task_id: int | None = None, lasts_ms: int = LINK_MS
) -> str:  # fmt: skip
    """Make a link inside a change; its secret, which is nowhere kept.

    Args:
        change: by whom, and when.
        user_id: whose tasks it opens.
        task_id: the task that it opens first; None for the list.
        lasts_ms: how long it is good, at most 30 days.

    Raises:
        NotFound: there is no such task of the person's.
        Refused: it would last too long.
    """
    if not 0 < lasts_ms <= MOST_LINK_MS:
        raise Refused(f"lasts_ms must be 1 to {MOST_LINK_MS}, got {lasts_ms}")
    theirs = select(tasks.c.task_id).where(tasks.c.task_id == task_id, tasks.c.rep_id == user_id)
    if task_id is not None and change.connection.execute(theirs).first() is None:
        raise NotFound(f"there is no task {task_id} of {user_id[:64]}")
    until_s = (change.now_ms + lasts_ms) // 1000
    told = secrets.token_bytes(_RANDOM) + until_s.to_bytes(_SECONDS, "big")
    secret = urlsafe_b64encode(told + _signature(_key(change.connection, make=True), told)).decode()
    change.connection.execute(delete(task_links).where(task_links.c.until_ms <= change.now_ms - MOST_LINK_MS))
    row = {
        "link_hash": hashed(secret), "user_id": user_id, "task_id": task_id, "made_by": change.actor.user_id,
        "made_ms": change.now_ms, "until_ms": until_s * 1000, "csrf": secrets.token_urlsafe(32),
    }  # fmt: skip
    change.connection.execute(insert(task_links), row)
    _note(change, "make_task_link", None, user_id=user_id, task_id=task_id, until_ms=row["until_ms"])
    return secret


def link_for(store: Store, actor: Actor, task_id: int, now_ms: int, lasts_ms: int = LINK_MS) -> str:
    """A link that opens an open task for its rep, made by somebody who works on cases; raises as `make_link`."""
    with changing(store, actor, now_ms, WORKS, "to make a link") as change:
        found = select(tasks.c.rep_id).where(tasks.c.task_id == task_id, tasks.c.status == "open")
        rep_id = change.connection.execute(found).scalar()
        if rep_id is None:
            raise NotFound(f"there is no open task {task_id}")
        return make_link(change, rep_id, task_id=task_id, lasts_ms=lasts_ms)


def look_at(store: Store, secret: str, address: str, now_ms: int) -> Linked:
    """What a link is for; using it is `use`, so that looking changes nothing.

    Args:
        store: the store.
        secret: as it came.
        address: where from: too many that are none have it wait.
        now_ms: UTC milliseconds.

    Raises:
        NotSignedIn: it is none, is over, or was taken back.
        Throttled: too many came from the address that were none.
    """
    with store.reading() as connection:
        row = _found(connection, secret, now_ms)
        if row is not None:
            return Linked(row.user_id, row.task_id, row.until_ms, row.device_hash is not None)
        check_tries(connection, (name := f"link {address}",), now_ms)
    with store.writing() as connection:
        note_failure(store, connection, name, now_ms)
    raise NotSignedIn("the link is none, or its time is over")


def use(store: Store, secret: str, device: str, address: str, now_ms: int) -> str:
    """Use a link on a phone; the secret of the phone, which the link signs in from now on.

    Args:
        store: the store.
        secret: of the link.
        device: the secret that the phone has already; "" for none.
        address: where from.
        now_ms: UTC milliseconds.

    Raises:
        NotSignedIn, Throttled: as `look_at` has them.
        NotAllowed: another phone has it; that is noted.
    """
    look_at(store, secret, address, now_ms)
    with store.writing() as connection:
        row = _found(connection, secret, now_ms)
        if row is None:
            raise NotSignedIn("the link is none, or its time is over")
        change = Change(store, connection, Actor(row.user_id, frozenset({REP})), now_ms)
        if row.device_hash is None:
            phone = secrets.token_urlsafe(32)
            is_it = task_links.c.link_hash == row.link_hash
            used = {"device_hash": hashed(phone), "used_ms": now_ms}
            connection.execute(update(task_links).where(is_it).values(used))
            _note(change, "use_task_link", None, task_id=row.task_id, address=address)
            return phone
        same = bool(device) and hmac.compare_digest(hashed(device), row.device_hash)
        if not same:
            _note(change, "refuse_task_link", None, task_id=row.task_id, address=address)
    if not same:  # outside, so that the entry stays
        raise NotAllowed("another phone has opened this link: sign in, or ask for a new one")
    return device


def phone_of(store: Store, device: str, now_ms: int) -> Phone:
    """Who a phone is signed in as by a link; raises NotSignedIn where it is by none."""
    holds = (
        task_links.c.device_hash == hashed(device), task_links.c.until_ms > now_ms, task_links.c.withdrawn_ms.is_(None),
    )  # fmt: skip
    with store.reading() as connection:
        row = connection.execute(select(task_links).where(*holds)).first()
        if row is None or not _may_enter(connection, row.user_id):
            raise NotSignedIn("the phone is signed in by no link")
        names = names_of_people(connection, [row.user_id], now_ms)
    return Phone(Actor(row.user_id, frozenset({REP})), names.get(row.user_id) or row.user_id, row.csrf, row.until_ms)


def end(store: Store, device: str, now_ms: int) -> None:
    """Sign a phone out: its link is good no more."""
    with store.writing() as connection:
        its = task_links.c.device_hash == hashed(device)
        connection.execute(update(task_links).where(its).values(withdrawn_ms=now_ms))


def _found(connection: Connection, secret: str, now_ms: int) -> Any:
    """The row of a link that is good; None for another. What is not signed is not looked up."""
    told, signature = _parts(secret)
    key = _key(connection)
    if not told or not key or not hmac.compare_digest(_signature(key, told), signature):
        return None
    if int.from_bytes(told[_RANDOM:], "big") * 1000 <= now_ms:
        return None
    row = connection.execute(select(task_links).where(task_links.c.link_hash == hashed(secret))).first()
    if row is None or row.withdrawn_ms is not None or row.until_ms <= now_ms:
        return None
    return row if _may_enter(connection, row.user_id) else None


def _may_enter(connection: Connection, user_id: str) -> bool:
    """Whether a person may still come by a link: a user who is disabled or no rep any more may not."""
    user = connection.execute(select(users.c.disabled).where(users.c.user_id == user_id)).first()
    return user is None or (not user.disabled and REP in with_roles(connection, user_id).roles)


def _parts(secret: str) -> tuple[bytes, bytes]:
    try:
        data = urlsafe_b64decode(secret.encode("ascii")) if len(secret) == _LENGTH else b""
    except ValueError:
        return b"", b""
    return data[: _RANDOM + _SECONDS], data[_RANDOM + _SECONDS :]


def _signature(key: bytes, told: bytes) -> bytes:
    return hmac.digest(key, told, sha256)[:_SIGNATURE]


def _key(connection: Connection, *, make: bool = False) -> bytes:
    """The key of signatures; b"" where there is none yet and none is made."""
    kept = connection.execute(select(facts.c.value).where(facts.c.name == _KEY)).scalar()
    if kept is None and make:
        kept = secrets.token_hex(32)
        connection.execute(insert(facts), {"name": _KEY, "value": kept})
    return bytes.fromhex(kept or "")
