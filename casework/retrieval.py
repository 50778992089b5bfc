"""Retrievals (调单): documents that a merchant is asked for about chosen transactions, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, func, insert, or_, select, update

from casework.attachments import add, add_row, stored
from casework.change import Change, changing
from casework.deadlines import RETRIEVAL_WORKING_DAYS
from casework.errors import NotFound, Refused
from casework.filing import new_case
from casework.operations import checked_text
from casework.people import COMMENTS, WORKS, sees
from casework.schema import (
    alert_transactions,
    alerts,
    cases,
    retrieval_documents,
    retrieval_files,
    retrieval_transactions,
    retrievals,
)
from casework.states import DECIDED, OPEN, RETRIEVAL
from casework.tasks import ending
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Collection

    from casework.files import Files
    from casework.people import Actor
    from casework.store import Store

DOCUMENTS: dict[str, Text] = {
    "sales_slip": Text("sales slip or order", "签购单或订单"),
    "invoice": Text("itemised receipt or invoice", "购物小票或发票"),
    "delivery": Text("proof of delivery", "发货及签收凭证"),
    "licence": Text("business licence", "营业执照"),
    "shop_front": Text("photo of the shop front", "门头照"),
    "cashier": Text("photo of the cash desk", "收银台照"),
    "interior": Text("photo of the interior", "店内照"),
    "terminal_sn": Text("photo of the terminal's serial number", "机身SN照"),
    "settlement_account": Text("proof of the settlement account", "结算账户证明"),
    "statement": Text("written statement", "情况说明"),
}
"""What a merchant may be asked for, and what it is called."""
OUTCOMES: dict[str, Text] = {
    "in_order": Text("in order", "核实无误"),
    "in_doubt": Text("doubtful", "存疑"),
    "not_true": Text("not true", "不属实"),
    "not_supplied": Text("not supplied", "未提供"),
}
"""What may come of a retrieval, and what it is called."""
ASKED, OVERDUE, RECEIVED, CLOSED = "asked", "overdue", "received", "closed"
"""How a retrieval stands: documents are missing; they are, and it is late; all have come; it has an outcome."""
RULE = "retrieval"
"""The `due_rule` of its case."""
MOST_TRANSACTIONS = 40


class Chosen(NamedTuple):
    """A transaction of an alert: the key of a row of `alert_transactions`."""

    alert_id: str
    txn_id: str
    txn_type: str
    time: str


def ask(
    store: Store, actor: Actor, case_id: int, chosen: Collection[Chosen], documents: Collection[str], text: str,
    now_ms: int, *, due_ms: int | None = None,
) -> int:  # fmt: skip
    """Ask a merchant for documents about transactions; the number of the retrieval's own case, which the actor holds.

    Args:
        store: the store.
        actor: who asks.
        case_id: whose alerts list the transactions.
        chosen: 1 to `MOST_TRANSACTIONS` of them, of one merchant.
        documents: keys of `DOCUMENTS`, at least one.
        text: why, or what to look at, 1 to 4,000 characters.
        now_ms: UTC milliseconds.
        due_ms: by when; None for the end of the fifth working day.

    Raises:
        NotFound: a transaction is not listed by the case's alerts.
        Refused: there are none or too many, of several merchants; a document is none; the deadline is over.
    """
    _check_asked(chosen, documents)
    said = checked_text(text, "the text of a retrieval")
    due_ms = store.working_days.after(now_ms, RETRIEVAL_WORKING_DAYS) if due_ms is None else due_ms
    if due_ms <= now_ms:
        raise Refused(f"due_ms must be after now, {now_ms}, got {due_ms}")
    with changing(store, actor, now_ms, WORKS, "to ask for documents") as change:
        source = change.case(case_id)
        merchant_id = _merchant_of(change, case_id, chosen)
        row = new_case(RETRIEVAL, source.is_aml, actor.user_id, now_ms, merchant_id=merchant_id) | {
            "holder": actor.user_id, "taken_ms": now_ms, "due_ms": due_ms, "due_rule": RULE,
        }  # fmt: skip
        made = int(change.connection.execute(insert(cases).returning(cases.c.case_id), row).scalar_one())
        asked = {"case_id": made, "from_case_id": case_id, "text": said, "by": actor.user_id, "asked_ms": now_ms}
        change.connection.execute(insert(retrievals), asked | {"closing_text": ""})
        change.connection.execute(
            insert(retrieval_transactions), [{"case_id": made, **each._asdict()} for each in sorted({*chosen})]
        )
        wanted = [{"case_id": made, "document": each} for each in sorted({*documents})]
        change.connection.execute(insert(retrieval_documents), wanted)
        change.note(
            "ask", change.case(made), from_case_id=case_id, due_ms=due_ms, documents=sorted({*documents}),
            transactions=[each.txn_id for each in sorted({*chosen})],
        )  # fmt: skip
        return made


def _check_asked(chosen: Collection[Chosen], documents: Collection[str]) -> None:
    if not 1 <= len(chosen) <= MOST_TRANSACTIONS:
        raise Refused(f"transactions must be 1 to {MOST_TRANSACTIONS}, got {len(chosen)}")
    if not documents or {*documents} - {*DOCUMENTS}:
        got = ", ".join(sorted({*documents} - {*DOCUMENTS})) or "none"
        raise Refused(f"documents must be of {', '.join(DOCUMENTS)}, got {got}")


def _merchant_of(change: Change, case_id: int, chosen: Collection[Chosen]) -> str:
    """Whose the chosen transactions are."""
    table = alert_transactions.c
    keys = or_(*(and_(*(table[name] == value for name, value in each._asdict().items())) for each in chosen))
    statement = select(alert_transactions, alerts.c.merchant_id).join(alerts, alerts.c.alert_id == table.alert_id)
    found = change.connection.execute(statement.where(alerts.c.case_id == case_id, keys)).all()
    listed = {Chosen(each.alert_id, each.txn_id, each.txn_type, each.time) for each in found}
    if missing := {*chosen} - listed:
        raise NotFound(f"there is no transaction {min(missing).txn_id} in case {case_id}")
    if len(merchants := {each.merchant_id for each in found}) != 1:
        raise Refused(f"transactions must be of one merchant, they are of {len(merchants)}")
    return str(found[0].merchant_id)


def receive(
    store: Store, files: Files, actor: Actor, case_id: int, document: str, name: str, data: bytes, now_ms: int
) -> int:
    """Attach a document that a retrieval has asked for; the attachment's number. A document may be of several files.

    Raises:
        NotFound, NotAllowed: the retrieval is not seen; the actor may not.
        Refused: it is closed, or has not asked for that; or as `casework.attachments.attach` has it.
    """
    digest = stored(store, files, actor, case_id, data, now_ms)
    with changing(store, actor, now_ms, COMMENTS, "to attach a document") as change:
        case, _ = _open(change, case_id)
        wanted = (retrieval_documents.c.case_id == case_id) & (retrieval_documents.c.document == document)
        if change.connection.execute(select(retrieval_documents).where(wanted)).first() is None:
            raise Refused(f"document must be one that case {case_id} has asked for, got {document!r}")
        attachment_id = add(change, files, case, name, data, digest)
        _received(change, case_id, document, attachment_id)
        return attachment_id


def receive_photo(change: Change, case: Any, photo: Any) -> None:
    """Have a photo of a task be a document of its retrieval, inside a change, if it is one that was asked for.

    Args:
        change: by the rep whose task it is; whether it sees the case is not asked.
        case: the row of the retrieval's case.
        photo: a row of `task_photos`, whose `slot` says which document it is.
    """
    wanted = (retrieval_documents.c.case_id == case.case_id) & (retrieval_documents.c.document == photo.slot)
    is_asked = change.connection.execute(select(retrieval_documents).where(wanted)).first() is not None
    if case.status == OPEN and is_asked:
        name = f"{photo.slot}-{photo.photo_id}.jpg"
        attachment_id = add_row(change, case, name, photo.shown_sha256, "image/jpeg", photo.shown_size)
        _received(change, case.case_id, photo.slot, attachment_id)


def _received(change: Change, case_id: int, document: str, attachment_id: int) -> None:
    row = {"attachment_id": attachment_id, "case_id": case_id, "document": document}
    change.connection.execute(insert(retrieval_files), row)
    first = (retrieval_documents.c.case_id == case_id) & (retrieval_documents.c.document == document)
    first &= retrieval_documents.c.received_ms.is_(None)
    change.connection.execute(update(retrieval_documents).where(first).values(received_ms=change.now_ms))
    if not _missing(change, case_id):
        change.connection.execute(update(cases).where(cases.c.case_id == case_id).values(due_ms=None, due_rule=""))


def close(store: Store, actor: Actor, case_id: int, outcome: str, text: str, now_ms: int) -> None:
    """Close a retrieval with its outcome; its open tasks are taken back.

    Raises:
        Refused: the outcome is none of `OUTCOMES`; it is closed; nothing came and the outcome says that something did.
    """
    if outcome not in OUTCOMES:
        raise Refused(f"outcome must be one of {', '.join(OUTCOMES)}, got {outcome!r}")
    said = checked_text(text, "the outcome of a retrieval")
    with changing(store, actor, now_ms, WORKS, "to close a retrieval") as change:
        case, _ = _open(change, case_id)
        came = select(retrieval_files.c.attachment_id).where(retrieval_files.c.case_id == case_id).limit(1)
        if outcome != "not_supplied" and change.connection.execute(came).first() is None:
            raise Refused(f"case {case_id} must have a document, or the outcome not_supplied")
        values = {"outcome": outcome, "closed_by": actor.user_id, "closed_ms": now_ms, "closing_text": said}
        change.connection.execute(update(retrievals).where(retrievals.c.case_id == case_id).values(values))
        change.change_case(case, status=DECIDED, due_ms=None, due_rule="", snoozed_until_ms=None)
        ending.of_decided(change, [case_id])
        change.note("close", case, outcome=outcome)


def _open(change: Change, case_id: int) -> tuple[Any, Any]:
    case = change.case(case_id, is_open=True)
    row = change.connection.execute(select(retrievals).where(retrievals.c.case_id == case_id)).first()
    if row is None:
        raise NotFound(f"there is no retrieval {case_id}")
    return case, row


def _missing(change: Change, case_id: int) -> int:
    wanted = select(func.count()).select_from(retrieval_documents)
    wanted = wanted.where(retrieval_documents.c.case_id == case_id, retrieval_documents.c.received_ms.is_(None))
    return int(change.connection.execute(wanted).scalar_one())


class Retrieval(NamedTuple):
    """A retrieval as it stands.

    Attributes:
        case: the row of its case.
        asked: its row of `retrievals`.
        documents: by document that was asked for, when it came, UTC milliseconds; None where it has not.
        status: `ASKED`, `OVERDUE`, `RECEIVED` or `CLOSED`.
    """

    case: Any
    asked: Any
    documents: dict[str, int | None]
    status: str


def listed(
    store: Store, actor: Actor, now_ms: int, *, from_case_id: int | None = None, only_open: bool = True
) -> list[Retrieval]:
    """Retrievals that the actor sees, those due first at the head.

    Args:
        store: the store.
        actor: who looks.
        now_ms: UTC milliseconds.
        from_case_id: only those asked for a case; None for all.
        only_open: whether those with an outcome are left out.
    """
    seen = [cases.c.kind == RETRIEVAL, sees(actor, now_ms)]
    seen += [cases.c.status == OPEN] if only_open else []
    seen += [retrievals.c.from_case_id == from_case_id] if from_case_id is not None else []
    of = retrievals.c.case_id == cases.c.case_id
    with store.reading() as connection:
        found = connection.execute(select(cases).join(retrievals, of).where(*seen)).all()
        asked = {each.case_id: each for each in connection.execute(select(retrievals).join(cases, of).where(*seen))}
        wanted = select(retrieval_documents).join(retrievals, retrievals.c.case_id == retrieval_documents.c.case_id)
        came: dict[int, dict[str, int | None]] = {each.case_id: {} for each in found}
        for each in connection.execute(wanted.join(cases, of).where(*seen)):
            came[each.case_id][each.document] = each.received_ms
    made = [
        Retrieval(each, asked[each.case_id], came[each.case_id], status_of(each, came[each.case_id], now_ms))
        for each in found
    ]
    return sorted(made, key=lambda each: (each.case.due_ms is None, each.case.due_ms, each.case.case_id))


def status_of(case: Any, came: dict[str, int | None], now_ms: int) -> str:
    """How a retrieval stands, by the row of its case and by what has come of each document."""
    if case.status != OPEN:
        return CLOSED
    if all(each is not None for each in came.values()):
        return RECEIVED
    return OVERDUE if case.due_ms is not None and case.due_ms < now_ms else ASKED
