"""What `mcc_static` says."""

from __future__ import annotations

from detectors.words.figures import FactsOf, counted, mcc_text, money, percent, underpaid
from domain.alerts import Text
from domain.profiles import NAMES

TITLE = Text("Miscoded from the start", "套码")


class Facts(FactsOf, frozen=True, kw_only=True):
    """Facts of an alert.

    Attributes:
        hits: days so far.
        loss_minor: what issuers and UnionPay would have got more on these days in the dearer class.
        own: the registered MCC.
        like: the MCC whose shops sell as the merchant does; "" where its sales could not be compared.
        called: the MCC of the trade that its name speaks of, if that is a dearer one.
        telling: what tells the two apart most, a place in `domain.profiles.NAMES`.
        ticket_minor: the merchant's median ticket.
        ticket_own_minor: that of the registered MCC.
        ticket_like_minor: that of the other.
        other: the likeliest MCC of a dearer class by the trade model; "" where none judged.
        other_share: its probability, 0 to 1.
        own_share: that of the registered MCC; None where the model does not have it.
    """

    hits: int
    loss_minor: int | None = None
    own: str
    like: str
    called: str | None = None
    telling: int = 0
    ticket_minor: int | None = None
    ticket_own_minor: int | None = None
    ticket_like_minor: int | None = None
    other: str = ""
    other_share: float | None = None
    own_share: float | None = None


def sentence(facts: Facts, currency: str) -> Text:
    """What it is registered as, what it sells like, by which figure, and at whose cost."""
    lost = underpaid(facts.loss_minor, currency)
    if lost.en:  # it is lost only if the merchant's trade is the other one
        lost = Text(
            f"; if miscoded, {lost.en.removeprefix('; ')} on {counted(facts.hits, 'day')}",
            f"；如属套码，{lost.zh.removeprefix('；')}（{facts.hits}天）",
        )
    own, called = mcc_text(facts.own), mcc_text(facts.called or "")
    if not facts.like:
        return Text(
            f"Registered {own.en}, but its name suggests {called.en}; its sales could not be compared yet{lost.en}",
            f"登记MCC为{own.zh}，店名显示为{called.zh}；经营特征尚无法比对{lost.zh}",
        )
    like, telling = mcc_text(facts.like), NAMES[facts.telling % len(NAMES)]
    ticket, ticket_own, ticket_like = (
        money(each, currency) for each in (facts.ticket_minor, facts.ticket_own_minor, facts.ticket_like_minor)
    )
    clearest_en = f", clearest in its {telling.en}" if facts.telling else ""
    clearest_zh = f"，尤其是{telling.zh}" if facts.telling else ""
    name_en = f"; its name suggests {called.en}" if facts.called else ""
    name_zh = f"；店名显示为{called.zh}" if facts.called else ""
    model = _by_model(facts)
    return Text(
        f"Registered {own.en}, sells like {like.en}{clearest_en}; median ticket {ticket}, usual for {facts.own} "
        f"{ticket_own}, for {facts.like} {ticket_like}{model.en}{name_en}{lost.en}",
        f"登记MCC为{own.zh}，经营特征更接近{like.zh}{clearest_zh}；客单价中位数{ticket}，{facts.own}通常为{ticket_own}，"
        f"{facts.like}通常为{ticket_like}{model.zh}{name_zh}{lost.zh}",
    )


def _by_model(facts: Facts) -> Text:
    """What the trade model makes of the merchant; nothing where none judged."""
    if not facts.other:
        return Text("", "")
    other, share = mcc_text(facts.other), percent(facts.other_share)
    if facts.own_share is None:
        return Text(
            f"; the way it sells fits {other.en} with {share.en}", f"；按经营特征，属于{other.zh}的概率为{share.zh}"
        )
    own = percent(facts.own_share)
    return Text(
        f"; the way it sells fits {other.en} with {share.en}, {facts.own} with {own.en}",
        f"；按经营特征，属于{other.zh}的概率为{share.zh}，属于{facts.own}的概率为{own.zh}",
    )
