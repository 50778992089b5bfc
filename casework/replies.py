"""What programs were answered, by their idempotency keys, so that a request that is sent again does nothing again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select, update

from casework.errors import Conflict, Refused
from casework.schema import replies
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from casework.store import Store

KEPT_MS = DAY_MS
"""How long an answer is kept."""
MOST_KEY = 128
_BEGUN = 0
"""The status of a request whose answer is not known yet."""


class Reply(NamedTuple):
    """An answer: its status of HTTP and its body, JSON."""

    status: int
    body: str


def begin(store: Store, token_id: int, key: str, request_hash: str, now_ms: int) -> Reply | None:
    """Note that a request was begun; the answer to it where it was made before, and then nothing is to be done.

    Args:
        store: the store.
        token_id: of whom.
        key: the program's own, 1 to `MOST_KEY` characters.
        request_hash: of what is asked for.
        now_ms: UTC milliseconds.

    Raises:
        Refused: the key came with another request.
        Conflict: the request was begun and has no answer: it runs, or the console was stopped meanwhile.
    """
    of_key = (replies.c.token_id == token_id) & (replies.c.key == key)
    with store.writing() as connection:
        connection.execute(delete(replies).where(replies.c.made_ms <= now_ms - KEPT_MS))
        found = connection.execute(select(replies).where(of_key)).first()
        if found is None:
            row = {"token_id": token_id, "key": key, "request_hash": request_hash, "status": _BEGUN, "body": ""}
            connection.execute(insert(replies), row | {"made_ms": now_ms})
            return None
    if found.request_hash != request_hash:
        raise Refused("Idempotency-Key must be a new one for another request")
    if found.status == _BEGUN:
        raise Conflict("a request with this Idempotency-Key was begun, its outcome is not known: look first", None, 0)
    return Reply(found.status, found.body)


def finish(store: Store, token_id: int, key: str, reply: Reply) -> None:
    """Keep the answer to a request that was begun."""
    of_key = (replies.c.token_id == token_id) & (replies.c.key == key)
    with store.writing() as connection:
        connection.execute(update(replies).where(of_key).values(status=reply.status, body=reply.body))


def forget(store: Store, token_id: int, key: str) -> None:
    """Forget a request that was refused: nothing was done, so it may be tried again."""
    with store.writing() as connection:
        connection.execute(delete(replies).where(replies.c.token_id == token_id, replies.c.key == key))
