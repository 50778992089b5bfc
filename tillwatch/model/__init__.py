"""`tillwatch model` and its subcommands: the life of the anomaly model."""

from __future__ import annotations

from importlib import import_module

import click

import engine.jit  # noqa: F401  tells Numba where machine code is kept, before any of it is loaded

_COMMANDS = {
    "activate": ("versions", "Put a model in force."),
    "compare": ("compare", "Compare two models on the same merchant-days."),
    "drift": ("drift", "Compare the last days with what a model was trained on."),
    "evaluate": ("evaluate", "Measure how well a model ranks days that are known to be odd."),
    "list": ("versions", "Show every version."),
    "rollback": ("versions", "Put the version before in force again."),
    "show": ("show", "Show what a model was trained on, and what is usual by it."),
    "train": ("train", "Train a model on merchant-days."),
}
"""Each subcommand's module and its line in `--help`: imported when it is asked for, for training needs scikit-learn."""


class _Commands(click.Group):
    """A group that imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"tillwatch.model.{_COMMANDS[cmd_name][0]}")
        found: click.Command = getattr(module, f"{cmd_name}_command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


@click.group("model", cls=_Commands)
def command() -> None:
    """Train the anomaly model, measure it, and put versions of it in force.

    A version is in force from a stated time on, by each merchant's own clock, as all controls are.

    \b
    Examples:
      tillwatch model train --out model.json
      tillwatch model evaluate model.json
      tillwatch model activate model.json --in 10m
      tillwatch model drift
    """
