"""What `fee_under` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, money, tariff
from domain.alerts import Text

TITLE = Text("Fee below contract", "低于签约费率扣费")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert. What was charged and due is of the latest payment.

    Attributes:
        hits: payments charged less than the contract says, so far.
        loss_minor: what the acquirer did not get by them.
        charged_minor: the fee charged.
        due_minor: the fee due by the contract.
        due_ppm: the contract's rate.
    """

    hits: int
    loss_minor: int | None = None
    charged_minor: int | None = None
    due_minor: int | None = None
    due_ppm: int | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """What the acquirer lost in all, and a payment as an example."""
    under, payments = money(facts.loss_minor, currency), counted(facts.hits, "payment")
    charged, due, rate = money(facts.charged_minor, currency), money(facts.due_minor, currency), tariff(facts.due_ppm)
    latest_en, latest_zh = ("; the latest:", "；最近一笔") if facts.hits > 1 else (":", "：")
    return Text(
        f"Merchant undercharged {under} on {payments}, at the acquirer's cost{latest_en} {charged} charged, {due} due "
        f"at the contract's {rate.en}",
        f"累计{facts.hits:,}笔少收手续费{under}，由收单机构承担{latest_zh}实扣{charged}，按签约费率{rate.zh}应扣{due}",
    )
