"""The reference job's input: seeded, made with NumPy, the same on every machine.

A longer input begins with the shorter one of the same seed. Merchants are busy by a power law (the busiest has one
transaction in 27, so some 220 in a window; a hundred have more than 5), 20 transactions a second over all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.reference.plain import WINDOW_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

START_MS = 1_736_092_800_000
STEP_MS = 50
BLOCK = 50_000
_MCCS = np.array([5411, 5812, 5541, 5912, 7011, 5311, 5651, 8062, 4121, 5732])
_RATES_PPM = np.array([3800, 5000, 5500, 6000, 6300])
_ODD = 0.0005
"""Share of transactions with a wrong MCC, of those with a wrong fee, and of those that are late."""
_DISORDERED, _OFF_BY_ONE = 0.01, 0.01
_BURSTING, _BURST, _BURST_EVERY = 500, 12, 1_000
"""The busiest so many merchants multiply their amounts by so much, in one window of so many."""
_MERCHANT = (
    b'{"type":"merchant","merchant_id":"%015d","effective_from":1704067200000,"name":"Merchant %d","mccs":["%04d"],'
    b'"special_fee_types":["00"],"time_zone":"Asia/Shanghai"}'
)
_CONTRACT = b'{"type":"contract","merchant_id":"%015d","effective_from":1704067200000,"prices":[{"rate_ppm":%d}]}'
_TRANSACTION = (
    b'{"txn_id":"t%09d","merchant_id":"%015d","amount":%d,"currency":"CNY","event_time":%d,"received_at":%d,'
    b'"terminal_id":"%08d","mcc":"%04d","scheme":"unionpay","txn_type":"purchase",'
    b'"card_token":"%015xe5d2a9c34f6b1c0d","card_last4":"%04d","card_kind":"%b","entry_mode":"051",'
    b'"response_code":"00","fee":%d}'
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Records of a topic, in the order in which they are produced.

    Args:
        records: how many, at least two for each merchant: its master data.
        merchants: how many.
        seed: chooses everything else.
    """

    records: int
    merchants: int = 10_000
    seed: int = 1

    def __post_init__(self) -> None:
        if self.records < 2 * self.merchants:
            raise ValueError(f"records must be at least {2 * self.merchants} (two a merchant), got {self.records}")

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values."""
        mccs, rates = self._terms()
        for k, (mcc, rate) in enumerate(zip(mccs.tolist(), rates.tolist(), strict=True)):
            number = merchant_number(k)
            key = b"%015d" % number
            yield key, _MERCHANT % (number, k, mcc)
            yield key, _CONTRACT % (number, rate)
        for first in range(0, self.records - 2 * self.merchants, BLOCK):
            yield from self._block(first, min(BLOCK, self.records - 2 * self.merchants - first), mccs, rates)

    def _terms(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        draw = np.random.default_rng(self.seed)
        return draw.choice(_MCCS, self.merchants), draw.choice(_RATES_PPM, self.merchants)

    def _block(
        self, first: int, count: int, mccs: NDArray[np.int64], rates: NDArray[np.int64]
    ) -> Iterator[tuple[bytes, bytes]]:
        draw = np.random.default_rng([self.seed, first])
        weights = np.cumsum(np.arange(1, self.merchants + 1) ** -0.8)
        who = np.searchsorted(weights, draw.random(BLOCK) * weights[-1], side="right")
        sent_ms = START_MS + STEP_MS * np.arange(first, first + BLOCK)
        time_ms = sent_ms - _delays(draw)
        amount = _amounts(draw, who, time_ms)
        odd_mcc = draw.random(BLOCK) < _ODD
        mcc = np.where(odd_mcc, np.where(mccs[who] == 5411, 5812, 5411), mccs[who])
        fee = (amount * rates[who] + 500_000) // 1_000_000 + _fee_errors(draw)
        number = merchant_number(who)
        token = draw.integers(0, 1 << 60, BLOCK)
        kind = np.where(draw.random(BLOCK) < 0.5, b"credit", b"debit")
        columns = (
            np.arange(first, first + BLOCK), number, amount, time_ms, sent_ms, number % 99_999_989, mcc, token,
            token % 10_000, kind, fee,
        )  # fmt: skip
        for row in zip(*(each[:count].tolist() for each in columns), strict=True):
            yield b"%015d" % row[1], _TRANSACTION % row


def merchant_number(k: Any) -> Any:
    """The `merchant_id` of merchant `k`, 0 the busiest, as a number of 15 digits."""
    return 898_210_000_000_000 + 7_919 * k


def _delays(draw: Generator) -> NDArray[np.int64]:
    """How long before it was sent a transaction was made, ms: up to 50 s out of order, or 10 to 30 minutes late."""
    chance = draw.random(BLOCK)
    disorder, late = draw.integers(0, 50_000, BLOCK), draw.integers(600_000, 1_800_000, BLOCK)
    return np.where(chance < _ODD, late, np.where(chance < _ODD + _DISORDERED, disorder, 0))


def _amounts(draw: Generator, who: NDArray[np.int64], time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    level = 1_000 + 7_919 * who % 9_000
    amount = (level * np.exp(draw.normal(0.0, 0.25, BLOCK))).astype(np.int64) + 100
    bursts = (who < _BURSTING) & ((who * 2_654_435_761 + time_ms // WINDOW_MS * 40_503) % _BURST_EVERY == 0)
    return np.where(bursts, amount * _BURST, amount)


def _fee_errors(draw: Generator) -> NDArray[np.int64]:
    """Mostly 0; 1 fen either way, which passes for rounding; or a fee that is wrong."""
    chance = draw.random(BLOCK)
    rounding, wrong = draw.choice([-1, 1], BLOCK), draw.integers(2, 500, BLOCK)
    return np.where(chance < _ODD, wrong, np.where(chance < _ODD + _OFF_BY_ONE, rounding, 0))
