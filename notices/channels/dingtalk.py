"""A robot of a DingTalk (钉钉) group, which signs what it sends: `docs/channels/dingtalk.md`."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from notices.channels.asking import Verdict
from notices.channels.contract import Budget, Outcome
from notices.channels.options import Remote, at_least, one_of
from notices.channels.pace import Pace
from notices.channels.robot import MOBILE, Robot, read_code
from notices.channels.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notices.channels.contract import Address, Message

MOST_BYTES = 9_000
"""Bytes of words; DingTalk takes 20,000 of all the body, in which line breaks and quotation marks count twice."""
BLOCK_S = 600.0
"""How long DingTalk blocks a robot that sent too much."""
FORMATS = ("text", "markdown")
LATER: dict[int, float | None] = {
    -1: None,  # busy
    130101: BLOCK_S,  # more than 20 a minute
    410100: BLOCK_S,  # the same
}
"""Codes with which a message may be tried again, and after how many seconds."""


class DingtalkOptions(Remote, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a table of the kind `dingtalk` sets.

    Attributes:
        key_file: the robot's key, which is `access_token` in the URL that DingTalk shows.
        secret_file: what requests are signed with (加签), `SEC…`; "" for a robot that is secured otherwise.
        format: `text` or `markdown`.
        per_minute: messages within any 60 s.
    """

    key_file: str
    secret_file: str = ""
    url: str = "https://oapi.dingtalk.com/robot/send"
    hosts: str = "oapi.dingtalk.com"
    format: str = "text"
    per_minute: int = 18

    def check(self) -> None:
        """Refuse what does not fit together."""
        super().check()
        one_of("format", self.format, FORMATS)
        at_least("per_minute", self.per_minute, 1)


class Dingtalk(Robot):
    """The robot."""

    kind = "dingtalk"
    most_bytes = MOST_BYTES

    def _request(self, message: Message, words: str, mentioned: list[str]) -> tuple[str, bytes]:
        url = f"{self._url}?access_token={quote(self._key.value, safe='')}"
        if self._secret:
            timestamp_ms = int(self._now_s() * 1000)
            url += f"&timestamp={timestamp_ms}&sign={quote(signature(self._secret.value, timestamp_ms), safe='')}"
        mobiles = [each for each in mentioned if MOBILE.fullmatch(each)]
        ids = [each for each in mentioned if each not in mobiles]
        at = {"atMobiles": mobiles, "atUserIds": ids, "isAtAll": False}
        if self._markdown and message.markdown:
            body: dict[str, Any] = {
                "msgtype": "markdown",
                "markdown": {"title": message.title, "text": words},
                "at": at,
            }
        else:
            body = {"msgtype": "text", "text": {"content": words}, "at": at}
        return url, msgspec.json.encode(body)

    def _read(self, body: Any) -> Verdict:
        if isinstance(body, dict) and body.get("punish"):
            return Verdict("retry", f"status {body.get('status')}, punish: {body['punish']}", retry_after_s=BLOCK_S)
        return read_code(body, "errcode", "errmsg", LATER)

    def _outcomes(self, verdict: Verdict, recipients: Sequence[Address]) -> list[Outcome]:
        """With those of whom DingTalk says that they did not get it, although the rest did."""
        body = verdict.body if isinstance(verdict.body, dict) and verdict.status == "sent" else {}
        unknown, slowed = _ids(body, "invalidStaffIdList"), _ids(body, "flowControlledStaffIdList")
        found = []
        for each in recipients:
            if each.to in unknown:
                found.append(Outcome(address=each, status="refused", said="invalidStaffIdList names the recipient"))
            elif each.to in slowed:
                said = "flowControlledStaffIdList names the recipient"
                found.append(Outcome(address=each, status="retry", said=said))
            else:
                found.append(verdict.outcome(each))
        return found


def signature(secret: str, timestamp_ms: int) -> str:
    """What DingTalk checks: HMAC-SHA256 of the time and the secret, by the secret, in Base64.

    >>> signature("SECexample", 1_700_000_000_000)
    'uroalHrWHORz59talE1o26b8HuX2kOp8WlAN91F9Pj0='
    """
    signed = hmac.digest(secret.encode(), f"{timestamp_ms}\n{secret}".encode(), "sha256")
    return base64.b64encode(signed).decode()


def make(name: str, options: DingtalkOptions, now_s: Callable[[], float]) -> Dingtalk:
    """The robot of a table; raises ValueError or OSError for its files."""
    secret = read_secret(options.secret_file) if options.secret_file else None
    return Dingtalk(
        name, url=options.url, key=read_secret(options.key_file), secret=secret, poster=options.poster(),
        pace=Pace([Budget(options.per_minute, 60.0)], spread=True), now_s=now_s, markdown=options.format == "markdown",
    )  # fmt: skip


def _ids(body: dict[str, Any], name: str) -> frozenset[str]:
    found = body.get(name)
    return frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()
