"""Shares of a merchant's traffic, in decayed counters: each transaction weighs 2^(-age / half-life).

The age is taken from the merchant's clock, so a transaction that is late comes in with the weight it would have
had. Held as float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from engine.checkpoint.fitting import Moved
from engine.decoding.columns import pack
from engine.features.event import CODE, KEYED, MISSING, SALE, STRIPE, Event
from engine.features.families import Column
from engine.jit import njit_inner

HALF_LIVES_MS = (DAY_MS, 28 * DAY_MS)
_NAMES = ("1d", "28d")
MIN_ATTEMPTS = 5.0
"""Least weight of the base a share is given for; below it the share is null."""
ROUND_MINOR = 10_000
"""A round amount is a multiple of 100.00."""
NIGHT_ENDS_HOUR = 5
"""Night is 00:00 to 05:00 local time, the industry's usual night (domain notes on merchant audits)."""
COUNTERS = 14
(_ATTEMPT, _APPROVED, _TESTING, _CREDIT_LIMIT, _HARD, _PIN, _KEYED, _STRIPE, _QR, _CREDIT, _CARD_KIND, _ROUND,
 _NIGHT, _FOREIGN) = range(COUNTERS)  # fmt: skip
TESTING_CODES = tuple(pack(c) for c in ("14", "15", "33", "54"))
LIMIT_CODES = tuple(pack(c) for c in ("51", "61", "65"))
_HARD_CODES = tuple(pack(c) for c in ("04", "07", "34", "41", "43", "59"))
_PIN_CODES = tuple(pack(c) for c in ("55", "38", "75"))
_HALF = np.array([1.0 / each for each in HALF_LIVES_MS])
_PER_HOUR = 1.0 / HOUR_MS

BASE_D = 28
"""Days until what started anew on a merchant means something: the longest half-life."""
FIELDS = (("decayed", np.float32, (2, COUNTERS)), ("attempts_1h", np.float32))
MOVED = {
    "decayed": Moved("decayed", lambda held: held[:, 1:]),
    "attempts_1h": Moved("decayed", lambda held: held[:, 0, _ATTEMPT]),
}
"""The shortest half-life was kept of every counter; only that of the attempts is told."""


def _shares() -> tuple[Column, ...]:
    what = (
        ("declined_share", "sale attempts that were declined", "sale attempts"),
        ("card_testing_share", "sale attempts declined with 14, 15, 33 or 54", "sale attempts"),
        ("limit_share", "sale attempts declined with 51, 61 or 65", "sale attempts"),
        ("hard_fraud_share", "sale attempts declined with 04, 07, 34, 41, 43 or 59", "sale attempts"),
        ("pin_share", "sale attempts declined with 38, 55 or 75", "sale attempts"),
        ("keyed_share", "sale attempts keyed in (entry mode 01)", "sale attempts"),
        ("stripe_share", "sale attempts by magnetic stripe (entry modes 02, 90)", "sale attempts"),
        ("qr_share", "sale attempts by code (entry modes 03, 04, 94)", "sale attempts"),
        ("credit_share", "approved sales on credit or semi-credit cards", "approved sales of known card kind"),
        ("round_share", "approved sales of a multiple of 100.00", "approved sales"),
        ("night_share", "approved sales between 00:00 and 05:00 local time", "approved sales"),
        ("foreign_share", "sale attempts with a card issued abroad", "sale attempts"),
    )
    return tuple(
        Column(
            f"{name}_{half_life}", "share", f"half-life {half_life}", f"{of}, per {base}", "float",
            null=f"fewer than {MIN_ATTEMPTS:g} (weighed) {base}", error="relative 1e-4",
        )
        for half_life in _NAMES
        for name, of, base in what
    )  # fmt: skip


COLUMNS = (
    *(
        Column(f"attempts_decayed_{name}", "transactions", f"half-life {name}", "sale attempts", "float",
               error="relative 1e-4")
        for name in ("1h", *_NAMES)
    ),
    *_shares(),
)  # fmt: skip


@njit_inner
def _decay(row: Any, elapsed_ms: int) -> None:
    row.attempts_1h *= np.float32(np.exp2(-elapsed_ms * _PER_HOUR))
    for k in range(2):
        factor = np.float32(np.exp2(-elapsed_ms * _HALF[k]))
        for c in range(COUNTERS):
            row.decayed[k, c] *= factor


