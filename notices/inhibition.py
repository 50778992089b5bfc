"""Inhibition: what keeps alerts quiet while it lasts, as Alertmanager has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notices.routing.labels import Matcher, fit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Inhibition:
    """A rule: while something fits `source`, what fits `target` and has the same values of `equal` is quiet.

    What fits both is kept quiet only by what fits the source alone, so that nothing keeps itself quiet.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def names(self, label: str) -> bool:
        """Whether the rule depends on a label."""
        return label in self.equal or any(each.label == label for each in (*self.source, *self.target))


class Inhibitor:
    """Says what is quiet at one moment.

    Args:
        rules: in force.
        standing: labels of all that stands now.
    """

    def __init__(self, rules: Iterable[Inhibition], standing: Iterable[Mapping[str, str]]) -> None:
        self._rules = [*rules]
        self._alone: list[set[tuple[str, ...]]] = [set() for _ in self._rules]
        self._both: list[set[tuple[str, ...]]] = [set() for _ in self._rules]
        for labels in standing if self._rules else ():
            for k, rule in enumerate(self._rules):
                if fit(rule.source, labels):
                    sources = self._both if fit(rule.target, labels) else self._alone
                    sources[k].add(_values(rule, labels))

    def is_quiet(self, labels: Mapping[str, str]) -> bool:
        """Whether something keeps an alert quiet."""
        for k, rule in enumerate(self._rules):
            if not fit(rule.target, labels):
                continue
            found = _values(rule, labels)
            if found in self._alone[k] or (found in self._both[k] and not fit(rule.source, labels)):
                return True
        return False


def _values(rule: Inhibition, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(each, "") for each in rule.equal)
