"""Causes as they are published, made of their stories and of what their members' alerts say by now."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

from msgspec.structs import replace

from causes.counting import Span, base_of
from causes.onsets import FALL
from causes.stories import STORY_D
from causes.words import name_of, reason, title
from domain.alerts import Text
from domain.causes import MOST_MEMBERS, Cause, Member, Money, Shared
from domain.severity import HIGH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from causes.counting import DayCount
    from causes.onsets import Onset
    from causes.population import Population
    from causes.stories import Story

NAMESPACE = uuid.UUID("0f5be6b0-4c0e-5d0a-9a35-7f0d3f0a8c24")
"""Namespace of cause ids."""
_BY_ONE_DETECTOR = 0.75
"""Share of the members from which on a cause is of one detector."""
_SHARED = 0.5
"""Share of the members from which on another key is named."""
_BY_SOMEBODY = frozenset({"agent", "rep"})


def cause_of(
    story: Story, onsets: Mapping[int, Sequence[Onset]], counted: Mapping[int, Mapping[str, DayCount]],
    population: Population, clock_day: int,
) -> Cause:  # fmt: skip
    """A story's cause, its revision and epoch aside.

    Args:
        story: the story.
        onsets: by day.
        counted: by day and group, the same counted.
        population: the merchants.
        clock_day: the last local day of which there are alerts.
    """
    kind, key = story.key
    of_members = _onsets_of(story, onsets)
    earliest = {name: min(each, key=lambda one: (one.time, one.alert_id)) for name, each in of_members.items()}
    members = sorted(
        (Member(name, tuple(sorted(one.alert_id for one in each)), earliest[name].time)
         for name, each in of_members.items()),
        key=lambda each: (each.time, each.merchant_id),
    )  # fmt: skip
    found = [one for each in of_members.values() for one in each]
    detector = _detector(of_members)
    count, merchants = len(members), story.last.rates.merchants
    unnamed = Cause(
        cause_id=str(uuid.uuid5(NAMESPACE, f"{kind}|{key}|{story.group}|{date.fromordinal(story.first_day)}")),
        revision=0, kind=kind, key=key, name=name_of(kind, key), group=story.group, detector=detector,
        members=tuple(members[:MOST_MEMBERS]), count=count, merchants=merchants, share=round(count / merchants, 4),
        share_elsewhere=round(_elsewhere(story, counted, population), 6),
        expected=round(story.rarest.rates.expected, 2), decades=round(story.rarest.decades, 2),
        shared=_shared(story, count),
        first_day=str(date.fromordinal(story.first_day)), last_day=str(date.fromordinal(story.last_day)),
        first_time=members[0].time, last_time=members[-1].time, money=_money(found),
        risk_code=_risk_code(story, found), severity=_severity(story, found), title=title(detector, story.group),
        reason=Text("", ""), closed=clock_day - story.last_day >= STORY_D,
    )  # fmt: skip
    return replace(unnamed, reason=reason(unnamed, date.fromordinal(min(each.day for each in found))))


def _onsets_of(story: Story, onsets: Mapping[int, Sequence[Onset]]) -> dict[str, list[Onset]]:
    """By member, its onsets that count."""
    found: dict[str, list[Onset]] = {}
    for day in sorted({day for days in story.members.values() for day in days}):
        for each in onsets.get(day, ()):
            if each.group == story.group and day in story.members.get(each.merchant_id, ()):
                found.setdefault(each.merchant_id, []).append(each)
    return found


def _detector(of_members: Mapping[str, Sequence[Onset]]) -> str:
    by_detector = Counter(name for each in of_members.values() for name in {one.detector for one in each})
    name, count = min(by_detector.items(), key=lambda each: (-each[1], each[0]))
    return name if count >= _BY_ONE_DETECTOR * len(of_members) else ""


def _elsewhere(story: Story, counted: Mapping[int, Mapping[str, DayCount]], population: Population) -> float:
    """The share of all other merchants with an onset of the group, from the first window to the last day."""
    days = (counted.get(each, {}).get(story.group) for each in range(story.start_day, story.last_day + 1))
    span, base = Span([each for each in days if each is not None]), base_of(story.key)
    others = population.size(("all", ""), story.last_day) - story.last.rates.merchants
    return (len(span.places) - len(span.of(base))) / others


def _shared(story: Story, count: int) -> tuple[Shared, ...]:
    most = [(key, len(members)) for key, members in story.shared.items() if len(members) >= _SHARED * count]
    return tuple(Shared(kind, name, members) for (kind, name), members in sorted(most, key=lambda it: (-it[1], it[0])))


def _money(onsets: Iterable[Onset]) -> tuple[Money, ...]:
    sums: dict[tuple[str, str | None], tuple[list[int], list[int]]] = {}
    for each in onsets:
        turnover, loss = sums.setdefault((each.currency, each.bearer), ([], []))
        turnover += [] if each.turnover is None else [each.turnover]
        loss += [] if each.loss is None else [each.loss]
    return tuple(
        Money(currency, bearer, sum(turnover) if turnover else None, sum(loss) if loss else None)
        for (currency, bearer), (turnover, loss) in sorted(
            sums.items(), key=lambda each: (each[0][0], each[0][1] or "")
        )
        if turnover or loss
    )


def _risk_code(story: Story, onsets: Iterable[Onset]) -> str:
    """What a cause is reported as: silence at one rep or agent as switching, their fees and MCCs as collusion."""
    if story.key[0] in _BY_SOMEBODY and story.group in {FALL, "fee", "mcc"}:
        return "24" if story.group == FALL else "13"
    codes = {each.risk_code for each in onsets}
    return codes.pop() if len(codes) == 1 else ""


def _severity(story: Story, onsets: Iterable[Onset]) -> float:
    """That of the severest alert, at least to be worked unless nobody is suspect; of a city, which has weather, that of
    the middle one.
    """
    severities = sorted(each.severity for each in onsets)
    if story.key[0] == "city":
        return severities[len(severities) // 2]
    return severities[-1] if story.group == "service" else max(severities[-1], HIGH.least)
