"""Alerts and merchants in, causes out: the same causes in whatever order the alerts come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from causes.counting import count_day
from causes.hits import REACH_D, find_hits
from causes.onsets import onset_of
from causes.population import Days, Population
from causes.records import cause_of
from causes.stories import tell

if TYPE_CHECKING:
    from causes.counting import DayCount
    from causes.hits import DayHits
    from causes.onsets import Onset
    from domain.alerts import Alert
    from domain.causes import Cause
    from domain.readings import Profile


class Causes:
    """The causes of alerts.

    Args:
        zone: the acquirer's time zone, an IANA name.

    Attributes:
        from_day: the first day whose hits count, an ordinal; 0 for all there are.
        clock_day: the last local day of which there are alerts; 0 before the first.
        population: the merchants.
    """

    def __init__(self, zone: str) -> None:
        self._days = Days(zone)
        self.population = Population(self._days)
        self.from_day = self.clock_day = 0
        self._onsets: dict[int, dict[str, Onset]] = {}
        self._day_of: dict[str, int] = {}
        self._counted: dict[int, dict[str, DayCount]] = {}
        self._hits: dict[int, DayHits] = {}

    def learn(self, profile: Profile) -> bool:
        """Take in an accepted version of what is known of a merchant; whether it changes anything here."""
        day = self.population.learn(profile)
        if day is None:
            return False
        for table in (self._counted, self._hits):
            for each in [each for each in table if each >= day]:
                del table[each]
        return True

    def take(self, alert: Alert) -> None:
        """Take in the newest revision of an alert."""
        self.clock_day = max(self.clock_day, self._days.of_iso(alert.last_time))
        onset = onset_of(alert, self._days)
        if onset is None:
            return
        day = self._day_of.get(alert.alert_id)
        before = None if day is None else self._onsets[day][alert.alert_id]
        if before is not None and before.place == onset.place:
            self._onsets[onset.day][alert.alert_id] = onset
            return
        self.drop(alert.alert_id)
        self._onsets.setdefault(onset.day, {})[alert.alert_id] = onset
        self._day_of[alert.alert_id] = onset.day
        self._changed(onset.day)

    def drop(self, alert_id: str) -> None:
        """An alert is no more."""
        if (day := self._day_of.pop(alert_id, None)) is not None:
            del self._onsets[day][alert_id]
            self._changed(day)

    def _changed(self, day: int) -> None:
        self._counted.pop(day, None)
        for each in range(day, day + REACH_D + 1):
            self._hits.pop(each, None)

    def day_of(self, alert_id: str) -> int | None:
        """The local day on which an alert began; None of one that is not held."""
        return self._day_of.get(alert_id)

    def forget_before(self, day: int) -> None:
        """Let go of alerts that began before a day."""
        for each in [each for each in self._onsets if each < day]:
            for alert_id in self._onsets.pop(each):
                del self._day_of[alert_id]
            self._counted.pop(each, None)
            self._hits.pop(each, None)

    def causes(self) -> list[Cause]:
        """The causes by what was taken in so far, oldest first; revisions and epochs are 0."""
        days = sorted(day for day, each in self._onsets.items() if each)
        for day in days:
            if day not in self._counted:
                self._counted[day] = count_day(self._onsets[day].values(), self.population)
        days = [each for each in days if each >= self.from_day]
        for day in days:
            if day not in self._hits:
                self._hits[day] = find_hits(day, self._counted, self.population)
        onsets = {day: [*each.values()] for day, each in self._onsets.items()}
        return [
            cause_of(each, onsets, self._counted, self.population, self.clock_day)
            for each in tell(self._hits[day] for day in days)
        ]
