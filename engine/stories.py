"""Stories: what an alert has come to, and the closed alerts that a further hit would reopen.

A story is what one detector finds on one merchant, episode after episode, as long as fewer than `STORY_D` days lie
between a hit and the next. It is one alert. The merchant's watermark at a hit decides, against the time of the story's
last hit: so neither when the closing was noticed, nor when a story was forgotten, makes a difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from domain.feature_codes import NULL
from domain.timestamps import DAY_MS
from engine.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.readings import TransactionRow
    from engine.features.feature_rows import FeatureRows

STORY_D = 14
"""Days after its last hit within which a hit reopens an alert. Our own default: most tricks repeat by the day or the
week, and two weeks span a holiday; a trick that repeats by the month is a new alert each time, at full weight."""
STORY_MS = STORY_D * DAY_MS
PARTLY = -1
"""A sum of which earlier hits' part is not known, or a first day before which there may be another: none for good."""
MONTH_DAYS = 30
"""Days that a loss is projected to."""
LEAST_DAYS = 3
"""Days of which a loss must be for a projection."""


class Figures(NamedTuple):
    """An alert's totals at one moment; money in ten-millionths of a minor unit, None where none is known.

    `reopened` to `episode_first_ms` are of its last episode: how often the alert was reopened until then, and that
    episode's hits, peak and earliest hit. `first_day` is the merchant's local day of the earliest hit, in days from
    1970, None where no hit has one.
    """

    revision: int = 0
    hits: int = 0
    severity: float = 0.0
    first_ms: int = 0
    last_ms: int = 0
    loss_e7: int | None = None
    turnover_e7: int | None = None
    txn_ids: tuple[str, ...] = ()
    transactions: tuple[TransactionRow, ...] = ()
    reopened: int = 0
    episode_hits: int = 0
    episode_severity: float = 0.0
    episode_first_ms: int = 0
    first_day: int | None = None

    @classmethod
    def beginning(cls, time_ms: int) -> Figures:
        """Those of an alert before its first hit, at `time_ms`."""
        return cls(first_ms=time_ms, last_ms=time_ms, episode_first_ms=time_ms)

    def with_hit(
        self, time_ms: int, severity: float, loss_e7: int, turnover_e7: int, txn_id: str,
        transaction: TransactionRow | None, local_day: int = NULL,
    ) -> Figures:  # fmt: skip
        """The totals with a further hit; its money and day are `NULL`, and transaction id and row are empty, to leave
        them.
        """
        return Figures(
            self.revision, self.hits + 1, max(self.severity, severity), min(self.first_ms, time_ms),
            max(self.last_ms, time_ms), _plus(self.loss_e7, loss_e7), _plus(self.turnover_e7, turnover_e7),
            (*self.txn_ids, txn_id) if txn_id else self.txn_ids,
            self.transactions if transaction is None else (*self.transactions, transaction),
            self.reopened, self.episode_hits + 1, max(self.episode_severity, severity),
            min(self.episode_first_ms, time_ms), _earlier(self.first_day, local_day),
        )  # fmt: skip

    def opened_again(self, time_ms: int) -> Figures:
        """Those of an alert that a hit at `time_ms` reopens, before that hit."""
        return self._replace(reopened=self.reopened + 1, episode_hits=0, episode_severity=0.0, episode_first_ms=time_ms)

    @property
    def loss_month_e7(self) -> int | None:
        """The loss of 30 days at the rate of the days from a day before the first hit to the last, of at least 3."""
        days_ms = self.last_ms - self.first_ms + DAY_MS
        if self.loss_e7 is None or days_ms < LEAST_DAYS * DAY_MS:
            return None
        return self.loss_e7 * MONTH_DAYS * DAY_MS // days_ms


def _plus(total: int | None, more: int) -> int | None:
    """A sum of what is known; None where nothing is."""
    if more == NULL or total == PARTLY:
        return total
    return more if total is None else total + more


def _earlier(day: int | None, other: int) -> int | None:
    """The earlier of two days of which the first may be None and the second `NULL`; `PARTLY` stays."""
    if other == NULL or day == PARTLY:
        return day
    return other if day is None else min(day, other)


class ClosedStory(NamedTuple):
    """A closed alert, and the totals of its closing revision, with the first of its transactions; immutable."""

    alert_id: str
    currency: str
    totals: Figures


class ClosedStories:
    """The closed alerts of a partition that a hit would reopen: at most one of each detector and merchant.

    Args:
        journals: whether changes are noted for checkpoints; `changes` must then be called regularly.
    """

    def __init__(self, *, journals: bool = False) -> None:
        self._slots: dict[tuple[str, int], tuple[ClosedStory, int]] = {}
        self._until: Deadlines[tuple[str, int]] = Deadlines()
        self._journals = journals
        self._changed: dict[tuple[str, int], ClosedStory | None] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def remember(self, key: tuple[str, int], story: ClosedStory) -> None:
        """Remember an alert of (detector, merchant row) that closed."""
        self.put_back(key, story)
        self._note(key, story)

    def reopen(self, key: tuple[str, int], watermark_ms: int) -> ClosedStory | None:
        """Give away the alert that a hit at this watermark of its merchant reopens; None where it begins another."""
        if key not in self._slots:
            return None
        story = self._forget(key)
        return story if watermark_ms - story.totals.last_ms < STORY_MS else None

    def forget_due(self, rows: FeatureRows) -> None:
        """Forget the alerts that no hit can reopen any more."""
        for key in self._until.passed(rows):
            self._forget(key)

    def changes(self) -> Mapping[tuple[str, int], ClosedStory | None]:
        """What changed since the last call, by (detector, row); None where an alert was reopened or forgotten."""
        found, self._changed = self._changed, {}
        return found

    def put_back(self, key: tuple[str, int], story: ClosedStory) -> None:
        """Have an alert that `changes` gave."""
        self._slots[key] = story, self._until.add(key, key[1], story.totals.last_ms + STORY_MS - 1)

    def _forget(self, key: tuple[str, int]) -> ClosedStory:
        story, slot = self._slots.pop(key)
        self._until.remove(slot)
        self._note(key, None)
        return story

    def _note(self, key: tuple[str, int], story: ClosedStory | None) -> None:
        if self._journals:
            self._changed[key] = story
