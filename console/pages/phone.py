"""The rep's pages: by a link or signed in, what is to be done in whose shop by when, and the answer."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import UploadFile

from casework.errors import NotAllowed, NotSignedIn, Throttled
from casework.persons import names_of_people
from casework.retrieval import DOCUMENTS as DOCUMENT_WORDS
from casework.tasks import answering, links, photos, reading
from casework.tasks.kinds import DOCUMENTS
from casework.tasks.words import CHECKS, KINDS, SAID, SLOTS, STATUSES
from console.page import console_of
from console.phone import forms
from console.phone.page import (
    LANGUAGE_COOKIE,
    Fields,
    PhonePage,
    RepPage,
    own_path,
    phone_cookie,
    render,
)  # fmt: skip
from console.security import address_of, is_own
from domain.timestamps import DAY_MS

router = APIRouter(prefix="/phone")
HOME = "/phone"
CLOSED_DAYS = 14
"""For how long answered tasks are listed."""
_YEAR_S = 365 * 86_400


# -- links


@router.get("/l/{secret}")
def look(request: Request, secret: str) -> Response:
    """Show that a link is one; only its button uses it, for previews open links too."""
    console = console_of(request)
    try:
        linked = links.look_at(console.store, secret, address_of(request), console.now_ms())
    except NotSignedIn as error:
        return _refused(request, error)
    with console.store.reading() as connection:
        names = names_of_people(connection, [linked.user_id], console.now_ms())
    name = names.get(linked.user_id, linked.user_id)
    return render(request, "phone/landing.html", secret=secret, linked=linked, name=name)


@router.post("/l/{secret}")
def use(request: Request, secret: str) -> Response:
    """Use a link on this phone: the rep knows of the task, and its page follows."""
    if not is_own(request):
        raise NotAllowed("a link must be opened on its own page")
    console = console_of(request)
    now_ms, cookie = console.now_ms(), phone_cookie(console)
    try:
        device = links.use(console.store, secret, request.cookies.get(cookie, ""), address_of(request), now_ms)
        phone = links.phone_of(console.store, device, now_ms)
        task_id = links.look_at(console.store, secret, address_of(request), now_ms).task_id
    except (NotSignedIn, NotAllowed) as error:
        return _refused(request, error)
    answer = RedirectResponse(HOME if task_id is None else f"{HOME}/tasks/{task_id}", status_code=303)
    if task_id is not None:
        answering.acknowledge(console.store, phone.actor, task_id, now_ms)
    answer.set_cookie(
        cookie, device, max_age=(phone.until_ms - now_ms) // 1000, httponly=True, samesite="lax",
        secure=console.is_https,
    )  # fmt: skip
    return answer


def _refused(request: Request, error: NotSignedIn | NotAllowed) -> Response:
    status = 429 if isinstance(error, Throttled) else 403 if isinstance(error, NotAllowed) else 404
    request.app.state.metrics.refuse("link")
    answer = render(request, "phone/no_link.html", status, code=status)
    if isinstance(error, Throttled):
        answer.headers["Retry-After"] = str(-(-error.wait_ms // 1000))
    return answer


@router.post("/leave")
def leave(page: RepPage) -> Response:
    """Sign the phone out; its link is good no more."""
    answer = page.go("/login" if not page.by_link else f"{HOME}/left")
    cookie = phone_cookie(page.console)
    if page.by_link:
        links.end(page.console.store, page.request.cookies.get(cookie, ""), page.now_ms)
    answer.delete_cookie(cookie, secure=page.console.is_https, httponly=True, samesite="lax")
    return answer


@router.get("/left")
def left(request: Request) -> Response:
    """Say that the phone is signed out."""
    return render(request, "phone/no_link.html", code=200)


@router.post("/lang/{lang}")
def choose(page: RepPage, lang: str) -> Response:
    """Have the phone's pages in another language."""
    answer = page.go(own_path(page.request.headers.get("referer", ""), HOME))
    wanted = "en" if lang == "en" else "zh"
    answer.set_cookie(LANGUAGE_COOKIE, wanted, max_age=_YEAR_S, samesite="lax", secure=page.console.is_https)
    return answer


# -- tasks


@router.get("")
def listed(page: RepPage) -> Response:
    """What is open, those due first at the head, and what was answered lately."""
    store, since_ms = page.console.store, page.now_ms - CLOSED_DAYS * DAY_MS
    return page.render(
        "phone/list.html", tasks=reading.open_tasks(store, page.actor, page.now_ms),
        closed=reading.closed_tasks(store, page.actor, since_ms, page.now_ms), kinds=KINDS, now_ms=page.now_ms,
        closed_days=CLOSED_DAYS,
    )  # fmt: skip


@router.get("/tasks/{task_id}")
def show(page: RepPage, task_id: int) -> Response:
    """A task: until the rep knows of it what it is, then its form, then what was answered."""
    it = reading.task(page.console.store, page.actor, task_id, page.now_ms)
    row = it.task.row
    is_form = row.status == "open" and row.opened_ms is not None
    return page.render(
        "phone/task.html", it=it, task=it.task, row=row, is_form=is_form, now_ms=page.now_ms, kinds=KINDS,
        checks=CHECKS, said=SAID, slots=SLOTS, wanted=_slots(page, it), outcomes=forms.OUTCOMES, statuses=STATUSES,
        finding_days=() if row.kind == DOCUMENTS else forms.FINDING_DAYS, chunk_bytes=photos.CHUNK_BYTES,
        most_bytes=photos.MOST_BYTES, photos_days=photos.PHOTOS_DAYS, positions_days=photos.POSITIONS_DAYS,
    )  # fmt: skip


def _slots(page: PhonePage, it: reading.TaskPage) -> list[str]:
    """What photos the page asks for: documents of a retrieval that have not come, or those of the checklist."""
    if it.task.row.kind == DOCUMENTS:
        wanted = reading.documents_wanted(page.console.store, page.actor, it.task.row.task_id, page.now_ms)
        return [*[each for each in DOCUMENT_WORDS if each in wanted], "other"]
    found = [CHECKS[each].photo for each in it.task.checklist if CHECKS[each].photo]
    return [*dict.fromkeys(found), "other"]


@router.post("/tasks/{task_id}/know")
def know(page: RepPage, task_id: int) -> Response:
    """Note that the rep knows of a task."""
    answering.acknowledge(page.console.store, page.actor, task_id, page.now_ms)
    return page.go(f"{HOME}/tasks/{task_id}")


@router.post("/tasks/{task_id}/answer")
def answer(page: RepPage, task_id: int, form: Fields) -> Response:
    """Answer a task, with the photos of the form where scripts have not sent them before."""
    given = forms.given_of(form, page.now_ms)
    for name, file in form.multi_items():
        if isinstance(file, UploadFile) and file.filename and name.removeprefix("photo_") in SLOTS:
            data = file.file.read(photos.MOST_BYTES + 1)
            slot = name.removeprefix("photo_")
            photos.put(page.console.store, page.console.files, page.actor, task_id, slot, data, page.now_ms)
    answering.answer(page.console.store, page.actor, task_id, given, page.now_ms)
    return page.go(f"{HOME}/tasks/{task_id}")


@router.post("/tasks/{task_id}/forget")
def forget(page: RepPage, task_id: int) -> Response:
    """Erase where the phone said that it was."""
    photos.erase_position(page.console.store, page.actor, task_id, page.now_ms)
    return page.go(f"{HOME}/tasks/{task_id}")
