"""A far side that answers as it is told to, and a clock that is set by hand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from notices.channels.contract import Address, Message
from notices.channels.registry import make_channels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from notices.channels.contract import Channel, Outcome

LINK = "https://console.example/t/kY3x9"
KEY = "key-of-the-robot-0123456789"
SECRET = "SECsecret-of-the-robot-9876543210"
WEBHOOK_SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
MORNING_S = 1_790_000_000.0 + 700  # neither the full nor the half hour
WANG, LI = Address("u-wang", "13800000001", "王芳"), Address("u-li", "13800000002", "李强")
MESSAGE = Message(
    notice_id="n-1", title="商户走访任务", text=f"请走访「老张便利店」。点此反馈：{LINK}，工单88",
    markdown=f"**老张便利店**\n[反馈]({LINK})", link=LINK,
    fields={
        "shop": "老张便利店", "tail": "0002", "deadline": "6月30日18:00", "link": LINK, "no": "88", "count": "1"
    },
    rows=({"no": "88", "shop": "老张便利店"},),
)  # fmt: skip
ROBOTS = ("wecom", "dingtalk", "feishu")
GATEWAYS = ("webhook", "sms")
OK = {
    "wecom": {"errcode": 0, "errmsg": "ok"},
    "dingtalk": {"errcode": 0, "errmsg": "ok"},
    "feishu": {"code": 0, "msg": "success", "data": {}},
    "webhook": {"code": 0, "message_id": "m-8871"},
    "sms": {"code": 0, "message_id": "m-8871"},
}


@dataclass
class Say:
    """An answer.

    Attributes:
        body: JSON, or bytes as they are.
        status: of HTTP.
        headers: of HTTP.
        does: `answer`, `hang` or `cut`.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    does: str = "answer"


HANG, CUT = Say(does="hang"), Say(does="cut")


@dataclass
class Asked:
    """A request as it came."""

    url: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


class FarSide:
    """A server on loopback; the last of its answers stands for all that follow."""

    def __init__(self, *answers: Say) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.url = ""
        self._done = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/send"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._done.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(str(request.url), dict(request.headers), await request.read()))
        say = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if say.does == "hang":
            await self._done.wait()
        if say.does != "answer":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        raw = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
        return web.Response(body=raw, status=say.status, headers=say.headers)


class Clock:
    """Tells the time that it is set to."""

    def __init__(self, now_s: float = MORNING_S) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """Makes channels that ask a far side, and asks it with them.

    Args:
        folder: for files of secrets.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()

    def file(self, name: str, words: str, mode: int = 0o600) -> str:
        path = self.folder / name
        path.write_text(words + "\n")
        path.chmod(mode)
        return str(path)

    def table(self, kind: str, url: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": kind, "url": url, "hosts": "127.0.0.1", "loopback": True}
        if kind in ROBOTS:
            found["key_file"] = self.file("key", KEY)
        if kind in {"dingtalk", "feishu"}:
            found["secret_file"] = self.file("secret", SECRET)
        if kind in GATEWAYS:
            found["secret_file"] = self.file("whsec", WEBHOOK_SECRET)
        if kind == "sms":
            found |= {"signature": "某支付", "template_id": "T1", "template_many_id": "T2"}
        return found | more

    def channel(self, kind: str, url: str, **more: Any) -> Channel:
        return make_channels({"it": self.table(kind, url, **more)}, self.clock)["it"]

    def ask(
        self, kind: str, *answers: Say, message: Message = MESSAGE, to: Sequence[Address] = (WANG,), **more: Any
    ) -> tuple[list[Outcome], FarSide]:
        """Send one message once; what became of it, and the far side that was asked."""

        async def scene() -> tuple[list[Outcome], FarSide]:
            async with FarSide(*answers) as far:
                return await self.channel(kind, far.url, **more).send(message, to), far

        return asyncio.run(scene())

    def ask_at(
        self, kind: str, answers: Sequence[Say], times_s: Sequence[float], **more: Any
    ) -> tuple[list[Outcome], int]:
        """Send at each of some times after now over one channel; what became of each, and how often it was asked."""

        async def scene() -> tuple[list[Outcome], int]:
            async with FarSide(*answers) as far:
                channel, start_s = self.channel(kind, far.url, **more), self.clock.now_s
                found = []
                for each in times_s:
                    self.clock.now_s = start_s + each
                    found += await channel.send(MESSAGE, [WANG])
                return found, len(far.asked)

        return asyncio.run(scene())
