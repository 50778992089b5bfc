"""Command lines that nobody meant: each ends in a line, with the right code, and never with a stack trace."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from streams.sqlite.address import SqliteAddress
from tests.seeds import seeds
from tests.tillwatch.forked import run
from tillwatch.cli import COMMANDS, commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_NUMBERS = ("nan", "inf", "-inf", "abc", "", "1e999", "0x10", "-1e999")
NO_INTEGERS = ("nan", "abc", "", "1.5", "1e3")
RUNS_ON = {"console", "demo", "stress", "worker", "warm"}
"""Commands that go on, or take long, where what they are given is right."""
TIMES = ("nan", "", "tomorrowish", "-1d", "99999999999d", "2026-13-45", "10000-01-01", "0x1", "1e3d", "\x00")


def leaves() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that people call, with its words."""
    context = click.Context(commands)
    for name in COMMANDS:
        command = commands.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from (((name, each), sub) for each, sub in command.commands.items())
            yield from (
                ((name, each, below), last)
                for each, sub in command.commands.items()
                if isinstance(sub, click.Group)
                for below, last in sub.commands.items()
            )
        else:
            yield (name,), command


def wrong_options() -> Iterator[tuple[str, ...]]:
    """Values that an option cannot have; what else the command needs is left out, for options are read first."""
    for words, command in leaves():
        for option in command.params:
            if not isinstance(option, click.Option) or option.is_flag:
                continue
            kind = option.type
            if isinstance(kind, click.types.FloatParamType):
                bad: tuple[str, ...] = NO_NUMBERS
            elif isinstance(kind, click.types.IntParamType):
                bad = NO_INTEGERS
            elif isinstance(kind, click.Choice):
                bad = ("nope", "", "EN")
            elif isinstance(kind, click.Path) and kind.exists:
                bad = ("/nowhere/at/all", "")
            else:
                continue
            yield from ((*words, f"{option.opts[0]}={each}") for each in bad)
        yield (*words, "--no-such-option")
        yield (*words, *["surplus"] * 9)


def test_a_value_that_an_option_cannot_have_is_refused_with_code_2() -> None:
    tried = 0
    for arguments in wrong_options():
        result = CliRunner().invoke(commands, arguments)
        tried += 1
        assert isinstance(result.exception, SystemExit), (arguments, result.exception)
        assert (result.exit_code, result.stdout) == (2, ""), (arguments, result.output)
        assert re.search(r"^Error: ", result.stderr, re.MULTILINE), (arguments, result.stderr)
    assert tried > 400


def wrong_uses(folder: Path) -> list[tuple[str, ...]]:
    """Lines that can be parsed, and ask for what there is not."""
    none, junk = f"sqlite:///{folder}/none.db", folder / "junk"
    junk.write_bytes(bytes(range(256)) * 8)
    (folder / "empty").touch()
    foreign = f"sqlite:///{junk}"
    urls = (
        "", "x", "kafka://", "kafka://a:0", "kafka://a:99999", "kafka://a:b", "kafka://[::1", "kafka://a,,b", "kafka://a:",
        "sqlite://", "sqlite:///", "sqlite:///a/", "sqlite:///a%00b.db", "redis://a", "kafka://u:hunter2@a",
    )  # fmt: skip
    lines: list[tuple[str, ...]] = [("--log-url", url, "topics", "check") for url in urls]
    for url in (none, foreign, f"sqlite:///{folder}", "sqlite:////proc/version/x.db"):
        lines += [("--log-url", url, *words) for words in (
            ("tail",), ("explain", "m"), ("state", "inspect", "m"), ("state", "backup", str(folder / "b.db")),
            ("dead-letters", "list"), ("dead-letters", "show", "0/0"), ("topics", "lag"), ("causes",), ("detectors",),
            ("controls", "show", "detectors", "9"), ("controls", "withdraw", "detectors", "1"), ("topics", "check"),
        )]  # fmt: skip
    publish = ("--log-url", none, "controls", "publish", str(junk), "--kind", "detectors")
    for when in TIMES:
        lines += [(*publish, f"--in={when}"), (*publish, "--effective-from", when)]
        lines.append(("--log-url", none, "explain", "m", "--since", when))
        lines.append(("--log-url", none, "dead-letters", "list", "--since", when))
    lines += [("--config", str(each), "topics", "check") for each in (junk, folder, folder / "missing.toml")]
    for file in map(str, (junk, folder / "missing", folder)):
        lines += [
            ("--log-url", none, "merchants", "diff", file), ("--log-url", none, "people", "diff", file),
            ("score-series", file), ("model", "show", file), ("replay", file, "--lang", "xx"),
        ]  # fmt: skip
    return lines


