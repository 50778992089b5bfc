"""A sender that is killed as soon as the far side has taken its first notice, and planners that are killed midway."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from casework.store import Store
from notices.plan import Planner
from notices.routing.reading import read_routing
from notices.sending import Sender
from tests.notices.far_side import FarSide, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notices.channels.contract import Address, Message, Outcome


class Deadly(FarSide):
    """A channel after whose first message its process is killed."""

    def note(self, notice_id: str) -> None:
        Path(os.environ["SENT"]).write_text(notice_id, encoding="utf-8")

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        self.note(message.notice_id)
        os.kill(os.getpid(), signal.SIGKILL)
        return await super().send(message, recipients)


def run(url: str, now_ms: int) -> None:
    with Store(url) as store:
        sender = Sender(store, {"wecom": Deadly()}, plain, lambda *_: "https://c.example/", lambda: now_ms, {})
        asyncio.run(sender.send_due())


COMMIT = "COMMIT"


def plan(url: str, now_ms: int, places: Sequence[str]) -> None:
    """Take a look in a process of its own for each place, which is killed before it executes that statement.

    Args:
        url: of the store.
        now_ms: when the look is taken.
        places: what statements begin with, or `COMMIT` for the end of the transaction.
    """
    for place in places:
        child = os.fork()
        if child == 0:
            _look(url, now_ms, place)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(place, -os.waitstatus_to_exitcode(status), flush=True)


def _look(url: str, now_ms: int, place: str) -> None:
    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def seen(_: Any, __: Any, statement: str, *___: object) -> None:
        if statement.startswith(place):
            kill()

    with Store(url) as store:
        event.listen(store._engine, "before_cursor_execute", seen)
        if place == COMMIT:
            event.listen(store._engine, "commit", kill)
        Planner(store, read_routing()).look(now_ms)
