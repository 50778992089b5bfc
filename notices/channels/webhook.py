"""A signed webhook, for an acquirer's own systems: `docs/channels/webhook.md`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from notices.channels import results
from notices.channels.asking import Asking, Verdict, refused_for_all
from notices.channels.contract import Budget
from notices.channels.options import Remote, at_least
from notices.channels.pace import Pace
from notices.channels.secret import read_secret
from notices.channels.signing import signed_headers, signing_keys
from notices.channels.words import fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notices.channels.contract import Address, Hold, Message, Outcome

MOST_BYTES = 20_000
"""Bytes of words; lists of tasks are beside them."""


class WebhookOptions(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table of the kind `webhook` sets.

    Attributes:
        secret_file: what requests are signed with, `whsec_` and Base64; a second line is an older key.
        per_minute: messages within any 60 s.
        wants_id: whether an answer counts as success only with code 0 and a `message_id`; else any 2xx does.
    """

    secret_file: str
    per_minute: int = 600
    wants_id: bool = False

    def check(self) -> None:
        """Refuse what does not fit together."""
        super().check()
        at_least("per_minute", self.per_minute, 1)


class Webhook:
    """The webhook; one request for all recipients of a message.

    Args:
        name: as the settings call it.
        options: its table.
        keys: what requests are signed with.
        asking: how it asks.
    """

    kind = "webhook"
    most_bytes = MOST_BYTES

    def __init__(self, name: str, options: WebhookOptions, keys: tuple[bytes, ...], asking: Asking) -> None:
        self.name = name
        self.budgets = asking.pace.budgets
        self._options, self._keys, self._asking = options, keys, asking

    def hold(self, notice_id: str, *, urgent: bool) -> Hold | None:
        """What keeps a notice back now."""
        return self._asking.hold(notice_id, urgent=urgent)

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        """Post it once."""
        now_s = self._asking.now_s()
        try:
            body = msgspec.json.encode(payload(message, recipients, now_s))
        except ValueError as error:
            return refused_for_all(recipients, str(error))
        headers = signed_headers(self._keys, message.notice_id, int(now_s), body)
        verdict = await self._asking.ask(message, self._options.url, body, headers, self._read)
        return results.outcomes(verdict, recipients, self._asking.secrets, wants_id=self._options.wants_id)

    def _read(self, body: Any) -> Verdict:
        if not self._options.wants_id and not (isinstance(body, dict) and "code" in body):
            return Verdict("sent")
        return results.read_all(body, wants_id=self._options.wants_id)


def payload(message: Message, recipients: Sequence[Address], now_s: float) -> dict[str, Any]:
    """The body of a webhook; raises ValueError where the link has no room."""
    return {
        "type": "notice",
        "timestamp": datetime.fromtimestamp(int(now_s), UTC).isoformat().replace("+00:00", "Z"),
        "data": {
            "notice_id": message.notice_id,
            "lang": message.lang,
            "title": message.title,
            "text": fitted(message.text, MOST_BYTES, message.link),
            "link": message.link,
            "urgent": message.urgent,
            "recipients": [{"id": each.recipient_id, "to": each.to, "name": each.name} for each in recipients],
            "tasks": [dict(each) for each in message.rows],
        },
    }


def make(name: str, options: WebhookOptions, now_s: Callable[[], float]) -> Webhook:
    """The webhook of a table; raises ValueError or OSError for its file."""
    secret = read_secret(options.secret_file)
    pace = Pace([Budget(options.per_minute, 60.0)])
    asking = Asking(poster=options.poster(), pace=pace, now_s=now_s, secrets=secret.all)
    return Webhook(name, options, signing_keys(secret), asking)
