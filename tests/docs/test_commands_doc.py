from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from tests.docs.headings import sections
from tillwatch.cli import BAD_SETTINGS, COMMANDS, INTERRUPTED, REFUSED, commands

DOC = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def command(name: str) -> click.Command:
    """A command by its words, such as `state backup`."""
    found: click.Command = commands
    for word in name.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner is not None, name
        found = inner
    return found


def subcommands(name: str) -> list[str]:
    """What a command has beneath it, in the order of its help."""
    found = command(name)
    if not isinstance(found, click.Group):
        return []
    return [f"{name} {word}" for word in found.list_commands(click.Context(found))]


def _sections() -> dict[str, str]:
    """What stands of each command and subcommand, by heading; of a group, what stands before its subcommands."""
    found = {}
    for heading, text in sections(DOC, 2).items():
        found[heading] = text.partition("\n### ")[0]
        found |= sections(text, 3)
    return found


SECTIONS = _sections()
NAMES = [name for top in sorted(COMMANDS) for name in (top, *subcommands(top))]
"""Every command and subcommand."""


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
    assert list(SECTIONS) == [f"`tillwatch {name}`" for name in NAMES]
    assert list(sections(DOC, 2)) == [f"`tillwatch {name}`" for name in sorted(COMMANDS)]


@pytest.mark.parametrize("name", NAMES)
def test_a_commands_options_stand_there_in_their_order_and_no_other(name: str) -> None:
    assert list(rows(SECTIONS[f"`tillwatch {name}`"])) == list(options(command(name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_default_stands_there_as_it_is(name: str) -> None:
    table = rows(SECTIONS[f"`tillwatch {name}`"])
    for flag, option in options(command(name)).items():
        if option.show_default:
            given = table[flag][0].strip("`")
            assert option.type.convert(given, option, None) == option.default


def test_the_options_before_the_command_stand_there() -> None:
    assert set(rows(DOC.partition("\n## ")[0])) == set(options(commands))


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_those_of_help_and_can_be_parsed(name: str) -> None:
    (block,) = re.findall(r"^```sh\n(.*?)^```$", SECTIONS[f"`tillwatch {name}`"], re.MULTILINE | re.DOTALL)
    text = command(name).help or ""
    assert block.split("\n")[:-1] == [line.strip() for line in text.strip().partition("Examples:\n")[2].splitlines()]
    for line in block.splitlines():
        (mine,) = [part for part in line.split("|") if "tillwatch" in part]
        words = shlex.split(mine)[1:]
        called = next(each for each in [*subcommands(name), name] if words[: len(each.split())] == each.split())
        arguments, known = words[len(called.split()) :], options(command(called))
        assert {each for each in arguments if each.startswith("--")} <= set(known)


@pytest.mark.parametrize("name", NAMES)
def test_help_of_every_command_and_option_says_something(name: str) -> None:
    assert command(name).help
    assert COMMANDS[name.split(maxsplit=1)[0]]
    for flag, option in options(command(name)).items():
        assert option.help, flag


def test_the_exit_codes_are_those_of_the_code() -> None:
    codes = re.findall(r"^\| (\d+) \|", DOC, re.MULTILINE)
    expected = (0, click.ClickException.exit_code, BAD_SETTINGS, REFUSED, INTERRUPTED)
    assert [int(each) for each in codes] == list(expected)
    assert click.UsageError.exit_code == BAD_SETTINGS


@pytest.mark.parametrize("name", [None, *NAMES])
def test_help_shows_each_example_on_a_line_of_its_own(name: str | None) -> None:
    found = commands if name is None else command(name)
    shown = found.get_help(click.Context(found, info_name=name or "tillwatch")).splitlines()
    assert "\\b" not in "".join(shown)
    first = shown.index("  Examples:")
    examples = shown[first + 1 : shown.index("", first)]
    assert examples
    assert all(line.startswith("    ") and "tillwatch" in line for line in examples)


@pytest.mark.parametrize("name", [name for name in NAMES if subcommands(name)])
def test_a_groups_help_says_something_of_each_subcommand(name: str) -> None:
    shown = command(name).get_help(click.Context(command(name), info_name=name))
    for each in subcommands(name):
        (line,) = re.findall(rf"^  {each.split()[-1]} +(\S.*)$", shown, re.MULTILINE)
        assert not line.endswith("...")
