"""The language of what people read: one option, and how a command says the same in English or Chinese."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from detectors.words import figures
from domain.timestamps import iso

if TYPE_CHECKING:
    from domain.alerts import Text

Say = Callable[[str, str], str]
"""Picks the words of a language from English and Chinese ones."""
LANGUAGES = ("en", "zh")
VARIABLE = "TILLWATCH_LANG"
"""The environment variable that takes the option's place."""

lang_option = click.option(
    "--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, envvar=VARIABLE,
    help=f"Language of what is shown; also {VARIABLE}.",
)  # fmt: skip
"""`--lang` of a command that shows something to people; help, errors and JSON are in English."""


def speaker(lang: str) -> Say:
    """What picks the words of a language from English and Chinese ones.

    >>> speaker("zh")("merchant", "商户")
    '商户'
    """
    return lambda en, zh: zh if lang == "zh" else en


def said(text: Text, lang: str) -> str:
    """A text in a language."""
    return text.zh if lang == "zh" else text.en


counted = figures.counted
"""A count and what is counted, in English: as alerts have it."""


def local(ms: int | None, zone: str) -> str:
    """A time for people: to the minute, by the clock of a zone; "" for none. `zone_name` says once which.

    >>> local(1_736_092_800_000, "Asia/Shanghai")
    '2025-01-06 00:00'
    """
    if ms is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(ms / 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):  # by that clock it lies outside the years 1 to 9999
        return iso(ms)


def local_iso(time: str, zone: str) -> str:
    """The same of a time in ISO 8601; "" for ""."""
    return f"{datetime.fromisoformat(time).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" if time else ""


def zone_name(zone: str, lang: str) -> str:
    """Whose clock times are by; said once beside them.

    >>> zone_name("Asia/Shanghai", "en"), zone_name("Asia/Shanghai", "zh")
    ('Asia/Shanghai', '北京时间')
    """
    return _ZONES_ZH.get(zone, zone) if lang == "zh" else zone


_ZONES_ZH = {"Asia/Shanghai": "北京时间"}
