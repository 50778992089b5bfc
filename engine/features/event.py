"""What the kernel hands a feature family: one accepted transaction, and the tables beside the rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from domain.calendars import DAYS as CALENDAR_DAYS
from domain.calendars import FIRST_DAY, DayKind
from domain.events import SCHEMES
from domain.peers import GROUPS, RAMP_WEEKS
from domain.profiles import MAX_PROFILES, STATISTICS
from engine.control_kinds.limits import MAX_ACQUIRERS, MAX_APPROVAL_CODES, MAX_LAYOUTS, MAX_RATES, MAX_REGIMES
from engine.decoding.columns import MISSING
from engine.jit import i64, njit_inline

MAX_MCCS = 16
"""Most MCCs a merchant's master data may register; `domain.events.MAX_CODES`."""

MASTER_DATA = np.dtype(
    [
        ("effective_ms", np.int64),
        ("currency", np.int64),
        ("licence_ms", np.int64),
        ("zone", np.int16),
        ("name_mcc", np.int16),
        ("mcc_count", np.int8),
        ("channel_count", np.int8),
        ("fee_type_count", np.int8),
        ("mccs", np.int16, MAX_MCCS),
        ("channel_mccs", np.int16, MAX_MCCS),
        ("fee_types", np.int8, MAX_MCCS),
    ],
    align=True,
)
"""One version of a merchant's master data; `licence_ms` is 0 where it says no expiry, `name_mcc` the trade that its
name speaks of, 0 for none. Once entered it is never changed.

Place 0 is never entered: it stands for no version at all."""


CONTRACT = np.dtype(
    [("effective_ms", np.int64), ("notice_ms", np.int64), ("line", np.int32), ("lines", np.int32), ("months", np.int8)],
    align=True,
)
"""One version of a merchant's contract: `lines` of `PRICE_LINE` from `line` on. `notice_ms` is `MISSING` where nobody
was told; `months` is 1 where a price goes by the month's sales. Once entered it is never changed; place 0 stands for no
version."""

PRICE_LINE = np.dtype(
    [
        ("mode", np.uint64),
        ("channel", np.uint64),
        ("amount_from", np.int64),
        ("month_from", np.int64),
        ("cap", np.int64),
        ("minimum", np.int64),
        ("fixed", np.int64),
        ("rate_ppm", np.int32),
        ("scheme", np.int8),
        ("card_kind", np.int8),
        ("keys", np.int8),
        ("fee_class", np.int8),
    ],
    align=True,
)
"""One `domain.contracts.Price`: `mode` and `channel` are hashes, 0 for any; `scheme` and `card_kind` positions, -1 for
any; `keys` how many are given; `fee_class` is its position + 1, 0 for any."""


class Closing(NamedTuple):
    """The end of a merchant's local day, some hours after it."""

    time_ms: int
    """Its deadline."""
    day: int
    """The local day that ended, since 1970."""
    idle_d: int
    """Days since the local day of the merchant's clock; 0 or below where something came on that day or later."""
    licence_ms: int
    """When the business licence expires, by the master data in force; `MISSING` where they say nothing of it."""
    licence_day: int
    """The merchant's local day of that, since 1970; `MISSING` likewise."""
    mcc: int
    """The first MCC that the master data in force register; -1 where they register none."""


class Revision(NamedTuple):
    """A version of a merchant's contract that has come."""

    time_ms: int
    effective_ms: int
    notice_ms: int
    """`MISSING` where nobody was told."""
    rise_ppm: int
    """How much dearer it is than the version before, relative, parts per million: the most that the fee of any of some
    reference payments rises. `MISSING` where there was none before."""


class Complaint(NamedTuple):
    """A complaint about a merchant."""

    time_s: int
    """When it was made, UTC seconds, at most when it was received."""
    about: int
    """`engine.features.families.complaints.ABOUT_FEES` or `ABOUT_OTHER`."""


class Report(NamedTuple):
    """A report on an earlier transaction, or what takes one out again, in the merchant's own time."""

    kind: int
    """One of `domain.feature_codes.REPORT_FRAUD`, `REPORT_CHARGEBACK`, `REPORT_RETRIEVAL`."""
    change: int
    """1 for one that came, -1 for one that was withdrawn, 0 for a chargeback decided for the merchant."""
    reported: int
    """1 where its transaction had not been reported as fraud before, -1 where it is not any more, else 0."""
    charged_back: int
    """The same of fraud that was charged back."""
    time_ms: int
    """When it was reported; of what takes one out, when that one had been."""
    day: int
    """The local day of that."""
    now_day: int
    """The local day of the merchant's clock; that of the report where that is later."""
    own_day: int
    """The local day of the transaction in question, at most that of the merchant's clock; -1 where it lies before the
    merchant's first transaction."""
    amount: int
    """In the merchant's currency, 0 where it is not known."""
    fraud: bool
    """Whether it says that the transaction was fraud."""
    scheme: int
    """Position in `domain.events.SCHEMES`, `MISSING` where unknown."""
    entry: int
    """The two digits of the entry mode, -1 where unknown."""
    terminal_id: np.uint64
    """As `Event.terminal_id`."""
    tag: int
    """Sixteen bits of a hash of the terminal that its payment was first reported with, 0 where unknown."""


