from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors.calibration import calibrated
from detectors.contract import NOTHING, Findings
from detectors.forms import FORMS, curve_names
from detectors.registry import DETECTORS, make_detectors
from detectors.severity_curves import CURVES, UNCALIBRATED
from domain.feature_codes import NULL, ROW_CLOSING, ROW_TRANSACTION, SOURCE_CHANNEL, SOURCE_FEE_TYPE
from tests.detectors.test_every_detector import random_features

if TYPE_CHECKING:
    from detectors.calibration import Curve

NAMES = [each.name for each in DETECTORS]
FLAT: dict[str, Curve] = {
    name: ((0.0, k / 10), (1.0, k / 10)) for form in FORMS for k, name in enumerate(curve_names(form), 1)
}


def form_of(detector: str, **row: float) -> str:
    """The form of a finding with these features, as the curve that is used for it tells."""
    features = {name: np.array([value]) for name, value in row.items()}
    findings = Findings(np.array([0]), np.array([0.5]))
    severity = calibrated(detector, findings, features, FLAT).severity[0]
    return str(FORMS[detector][0][round(severity * 10) - 1])


def test_every_detector_has_a_curve_or_the_reason_why_it_has_none() -> None:
    assert {name for name in CURVES if name in NAMES} | set(UNCALIBRATED) == set(NAMES)
    assert not set(CURVES) & set(UNCALIBRATED)
    assert all(UNCALIBRATED.values())


def test_every_curve_is_of_a_detector_or_of_a_form_that_it_has() -> None:
    assert set(CURVES) <= {*NAMES, *(form for name in NAMES for form in curve_names(name))}


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_ascends_in_raw_severity_and_nowhere_falls(name: str) -> None:
    raw, severity = zip(*CURVES[name], strict=True)
    assert all(a < b for a, b in pairwise(raw))
    assert all(a <= b for a, b in pairwise(severity))
    assert (raw[0], raw[-1]) == (0.0, 1.0)
    assert min(severity) >= 0.0
    assert max(severity) <= 1.0


@pytest.mark.parametrize("name", NAMES)
def test_a_curve_changes_nothing_of_a_finding_but_its_severity(name: str) -> None:
    (detector,) = (each for each in make_detectors() if each.name == name)
    features = random_features(7)
    raw = detector.detect(features)
    made = calibrated(name, raw, features)
    assert (made.index is raw.index, made.loss_e7 is raw.loss_e7, made.turnover_e7 is raw.turnover_e7) == (True,) * 3
    assert ((made.severity >= 0) & (made.severity <= 1)).all()
    assert np.array_equal(raw.severity, detector.detect(features).severity), "raw severities were overwritten"


def test_of_two_findings_of_a_form_the_one_of_more_raw_severity_has_no_less() -> None:
    raw = Findings(np.arange(101), np.linspace(0, 1, 101))
    features = {"mcc_sources": np.full(101, SOURCE_FEE_TYPE)}
    for name in ("mcc_jump", "fee_over"):
        assert (np.diff(calibrated(name, raw, features).severity) >= 0).all()


def test_a_detector_without_a_curve_keeps_its_severity() -> None:
    raw = Findings(np.array([3]), np.array([0.37]))
    assert calibrated("stan_reuse", raw, {}, {}).severity.tolist() == [0.37]


def test_a_form_without_a_curve_has_that_of_its_detector() -> None:
    raw = Findings(np.arange(2), np.array([0.5, 0.5]))
    features = {"closed_sales": np.array([0, 4]), "idle_d": np.array([3, 0])}
    curves: dict[str, Curve] = {
        "volume_collapse": ((0.0, 0.2), (1.0, 0.2)), "volume_collapse: silent": ((0.0, 0.7), (1.0, 0.7))
    }  # fmt: skip
    assert calibrated("volume_collapse", raw, features, curves).severity.tolist() == [0.7, 0.2]


def test_what_a_rule_asks_for_keeps_the_severity_of_the_rule() -> None:
    raw = Findings(np.arange(2), np.array([0.2, 0.3]))
    assert calibrated("dormancy", raw, {}, {"dormancy": ((0.0, 0.9), (1.0, 0.9))}).severity.tolist() == [0.2, 0.3]


def test_no_findings_stay_none() -> None:
    assert calibrated("volume_rise", NOTHING, {}) is NOTHING


@pytest.mark.parametrize(
    ("kind", "rise_form", "dormancy_d", "form"),
    [
        (ROW_CLOSING, 2, 40, "three days"), (ROW_CLOSING, 3, NULL, "lasting"), (ROW_TRANSACTION, 0, NULL, "day"),
        (ROW_TRANSACTION, 3, 6, "day"), (ROW_TRANSACTION, 0, 7, "after a pause"),
        (ROW_TRANSACTION, 0, 29, "after a pause"), (ROW_TRANSACTION, 0, 30, "return"),
    ],
)  # fmt: skip
def test_a_rise_is_of_days_or_of_a_day_by_how_long_the_shop_was_closed(
    kind: int, rise_form: int, dormancy_d: int, form: str
) -> None:
    assert form_of("volume_rise", row_kind=kind, rise_form=rise_form, dormancy_d=dormancy_d) == form


def test_a_jump_is_of_the_fee_type_wherever_that_is_wrong_too() -> None:
    assert form_of("mcc_jump", mcc_sources=SOURCE_CHANNEL) == "mcc"
    assert form_of("mcc_jump", mcc_sources=SOURCE_CHANNEL | SOURCE_FEE_TYPE) == "fee type"
