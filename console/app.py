"""The console's application: its routes, what every answer has, and how refusals are told."""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from casework.errors import Conflict, NotAllowed, NotFound, NotSignedIn, Refused, StoreFailed, Throttled
from console import api, pages
from console.api.caller import Limits
from console.api.posting import living
from console.api.problems import describe, invalid, problem
from console.filters import FILTERS, GLOBALS, finalized
from console.guard import Guard
from console.limits import TooOften
from console.metrics import Measured, Metrics
from console.page import Console, language, render, session_cookie, to_login
from console.phone import page as phone_page
from console.refusals import in_words
from console.security import HEADERS, NO_STORE
from streams.errors import LogFailed, NoLog
from streams.log import Log
from streams.receiver import Busy, Receiver

_HERE = Path(__file__).parent
_DAY_S = 86_400
POSTED = "console"
"""The input that events posted to a console are of."""
STATUS: dict[type[Exception], int] = {
    Throttled: 429, TooOften: 429, Busy: 429, NotSignedIn: 401, NotFound: 404, NotAllowed: 403, Conflict: 409,
    Refused: 422, StoreFailed: 503, LogFailed: 503, NoLog: 503,
}  # fmt: skip
"""What each error is answered with; the first that fits."""


def make_app(console: Console) -> FastAPI:
    """The application that serves a console's pages and API."""
    app = FastAPI(title="Tillwatch", docs_url=None, redoc_url=None, openapi_url=None, lifespan=living)
    app.state.console, app.state.limits, app.state.metrics = console, Limits(), Metrics()
    app.state.receiver = Receiver(lambda: _log_of(console), POSTED, console.feeds, console.overlap_s)
    app.state.templates = _templates()
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    # As they are: `include_router` would build each anew, for 0.3 s at the first request of each application.
    app.router.routes += _routes_of(pages.routers()) + _routes_of(api.routers())
    app.add_api_route(f"{api.PREFIX}/openapi.json", lambda: schema(app), include_in_schema=False)
    app.add_middleware(Guard, hosts=console.hosts, cookies=(session_cookie(console), phone_page.phone_cookie(console)))
    app.middleware("http")(_with_headers)
    app.add_middleware(Measured, metrics=app.state.metrics)
    for error in (*STATUS, HTTPException, RequestValidationError):
        app.add_exception_handler(error, _refuse)
    return app


@cache
def _templates() -> Jinja2Templates:
    """The pages' templates, each compiled once in a process."""
    templates = Jinja2Templates(_HERE / "templates")
    templates.env.filters.update(FILTERS)
    templates.env.globals.update(GLOBALS)
    templates.env.finalize = finalized
    templates.env.trim_blocks = templates.env.lstrip_blocks = True
    return templates


def _log_of(console: Console) -> Log:
    """The console's log; raises NoLog, LogFailed."""
    if console.open_log is None:
        raise NoLog("this console")
    return console.open_log()


def _routes_of(routers: Sequence[APIRouter]) -> list[BaseRoute]:
    """The routes of all of these, in their order."""
    return [route for each in routers for route in each.routes]


def schema(app: FastAPI) -> dict[str, Any]:
    """What OpenAPI says of the API."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Tillwatch", version="1", routes=_routes_of(api.routers()), servers=[{"url": "/"}],
            description="Alerts, cases and merchants' risk for programs. docs/api.md has examples.",
        )  # fmt: skip
        app.openapi_schema = describe(made)
    return app.openapi_schema


async def _with_headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    kept = f"public, max-age={_DAY_S}" if request.url.path.startswith("/static/") else NO_STORE
    answer.headers.setdefault("Cache-Control", kept)
    if request.app.state.console.is_https:
        answer.headers.setdefault("Strict-Transport-Security", f"max-age={365 * _DAY_S}")
    return answer


def _refuse(request: Request, error: Exception) -> Response:
    status, words, headers = _told(error)
    if request.url.path.startswith("/api/"):
        answer: Response = problem(status, words, error=error)
        if isinstance(error, NotSignedIn):
            request.app.state.metrics.refuse("token")
        if isinstance(error, RequestValidationError):
            answer = invalid(error)
        answer.headers.update(headers)
        return answer
    if request.url.path.startswith("/phone"):
        return phone_page.refuse(request, error, status, words, headers)
    if isinstance(error, NotSignedIn) and not isinstance(error, Throttled):
        return to_login(request)
    words = in_words(words, language(request))
    if "hx-request" in request.headers:  # shown beside the page, which stays as it is
        headers |= {"HX-Retarget": "#notices", "HX-Reswap": "beforeend"}
        answer = render(request, "notice.html", status, words=words, kind="error")
    else:
        answer = render(request, "error.html", status, words=words, code=status)
    answer.headers.update(headers)
    return answer


def _told(error: Exception) -> tuple[int, str, dict[str, str]]:
    """The status, the words and the headers of a refusal."""
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail), dict(error.headers or {})
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return 422, f"{first['loc'][-1]}: {first['msg']}"[:300], {}
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    waits = {"Retry-After": str(-(-error.wait_ms // 1000))} if isinstance(error, (Throttled, TooOften, Busy)) else {}
    return status, str(error), waits
