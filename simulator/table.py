"""One row for each merchant of a simulation, and the random draws it is filled from."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FEED = "sim"
NEVER_MS = 2**62
JUMP_KINDS = ("", "mcc", "acceptor_id", "channel_mcc", "special_fee_type", "static", "rotation", "drift", "never_seen")
"""How a violation of the MCC shows, by `jump_kind`; 0 is none."""
FEE_KINDS = ("", "rate_rise", "fixed_part", "cap_ignored", "slow_rise", "contract_rise", "rate_fall", "slow_fall")
"""How a merchant is charged too much or, in the last two, too little, by `fee_kind`; 0: it is not."""
FEE_HOSTS = ("", "host_rounding", "fee_tax", "fee_instant")
"""How the host of an honest merchant tells fees, by `fee_host`: with the rate off by up to 1 basis point either way,
with 6 % of tax on top, or with what settlement on the same day added, both in a line of its own."""
FEE_SCOPES = ("all", "credit", "D0")
"""What a rise of the rate applies to, by `fee_scope`."""
ILL_KINDS = ("", "terminal_failing", "terminal_silent", "terminal_returned")
"""What becomes of one of a merchant's terminals, by `ill_kind`; 0: nothing. The last is lawful and told of."""
ILL_FAILING = ILL_KINDS.index("terminal_failing")
ODD_KINDS = (
    "", "odd_cash_out", "odd_trade_switch", "odd_refunds", "odd_shared_terminal", "odd_laundering", "odd_growth",
)  # fmt: skip
"""What a merchant does that no rule describes, by `odd_kind`; 0: nothing."""
FAILING_SHARE = 0.8
"""Share of the attempts at a failing terminal that fail technically."""
CONTRACT_CHANGES = ("", "noticed_rise", "cheaper_contract")
"""Lawful changes of the contract, by `contract_change`."""
SAME_CHANNEL = -1
"""`channel_mcc` of a merchant whose channel presents the MCC of the transaction."""
IN_ACCEPTOR, IN_CHANNEL = 0, 1
"""`number_place`: where a number other than its own shows: `acceptor_id` or `channel_merchant_id`."""

MERCHANT = np.dtype([
    ("key", "u8"),  # of its random draws
    ("change_ms", "i8"), ("change_received_ms", "i8"), ("jump_onset_ms", "i8"), ("jump_end_ms", "i8"),
    ("ramp_ms", "i8"),  # how long a drift takes
    ("number_ms", "i8"),  # of a lawful new number
    ("fee_onset_ms", "i8"), ("fee_end_ms", "i8"), ("fee_step_ms", "i8"),
    ("contract_ms", "i8"), ("contract_received_ms", "i8"), ("notice_ms", "i8"),
    ("d0_ms", "i8"),  # first use of same-day settlement
    ("ill_from_ms", "i8"), ("ill_until_ms", "i8"), ("licence_ms", "i8"), ("licence_renewed_ms", "i8"),
    ("odd_from_ms", "i8"), ("odd_until_ms", "i8"),
    ("moved_day", "i8"),  # from this local day on its hours lie `moved_h` later
    ("rate", "f8"),  # transactions a day
    ("scale", "f8"),  # of its tickets, against its trade's
    ("jump_share", "f8"),
    ("fee_size", "f8"),  # relative, of a fall too, or fen for a fixed part
    ("d0_share", "f8"),
    ("lat", "i4"), ("lon", "i4"),  # 1e-5 degrees
    ("terminals", "i4"), ("pool", "i4"), ("fee_fixed", "i4"), ("ill_terminal", "i4"),
    ("trade", "i2"), ("mcc0", "i2"), ("mcc1", "i2"), ("mcc2", "i2"), ("changed_mcc", "i2"),
    ("channel_mcc", "i2"), ("jump_mcc", "i2"), ("name", "i2"),
    ("mccs", "i1"), ("special_fee", "i1"), ("jump_kind", "i1"), ("offset_h", "i1"), ("shift_h", "i1"),
    ("acquirer", "i1"), ("city", "i1"), ("located", "i1"), ("mode", "i1"), ("moved_h", "i1"),
    ("numbers", "i1"), ("number_place", "i1"), ("drift_terminal", "i1"),
    ("fee_kind", "i1"), ("fee_scope", "i1"), ("contract_change", "i1"), ("fee_returned", "i1"),
    ("ill_kind", "i1"), ("fee_host", "i1"), ("odd_kind", "i1"),
])  # fmt: skip
"""One merchant. Without one, `mcc1`, `mcc2`, `changed_mcc`, `channel_mcc` are 0, `special_fee`, `mode` -1.

`trade` is what it truly sells; `numbers` how many it has beside its own: in a pool, or for some of its terminals.
`licence_ms` and `licence_renewed_ms` are 0 where the business licence does not expire soon, or is not renewed.
`mode` 1: it may ask for same-day settlement. `fee_fixed` is what a `rate_rise` adds to each fee besides, fen.
"""

