"""The MCC a sale was presented, numbered or routed under, against what the merchant may use.

Three places carry an MCC: the message itself, the acceptor number (where its layout has one) and the channel's
registration. A fourth, the special-fee type, moves the price at the same MCC. Each is held against the version of
the master data in force at the transaction's own time; where none says anything of it, against the merchant's own
history. A settlement is held against the same by what it carries: the MCC and the fee class that clearing used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain import interchange
from domain.feature_codes import MCC_LEARNED, MCC_REGISTERED, SOURCE_SETTLEMENT
from engine.checkpoint.fitting import Moved
from engine.features.blocks import Block
from engine.features.event import MISSING, SALE, Event
from engine.features.families import Column
from engine.features.mcc_history import (
    FRESH,
    HELD,
    MIN_LEARNED,
    PER_MS,
    arrival,
    before,
    by_history,
    common,
    learn,
    own_value,
    switch,
)
from engine.jit import i64, njit_inner

SENT = 4
"""Sources of a transaction."""
CHANNEL, FEE_TYPE = 2, 3
SETTLED_MCC, SETTLED_CLASS = 4, 5
SOURCES = 6
OWN = 2
"""Sources whose values are in the row; those of the others, which few merchants have, are in a block."""
_MOST_E7 = 4 * 10**18

cost_e7 = njit_inner(interchange.cost_e7)

BASE_D = 28
"""Days until what started anew on a merchant means something: the half-life of its shares."""
FIELDS = (
    ("off_day_e7", np.int64),
    ("told_e7", np.int64),
    ("off_decayed", np.float32),
    ("judged_decayed", np.float32),
    ("switches", np.float32, OWN),
    ("off_day", np.int32),
    ("off_day_sales", np.int32),
    ("judged_day_sales", np.int32),
    ("seen_value", np.uint16, (OWN, HELD)),
    ("seen_count", np.uint16, (OWN, HELD)),
    ("seen_from_day", np.uint16, OWN),
    ("fresh_day", np.uint16, OWN),
    ("last_value", np.uint16, OWN),
    ("late_bits", np.uint8, OWN),
    ("fresh_bits", np.uint8, OWN),
)
_OTHER = (
    ("settled_day_e7", np.int64),
    ("switches", np.float32, SOURCES - OWN),
    ("settled_day", np.int32),
    ("settled_day_off", np.int32),
    ("settled_day_judged", np.int32),
    ("seen_value", np.uint16, (SOURCES - OWN, HELD)),
    ("seen_count", np.uint16, (SOURCES - OWN, HELD)),
    ("seen_from_day", np.uint16, SOURCES - OWN),
    ("fresh_day", np.uint16, SOURCES - OWN),
    ("last_value", np.uint16, SOURCES - OWN),
    ("late_bits", np.uint8, SOURCES - OWN),
    ("fresh_bits", np.uint8, SOURCES - OWN),
)
_BY_SOURCE = ("switches", "seen_value", "seen_count", "last_value")
MOVED = {name: Moved(name, lambda held: held[:, :OWN]) for name in _BY_SOURCE}
BLOCKS = (Block("mcc_other", _OTHER, moved={name: Moved(name, lambda held: held[:, OWN:]) for name in _BY_SOURCE}),)
_NO_SALE = "the transaction is no approved sale"

COLUMNS = (
    Column("mcc_presented", "MCC", "txn", "this transaction", null="absent"),
    Column("mcc_acceptor", "MCC", "txn", "this transaction's acceptor number", null="no layout, or no known MCC in it"),
    Column("mcc_channel", "MCC", "txn", "this transaction's channel registration", null="absent"),
    Column("mcc_expected", "MCC", "txn", "the first registered MCC, or the merchant's own by history",
           null=f"nothing registered or learned; {_NO_SALE}"),
    Column("mcc_used", "MCC", "txn", "of the MCCs that are off, the one of the cheapest class", null="none is off"),
    Column("mcc_sources", "bits", "txn", "which places are off: 1 presented, 2 acceptor number, 4 channel, 8 fee type, "
           "16 settlement"),
    Column("mcc_basis", "code", "txn", "1 held against master data, 2 against history, 0 neither"),
    Column("mcc_class_drop", "classes", "txn", "steps from the expected class to the cheaper used one",
           null="no MCC is off"),
    Column("fee_type_used", "code", "txn", "the special-fee type that is off", null="it is not off"),
    Column("fee_class_used", "code", "txn", "the settlement's fee class, where it is off", null="it is not off"),
    Column("leakage_e7", "1e-7 minor units", "txn", "what issuer and network lose by the used MCC",
           null="no MCC is off, or no regulated price is known"),
    Column("leakage_1d_e7", "1e-7 minor units", "the local day", "the sum of the above where it is above 0"),
    Column("mcc_off_1d", "transactions", "the local day", "approved sales with something off"),
    Column("mcc_judged_1d", "transactions", "the local day", "approved sales that could be judged"),
    Column("mcc_off_share_28d", "share", "half-life 28d", "approved sales with something off, per judged", "float",
           null="nothing was judged", error="relative 1e-4"),
    Column("mcc_switches_28d", "changes", "half-life 28d", "changes of the value that is off, or of the presented MCC",
           "float", error="relative 1e-4"),
    Column("mcc_history", "transactions", "txn", "approved sales under other values of the last source that is off",
           null="none is off, or not because its history had never seen the value"),
    Column("mcc_history_d", "days", "txn", "days of that history before the first sale of its newest such value",
           null="none is off, or not because its history had never seen the value"),
    Column("mcc_learned_share", "share", "history", "earlier approved sales under the commonest presented MCC", "float",
           null=f"fewer than {MIN_LEARNED} earlier approved sales with an MCC"),
)  # fmt: skip


@njit_inner
def among(values: Any, count: int, value: int) -> bool:
    """Whether a value is one of the first `count`."""
    for k in range(count):
        if values[k] == value:
            return True
    return False


@njit_inner
def mcc_other_needed(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is an approved sale with a channel's MCC or a special-fee type."""
    return event.role == SALE and event.approved and (event.channel_mcc >= 0 or event.fee_type >= 0)


