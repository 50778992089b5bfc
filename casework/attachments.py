"""Attachments of cases: what they are by their bytes, who has attached them, and the bytes again.

The bytes are written first, and safely; then the row, which makes them an attachment. Whoever sees the case sees its
attachments. They are served as they were sent by whoever serves them, who must not have a browser take them for a page.
"""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, insert, select

from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.people import COMMENTS, sees
from casework.schema import attachments, cases, task_photos
from domain.masking import mask_text
from domain.timestamps import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from casework.files import Files
    from casework.people import Actor
    from casework.store import Store

MOST_BYTES = 10 << 20
"""Longest attachment: our own default."""
MOST_OF_CASE = 100
MOST_BYTES_OF_CASE = 200 << 20
"""Attachments of a case, and their bytes together: our own defaults."""
SWEPT_AFTER_MS = DAY_MS
"""How old bytes must be that belong to no attachment before they are deleted: our own default."""
MOST_NAME = 100
UNKNOWN = "application/octet-stream"
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"%PDF-", "application/pdf"))
_PLAIN_CONTROLS = frozenset("\t\n\r\f")


def attach(store: Store, files: Files, actor: Actor, case_id: int, name: str, data: bytes, now_ms: int) -> int:
    """Attach bytes to a case; the attachment's number.

    Args:
        store: the store.
        files: where the bytes are kept.
        actor: who attaches; reps may, to cases of their merchants.
        case_id: the case.
        name: as the sender calls the file; what might do harm in it is replaced.
        data: 1 byte to `MOST_BYTES`.
        now_ms: UTC milliseconds.

    Raises:
        NotFound, NotAllowed: the case is not seen; the actor may not.
        Refused: there are too many bytes or none, or the case has too many attachments.
    """
    digest = stored(store, files, actor, case_id, data, now_ms)
    with changing(store, actor, now_ms, COMMENTS, "to attach a file") as change:
        return add(change, files, change.case(case_id), name, data, digest)


def stored(store: Store, files: Files, actor: Actor, case_id: int, data: bytes, now_ms: int) -> str:
    """Write the bytes of an attachment that may be; their SHA-256. `add` follows. Raises as `attach` does."""
    actor.need(COMMENTS, "to attach a file")
    if not 1 <= len(data) <= MOST_BYTES:
        raise Refused(f"an attachment must have 1 to {MOST_BYTES} bytes, got {len(data)}")
    with store.reading() as connection:
        change = Change(store, connection, actor, now_ms)
        _check_room(change, change.case(case_id), len(data))
    return files.put(data)


def add(change: Change, files: Files, case: Any, name: str, data: bytes, digest: str) -> int:
    """Add the row of an attachment inside a change, once its bytes are `stored`; its number."""
    _check_room(change, case, len(data))
    if not files.has(digest):  # a sweep came between
        files.put(data)
    return add_row(change, case, safe_name(name), digest, media_type(data, name), len(data))


def add_row(change: Change, case: Any, name: str, digest: str, media: str, size: int) -> int:
    """Add the row of an attachment whose bytes are kept already; its number. The name must be a safe one."""
    row = {
        "case_id": case.case_id, "sha256": digest, "name": name, "media_type": media, "size": size,
        "by": change.actor.user_id, "attached_ms": change.now_ms,
    }  # fmt: skip
    made = insert(attachments).returning(attachments.c.attachment_id)
    attachment_id = int(change.connection.execute(made, row).scalar_one())
    change.change_case(case)
    change.note("attach", case, attachment_id=attachment_id, sha256=digest, name=name, size=size)
    return attachment_id


def _check_room(change: Change, case: Any, size: int) -> None:
    sums = select(func.count(), func.coalesce(func.sum(attachments.c.size), 0))
    count, total = change.connection.execute(sums.where(attachments.c.case_id == case.case_id)).one()
    if count >= MOST_OF_CASE or total + size > MOST_BYTES_OF_CASE:
        raise Refused(
            f"case {case.case_id} must have at most {MOST_OF_CASE} attachments of {MOST_BYTES_OF_CASE} bytes together,"
            f" got one more than {count} of {total} bytes"
        )


