"""How detectors and what verdicts say of them look in a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from detectors.words.figures import percent
from domain.events import EVENTS
from domain.mcc import mcc_name
from evaluation import cells
from tillwatch.language import local_iso, said, speaker, zone_name
from tillwatch.show import UNKNOWN, styled, sums, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from evaluation.shares import Share
    from evaluation.verdicts import Group, Standing, Suggestion
    from tillwatch.detector_cost import Costs
    from tillwatch.language import Say

WIDE = 130
"""Columns from which on a terminal has room for a table; a narrower one gets a paragraph for each detector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is shown.

    Attributes:
        as_of: where the window ends, ISO 8601 UTC.
        since: where it begins, likewise.
        days: in between.
        standings: of each detector.
        needs: by detector that runs, what it needs of the stream.
        coverage: by detector, transactions and what there was of what it needs; None where files were read.
        missing: by detector, the control that it needs and does not have.
        costs: None where they were not measured.
    """

    as_of: str
    since: str
    days: int
    standings: Sequence[Standing]
    needs: Mapping[str, Sequence[str]]
    coverage: Mapping[str, tuple[int, Mapping[str, int]]] | None
    missing: Mapping[str, str]
    costs: Costs | None

    def silent_days(self, it: Standing) -> int | None:
        """Whole days since a detector's last hit; None where it never hit."""
        if it.last_hit is None:
            return None
        return (datetime.fromisoformat(self.as_of) - datetime.fromisoformat(it.last_hit)).days


def print_listing(console: Console, it: Listing, lang: str, zone: str, by: str | None) -> None:
    """Print the detectors, what is confirmed by city, agent or MCC where `by` names one, and the suggestions."""
    say = speaker(lang)
    clock, since, until = zone_name(zone, lang), local_iso(it.since, zone), local_iso(it.as_of, zone)
    headings = [
        say("detector", "检测"), say("finds", "检测内容"), say("alerts", "告警"), say("confirmed", "属实率"),
        say("dismissed as", "排除原因"), say("other verdicts", "其他结论"), say("last hit", "最近命中"),
        say("can judge", "数据覆盖"),
    ]  # fmt: skip
    if it.costs:
        headings.append(say("ms per 1,000 records", "毫秒/千条记录"))
    title = say(f"Detectors, {since} to {until} (times: {clock})", f"检测项，{since}至{until}（时间：{clock}）")
    _print(console, title, headings, [_cells(it, each, lang, zone) for each in it.standings], numbers=(2, 8))
    if it.costs:
        shared = it.costs.ms_per_1000(it.costs.features_s)
        console.print(say(f"decoding and features, which all share: {shared:,.2f} ms per 1,000 records",
                          f"解码与特征（各检测共用）：{shared:,.2f}毫秒/千条记录"))  # fmt: skip
        console.print()
    if by:
        _print_segments(console, it, lang, by)
    _print_suggestions(console, it, lang)


