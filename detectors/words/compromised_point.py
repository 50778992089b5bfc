"""What `compromised_point` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, money
from domain.alerts import Text

TITLE = Text("Reported fraud gathers here", "伪卡交易集中（疑似泄露点）")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        reports: payments of the latest `weeks` that were reported as fraud.
        sales: payments of these weeks.
        usual: reports that would be usual of so many.
        weeks: whole weeks.
        loss_minor: what issuers lose by the payments reported since the alert began.
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
    few = facts.usual < 1
    usual_en, usual_zh = ("fewer than one", "不到1笔") if few else (f"{facts.usual:,.0f}", f"约{facts.usual:,.0f}笔")
    at_en, at_zh = (f" at terminal {facts.terminal_id}", f"终端{facts.terminal_id}") if facts.terminal_id else ("", "")
    lost, back = money(facts.loss_minor, currency), money(facts.charged_back_minor, currency)
    back_en = f", {back} charged back to the merchant so far" if facts.charged_back_minor else ""
    back_zh = f"；其中{back}已拒付，由商户承担" if facts.charged_back_minor else ""
    return Text(
        f"{facts.reports:,} of {counted(facts.sales, 'payment')}{at_en} in {counted(facts.weeks, 'week')} reported as "
        f"fraud, {usual_en} would be usual; issuers lose {lost} since the alert began{back_en}",
        f"{at_zh}近{facts.weeks}周{facts.sales:,}笔交易中{facts.reports:,}笔被报为欺诈（平时{usual_zh}）；"
        f"预警以来发卡行损失{lost}{back_zh}",
    )
