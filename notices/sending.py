"""Sending what is in the outbox, each notice over the first of its channels that reaches its recipient."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from casework.persons import persons_at
from notices.bodies import Body
from notices.budgets import take
from notices.channels.contract import Address
from notices.outbox import Tried, lease, mark
from notices.states import SENT
from notices.tasking import over
from notices.viewing import view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from casework.persons import Person
    from casework.store import Store
    from notices.bodies import Entry
    from notices.channels.contract import Channel, Message, Outcome
    from notices.view import NoticeView

_FIELD_OF = {
    "email": "email", "sms": "mobile", "wecom": "wecom_id", "dingtalk": "dingtalk_id", "feishu": "feishu_id",
}  # fmt: skip
"""By kind of channel, the field of a person that it is reached by; others know a person by `person_id`."""


class Sender:
    """Sends notices; any number of them work on one store at once.

    Args:
        store: has the outbox.
        channels: by name.
        render: makes words of a view, in a language.
        link_of: where an entry of a recipient's notice is answered; of None, where all of them are.
        now_ms: the clock, UTC milliseconds.
        desks: by desk, its address by channel, where the channel itself is not the place.
    """

    def __init__(
        self, store: Store, channels: Mapping[str, Channel], render: Callable[[NoticeView, str], Message],
        link_of: Callable[[Any, Entry | None], str], now_ms: Callable[[], int],
        desks: Mapping[str, Mapping[str, str]],
    ) -> None:  # fmt: skip
        self._store, self._channels, self._render = store, channels, render
        self._link_of, self._now_ms, self._desks = link_of, now_ms, desks
        self.worker = f"notify-{uuid4()}"

    async def send_due(self) -> int:
        """Send what is due, all leased notices side by side; how many were taken by a channel."""
        rows = lease(self._store, self.worker, self._now_ms())
        if not rows:
            return 0
        with self._store.reading() as connection:
            people = persons_at(connection, self._now_ms(), {each.recipient for each in rows})
            gone = over(connection, [each.notice_id for each in rows])
        bodies = [msgspec.json.decode(each.body, type=Body).without(gone) for each in rows]
        told = zip(rows, bodies, strict=True)
        # The next look notes those of which nothing is left.
        stands = await asyncio.gather(*(self._send(row, body, people) for row, body in told if body.entries))
        return sum(each == SENT for each in stands)

    async def _send(self, row: Any, body: Body, people: Mapping[str, Person]) -> str:
        channel, address, why = self._way(row, body, people.get(row.recipient))
        if channel is None:
            tried = Tried("", "refused", said=why, counts=False)
        else:
            tried = await self._over(channel, address, row, body)
        return mark(self._store, self.worker, row.notice_id, tried, self._now_ms())

    async def _over(self, channel: Channel, address: Address, row: Any, body: Body) -> Tried:
        # Asked before there are words: their link is a row of its own and an entry of the audit.
        hold = channel.hold(row.notice_id, urgent=row.urgent) or take(self._store, channel, self._now_ms())
        if hold:
            return Tried(channel.name, "retry", said=hold.said, retry_after_ms=_ms(hold.wait_s), counts=False)
        try:
            message = self._render(view_of(row, body, lambda each: self._link_of(row, each)), body.lang)
        except ValueError as error:  # it would be so at every attempt
            return Tried(channel.name, "refused", said=f"the notice cannot be put into words: {error}", counts=False)
        (outcome,) = await channel.send(message, [address])
        return _tried(channel.name, outcome)

    def _way(self, row: Any, body: Body, person: Person | None) -> tuple[Channel | None, Address, str]:
        """The first channel that reaches the recipient, where they are there, and why none does."""
        why = []
        for name in msgspec.json.decode(row.channels, type=tuple[str, ...]):
            channel = self._channels.get(name)
            if channel is None:
                why.append(f"channel {name} is not set")
                continue
            if row.is_desk:
                return channel, Address(row.recipient, self._desks.get(row.recipient, {}).get(name, ""), body.name), ""
            field = _FIELD_OF.get(channel.kind)
            to = row.recipient if field is None else getattr(person, field, "")
            if to:
                return channel, Address(row.recipient, to, body.name), ""
            why.append(f"{row.recipient} has no {field}")
        return None, Address(row.recipient), "; ".join(why)


def _tried(channel: str, outcome: Outcome) -> Tried:
    after_ms = None if outcome.retry_after_s is None else _ms(outcome.retry_after_s)
    return Tried(channel, outcome.status, outcome.message_id, outcome.said, after_ms, counts=outcome.was_tried)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
