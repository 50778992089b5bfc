"""One request for a page of the rep's: signed in by a link on this phone, or as everywhere."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.datastructures import FormData

from casework.errors import NotAllowed, NotSignedIn, Throttled
from casework.logins import session_of
from casework.people import REP, Actor
from casework.preferences import LANGUAGES, preferences_of
from casework.tasks.links import phone_of
from console.languages import Say, speaker
from console.page import Console, console_of, session_cookie, to_login
from console.refusals import in_words
from console.security import HEADERS, check_change

COOKIE = "tillwatch_phone"
LANGUAGE_COOKIE = "tillwatch_lang"
POLICY = "Permissions-Policy"
ROLES = frozenset({REP})


def phone_cookie(console: Console) -> str:
    """The name of the cookie of a phone that a link has signed in; over TLS one that nobody else can set."""
    return f"__Host-{COOKIE}" if console.is_https else COOKIE


@dataclass(frozen=True)
class PhonePage:
    """A request by a rep.

    Attributes:
        request: as it came.
        console: what pages are served from.
        actor: who asks; with a link, with the role `rep` alone.
        name: what the person is called.
        csrf: what each change must carry.
        now_ms: of the request, UTC milliseconds.
        by_link: whether a link has signed the phone in.
        chosen: the language that the person has set; "" for none.
    """

    request: Request
    console: Console
    actor: Actor
    name: str
    csrf: str
    now_ms: int
    by_link: bool
    chosen: str = ""

    @property
    def lang(self) -> str:
        """The language of the answer."""
        return language(self.request, self.chosen)

    @property
    def say(self) -> Say:
        """Picks the answer's words from English and Chinese ones."""
        return speaker(self.lang)

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page from a template."""
        return render(self.request, template, status, page=self, **values)

    def go(self, path: str) -> Response:
        """Answer a change with another page."""
        return RedirectResponse(path, status_code=303)


def language(request: Request, chosen: str = "") -> str:
    """The language of a page for the phone: as the person has chosen; else Chinese, unless the phone asks otherwise."""
    wanted = request.cookies.get(LANGUAGE_COOKIE, "") or chosen
    if wanted in LANGUAGES:
        return wanted
    return "en" if request.headers.get("accept-language", "").lower().startswith("en") else "zh"


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page from a template, for somebody who may be nobody; a script may ask for a position, if the rep agrees."""
    page = values.setdefault("page", None)
    lang = page.lang if page else language(request)
    values |= {"lang": lang, "say": speaker(lang), "zone": console_of(request).zone}
    answer: Response = request.app.state.templates.TemplateResponse(request, template, values, status_code=status)
    answer.headers[POLICY] = HEADERS[POLICY].replace("geolocation=()", "geolocation=(self)")
    return answer


def refuse(request: Request, error: Exception, status: int, words: str, headers: dict[str, str]) -> Response:
    """Tell a refusal: to a script as JSON, to a person who is not signed in by the login, else on a page."""
    words = in_words(words, language(request))
    if "application/json" in request.headers.get("accept", ""):
        answer: Response = JSONResponse({"told": words}, status)
    elif isinstance(error, NotSignedIn) and not isinstance(error, Throttled):
        return to_login(request)
    else:
        answer = render(request, "phone/told.html", status, words=words, code=status)
    answer.headers.update(headers)
    return answer


def rep_page(request: Request) -> PhonePage:
    """Who asks: whom a link has signed in on this phone, else whoever is signed in as a rep; refuses everybody else."""
    console = console_of(request)
    now_ms = console.now_ms()
    if device := request.cookies.get(phone_cookie(console), ""):
        try:
            phone = phone_of(console.store, device, now_ms)
        except NotSignedIn:
            pass  # its time is over: whoever is signed in by password goes on
        else:
            check_change(request, phone.csrf)
            return PhonePage(request, console, phone.actor, phone.name, phone.csrf, now_ms, by_link=True)
    session = session_of(console.store, request.cookies.get(session_cookie(console), ""), now_ms)
    if REP not in session.actor.roles:
        raise NotAllowed(f"{request.url.path} needs the role {REP}")
    check_change(request, session.csrf)
    actor = Actor(session.actor.user_id, ROLES)
    chosen = preferences_of(console.store, actor.user_id).lang
    return PhonePage(request, console, actor, session.name, session.csrf, now_ms, by_link=False, chosen=chosen)


rep_page.roles = ROLES  # type: ignore[attr-defined]  # read by the test of access
RepPage = Annotated[PhonePage, Depends(rep_page)]


def own_path(referrer: str, otherwise: str) -> str:
    """The page of the phone's that a request came from, without what is no path of it."""
    path = urlsplit(referrer).path
    return path if path.startswith("/phone") and path.isprintable() else otherwise


async def _form(_: RepPage, request: Request) -> AsyncIterator[FormData]:
    async with request.form() as form:  # which closes its files
        yield form


async def _body(_: RepPage, request: Request) -> bytes:
    return await request.body()


Fields = Annotated[FormData, Depends(_form)]
"""All fields of a form, whose names follow from the checklist."""
Bytes = Annotated[bytes, Depends(_body)]
"""The body of a request as it is."""