class Attachment(NamedTuple):
    """An attachment with its bytes.

    Attributes:
        name: safe in paths, headers and archives.
        media_type: what the bytes are.
        data: checked against their SHA-256.
    """

    name: str
    media_type: str
    data: bytes


def read(store: Store, files: Files, actor: Actor, attachment_id: int, now_ms: int) -> Attachment:
    """An attachment of a case that the actor sees.

    Raises:
        NotFound: there is none.
        StoreFailed: its bytes are not those that were attached.
    """
    statement = select(attachments).join(cases, cases.c.case_id == attachments.c.case_id)
    statement = statement.where(attachments.c.attachment_id == attachment_id, sees(actor, now_ms))
    with store.reading() as connection:
        row = connection.execute(statement).first()
    if row is None:
        raise NotFound(f"there is no attachment {attachment_id}")
    return Attachment(row.name, row.media_type, files.read(row.sha256))


def of_case(store: Store, actor: Actor, case_id: int, now_ms: int) -> Sequence[Any]:
    """Rows of `attachments` of a case that the actor sees, the oldest first."""
    statement = select(attachments).join(cases, cases.c.case_id == attachments.c.case_id)
    statement = statement.where(attachments.c.case_id == case_id, sees(actor, now_ms))
    with store.reading() as connection:
        return connection.execute(statement.order_by(attachments.c.attachment_id)).all()


def sweep(store: Store, files: Files, now_ms: int) -> int:
    """Delete bytes that belong to no attachment and are a day old: who wrote them was ended first; how many there were.

    Nobody attaches meanwhile, for that takes a transaction that writes too.
    """
    with store.writing() as connection:
        gone = 0
        for digest in files.before(now_ms - SWEPT_AFTER_MS):
            if not is_kept(connection, digest):
                files.delete(digest)
                gone += 1
        return gone


def is_kept(connection: Connection, digest: str) -> bool:
    """Whether bytes are of an attachment or of a photo of a task, as it came or as it is shown."""
    photo = task_photos.c
    kept = (
        select(attachments.c.attachment_id).where(attachments.c.sha256 == digest),
        select(photo.photo_id).where(photo.sha256 == digest, photo.erased_ms.is_(None)),
        select(photo.photo_id).where(photo.shown_sha256 == digest, photo.erased_ms.is_(None)),
    )
    return any(connection.execute(each.limit(1)).first() is not None for each in kept)


def media_type(data: bytes, name: str = "") -> str:
    r"""What bytes are, by the bytes; of texts alone the name says which are CSV.

    >>> media_type(b"%PDF-1.7"), media_type(b"a,b", "shops.CSV"), media_type("商户".encode()), media_type(b"MZ\x00")
    ('application/pdf', 'text/csv', 'text/plain', 'application/octet-stream')
    """
    for magic, found in _MAGIC:
        if data.startswith(magic):
            return found
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return UNKNOWN
    if any(each < " " and each not in _PLAIN_CONTROLS for each in text):
        return UNKNOWN
    return "text/csv" if name.lower().endswith(".csv") else "text/plain"


def safe_name(name: str) -> str:
    r"""A name without harm in paths, headers and archives, and without card numbers; `file` where nothing is left.

    >>> safe_name("../../etc/passwd"), safe_name("C:\\门头 照.jpg"), safe_name('a"b\r\n.png'), safe_name("..")
    ('passwd', '门头 照.jpg', 'a_b__.png', 'file')
    """
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    plain = "".join(each if _is_plain(each) else "_" for each in last)
    kept = mask_text(plain).replace("*", "_").strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if len(kept) > MOST_NAME and dot and len(ending) < MOST_NAME // 2:
        kept = stem[: MOST_NAME - len(ending) - 1] + dot + ending
    return kept[:MOST_NAME] or "file"


def _is_plain(character: str) -> bool:
    """Whether it is a letter, mark, digit, blank, or one of `-_.()`; no control, no sign that turns text around."""
    return unicodedata.category(character)[0] in "LMN" or character in " -_.()"
