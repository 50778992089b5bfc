"""What `fee_notice` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted
from domain.alerts import Text

TITLE = Text("Dearer contract without due notice", "费率上调公示期不足")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert, of the latest version of the contract that was told too late.

    Attributes:
        hits: such versions so far.
        rise_ppm: the most that it is dearer than the one before, relative.
        notice_d: whole days from the notice to its effect, below 0 after it; None where nobody was told.
        lead_d: whole days from its receipt to its effect, below 0 where it was entered after it.
        required_d: days of notice that are required.
    """

    hits: int
    rise_ppm: int | None = None
    notice_d: int | None = None
    lead_d: int | None = None
    required_d: int = 30


def sentence(facts: Facts, currency: str) -> Text:  # noqa: ARG001  no money is at stake yet
    """How much dearer the contract became for the merchant, after how many days' notice."""
    up = "?" if facts.rise_ppm is None else f"{facts.rise_ppm / 10_000:,.1f}".removesuffix(".0")
    told, late = _told(facts.notice_d), facts.lead_d is not None and facts.lead_d < 0
    lead = abs(facts.lead_d or 0)
    late_en = f"; entered {counted(lead, 'day')} after it took effect" if late else ""
    late_zh = f"；生效{lead}天后才录入" if late else ""
    more_en = f"; {facts.hits} such versions" if facts.hits > 1 else ""
    more_zh = f"；共{facts.hits}个版本" if facts.hits > 1 else ""
    return Text(
        f"Merchant's fees raised by up to {up} %, {told.en} ({facts.required_d} days required){late_en}{more_en}",
        f"商户手续费最多上涨{up}%，{told.zh}（规定不少于{facts.required_d}天）{late_zh}{more_zh}",
    )


def _told(notice_d: int | None) -> Text:
    if notice_d is None:
        return Text("without notice", "未作公示")
    if notice_d < 0:
        return Text(f"announced {counted(-notice_d, 'day')} after it took effect", f"生效{-notice_d}天后才公示")
    return Text(f"announced {counted(notice_d, 'day')} ahead", f"仅提前{notice_d}天公示")
