"""A robot of a WeCom (企业微信) group: `docs/channels/wecom.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from notices.channels.contract import Budget
from notices.channels.options import Remote, at_least, one_of
from notices.channels.pace import Pace
from notices.channels.robot import MOBILE, Robot, read_code
from notices.channels.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from notices.channels.asking import Verdict
    from notices.channels.contract import Message

MOST_TEXT_BYTES, MOST_MARKDOWN_BYTES = 2_048, 4_096
FORMATS = ("text", "markdown")
LATER: dict[int, float | None] = {
    -1: None,  # busy
    45009: 65.0,  # more than 20 a minute
    45033: 10.0,  # too many at once
}
"""Codes with which a message may be tried again, and after how many seconds."""


class WecomOptions(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table of the kind `wecom` sets.

    Attributes:
        key_file: the robot's key, which is `key` in the URL that WeCom shows.
        format: `text` or `markdown`; who reads WeCom's messages in WeChat sees text alone.
        per_minute: messages within any 60 s.
    """

    key_file: str
    url: str = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
    hosts: str = "qyapi.weixin.qq.com"
    format: str = "text"
    per_minute: int = 18

    def check(self) -> None:
        """Refuse what does not fit together."""
        super().check()
        one_of("format", self.format, FORMATS)
        at_least("per_minute", self.per_minute, 1)


class Wecom(Robot):
    """The robot."""

    kind = "wecom"

    @property
    def most_bytes(self) -> int:  # type: ignore[override]  # it depends on the format
        """Bytes of its words."""
        return MOST_MARKDOWN_BYTES if self._markdown else MOST_TEXT_BYTES

    def _request(self, message: Message, words: str, mentioned: list[str]) -> tuple[str, bytes]:
        if self._markdown and message.markdown:
            body: dict[str, Any] = {"msgtype": "markdown", "markdown": {"content": words}}
        else:
            mobiles = [each for each in mentioned if MOBILE.fullmatch(each)]
            ids = [each for each in mentioned if each not in mobiles]
            text = {"content": words, "mentioned_list": ids, "mentioned_mobile_list": mobiles}
            body = {"msgtype": "text", "text": text}
        return f"{self._url}?key={quote(self._key.value, safe='')}", msgspec.json.encode(body)

    def _read(self, body: Any) -> Verdict:
        return read_code(body, "errcode", "errmsg", LATER)


def make(name: str, options: WecomOptions, now_s: Callable[[], float]) -> Wecom:
    """The robot of a table; raises ValueError or OSError for its file."""
    return Wecom(
        name, url=options.url, key=read_secret(options.key_file), secret=None, poster=options.poster(),
        pace=Pace([Budget(options.per_minute, 60.0)], spread=True), now_s=now_s, markdown=options.format == "markdown",
    )  # fmt: skip
