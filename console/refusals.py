"""What a refusal is called in the language of whoever meets it: its English sentence is its code, and has its parts.

Programs get English alone. A sentence that is not known here is shown as it is, after a word that says what happened.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from console.refusal_words import PARTS, ROLES, SENTENCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN = "操作未执行：{0}"
"""A refusal whose sentence is not known here."""
_HOLDS = " holds it"


class _Sentence(NamedTuple):
    pattern: re.Pattern[str]
    words: str
    parts: Mapping[str, str]


def in_words(refused: Exception | str, lang: str) -> str:
    """A refusal in a language.

    >>> in_words("case 7 is held by li", "zh"), in_words("case 7 is held by li", "en")
    ('案件7已由li领取', 'case 7 is held by li')
    >>> in_words("the moon must be full", "zh")
    '操作未执行：the moon must be full'
    """
    message = str(refused)
    if lang != "zh" or not message[:1].isascii():  # a page said it in its language already
        return message
    for each in _sentences():
        if found := each.pattern.fullmatch(message):
            return each.words.format(*(_part(part, each.parts) for part in found.groups()))
    return UNKNOWN.format(message)


def _part(text: str, words: Mapping[str, str]) -> str:
    """A part of a sentence: a word, several with commas between, or what stands for itself."""
    if text.endswith(_HOLDS) and text != f"nobody{_HOLDS}":
        return f"目前由{text.removesuffix(_HOLDS)}领取"
    several = text.split(", ")
    return words[text] if text in words else "、".join(words.get(each, each) for each in several)


@cache
def _sentences() -> Sequence[_Sentence]:
    """Those with most words of their own first, so that a general one takes nothing from a special one."""
    ordered = sorted(SENTENCES, key=lambda each: -len(each.replace("{}", "")))
    return [_Sentence(_pattern(each), SENTENCES[each], PARTS | ROLES if "roles" in each else PARTS) for each in ordered]


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(map(re.escape, sentence.split("{}"))), re.DOTALL)
