"""The demonstration's live view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from detectors.registry import title_of
from domain.risk import GRADES
from tillwatch.language import Say, counted, local, local_iso, said, speaker, zone_name
from tillwatch.show import (
    GRADE_STYLES,
    Terminal,
    bearer,
    money,
    severity_bar,
    severity_words,
    status,
    style_of,
    styled,
    sums,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType

    from domain.alerts import Alert, Score
    from tillwatch.demo.log_snapshot import Picture

_WIDE, _ROOMY, _HIGH = 100, 130, 36
"""Columns from which bars and whole names, and who bears a loss, have room; lines from which the latest alerts do."""
_MEASURE = Terminal()
_RESPONSES = {
    "E": ("24 h", "24小时"),
    "D": ("visit in 3 working days", "3个工作日内走访"),
    "C": ("call in 5", "5个工作日内核实"),
}
"""What a grade asks for, as `docs/risk-score.md` has it; the others ask for nothing."""


class Rows(NamedTuple):
    """How many rows each table has."""

    merchants: int
    alerts: int
    latest: int

    @classmethod
    def of(cls, height: int) -> Rows:
        """What `height` lines hold; an alert takes two.

        >>> Rows.of(24), Rows.of(40)
        (Rows(merchants=4, alerts=4, latest=0), Rows(merchants=7, alerts=7, latest=4))
        """
        latest = 4 if height >= _HIGH else 0
        free = max(6, height - 12 - (latest + 3 if latest else 0))
        return cls(free // 3, (free - free // 3) // 2, latest)


def board(picture: Picture, note: str, view: View, link: str = "", inbox: str = "") -> RenderableType:
    """Everything, as large as `view` is; `note` and where console and inbox are stand below the figures."""
    say, rows = speaker(view.lang), Rows.of(view.height)
    parts: list[RenderableType] = [
        Panel(
            Group(_figures(picture, view), *_notes(note, link, inbox, say)),
            title=styled(("Tillwatch", "bold"), say("  simulated terminals", "  模拟终端")),
            title_align="left", border_style="blue",
        ),
        _merchants(picture, picture.riskiest(rows.merchants), view),
        _legend(view.lang),
        Text(),
        _alerts(picture, picture.severest(rows.alerts), view),
    ]  # fmt: skip
    if rows.latest:
        parts += [Text(), _latest(picture, picture.latest(rows.latest), view)]
    return Group(*parts)


def _notes(note: str, link: str, inbox: str, say: Say) -> list[Text]:
    made = [_cut_short(note)]
    if link:
        made += [
            styled((say("console, this link signs in once: ", "控制台（此链接可登录一次）："), "dim"), link),
            styled((say("what reps are told, on a phone: ", "客户经理手机收到的通知："), "dim"), inbox),
        ]
    return made


@dataclass(frozen=True, slots=True)
class View:
    """How the view is shown.

    Attributes:
        width: columns of the terminal.
        height: its lines.
        lang: `en` or `zh`.
        zone: by whose clock times are shown, an IANA name.
    """

    width: int
    height: int
    lang: str
    zone: str

    @classmethod
    def of(cls, console: Console, lang: str, zone: str) -> View:
        """As large as a console is now."""
        return cls(console.width, console.height, lang, zone)

    @property
    def wide(self) -> bool:
        """Whether there is room for bars and whole names."""
        return self.width >= _WIDE

    @property
    def roomy(self) -> bool:
        """Whether there is room for who bears a loss and what a month of it comes to."""
        return self.width >= _ROOMY


def _figures(picture: Picture, view: View) -> Table:
    say = speaker(view.lang)
    figures = [
        (say("tx/s", "笔/秒"), f"{picture.rate:,.0f}"),
        (say("lag", "积压"), f"{picture.lag:,}"),
        (say("transactions", "交易笔数"), f"{picture.count('transactions'):,}"),
        (say("alerts", "告警"), f"{len(picture.alerts):,}"),
        (say("turnover", "涉及金额"), sums(picture.turnover())),
        (say("loss", "损失"), sums(picture.loss())),
        (say("as of", "数据截至"), as_of(picture, view.zone, view.lang)),
    ]
    if view.wide:
        figures.insert(6, (say("not counted", "未计入记录"), f"{picture.count('dead_letters'):,}"))
    made = Table.grid(expand=True, padding=(0, 1))
    for _ in figures:
        made.add_column(no_wrap=True)
    made.add_row(*(styled(heading, style="dim") for heading, _ in figures))
    made.add_row(*(styled(figure, style="bold") for _, figure in figures))
    return made


def _merchants(picture: Picture, scores: Iterable[Score], view: View) -> Table:
    say = speaker(view.lang)
    made = table(
        say("Riskiest merchants", "高风险商户"), say("grade", "等级"), say("score", "评分"), say("merchant", "商户"),
        say("turnover", "涉及金额"), say("loss", "损失"), say("from", "来源"), numbers=(1, 3, 4),
    )  # fmt: skip
    _stretch(made)
    for each in scores:
        parts = [f"{said(title_of(part.detector), view.lang)} +{part.points:.0f}" for part in each.contributions]
        if each.prior >= 1:
            parts.append(say(f"new or trade +{each.prior:.0f}", f"初始分 +{each.prior:.0f}"))
        grade = styled(each.grade, style=GRADE_STYLES[each.grade])
        turnover, loss = sums(picture.turnover(each.merchant_id)), sums(picture.loss(each.merchant_id))
        merchant = _merchant(picture, each.merchant_id, view, " " if view.wide else None)
        made.add_row(grade, f"{each.score:.0f}", merchant, turnover, loss, " · ".join(parts))
    return _filled(made, view)


def _legend(lang: str) -> Text:
    """From which score on each grade is, and what it asks for."""
    say = speaker(lang)
    words = [f"{grade} {least}+{say(': ', '：')}{say(*_RESPONSES[grade])}" for least, grade in GRADES[:3]]
    return _cut_short(" · ".join([*words, say("A, B: routine", "A、B：常规")]))


def _cut_short(words: str) -> Text:
    """Dim words in one line, however narrow."""
    made = styled(words, style="dim")
    made.no_wrap, made.overflow = True, "ellipsis"
    return made


def _alerts(picture: Picture, alerts: Iterable[Alert], view: View) -> Table:
    """Alerts in two lines each, so that the story has room."""
    say = speaker(view.lang)
    made = table(
        say("Severest alerts", "最严重告警"), say("severity", "级别"), say("merchant", "商户"),
        say("turnover, loss", "涉及金额、损失"), say("why", "原因"), numbers=(2,),
    )  # fmt: skip
    _stretch(made)
    merchant_width, money_width = (34 if view.lang == "en" else 26, 14) if view.wide else (20, 14)
    severity_width = 19 if view.wide else 13
    for column, width in zip(made.columns, (severity_width, merchant_width, money_width), strict=False):
        column.width = width
    room = view.width - severity_width - merchant_width - money_width - 6  # two spaces between columns
    for each in alerts:
        severity = severity_bar(each.severity, view.lang) if view.wide else styled(
            severity_words(each.severity, view.lang), style=style_of(each.severity))  # fmt: skip
        hits = styled(say(counted(each.hits, "hit"), f"{each.hits:,}次"), style="dim")
        made.add_row(
            Group(severity, hits), _merchant_below(picture, each.merchant_id, view),
            Group(styled(money(each.turnover, each.currency)), styled(money(each.loss, each.currency))),
            _two_lines(f"{_titled(each, view.lang)}{say(': ', '：')}{said(each.reason, view.lang)}", room),
        )  # fmt: skip
    return _filled(made, view)


def _latest(picture: Picture, alerts: Iterable[Alert], view: View) -> Table:
    say = speaker(view.lang)
    money_of = (say("loss", "损失"), say("borne by", "承担方"), say("a month", "预计每月")) if view.roomy else ()
    made = table(
        say("Latest alerts", "最新告警"),
        say("last hit", "最近命中"), say("severity", "级别"), say("merchant", "商户"), *money_of, say("what", "事项"),
        numbers=(3, 5) if view.roomy else (),
    )  # fmt: skip
    _stretch(made)
    for each in alerts:
        made.add_row(
            local_iso(each.last_time, view.zone),
            styled(severity_words(each.severity, view.lang), style=style_of(each.severity)),
            _merchant(picture, each.merchant_id, view, None if view.roomy else " "),
            *(_loss(each, view.lang) if view.roomy else ()), _titled(each, view.lang),
        )  # fmt: skip
    return _filled(made, view)


def _titled(it: Alert, lang: str) -> str:
    """An alert's title, with how often it was reopened."""
    title, reopened = said(it.title, lang), status(replace(it, closed=False), lang)
    return speaker(lang)(f"{title} ({reopened})", f"{title}（{reopened}）") if reopened else title


