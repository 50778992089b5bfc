"""What merchants of a trade usually do: the expectation a merchant is held to while little is known of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

GROUPS = 64
"""Most groups of MCCs, the generic one among them."""
RAMP_WEEKS = 5
"""A new shop's days are told apart by week since its first sale; the last stands for all later ones of its 35."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One group's habits. Validated.

    Attributes:
        mccs: whose they are; empty for the generic prior.
        week: volume of each weekday against the mean day, Monday first, 7 values above 0.
        hours: share of the day's sales in each local hour, 24 values above 0 that add up to 1.
        spread: variance of a day's number of sales beyond chance, relative to its square; 0.02 to 1.
        new_minor: median of a new shop's sum of a day, minor units, by week since its first sale.
        new_sd: standard deviation of that sum's natural logarithm, above 0.
    """

    mccs: tuple[str, ...] = ()
    week: tuple[float, ...] = (1.0,) * 7
    hours: tuple[float, ...] = (1.0 / 24,) * 24
    spread: float = 0.06
    new_minor: tuple[float, ...] = (200_000.0, 300_000.0, 350_000.0, 400_000.0, 450_000.0)
    new_sd: float = 1.3

    def __post_init__(self) -> None:
        for name, length in (("week", 7), ("hours", 24), ("new_minor", RAMP_WEEKS)):
            values = getattr(self, name)
            if len(values) != length or not all(math.isfinite(each) and each > 0 for each in values):
                raise ValueError(f"{name} must be {length} numbers above 0, got {values!r}")
        if abs(sum(self.hours) - 1) > 0.01:
            raise ValueError(f"hours must add up to 1, got {sum(self.hours)}")
        if not 0.02 <= self.spread <= 1:
            raise ValueError(f"spread must be 0.02 to 1, got {self.spread!r}")
        if not (math.isfinite(self.new_sd) and self.new_sd > 0):
            raise ValueError(f"new_sd must be above 0, got {self.new_sd!r}")


_OPEN = (2, 1, 1, 1, 1, 2, 5, 12, 20, 30, 38, 45, 48, 42, 36, 36, 40, 48, 50, 46, 36, 24, 12, 5)

GENERIC = Peer(hours=tuple(each / sum(_OPEN) for each in _OPEN))
"""Of a merchant no group speaks for. Our own default, of no source: open by day, all weekdays alike, a spread of a
quarter, and a new shop that takes 2,000.00 a day at first, 200.00 to 25,000.00 in nine cases of ten."""


@dataclass(frozen=True, slots=True)
class Peers:
    """All groups; the first is the generic one. Validated."""

    groups: tuple[Peer, ...] = (GENERIC,)

    def __post_init__(self) -> None:
        if not 1 <= len(self.groups) <= GROUPS:
            raise ValueError(f"groups must be 1 to {GROUPS}, got {len(self.groups)}")
        named = [mcc for group in self.groups for mcc in group.mccs]
        twice = sorted({mcc for mcc in named if named.count(mcc) > 1})
        if twice:
            raise ValueError(f"an mcc must be in one group, got twice: {', '.join(twice)}")


NO_PEERS = Peers()
"""Nothing but the generic prior."""