@njit_inner
def mcc_other_settled(row: Any, event: Event, master_data: Any, reference: Any) -> bool:
    """Whether it is a settlement with an MCC or a fee class."""
    return event.mcc >= 0 or event.fee_class >= 0


@njit_inner
def _decay(row: Any, other: Any, event: Event) -> None:
    if event.was_ms >= 0 and event.now_ms > event.was_ms:
        factor = np.float32(np.exp2(-(event.now_ms - event.was_ms) * PER_MS))
        row.off_decayed *= factor
        row.judged_decayed *= factor
        for k in range(OWN):
            row.switches[k] *= factor
        for k in range(SOURCES - OWN):
            other.switches[k] *= factor
    if event.now_day > row.off_day:
        row.off_day = event.now_day
        row.off_day_sales = 0
        row.judged_day_sales = 0
        row.off_day_e7 = 0


@njit_inner
def regime_of(reference: Any, event: Event) -> int:
    """Place of the regulated prices in force for this sale; -1 where its price is not regulated."""
    regime = -1
    for k in range(reference.regimes):
        if reference.rate_since_ms[k] <= event.time_ms:
            regime = k
    abroad = event.country != MISSING and event.country != reference.price_country
    foreign = event.scheme != reference.price_scheme or event.currency != reference.price_currency
    if foreign or abroad or event.card_kind == MISSING:
        return -1
    return regime