def _loss(it: Alert, lang: str) -> tuple[str, str, str]:
    """An alert's loss, who bears it, and what a month would bring."""
    return money(it.loss, it.currency), bearer(it.bearer, lang), money(it.loss_month, it.currency)


def _stretch(made: Table) -> None:
    """One line for each row's cell; the last column takes the room that is left."""
    for column in made.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    made.columns[-1].ratio = 1
    made.expand = True


def _filled(made: Table, view: View) -> Table:
    """The table, with a row that says so where it has none."""
    if not made.row_count:
        made.add_row(styled(speaker(view.lang)("none so far", "暂无"), style="dim"))
    return made


def _merchant(picture: Picture, merchant_id: str, view: View, between: str | None) -> Text:
    """A merchant's name, and its number behind `between`, dim; the number alone where no name was told."""
    name = picture.names.of(merchant_id, view.lang)
    if not name or between is None:
        return styled(name or merchant_id)
    return styled(name, (f"{between}{merchant_id}", "dim"))


def _merchant_below(picture: Picture, merchant_id: str, view: View) -> Group:
    """A merchant's name, and its number in a line below, dim; the number alone where no name was told."""
    name = picture.names.of(merchant_id, view.lang)
    if not name:
        return Group(styled(merchant_id))
    return Group(styled(name), styled(merchant_id, style="dim"))


