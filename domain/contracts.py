"""What a merchant pays: the prices of its contract, which one applies to a payment, and what it comes to.

Plain integer arithmetic: `fee_minor` is what the compiled engine runs too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.events import CARD_KINDS, FEE_CLASSES, MAX_AMOUNT_MINOR, MAX_RATE_PPM

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTICE_DAYS = 30
"""Days of continuous public notice before fee items or standards may change (rules to State Council order 768)."""
NO_CAP = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One price of a contract. A key that is "" or 0 applies to any value.

    Attributes:
        scheme: card scheme.
        card_kind: one of `domain.events.CARD_KINDS`.
        channel: the channel it goes by.
        settlement_mode: such as T1 or D0.
        fee_class: one of `domain.events.FEE_CLASSES`, under which the payment was settled.
        amount_from: tier: payments of at least this, minor units.
        month_from: tier: payments made when the month's sales had come to at least this, minor units.
        rate_ppm: of the amount, parts per million, 0 to 1,000,000.
        cap_minor: most that the rate may come to, minor units; -1 for none.
        minimum_minor: least that the rate may come to, minor units.
        fixed_minor: added to that for every payment, minor units.

    Raises:
        ValueError: a figure is out of range.
    """

    rate_ppm: int
    scheme: str = ""
    card_kind: str = ""
    channel: str = ""
    settlement_mode: str = ""
    fee_class: str = ""
    amount_from: int = 0
    month_from: int = 0
    cap_minor: int = NO_CAP
    minimum_minor: int = 0
    fixed_minor: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.rate_ppm <= MAX_RATE_PPM:
            raise ValueError(f"rate_ppm must be 0 to {MAX_RATE_PPM}, got {self.rate_ppm}")
        if self.card_kind and self.card_kind not in CARD_KINDS:
            raise ValueError(f"card_kind must be one of {', '.join(CARD_KINDS)}, got {self.card_kind!r}")
        if self.fee_class and self.fee_class not in FEE_CLASSES:
            raise ValueError(f"fee_class must be one of {', '.join(FEE_CLASSES)}, got {self.fee_class!r}")
        for name in ("amount_from", "month_from", "cap_minor", "minimum_minor", "fixed_minor"):
            least = NO_CAP if name == "cap_minor" else 0
            if not least <= getattr(self, name) <= MAX_AMOUNT_MINOR:
                raise ValueError(f"{name} must be {least} to {MAX_AMOUNT_MINOR}, got {getattr(self, name)}")

    @property
    def keys(self) -> tuple[str, str, str, str, str]:
        """What it is for: scheme, card kind, channel, settlement mode, fee class."""
        return self.scheme, self.card_kind, self.channel, self.settlement_mode, self.fee_class

    def fee_minor(self, amount_minor: int) -> int:
        """What a payment of `amount_minor` costs under it."""
        return fee_minor(amount_minor, self.rate_ppm, self.cap_minor, self.minimum_minor, self.fixed_minor)


def fee_minor(amount_minor: int, rate_ppm: int, cap_minor: int, minimum_minor: int, fixed_minor: int) -> int:
    """The fee of a payment, minor units: the rate's part rounded half up, within minimum and cap, and the fixed part.

    Exact in int64 up to `MAX_AMOUNT_MINOR`; a cap of -1 is none.

    >>> fee_minor(3_058_000, 6_300, -1, 0, 0), fee_minor(3_058_000, 29_900, -1, 0, 300)
    (19265, 91734)
    >>> fee_minor(1_000_000, 5_000, 2_000, 8, 0), fee_minor(500, 6_000, -1, 8, 0)
    (2000, 8)
    """
    part = (amount_minor * rate_ppm * 2 + 1_000_000) // 2_000_000
    if cap_minor >= 0:
        part = min(part, cap_minor)
    return max(part, minimum_minor) + fixed_minor


def price_of(
    prices: Sequence[Price], amount_minor: int, scheme: str = "", card_kind: str = "", channel: str = "",
    mode: str = "", fee_class: str = "", month_minor: int = 0,
) -> Price | None:  # fmt: skip
    """The price that applies to a payment; None if none does.

    Of those whose every given key is the payment's, and whose tiers it reaches (`month_minor`: the month's sales before
    it): the one with the most keys, then with the highest tier of amounts, of the month, then the first.

    >>> prices = [Price(rate_ppm=6000), Price(rate_ppm=5000, card_kind="debit", cap_minor=2000)]
    >>> [price_of(prices, 1000, card_kind=kind).rate_ppm for kind in ("debit", "credit", "")]
    [5000, 6000, 6000]
    """
    paid = (scheme, card_kind, channel, mode, fee_class)
    fitting = [
        price
        for price in prices
        if amount_minor >= price.amount_from
        and month_minor >= price.month_from
        and all(key in {"", given} for key, given in zip(price.keys, paid, strict=True))
    ]
    return max(fitting, key=lambda each: (sum(map(bool, each.keys)), each.amount_from, each.month_from), default=None)
