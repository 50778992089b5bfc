"""The pages that a reader follows word for word: their commands exist, and print what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.docs.consoles import Command, File, Reader, pattern, steps
from tests.docs.test_commands_doc import command, options, subcommands
from tillwatch.cli import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md"))
    if "```console" in path.read_text(encoding="utf-8")
)
"""Pages with commands that a reader gives."""


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def calls(page: str) -> list[list[str]]:
    """The words after `tillwatch` of each call on a page, blocks of shell and console alike."""
    blocks = re.findall(r"^```(?:sh|console)[^\n]*\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"[|;]|&&", line)]
    return [shlex.split(part, comments=True)[1:] for part in parts if part.startswith("tillwatch ")]


def test_every_page_that_a_newcomer_follows_is_run() -> None:
    pages = {"README.md", "README.zh.md", "docs/tutorial.md", "docs/zh/tutorial.md"}
    assert pages <= set(PAGES)
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "how-to").glob("*.md")} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_calls_commands_with_options_that_there_are(page: str) -> None:
    found = [words for words in calls(page) if not words[0].startswith("-")]
    for words in found:
        names = [each for top in COMMANDS for each in (*subcommands(top), top)]
        called = next(each for each in names if words[: len(each.split())] == each.split())
        given = {each for each in words[len(called.split()) :] if each.startswith("--")}
        assert given <= {"--help", *options(command(called))}, words


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed_word_for_word(page: str, tmp_path: Path) -> None:
    told = {name: value for name, value in os.environ.items() if not name.startswith("TILLWATCH_")}
    here = {"PATH": f"{Path(sys.executable).parent}:{told['PATH']}", "PYTHONUNBUFFERED": "1"}
    assert Reader(tmp_path, told | here).follow(text(page)) > 0


def test_a_page_is_read_as_files_and_commands_in_their_order() -> None:
    page = (
        '```csv title="a.csv"\nx,y\n```\n\n```json\n{}\n```\n\n```console\n$ cat a.csv\nx,y\n$ sleep 9\n^C\n```\n\n'
        '```console title="other"\n$ tail -F a.csv\n```\n\n```console title="other"\nx…\n```\n'
    )
    assert list(steps(page)) == [
        File("a.csv", "x,y\n"),
        Command("cat a.csv", ["x,y"]),
        Command("sleep 9", ["^C"]),
        Command("tail -F a.csv", [], "other"),
        Command("", ["x…"], "other"),
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (["a  b"], "a b\n", True),
        (["a … d"], "a b c d\n", True),
        (["a … d"], "a b\nd\n", False),
        (["a", "…", "d"], "a\nb\nc\nd\n", True),
        (["a", "d"], "a\nb\nd\n", False),
        (["a"], "a\nb\n", False),
        ([], "", True),
        ([], "a\n", False),
        (["1.0"], "110\n", False),
    ],
)
def test_what_is_printed_must_be_what_the_page_shows(expected: list[str], printed: str, same: bool) -> None:
    assert (pattern(expected).fullmatch(printed) is not None) == same


def test_a_page_that_shows_something_else_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="must print"):
        Reader(tmp_path, os.environ).follow("```console\n$ echo one\ntwo\n```\n")
    with pytest.raises(AssertionError, match="ended with 3"):
        Reader(tmp_path, os.environ).follow("```console\n$ (exit 3)\n```\n")


def test_another_terminal_goes_on_while_the_page_goes_on(tmp_path: Path) -> None:
    page = (
        '```txt title="a"\none\n```\n```console title="second"\n$ tail -n +1 -F a\none\n```\n'
        '```console\n$ echo two >> a\n```\n```console title="second"\ntw…\n```\n```console\n$ tail -F a\none\n^C\n```\n'
    )
    assert Reader(tmp_path, os.environ).follow(page) == 4