def _two_lines(words: str, width: int) -> Group:
    """Words in at most two lines of `width` columns."""
    whole = styled(words)
    lines = whole.wrap(_MEASURE, max(10, width))
    if len(lines) > 2:
        rest = styled(whole.plain[len(lines[0].plain) :].lstrip())
        rest.truncate(max(10, width), overflow="ellipsis")
        return Group(lines[0], rest)
    return Group(*lines)


def as_of(picture: Picture, zone: str, lang: str) -> str:
    """Up to when what is shown has been found, and by whose clock; the simulation may be further."""
    reached = picture.progress.clock_ms if picture.progress else 0
    if not reached:
        return speaker(lang)("nothing yet", "暂无")
    return f"{local(reached, zone)} {zone_name(zone, lang)}"


def status_line(picture: Picture, seconds: float, lang: str, zone: str) -> str:
    """The figures in one line."""
    counted = (picture.count("transactions"), picture.rate, picture.lag, len(picture.alerts))
    figures, letters = [f"{each:,.0f}" for each in counted], f"{picture.count('dead_letters'):,}"
    turnover, loss = sums(picture.turnover()), sums(picture.loss())
    if lang == "zh":
        return (
            f"{seconds:.0f}秒：交易{figures[0]}笔，{figures[1]}笔/秒，积压{figures[2]}，告警{figures[3]}条，"
            f"涉及金额{turnover}，损失{loss}，未计入记录{letters}条，数据截至{as_of(picture, zone, lang)}"
        )
    return (
        f"{seconds:.0f} s: {figures[0]} transactions, {figures[1]} tx/s, lag {figures[2]}, {figures[3]} alerts,"
        f" turnover {turnover}, loss {loss}, {letters} not counted, as of {as_of(picture, zone, lang)}"
    )
