"""What a channel is: it takes one message for some recipients, and returns what became of it for each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Status = Literal["sent", "retry", "refused", "unknown"]
"""What became of a message for one recipient.

- `sent`: the far side took it: its code was that of success, and it gave an id where its interface has one.
- `retry`: it was not taken, and may be later: too many, busy, out of reach, blocked for a while.
- `refused`: it was not taken, and never will be as it is: no such recipient, a wrong key, a body that is not allowed.
- `unknown`: it may or may not have been taken: no answer, one that was cut short, success without the id that belongs
  to it. It is sent again under the same `notice_id`, and may then arrive twice.
"""


class Hold(NamedTuple):
    """Why a channel takes nothing now, and for how many seconds."""

    wait_s: float
    said: str


class Address(NamedTuple):
    """Where one recipient is reached over one channel.

    Attributes:
        recipient_id: a person's `person_id`, or the name of a desk.
        to: what the channel reaches them by: an e-mail address, a telephone number, whom a robot mentions; "" where the
            channel itself is the place, such as a desk's robot.
        name: what they are called.
    """

    recipient_id: str
    to: str = ""
    name: str = ""


class Budget(NamedTuple):
    """How many messages a channel takes: at most `most` within any `window_s`.

    A channel with no budget left answers `retry` with `retry_after_s`, and asks nobody.
    """

    most: int
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notice in words, in one language.

    Attributes:
        notice_id: the same at every attempt; the far side may know a repetition by it.
        title: one line.
        text: plain words; the link is in them.
        markdown: the same for channels that show it, in the little Markdown that all of them know; "" for none.
        link: what the recipient opens, https; "" for none. No channel cuts it.
        lang: `zh` or `en`.
        fields: single values for fixed templates and programs, such as `shop`, `tail`, `deadline`, `no`.
        rows: the same for each task, for lists and programs.
        urgent: whether it goes out at once, where others keep off the full and half hour.
    """

    notice_id: str
    title: str
    text: str
    markdown: str = ""
    link: str = ""
    lang: str = "zh"
    fields: Mapping[str, str] = field(default_factory=dict)
    rows: Sequence[Mapping[str, str]] = ()
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message for one recipient.

    Attributes:
        address: whose.
        status: as above.
        message_id: what the far side calls the message; "" where it gives no name, or did not take it.
        said: the reason, as the far side or the network gave it, in one line of at most 300 characters, without a
            secret or the key of a URL; "" where it is sent and nothing was said.
        retry_after_s: seconds until the channel will take it, where that is known; None where the sender may choose.
        was_tried: whether anybody was asked; what a budget or a block held back does not count as an attempt.
    """

    address: Address
    status: Status
    message_id: str = ""
    said: str = ""
    retry_after_s: float | None = None
    was_tried: bool = True


class Channel(Protocol):
    """One way to reach people.

    Attributes:
        name: as the settings call it; there may be several of a kind.
        kind: of `registry.KINDS`.
        most_bytes: UTF-8 bytes of words that it carries; longer ones are cut, between characters and never in a link.
        budgets: how many messages it takes; all of them count, none for any.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def most_bytes(self) -> int: ...  # noqa: D102
    @property
    def budgets(self) -> tuple[Budget, ...]: ...  # noqa: D102

    def hold(self, notice_id: str, *, urgent: bool) -> Hold | None:
        """What keeps a notice back now: the budget, a block of the far side, the full hour; None for nothing."""
        ...

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        """Send it once; one outcome for each recipient, in their order. Raises nothing for what the far side does."""
        ...
