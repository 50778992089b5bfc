"""An application that takes posted events alone, without casework: for `tillwatch intake`."""

import hmac
from collections.abc import Callable, Collection
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from casework.errors import NotSignedIn, Refused
from console.api import PREFIX
from console.api.caller import PER_S, Given, IdempotencyKey
from console.api.posting import BODY, EventsTaken, living, receive
from console.api.problems import describe, invalid, problem, responses
from console.guard import Guard
from console.limits import Buckets, TooOften
from console.security import NO_STORE, address_of
from streams.errors import LogFailed, NoLog
from streams.log import now_utc_ms
from streams.receiver import Busy, Receiver

_STATUS: dict[type[Exception], int] = {
    Busy: 429, TooOften: 429, NotSignedIn: 401, Refused: 422, LogFailed: 503, NoLog: 503,
}  # fmt: skip


def make_intake(
    receiver: Receiver, token: str, hosts: Collection[str] = (), now_ms: Callable[[], int] = now_utc_ms
) -> FastAPI:
    """The application.

    Args:
        receiver: takes the events; it is closed with the application.
        token: what a request must carry.
        hosts: names under which it answers; empty for any.
        now_ms: the wall clock, by which tokens that are none are counted.
    """
    app = FastAPI(title="Tillwatch", docs_url=None, redoc_url=None, openapi_url=None, lifespan=living)
    app.state.receiver, app.state.token, app.state.now_ms = receiver, token, now_ms
    app.state.refused = Buckets("the address", 5 * PER_S, int(5 * PER_S))
    app.add_api_route(
        f"{PREFIX}/events", _post_events, methods=["POST"], responses=responses(400, 413, 415),
        response_model=EventsTaken, openapi_extra=BODY, tags=["events"],
    )  # fmt: skip
    app.add_api_route(f"{PREFIX}/openapi.json", lambda: schema(app), include_in_schema=False)
    app.add_api_route("/live", lambda: PlainTextResponse("live\n"), include_in_schema=False)
    app.add_api_route("/ready", _ready, include_in_schema=False)
    app.add_middleware(Guard, hosts=hosts)
    for error in (*_STATUS, HTTPException, RequestValidationError):
        app.add_exception_handler(error, _refuse)
    return app


def schema(app: FastAPI) -> dict[str, Any]:
    """What OpenAPI says of it."""
    if app.openapi_schema is None:
        app.openapi_schema = describe(
            get_openapi(
                title="Tillwatch", version="1", routes=app.routes, servers=[{"url": "/"}],
                description="Takes events into the log. docs/api.md has examples.",
            )
        )  # fmt: skip
    return app.openapi_schema


async def _knows_the_token(request: Request, given: Given) -> None:
    """Refuse who has not the token; raises NotSignedIn, and TooOften where an address tries on and on."""
    if given is not None and hmac.compare_digest(given.credentials.encode(), request.app.state.token.encode()):
        return
    request.app.state.refused.take(address_of(request), request.app.state.now_ms())
    raise NotSignedIn("Authorization must be Bearer <token>, with the token of this intake")


async def _post_events(
    request: Request, _: Annotated[None, Depends(_knows_the_token)], key: IdempotencyKey = None
) -> Any:
    """Take events into the log; the answer comes once they are durable there.

    An event that is not what it must be becomes a dead letter and is listed in `errors`; it keeps no other back.
    """
    return await receive(request, request.app.state.receiver, "", key or "")


def _ready(request: Request) -> Response:
    trouble = request.app.state.receiver.trouble
    return PlainTextResponse(f"{trouble or 'ready'}\n", 503 if trouble else 200)


def _refuse(_: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        answer: Response = invalid(error)
    elif isinstance(error, HTTPException):
        answer = problem(error.status_code, str(error.detail))
    else:
        answer = problem(next(status for kind, status in _STATUS.items() if isinstance(error, kind)), str(error))
    if isinstance(error, (Busy, TooOften)):
        answer.headers["Retry-After"] = str(-(-error.wait_ms // 1000))
    answer.headers["Cache-Control"] = NO_STORE
    return answer
