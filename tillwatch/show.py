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
from rich.text import Span, Text

from domain.alerts import BEARERS
from domain.currencies import money_text
from domain.severity import CRITICAL, HIGH, LOW, MEDIUM, level_of
from domain.visible import escape_of, unseen_at, visible, visible_json
from engine.control_kinds.registry import KINDS
from tillwatch.language import local_iso, said, speaker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from rich.console import ConsoleOptions, ConsoleRenderable, RenderableType, RenderResult

    from domain.alerts import Alert
    from domain.controls import Versions

_LEVEL_STYLES = {LOW: "dim", MEDIUM: "cyan", HIGH: "yellow", CRITICAL: "bold red"}
GRADE_STYLES = {"A": "green", "B": "green", "C": "yellow", "D": "red", "E": "bold red"}
_BAR = 5
UNKNOWN = "\u2013"
"""What stands where nothing is known: never a nought."""


class Terminal(Console):
    """A console that shows texts as they are: brackets are no markup, and what nobody sees stands as its escape."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A text in one line."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is shown; of a styled text, whoever made it, too."""
        return super().render(_visible_text(renderable) if isinstance(renderable, Text) else renderable, options)


def _visible_text(text: Text) -> Text:
    """A styled text in one line, its styles where they were."""
    places = unseen_at(text.plain)
    if not places:
        return text
    escapes = {at: escape_of(text.plain[at]) for at in places}

    def moved(offset: int) -> int:
        return offset + sum(len(escape) - 1 for at, escape in escapes.items() if at < offset)

    made = text.blank_copy(visible(text.plain))
    made.spans = [Span(moved(start), moved(end), style) for start, end, style in text.spans]
    return made


def to_stderr() -> Terminal:
    """A console on standard error, for all that is no result."""
    return Terminal(stderr=True, soft_wrap=not sys.stderr.isatty())


def to_stdout() -> Terminal:
    """A console on standard output; lines are only cut where a terminal would wrap them."""
    if sys.stdout.isatty():
        return Terminal()
    console = Terminal(width=160)
    console.push_render_hook(_Stripping())
    return console


def styled(*parts: str | tuple[str, str] | Text, style: str = "") -> Text:
    r"""A text of parts, some of them with a style; in one line, whatever is in them.

    >>> styled(("50 %", "bold"), " of [/red]\x1b").plain
    '50 % of [/red]\\x1b'
    """
    seen = (each if isinstance(each, Text) else _seen(each) for each in parts)
    return Text.assemble(*seen, style=style)


def _seen(part: str | tuple[str, str]) -> str | tuple[str, str]:
    return visible(part) if isinstance(part, str) else (visible(part[0]), part[1])


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
    click.echo(visible_json(msgspec.json.encode(value).decode()).encode())


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
    return styled("■" * full + "□" * (_BAR - full) + f" {severity_words(severity, lang)}", style=style_of(severity))


class PlainTable(Table):
    """A table whose cells are shown as they are."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; a cell that is a string stands in one line."""
        super().add_row(*(styled(each) if isinstance(each, str) else each for each in cells), **options)


def table(title: str, *headings: str, numbers: Sequence[int] = ()) -> PlainTable:
    """An empty table; the columns in `numbers` are aligned to the right."""
    made = PlainTable(
        title=styled(title, style="bold") if title else None,
        title_justify="left", header_style="dim", box=None, pad_edge=False,
    )  # fmt: skip
    for k, heading in enumerate(headings):
        made.add_column(styled(heading), justify="right" if k in numbers else "left", overflow="fold")
    return made


class _Rate(ProgressColumn):
    """Records and records a second."""

    def render(self, task: Any) -> Text:
        records = task.fields["records"]
        rate = records / task.elapsed if task.elapsed else 0.0
        return styled(f"{records:,} records  {rate:,.0f}/s{task.fields['note']}", style="dim")


class Bar:
    """A progress bar on standard error; silent where that is no terminal."""

    def __init__(self, what: str, total: float | None) -> None:
        console = to_stderr()
        columns = (
            TextColumn("{task.description}", markup=False),
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
