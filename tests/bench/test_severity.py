"""The fit of severity curves, on alerts made by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.severity import (
    GROUP,
    LEAST_ALERTS,
    LEAST_SHARE,
    Judged,
    by_form,
    curve_of,
    fitted,
    form_and_raw,
    judged,
    severity_of,
    share_of_true,
    written,
)
from detectors import severity_curves
from detectors.calibration import calibrated
from detectors.contract import Findings
from detectors.registry import DETECTORS
from evaluation.matching import match_alerts
from tests.truths import found, truth, violation

SURE = [Judged(0.3 + k / 200, f"case {k}", 1.0) for k in range(100)]
"""All true, of raw severity 0.3 to 0.8."""
DOUBTFUL = [Judged(0.3 + k / 200, "", 1.0) for k in range(100)]
MIXED = [Judged(0.3 + k / 400, f"case {k}" if k >= 100 else "", 1.0) for k in range(200)]
"""False up to raw severity 0.55, true from there on."""


def on(alerts: list[Judged], *raw: float) -> list[float]:
    return [float(np.interp(each, *np.array(curve_of(alerts)).T)) for each in raw]


def test_where_all_is_true_severity_goes_by_rank_up_to_the_top() -> None:
    low, middle, high = on(SURE, 0.3, 0.55, 0.8)
    assert 0.5 < low < 0.6 < middle < 0.85 < high
    assert high > 0.99


def test_where_nearly_all_is_false_nothing_is_worth_knowing() -> None:
    assert max(on(DOUBTFUL, 0.3, 0.5, 0.7, 0.8, 1.0)) < 0.3


def test_a_curve_rises_where_alerts_begin_to_be_true() -> None:
    doubtful, sure = on(MIXED, 0.4, 0.75)
    assert doubtful < 0.3
    assert sure > 0.85


def test_money_alone_does_not_lift_what_is_mostly_false() -> None:
    much, little = severity_of(np.array([0.2, 1.0]), np.array([1.0, 0.0]))
    assert 0.3 < much < little


def test_an_alert_is_worth_knowing_from_the_stated_share_of_true_on() -> None:
    below, at = severity_of(np.array([LEAST_SHARE * 0.99, LEAST_SHARE]), np.array([1.0, 0.0]))
    assert below < 0.3 <= at


def test_a_few_alerts_make_no_certainty() -> None:
    alerts = [Judged(0.5, "a", 1.0), *(Judged(0.4, "", 1.0) for _ in range(2 * GROUP))]
    assert share_of_true(alerts, np.array([0.4]))[0] > 0.0
    assert share_of_true(alerts, np.array([0.5]))[0] < 0.5


def test_a_true_alert_of_a_violation_drawn_too_often_weighs_less() -> None:
    often = [Judged(0.5, f"case {k}" if k % 2 else "", 1 / 3 if k % 2 else 1.0) for k in range(400)]
    assert share_of_true(often, np.array([0.5]))[0] == pytest.approx(0.25, abs=0.01)


def test_alerts_weigh_as_the_simulators_usual_shares_would_have_them() -> None:
    whole = truth(violation(merchant_id="v"), merchants=10)
    alerts = [found("t", merchant_id="v", severity=0.2), found("f", merchant_id="x", severity=0.9)]
    named = [replace(each, detector="mcc_drift") for each in alerts]
    (of,) = judged(11, whole, match_alerts(whole, named, {}), 2.0).values()
    by_raw = {each.raw: each for each in of}
    assert by_raw[0.2].weight == 0.5
    assert by_raw[0.9].case == ""
    assert by_raw[0.9].weight == pytest.approx(0.95 / 0.9)
    assert by_raw[0.2].case.startswith("11 v mcc")


@pytest.mark.parametrize("raw", [0.0, 0.31, 0.5, 0.999, 1.0])
@pytest.mark.parametrize(
    ("sales", "idle_d", "form"),
    [(0, 3, "volume_collapse: silent"), (7, 0, "volume_collapse: low")],
)
def test_the_form_and_raw_severity_of_an_alert_are_read_from_its_band(
    raw: float, sales: int, idle_d: int, form: str
) -> None:
    findings = Findings(np.array([0]), np.array([raw]))
    features = {"closed_sales": np.array([sales]), "idle_d": np.array([idle_d])}
    told, read = form_and_raw(
        "volume_collapse", calibrated("volume_collapse", findings, features, by_form()).severity[0]
    )
    assert told == form
    assert read == pytest.approx(raw)


def test_a_detector_with_too_few_alerts_has_no_curve_and_the_reason_is_said() -> None:
    curves, without = fitted({"fee_over": SURE, "mcc_drift": SURE[: LEAST_ALERTS - 1]})
    assert set(curves) == {"fee_over"}
    assert without["mcc_drift"] == "19 alerts in the simulated worlds, of at least 20"
    assert set(without) == {each.name for each in DETECTORS} - {"fee_over"}


def test_a_detector_of_several_forms_has_a_curve_of_all_and_of_each_with_alerts_enough() -> None:
    curves, _ = fitted({"volume_collapse: low": DOUBTFUL, "volume_collapse: silent": SURE[:5]})
    assert set(curves) == {"volume_collapse", "volume_collapse: low"}


def test_what_is_written_says_the_same_curves_and_reasons() -> None:
    curves, without = fitted({"fee_over": SURE, "volume_collapse: low": MIXED})
    read: dict[str, object] = {}
    exec(compile(written(curves, without), "written", "exec"), read)
    assert (read["CURVES"], read["UNCALIBRATED"]) == (curves, without)


def test_the_file_in_use_is_as_the_writer_writes_it() -> None:
    text = Path(severity_curves.__file__).read_text(encoding="utf-8")
    assert written(severity_curves.CURVES, severity_curves.UNCALIBRATED) == text
