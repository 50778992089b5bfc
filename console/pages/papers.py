"""Papers of a case: attached files, documents that a merchant is asked for (调单), drafts of its master data."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import StreamingResponse

from casework import attachments, drafts, pack, retrieval
from casework.attachments import MOST_BYTES
from casework.errors import Refused
from casework.reading import case as cases
from casework.reading.case import CaseShop
from casework.retrieval import Chosen
from console.page import AnyPage, CommentPage, LeadPage, Page, Words, WorkPage
from console.pages.case import FIXABLE
from console.pages.work import back
from console.tables import disposition
from console.times import parse_day

router = APIRouter()
Upload = Annotated[UploadFile, File()]
_PPM_OF_PERCENT = 10_000
_MOST_RATE = Decimal(100)


# -- attached files


@router.post("/cases/{case_id}/attachments")
def attach(page: CommentPage, case_id: int, file: Upload) -> Response:
    """Attach a file."""
    name, data = _read(file)
    attachments.attach(page.store, page.console.files, page.actor, case_id, name, data, page.now_ms)
    return back(page, case_id)


@router.get("/attachments/{attachment_id}")
def download(page: AnyPage, attachment_id: int) -> Response:
    """An attached file as it was sent; never shown, for it may be anything."""
    found = attachments.read(page.store, page.console.files, page.actor, attachment_id, page.now_ms)
    headers = {"Content-Disposition": disposition(found.name), "Content-Security-Policy": "sandbox"}
    return Response(found.data, media_type=found.media_type, headers=headers)


def _read(file: UploadFile) -> tuple[str, bytes]:
    """A file's name and bytes; raises Refused where there is none. Of one that is too long, a byte too many."""
    if not file.filename:
        raise Refused("a file must be chosen, got none")
    return file.filename, file.file.read(MOST_BYTES + 1)


# -- documents that a merchant is asked for


@router.post("/cases/{case_id}/retrievals")
def ask(
    page: WorkPage, case_id: int, txn: Annotated[list[str], Form()], document: Annotated[list[str], Form()],
    text: Words, until: Words = "",
) -> Response:  # fmt: skip
    """Ask for documents about transactions, each the JSON list of a `Chosen`; the retrieval's page follows."""
    due_ms = parse_day(until, page.console.zone, page.now_ms) if until else None
    chosen = [_chosen(each) for each in txn]
    made = retrieval.ask(
        page.store, page.actor, case_id, {*chosen}, {*document}, text, page.now_ms, due_ms=due_ms
    )  # fmt: skip
    return page.go(f"/cases/{made}")


def _chosen(text: str) -> Chosen:
    try:
        return Chosen(*msgspec.json.decode(text, type=tuple[str, str, str, str]))
    except msgspec.DecodeError as error:
        raise Refused(f"txn must be alert, transaction, type and time as JSON, got {text[:60]!r}") from error


@router.post("/cases/{case_id}/documents/{document}")
def receive(page: CommentPage, case_id: int, document: str, file: Upload) -> Response:
    """Attach a document that was asked for."""
    name, data = _read(file)
    retrieval.receive(page.store, page.console.files, page.actor, case_id, document, name, data, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/close")
def close(page: WorkPage, case_id: int, result: Words, text: Words) -> Response:
    """Close a retrieval with its outcome."""
    retrieval.close(page.store, page.actor, case_id, result, text, page.now_ms)
    return back(page, case_id)


@router.get("/cases/{case_id}/pack.zip")
def packed(page: AnyPage, case_id: int) -> Response:
    """What came of a retrieval, as one archive."""
    parts = pack.pack(page.store, page.console.files, page.actor, case_id, page.now_ms)
    headers = {"Content-Disposition": disposition(f"retrieval-{case_id}.zip")}
    return StreamingResponse(_begun(parts), media_type="application/zip", headers=headers)


def _begun(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts, of which the first is made at once: what cannot be read at all is refused, not cut off."""
    return chain([next(parts)], parts)


# -- drafts of master data and contract


@router.post("/cases/{case_id}/drafts/mcc")
def approve_mcc(page: WorkPage, case_id: int, mcc: Words, comment: Words, until: Words = "") -> Response:
    """Draft that another MCC is registered too, until a day if one is named."""
    shop = _shop(page, case_id)
    changes = {"mccs": [*dict.fromkeys([*(shop.master.get("mccs") or ()), mcc.strip()])]}
    return _draft(page, case_id, shop, drafts.MERCHANT, changes, comment, until)


@router.post("/cases/{case_id}/drafts/field")
def change_field(
    page: WorkPage, case_id: int, field: Words, comment: Words, value: Words = "", until: Words = ""
) -> Response:
    """Draft another text of a field of the master data."""
    if field not in FIXABLE:
        raise Refused(f"field must be one of {', '.join(FIXABLE)}, got {field[:40]!r}")
    changes = {field: value.strip() or None}
    return _draft(page, case_id, _shop(page, case_id), drafts.MERCHANT, changes, comment, until)


@router.post("/cases/{case_id}/drafts/rate")
def change_rate(
    page: WorkPage, case_id: int, place: Annotated[int, Form()], rate: Words, comment: Words, until: Words = ""
) -> Response:
    """Draft another rate, in percent, of a price of the contract, by its place."""
    shop = _shop(page, case_id)
    prices: list[dict[str, Any]] = [*(shop.contract.get("prices") or ())]
    if not 0 <= place < len(prices):
        raise Refused(f"place must be that of one of {len(prices)} prices, got {place}")
    prices[place] = {**prices[place], "rate_ppm": _ppm(rate)}
    return _draft(page, case_id, shop, drafts.CONTRACT, {"prices": prices}, comment, until)


def _ppm(percent: str) -> int:
    try:
        rate = Decimal(percent.strip().removesuffix("%").strip())
    except InvalidOperation as error:
        raise Refused(f"rate must be a number of percent, got {percent[:20]!r}") from error
    if not (rate.is_finite() and 0 <= rate <= _MOST_RATE) or rate * _PPM_OF_PERCENT % 1:
        raise Refused(f"rate must be 0 to 100 percent, to the ten-thousandth, got {percent[:20]!r}")
    return int(rate * _PPM_OF_PERCENT)


def _shop(page: Page, case_id: int) -> CaseShop:
    it = cases.case(page.store, page.actor, case_id, page.now_ms)
    if it.shop is None:
        raise Refused(f"case {case_id} must be of one merchant, it is of a cause")
    return it.shop


def _draft(
    page: Page, case_id: int, shop: CaseShop, kind: str, changes: dict[str, Any], why: str, until: str
) -> Response:  # fmt: skip
    until_ms = parse_day(until, page.console.zone, page.now_ms) if until else None
    drafts.draft(
        page.store, page.actor, kind, shop.merchant_id, changes, why, page.now_ms, until_ms=until_ms,
        case_id=case_id,
    )  # fmt: skip
    return back(page, case_id)


@router.post("/cases/{case_id}/drafts/{draft_id}/approve")
def approve_draft(page: LeadPage, case_id: int, draft_id: int) -> Response:
    """Approve another's draft, which goes to the log then."""
    drafts.approve(page.store, page.actor, draft_id, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/drafts/{draft_id}/reject")
def reject_draft(page: LeadPage, case_id: int, draft_id: int, comment: Words) -> Response:
    """Reject another's draft, with a reason."""
    drafts.reject(page.store, page.actor, draft_id, comment, page.now_ms)
    return back(page, case_id)
