"""Refusals as problem JSON (RFC 9457): which there are, and how they are described in the schema."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from casework.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.exceptions import RequestValidationError

MEDIA_TYPE = "application/problem+json"
MEANINGS: Mapping[int, str] = {
    400: "The body is no text in UTF-8.",
    401: "There is no token, or it has ended.",
    403: "The token's scopes, or the roles of its user, do not allow it.",
    404: "There is no such thing, or the token's user does not see it.",
    409: "Somebody else was faster; or a request with the key was begun, and its outcome is not known.",
    413: "The body is too large.",
    415: "The body is of another kind, or packed in another way, than is read.",
    422: "A parameter, a field or the request as a whole cannot be, as things stand; nothing was changed.",
    429: "The token or the address calls too often, or too many events wait; `Retry-After` says for how many seconds.",
    503: "The database or the log does not answer; nothing was changed, or a key tells.",
}


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="forbid")
    where: str = Field(description="the parameter or the field, as `body.verdict`")
    message: str = Field(description="what it must be")


class Problem(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(extra="forbid")
    type: str = Field(description="always `about:blank`: the status says it")
    title: str = Field(description="the status in words")
    status: int = Field(description="the status", ge=400, le=599)
    detail: str = Field(description="who, what was expected, what came")
    faults: list[Fault] = Field(default_factory=list, description="of parameters and fields")
    holder: str | None = Field(default=None, description="of a case that somebody else holds")
    version: int | None = Field(default=None, description="of a case that has changed meanwhile")


def problem(
    status: int, detail: str, *, faults: list[Fault] | None = None, error: Exception | None = None
) -> JSONResponse:
    """A refusal as an answer."""
    found = Problem(
        type="about:blank", title=HTTPStatus(status).phrase, status=status, detail=detail, faults=faults or []
    )
    if isinstance(error, Conflict):
        found.holder, found.version = error.holder, error.version or None
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else {}
    return JSONResponse(found.model_dump(), status, headers, MEDIA_TYPE)


def invalid(error: RequestValidationError) -> JSONResponse:
    """What FastAPI finds wrong with a request."""
    faults = [
        Fault(where=".".join(map(str, each["loc"]))[:200], message=str(each["msg"])[:300]) for each in error.errors()
    ]
    first = f": {faults[0].where}: {faults[0].message}" if faults else ""
    return problem(422, f"the request cannot be{first}", faults=faults)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, besides those that every route has, for the schema."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        each: {"description": MEANINGS[each], "content": content}
        for each in sorted({401, 403, 422, 429, 503, *statuses})
    }


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of OpenAPI with what refusals look like."""
    made = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["components"]["schemas"] |= made.pop("$defs") | {"Problem": made}
    for unused in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(unused, None)
    return schema
