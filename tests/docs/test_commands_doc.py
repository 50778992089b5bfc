from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from tests.docs.headings import sections
from tillwatch.cli import COMMANDS, INTERRUPTED, BadSettings, commands

DOC = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = sections(DOC, 2)


def command(name: str) -> click.Command:
    found = commands.get_command(click.Context(commands), name)
    assert found is not None
    return found


def options(found: click.Command) -> dict[str, click.Option]:
    """Options that people give, by their long name."""
    visible = (each for each in found.params if isinstance(each, click.Option) and not each.hidden)
    return {each.opts[0]: each for each in visible}


def rows(text: str) -> dict[str, list[str]]:
    """The cells of a table of options, by option."""
    return {
        cells[0].strip("`").split()[0]: cells[1:]
        for line in re.findall(r"^\| (`--.+) \|$", text, re.MULTILINE)
        for cells in [[cell.strip() for cell in line.split("|")]]
    }


def test_every_command_has_its_heading_and_no_other() -> None:
    assert list(SECTIONS) == [f"`tillwatch {name}`" for name in sorted(COMMANDS)]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_options_stand_there_in_their_order_and_no_other(name: str) -> None:
    assert list(rows(SECTIONS[f"`tillwatch {name}`"])) == list(options(command(name)))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_default_stands_there_as_it_is(name: str) -> None:
    table = rows(SECTIONS[f"`tillwatch {name}`"])
    for flag, option in options(command(name)).items():
        if option.show_default:
            given = table[flag][0].strip("`")
            assert option.type.convert(given, option, None) == option.default


def test_the_options_before_the_command_stand_there() -> None:
    assert set(rows(DOC.partition("\n## ")[0])) == set(options(commands))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_those_of_help_and_can_be_parsed(name: str) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```$", SECTIONS[f"`tillwatch {name}`"], re.MULTILINE | re.DOTALL)
    text = command(name).help or ""
    assert block.split("\n")[:-1] == [line.strip() for line in text.strip().partition("Examples:\n")[2].splitlines()]
    for line in block.splitlines():
        (mine,) = [part for part in line.split("|") if "tillwatch" in part]
        _, called, *arguments = shlex.split(mine)
        assert called == name
        known = options(command(name))
        assert {each for each in arguments if each.startswith("--")} <= set(known)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_and_option_says_something(name: str) -> None:
    assert command(name).help
    assert COMMANDS[name]
    for flag, option in options(command(name)).items():
        assert option.help, flag


def test_the_exit_codes_are_those_of_the_code() -> None:
    codes = re.findall(r"^\| (\d+) \|", DOC, re.MULTILINE)
    expected = (0, click.ClickException.exit_code, BadSettings.exit_code, INTERRUPTED)
    assert [int(each) for each in codes] == list(expected)
    assert click.UsageError.exit_code == BadSettings.exit_code


@pytest.mark.parametrize("name", [None, *sorted(COMMANDS)])
def test_help_shows_each_example_on_a_line_of_its_own(name: str | None) -> None:
    found = commands if name is None else command(name)
    shown = found.get_help(click.Context(found, info_name=name or "tillwatch")).splitlines()
    assert "\\b" not in "".join(shown)
    first = shown.index("  Examples:")
    examples = shown[first + 1 : shown.index("", first)]
    assert examples
    assert all(line.startswith("    ") and "tillwatch" in line for line in examples)
