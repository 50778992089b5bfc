"""The words of every detector, and the sentence of an alert from its facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from detectors.words import (
    anomaly,
    compromised_point,
    dormancy,
    fee_fall,
    fee_notice,
    fee_over,
    fee_rise,
    fee_under,
    gauge_breach,
    licence_expiry,
    mcc_drift,
    mcc_jump,
    mcc_rotation,
    mcc_static,
    stan_reuse,
    terminal_failing,
    terminal_silent,
    volume_burst,
    volume_collapse,
    volume_decline,
    volume_rise,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.alerts import Alert, Text

WORDS: Mapping[str, Any] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        mcc_jump, mcc_drift, mcc_rotation, mcc_static, fee_over, fee_rise, fee_notice, fee_under,
        fee_fall, volume_rise, volume_collapse,
        volume_decline, volume_burst, stan_reuse, compromised_point, gauge_breach, terminal_failing, terminal_silent,
        dormancy, licence_expiry, anomaly,
    )
}  # fmt: skip
"""By detector its module, with `TITLE`, `Facts` and `sentence`; those of detectors that were removed may stay."""


def facts_of(alert: Alert) -> Any:
    """The facts of an alert as its detector's `Facts`; None of an alert of before, or of a detector without words."""
    words = WORDS.get(alert.detector)
    return msgspec.convert(alert.facts, words.Facts) if words and alert.facts else None


def sentence_of(alert: Alert) -> Text:
    """An alert's sentence in the words of today; the one that it bears where it has no facts."""
    facts = facts_of(alert)
    if facts is None:
        return alert.reason
    said: Text = WORDS[alert.detector].sentence(facts, alert.currency)
    return said