class Event(NamedTuple):
    """One accepted transaction, or one settlement, in the merchant's own time.

    A day is the merchant's local day since 1970; an hour and a minute count from 1970 UTC. The clock is the
    largest accepted event time; `now` is the clock with this transaction, `was` without it.
    """

    time_ms: int
    now_ms: int
    was_ms: int
    """-1 for the merchant's first."""
    day: int
    now_day: int
    was_day: int
    """-1 for the merchant's first."""
    local_hour: int
    """0 to 23."""
    amount: int
    log_amount: float
    """Natural logarithm of the amount of an approved sale, of 1 minor unit at least; 0.0 of anything else."""
    role: int
    """One of `domain.events.Role`."""
    approved: bool
    txn: np.uint64
    card: np.uint64
    """0 where unknown."""
    card_kind: int
    """Position in `domain.events.CARD_KINDS`, `MISSING` where unknown."""
    scheme: int
    """Position in `domain.events.SCHEMES`, `MISSING` where unknown."""
    entry: int
    """The two digits of the entry mode, -1 where unknown."""
    response: int
    """The response code, packed; `MISSING` where unknown."""
    country: int
    """The issuer's country, packed; `MISSING` where unknown."""
    currency: int
    mcc: int
    """-1 where unknown, as the two that follow."""
    acceptor_mcc: int
    channel_mcc: int
    fee_type: int
    """-1 where unknown."""
    fee: int
    """Charged, minor units, without tax and what same-day settlement cost; `MISSING` where unknown, or where it was
    counted already."""
    told: int
    """The fee that the transaction had of what is settled, minor units; `MISSING` where it had none."""
    is_part: bool
    """Whether a part alone of what the transaction was for is settled."""
    due: int
    """By the contract in force at its time, minor units; `MISSING` where none prices it."""
    due_ppm: int
    """The contract's rate for it, parts per million; `MISSING` where none prices it, 0 where `due` is `MISSING` for
    which price applies is not known."""
    mode: np.uint64
    """Hash of the settlement mode, 0 where unknown, as the two that follow."""
    channel: np.uint64
    terminal: np.uint64
    acceptor: np.uint64
    """Hash of the acceptor number."""
    channel_merchant: np.uint64
    """Hash of the channel's merchant number."""
    fee_class: int
    """Position in `domain.events.FEE_CLASSES`, -1 where unknown."""
    acceptor_region: int
    """The region inside the acceptor number, up to 7 bytes packed; 0 where no layout applies."""
    paid: int
    """The amount in the currency it was paid in; `amount` and `fee` are in the merchant's."""
    sent: np.uint64
    """Hash of terminal, STAN and time sent, 0 where one is missing."""
    terminal_id: np.uint64
    """The terminal's id as `domain.feature_codes.terminal_text` reads it, 0 where unknown."""
    eci: int
    """The electronic commerce indicator, -1 where there is none."""


class Equipment(NamedTuple):
    """What an event says of one of a merchant's terminals."""

    terminal_id: np.uint64
    """As `Event.terminal_id`."""
    status: int
    """Position in `domain.events.TERMINAL_STATUSES`, `MISSING` where nothing is said of it."""


class Undone(NamedTuple):
    """An approved sale or refund that is taken out again, or a part of it."""

    role: int
    """SALE or REFUND."""
    tickets: int
    """1 where nothing is left of it, else 0."""
    amount: int
    """What is taken out now, in the merchant's currency."""
    ticket: int
    """What the original came to as a whole."""
    paid: int
    """What is taken out now, in the currency it was paid in."""
    currency: int
    """That currency, packed."""
    time_ms: int
    """Of the original, at most the merchant's clock."""
    day: int
    """Its local day."""
    now_ms: int
    now_day: int


