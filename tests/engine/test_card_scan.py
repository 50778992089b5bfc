"""The compiled search for card numbers: it finds what the one in Python finds, in a moment whatever the text."""

from __future__ import annotations

import random
import time

import pytest

from domain import card_search
from domain.card_text import plain
from domain.cards import mask
from engine.decoding.card_scan import find_stars
from tests.cards_made import LENGTHS, numbers

_GAPS = ("", "", " ", "-", "\u00a0", "........", "\x00\x00\x00\x00\x00\x00\x00\x00", "x", "*" * 8, "\\t", ".,;:|+")


@pytest.mark.parametrize("seed", range(4))
def test_the_compiled_search_finds_what_the_one_in_python_finds(seed: int) -> None:
    rng, found = random.Random(seed), 0
    for _ in range(3_000):
        pieces = []
        for _ in range(rng.randint(1, 4)):
            number = rng.choice(numbers(rng.choice(list(LENGTHS)))) if rng.random() < 0.4 else str(rng.getrandbits(50))
            size, gap = rng.choice((1, 2, 4, 5, 19)), rng.choice(_GAPS)
            pieces.append(gap.join(number[k : k + size] for k in range(0, len(number), size)))
        text = plain(rng.choice(("", " ", "9", "a", "*" * 8)).join(pieces))
        want = card_search.find_stars(text)
        found += bool(want)
        assert find_stars(text) == want, text
    assert found > 500


HOSTILE = (
    "4 ", "40", "4", "\uff14 ", "4.4-", "\\u0034", "4\\n", "D1111", "=1111", "B4^", "a: ", "4" * 19 + "=1111",
    "%34", "4%20", "4%2D", "%", "%25", "4%E2%80%93", "%D9%A4", "&#52;", "&", "&#", "4&nbsp;", "&amp;", "\\x34",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_of_the_greatest_length_is_masked_within_microseconds_a_byte(piece: str) -> None:
    """The budget is far above what is measured (docs/events.md), for machines under load."""
    text = (piece * 4_096)[:4_096]
    mask(text, find_stars)
    started = time.process_time()
    mask(text, find_stars)
    assert (time.process_time() - started) / len(text.encode()) < 2e-6
