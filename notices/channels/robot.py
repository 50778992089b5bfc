"""What the robots of WeCom, DingTalk and Feishu have in common: one message in a group for all who are named.

A robot has no recipients of its own. An address says whom the message mentions; what became of the message holds for
all of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from notices.channels.asking import Asking, Verdict, number_of, refused_for_all
from notices.channels.words import fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from notices.channels.contract import Address, Hold, Message, Outcome
    from notices.channels.pace import Pace
    from notices.channels.post import Poster
    from notices.channels.secret import Secret

MOBILE = re.compile(r"\+?[0-9]{6,15}")
MENTION = re.compile(r"[A-Za-z0-9_@.+-]{1,64}")
"""How a telephone number, and whatever a robot mentions people by, may look."""


class Robot:
    """A robot of a group chat.

    Args:
        name: as the settings call it.
        url: of the far side, without the key.
        key: of the robot.
        secret: what requests are signed with; None where they are not.
        poster: sends requests.
        pace: how many, and when.
        now_s: tells the time, seconds since 1970.
        markdown: whether messages are sent in Markdown.
    """

    kind = ""
    most_bytes = 0

    def __init__(
        self, name: str, *, url: str, key: Secret, secret: Secret | None, poster: Poster, pace: Pace,
        now_s: Callable[[], float], markdown: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.budgets = name, pace.budgets
        self._url, self._key, self._secret, self._markdown = url, key, secret, markdown
        secrets = [key.value, quote(key.value, safe=""), *(secret.all if secret else ())]
        self._now_s = now_s
        self._asking = Asking(poster=poster, pace=pace, now_s=now_s, secrets=secrets)

    def hold(self, notice_id: str, *, urgent: bool) -> Hold | None:
        """What keeps a notice back now."""
        return self._asking.hold(notice_id, urgent=urgent)

    async def send(self, message: Message, recipients: Sequence[Address]) -> list[Outcome]:
        """Post it once."""
        wrong = [each for each in recipients if each.to and not MENTION.fullmatch(each.to)]
        if wrong:
            said = "whom a robot mentions must be a telephone number or an id of letters, digits and _ @ . + -"
            known = [each for each in recipients if each not in wrong]
            rest = await self.send(message, known) if known else []
            found = {each.address: each for each in [*rest, *refused_for_all(wrong, said)]}
            return [found[each] for each in recipients]
        try:
            words = self._words(message)
        except ValueError as error:
            return refused_for_all(recipients, str(error))
        url, body = self._request(message, words, [each.to for each in recipients if each.to])
        verdict = await self._asking.ask(message, url, body, {}, self._read)
        return self._outcomes(verdict, recipients)

    def _words(self, message: Message) -> str:
        words = message.markdown if self._markdown and message.markdown else message.text
        harmless = words.replace("<", "＜")  # noqa: RUF001  so that no shop's name mentions everybody
        return fitted(harmless, self.most_bytes, message.link)

    def _request(self, message: Message, words: str, mentioned: list[str]) -> tuple[str, bytes]:
        """The URL with its key, and the body."""
        raise NotImplementedError

    def _read(self, body: Any) -> Verdict:
        """What the far side's body says."""
        raise NotImplementedError

    def _outcomes(self, verdict: Verdict, recipients: Sequence[Address]) -> list[Outcome]:
        return [verdict.outcome(each) for each in recipients]


def read_code(body: Any, code: str, words: str, later: dict[int, float | None]) -> Verdict:
    """What a body with a code and words says.

    Args:
        body: of JSON, None for none.
        code: the name of the code; 0 is success.
        words: the name of what is said.
        later: codes with which a message may be tried again, and after how many seconds; None where there is no rule.
    """
    value = number_of(body.get(code)) if isinstance(body, dict) else None
    if value is None:
        return Verdict(
            "unknown", f"answered without a {code}: {body!r}" if body is not None else "answered without JSON"
        )
    if value == 0:
        return Verdict("sent")
    said = f"{code} {value}: {body.get(words, '')}"
    return Verdict("retry", said, retry_after_s=later[value]) if value in later else Verdict("refused", said)
