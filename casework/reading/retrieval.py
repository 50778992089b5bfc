"""The page of a retrieval: what was asked about which transactions, what came of it, and what for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, select

from casework.errors import NotFound
from casework.people import sees
from casework.retrieval import status_of
from casework.schema import (
    alert_transactions,
    attachments,
    cases,
    retrieval_documents,
    retrieval_files,
    retrieval_transactions,
    retrievals,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from casework.people import Actor
    from casework.store import Store

_KEY = ("alert_id", "txn_id", "txn_type", "time")


class Document(NamedTuple):
    """A document that was asked for.

    Attributes:
        document: of `casework.retrieval.DOCUMENTS`.
        received_ms: when its first file came, UTC milliseconds; None where none has.
        files: rows of `attachments`.
    """

    document: str
    received_ms: int | None
    files: tuple[Any, ...]


class RetrievalPage(NamedTuple):
    """A retrieval.

    Attributes:
        asked: its row of `retrievals`.
        status: of `casework.retrieval`: `ASKED`, `OVERDUE`, `RECEIVED` or `CLOSED`.
        documents: in the order of their names.
        transactions: rows of `alert_transactions`, the latest first; none once they are too old to be kept.
    """

    asked: Any
    status: str
    documents: tuple[Document, ...]
    transactions: Sequence[Any]


def retrieval(store: Store, actor: Actor, case_id: int, now_ms: int) -> RetrievalPage:
    """A retrieval; raises NotFound where there is none that the actor sees."""
    joined = select(cases).join(retrievals, retrievals.c.case_id == cases.c.case_id)
    with store.reading() as connection:
        case = connection.execute(joined.where(cases.c.case_id == case_id, sees(actor, now_ms))).first()
        if case is None:
            raise NotFound(f"there is no retrieval {case_id}")
        asked = connection.execute(select(retrievals).where(retrievals.c.case_id == case_id)).one()
        documents = _documents(connection, case_id)
        came = {each.document: each.received_ms for each in documents}
        return RetrievalPage(asked, status_of(case, came, now_ms), documents, _transactions(connection, case_id))


def _documents(connection: Connection, case_id: int) -> tuple[Document, ...]:
    wanted = select(retrieval_documents).where(retrieval_documents.c.case_id == case_id)
    of_file = retrieval_files.c.attachment_id == attachments.c.attachment_id
    came = select(attachments, retrieval_files.c.document).join(retrieval_files, of_file)
    files = connection.execute(came.where(retrieval_files.c.case_id == case_id).order_by(attachments.c.attachment_id))
    listed = files.all()
    return tuple(
        Document(each.document, each.received_ms, tuple(file for file in listed if file.document == each.document))
        for each in connection.execute(wanted.order_by(retrieval_documents.c.document))
    )


def _transactions(connection: Connection, case_id: int) -> Sequence[Any]:
    same = and_(*(retrieval_transactions.c[name] == alert_transactions.c[name] for name in _KEY))
    statement = select(alert_transactions).join(retrieval_transactions, same)
    found = statement.where(retrieval_transactions.c.case_id == case_id)
    return connection.execute(found.order_by(alert_transactions.c.time.desc(), alert_transactions.c.txn_id)).all()