@njit_inner
def price_e7(reference: Any, regime: int, fee_class: int, event: Event) -> int:
    """What issuer and network get for this sale in a fee class; `MISSING` where no price is known."""
    kind = event.card_kind
    if regime < 0 or reference.rate_issuer_e7[regime, fee_class, kind] < 0:
        return MISSING
    return cost_e7(
        event.amount,
        reference.rate_issuer_e7[regime, fee_class, kind],
        reference.rate_issuer_cap[regime, fee_class, kind],
        reference.rate_network_e7[regime, fee_class, kind],
        reference.rate_network_cap[regime, fee_class, kind],
        reference.rate_issuer_fixed[regime, fee_class, kind],
        2,
    )


@njit_inner
def class_leakage_e7(reference: Any, event: Event, expected: int, used: int) -> int:
    """`domain.interchange.leakage` of this sale between two fee classes; `MISSING` where no price is regulated."""
    regime = regime_of(reference, event)
    before, after = price_e7(reference, regime, expected, event), price_e7(reference, regime, used, event)
    return MISSING if before == MISSING or after == MISSING else before - after


@njit_inner
def leakage_e7(reference: Any, event: Event, expected: int, used: int) -> int:
    """The same between two MCCs."""
    return class_leakage_e7(reference, event, i64(reference.mcc_class[expected]), i64(reference.mcc_class[used]))


@njit_inner
def _switches(row: Any, other: Any, source: int) -> Any:
    """Changes of a source's value, decayed."""
    return row.switches[source] if source < OWN else other.switches[source - OWN]


@njit_inner
def _cheaper(held: Any, at: int, reference: Any, source: int, value: int) -> bool:
    """Whether a value is of a cheaper class than the commonest of its source; of a fee type, whether it is another."""
    usual, _, _ = common(held, at)
    if source == FEE_TYPE or usual < 0:
        return value != usual
    return i64(reference.mcc_class[value]) > i64(reference.mcc_class[usual])


@njit_inner
def _is_off(
    row: Any, other: Any, master_data: Any, reference: Any, source: int, value: int, came: int
) -> tuple[int, bool, int]:  # fmt: skip
    """What a value of a source is held against (-1: nothing), whether it is off, and on what basis."""
    if source == FEE_TYPE:
        if master_data.fee_type_count > 0:
            allowed = among(master_data.fee_types, master_data.fee_type_count, value)
            return i64(master_data.fee_types[0]), not allowed, MCC_REGISTERED
    elif master_data.mcc_count > 0:
        allowed = among(master_data.mccs, master_data.mcc_count, value) or (
            source == CHANNEL and among(master_data.channel_mccs, master_data.channel_count, value)
        )
        return i64(master_data.mccs[0]), not allowed, MCC_REGISTERED
    if source < OWN:
        own, off = by_history(row, source, value, _cheaper(row, source, reference, source, value), came)
    else:
        at = source - OWN
        own, off = by_history(other, at, value, _cheaper(other, at, reference, source, value), came)
    return own, off, MCC_LEARNED if own >= 0 else 0


@njit_inner
def _arrival(row: Any, other: Any, source: int, value: int, day: int) -> int:
    """`arrival` of a source, wherever it is held."""
    return arrival(row, source, value, day) if source < OWN else arrival(other, source - OWN, value, day)


@njit_inner
def _before(row: Any, other: Any, source: int, value: int, day: int) -> tuple[int, int]:
    """`before` of a source, wherever it is held."""
    return before(row, source, value, day) if source < OWN else before(other, source - OWN, value, day)


