"""Events of programs: what `tillwatch ingest` takes from files, posted."""

from typing import Annotated, Any

from fastapi import APIRouter, Request

from casework.people import ADMINS
from casework.tokens import EVENTS_WRITE
from console.api import PREFIX
from console.api.caller import Caller, posts
from console.api.posting import BODY, EventsTaken, receive
from console.api.problems import responses

router = APIRouter(prefix=PREFIX, tags=["events"])
Posts = Annotated[Caller, posts(EVENTS_WRITE, ADMINS)]


@router.post("/events", responses=responses(400, 413, 415), response_model=EventsTaken, openapi_extra=BODY)
async def post_events(request: Request, caller: Posts) -> Any:
    """Take events into the log; the answer comes once they are durable there.

    An event that is not what it must be becomes a dead letter and is listed in `errors`; it keeps no other back.
    """
    return await receive(request, request.app.state.receiver, str(caller.bearer.token_id), caller.key)
