"""What came of a retrieval as one zip archive: the documents, the transactions, and a manifest of who sent what when.

The same retrieval gives the same bytes: files are stored as they are, in a fixed order, under a fixed time.
"""

from __future__ import annotations

import csv
import io
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import msgspec
from sqlalchemy import and_, select

from casework.errors import NotFound, StoreFailed
from casework.people import sees
from casework.retrieval import DOCUMENTS
from casework.schema import (
    alert_transactions,
    attachments,
    cases,
    retrieval_documents,
    retrieval_files,
    retrieval_transactions,
    retrievals,
)
from domain.timestamps import iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from casework.files import Files
    from casework.people import Actor
    from casework.store import Store

_COLUMNS = (
    "txn_id", "txn_type", "time", "amount_minor", "currency", "mcc", "terminal_id", "rrn", "stan", "card_last4",
    "response_code",
)  # fmt: skip
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet computes."""


class _Sink(io.RawIOBase):
    """Keeps what an archive writes until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._kept = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._kept += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._kept)
        self._kept.clear()
        return taken


def pack(store: Store, files: Files, actor: Actor, case_id: int, now_ms: int) -> Iterator[bytes]:
    """The archive of a retrieval, part by part; nothing of it is kept in memory but a part.

    Raises:
        NotFound: there is no such retrieval, or the actor does not see it; at once.
        StoreFailed: the bytes of a document are not those that were attached; while it is read.
    """
    with store.reading() as connection:
        case = connection.execute(
            select(cases, retrievals)
            .join(retrievals, retrievals.c.case_id == cases.c.case_id)
            .where(cases.c.case_id == case_id, sees(actor, now_ms))
        ).first()
        if case is None:
            raise NotFound(f"there is no retrieval {case_id}")
        came = connection.execute(
            select(attachments, retrieval_files.c.document)
            .join(retrieval_files, retrieval_files.c.attachment_id == attachments.c.attachment_id)
            .where(retrieval_files.c.case_id == case_id)
            .order_by(retrieval_files.c.document, attachments.c.attachment_id)
        ).all()
        chosen = connection.execute(_transactions(case_id)).all()
        wanted = select(retrieval_documents).where(retrieval_documents.c.case_id == case_id)
        asked = [each.document for each in connection.execute(wanted.order_by(retrieval_documents.c.document))]
    table = _table(chosen)
    return _written(files, _manifest(case, asked, came, table), table, came)


def _transactions(case_id: int) -> Any:
    chosen, table = retrieval_transactions.c, alert_transactions.c
    same = and_(*(chosen[name] == table[name] for name in ("alert_id", "txn_id", "txn_type", "time")))
    columns = (table[name] for name in _COLUMNS)
    joined = select(*columns).distinct().join(retrieval_transactions, same).where(chosen.case_id == case_id)
    return joined.order_by(table.time, table.txn_id, table.txn_type)


def _table(chosen: Sequence[Any]) -> bytes:
    """The transactions as CSV in UTF-8, in which no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for each in chosen:
        writer.writerow(f"'{cell}" if str(cell).startswith(_FORMULAS) else cell for cell in each)
    return text.getvalue().encode()


def _path(place: int, row: Any) -> str:
    return f"documents/{place:02d}-{row.document}-{row.name}"


def _manifest(case: Any, asked: Sequence[str], came: Sequence[Any], table: bytes) -> bytes:
    said = {
        "retrieval": case.case_id, "merchant_id": case.merchant_id, "asked_by": case.by, "asked": iso(case.asked_ms),
        "text": case.text,
        "documents": {each: {"en": DOCUMENTS[each].en, "zh": DOCUMENTS[each].zh} for each in asked},
        "missing": sorted({*asked} - {each.document for each in came}),
        "outcome": case.outcome, "closed": None if case.closed_ms is None else iso(case.closed_ms),
        "files": [{"path": "transactions.csv", "sha256": sha256(table).hexdigest(), "size": len(table)}] + [
            {
                "path": _path(i, each), "document": each.document, "sha256": each.sha256, "size": each.size,
                "media_type": each.media_type, "by": each.by, "received": iso(each.attached_ms),
            }
            for i, each in enumerate(came, 1)
        ],
    }  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(said), indent=2) + b"\n"


def _written(files: Files, manifest: bytes, table: bytes, came: Sequence[Any]) -> Iterator[bytes]:
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for name, data in (("manifest.json", manifest), ("transactions.csv", table)):
            archive.writestr(_info(name, len(data)), data)
            yield sink.take()
        for i, each in enumerate(came, 1):
            digest = sha256()
            with archive.open(_info(_path(i, each), each.size), "w") as entry:
                for part in files.parts(each.sha256):
                    digest.update(part)
                    entry.write(part)
                    yield sink.take()
            if digest.hexdigest() != each.sha256:
                raise StoreFailed(f"casework files: {each.sha256} must be the SHA-256 of its bytes, it is not")
    yield sink.take()


def _info(name: str, size: int) -> ZipInfo:
    info = ZipInfo(name)  # of 1980-01-01, the earliest that an archive can have
    info.file_size, info.external_attr, info.create_system = size, 0o600 << 16, 3
    return info