@njit_inner
def update(row: Any, other: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Compare an approved sale's MCCs and fee type with the registered or learned ones; then learn from it."""
    _decay(row, other, event)
    _, most, total = common(row, 0)
    history, history_d = MISSING, MISSING
    values = (event.mcc, event.acceptor_mcc, event.channel_mcc, event.fee_type)
    expected, used, drop, sources, basis, fee_type, switches = -1, -1, 0, 0, 0, -1, row.switches[0]
    late = event.now_ms - event.time_ms
    weight = np.float32(1.0) if late == 0 else np.float32(np.exp2(-late * PER_MS))
    if event.role == SALE and event.approved:
        for source in range(OWN):
            if values[source] >= 0:
                switch(row, source, values[source], weight)
        for source in range(OWN, SENT):
            if values[source] >= 0:
                switch(other, source - OWN, values[source], weight)
        switches = row.switches[0]
        for source in range(SENT):
            value = values[source]
            if value < 0:
                continue
            came = _arrival(row, other, source, value, event.day)
            own, off, by = _is_off(row, other, master_data, reference, source, value, came)
            if off:
                history, history_d = MISSING, MISSING
                if by == MCC_LEARNED and came == FRESH:
                    history, history_d = _before(row, other, source, value, event.day)
            if source < OWN:
                learn(row, source, value, came, event.day)
            else:
                learn(other, source - OWN, value, came, event.day)
            if by and (basis == 0 or by < basis):
                basis = by
            if source != FEE_TYPE and own >= 0 and expected < 0:
                expected = own
            if not off:
                continue
            sources |= 1 << source
            switches = _switches(row, other, source)
            if source == FEE_TYPE:
                fee_type = value
                continue
            steps = i64(reference.mcc_class[value]) - i64(reference.mcc_class[own])
            if used < 0 or steps > drop:
                expected, used, drop = own, value, steps
    leak = leakage_e7(reference, event, expected, used) if used >= 0 else MISSING
    if basis:
        row.judged_decayed += weight
        today = event.day == row.off_day
        row.judged_day_sales += today
        if sources:
            row.off_decayed += weight
            row.off_day_sales += today
            if leak > 0:
                row.told_e7 = min(row.told_e7 + leak, _MOST_E7)
                if today:
                    row.off_day_e7 = min(row.off_day_e7 + leak, _MOST_E7)
    out.mcc_presented = event.mcc if event.mcc >= 0 else MISSING
    out.mcc_acceptor = event.acceptor_mcc if event.acceptor_mcc >= 0 else MISSING
    out.mcc_channel = event.channel_mcc if event.channel_mcc >= 0 else MISSING
    out.mcc_expected = expected if expected >= 0 else MISSING
    out.mcc_used = used if used >= 0 else MISSING
    out.mcc_sources = sources
    out.mcc_basis = basis
    out.mcc_class_drop = drop if used >= 0 else MISSING
    out.fee_type_used = fee_type if fee_type >= 0 else MISSING
    out.fee_class_used = MISSING
    out.leakage_e7 = leak
    out.leakage_1d_e7 = row.off_day_e7
    out.mcc_off_1d = row.off_day_sales
    out.mcc_judged_1d = row.judged_day_sales
    out.mcc_off_share_28d = row.off_decayed / row.judged_decayed if row.judged_decayed > 0 else np.nan
    out.mcc_switches_28d = switches
    out.mcc_history, out.mcc_history_d = history, history_d
    out.mcc_learned_share = most / total if total >= MIN_LEARNED else np.nan


@njit_inner
def _settled_mcc(
    row: Any, other: Any, master_data: Any, reference: Any, value: int, came: int
) -> tuple[int, bool, int]:  # fmt: skip
    """As `_is_off`, of the MCC of a settlement: by history, one that the merchant's messages never carry."""
    if value < 0:
        return -1, False, 0
    if master_data.mcc_count > 0:
        return _is_off(row, other, master_data, reference, CHANNEL, value, 0)
    own = own_value(row, 0)
    if own < 0:
        return _is_off(row, other, master_data, reference, SETTLED_MCC, value, came)
    off = reference.mcc_class[value] > reference.mcc_class[own]
    for k in range(HELD):
        off = off and row.seen_value[0, k] != value + 1
    return own, off, MCC_LEARNED


@njit_inner
def _settled_class(
    other: Any, master_data: Any, reference: Any, value: int, came: int
) -> tuple[int, bool, int]:  # fmt: skip
    """What the fee class of a settlement is held against (-1: nothing), whether it is off, and on what basis."""
    if value < 0:
        return -1, False, 0
    if master_data.mcc_count > 0:
        for k in range(master_data.fee_type_count):
            if master_data.fee_types[k] != 0:  # a special fee may lawfully be that of a cheaper class
                return -1, False, 0
        cheapest = 0
        for k in range(master_data.mcc_count):
            cheapest = max(cheapest, i64(reference.mcc_class[master_data.mccs[k]]))
        for k in range(master_data.channel_count):
            cheapest = max(cheapest, i64(reference.mcc_class[master_data.channel_mccs[k]]))
        return i64(reference.mcc_class[master_data.mccs[0]]), value > cheapest, MCC_REGISTERED
    usual, _, _ = common(other, SETTLED_CLASS - OWN)
    own, off = by_history(other, SETTLED_CLASS - OWN, value, value > usual, came)
    return own, off and value > own, MCC_LEARNED if own >= 0 else 0


@njit_inner
def _of_settled_day(other: Any, event: Event, off: bool, leak: int) -> None:
    """Count a settlement on the latest local day of which one came."""
    if event.day > other.settled_day:
        other.settled_day = event.day
        other.settled_day_off = other.settled_day_judged = 0
        other.settled_day_e7 = 0
    if event.day == other.settled_day:
        other.settled_day_judged += 1
        other.settled_day_off += off
        if off and leak > 0:
            other.settled_day_e7 = min(other.settled_day_e7 + leak, _MOST_E7)


@njit_inner
def settle(row: Any, other: Any, event: Event, master_data: Any, reference: Any, out: Any) -> None:
    """Compare a settlement's own MCC with the registered one; leakage that its sale has shown is not written again."""
    late = max(event.was_ms - event.time_ms, 0)
    weight = np.float32(1.0) if late == 0 else np.float32(np.exp2(-late * PER_MS))
    if event.mcc >= 0:
        switch(other, SETTLED_MCC - OWN, event.mcc, weight)
    if event.fee_class >= 0:
        switch(other, SETTLED_CLASS - OWN, event.fee_class, weight)
    came, class_came, day = 0, 0, event.day
    if event.mcc >= 0:
        came = _arrival(row, other, SETTLED_MCC, event.mcc, day)
    if event.fee_class >= 0:
        class_came = _arrival(row, other, SETTLED_CLASS, event.fee_class, day)
    own, mcc_off, basis = _settled_mcc(row, other, master_data, reference, event.mcc, came)
    own_class, class_off, class_basis = _settled_class(other, master_data, reference, event.fee_class, class_came)
    if event.mcc >= 0:
        learn(other, SETTLED_MCC - OWN, event.mcc, came, day)
    if event.fee_class >= 0:
        learn(other, SETTLED_CLASS - OWN, event.fee_class, class_came, day)
    if basis == 0 or (not mcc_off and class_off):
        basis = class_basis
    if basis == 0:
        return
    expected = i64(reference.mcc_class[own]) if mcc_off else own_class
    used = expected
    if mcc_off:
        used = i64(reference.mcc_class[event.mcc])
    if class_off:
        used = max(used, event.fee_class)
    off = mcc_off or class_off
    leak = class_leakage_e7(reference, event, expected, used) if off else MISSING
    if leak > 0:
        told = min(leak, row.told_e7)
        row.told_e7 -= told
        leak -= told
        off = leak > 0
    _of_settled_day(other, event, off, leak)
    out.mcc_sources = SOURCE_SETTLEMENT if off else 0
    out.mcc_basis = basis
    if off:
        if own >= 0:
            out.mcc_expected = own
        if mcc_off:
            out.mcc_used = event.mcc
        if class_off:
            out.fee_class_used = event.fee_class
        out.mcc_class_drop = used - expected
        out.leakage_e7 = leak
    out.leakage_1d_e7 = other.settled_day_e7
    out.mcc_off_1d = other.settled_day_off
    out.mcc_judged_1d = other.settled_day_judged
