"""A body of posted events: read within bounds, parted into events, and answered once those are durable."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from casework.errors import Refused
from streams.line_intake import CUT_BYTES
from streams.posted import KeyTaken, Posted, Receipt
from streams.receiver import Receiver

MOST_BODY_BYTES = 16 << 20
"""Of a body that was packed; one that comes unpacked is bounded as every body."""
MOST_ITEMS = 10_000
JSON = "application/json"
LINES = ("application/x-ndjson", "application/jsonl")
_ENCODINGS = ("", "identity", "gzip", "x-gzip")
_WBITS = 31
"""What zlib is told for gzip."""
_EVENT = {
    "type": "object", "additionalProperties": True,
    "properties": {
        "type": {"type": "string", "description": "the kind of event, `transaction` where it is left out"},
    },
    "description": "An event as docs/events.md has it.",
}  # fmt: skip
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "An event, an array of events, or events as JSON lines; may be packed by gzip.",
        "content": {
            JSON: {
                "schema": {"anyOf": [_EVENT, {"type": "array", "items": _EVENT, "maxItems": MOST_ITEMS}]},
                "example": {
                    "txn_id": "t-1", "merchant_id": "m1", "amount": 5000, "currency": "CNY",
                    "event_time": "2026-07-05T10:00:00+08:00",
                },
            },
            **{each: {"schema": {"type": "string", "description": "an event a line"}} for each in LINES},
        },
    }
}  # fmt: skip
"""What OpenAPI says of the body."""


class EventRefused(BaseModel):
    """An event that is not counted, and went to the dead letters."""

    model_config = ConfigDict(extra="forbid")
    index: int = Field(description="its place in the array, or its line, from 0", ge=0)
    reason: str = Field(description="as docs/dead-letters.md has it")
    field: str = Field(description="at fault; empty where none is")
    message: str = Field(description="who, what was expected, what came")


class EventsTaken(BaseModel):
    """What became of posted events: those that are not among `errors` are in the log."""

    model_config = ConfigDict(extra="forbid")
    received: int = Field(description="events that came; blank lines are none", ge=0)
    accepted: int = Field(description="those that are in the log", ge=0)
    refused: int = Field(description="those that went to the dead letters: sent again they would again", ge=0)
    errors: list[EventRefused] = Field(description="of each refused event")


@asynccontextmanager
async def living(app: FastAPI) -> AsyncIterator[None]:
    """While an application runs that takes events; what has come is in the log before it ends."""
    yield
    await run_in_threadpool(app.state.receiver.close)


async def receive(request: Request, receiver: Receiver, caller: str, key: str) -> Response:
    """Take the events of a request's body, and answer once they are durable.

    Raises:
        Busy: too much waits.
        HTTPException: 400 for a body that ends too early, 413 for one that is too large, 415 for one of another kind.
        RequestValidationError, Refused: the body cannot be read, or its key came with another.
        LogFailed, NoLog: the log did not take them.
    """
    receiver.check_room()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON and kind not in LINES:
        raise HTTPException(415, f"Content-Type must be one of {', '.join((JSON, *LINES))}, got {kind[:100] or 'none'}")
    items = items_of(await _received(request), is_lines=kind != JSON)
    try:
        receipt = await asyncio.wrap_future(receiver.submit(Posted(items, caller, key)))
    except KeyTaken as error:
        raise Refused(str(error)) from error
    headers = {"Idempotency-Replayed": "true"} if receipt.replayed else {}
    return Response(_taken(receipt).model_dump_json(), 200, headers, JSON)


def items_of(body: bytes, *, is_lines: bool) -> list[bytes]:
    """The events of a body as they came, each without line ends; of one that is too long, its beginning.

    >>> items_of(b'[{"a": 1}, {"a": 2}]', is_lines=False)
    [b'{"a": 1}', b'{"a": 2}']

    Raises:
        RequestValidationError: it is no JSON, or holds more than `MOST_ITEMS` events.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if is_lines:
        items = [each[:CUT_BYTES] for each in body.rstrip(b"\n").split(b"\n")] if body.strip() else []
    else:
        items = [bytes(each)[:CUT_BYTES].translate(_ON_ONE_LINE) for each in _parted(body)]
    if len(items) > MOST_ITEMS:
        raise _no_body(f"must hold at most {MOST_ITEMS} events, got {len(items)}")
    return items


_ON_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""Line ends stand between the parts of JSON alone, where any blank does."""


def _parted(body: bytes) -> list[msgspec.Raw]:
    """The parts of an array, or the one value that there is."""
    try:
        if body.lstrip()[:1] == b"[":
            return msgspec.json.decode(body, type=list[msgspec.Raw])
        return [msgspec.json.decode(body, type=msgspec.Raw)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _no_body(f"must be JSON: {error}") from error


async def _body(request: Request) -> bytes:
    """The body, unpacked as it comes."""
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise HTTPException(415, f"Content-Encoding must be gzip or none, got {encoding[:100]}")
    if not encoding or encoding == "identity":
        return await request.body()
    unpacked = _Gzip()
    async for chunk in request.stream():
        unpacked.add(chunk)
    return unpacked.whole()


async def _received(request: Request) -> bytes:
    """The body; raises HTTPException where it is not read, and where who sends it goes away."""
    try:
        return await _body(request)
    except ClientDisconnect as error:
        raise HTTPException(400, "a body must come whole, who sent it went away") from error


class _Gzip:
    """A body packed by gzip, unpacked as it comes; it may be of several members."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._left = MOST_BODY_BYTES
        self._member = zlib.decompressobj(_WBITS)

    def add(self, chunk: bytes) -> None:
        """Unpack what came; raises HTTPException, RequestValidationError."""
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(_WBITS)
            try:
                part = self._member.decompress(chunk, self._left + 1)
            except zlib.error as error:
                raise _no_body(f"must be packed by gzip as Content-Encoding says: {error}") from error
            self._left -= len(part)
            if self._left < 0:
                raise HTTPException(413, f"a body must have at most {MOST_BODY_BYTES} bytes unpacked")
            self._parts.append(part)
            chunk = self._member.unused_data

    def whole(self) -> bytes:
        """All of it; raises RequestValidationError where its end is missing."""
        if not self._member.eof:
            raise _no_body("must be packed by gzip as Content-Encoding says, and whole")
        return b"".join(self._parts)


def _no_body(message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body",), "msg": message, "type": "body"}])


def _taken(receipt: Receipt) -> EventsTaken:
    errors = [
        EventRefused(index=each.index, reason=each.reason, field=each.field, message=each.message)
        for each in receipt.refused
    ]
    return EventsTaken(
        received=receipt.received, accepted=receipt.received - len(errors), refused=len(errors), errors=errors
    )
