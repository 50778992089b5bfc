"""Signing in and out: by password, or with a one-time link."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from casework import logins
from casework.errors import NotAllowed, NotSignedIn, Refused, Throttled
from casework.people import OFFICE_ROLES
from console.page import AnyPage, Console, console_of, render, session_cookie, signed_in
from console.security import address_of, is_own

router = APIRouter()
HOME, REPS_HOME = "/queue", "/shops"
"""Where somebody begins: in the office with the queue, which reps do not see."""


def _inside(path: str) -> str:
    """A path of this console; the first page for whatever would lead elsewhere."""
    is_path = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_path else HOME


def _begun(console: Console, secret: str, path: str) -> Response:
    roles = logins.session_of(console.store, secret, console.now_ms()).actor.roles
    where = REPS_HOME if path == HOME and not roles & OFFICE_ROLES else _inside(path)
    answer = RedirectResponse(where, status_code=303)
    answer.set_cookie(
        session_cookie(console), secret, max_age=logins.SESSION_MS // 1000, httponly=True, samesite="lax",
        secure=console.is_https,
    )  # fmt: skip
    return answer


def _check_own(request: Request) -> None:
    if not is_own(request):
        raise NotAllowed("signing in must begin on a page of this console")


@router.get("/")
def home() -> Response:
    """Lead to the first page."""
    return RedirectResponse(HOME, status_code=303)


@router.get("/login")
def ask(request: Request, next: str = HOME) -> Response:  # noqa: A002  the parameter's usual name
    """Ask for name and password; whoever is signed in goes on."""
    if signed_in(request):
        return RedirectResponse(_inside(next), status_code=303)
    is_first = not logins.has_users(console_of(request).store)
    return render(request, "login.html", next=_inside(next), user_id="", refused=None, is_first=is_first)


@router.post("/login")
def sign_in(
    request: Request, user_id: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = HOME,  # noqa: A002  the parameter's usual name
) -> Response:  # fmt: skip
    """Begin a session by name and password."""
    _check_own(request)
    console = console_of(request)
    address = address_of(request)
    try:
        secret = logins.sign_in(console.store, user_id.strip(), password, address, console.now_ms())
    except NotSignedIn as error:
        status, values = (429 if isinstance(error, Throttled) else 401), {"next": _inside(next), "is_first": False}
        request.app.state.metrics.refuse("wait" if isinstance(error, Throttled) else "password")
        return render(request, "login.html", status, user_id=user_id[:64], refused=error, **values)
    return _begun(console, secret, next)


@router.get("/login/{secret}")
def ask_once(request: Request, secret: str) -> Response:
    """Show what a one-time link does; only its button uses it up, for previews open links too."""
    console = console_of(request)
    try:
        user_id = logins.link_user(console.store, secret, console.now_ms())
    except NotSignedIn as error:
        return render(request, "login.html", 401, next=HOME, user_id="", refused=error, is_first=False)
    if user_id is None:
        return render(request, "first.html", secret=secret, user_id="", name="", refused=None)
    return render(request, "once.html", secret=secret, user_id=user_id)


@router.post("/login/{secret}")
def use_once(
    request: Request, secret: str, user_id: Annotated[str, Form()] = "", name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Begin a session with a one-time link; where there are no users, make the first one."""
    _check_own(request)
    console = console_of(request)
    now_ms = console.now_ms()
    try:
        if logins.link_user(console.store, secret, now_ms) is not None:
            return _begun(console, logins.use_link(console.store, secret, now_ms), HOME)
        given = (user_id.strip(), name.strip(), password)
        return _begun(console, logins.make_first_user(console.store, secret, *given, now_ms), "/users")
    except NotSignedIn as error:
        request.app.state.metrics.refuse("link")
        return render(request, "login.html", 401, next=HOME, user_id="", refused=error, is_first=False)
    except Refused as error:
        return render(request, "first.html", 422, secret=secret, user_id=user_id, name=name, refused=error)


@router.post("/logout")
def sign_out(page: AnyPage) -> Response:
    """End the session."""
    logins.sign_out(page.store, page.session, page.now_ms)
    answer = page.go("/login")
    answer.delete_cookie(session_cookie(page.console), secure=page.console.is_https, httponly=True, samesite="lax")
    return answer
