"""How many alerts a merchant's story makes: who works alerts wants one. Pure."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from engine.stories import STORY_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evaluation.matching import Found


class PerStory(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts by merchant-story: what one detector finds on one merchant with less than 14 days in between.

    Attributes:
        detector: its name, "" for all of them.
        alerts: how many there are.
        reopened: how many of them were reopened.
        stories: how many stories they tell.
        alerts_a_story: the one by the other, at least 1; None where there are none.
    """

    detector: str
    alerts: int
    reopened: int
    stories: int
    alerts_a_story: float | None


def per_story(alerts: Iterable[Found]) -> tuple[PerStory, ...]:
    """Of all alerts, then by detector of those that have alerts."""
    mine: dict[str, dict[str, list[Found]]] = defaultdict(lambda: defaultdict(list))
    for each in alerts:
        mine[each.detector][each.merchant_id].append(each)
    by_detector = [_of(detector, list(mine[detector].values())) for detector in sorted(mine)]
    total = [sum(getattr(each, name) for each in by_detector) for name in ("alerts", "reopened", "stories")]
    return _made("", *total), *by_detector


def _of(detector: str, merchants: Sequence[Sequence[Found]]) -> PerStory:
    """Those of a detector, its alerts given by merchant."""
    every = [each for alerts in merchants for each in alerts]
    return _made(detector, len(every), sum(each.reopened > 0 for each in every), sum(map(stories_of, merchants)))


def stories_of(alerts: Sequence[Found]) -> int:
    """How many stories some alerts of one detector on one merchant tell; at least one alert."""
    hits = sorted((each.first_ms, each.last_ms) for each in alerts)
    return 1 + sum(then_ms - last_ms >= STORY_MS for (_, last_ms), (then_ms, _) in pairwise(hits))


def _made(detector: str, alerts: int, reopened: int, stories: int) -> PerStory:
    ratio = alerts / stories if stories else None
    return PerStory(detector=detector, alerts=alerts, reopened=reopened, stories=stories, alerts_a_story=ratio)
