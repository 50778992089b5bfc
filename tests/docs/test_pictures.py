"""Pictures of terminals show what commands print, each word in its column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.text import Text

from tools.draw_terminals import CELL_W, FOLDER, PICTURES, draw, drawn, screen


def test_what_stood_on_the_screen_is_the_last_whole_frame() -> None:
    written = "\x1b[?1049h\x1b[Hone\r\n\x1b[Htwo\r\n\x1b[31mred\x1b[0m\r\n   \r\n\x1b[?1049l\x1b[?25h"
    assert [each.plain for each in screen(written)] == ["two", "red"]
    assert [each.plain for each in screen("a\r\n b\r\n")] == ["a", " b"]


def test_a_word_after_chinese_stands_in_its_column() -> None:
    svg = drawn([Text("商户 898")], 20, "title")
    places = {word: int(x) for x, word in re.findall(r'<text x="(\d+)" y="\d+"[^>]*>([^<]+)</text>', svg)}
    assert places["户"] - places["商"] == 2 * CELL_W
    assert places["898"] - places["商"] == 5 * CELL_W


def test_there_is_every_picture_and_no_other_of_a_terminal() -> None:
    assert {path.stem for path in FOLDER.glob("*.svg")} - {"reference-job"} == set(PICTURES)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, picture in PICTURES.items() if not picture.live_s])
def test_a_picture_is_what_the_command_prints_today(name: str) -> None:
    assert Path(FOLDER / f"{name}.svg").read_text("utf-8") == draw(name), f"run: make pictures ARGS={name}"
