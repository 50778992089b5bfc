"""`tillwatch channels` and its subcommands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from domain.alerts import Text
from notices.channels.contract import Address, Message
from streams.log import now_utc_ms
from tillwatch.language import lang_option, local, speaker
from tillwatch.show import emit_json, failing, table, to_stdout

if TYPE_CHECKING:
    from notices.channels.contract import Channel, Outcome
    from tillwatch.cli import Invocation
    from tillwatch.language import Say
    from tillwatch.settings import Settings

_NOWHERE = "https://console.example"
"""Stands for the console's address where none is set: a test's link leads nowhere."""
_STATUSES = {
    "sent": Text("sent", "已送达对方"), "retry": Text("not taken, may be later", "暂未接收，可重试"),
    "refused": Text("refused", "被拒绝"), "unknown": Text("not known whether it was taken", "是否接收不明"),
}  # fmt: skip


@click.group("channels")
def command() -> None:
    """Show the channels of notices, and try one.

    \b
    Examples:
      tillwatch channels list
      tillwatch channels test reps_east --to 13800000001
    """


def _channels(settings: Settings) -> dict[str, Channel]:
    with failing(ValueError):
        return settings.make_channels()


@command.command("list", short_help="List the channels that settings name.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Each channel as a line of JSON.")
@click.pass_obj
def show_list(invocation: Invocation, lang: str, *, as_json: bool) -> None:
    """List the channels that settings name, with their budgets; files of secrets are read, and nobody is asked.

    \b
    Examples:
      tillwatch channels list
    """
    found, say = _channels(invocation.settings()), speaker(lang)
    if as_json:
        for each in found.values():
            emit_json(_told(each))
        return
    shown = table(
        say("Channels of notices", "通知通道"), say("channel", "通道"), say("kind", "类型"), say("bytes", "字节上限"),
        say("messages a minute", "每分钟条数"), numbers=(2, 3),
    )  # fmt: skip
    for each in found.values():
        told = _told(each)
        per_minute = "" if told["per_minute"] is None else f"{told['per_minute']:g}"
        shown.add_row(each.name, each.kind, f"{each.most_bytes:,}", per_minute)
    to_stdout().print(shown)


def _told(channel: Channel) -> dict[str, Any]:
    per_minute = min((each.most * 60 / each.window_s for each in channel.budgets), default=None)
    return {"name": channel.name, "kind": channel.kind, "most_bytes": channel.most_bytes, "per_minute": per_minute}


@command.command("test", short_help="Send a message that says it is a test.")
@click.argument("name")
@click.option("--to", default="", help="Whom it reaches: an address, a telephone number, whom a robot mentions.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="What became of it, as JSON.")
@click.pass_context
def test(context: click.Context, name: str, to: str, lang: str, *, as_json: bool) -> None:
    """Send one message that says it is a test over the channel NAME, and show what the far side answered.

    The exit code is 0 only if the far side took it.

    \b
    Examples:
      tillwatch channels test reps_east --to 13800000001
      tillwatch channels test mail --to wang@acquirer.example --lang zh
    """
    settings, say = context.obj.settings(), speaker(lang)
    channels = _channels(settings)
    if name not in channels:
        raise click.ClickException(f"NAME must be one of {', '.join(channels) or '(no channel is set)'}, got {name}")
    (outcome,) = asyncio.run(channels[name].send(_message(settings, lang), [Address("test", to, to)]))
    if as_json:
        emit_json({
            "status": outcome.status, "message_id": outcome.message_id, "said": outcome.said,
            "retry_after_s": outcome.retry_after_s,
        })  # fmt: skip
    else:
        to_stdout().print(_line(outcome, say), soft_wrap=True)
    if outcome.status != "sent":
        context.exit(1)


def _message(settings: Settings, lang: str) -> Message:
    say = speaker(lang)
    now = local(now_utc_ms(), settings.time_zone)
    link = settings.console_url or _NOWHERE
    title = say("Test of a channel", "通道测试")
    words = say(f"Tillwatch test message of {now}: nothing is to be done. {link}", f"{now} 通道测试，无需处理。{link}")
    fields = {"shop": say("TEST", "测试"), "tail": "0000", "deadline": now[-8:], "link": link, "no": "0", "count": "1"}
    return Message(
        notice_id=f"test-{uuid4()}", title=title, text=words, markdown=f"**{title}** {words}", link=link, lang=lang,
        fields=fields, urgent=True,
    )  # fmt: skip


def _line(outcome: Outcome, say: Say) -> str:
    parts = [say(_STATUSES[outcome.status].en, _STATUSES[outcome.status].zh)]
    if outcome.message_id:
        parts.append(say(f"id {outcome.message_id}", f"编号{outcome.message_id}"))
    if outcome.said:
        parts.append(outcome.said)
    if outcome.retry_after_s is not None:
        parts.append(say(f"again after {outcome.retry_after_s:.0f} s", f"{outcome.retry_after_s:.0f}秒后可重试"))
    return say(": ", "：").join([parts[0], say(", ", "，").join(parts[1:])]) if len(parts) > 1 else parts[0]