PRICES = np.dtype([
    ("credit_ppm", "i4"), ("debit_ppm", "i4"), ("wallet_ppm", "i4"), ("low_ppm", "i4"), ("d0_ppm", "i4"),
    ("debit_cap", "i4"), ("tier_from", "i4"), ("minimum", "i4"), ("d0_fixed", "i4"),
])  # fmt: skip
"""A version of a contract; money in fen, 0 for what it does not have.

Debit cards, wallets (Alipay and WeChat) and all others have a rate each. Card payments below `tier_from` cost
`low_ppm`. Same-day settlement adds `d0_ppm` to the rate and `d0_fixed` to the fee.
"""


class PlannedLookAlike(NamedTuple):
    """A look-alike of `merchant` (its index); the fields are those of `simulator.truth.LookAlike`."""

    merchant: int
    kind: str
    from_ms: int
    told_ms: int


PHI = np.uint64(0x9E3779B97F4A7C15)
"""What keys of periods lie apart: 2**64 over the golden ratio."""


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread the bits of each element (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@cache
def salt(question: int) -> np.uint64:
    """The bits that tell one question about a key from another."""
    return np.uint64(mixed(np.array([question], np.uint64))[0])


def of_period(keys: NDArray[np.uint64], number: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """Keys of a shop and the number of a day, of another period or of a question."""
    return np.asarray(keys + np.asarray(number, np.int64).astype(np.uint64) * PHI, np.uint64)


def bell(bits: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Nearly normal numbers around 0, of deviation 65,536 / √3 and at most twice 65,535: four uniform ones added up."""
    total = np.zeros(bits.shape, np.float32)
    for _ in range(4):
        total += (bits & np.uint64(0xFFFF)).astype(np.float32)
        bits = bits >> np.uint64(16)
    return total - np.float32(131_070.0)


def uniform(keys: NDArray[np.uint64], question: int) -> NDArray[np.float64]:
    """Uniform in [0, 1), one per key; questions from 100 on are of volume, from 200 on of the worlds."""
    return np.asarray(
        (mixed(keys ^ salt(question + 1_000_003)) >> np.uint64(11)).astype(np.float64) * 2.0**-53, np.float64
    )


class Draws:
    """Independent random numbers, one per merchant and question."""

    def __init__(self, seed: int, merchants: int) -> None:
        base = mixed(np.array([seed], np.uint64))
        self.keys = mixed(base + np.arange(1, merchants + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))

    def uniform(self, question: int) -> NDArray[np.float64]:
        """Uniform in [0, 1)."""
        return uniform(self.keys, question)

    def choice(self, question: int, weights: list[float]) -> NDArray[np.int64]:
        """Places in `weights`, as likely as these say."""
        edges = np.cumsum(weights) / np.sum(weights)
        return np.asarray(np.searchsorted(edges[:-1], self.uniform(question), side="right"), np.int64)

    def normal(self, question: int) -> NDArray[np.float64]:
        """Standard normal."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(question)))
        return np.asarray(radius * np.cos(2 * np.pi * self.uniform(question + 500)), np.float64)

    def spread(self, question: int, low: float, high: float) -> NDArray[np.float64]:
        """Log-uniform from `low` to `high`."""
        return np.asarray(low * (high / low) ** self.uniform(question), np.float64)

    def some(self, question: int, eligible: NDArray[np.bool_], share: float, *, least: int = 0) -> list[int]:
        """Of the eligible, `share` at random (at least `least`, where share is above 0), ascending."""
        among = np.flatnonzero(eligible)
        if not len(among) or share <= 0:
            return []
        count = max(least, round(share * len(among)))
        chosen: list[int] = np.sort(among[np.argsort(self.uniform(question)[among], kind="stable")[:count]]).tolist()
        return chosen
