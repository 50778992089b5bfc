"""Asks a far side once: keeps the pace, posts, and reads what became of it from HTTP's code and from the body."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from notices.channels.contract import Outcome
from notices.channels.post import Answer, Poster, Unanswered
from notices.channels.words import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notices.channels.contract import Address, Hold, Message, Status
    from notices.channels.pace import Pace

_LATER = frozenset({408, 425, 429})
"""Codes of HTTP below 500 with which a request is refused for now."""


class Verdict(NamedTuple):
    """What became of a request, for all whom it was for."""

    status: Status
    said: str = ""
    message_id: str = ""
    retry_after_s: float | None = None
    was_tried: bool = True
    body: Any = None

    def outcome(self, address: Address) -> Outcome:
        """The same, for one of them."""
        return Outcome(
            address=address, status=self.status, message_id=self.message_id, said=self.said,
            retry_after_s=self.retry_after_s, was_tried=self.was_tried,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How one channel asks.

    Attributes:
        poster: sends the requests.
        pace: how many, and when.
        now_s: tells the time, seconds since 1970.
        secrets: what may not be in anything that is shown.
    """

    poster: Poster
    pace: Pace
    now_s: Callable[[], float]
    secrets: Sequence[str] = field(default=(), repr=False)

    def hold(self, notice_id: str, *, urgent: bool) -> Hold | None:
        """What keeps a notice back before anybody is asked; None for nothing."""
        now_s = self.now_s()
        hold = self.pace.hold(now_s)
        return hold if hold or urgent else self.pace.off_peak_hold(now_s, notice_id)

    async def ask(
        self, message: Message, url: str, body: bytes, headers: Mapping[str, str], read: Callable[[Any], Verdict]
    ) -> Verdict:
        """Post a body once.

        Args:
            message: that the body is of.
            url: with its key.
            body: JSON.
            headers: beside the type of the body.
            read: what a body of JSON says; None is given where there is none.
        """
        if hold := self.hold(message.notice_id, urgent=message.urgent):
            return Verdict("retry", hold.said, retry_after_s=hold.wait_s, was_tried=False)
        now_s = self.now_s()
        self.pace.asks(now_s)
        try:
            answer = await self.poster.post(url, body, {"Content-Type": "application/json", **headers})
        except Unanswered as error:
            verdict = Verdict(error.status, str(error))
        else:
            verdict = self._verdict(answer, read, now_s)._replace(body=answer.body)
        self._keep_pace(verdict, message)
        return verdict._replace(said=masked(verdict.said, self.secrets))

    def _keep_pace(self, verdict: Verdict, message: Message) -> None:
        if verdict.status in {"sent", "refused"}:
            self.pace.went()
        else:
            self.pace.failed(self.now_s(), verdict.retry_after_s, message.notice_id)

    @staticmethod
    def _verdict(answer: Answer, read: Callable[[Any], Verdict], now_s: float) -> Verdict:
        said = f"HTTP {answer.status}: {answer.text}" if answer.text.strip() else f"HTTP {answer.status}"
        if 200 <= answer.status < 300:
            return read(answer.body)
        told = read(answer.body) if answer.body is not None else None
        if told and told.status == "retry" and told.retry_after_s is not None:  # a block says so in the body
            return told._replace(said=f"HTTP {answer.status}: {told.said}")
        if answer.status >= 500 or answer.status in _LATER:
            return Verdict("retry", said, retry_after_s=answer.retry_after_s(now_s))
        if 300 <= answer.status < 400:
            return Verdict("refused", f"HTTP {answer.status}: redirects are not followed")
        return Verdict("refused", said)


def refused_for_all(recipients: Sequence[Address], said: str) -> list[Outcome]:
    """Nobody was asked, and asking again would change nothing."""
    return [Outcome(address=each, status="refused", said=said, was_tried=False) for each in recipients]


def number_of(value: object) -> int | None:
    """A code as far sides give it: a number, or its digits.

    >>> number_of(45009), number_of("0"), number_of(True), number_of("ok"), number_of(None)
    (45009, 0, None, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    return value if isinstance(value, int) else None
