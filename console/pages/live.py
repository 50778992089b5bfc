"""What has changed, as server-sent events: an event says only that something did, and pages read again what they show.

So a lost event loses nothing, and events need no access of their own beyond that somebody is signed in.
"""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from casework.errors import StoreFailed
from casework.store import Store
from casework.version import state_of
from console.page import AnyPage

router = APIRouter()
LOOK_S, PULSE_S = 0.2, 15.0
"""How often the store is looked at while somebody watches, and how often a silent connection says that it lives."""


class Watch:
    """Looks at a store as long as somebody waits, once for all who do."""

    def __init__(self, store: Store) -> None:
        self._store, self._state, self._waiting = store, "", 0
        self.has_ended = False
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    async def changed(self, since: str, most_s: float) -> str:
        """The store's state, once it is another than `since`, after `most_s` seconds, or at the end."""
        self._waiting += 1
        try:
            self._task = self._task or asyncio.create_task(self._look())
            async with asyncio.timeout(most_s), self._changed:
                await self._changed.wait_for(lambda: self.has_ended or self._state not in {"", since})
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return self._state

    async def end(self) -> None:
        """Have everybody who waits be told at once, for good."""
        async with self._changed:
            self.has_ended = True
            self._changed.notify_all()

    async def _look(self) -> None:
        while self._waiting and not self.has_ended:
            try:
                found = await run_in_threadpool(state_of, self._store)
            except StoreFailed:
                found = self._state  # pages say so when they are asked for
            if found != self._state:
                async with self._changed:
                    self._state = found
                    self._changed.notify_all()
            await asyncio.sleep(LOOK_S)
        self._task = None


def _watch(app: FastAPI) -> Watch:
    if not hasattr(app.state, "watch"):
        app.state.watch = Watch(app.state.console.store)
    found: Watch = app.state.watch
    return found


async def end(app: FastAPI) -> None:
    """End the event streams of an application, whose server stops."""
    await _watch(app).end()


@router.get("/live")
def live(page: AnyPage) -> Response:
    """Follow the store's changes."""
    watch = _watch(page.request.app)
    since = page.request.headers.get("last-event-id", "")

    async def events() -> AsyncIterator[str]:
        seen = since
        yield "retry: 2000\n\n"
        while not watch.has_ended and not await page.request.is_disconnected():
            state = await watch.changed(seen, PULSE_S)
            yield f"id: {state}\nevent: changed\ndata:\n\n" if state != seen else ": still here\n\n"
            seen = state

    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(events(), media_type="text/event-stream", headers=headers)
