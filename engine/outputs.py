"""What `Monitor.process` returns."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NamedTuple

from domain.alerts import DeadLetter
from domain.dispositions import BROKEN_BATCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from domain.alerts import Alert, Score
    from domain.readings import MerchantDays, Profile
    from engine.decoding.records import Records


@dataclass(slots=True)
class Counts:
    """How many records became what. Each record is in exactly one of the four after `records`.

    Attributes:
        records: records read.
        transactions: accepted transactions (reversals, voids and declined ones too).
        duplicates: transactions seen before.
        other: accepted events of other types, clock records among them.
        dead_letters: records that were not counted.
        unmatched_verdicts: verdicts, among the others, on alerts that are not remembered of their merchant.
        controls_late: versions of controls, no records, that were learned when a merchant's clock had passed them.
    """

    records: int = 0
    transactions: int = 0
    duplicates: int = 0
    other: int = 0
    dead_letters: int = 0
    unmatched_verdicts: int = 0
    controls_late: int = 0

    def add(self, more: Counts) -> None:
        """Add the figures of `more`."""
        for name in _NAMES:
            setattr(self, name, getattr(self, name) + getattr(more, name))


_NAMES = tuple(each.name for each in fields(Counts))


class TopicRecords(NamedTuple):
    """Records for one topic.

    Attributes:
        topic: the field of `streams.topics.Topics` that is it.
        keys: of the records, in their order; None for a topic without keys.
        records: to be written as JSON; one with a field `epoch` gets that of the partition's owner.
    """

    topic: str
    keys: list[str] | None
    records: Sequence[msgspec.Struct]


@dataclass(slots=True)
class Outputs:
    """Everything one batch gave, in the order to publish it."""

    alerts: list[Alert] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    days: list[MerchantDays] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    findings: Counter[str] = field(default_factory=Counter)
    """Rows of features that each detector found fault with, by its name."""
    fields_dropped: Counter[str] = field(default_factory=Counter)
    """By name, how many records an optional field was left out of, for its value is not what it must be."""
    receipts_ms: list[int] = field(default_factory=list)
    """Receipt of the records that made alerts due, UTC milliseconds; of those that are not of the past."""
    features_s: float = field(default=0.0, compare=False)
    """Seconds that decoding and features took."""
    scoring_s: float = field(default=0.0, compare=False)
    """Seconds that the anomaly model took."""
    judging_s: float = field(default=0.0, compare=False)
    """Seconds that detectors, episodes and scores took."""

    def by_topic(self) -> list[TopicRecords]:
        """What is to be appended, by topic, in the order to publish it; topics that get nothing are left out."""
        given = (
            TopicRecords("alerts", [each.alert_id for each in self.alerts], self.alerts),
            TopicRecords("merchant_risk", [each.merchant_id for each in self.scores], self.scores),
            TopicRecords("dead_letters", None, self.dead_letters),
            TopicRecords("merchant_profiles", [each.key for each in self.profiles], self.profiles),
            TopicRecords("merchant_days", None, self.days),
        )
        return [each for each in given if each.records]

    def add_broken(self, records: Records) -> None:
        """Add a dead letter for each range of offsets that could not be read, and count it as one record."""
        for each in records.broken:
            message = BROKEN_BATCH.words(
                message=each.message, first_offset=each.first_offset, last_offset=each.last_offset
            )
            letter = DeadLetter(
                reason=BROKEN_BATCH.reason, field=BROKEN_BATCH.field, message=message, source=records.source,
                position=each.first_offset, record="",
            )  # fmt: skip
            self.dead_letters.append(letter)
        self.counts.add(Counts(records=len(records.broken), dead_letters=len(records.broken)))
