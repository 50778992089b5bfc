"""What `fee_rise` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, money, tariff
from domain.alerts import Text

TITLE = Text("Fee rise against own history", "费率上调（对比历史费率）")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert, of `fee_fall` too. What was charged and usual is of the latest payment.

    Attributes:
        hits: payments charged more, or less, than the merchant's own tariff, so far.
        loss_minor: what the merchant paid more by them, or the acquirer got less.
        charged_minor: the fee charged.
        usual_minor: the fee by the merchant's own tariff.
        before_ppm: the rate of that tariff.
        before_fixed_minor: its fixed part.
        after_ppm: the rate of the other tariff that the payment fits; None where it fits none.
        after_fixed_minor: its fixed part.
    """

    hits: int
    loss_minor: int | None = None
    charged_minor: int | None = None
    usual_minor: int | None = None
    before_ppm: int | None = None
    before_fixed_minor: int | None = None
    after_ppm: int | None = None
    after_fixed_minor: int | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """What the merchant paid more in all, the tariffs before and after, and a payment as an example."""
    over, told = money(facts.loss_minor, currency), change(facts, currency, Text("up", "升至"))
    return Text(
        f"Merchant charged {over} more than before on {counted(facts.hits, 'payment')}: {told.en}",
        f"累计{facts.hits:,}笔比以往多扣商户{over}：{told.zh}",
    )


def change(facts: Facts, currency: str, went: Text) -> Text:
    """The tariffs before and after, and a payment as an example; `went` says which way the fee went."""
    charged, usual = money(facts.charged_minor, currency), money(facts.usual_minor, currency)
    before = tariff(facts.before_ppm, facts.before_fixed_minor, currency)
    after = tariff(facts.after_ppm, facts.after_fixed_minor, currency)
    if facts.after_ppm is None:
        change_en, change_zh = f"the fee used to be {before.en}", f"原费率{before.zh}"
    else:
        change_en = f"fee {went.en} from {before.en} to {after.en}"
        change_zh = f"费率由{before.zh}{went.zh}{after.zh}"
    return Text(
        f"{change_en}, no contract price on file; the latest: {charged} charged, {usual} by the earlier fee",
        f"{change_zh}，无适用的签约费率；最近一笔实扣{charged}，按原费率应扣{usual}",
    )
