"""The detectors in force, in the order of a score's contributions.

A new one is a file beside this one, with its class imported here, in the type `Detector` and in `DETECTORS`.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from detectors.anomaly import Anomaly
from detectors.compromised_point import CompromisedPoint
from detectors.dormancy import Dormancy
from detectors.fee_fall import FeeFall
from detectors.fee_notice import FeeNotice
from detectors.fee_over import FeeOver
from detectors.fee_rise import FeeRise
from detectors.fee_under import FeeUnder
from detectors.gauge_breach import GaugeBreach
from detectors.licence_expiry import LicenceExpiry
from detectors.mcc_drift import MccDrift
from detectors.mcc_jump import MccJump
from detectors.mcc_rotation import MccRotation
from detectors.mcc_static import MccStatic
from detectors.stan_reuse import StanReuse
from detectors.terminal_failing import TerminalFailing
from detectors.terminal_silent import TerminalSilent
from detectors.volume_burst import VolumeBurst
from detectors.volume_collapse import VolumeCollapse
from detectors.volume_decline import VolumeDecline
from detectors.volume_rise import VolumeRise
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.contract import Detector

DETECTORS: tuple[
    type[
        MccJump | MccDrift | MccRotation | MccStatic | FeeOver | FeeRise | FeeNotice | FeeUnder | FeeFall
        | VolumeRise | VolumeCollapse | VolumeDecline | VolumeBurst | StanReuse
        | CompromisedPoint | GaugeBreach | TerminalFailing | TerminalSilent | Dormancy | LicenceExpiry | Anomaly
    ], ...,
] = (
    MccJump, MccDrift, MccRotation, MccStatic, FeeOver, FeeRise, FeeNotice, FeeUnder, FeeFall,
    VolumeRise, VolumeCollapse, VolumeDecline, VolumeBurst, StanReuse,
    CompromisedPoint, GaugeBreach, TerminalFailing, TerminalSilent, Dormancy, LicenceExpiry, Anomaly,
)  # fmt: skip
"""Every detector's class."""
REMOVED = frozenset({"volume_surge", "volume_shift", "volume_wakeup"})
"""Detectors of earlier versions. Settings of theirs that a log or a file still has are passed over."""
REMOVED_SETTINGS = {"volume_collapse": frozenset({"dormant", "dormant_year"})}
"""By detector, settings of earlier versions, which are passed over likewise."""


def title_of(name: str) -> Text:
    """What a detector is called in words; its name where there is none of that name."""
    return next((each.title for each in DETECTORS if each.name == name), Text(name, name))


def make_detectors(settings: Mapping[str, Mapping[str, float]] | None = None) -> tuple[Detector, ...]:
    """One of each detector, with `settings` by detector name; those of `REMOVED` and `REMOVED_SETTINGS` mean nothing.

    Raises:
        ValueError: a setting's detector or name is unknown, or its value is out of range.
    """
    given = {name: each for name, each in (settings or {}).items() if name not in REMOVED}
    made = []
    for each in DETECTORS:
        gone = REMOVED_SETTINGS.get(each.name, frozenset())
        mine = {name: value for name, value in given.pop(each.name, {}).items() if name not in gone}
        known_settings = {one.name for one in fields(each) if one.init}
        if strange := sorted(mine.keys() - known_settings):
            raise ValueError(
                f"detectors.{each.name} must have settings among {', '.join(sorted(known_settings))},"
                f" got {', '.join(strange)}"
            )
        try:
            made.append(each(**mine))  # type: ignore[arg-type]
        except TypeError as error:
            raise ValueError(f"detectors.{each.name}: {error}") from error
        except ValueError as error:
            raise ValueError(f"detectors.{each.name}.{error}") from error
    if given:
        known = ", ".join(each.name for each in DETECTORS)
        raise ValueError(f"detectors must be among {known}, got {', '.join(sorted(given))}")
    return tuple(made)
