"""From a detector's own severity to one that means the same whichever detector says it.

A detector's severity grows with its evidence and with money, by steps of its own; this is its *raw* severity. Its curve
maps it to the severity that alerts have. `docs/risk-score.md` says what that means, `bench/severity.py` how curves are
fitted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.severity_curves import CURVES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.contract import Findings

    Curve = tuple[tuple[float, float], ...]
    """Points (raw severity, severity), both 0 to 1: raw severity ascends, severity nowhere falls. Straight lines lie
    between them; before the first and behind the last, severity stays as it is there."""

RAW: Mapping[str, Curve] = {}
"""No detector has a curve: severities stay raw."""


def calibrated(name: str, findings: Findings, curves: Mapping[str, Curve] = CURVES) -> Findings:
    """A detector's findings with the severity of its curve; as they are where it has none.

    >>> from detectors.contract import Findings
    >>> raw = Findings(np.arange(3), np.array([0.2, 0.4, 1.0]))
    >>> calibrated("mcc_jump", raw, {"mcc_jump": ((0.2, 0.0), (0.6, 0.8))}).severity.tolist()
    [0.0, 0.4, 0.8]
    """
    curve = curves.get(name)
    if curve is None or len(findings.index) == 0:
        return findings
    raw, severity = np.array(curve).T
    return replace(findings, severity=np.interp(findings.severity, raw, severity))
