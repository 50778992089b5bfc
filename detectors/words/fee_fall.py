"""What `fee_fall` says."""

from __future__ import annotations

from detectors.words import fee_rise
from detectors.words.figures import counted, money
from domain.alerts import Text

TITLE = Text("Fee fall against own history", "费率下调（对比历史费率）")
Facts = fee_rise.Facts


def sentence(facts: Facts, currency: str) -> Text:
    """What the acquirer lost in all, the tariffs before and after, and a payment as an example."""
    under, told = money(facts.loss_minor, currency), fee_rise.change(facts, currency, Text("down", "降至"))
    return Text(
        f"Acquirer got {under} less than before on {counted(facts.hits, 'payment')}: {told.en}",
        f"累计{facts.hits:,}笔比以往少收手续费{under}，由收单机构承担：{told.zh}",
    )
