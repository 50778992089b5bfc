from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.visible import unseen_at, visible, visible_json, visible_lines
from tests.seeds import examples

CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
"""Of the category Cf, yet signs that are written: of Arabic, Syriac, Kaithi and hieroglyphs."""
FILLERS = "\u034f\u115f\u1160\u3164\uffa0\ufe0f\u180e\ufeff"


def test_every_control_and_every_character_without_width_is_shown_as_an_escape() -> None:
    hidden = [
        hex(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) in CATEGORIES
        and code not in SEEN
        and not visible(f"a{chr(code)}b").isascii()
    ]
    assert hidden == []
    assert all(visible(f"a{each}b").startswith("a\\") for each in FILLERS)


@pytest.mark.parametrize("text", ["王府井 café", "50 % [bold]x[/]", "A\u00a0B", "❤️", "👨‍👩‍👧", "e\u0301"])
def test_what_is_seen_stays_as_it_is(text: str) -> None:
    assert visible(text) == visible_lines(text) == text


def test_what_joins_emoji_is_escaped_between_anything_else() -> None:
    assert visible("6\u200d2\ufe0f") == "6\\u200d2\\ufe0f"


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Ll", "So", "Mn"])))
@settings(max_examples=examples(200))
def test_nothing_unseen_is_left_and_json_still_says_the_same(text: str) -> None:
    assert unseen_at(visible(text)) == []
    assert visible(text).isascii() or visible(visible(text)) == visible(text)
    assert "\r" not in visible_lines(text).replace("\r\n", "")
    shown = visible_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(shown) == json.loads(json.dumps(text))  # halves of a character that meet are one
    assert unseen_at(shown) == []
