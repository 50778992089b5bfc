"""One call of the API: by which token, as whom, how often, and what it is answered once."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from casework import replies
from casework.errors import NotAllowed, NotSignedIn
from casework.people import Actor
from casework.store import Store
from casework.tokens import Bearer, bearer_of
from console.limits import Buckets
from console.page import Console, console_of
from console.security import address_of

_SCHEME = HTTPBearer(auto_error=False, description="A token of an admin's page *Users*.")
PER_S, AT_ONCE = 20.0, 100
"""Calls of a token; an address, behind which several may call, has five times as many."""
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=replies.MOST_KEY, pattern="^[!-~]+$",
                description="The program's own; a request that is sent again with it within a day does nothing again."),
]  # fmt: skip


class Limits:
    """How often tokens and addresses may call."""

    def __init__(self) -> None:
        self.tokens = Buckets("the token", PER_S, AT_ONCE)
        self.addresses = Buckets("the address", 5 * PER_S, 5 * AT_ONCE)


@dataclass(frozen=True)
class Caller:
    """A call by a program.

    Attributes:
        request: as it came.
        bearer: whose token it has.
        console: what the API is served from.
        now_ms: of the call, UTC milliseconds.
        key: its idempotency key; "" for none.
    """

    request: Request
    bearer: Bearer
    console: Console
    now_ms: int
    key: str = ""

    @property
    def store(self) -> Store:
        """The store of cases."""
        return self.console.store

    @property
    def actor(self) -> Actor:
        """As whom the program acts."""
        return self.bearer.actor

    def once(self, asked: BaseModel | None, work: Callable[[], BaseModel], status: int = 200) -> Response:
        """Do something, and answer with what came of it; of a request that comes again, with the answer before."""
        if not self.key:
            return _answer(replies.Reply(status, work().model_dump_json()))
        body = asked.model_dump_json() if asked is not None else ""
        wanted = sha256(f"{self.request.method}\n{self.request.url.path}\n{body}".encode()).hexdigest()
        known = replies.begin(self.store, self.bearer.token_id, self.key, wanted, self.now_ms)
        if known is not None:
            return _answer(known, "true")
        try:
            made = replies.Reply(status, work().model_dump_json())
        except Exception:
            replies.forget(self.store, self.bearer.token_id, self.key)
            raise
        replies.finish(self.store, self.bearer.token_id, self.key, made)
        return _answer(made)


def _answer(reply: replies.Reply, replayed: str = "") -> Response:
    headers = {"Idempotency-Replayed": replayed} if replayed else {}
    return Response(reply.body, reply.status, headers, "application/json")


def reads(scope: str, roles: Collection[str]) -> Any:
    """A dependency that gives the `Caller` to who has the scope and one of the roles, and refuses everybody else."""
    return _caller(scope, roles, _look)


def writes(scope: str, roles: Collection[str]) -> Any:
    """Likewise for changes, which may have an idempotency key."""
    return _caller(scope, roles, _change)


def posts(scope: str, roles: Collection[str]) -> Any:
    """Likewise for events, which may come as often as they can be appended: only tokens that are none are counted."""
    return _caller(scope, roles, _post)


Given = Annotated[HTTPAuthorizationCredentials | None, Depends(_SCHEME)]


def _look(request: Request, given: Given) -> Caller:
    return _called(request, given, "")


def _change(request: Request, given: Given, key: IdempotencyKey = None) -> Caller:
    return _called(request, given, key or "")


def _post(request: Request, given: Given, key: IdempotencyKey = None) -> Caller:
    console = console_of(request)
    now_ms = console.now_ms()
    try:
        bearer = _bearer(console, given, now_ms)
    except NotSignedIn:
        request.app.state.limits.addresses.take(address_of(request), now_ms)
        raise
    return Caller(request, bearer, console, now_ms, key or "")


def _caller(scope: str, roles: Collection[str], called: Callable[..., Caller]) -> Any:
    allowed = frozenset(roles)

    def caller_of(caller: Annotated[Caller, Depends(called)]) -> Caller:
        caller.bearer.need(scope)
        if not caller.actor.roles & allowed:
            raise NotAllowed(f"{caller.request.url.path} needs one of the roles {', '.join(sorted(allowed))}")
        _check_parameters(caller.request)
        return caller

    caller_of.roles, caller_of.scope = allowed, scope  # type: ignore[attr-defined]  # read by the test of access
    return Depends(caller_of)


def _called(request: Request, given: HTTPAuthorizationCredentials | None, key: str) -> Caller:
    console, limits = console_of(request), request.app.state.limits
    now_ms = console.now_ms()
    limits.addresses.take(address_of(request), now_ms)
    bearer = _bearer(console, given, now_ms)
    limits.tokens.take(str(bearer.token_id), now_ms)
    return Caller(request, bearer, console, now_ms, key)


def _bearer(console: Console, given: HTTPAuthorizationCredentials | None, now_ms: int) -> Bearer:
    if given is None:
        raise NotSignedIn("Authorization must be Bearer <token>")
    return bearer_of(console.store, given.credentials, now_ms)


def _check_parameters(request: Request) -> None:
    """Refuse parameters that the route has not: a mistyped filter would choose everything."""
    known = {*_names(request.scope["route"].dependant)}
    if unknown := sorted({*request.query_params} - known):
        wanted = f"must be one of {', '.join(sorted(known))}" if known else "must not be given"
        raise RequestValidationError(
            [{"loc": ("query", each[:100]), "msg": wanted, "type": "extra"} for each in unknown]
        )


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _names(each)
