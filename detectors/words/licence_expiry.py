"""What `licence_expiry` says."""

from __future__ import annotations

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
    """In how many days the licence expires, or for how many it has been expired."""
    day = day_text(facts.day)
    if facts.left_d > 0:
        return Text(
            f"The business licence expires {counted(facts.left_d, 'day')} after {day.en}: ask for the renewed one",
            f"营业执照自{day.zh}起{facts.left_d}天后到期：请商户提供续期后的证照并更新档案",
        )
    if facts.left_d == 0:
        en, zh = f"expired on {day.en}", f"已于{day.zh}到期"
    else:
        en, zh = f"has been expired for {counted(-facts.left_d, 'day')}", f"已过期{-facts.left_d}天"
    return Text(
        f"The business licence {en}: ask for the renewed one, else stop the service",
        f"营业执照{zh}：请补充有效证照，未提供的应暂停收单服务",
    )
