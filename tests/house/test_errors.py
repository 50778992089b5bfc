"""The house: errors have one base, which the command line ends in a line with; bugs keep their traceback."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from domain.errors import RecordError, TillwatchError
from streams.errors import Fenced, LogFailed
from tests.house.test_house import PACKAGES
from tillwatch.cli import BAD_SETTINGS, Commands
from tillwatch.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator


def defined() -> Iterator[type[BaseException]]:
    """The classes of exceptions that the product defines."""
    for package in map(import_module, PACKAGES):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.endswith(".__main__"):
                continue
            for each in vars(import_module(found.name)).values():
                if isinstance(each, type) and issubclass(each, BaseException) and each.__module__ == found.name:
                    yield each


def test_every_exception_that_is_defined_derives_from_the_common_base() -> None:
    found = {*defined()}
    assert {SettingsError, Fenced, RecordError} <= found
    assert [f"{each.__module__}.{each.__name__}" for each in found if not issubclass(each, TillwatchError)] == []


def ending_with(error: Exception) -> click.Group:
    @click.group(cls=Commands)
    def group() -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "code"),
    [(LogFailed("it failed"), 1), (Fenced("it failed"), 1), (SettingsError("it failed"), BAD_SETTINGS)],
    ids=lambda each: type(each).__name__,
)
def test_an_error_of_our_own_ends_a_command_in_one_line(error: Exception, code: int) -> None:
    result = CliRunner().invoke(ending_with(error), ["demo"])
    assert (result.exit_code, result.stderr) == (code, "Error: it failed\n")


@pytest.mark.parametrize("error", [ValueError("a bug"), RecordError("a bug"), RuntimeError("a bug")], ids=repr)
def test_a_bug_that_ends_a_command_keeps_its_traceback(error: Exception) -> None:
    assert CliRunner().invoke(ending_with(error), ["demo"]).exception is error
