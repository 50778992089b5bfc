"""Options that the commands which train a model on merchant-days share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tillwatch.inputs import mapping_options
from tillwatch.language import lang_option

if TYPE_CHECKING:
    from collections.abc import Callable

_DAY = click.DateTime(["%Y-%m-%d"])
EVENTS = click.option(
    "--events", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Replay this file of events for its merchant-days, instead of reading the log.",
)  # fmt: skip
_OPTIONS = (
    EVENTS,
    mapping_options,
    click.option("--from", "from_day", type=_DAY, metavar="DAY", help="First local day, such as 2026-01-05."),
    click.option("--to", "to_day", type=_DAY, metavar="DAY", help="Last local day."),
    click.option("--version", metavar="NAME", help="The model's name; the last day by default."),
    click.option(
        "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of samples and trees."
    ),
    click.option("--source", metavar="WORDS", help="What the merchant-days are, to stand in the model."),
    click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write."),
    lang_option,
    click.option("--json", "as_json", is_flag=True, help="What was trained as one line of JSON, no tables."),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of training; but for `lang` and `as_json` they are those of `model.train.trained`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
