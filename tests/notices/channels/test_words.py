"""Words keep their bytes, their characters and their links."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notices.channels.words import cut, fitted, masked, one_line
from tests.seeds import examples

LINK = "https://console.example/t/kY3x9"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80) | st.text("走访 a🏪\u0301\n", max_size=80)


@given(TEXTS, st.integers(0, 120))
@settings(max_examples=examples(200), deadline=None)
def test_a_cut_text_is_a_beginning_of_it_within_its_bytes(text: str, most_bytes: int) -> None:
    found = cut(text, most_bytes)
    assert len(found.encode()) <= most_bytes
    if found != text:
        kept = found.removesuffix("…")
        assert text.startswith(kept)
        assert not kept or not unicodedata.combining(text[len(kept)])


@given(TEXTS, TEXTS, st.integers(len(LINK) + 1, 160))
@settings(max_examples=examples(300), deadline=None)
def test_the_link_always_stands_whole(before: str, behind: str, most_bytes: int) -> None:
    found = fitted(f"{before} {LINK} {behind}", most_bytes, LINK)
    assert len(found.encode()) <= most_bytes
    assert LINK in found


@given(st.lists(st.integers(0, 9_999), min_size=1, max_size=9), st.integers(40, 300))
@settings(max_examples=examples(200), deadline=None)
def test_no_link_of_several_is_cut(numbers: list[int], most_bytes: int) -> None:
    links = [f"https://console.example/t/{each:04}-{i}" for i, each in enumerate(numbers)]
    text = "\n".join(f"{i}. 老张便利店 {each}" for i, each in enumerate(links))
    found = fitted(text, most_bytes, links[0])
    assert len(found.encode()) <= most_bytes
    assert set(re.findall(r"https?://[^\s…]*", found)) <= set(links)


def test_a_link_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="the link must have room in 20 bytes, it has 31"):
        fitted("words", 20, LINK)


@given(st.text(max_size=100), st.integers(1, 50))
@settings(max_examples=examples(100), deadline=None)
def test_one_line_is_one(text: str, most: int) -> None:
    found = one_line(text, most)
    assert len(found) <= most
    assert len(found.splitlines()) <= 1
    assert not any(unicodedata.category(each) == "Cc" for each in found)


def test_secrets_are_masked_wherever_they_stand() -> None:
    said = masked(
        '{"errmsg":"sign=AbC%3D key abcdefgh"} at https://oapi.example/robot/send?access_token=1', ["abcdefgh"]
    )
    assert said == '{"errmsg":"sign=*** key ***"} at https://oapi.example/***'
