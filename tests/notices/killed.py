"""A sender that is killed as soon as the far side has taken its first notice."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from casework.store import Store
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
