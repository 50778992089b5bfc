"""Facts and a sentence for detectors that tests are made with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from detectors.words.figures import FactsOf
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.contract import Story


class Told(FactsOf, frozen=True, kw_only=True):
    """What the alert has come to, and the values of its latest revision as they are printed."""

    hits: int
    loss_minor: int | None = None
    turnover_minor: int | None = None
    first_day: str | None = None
    values: str = ""


class Telling:
    """Facts and a sentence of all that a detector is given."""

    __slots__ = ()
    least_severity = 0.0

    def facts(self, values: Mapping[str, Any], story: Story) -> Told:
        return Told(**story._asdict(), values=repr(dict(values)))

    def sentence(self, facts: Told, currency: str) -> Text:
        said = (str(each) for each in (facts.hits, facts.loss_minor, facts.turnover_minor, facts.first_day, currency))
        return Text(f"{' '.join(said)} {facts.values}", "")
