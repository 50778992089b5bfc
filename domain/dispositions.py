"""Every way a record can end: what it is counted as, and for a dead letter the reason, the field and the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from domain.events import Reason

Counted = Literal["transactions", "duplicates", "other", "dead_letters"]


@dataclass(frozen=True, slots=True)
class Disposition:
    """One way a record can end.

    Attributes:
        code: what `FeatureRows.disposition` holds, 0 to 255.
        counted_as: the figure of `engine.outputs.Counts` that it adds to.
        reason: of the dead letter, one of `domain.events.Reason`; "" where it is none.
        field: of the event, that the dead letter names; "" where the record as a whole is at fault, or where what
            refused the record names the field.
        message: of the dead letter, with the names of what came in braces.
    """

    code: int
    counted_as: Counted
    reason: str = ""
    field: str = ""
    message: str = "{message}"

    def words(self, **got: object) -> str:
        """The message with what came.

        >>> FEEDS.words(feeds=64, feed="pos")
        'a partition must have at most 64 feeds, got pos as one more'
        """
        return self.message.format(**got)


ACCEPTED = Disposition(0, "transactions")
DUPLICATE = Disposition(1, "duplicates")
OTHER_EVENT = Disposition(2, "other")
UNREADABLE = Disposition(3, "dead_letters")
"""What the kernel writes of a record that was refused before; the record's own disposition, below, replaces it."""

# What the kernel refuses, by the merchant's row or the partition's limits.
LATE = Disposition(
    4, "dead_letters", Reason.LATE, "event_time",
    "event_time must be at most {late_s} s behind the merchant's latest transaction, got {behind_s} s",
)  # fmt: skip
FUTURE = Disposition(
    5, "dead_letters", Reason.FUTURE, "event_time",
    "event_time must be at most {future_s} s after received_at, got {ahead_s} s",
)  # fmt: skip
CAPACITY = Disposition(
    6, "dead_letters", Reason.CAPACITY, "merchant_id",
    "a partition must hold at most {capacity} merchants, got {merchant_id} as one more",
)  # fmt: skip
WRONG_PARTITION = Disposition(
    7, "dead_letters", Reason.WRONG_PARTITION, "merchant_id",
    "merchant_id must belong to partition {partition} of {partitions} by murmur2, got {merchant_id} of partition {got}:"
    " was the record produced with another partitioner?",
)  # fmt: skip
CURRENCY = Disposition(
    8, "dead_letters", Reason.CURRENCY, "currency",
    "currency must be {expected}, the merchant's, or one with a rate to it; got {got}: publish its rate (controls, kind"
    " rates), or the merchant's currency in its master data",
)  # fmt: skip
FEEDS = Disposition(
    9, "dead_letters", Reason.CAPACITY, "feed", "a partition must have at most {feeds} feeds, got {feed} as one more"
)

CONFLICT = Disposition(
    10, "dead_letters", Reason.CONFLICT, "amount",
    "amount must be {first}, as txn_id {txn_id} had at {hour} with the same type and outcome; got {got}",
)  # fmt: skip
MERCHANT_VERSIONS = Disposition(
    11, "dead_letters", Reason.CAPACITY, "merchant_id",
    "a merchant must have at most {most} versions of its {what}, got one more",
)  # fmt: skip

# What decoding refuses; the check that failed has the field and the words.
NOT_JSON = Disposition(16, "dead_letters", Reason.NOT_JSON)
NOT_AN_OBJECT = Disposition(17, "dead_letters", Reason.NOT_AN_OBJECT)
TOO_LARGE = Disposition(18, "dead_letters", Reason.TOO_LARGE)
UNKNOWN_TYPE = Disposition(19, "dead_letters", Reason.UNKNOWN_TYPE, "type")
MISSING_FIELD = Disposition(20, "dead_letters", Reason.MISSING_FIELD)
WRONG_TYPE = Disposition(21, "dead_letters", Reason.WRONG_TYPE)
OUT_OF_RANGE = Disposition(22, "dead_letters", Reason.OUT_OF_RANGE)
CARD_NUMBER = Disposition(23, "dead_letters", Reason.CARD_NUMBER)
FORBIDDEN_FIELD = Disposition(24, "dead_letters", Reason.FORBIDDEN_FIELD)
UNREADABLE_BY_REASON = {
    each.reason: each
    for each in (NOT_JSON, NOT_AN_OBJECT, TOO_LARGE, UNKNOWN_TYPE, MISSING_FIELD, WRONG_TYPE, OUT_OF_RANGE, CARD_NUMBER,
                 FORBIDDEN_FIELD)
}  # fmt: skip

# What cannot be entered into a side table before the kernel runs.
VERSIONS = Disposition(
    32, "dead_letters", Reason.CAPACITY, "merchant_id", "a partition must hold at most {most} {what}, got {got}"
)

# What the log could not read: a range of offsets, not one record.
BROKEN_BATCH = Disposition(
    48, "dead_letters", Reason.BROKEN_BATCH, "", "{message}; offsets {first_offset} to {last_offset}"
)

DISPOSITIONS: tuple[Disposition, ...] = (
    ACCEPTED, DUPLICATE, OTHER_EVENT, UNREADABLE, LATE, FUTURE, CAPACITY, WRONG_PARTITION, CURRENCY, FEEDS,
    CONFLICT, MERCHANT_VERSIONS, *UNREADABLE_BY_REASON.values(), VERSIONS, BROKEN_BATCH,
)  # fmt: skip
