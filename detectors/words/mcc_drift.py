"""What `mcc_drift` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, day_text, mcc_text, percent, since, underpaid
from domain.alerts import Text

TITLE = Text("Drift to a cheaper registered MCC", "低费率MCC占比上升")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert. Shares are of the day `day`.

    Attributes:
        hits: days so far.
        loss_minor: what issuers and UnionPay were paid too little by the cheap sales beyond the usual.
        first_day: the first of these days.
        day: the latest.
        cheap: the cheaper MCC, used more.
        dear: the registered MCC of a dearer class.
        share: of the day's sales under it, 0 to 1.
        usual_share: the same, usually.
        at_terminal: whether shares are of one terminal.
    """

    hits: int
    loss_minor: int | None = None
    first_day: str | None = None
    day: str | None = None
    cheap: str
    dear: str
    share: float | None = None
    usual_share: float | None = None
    at_terminal: bool = False


def sentence(facts: Facts, currency: str) -> Text:
    """Which MCC is used more, how much more, since when, and at whose cost."""
    more, dear = _more(facts), mcc_text(facts.dear)
    lost, from_day = underpaid(facts.loss_minor, currency), since(facts.first_day, facts.day)
    days_en = f"; {facts.hits} such days{from_day.en}" if facts.hits > 1 else ""
    days_zh = f"；{from_day.zh}共{facts.hits}天" if facts.hits > 1 else ""
    return Text(
        f"{more.en}; also registered, at a higher fee: {dear.en}{days_en}{lost.en}",
        f"{more.zh}，同时登记有费率较高的{dear.zh}{days_zh}{lost.zh}",
    )


def _more(facts: Facts) -> Text:
    """How much more than usual was sent as the cheaper MCC: on the day, or where it was not more then, of late."""
    cheap, now, usual = mcc_text(facts.cheap), percent(facts.share), percent(facts.usual_share)
    if facts.share is None or facts.share <= (facts.usual_share or 0):
        who_en, who_zh = ("One terminal sends", "其中一台终端") if facts.at_terminal else ("Sends", "")
        return Text(
            f"{who_en} more than the usual {usual.en} of its sales as {cheap.en}",
            f"{who_zh}按{cheap.zh}上送的交易占比高于平时的{usual.zh}",
        )
    day = day_text(facts.day)
    whose_en, whose_zh = ("one terminal's", "其中一台终端") if facts.at_terminal else ("the", "")
    on_en, on_zh = (f" on {day.en}", day.zh) if facts.day else ("", "当日")
    return Text(
        f"{now.en} of {whose_en} sales{on_en} sent as {cheap.en}, usually {usual.en}",
        f"{on_zh}{whose_zh}{now.zh}的交易按{cheap.zh}上送（平时{usual.zh}）",
    )
