"""Text messages by a gateway's webhook, with a template registered with the carriers before: `docs/channels/sms.md`.

A text message of Chinese has 70 characters; a longer one is two. What is registered stands fixed, and only the shop's
name gives way: it is cut until the rest has room.
"""

from __future__ import annotations

import string
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from notices.channels import results
from notices.channels.asking import Asking, Verdict, refused_for_all
from notices.channels.contract import Budget, Outcome
from notices.channels.options import Remote, at_least
from notices.channels.pace import Pace
from notices.channels.robot import MOBILE
from notices.channels.secret import read_secret
from notices.channels.signing import signed_headers, signing_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from notices.channels.contract import Address, Hold, Message

MOST_CHARACTERS = 70
LEAST_SHOP = 2
"""Characters of the shop's name that must have room."""
_NATIONAL = 11
"""Digits of a telephone in China without the country's."""
FIELDS = frozenset({"shop", "tail", "deadline", "link", "no", "count"})
"""What a registered template may have in braces."""
ONE = "【{signature}】{shop}（尾号{tail}）商户任务请{deadline}前处理：{link}"
MANY = "【{signature}】您有{count}项商户任务，最早{deadline}截止，详见：{link}"


class SmsOptions(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table of the kind `sms` sets.

    Attributes:
        secret_file: what requests are signed with, as a webhook's.
        signature: the registered signature (签名), which stands in 【】.
        template: as registered, for one task.
        template_id: the gateway's name of it.
        template_many: as registered, for several tasks.
        template_many_id: the gateway's name of it.
        per_minute: messages within any 60 s.
    """

    secret_file: str
    signature: str
    template_id: str
    template_many_id: str
    template: str = ONE
    template_many: str = MANY
    per_minute: int = 60

    def check(self) -> None:
        """Refuse templates that name what there is not, or leave no room."""
        super().check()
        at_least("per_minute", self.per_minute, 1)
        for name in ("template", "template_many"):
            text = getattr(self, name)
            try:
                named = {each for _, each, _, _ in string.Formatter().parse(text) if each is not None}
            except ValueError as error:
                raise ValueError(f"{name} must have its fields in braces: {error}") from error
            if unknown := named - FIELDS - {"signature"}:
                raise ValueError(f"{name} must name {', '.join(sorted(FIELDS))} in braces, got {min(unknown)!r}")
            if "link" not in named:
                raise ValueError(f"{name} must have {{link}}, got {text!r}")
            fixed = characters(filled(text, dict.fromkeys(FIELDS, ""), self.signature))
            if fixed >= MOST_CHARACTERS:
                raise ValueError(
                    f"{name} must have room within {MOST_CHARACTERS} characters, has {fixed} without values"
                )


class Sms:
    """Text messages; one request for all recipients of a message.

    Args:
        name: as the settings call it.
        options: its table.
        keys: what requests are signed with.
        asking: how it asks.
    """

    kind = "sms"
    most_bytes = 2 * MOST_CHARACTERS

    def __init__(self, name: str, options: SmsOptions, keys: tuple[bytes, ...], asking: Asking) -> None:
        self.name = name
        self.budgets = asking.pace.budgets
        self._options, self._keys, self._asking = options, keys, asking

    def hold(self, notice_id: str, *, urgent: bool) -> Hold | None:
        """What keeps a notice back now."""
        return self._asking.hold(notice_id, urgent=urgent)

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        """Hand it to the gateway once."""
        reachable = [each for each in recipients if MOBILE.fullmatch(each.to)]
        wrong = [each for each in recipients if each not in reachable]
        found = refused_for_all(wrong, "a text message needs a telephone number of 6 to 15 digits")
        if reachable:
            found += await self._send(message, reachable)
        by_address = {each.address: each for each in found}
        numbers = [each.to for each in recipients]
        outcomes = [by_address[each] for each in recipients]
        return [replace(each, said=without_numbers(each.said, numbers)) for each in outcomes]

    async def _send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        is_many = len(message.rows) > 1
        template = self._options.template_many if is_many else self._options.template
        try:
            values, text = fill(template, message.fields, self._options.signature)
        except ValueError as error:
            return refused_for_all(recipients, str(error))
        body = msgspec.json.encode(
            {
                "type": "sms",
                "data": {
                    "notice_id": message.notice_id,
                    "template_id": self._options.template_many_id if is_many else self._options.template_id,
                    "values": values,
                    "text": text,
                    "to": [each.to for each in recipients],
                },
            }
        )
        headers = signed_headers(self._keys, message.notice_id, int(self._asking.now_s()), body)
        verdict = await self._asking.ask(message, self._options.url, body, headers, self._read)
        return results.outcomes(verdict, recipients, self._asking.secrets, wants_id=True)

    @staticmethod
    def _read(body: Any) -> Verdict:
        return results.read_all(body, wants_id=True)


def without_numbers(said: str, numbers: Sequence[str]) -> str:
    """What a gateway said, its recipients' telephones cut to their last four digits.

    >>> without_numbers("13800000001 is blocked", ["+8613800000001"])
    '…0001 is blocked'
    """
    for each in numbers:
        digits = each.removeprefix("+")
        for written in (each, digits, digits[-_NATIONAL:]):
            said = said.replace(written, f"…{written[-4:]}")
    return said


def characters(text: str) -> int:
    """Characters as carriers count them: those beyond the first 65,536 of Unicode are two.

    >>> characters("走访"), characters("🏪")
    (2, 2)
    """
    return len(text.encode("utf-16-le")) // 2


def filled(template: str, values: Mapping[str, str], signature: str) -> str:
    """A template with its values."""
    return template.format(signature=signature, **{each: values.get(each, "") for each in FIELDS})


def fill(template: str, fields: Mapping[str, str], signature: str) -> tuple[dict[str, str], str]:
    """The values of a template, the shop's name cut to its room, and the text that they give.

    >>> fill("【T】{shop}{link}", {"shop": "老张" * 40, "link": "https://c.example/t/1"}, "T")[1][-26:]
    '张老张老…https://c.example/t/1'

    Raises:
        ValueError: a value is missing, or even the shortest name has no room.
    """
    named = {each for _, each, _, _ in string.Formatter().parse(template) if each} - {"signature"}
    if missing := sorted(each for each in named if not fields.get(each)):
        raise ValueError(f"the registered template needs {', '.join(missing)}, the notice has none")
    values = {each: fields[each] for each in sorted(named)}
    text = filled(template, values, signature)
    shop = values.get("shop", "")
    while characters(text) > MOST_CHARACTERS and len(shop) > LEAST_SHOP:
        shop = shop[:-1]
        values["shop"] = f"{shop}…"
        text = filled(template, values, signature)
    if (had := characters(text)) > MOST_CHARACTERS:
        raise ValueError(
            f"a text message must have at most {MOST_CHARACTERS} characters, has {had} with the shortest name"
        )
    return values, text


def make(name: str, options: SmsOptions, now_s: Callable[[], float]) -> Sms:
    """The channel of a table; raises ValueError or OSError for its file."""
    secret = read_secret(options.secret_file)
    pace = Pace([Budget(options.per_minute, 60.0)])
    asking = Asking(poster=options.poster(), pace=pace, now_s=now_s, secrets=secret.all)
    return Sms(name, options, signing_keys(secret), asking)
