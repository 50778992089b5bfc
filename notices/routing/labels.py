"""What alerts are routed, grouped, inhibited and silenced by."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from causes.population import KINDS as CAUSE_KINDS
from detectors.registry import DETECTORS
from domain.risk_codes import RISK_CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

ANY = "any"
"""In a matcher: whatever value there is, but none at all."""
LABELS = (
    "kind", "merchant", "detector", "code", "grade", "cause", "region", "city", "mcc", "rep", "agent", "lane",
    "verdict", "duty", "bearer",
)  # fmt: skip
"""Names of labels. A label that is not known is "", and matches no value.

- `kind`: `alert`; `visit` is a task at a merchant that is open, which inhibits and is told to nobody.
- `rep`, `agent`, `region`: whose the merchant was at the alert's first hit.
- `grade`: as a rep may know it, without what only `aml` sees.
- `cause`: what many merchants share, where the alert is one of a cause's.
- `verdict`: `open` or `confirmed`.
"""
TOLD_CODES = tuple(code for code, each in RISK_CODES.items() if not each.is_aml)
CHOICES: dict[str, tuple[str, ...]] = {
    "kind": ("alert", "visit"), "detector": tuple(each.name for each in DETECTORS), "code": TOLD_CODES,
    "grade": ("A", "B", "C", "D", "E"), "cause": tuple(CAUSE_KINDS), "lane": ("risk", "duty"),
    "verdict": ("open", "confirmed"),
}  # fmt: skip
"""Values that a label may have, where they are known beforehand."""


class Matcher(NamedTuple):
    """What a label must be.

    Attributes:
        label: of `LABELS`.
        values: one of them, or `ANY`.
        is_not: whether it must be none of them instead.
    """

    label: str
    values: tuple[str, ...]
    is_not: bool = False

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether it fits an alert's labels."""
        found = labels.get(self.label, "")
        return (found in self.values or (ANY in self.values and found != "")) != self.is_not


def fit(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
    """Whether all of some matchers do."""
    for each in matchers:  # noqa: SIM110  a generator takes twice as long, and each look asks it of all that stands
        if not each.fits(labels):
            return False
    return True
