"""Alerts by merchant-story."""

from __future__ import annotations

from dataclasses import replace

from evaluation.stories import PerStory, per_story
from tests.truths import DAY, found


def test_alerts_of_one_detector_on_one_merchant_less_than_fourteen_days_apart_are_one_story() -> None:
    alerts = [
        found("a", first_ms=0, last_ms=DAY), found("b", first_ms=15 * DAY - 1), found("c", first_ms=29 * DAY - 1),
        replace(found("d", merchant_id="other", first_ms=DAY), reopened=2), found("e", category="fee", first_ms=DAY),
    ]  # fmt: skip
    assert per_story(reversed(alerts)) == (
        PerStory(detector="", alerts=5, reopened=1, stories=4, alerts_a_story=1.25),
        PerStory(detector="fee_x", alerts=1, reopened=0, stories=1, alerts_a_story=1.0),
        PerStory(detector="mcc_x", alerts=4, reopened=1, stories=3, alerts_a_story=4 / 3),
    )


def test_without_alerts_there_is_no_ratio() -> None:
    assert per_story([]) == (PerStory(detector="", alerts=0, reopened=0, stories=0, alerts_a_story=None),)
