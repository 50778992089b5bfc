"""Versions of controls by two people: one proposes what is to be published or withdrawn, another publishes it.

A proposal lies in the store, a version in the log. What ends between the two leaves the proposal open with its version
published: it is then found in the log, and not published again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import insert, select, update

from casework import audit
from casework.change import Change, changing
from casework.errors import NotFound, Refused
from casework.operations import checked_text
from casework.people import LEAD, RULE_EDITOR
from casework.schema import proposals
from domain.timestamps import iso
from engine.control_kinds.registry import kind_of
from streams.controls import FAR_MS, ControlsReader, NotPublished, reached, withdrawable
from streams.controls import publish as publish_version
from streams.controls import withdraw as withdraw_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from casework.people import Actor
    from casework.store import Store
    from domain.controls import Control
    from streams.log import Log

EDITS = frozenset({RULE_EDITOR, LEAD})
"""Roles that propose and publish."""
OPEN, PUBLISHED, DECLINED, TAKEN_BACK = "open", "published", "declined", "taken_back"
MOST_BODY = 4_000_000
"""Bytes of a version: above what any kind takes."""


class Wanted(NamedTuple):
    """What is proposed: a version that says something, or the withdrawal of one.

    Attributes:
        kind: of control.
        body: JSON, as `domain.controls.Control.body` has it; null for a withdrawal.
        effective_ms: from when on, by merchants' clocks, UTC milliseconds; None where `after_ms` says so.
        after_ms: how long after the greatest clock at the time of publishing, ms.
        withdraws: the version that is to be withdrawn; None for a version that says something.
    """

    kind: str
    body: bytes = b"null"
    effective_ms: int | None = None
    after_ms: int | None = None
    withdraws: int | None = None


def propose(store: Store, actor: Actor, log: Log, wanted: Wanted, why: str, now_ms: int) -> int:
    """Propose a version or a withdrawal; the proposal's number.

    Raises:
        NotAllowed: the actor is neither rule editor nor lead.
        Refused: the body says what cannot be, there is not exactly one of a time and a while, or no such version to
            withdraw.
    """
    said = checked_text(why, "the reason of a proposal")
    reader = _read(log)
    _check(wanted, reader)
    newest = max((each.control.version for each in reader.of(wanted.kind)), default=-1)
    with changing(store, actor, now_ms, EDITS, "to propose a version of a control") as change:
        row = {
            **wanted._asdict(), "body": wanted.body.decode(), "newest": newest, "why": said, "by": actor.user_id,
            "proposed_ms": now_ms, "status": OPEN, "answer": "",
        }  # fmt: skip
        made = insert(proposals).returning(proposals.c.proposal_id)
        proposal_id = int(change.connection.execute(made, row).scalar_one())
        _note(change, "propose_control", proposal_id, wanted.kind, withdraws=wanted.withdraws, reason=said)
        return proposal_id


def publish(
    store: Store, actor: Actor, log: Log, proposal_id: int, zero: Callable[[str], bytes], now_ms: int
) -> int:  # fmt: skip
    """Publish what another has proposed; the version that says it.

    Args:
        store: the store.
        actor: who publishes.
        log: where.
        proposal_id: what.
        zero: gives version 0 of a kind, for a log that has none.
        now_ms: UTC milliseconds.

    Raises:
        NotFound, NotAllowed: there is no such proposal; the actor is neither rule editor nor lead.
        Refused: it is answered, or the actor's own; another version was published since it was proposed; it would
            take effect too early; nothing was written.
        LogFailed: the log cannot be written; the proposal stays open.
    """
    with changing(store, actor, now_ms, EDITS, "to publish a version of a control") as change:
        row = _open(change, proposal_id)
        if row.by == actor.user_id:
            raise Refused(f"proposal {proposal_id} must be published by another than {row.by}, who has made it")
        reader = _read(log)
        since = [each.control for each in reader.of(row.kind) if each.control.version > row.newest]
        made = next((each for each in since if _says(each, row)), None)
        if made is None and since:
            raise Refused(
                f"proposal {proposal_id} must follow version {row.newest} of {row.kind}, and {since[-1].version} was"
                " published since: propose it anew"
            )
        made = made or _published(log, row, actor, zero, now_ms)
        _answer(change, proposal_id, PUBLISHED, version=made.version)
        effective = {"effective_from": iso(max(0, made.effective_from)), "version": made.version}
        _note(
            change, "publish_control", proposal_id, row.kind, withdraws=row.withdraws, proposed_by=row.by, **effective
        )
        return made.version


def close(store: Store, actor: Actor, proposal_id: int, text: str, now_ms: int) -> None:
    """Decline a proposal, or take back one's own; raises NotFound, NotAllowed, Refused as `publish` does."""
    said = checked_text(text, "the reason of an answer")
    with changing(store, actor, now_ms, EDITS, "to answer a proposal") as change:
        row = _open(change, proposal_id)
        status = TAKEN_BACK if row.by == actor.user_id else DECLINED
        _answer(change, proposal_id, status, answer=said)
        _note(change, "close_control", proposal_id, row.kind, status=status, reason=said)