def test_what_is_asked_for_and_is_not_there_is_told_in_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILLWATCH_CASEWORK_URL", f"sqlite:///{tmp_path}/no/casework.db")
    lines = wrong_uses(tmp_path)
    assert len(lines) > 110
    for arguments in lines:
        result = CliRunner().invoke(commands, arguments)
        assert isinstance(result.exception, SystemExit), (arguments, result.exception)
        assert result.exit_code in {1, 2}, (arguments, result.output)
        assert "Error: " in result.stderr, (arguments, result.stderr)
        assert "hunter2" not in result.stderr


@pytest.mark.parametrize("part", seeds(5, quick=1))
def test_a_process_given_a_wrong_line_says_so_and_ends(tmp_path: Path, part: int) -> None:
    lines = [*wrong_options(), *wrong_uses(tmp_path)][part * 3 :: 137]
    for arguments in lines:
        code, out, errors = run(*(each.replace("\x00", "x") for each in arguments))
        assert (code in {1, 2}, out) == (True, ""), (arguments, errors)
        assert "Error: " in errors, arguments
        assert "Traceback" not in errors, arguments
        assert "fault of Tillwatch" not in errors, arguments


@pytest.mark.parametrize("name", ["TILLWATCH_LATE_S__X", "TILLWATCH_PARTITIONS__", "TILLWATCH_NO", "TILLWATCH__LATE_S"])
def test_a_variable_that_is_not_taken_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    result = CliRunner().invoke(commands, ["--log-url", SqliteAddress(tmp_path / "a.db").url, "topics", "check"])
    assert (result.exit_code, result.stderr) == (2, f"Error: {name} is no setting\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[detectors.mcc_jump]\nbogus = 1", "detectors.mcc_jump must have settings among .*base.*, got bogus"),
        ("[detectors.mcc_jump]\nbase = true", "detectors.mcc_jump.base must be a number, got True"),
        ("[detectors.mcc_jump]\nbase = nan", "detectors.mcc_jump.base must be a number, got nan"),
        ("[detectors.mcc_jump]\nbase = inf", "detectors.mcc_jump.base must be a number, got inf"),
        ("checkpoint_every_s = nan", "checkpoint_every_s must be above 0, at most 3600 seconds, got nan"),
        ('log_url = "kafka://a"\nkafka_ca_file = "/no"', "kafka_ca_file must be a file of .*, got '/no': No such file"),
        ('log_url = "kafka://a"\nkafka_password_file = "/"', "kafka_password_file must be .*, got '/': Is a directory"),
        ('peers = "/no"', "peers /no: .*No such file"),
    ],
)
def test_a_setting_is_named_with_what_is_wrong_with_it(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "given.toml"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(commands, ["--config", str(file), "topics", "check"])
    assert result.exit_code == 2, result.output
    assert re.search(f"^Error: {message}", result.stderr, re.MULTILINE), result.stderr


def test_a_settings_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "given.toml"
    file.write_text(f'log_url = "{SqliteAddress(tmp_path / "a.db").url}"\npartitions = 3\n', encoding="utf-8-sig")
    assert CliRunner().invoke(commands, ["--config", str(file), "topics", "create"]).exit_code == 0
    assert CliRunner().invoke(commands, ["--config", str(file), "topics", "check"]).exit_code == 0
