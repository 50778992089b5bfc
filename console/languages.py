"""English or Chinese: which somebody reads, and how a page says the same in both."""

from __future__ import annotations

from typing import Any, Protocol

from domain.alerts import Text


class Say(Protocol):
    """Picks the words of a language."""

    def __call__(self, en: str | Text, zh: str = "", **values: Any) -> str:
        """The words, with values in their places, as `str.format` puts them there."""
        ...


def speaker(lang: str) -> Say:
    """What picks the words of a language.

    >>> speaker("zh")("{n} merchants", "{n}户商户", n=3), speaker("en")(Text("fees", "费率"))
    ('3户商户', 'fees')
    """

    def say(en: str | Text, zh: str = "", **values: Any) -> str:
        both = en if isinstance(en, Text) else Text(en, zh)
        words = both.zh if lang == "zh" else both.en
        return words.format(**values) if values else words

    return say


def same(words: str) -> Text:
    """Words that are the same in both languages."""
    return Text(words, words)


def accepted(header: str) -> str:
    """The language that a browser asks for first, of the two.

    >>> accepted("de,zh-CN;q=0.9,en;q=0.8"), accepted("fr"), accepted("en-US,zh;q=0.5")
    ('zh', 'en', 'en')
    """
    for each in header.lower().split(","):
        if (name := each.strip()[:2]) in {"en", "zh"}:
            return name
    return "en"
