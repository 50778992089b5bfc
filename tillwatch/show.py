"""How things look in a terminal: consoles, money, severity, tables."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from domain.severity import CRITICAL, HIGH, LOW, MEDIUM, level_of
from engine.control_kinds.registry import KINDS
from tillwatch.language import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from domain.controls import Versions

_LEVEL_STYLES = {LOW: "dim", MEDIUM: "cyan", HIGH: "yellow", CRITICAL: "bold red"}
GRADE_STYLES = {"A": "green", "B": "green", "C": "yellow", "D": "red", "E": "bold red"}
_BAR = 5


def to_stderr() -> Console:
    """A console on standard error, for all that is no result."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def to_stdout() -> Console:
    """A console on standard output; lines are only cut where a terminal would wrap them."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def emit_json(value: Any) -> None:
    """Print one line of JSON on standard output."""
    click.echo(msgspec.json.encode(value))


def money(minor: int, currency: str) -> str:
    """An amount for people.

    >>> money(-123_456_05, "CNY"), money(950, "THB")
    ('-¥123,456.05', '9.50 THB')
    """
    sign = "-" if minor < 0 else ""
    figure = f"{abs(minor) // 100:,}.{abs(minor) % 100:02d}"
    return f"{sign}¥{figure}" if currency == "CNY" else f"{sign}{figure} {currency}".rstrip()


def versions(controls: Versions, lang: str = "en") -> str:
    """Versions of controls in force; "" where all are versions 0.

    >>> versions({"detectors": 3, "profiles": 1})
    'detectors 3, profiles 1'
    >>> versions({"calendar": 1}, "zh")
    '日历 1'
    """
    names = {kind: each.name_zh if lang == "zh" else kind for kind, each in KINDS.items()}
    return ", ".join(f"{names.get(kind, kind)} {version}" for kind, version in controls.items() if version)


def style_of(severity: float) -> str:
    """The colour of a severity, 0 to 1."""
    return _LEVEL_STYLES[level_of(severity)]


def severity_words(severity: float, lang: str) -> str:
    """A severity and what it is called.

    >>> severity_words(0.6, "en"), severity_words(0.9, "zh")
    ('0.60 high', '0.90 紧急')
    """
    return f"{severity:.2f} {said(level_of(severity).word, lang)}"


def severity_bar(severity: float, lang: str) -> Text:
    """A severity as a bar of five, with its figure and word.

    >>> severity_bar(0.6, "en").plain
    '■■■□□ 0.60 high'
    """
    full = min(_BAR, max(0, round(severity * _BAR)))
    return Text("■" * full + "□" * (_BAR - full) + f" {severity_words(severity, lang)}", style_of(severity))


def table(title: str, *headings: str, numbers: Sequence[int] = ()) -> Table:
    """An empty table; the columns in `numbers` are aligned to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for k, heading in enumerate(headings):
        made.add_column(heading, justify="right" if k in numbers else "left", overflow="fold")
    return made


class _Rate(ProgressColumn):
    """Records and records a second."""

    def render(self, task: Any) -> Text:
        records = task.fields["records"]
        rate = records / task.elapsed if task.elapsed else 0.0
        return Text(f"{records:,} records  {rate:,.0f}/s{task.fields['note']}", "dim")


class Bar:
    """A progress bar on standard error; silent where that is no terminal."""

    def __init__(self, what: str, total: float | None) -> None:
        console = to_stderr()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            _Rate(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(what, total=total, records=0, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, completed: float, records: int, note: str = "") -> None:
        """Move the bar to `completed` of its total."""
        self._progress.update(self._task, completed=completed, records=records, note=note)


@contextmanager
def failing(*kinds: type[Exception]) -> Iterator[None]:
    """End the command with an error's message and exit code 1 if it is of one of these kinds."""
    try:
        yield
    except kinds as error:
        raise click.ClickException(str(error)) from error