REFERENCE = np.dtype(
    [
        ("since_ms", np.int64),
        ("late_ms", np.int64),
        ("repeat_ms", np.int64),
        ("home_country", np.int64),
        ("price_country", np.int64),
        ("price_currency", np.int64),
        ("price_scheme", np.int64),
        ("approval_code", np.int64, (len(SCHEMES) + 1, MAX_APPROVAL_CODES)),
        ("exchanges", np.int64),
        ("exchange_currency", np.int64, MAX_RATES),
        ("exchange_up", np.int64, MAX_RATES),
        ("exchange_down", np.int64, MAX_RATES),
        ("layouts", np.int64),
        ("layout_length", np.int64, MAX_LAYOUTS),
        ("layout_mcc_from", np.int64, MAX_LAYOUTS),
        ("layout_acquirer_from", np.int64, MAX_LAYOUTS),
        ("layout_acquirer_to", np.int64, MAX_LAYOUTS),
        ("layout_region_from", np.int64, MAX_LAYOUTS),
        ("layout_region_to", np.int64, MAX_LAYOUTS),
        ("layout_schemes", np.int64, MAX_LAYOUTS),
        ("layout_acquirers", np.int64, MAX_LAYOUTS),
        ("layout_acquirer", np.uint64, (MAX_LAYOUTS, MAX_ACQUIRERS)),
        ("regimes", np.int64),
        ("rate_since_ms", np.int64, MAX_REGIMES),
        ("rate_issuer_e7", np.int64, (MAX_REGIMES, 3, 4)),
        ("rate_issuer_cap", np.int64, (MAX_REGIMES, 3, 4)),
        ("rate_network_e7", np.int64, (MAX_REGIMES, 3, 4)),
        ("rate_network_cap", np.int64, (MAX_REGIMES, 3, 4)),
        ("rate_issuer_fixed", np.int64, (MAX_REGIMES, 3, 4)),
        ("peer_week", np.float32, (GROUPS, 7)),
        ("peer_hour", np.float32, (GROUPS, 24)),
        ("peer_spread", np.float32, GROUPS),
        ("peer_new", np.float32, (GROUPS, RAMP_WEEKS)),
        ("peer_new_sd", np.float32, GROUPS),
        ("profiles", np.int64),
        ("profile_mean", np.float64, (MAX_PROFILES, STATISTICS)),
        ("profile_deviation", np.float64, (MAX_PROFILES, STATISTICS)),
        ("profile_mcc", np.int16, MAX_PROFILES),
        ("mcc_class", np.uint8, 10_000),
        ("mcc_peer", np.uint8, 10_000),
        ("day_kind", np.uint8, CALENDAR_DAYS),
    ],
    align=True,
)
"""Tables that kernel and families read and never write, in force by a row's clock from `since_ms` on: how late a
transaction may be, and for how long repeats are known; the acquirer's country (packed); country, currency
(packed) and scheme (position in `domain.events.SCHEMES`) of the regulated prices; the response codes
that approve (packed), without a scheme first, then by scheme; rates of currencies (packed) to the acquirer's, exact as
`exchange_up` / `exchange_down` minor units of that for one minor unit, the acquirer's own first; layouts of
acceptor numbers in the order they are tried, each with bit s of `layout_schemes` set where it applies to scheme s (-1
for all) and hashes of the acquirers it is limited to (none for all); regulated prices as
`domain.interchange.RateTables` by [regime, fee class, card kind], and `domain.mcc.FeeClass` by MCC; `domain.peers` by
group, weeks and new shops' sums as natural logarithms, and the group by MCC; `domain.calendars.DayKind` by local day
from `FIRST_DAY` on; `domain.profiles` ascending by MCC.

The control kinds of `engine.control_kinds` enter them.

No row keeps a place in them: another version has other places.

One record, not arrays: a record is passed on as an address, an array with an owner to count.
"""


KEYED, STRIPE, CODE, CHIP, CONTACTLESS = (1,), (2, 90), (3, 4, 94), (5, 95), (7, 91, 98)
"""Ways of entry, by the two digits of ISO 8583 DE22 that say so."""
ONLINE = (9, 10, 81, 82)
"""Ways of entry on the net, without the card: with a cryptogram, by credentials on file, and two of e-commerce."""
CARD_ABSENT = np.zeros(100, np.bool_)
CARD_ABSENT[[*KEYED, *ONLINE]] = True
"""By the two digits, whether the card is not there."""
SALE, REFUND, UNDO = 0, 1, 2
UNIONPAY, VISA, MASTERCARD = (SCHEMES.index(name) for name in ("unionpay", "visa", "mastercard"))
DAY_KINDS = len(DayKind)


@njit_inline
def entry_of(packed: int) -> int:
    """The two digits of an entry mode, -1 where it is missing."""
    return ((packed & 255) - 48) * 10 + ((packed >> 8 & 255) - 48) if packed != MISSING else i64(-1)


__all__ = ["CALENDAR_DAYS", "DAY_KINDS", "FIRST_DAY", "MISSING", "RAMP_WEEKS", "REFERENCE", "Event"]