def listed(store: Store, *, kind: str = "", only_open: bool = False, most: int = 50) -> Sequence[Any]:
    """Rows of `proposals`, the newest first; of one kind, or all."""
    statement = select(proposals).order_by(proposals.c.proposal_id.desc()).limit(most)
    if kind:
        statement = statement.where(proposals.c.kind == kind)
    if only_open:
        statement = statement.where(proposals.c.status == OPEN)
    with store.reading() as connection:
        return connection.execute(statement).all()


def proposal(store: Store, proposal_id: int) -> Any:
    """A row of `proposals`; raises NotFound."""
    with store.reading() as connection:
        return _row(connection, proposal_id)


def _check(wanted: Wanted, reader: ControlsReader) -> None:
    try:
        kind = kind_of(wanted.kind)
        if wanted.withdraws is not None:
            withdrawable(reader.standing(wanted.kind), wanted.withdraws)
            return
        if len(wanted.body) > MOST_BODY:
            raise Refused(f"a version must have at most {MOST_BODY} bytes, got {len(wanted.body)}")
        kind.decode(wanted.body)
    except ValueError as error:
        raise Refused(str(error)) from error
    if (wanted.effective_ms is None) == (wanted.after_ms is None):
        raise Refused("exactly one must be given of a time and a while from which on a version is in force")
    if wanted.after_ms is not None and not 0 < wanted.after_ms <= FAR_MS:
        raise Refused(f"after_ms must be 1 to {FAR_MS}, got {wanted.after_ms}")


def _read(log: Log) -> ControlsReader:
    reader = ControlsReader(log)
    reader.read_all()
    return reader


def _published(log: Log, row: Any, actor: Actor, zero: Callable[[str], bytes], now_ms: int) -> Control:
    by = f"{row.by} + {actor.user_id}"
    try:
        if row.withdraws is not None:
            return withdraw_version(log, row.kind, row.withdraws, by=by)
        clock_ms = reached(log)[0] or now_ms
        effective_ms = row.effective_ms if row.after_ms is None else clock_ms + row.after_ms
        if effective_ms > clock_ms + FAR_MS:
            raise Refused(f"a version must take effect by {iso(clock_ms + FAR_MS)}, got {iso(effective_ms)}")
        return publish_version(
            log, row.kind, row.body.encode(), effective_ms=effective_ms, by=by, zero=zero(row.kind)
        )[-1]  # fmt: skip
    except NotPublished as error:
        raise Refused(str(error)) from error


def _says(control: Control, row: Any) -> bool:
    """Whether a version is what was proposed."""
    if row.withdraws is not None:
        return control.withdraws == int(row.withdraws)
    return control.withdraws is None and bytes(control.body).decode() == str(row.body)


def _row(connection: Any, proposal_id: int) -> Any:
    found = connection.execute(select(proposals).where(proposals.c.proposal_id == proposal_id)).first()
    if found is None:
        raise NotFound(f"there is no proposal {proposal_id}")
    return found


def _open(change: Change, proposal_id: int) -> Any:
    row = _row(change.connection, proposal_id)
    if row.status != OPEN:
        raise Refused(f"proposal {proposal_id} must wait for an answer, it is {row.status}")
    return row


def _answer(change: Change, proposal_id: int, status: str, *, answer: str = "", version: int | None = None) -> None:
    values = {
        "status": status, "answered_by": change.actor.user_id, "answered_ms": change.now_ms, "answer": answer,
        "version": version,
    }  # fmt: skip
    change.connection.execute(update(proposals).where(proposals.c.proposal_id == proposal_id).values(values))


def _note(change: Change, kind: str, proposal_id: int, of: str, **detail: Any) -> None:
    told = {name: value for name, value in detail.items() if value is not None}
    audit.append(
        change.connection, time_ms=change.now_ms, actor=change.actor.user_id, kind=kind,
        detail={"proposal_id": proposal_id, "of": of, **told},
    )  # fmt: skip
