"""How things look in a terminal: consoles, money, severity, tables."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import click
import msgspec
from rich.console import Console, RenderHook
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from domain.alerts import BEARERS
from domain.currencies import money_text
from domain.severity import CRITICAL, HIGH, LOW, MEDIUM, level_of
from engine.control_kinds.registry import KINDS
from tillwatch.language import local_iso, said, speaker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from rich.console import ConsoleOptions, ConsoleRenderable, RenderResult

    from domain.alerts import Alert
    from domain.controls import Versions

_LEVEL_STYLES = {LOW: "dim", MEDIUM: "cyan", HIGH: "yellow", CRITICAL: "bold red"}
GRADE_STYLES = {"A": "green", "B": "green", "C": "yellow", "D": "red", "E": "bold red"}
_BAR = 5
UNKNOWN = "\u2013"
"""What stands where nothing is known: never a nought."""


def to_stderr() -> Console:
    """A console on standard error, for all that is no result."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def to_stdout() -> Console:
    """A console on standard output; lines are only cut where a terminal would wrap them."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    console = Console(highlight=False, width=160)
    console.push_render_hook(_Stripping())
    return console


class _Stripping(RenderHook):
    """Has tables written without blanks at the ends of their lines."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Stripped(each) if isinstance(each, Table) else each for each in renderables]


class _Stripped:
    """A table whose lines end with their last word."""

    def __init__(self, made: Table) -> None:
        self._made = made

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._made, options, pad=False):
            while line and not line[-1].text.strip():
                line.pop()
            if line:
                last = line.pop()
                line.append(Segment(last.text.rstrip(), last.style))
            yield from line
            yield Segment.line()


def emit_json(value: Any) -> None:
    """Print one line of JSON on standard output."""
    click.echo(msgspec.json.encode(value))


def money(minor: int | None, currency: str) -> str:
    """An amount for people, with its currency; a dash where it is not known."""
    return UNKNOWN if minor is None else money_text(minor, currency)


def sums(by_currency: Mapping[str, int]) -> str:
    """Sums of several currencies for people, a dash where there is none.

    >>> sums({"JPY": 5, "CNY": 100})
    '¥1.00, 5 JPY'
    """
    return ", ".join(money(minor, currency) for currency, minor in sorted(by_currency.items())) or UNKNOWN


def bearer(name: str | None, lang: str) -> str:
    """Who bears a loss, in words; a dash for nobody.

    >>> bearer("merchant", "en"), bearer("issuer_network", "zh")
    ('merchant', '发卡行及卡组织')
    """
    return said(BEARERS[name], lang) if name else UNKNOWN


def named_money(alert: Alert, lang: str, zone: str) -> str:
    """An alert's money by name, who bears the loss, what a month would bring, and a rule's deadline where one applies.

    Turnover and loss always stand there, with a dash where nothing is known.
    """
    say = speaker(lang)
    turnover, loss = money(alert.turnover, alert.currency), money(alert.loss, alert.currency)
    found = [say(f"turnover {turnover}", f"涉及金额{turnover}"), say(f"loss {loss}", f"损失{loss}")]
    if alert.bearer:
        who, month = bearer(alert.bearer, lang), money(alert.loss_month, alert.currency)
        found += [say(f"borne by {who}", f"承担方：{who}"), say(f"projected a month {month}", f"预计每月{month}")]
    if alert.duty:
        due = local_iso(alert.duty.due, zone)
        found.append(say(f"due {due} ({alert.duty.rule})", f"处理时限{due}（{alert.duty.rule}）"))
    return say(", ", "，").join(found)


def status(alert: Alert, lang: str) -> str:
    """Whether a revision closed its alert, and how often that was reopened; "" for neither."""
    say, count = speaker(lang), alert.reopened
    found = [say("closed", "已结束")] if alert.closed else []
    if count:
        found.append(say("reopened" if count == 1 else f"reopened {count:,} times", f"重新打开{count:,}次"))
    return say(", ", "，").join(found)


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
