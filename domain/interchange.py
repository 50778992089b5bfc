"""The regulated cost of a domestic card payment: issuer and network fees, in China since 2016-09-06.

`interchange_cost` is the readable reference in Decimal. `rate_tables` and `cost_e7` are the same on
integers, for a compiled kernel. Formulas, sources and assumptions: `docs/interchange.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from domain.events import CARD_KINDS, MAX_AMOUNT_MINOR
from domain.mcc import FEE_CLASS_BY_MCC, FeeClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

E7 = 10_000_000
"""Rates are in ten-millionths (0.45 % = 45,000): amount times rate is ten-millionths of a minor unit."""
CURRENCY = "CNY"
"""The currency the prices and caps are in, ISO 4217."""
COUNTRY = "CN"
"""The issuer's country the prices are for, ISO 3166."""
NDRC_2016_557 = "发改价格〔2016〕557"
PBOC_2021_169 = "银发〔2021〕169"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one payment costs the acquirer's side before its own margin.

    Attributes:
        issuer_e7: issuer's fee, ten-millionths of the amount.
        issuer_cap_minor: most it may be, in minor units; None without a cap.
        network_e7: network's fee to each of the two sides, ten-millionths of the amount.
        network_cap_minor: most it may be for each side, in minor units.
        issuer_fixed_minor: issuer's fee for each payment beside that, in minor units.
    """

    issuer_e7: int
    issuer_cap_minor: int | None
    network_e7: int
    network_cap_minor: int
    issuer_fixed_minor: int = 0


@dataclass(frozen=True, slots=True)
class Regime:
    """Prices in force from `since_ms` (UTC milliseconds) until the next regime."""

    since_ms: int
    notice: str
    rates: Mapping[tuple[FeeClass, str], Rate] = field(hash=False)


def _beijing_ms(year: int, month: int, day: int) -> int:
    beijing = timezone(timedelta(hours=8))
    return int(datetime(year, month, day, tzinfo=beijing).timestamp()) * 1000


def _prices(debit: Rate) -> dict[tuple[FeeClass, str], Rate]:
    """All prices of a regime; `debit` is its price of a debit card at a standard merchant."""
    credit = Rate(45_000, None, 3_250, 325)
    concession = Rate(35_100, None, 2_535, 325)
    free = Rate(0, None, 0, 0)
    return {
        (FeeClass.STANDARD, "debit"): debit,
        (FeeClass.STANDARD, "credit"): credit,
        (FeeClass.STANDARD, "semi_credit"): credit,
        (FeeClass.CONCESSION, "debit"): Rate(27_300, 1_300, 2_535, 325),
        (FeeClass.CONCESSION, "credit"): concession,
        (FeeClass.CONCESSION, "semi_credit"): concession,
        (FeeClass.EXEMPT, "debit"): free,
        (FeeClass.EXEMPT, "credit"): free,
        (FeeClass.EXEMPT, "semi_credit"): free,
    }


REGIMES = (
    Regime(_beijing_ms(2016, 9, 6), NDRC_2016_557, _prices(Rate(35_000, 1_300, 3_250, 325))),
    Regime(_beijing_ms(2021, 9, 30), PBOC_2021_169, _prices(Rate(31_500, 1_300, 2_925, 325))),
)
"""Prices by time, ascending. An acquirer with other prices or caps publishes them as the control `prices`."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """A scheme's prices of its domestic payments in a country.

    Attributes:
        regimes: by time, ascending.
        scheme: one of `domain.events.SCHEMES`.
        country: the issuer's, ISO 3166 alpha-2; "" for the acquirer's own.
        currency: of prices and caps, ISO 4217.
        classes: the price class of an MCC, four digits.
        others: that of all others.
    """

    regimes: tuple[Regime, ...]
    scheme: str = "unionpay"
    country: str = ""
    currency: str = CURRENCY
    classes: Mapping[str, FeeClass] = field(default_factory=lambda: FEE_CLASS_BY_MCC, hash=False)
    others: FeeClass = FeeClass.STANDARD

    def fee_class(self, mcc: str) -> FeeClass:
        """The price class of an MCC, four digits."""
        return self.classes.get(mcc, self.others)


CHINA = PriceList(REGIMES, country=COUNTRY)
"""What is shipped."""


class Cost(NamedTuple):
    """Fees of one payment in minor units: the issuer's, and the network's to each of the two sides."""

    issuer: Decimal
    network_side: Decimal

    @property
    def total(self) -> Decimal:
        """What issuer and network get together: I + 2N."""
        return self.issuer + 2 * self.network_side

    @property
    def acquirer(self) -> Decimal:
        """What the acquirer pays of it: I + N."""
        return self.issuer + self.network_side


def regime_at(time_ms: int, regimes: tuple[Regime, ...] = REGIMES) -> int:
    """Index of the regime in force at `time_ms` (UTC milliseconds); -1 before the first.

    >>> [regime_at(each) for each in (0, 1_600_000_000_000, 1_700_000_000_000)]
    [-1, 0, 1]
    """
    return sum(regime.since_ms <= time_ms for regime in regimes) - 1


def interchange_cost(
    amount_minor: int,
    fee_class: FeeClass,
    card_kind: str,
    time_ms: int,
    *,
    scheme: str = "unionpay",
    currency: str = CURRENCY,
    issuer_country: str = "",
    prices: PriceList = CHINA,
) -> Cost | None:
    """Regulated cost of one payment, exact; None where no regulated price is known.

    That is any scheme, currency and issuer's country but the list's own (a country of "" counts as its own), a kind of
    card that it has no price of (in China prepaid and unknown ones), and a time before its first regime.

    Args:
        amount_minor: the amount in minor units, 0 to `MAX_AMOUNT_MINOR`.
        fee_class: price class of the merchant's MCC.
        card_kind: one of `domain.events.CARD_KINDS`; others get no figure.
        time_ms: when the payment was made, UTC milliseconds.
        scheme: one of `domain.events.SCHEMES`.
        currency: ISO 4217 code.
        issuer_country: ISO 3166 alpha-2, "" where unknown.
        prices: the list to go by.

    Raises:
        ValueError: the amount is out of range.

    >>> cost = interchange_cost(100_000, FeeClass.STANDARD, "credit", 1_700_000_000_000)
    >>> cost.issuer, cost.network_side
    (Decimal('450'), Decimal('32.5'))
    """
    if not 0 <= amount_minor <= MAX_AMOUNT_MINOR:
        raise ValueError(f"amount_minor must be 0 to {MAX_AMOUNT_MINOR}, got {amount_minor}")
    regime = regime_at(time_ms, prices.regimes)
    if regime < 0 or scheme != prices.scheme or currency != prices.currency:
        return None
    if issuer_country not in {"", prices.country}:
        return None
    rate = prices.regimes[regime].rates.get((fee_class, card_kind))
    if rate is None:
        return None
    issuer = Decimal(amount_minor) * rate.issuer_e7 / E7
    if rate.issuer_cap_minor is not None:
        issuer = min(issuer, Decimal(rate.issuer_cap_minor))
    network = min(Decimal(amount_minor) * rate.network_e7 / E7, Decimal(rate.network_cap_minor))
    return Cost(issuer + rate.issuer_fixed_minor, network)


def leakage(registered: Cost, settled: Cost) -> Decimal:
    """What issuer and network lose by a payment settled at another price than the registered, minor units."""
    return registered.total - settled.total


def windfall(registered: Cost, settled: Cost) -> Decimal:
    """What the acquirer saves by it, minor units."""
    return registered.acquirer - settled.acquirer


class RateTables(NamedTuple):
    """Rates as int64 arrays indexed [regime, fee class, card kind] in the order of `domain.events`.

    Attributes:
        since_ms: (regime,): when each regime begins, UTC milliseconds, ascending.
        issuer_e7: issuer's rate, ten-millionths; -1 where no price is known: there is no figure.
        issuer_cap_minor: minor units; -1 without a cap.
        network_e7: network's rate to each side, ten-millionths.
        network_cap_minor: for each side, minor units.
        issuer_fixed_minor: for each payment, minor units.
    """

    since_ms: NDArray[np.int64]
    issuer_e7: NDArray[np.int64]
    issuer_cap_minor: NDArray[np.int64]
    network_e7: NDArray[np.int64]
    network_cap_minor: NDArray[np.int64]
    issuer_fixed_minor: NDArray[np.int64]


def rate_tables(regimes: tuple[Regime, ...] = REGIMES) -> RateTables:
    """`regimes` as plain arrays.

    Raises:
        ValueError: the regimes are not ascending in time.
    """
    since = np.array([regime.since_ms for regime in regimes], np.int64)
    if (np.diff(since) <= 0).any():
        raise ValueError(f"regimes must be ascending in since_ms, got {since.tolist()}")
    shape = (len(regimes), len(FeeClass), len(CARD_KINDS))
    issuer, issuer_cap, network, network_cap = (np.full(shape, -1, np.int64) for _ in range(4))
    fixed = np.zeros(shape, np.int64)
    for at, regime in enumerate(regimes):
        for (fee_class, card_kind), rate in regime.rates.items():
            cell = at, fee_class, CARD_KINDS.index(card_kind)
            issuer[cell] = rate.issuer_e7
            issuer_cap[cell] = -1 if rate.issuer_cap_minor is None else rate.issuer_cap_minor
            network[cell] = rate.network_e7
            network_cap[cell] = rate.network_cap_minor
            fixed[cell] = rate.issuer_fixed_minor
    return RateTables(since, issuer, issuer_cap, network, network_cap, fixed)


def cost_e7(
    amount_minor: int,
    issuer_e7: int,
    issuer_cap_minor: int,
    network_e7: int,
    network_cap_minor: int,
    issuer_fixed_minor: int = 0,
    network_sides: int = 2,
) -> int:
    """Cost of one payment in ten-millionths of a minor unit: I + 2N, or I + N with one side.

    Plain integer arithmetic that a compiler takes as it is; no overflow in int64 up to
    `MAX_AMOUNT_MINOR` and rates up to 5 %. A cap of -1 is none. Rates must be 0 or above.

    >>> cost_e7(1_000_000, 31_500, 1_300, 2_925, 325) == (1_300 * 10**7) + 2 * 2_925_000_000
    True
    """
    issuer = amount_minor * issuer_e7
    if issuer_cap_minor >= 0:
        issuer = min(issuer, issuer_cap_minor * 10_000_000)
    issuer += issuer_fixed_minor * 10_000_000
    network = amount_minor * network_e7
    if network_cap_minor >= 0:
        network = min(network, network_cap_minor * 10_000_000)
    return issuer + network_sides * network
