"""A robot of a Feishu (飞书) or Lark group, which signs what it sends: `docs/channels/feishu.md`."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from notices.channels.contract import Budget
from notices.channels.options import Remote, at_least
from notices.channels.pace import Pace
from notices.channels.robot import Robot, read_code
from notices.channels.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from notices.channels.asking import Verdict
    from notices.channels.contract import Message

MOST_BYTES = 9_000
"""Bytes of words; Feishu takes 20 KB of all the body, in which line breaks and quotation marks count twice."""
BURST = Budget(5, 1.0)
LATER: dict[int, float | None] = {
    11232: 60.0,  # more than 100 a minute or 5 a second
}
"""Codes with which a message may be tried again, and after how many seconds."""


class FeishuOptions(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table of the kind `feishu` sets.

    Attributes:
        key_file: the robot's key, the last part of the URL that Feishu shows.
        secret_file: what requests are signed with (签名校验); "" for a robot that is secured otherwise.
        per_minute: messages within any 60 s, beside 5 within any second.
    """

    key_file: str
    secret_file: str = ""
    url: str = "https://open.feishu.cn/open-apis/bot/v2/hook"
    hosts: str = "open.feishu.cn"
    per_minute: int = 90

    def check(self) -> None:
        """Refuse what does not fit together."""
        super().check()
        at_least("per_minute", self.per_minute, 1)


class Feishu(Robot):
    """The robot."""

    kind = "feishu"
    most_bytes = MOST_BYTES

    def _request(self, message: Message, words: str, mentioned: list[str]) -> tuple[str, bytes]:
        del message
        to = "".join(f'<at user_id="{each}"></at> ' for each in mentioned)
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": to + words}}
        if self._secret:
            timestamp_s = int(self._now_s())
            body |= {"timestamp": str(timestamp_s), "sign": signature(self._secret.value, timestamp_s)}
        return f"{self._url}/{quote(self._key.value, safe='')}", msgspec.json.encode(body)

    def _read(self, body: Any) -> Verdict:
        if isinstance(body, dict) and "code" not in body and "StatusCode" in body:
            return read_code(body, "StatusCode", "StatusMessage", LATER)
        return read_code(body, "code", "msg", LATER)


def signature(secret: str, timestamp_s: int) -> str:
    """What Feishu checks: HMAC-SHA256 of nothing, by the time and the secret, in Base64.

    >>> signature("example", 1_700_000_000)
    'IDYtqgwsyU5irwQ/8nvd4ncBjc/KPCpVGkxbLfWDsyg='
    """
    return base64.b64encode(hmac.digest(f"{timestamp_s}\n{secret}".encode(), b"", "sha256")).decode()


def make(name: str, options: FeishuOptions, now_s: Callable[[], float]) -> Feishu:
    """The robot of a table; raises ValueError or OSError for its files."""
    secret = read_secret(options.secret_file) if options.secret_file else None
    return Feishu(
        name, url=options.url, key=read_secret(options.key_file), secret=secret, poster=options.poster(),
        pace=Pace([Budget(options.per_minute, 60.0), BURST], spread=True), now_s=now_s,
    )  # fmt: skip
