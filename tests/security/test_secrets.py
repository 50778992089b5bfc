"""Passwords that somebody wrote into a URL: refused, and shown nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from domain.secrets import masked_url, without_secrets
from streams.kafka.options import KafkaOptions
from tests.tillwatch.conftest import call
from tillwatch.cli import COMMANDS

ROOT = Path(__file__).parents[2]
SECRET = "hunter2"
URLS = [
    f"kafka://bob:{SECRET}@host:9092",
    f"kafka://bob:{SECRET}@one:9092,bob:{SECRET}@two:9092",
    f"kafka://{SECRET}@host",
    f"kafka://bob:{SECRET}/x@host",
    f"kafka://bob:x@{SECRET}@host",
    f"kafka://bob:'{SECRET}'@host",
    f"bob:{SECRET}@host:9092",
    f"redis://bob:{SECRET}@host/0",
    f"sqlite://bob:{SECRET}@host/a.db",
    f"kafka://host?sasl.password={SECRET}",
    f"postgres://host?user=bob&token={SECRET}",
]


@pytest.mark.parametrize("url", URLS)
def test_a_password_in_a_url_is_in_no_text_that_is_shown(url: str) -> None:
    assert SECRET not in masked_url(url)
    assert SECRET not in without_secrets(f"log_url must be kafka://host:9092, got '{url}' instead")


@pytest.mark.parametrize(
    "text", ["kafka://one:9092,two:9092", "sqlite:////data/me@home/a.db", "at 10:30 to me@host", "window_s must be 1"]
)
def test_what_holds_none_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize("url", URLS)
def test_no_error_of_the_command_line_shows_it(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = call("--log-url", url, "tail", "--json")
    monkeypatch.setenv("TILLWATCH_LOG_URL", url)
    from_environment = call("state", "inspect", "m", "--json")
    monkeypatch.delenv("TILLWATCH_LOG_URL")
    (tmp_path / "tillwatch.toml").write_text(f'log_url = "{url}"\n', encoding="utf-8")
    from_file = call("worker", "--json")
    for result in (given, from_environment, from_file):
        assert result.exit_code == 2, result.output
        assert "log_url must be" in result.output
        assert SECRET not in result.output + repr(result.exception)


def test_neither_does_an_argument_that_is_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("replay", URLS[0])
    assert result.exit_code != 0
    assert SECRET not in result.output


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_shows_no_setting_of_the_environment(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """click can show an option's variable with its value."""
    monkeypatch.setenv("TILLWATCH_LOG_URL", URLS[0])
    monkeypatch.setenv("TILLWATCH_KAFKA_USER", SECRET)
    result = call(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output
    assert SECRET not in result.output


def test_no_line_of_the_log_shows_it_whoever_wrote_it() -> None:
    """In a process of its own: the log is set up once."""
    code = (
        "import logging; from tillwatch.log_lines import log_to_stderr; log_to_stderr()\n"
        f"try: raise OSError('at {URLS[0]}')\n"
        f"except OSError: logging.getLogger('faust').exception('cannot reach %s', '{URLS[1]}')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "cannot reach kafka://***@two:9092" in done.stderr
    assert "OSError" in done.stderr
    assert SECRET not in done.stderr


def test_the_options_of_kafka_show_no_password() -> None:
    options = KafkaOptions(bootstrap=("localhost:9092",), security="sasl_plaintext", user="bob", password=SECRET)
    assert SECRET not in repr(options) + str(options) + repr(options.client_kwargs()) + options.url
