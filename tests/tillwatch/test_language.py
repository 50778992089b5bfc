"""`--lang`: one option of every command that shows something to people, and the words that it chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from tests.docs.test_commands_doc import NAMES, command
from tests.tillwatch.conftest import call
from tillwatch.language import LANGUAGES, VARIABLE, local, local_iso, zone_name

if TYPE_CHECKING:
    from pathlib import Path

SHOW_NO_WORDS = {"controls show", "casework file", "casework migrate", "casework refile"}
"""Commands that write JSON alone, or nothing."""
FOR_OPERATORS = {"doctor", "notify"}
"""In English alone: they quote what settings, brokers, channels and libraries say, which is English, and run where no
analyst reads along."""


@pytest.mark.parametrize("name", [each for each in NAMES if not isinstance(command(each), click.Group)])
def test_every_command_that_shows_words_has_the_one_option(name: str) -> None:
    options = {each.name: each for each in command(name).params}
    assert ("lang" in options) is (name not in SHOW_NO_WORDS | FOR_OPERATORS)
    if "lang" in options:
        assert options["lang"].envvar == VARIABLE
        assert isinstance(options["lang"].type, click.Choice)
        assert tuple(options["lang"].type.choices) == LANGUAGES


def test_the_environment_chooses_the_language_and_the_option_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, "zh")
    for arguments, expected in (((), "设置版本"), (("--lang", "en"), "Controls"), (("--lang", "zh"), "设置版本")):
        result = call("--log-url", f"sqlite:///{tmp_path / 'none.db'}", "controls", "list", *arguments)
        assert result.exit_code == 0, result.output
        assert result.output.startswith(expected)


def test_a_language_that_is_none_is_refused() -> None:
    result = call("controls", "list", "--lang", "fr")
    assert result.exit_code == 2
    assert "'fr' is not one of 'en', 'zh'" in result.output


def test_times_are_to_the_minute_by_the_clock_that_is_named() -> None:
    assert local(1_736_092_859_999, "Asia/Urumqi") == "2025-01-05 22:00"
    assert local_iso("2025-01-05T16:00:59.999Z", "Asia/Shanghai") == "2025-01-06 00:00"
    assert (local(None, "UTC"), local_iso("", "UTC")) == ("", "")
    assert zone_name("Asia/Urumqi", "zh") == "Asia/Urumqi"