@njit_inner
def _count(row: Any, event: Event, reference: Any, k: int, w: Any) -> None:
    counters = row.decayed[k]
    counters[_ATTEMPT] += w
    counters[_KEYED] += w * (event.entry in KEYED)
    counters[_STRIPE] += w * (event.entry in STRIPE)
    counters[_QR] += w * (event.entry in CODE)
    counters[_FOREIGN] += w * (event.country != MISSING and event.country != reference.home_country)
    if event.approved:
        counters[_APPROVED] += w
        counters[_CARD_KIND] += w * (event.card_kind != MISSING)
        counters[_CREDIT] += w * (event.card_kind == 1 or event.card_kind == 2)
        counters[_ROUND] += w * (event.amount > 0 and event.amount % ROUND_MINOR == 0)
        counters[_NIGHT] += w * (event.local_hour < NIGHT_ENDS_HOUR)
    elif event.response in TESTING_CODES:
        counters[_TESTING] += w
    elif event.response in LIMIT_CODES:
        counters[_CREDIT_LIMIT] += w
    elif event.response in _HARD_CODES:
        counters[_HARD] += w
    elif event.response in _PIN_CODES:
        counters[_PIN] += w


@njit_inner
def _share(part: Any, base: Any) -> float:
    return part / base if base >= MIN_ATTEMPTS else np.nan


@njit_inner
def update(row: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Decay the counters, count a sale in them, and write the shares."""
    if event.was_ms >= 0 and event.now_ms > event.was_ms:
        _decay(row, event.now_ms - event.was_ms)
    if event.role == SALE:
        late_ms = event.now_ms - event.time_ms
        row.attempts_1h += np.float32(1.0) if late_ms == 0 else np.float32(np.exp2(-late_ms * _PER_HOUR))
        for k in range(2):
            weight = np.float32(1.0) if late_ms == 0 else np.float32(np.exp2(-late_ms * _HALF[k]))
            _count(row, event, reference, k, weight)
    out.attempts_decayed_1h = row.attempts_1h
    out.attempts_decayed_1d = row.decayed[0, _ATTEMPT]
    out.attempts_decayed_28d = row.decayed[1, _ATTEMPT]
    c = row.decayed[0]
    out.declined_share_1d = _share(c[_ATTEMPT] - c[_APPROVED], c[_ATTEMPT])
    out.card_testing_share_1d = _share(c[_TESTING], c[_ATTEMPT])
    out.limit_share_1d = _share(c[_CREDIT_LIMIT], c[_ATTEMPT])
    out.hard_fraud_share_1d = _share(c[_HARD], c[_ATTEMPT])
    out.pin_share_1d = _share(c[_PIN], c[_ATTEMPT])
    out.keyed_share_1d = _share(c[_KEYED], c[_ATTEMPT])
    out.stripe_share_1d = _share(c[_STRIPE], c[_ATTEMPT])
    out.qr_share_1d = _share(c[_QR], c[_ATTEMPT])
    out.credit_share_1d = _share(c[_CREDIT], c[_CARD_KIND])
    out.round_share_1d = _share(c[_ROUND], c[_APPROVED])
    out.night_share_1d = _share(c[_NIGHT], c[_APPROVED])
    out.foreign_share_1d = _share(c[_FOREIGN], c[_ATTEMPT])
    c = row.decayed[1]
    out.declined_share_28d = _share(c[_ATTEMPT] - c[_APPROVED], c[_ATTEMPT])
    out.card_testing_share_28d = _share(c[_TESTING], c[_ATTEMPT])
    out.limit_share_28d = _share(c[_CREDIT_LIMIT], c[_ATTEMPT])
    out.hard_fraud_share_28d = _share(c[_HARD], c[_ATTEMPT])
    out.pin_share_28d = _share(c[_PIN], c[_ATTEMPT])
    out.keyed_share_28d = _share(c[_KEYED], c[_ATTEMPT])
    out.stripe_share_28d = _share(c[_STRIPE], c[_ATTEMPT])
    out.qr_share_28d = _share(c[_QR], c[_ATTEMPT])
    out.credit_share_28d = _share(c[_CREDIT], c[_CARD_KIND])
    out.round_share_28d = _share(c[_ROUND], c[_APPROVED])
    out.night_share_28d = _share(c[_NIGHT], c[_APPROVED])
    out.foreign_share_28d = _share(c[_FOREIGN], c[_ATTEMPT])
