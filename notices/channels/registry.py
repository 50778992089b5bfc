"""The kinds of channels that there are, and the channels that settings name."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from notices.channels import dingtalk, email_smtp, feishu, printed, sms, webhook, wecom
from notices.channels.options import Options, read_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from notices.channels.contract import Channel

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Kind(NamedTuple):
    """A kind of channel: what its table may set, and what makes one of it."""

    options: type[Options]
    make: Callable[[str, Any, Callable[[], float]], Channel]


KINDS: dict[str, Kind] = {
    "email": Kind(email_smtp.EmailOptions, email_smtp.make),
    "wecom": Kind(wecom.WecomOptions, wecom.make),
    "dingtalk": Kind(dingtalk.DingtalkOptions, dingtalk.make),
    "feishu": Kind(feishu.FeishuOptions, feishu.make),
    "webhook": Kind(webhook.WebhookOptions, webhook.make),
    "sms": Kind(sms.SmsOptions, sms.make),
    "printed": Kind(printed.PrintedOptions, printed.make),
}


def check_channels(tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is wrong with tables of channels, a line each, without reading their files."""
    faults = []
    for name, table in tables.items():
        try:
            _options(name, table)
        except ValueError as error:
            faults.append(f"channels.{name}: {error}")
    return faults


def make_channels(
    tables: Mapping[str, Mapping[str, Any]], now_s: Callable[[], float] = time.time
) -> dict[str, Channel]:
    """The channels of settings, by name.

    Raises:
        ValueError: tables or files are not what they must be; a line for each.
    """
    found, faults = {}, []
    for name, table in tables.items():
        try:
            kind, options = _options(name, table)
            found[name] = kind.make(name, options, now_s)
        except ValueError as error:
            faults.append(f"channels.{name}: {error}")
        except OSError as error:
            faults.append(f"channels.{name}: {error.filename} must be readable, it is not: {error.strerror}")
    if faults:
        raise ValueError("\n".join(faults))
    return found


def _options(name: str, table: Mapping[str, Any]) -> tuple[Kind, Options]:
    if not _NAME.fullmatch(name):
        raise ValueError("a channel's name must be small letters, digits and _, a letter first, at most 32")
    kind = KINDS.get(str(table.get("kind", "")))
    if kind is None:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {table.get('kind')!r}")
    return kind, read_options(kind.options, {key: value for key, value in table.items() if key != "kind"})
