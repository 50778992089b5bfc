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
    expires = day_text(None if facts.day is None else _later(facts.day, facts.left_d))
    if facts.left_d > 0:
        left = counted(facts.left_d, "day")
        return Text(
            f"The business licence expires on {expires.en}, in {left}: ask for the renewed one",
            f"营业执照将于{expires.zh}到期（剩余{facts.left_d}天）：请商户提供续期后的证照并更新档案",
        )
    ago_en, ago_zh = (
        (f", {counted(-facts.left_d, 'day')} ago", f"（已过期{-facts.left_d}天）") if facts.left_d else ("", "")
    )
    return Text(
        f"The business licence expired on {expires.en}{ago_en}: ask for the renewed one, else stop the service",
        f"营业执照已于{expires.zh}到期{ago_zh}：请补充有效证照，未提供的应暂停收单服务",
    )


def _later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
