"""One request for a page by somebody who is signed in, and who may make which.

Each route names the roles that may call it, by `page_for`; `tests/console/test_access.py` refuses a route without.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from casework.errors import NotAllowed, NotSignedIn
from casework.files import Files
from casework.logins import Session, session_of
from casework.people import COMMENTS, LEADS, OFFICE_ROLES, ROLES, WORKS, Actor
from casework.preferences import LANGUAGES, Preferences, preferences_of
from casework.store import Store
from console.languages import Say, accepted, speaker
from console.security import check_change
from engine.control_kinds.registry import kind_of
from notices.routing.reading import read_routing
from notices.routing.routes import Routing
from streams.log import Log

COOKIE = "tillwatch_session"
EVERYBODY = frozenset(ROLES)
FILES = "var/casework-files"
"""The folder of attached files, where no other is set."""


@dataclass(frozen=True, kw_only=True)
class Console:
    """What pages are served from.

    Attributes:
        store: of cases.
        zone: time zone of what is shown, an IANA name.
        now_ms: tells the time, UTC milliseconds.
        public_url: where browsers reach the console, without a slash at its end; "" for wherever they do.
        is_https: whether that is over TLS.
        files: where attached files are.
        hosts: names under which it answers; empty for any.
        metrics_token: what a request for `/metrics` must carry; "" where nobody gets them.
        open_log: opens the log that is filed from, for one thread; None where there is none to open.
        version_0: gives version 0 of a kind of control, for a log that has no version of it.
        routing: reads who hears of what in notices.
        feeds: declared for posted events, the first for those that name none.
        overlap_s: how far back posted events are looked for among what other inputs brought, seconds.
    """

    store: Store
    zone: str
    now_ms: Callable[[], int]
    public_url: str = ""
    is_https: bool = False
    files: Files = field(default_factory=lambda: Files(Path(FILES)))
    hosts: tuple[str, ...] = ()
    metrics_token: str = ""
    open_log: Callable[[], Log] | None = None
    version_0: Callable[[str], bytes] = lambda kind: kind_of(kind).default({})
    routing: Callable[[], Routing] = read_routing
    feeds: tuple[str, ...] = ("main",)
    overlap_s: int = 86_400


def session_cookie(console: Console) -> str:
    """The name of the session's cookie; over TLS one that no other host, path or plain connection can set."""
    return f"__Host-{COOKIE}" if console.is_https else COOKIE


def console_of(request: Request) -> Console:
    """What the request's pages are served from."""
    found: Console = request.app.state.console
    return found


@dataclass(frozen=True)
class Page:
    """A request by somebody who is signed in, and what its answer is made with.

    Attributes:
        request: as it came.
        session: whose.
        console: what pages are served from.
        now_ms: of the request, UTC milliseconds.
        preferences: of the person.
    """

    request: Request
    session: Session
    console: Console
    now_ms: int
    preferences: Preferences

    @property
    def store(self) -> Store:
        """The store of cases."""
        return self.console.store

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return self.session.actor

    @property
    def lang(self) -> str:
        """The language of the answer."""
        return language(self.request, self.preferences.lang)

    @property
    def say(self) -> Say:
        """Picks the answer's words from English and Chinese ones."""
        return speaker(self.lang)

    @property
    def address(self) -> str:
        """Where browsers reach the console, without a slash at its end."""
        url = self.request.url
        return self.console.public_url.rstrip("/") or f"{url.scheme}://{url.netloc}"

    @property
    def is_part(self) -> bool:
        """Whether the answer takes the place of a part of a page, rather than of all of it."""
        headers = self.request.headers
        return "hx-request" in headers and "hx-history-restore-request" not in headers and "hx-boosted" not in headers

    def is_of(self, roles: Collection[str]) -> bool:
        """Whether the person has one of the roles."""
        return not self.actor.roles.isdisjoint(roles)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page, or a part of one, from a template."""
        return render(self.request, template, status, page=self, **values)

    def go(self, path: str) -> Response:
        """Answer a change with another page."""
        if self.is_part:
            return Response(status_code=204, headers={"HX-Redirect": path})
        return RedirectResponse(path, status_code=303)


def language(request: Request, chosen: str = "") -> str:
    """The language of an answer: the person's choice, else the cookie of a choice before, else the browser's."""
    wanted = chosen or request.cookies.get("tillwatch_lang", "")
    return wanted if wanted in LANGUAGES else accepted(request.headers.get("accept-language", ""))


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page from a template, for somebody who may be nobody: `page` is None then."""
    found = values.setdefault("page", None)
    lang = found.lang if found else language(request)
    values |= {"lang": lang, "say": speaker(lang), "zone": console_of(request).zone}
    answer: Response = request.app.state.templates.TemplateResponse(request, template, values, status_code=status)
    return answer


def page_for(roles: Collection[str]) -> Any:
    """A dependency that gives the `Page` to somebody who has one of the roles, and refuses everybody else."""
    allowed = frozenset(roles)

    def page_of(request: Request) -> Page:
        console = console_of(request)
        now_ms = console.now_ms()
        session = session_of(console.store, request.cookies.get(session_cookie(console), ""), now_ms)
        if not session.actor.roles & allowed:
            raise NotAllowed(f"{request.url.path} needs one of the roles {', '.join(sorted(allowed))}")
        check_change(request, session.csrf)
        return Page(request, session, console, now_ms, preferences_of(console.store, session.actor.user_id))

    page_of.roles = allowed  # type: ignore[attr-defined]  # read by the test of access
    return Depends(page_of)


def to_login(request: Request) -> Response:
    """Answer somebody who is not signed in: with the login, which leads back to what was asked for."""
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    if request.method != "GET":
        return RedirectResponse("/login", status_code=303)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?{urlencode({'next': wanted})}", status_code=303)


def signed_in(request: Request) -> bool:
    """Whether the request is of somebody who is signed in."""
    console = console_of(request)
    try:
        session_of(console.store, request.cookies.get(session_cookie(console), ""), console.now_ms())
    except NotSignedIn:
        return False
    return True


AnyPage = Annotated[Page, page_for(EVERYBODY)]
OfficePage = Annotated[Page, page_for(OFFICE_ROLES)]
CommentPage = Annotated[Page, page_for(COMMENTS)]
WorkPage = Annotated[Page, page_for(WORKS)]
LeadPage = Annotated[Page, page_for(LEADS)]
Words = Annotated[str, Form()]
"""A field of a form."""
