"""A channel of tests: it keeps what it was given, and answers as it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from notices.channels.contract import Message, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notices.channels.contract import Address, Budget, Hold
    from notices.view import NoticeView


class FarSide:
    """A channel."""

    most_bytes = 4_096
    budgets: tuple[Budget, ...] = ()
    held: Hold | None = None

    def __init__(self, name: str = "wecom", kind: str = "wecom") -> None:
        self.name, self.kind = name, kind
        self.got: list[tuple[Message, Address]] = []
        self.answer: Callable[[Address], Outcome] = lambda to: Outcome(address=to, status="sent", message_id="1")

    def hold(self, notice_id: str, *, urgent: bool) -> Hold | None:
        return self.held

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        self.got += [(message, each) for each in recipients]
        return [self.answer(each) for each in recipients]


def plain(view: NoticeView, lang: str) -> Message:
    """A view in words, without a template."""
    lines = [f"{each.shop} {each.address} {each.tail} {each.due_ms} {each.holder}" for each in view.tasks]
    return Message(notice_id=view.notice_id, title=view.kind, text="\n".join(lines), link=view.link, lang=lang)
