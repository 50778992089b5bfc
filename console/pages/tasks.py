"""Tasks of a case: an analyst gives them to reps, reads what came, and looks at the photos."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Response

from casework.errors import NotFound
from casework.reading import case as cases
from casework.tasks import answering, links, making, photos, reading
from console.page import LeadPage, OfficePage, Page, Words, WorkPage
from console.pages.work import back
from console.security import ALONE
from console.tables import disposition
from console.times import parse_day

router = APIRouter()


@router.post("/cases/{case_id}/tasks")
def give(
    page: WorkPage, case_id: int, kind: Words, rep_id: Words, until: Words,
    check: Annotated[list[str] | None, Form()] = None, text: Words = "", merchant_id: Words = "",
) -> Response:  # fmt: skip
    """Give a rep a task; without items of a checklist with what is usual for the kind."""
    case = cases.row_of(page.store, page.actor, case_id, page.now_ms)
    making.give(
        page.store, page.actor, merchant_id=case.merchant_id or merchant_id, rep_id=rep_id.strip(), kind=kind,
        due_ms=_evening(page, until), checklist=check or None, text=text, case_id=case_id, now_ms=page.now_ms,
    )  # fmt: skip
    return back(page, case_id)


@router.post("/cases/{case_id}/tasks/{task_id}/withdraw")
def withdraw(page: WorkPage, case_id: int, task_id: int, text: Words) -> Response:
    """Take an open task back."""
    _check(page, case_id, task_id)
    making.withdraw(page.store, page.actor, task_id, text, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/tasks/{task_id}/finding")
def find(page: WorkPage, case_id: int, task_id: int, until: Words, text: Words) -> Response:
    """Have the merchant put right what was found, and the rep check it again."""
    _check(page, case_id, task_id)
    answering.set_finding(page.store, page.actor, task_id, _evening(page, until), text, page.now_ms)
    return back(page, case_id)


@router.post("/cases/{case_id}/tasks/{task_id}/link")
def link(page: WorkPage, case_id: int, task_id: int) -> Response:
    """Make a link that opens a task on its rep's phone, shown once."""
    _check(page, case_id, task_id)
    secret = links.link_for(page.store, page.actor, task_id, page.now_ms)
    template = "case/task_link.html" if page.is_part else "case/task_link_page.html"
    answer = page.render(template, address=f"{page.address}/phone/l/{quote(secret)}", case_id=case_id)
    answer.headers["HX-Retarget"], answer.headers["HX-Reswap"] = "#notices", "beforeend"
    return answer


@router.get("/photos/{photo_id}")
def show(page: OfficePage, photo_id: int) -> Response:
    """A photo as it is shown: the picture alone, without what the phone has written into it."""
    found = photos.read(page.store, page.console.files, page.actor, photo_id, page.now_ms)
    return Response(found.data, media_type="image/jpeg", headers=ALONE)


@router.get("/photos/{photo_id}/sent")
def download(page: LeadPage, photo_id: int) -> Response:
    """A photo as it was sent, for who must show that its SHA-256 fits; never shown here."""
    found = photos.read(page.store, page.console.files, page.actor, photo_id, page.now_ms, as_sent=True)
    name = disposition(f"photo-{photo_id}-{found.row.sha256[:12]}")
    return Response(found.data, media_type=found.row.media_type, headers={**ALONE, "Content-Disposition": name})


@router.post("/cases/{case_id}/photos/{photo_id}/erase")
def erase(page: LeadPage, case_id: int, photo_id: int, text: Words) -> Response:
    """Erase a photo of a case's task."""
    it = reading.of_case(page.store, page.actor, case_id, page.now_ms)
    if photo_id not in {photo.photo_id for each in it for photo in each.photos}:
        raise NotFound(f"there is no photo {photo_id} of case {case_id}")
    photos.erase(page.store, page.console.files, page.actor, photo_id, text, page.now_ms)
    return back(page, case_id)


def _check(page: Page, case_id: int, task_id: int) -> None:
    """Refuse a task that is of another case; raises NotFound."""
    if reading.task(page.store, page.actor, task_id, page.now_ms).task.row.case_id != case_id:
        raise NotFound(f"there is no task {task_id} of case {case_id}")


def _evening(page: Page, day: str) -> int:
    """When a day that was named ends for reps: at 6 in the evening, UTC milliseconds."""
    return parse_day(day, page.console.zone, page.now_ms) + 9 * 3_600_000
