"""From a detector's own severity to one that means the same whichever detector says it.

A detector's severity grows with its evidence and with money, by steps of its own; this is its *raw* severity. A curve
maps it to the severity that alerts have. `docs/risk-score.md` says what that means, `bench/severity.py` how curves are
fitted.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from detectors.forms import FORMS, KEPT_RAW, curve_names
from detectors.severity_curves import CURVES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from detectors.contract import Features, Findings

    Curve = tuple[tuple[float, float], ...]
    """Points (raw severity, severity), both 0 to 1: raw severity ascends, severity nowhere falls. Straight lines lie
    between them; before the first and behind the last, severity stays as it is there."""

RAW: Mapping[str, Curve] = {}
"""No detector has a curve: severities stay raw."""


def calibrated(detector: str, findings: Findings, features: Features, curves: Mapping[str, Curve] = CURVES) -> Findings:
    """A detector's findings with the severity of their form's curve, or else the detector's; raw where it has neither.

    Args:
        detector: its name.
        findings: with raw severities.
        features: columns of the batch; those that the detector declares are enough.
        curves: by name, as `curve_names` gives them; under the detector's own name lies that of all forms together.

    >>> from detectors.contract import Findings
    >>> raw = Findings(np.arange(3), np.array([0.2, 0.4, 1.0]))
    >>> calibrated("fee_over", raw, {}, {"fee_over": ((0.2, 0.0), (0.6, 0.8))}).severity.round(6).tolist()
    [0.0, 0.4, 0.8]
    """
    if len(findings.index) == 0:
        return findings
    if detector not in FORMS:
        own = None if detector in KEPT_RAW else curves.get(detector)
        return replace(findings, severity=_on(own, findings.severity))
    form = FORMS[detector][1](features, findings.index)
    severity = findings.severity.copy()
    for k, name in enumerate(curve_names(detector)):
        mine = form == k
        of_all = None if name in KEPT_RAW else curves.get(detector)
        severity[mine] = _on(curves.get(name, of_all), severity[mine])
    return replace(findings, severity=severity)


def _on(curve: Curve | None, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    if curve is None:
        return raw
    return np.asarray(np.interp(raw, *_points(curve)), np.float64)


@lru_cache(256)
def _points(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    at, severity = np.array(curve, np.float64).T.copy()
    return at, severity
