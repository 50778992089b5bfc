"""What `compromised_point` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, money
from domain.alerts import Text

TITLE = Text("Concentration of reported fraud", "欺诈交易集中")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        reports: payments made within `weeks` that were reported as fraud.
        sales: payments of these weeks.
        usual: reports that would be usual of so many.
        weeks: whole weeks.
        loss_minor: money of the payments reported since the alert began.
        charged_back_minor: what was charged back to the merchant of all reported so far.
        terminal_id: the terminal at which they gather; "" where they gather at the merchant.
    """

    reports: int
    sales: int
    usual: float
    weeks: int
    loss_minor: int | None = None
    charged_back_minor: int = 0
    terminal_id: str = ""


def sentence(facts: Facts, currency: str) -> Text:
    """Where, how many of how many, against how many, and what it comes to by who bears it."""
    few, usual = facts.usual < 1, f"{facts.usual:,.0f}"
    usual_en, usual_zh = ("fewer than one", "不到1笔") if few else (f"about {usual}", f"约{usual}笔")
    at_en, at_zh = (f" at terminal {facts.terminal_id}", f"终端{facts.terminal_id}") if facts.terminal_id else ("", "")
    lost = _lost(facts, currency)
    return Text(
        f"{facts.reports:,} of {counted(facts.sales, 'payment')}{at_en} within {counted(facts.weeks, 'week')} reported "
        f"as fraud, {usual_en} would be usual; {lost.en}",
        f"{at_zh}{facts.weeks}周内{facts.sales:,}笔交易中{facts.reports:,}笔被报为欺诈（平时{usual_zh}）；{lost.zh}",
    )


def _lost(facts: Facts, currency: str) -> Text:
    """What it comes to since the alert began; apart, for it is of all time, what was charged back."""
    lost, back = money(facts.loss_minor, currency), money(facts.charged_back_minor, currency)
    back_en = f"; {back} of all reports charged back to the merchant so far" if facts.charged_back_minor else ""
    back_zh = f"；历次累计拒付{back}，由商户承担" if facts.charged_back_minor else ""
    return Text(
        f"{lost} reported since the alert began, borne by issuers unless charged back{back_en}",
        f"告警以来欺诈金额{lost}，未拒付部分由发卡行承担{back_zh}",
    )