def _print(
    console: Console, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> None:
    """Print a table, or in a narrow terminal a paragraph for each row."""
    if console.width >= WIDE:
        made = table(title, *headings, numbers=[each for each in numbers if each < len(headings)])
        for row in rows:
            made.add_row(*row)
        console.print(made)
        console.print()
        return
    console.print(styled(title, style="bold"))
    for row in rows:
        console.print(styled(row[0], style="bold"))
        for heading, cell in zip(headings[1:], row[1:], strict=True):
            if cell not in {"", UNKNOWN}:
                console.print(styled("  ", (f"{heading}  ", "dim"), cell))
    console.print()


def _cells(it: Listing, each: Standing, lang: str, zone: str) -> list[str]:
    say, given = speaker(lang), each.verdicts
    dismissed = [
        (say("false alarm", "误报"), given["false_alarm"]), (say("lawful change", "合规变更"), given["lawful_change"]),
        (say("error in the data", "数据有误"), given["data_error"]),
    ]  # fmt: skip
    others = [(say("open", "核查中"), given["open"]), (say("duplicate", "重复"), given["duplicate"])]
    found = [
        each.detector, said(each.title, lang), f"{each.alerts:,}", _share(each.confirmed, lang),
        _counts(dismissed, say), _counts(others, say), _last_hit(it, each, lang, zone), _sight(it, each, lang),
    ]  # fmt: skip
    if it.costs:
        seconds = it.costs.detector_s.get(each.detector)
        found.append(UNKNOWN if seconds is None else f"{it.costs.ms_per_1000(seconds):,.3f}")
    return found


def _share(it: Share, lang: str) -> str:
    """A share with its interval of 95 % and counts; a dash for none."""
    if it.value is None:
        return UNKNOWN
    return cells.percent(it).replace(" %", "%") if lang == "zh" else cells.percent(it)


def _counts(counts: Sequence[tuple[str, int]], say: Say) -> str:
    found = [say(f"{name} {count:,}", f"{name}{count:,}") for name, count in counts if count]
    return say(", ", "，").join(found) or UNKNOWN


def _last_hit(it: Listing, each: Standing, lang: str, zone: str) -> str:
    say, days = speaker(lang), it.silent_days(each)
    if each.last_hit is None or days is None:
        return say("never", "从未")
    if days >= it.days:
        return say(f"none for {days:,} days", f"{days:,}天未命中")
    return local_iso(each.last_hit, zone)


def _sight(it: Listing, each: Standing, lang: str) -> str:
    """How much of the stream a detector can judge, and what it lacks."""
    say = speaker(lang)
    if each.detector not in it.needs:
        return say("no longer runs", "已停用")
    if missing := it.missing.get(each.detector):
        return say(f"nothing: needs control {missing}", f"无：需控制项{missing}")
    covered = (it.coverage or {}).get(each.detector)
    if covered is None or not covered[0]:
        return UNKNOWN
    transactions, present = covered
    needs = it.needs[each.detector]
    if not any(present.get(name, 0) for name in needs):
        return say(f"nothing: needs {' or '.join(needs)}", f"无：需{'或'.join(needs)}")
    found = []
    for name in needs:
        count = present.get(name, 0)
        found.append(f"{name} {count:,}" if name in EVENTS else f"{name} {said(percent(count / transactions), lang)}")
    return say(", ", "，").join(found)


def _print_segments(console: Console, it: Listing, lang: str, by: str) -> None:
    say = speaker(lang)
    names = {"city": say("city", "城市"), "agent": say("agent", "代理商"), "mcc": "MCC"}
    rows = []
    for each in it.standings:
        for segment in each.by[by]:
            value = segment.value or UNKNOWN
            if by == "mcc" and segment.value:
                value += say(f" {mcc_name(value).en}", mcc_name(value).zh)
            rows.append([each.detector, value, f"{segment.alerts:,}", _share(segment.confirmed, lang)])
    if not rows:
        console.print(say(f"no {names[by]} has enough verdicts", f"暂无结论数足够的{names[by]}"))
        console.print()
        return
    headings = [say("detector", "检测"), names[by], say("alerts", "告警"), say("confirmed", "属实率")]
    _print(console, say(f"Confirmed by {names[by]}", f"按{names[by]}的属实率"), headings, rows, numbers=[2])


def _print_suggestions(console: Console, it: Listing, lang: str) -> None:
    say = speaker(lang)
    made = [(each, each.suggestion) for each in it.standings if each.suggestion]
    if not made:
        console.print(say("Verdicts suggest no other least severity.", "按现有结论，无需调整最低级别。"))
        return
    console.print(styled(say("What verdicts suggest", "按结论的建议"), style="bold"))
    for each, suggestion in made:
        console.print(styled((each.detector, "bold"), say(": ", "："), _sentence(suggestion, lang)))
        for line in suggestion.toml.splitlines():
            console.print(line, soft_wrap=True)
    console.print(
        say("Nothing was changed. To put one in force, add it to what `tillwatch controls show detectors` shows, and"
            " publish all of that: a version takes the place of the one before.",
            "以上未自动生效。如需生效，请将其并入 `tillwatch controls show detectors` 显示的设置后整体发布，"
            "新版本会取代旧版本。"),
    )  # fmt: skip


def _sentence(it: Suggestion, lang: str) -> str:
    below, above = _share(it.dismissed_below, lang), _share(it.dismissed_from, lang)
    at = f"{it.least_severity:g}"
    if lang == "zh":
        return (
            f"级别低于{at}的告警被排除{below}，{at}及以上被排除{above}。设为{at}将少报："
            f"已排除的{_group(it.dismissed, lang)}；已属实的{_group(it.confirmed, lang)}；"
            f"未定的{_group(it.others, lang)}。"
        )
    return (
        f"of verdicts on alerts below severity {at} {below} dismissed, from {at} on {above}. At {at} it would have left"
        f" out {_group(it.dismissed, lang)} that were dismissed; {_group(it.confirmed, lang)} that were confirmed;"
        f" {_group(it.others, lang)} without either."
    )


def _group(it: Group, lang: str) -> str:
    """How many alerts, with the money that is known of them."""
    turnover, loss = sums(it.turnover), sums(it.loss)
    if lang == "zh":
        return f"{it.alerts:,}条（涉及金额{turnover}，损失{loss}）"
    return f"{it.alerts:,} (turnover {turnover}, loss {loss})"
