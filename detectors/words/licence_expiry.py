"""What `licence_expiry` says."""

from __future__ import annotations

from datetime import date, timedelta

from detectors.words.figures import FactsOf, counted, day_text
from domain.alerts import Text

TITLE = Text("Business licence expires (duty)", "营业执照到期（巡检义务）")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        day: the local day that ended.
        left_d: whole days from it until the licence expires; 0 or below once it has.
    """

    left_d: int
    day: str | None = None


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001
    """When the licence expires or expired, and what to do about it."""
    if facts.day is None:
        return _without_day(facts.left_d)
    expires = day_text((date.fromisoformat(facts.day) + timedelta(days=facts.left_d)).isoformat())
    if facts.left_d > 0:
        return Text(
            f"By the master data the business licence expires on {expires.en}: ask for the renewed one",
            f"档案中的营业执照将于{expires.zh}到期：请商户提供续期后的证照并更新档案",
        )
    return Text(
        f"By the master data the business licence expired on {expires.en}: ask for the renewed one; without it, "
        "suspend the service",
        f"档案中的营业执照已于{expires.zh}到期：请商户提供有效证照并更新档案，未提供的应暂停收单服务",
    )


def _without_day(left_d: int) -> Text:
    """Of an alert that does not say of which day its figures are."""
    if left_d > 0:
        return Text(f"The business licence expires within {counted(left_d, 'day')}", f"营业执照将在{left_d}天内到期")
    return Text("The business licence has expired", "营业执照已到期")
