"""What `fee_over` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, money, tariff
from domain.alerts import Text

TITLE = Text("Fee above contract", "超签约费率扣费")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert. What was charged and due is of the latest payment.

    Attributes:
        hits: payments charged more than the contract says, so far.
        turnover_minor: money of these.
        loss_minor: what the merchant was charged too much.
        charged_minor: the fee charged.
        due_minor: the fee due by the contract.
        due_ppm: the contract's rate.
    """

    hits: int
    turnover_minor: int | None = None
    loss_minor: int | None = None
    charged_minor: int | None = None
    due_minor: int | None = None
    due_ppm: int | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """What the merchant paid too much in all, how far above its contract, and a payment as an example."""
    over, payments = money(facts.loss_minor, currency), counted(facts.hits, "payment")
    charged, due = money(facts.charged_minor, currency), money(facts.due_minor, currency)
    rate, mean = tariff(facts.due_ppm), _mean(facts)
    latest_en, latest_zh = ("; the latest:", "；最近一笔") if facts.hits > 1 else (":", "：")
    return Text(
        f"Merchant overcharged {over} on {payments}{mean.en}{latest_en} {charged} charged, {due} due at the "
        f"contract's {rate.en}",
        f"累计{facts.hits:,}笔多扣商户{over}{mean.zh}{latest_zh}实扣{charged}，按签约费率{rate.zh}应扣{due}",
    )


def _mean(facts: Facts) -> Text:
    """How far above the contract's rate several payments were on average."""
    if facts.hits == 1 or not facts.turnover_minor or not facts.loss_minor:
        return Text("", "")
    points = f"{facts.loss_minor / facts.turnover_minor * 100:.2f}"
    return Text(f", on average {points} points above the contract rate", f"，平均比签约费率高{points}个百分点")
