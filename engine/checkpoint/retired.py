"""Detectors that no longer run, whose open episodes and points a state still holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from detectors.contract import NOTHING, Story
from detectors.words.figures import counted
from domain.alerts import Evidence, Text

if TYPE_CHECKING:
    from detectors.contract import Detector, Features, Findings, Values


class DetectorMark(msgspec.Struct, frozen=True, array_like=True):
    """What a checkpoint holds of a detector: a version without it closes its episodes and lets its points fade."""

    risk_group: str
    version: int
    title_en: str
    title_zh: str
    risk_code: str
    bearer: str = ""

    @classmethod
    def of(cls, detector: Detector) -> DetectorMark:
        """The mark of a detector that runs."""
        title = detector.title
        return cls(detector.risk_group, detector.version, title.en, title.zh, detector.risk_code, detector.bearer)


UNKNOWN = DetectorMark("", 0, "", "", "")
"""The mark of a detector of which the state holds none."""


class RetiredFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of an alert whose detector no longer runs."""

    hits: int


@dataclass(frozen=True, slots=True)
class RetiredDetector:
    """A detector that no longer runs: it finds nothing, and its open episodes close at the end of their quiet gap."""

    name: str
    mark: DetectorMark
    needs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    least_severity: float = 0.0
    quiet_gap_s: int = 1
    max_age_s: int = 1

    @property
    def version(self) -> int:
        """As it was when it ran last."""
        return self.mark.version

    @property
    def title(self) -> Text:
        """As it was when it ran last, its name where that is not known."""
        return Text(self.mark.title_en or self.name, self.mark.title_zh or self.name)

    @property
    def risk_group(self) -> str:
        """As it was when it ran last, "" where that is not known."""
        return self.mark.risk_group

    @property
    def risk_code(self) -> str:
        """As it was when it ran last."""
        return self.mark.risk_code

    @property
    def bearer(self) -> str:
        """As it was when it ran last, "" where that is not known."""
        return self.mark.bearer

    def detect(self, features: Features) -> Findings:  # noqa: ARG002  (the protocol's signature)
        """No findings."""
        return NOTHING

    def evidence(self, values: Values) -> tuple[Evidence, ...]:
        """The columns that were frozen when the last revision was due."""
        return tuple(Evidence(name, "", value, None, None, "") for name, value in values.items())

    def facts(self, values: Values, story: Story) -> RetiredFacts:  # noqa: ARG002
        """How often it hit."""
        return RetiredFacts(hits=story.hits)

    def sentence(self, facts: RetiredFacts, currency: str) -> Text:  # noqa: ARG002
        """That it no longer runs, and what it had found."""
        return Text(
            f"{self.title.en}: {counted(facts.hits, 'hit')}, then the detector was removed",
            f"{self.title.zh}：命中{facts.hits:,}次，此后该检测器已停用",
        )
