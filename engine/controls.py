"""Which version of each kind of control is in force when.

The version is chosen by the row's clock after the event, `Into.clock_ms`. A monitor holds every version, for
merchants' clocks differ by months, and records of long ago may be read again.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from detectors.calibration import calibrated
from detectors.contract import Findings
from domain.controls import Control
from domain.feature_codes import NULL
from domain.id_forms import IdForms
from engine.control_kinds.registry import DETECTORS, ID_FORMS, INSTALLED, KINDS, kind_of, version_0

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from detectors.calibration import Curve
    from detectors.contract import Detector, Features
    from domain.controls import Versions
    from engine.features.partition import InForce

NEVER_MS = -(2**63)
"""What a clock stands at that has not moved yet."""
BEGINNING_MS = NEVER_MS + 1
"""From then on the first version of a kind is in force."""


class Known(NamedTuple):
    """A version of a control, with what its body says."""

    control: Control
    value: Any
    """As the kind's `decode` has it; None for a withdrawal."""


def read(raw: bytes) -> Known:
    """A record of the topic `controls`, checked.

    Raises:
        ValueError: it is no control, or says what cannot be.
    """
    try:
        control = msgspec.json.decode(raw, type=Control)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"a control must be a record of kind, version, effective_from and body: {error}") from error
    kind = kind_of(control.kind)
    return Known(control, kind.decode(bytes(control.body)) if control.withdraws is None else None)


def standing(known: Iterable[Known]) -> list[Known]:
    """Those versions that are or will be in force: neither withdrawn nor withdrawals."""
    known = list(known)
    gone = {(each.control.kind, each.control.withdraws) for each in known}
    return [
        each
        for each in known
        if each.control.withdraws is None and (each.control.kind, each.control.version) not in gone
    ]


class _Series(NamedTuple):
    """The versions of one kind, ascending."""

    since_ms: list[int]
    versions: list[int]
    values: list[Any]

    def at(self, clock_ms: int) -> int:
        """The place of the one in force."""
        return bisect_right(self.since_ms, clock_ms) - 1


class Part(NamedTuple):
    """Rows of features that are judged by one version of the detectors."""

    detectors: Sequence[Detector]
    rows: NDArray[np.int64] | None
    """Which of the batch; None for all."""
    features: Features


class Controls:
    """The versions that a monitor knows.

    Args:
        detectors: what runs, set as version 0 has it. Versions set them otherwise; which ones run stays as it is.
        zero: version 0 of the other kinds, by kind; what is not named says what the product has.

    Attributes:
        reached_ms: the latest clock by which a version was chosen so far; `NEVER_MS` before the first.
    """

    def __init__(self, detectors: Sequence[Detector], zero: Mapping[str, Any] | None = None) -> None:
        self._zero: dict[str, Any] = {DETECTORS: tuple(detectors), ID_FORMS: (), **version_0(zero or {})}
        self.names = tuple(each.name for each in detectors)
        self.reached_ms = NEVER_MS
        self._learned: dict[str, set[int]] = {kind: set() for kind in KINDS}
        self._hold(())

    def _hold(self, known: Sequence[Known]) -> None:
        self._held = {each.control.key for each in known}
        in_force = standing(known)
        self._series: dict[str, _Series] = {kind: self._series_of(kind, in_force) for kind in KINDS}
        self._since_ms = np.array(self._series[DETECTORS].since_ms, np.int64)
        self._set: dict[tuple[str, int], Detector] = {(each.name, 0): each for each in self._zero[DETECTORS]}
        for control, value in known:
            if control.kind == DETECTORS and control.withdraws is None:  # one withdrawn too late may have episodes
                self._set |= {(each.name, control.version): each for each in self._as_set(value)}

    def _as_set(self, value: Iterable[Detector]) -> tuple[Detector, ...]:
        """The detectors that run, as a version sets them."""
        running: Sequence[Detector] = self._zero[DETECTORS]
        made = {each.name: each for each in value}
        return tuple(made.get(each.name, each) for each in running)

    def _series_of(self, kind: str, in_force: Sequence[Known]) -> _Series:
        mine = [each for each in in_force if each.control.kind == kind]
        if not mine:
            return _Series([BEGINNING_MS], [0], [self._zero[kind]])
        values = [self._as_set(each.value) if kind == DETECTORS else each.value for each in mine]
        since_ms = [BEGINNING_MS, *(each.control.effective_from for each in mine[1:])]
        return _Series(since_ms, [each.control.version for each in mine], values)

    def learn(self, known: Sequence[Known]) -> list[Control] | None:
        """Hold these versions, all that there are, in their order.

        Returns:
            Those that came too late: a clock had passed what they are in force from. None where none is new.
        """
        new = [each.control for each in known if each.control.version not in self._learned[each.control.kind]]
        if not new:
            return None
        self._hold(known)
        for each in new:
            self._learned[each.kind].add(each.version)
        return [each for each in new if self._is_late(each)]

    def _is_late(self, control: Control) -> bool:
        if control.withdraws is not None:
            return self.reached_ms >= control.effective_from
        series = self._series[control.kind]
        if control.version not in series.versions:
            return False  # it was withdrawn before it was learned
        k = series.versions.index(control.version)
        as_it_was = k == 0 and control.version == 0 and series.values[0] == self._zero[control.kind]
        return NEVER_MS < self.reached_ms >= series.since_ms[k] and not as_it_was

    @property
    def learned(self) -> dict[str, list[int]]:
        """By kind, the versions it has learned, ascending."""
        return {kind: sorted(versions) for kind, versions in self._learned.items()}

    def go_on(self, learned: Mapping[str, Iterable[int]], reached_ms: int) -> None:
        """Stand where a checkpoint was taken: `learn` then tells which versions came since, and too late."""
        self._learned = {kind: set(learned.get(kind, ())) for kind in KINDS}
        self.reached_ms = reached_ms

    def missing(self, learned: Mapping[str, Iterable[int]]) -> list[str]:
        """Those versions that it does not hold, such as `peers:3`."""
        asked = (f"{kind}:{version}" for kind, versions in learned.items() for version in versions)
        return [each for each in asked if each.encode() not in self._held]

    def at(self, clock_ms: int) -> Versions:
        """The versions in force."""
        found = ((kind, series.versions[series.at(clock_ms)]) for kind, series in self._series.items())
        return {kind: version for kind, version in found if version}

    def detector(self, name: str, version: int) -> Detector:
        """A detector as a version sets it."""
        return self._set[name, version]

    def detector_at(self, name: str, clock_ms: int) -> Detector:
        """A detector as the version in force sets it."""
        series = self._series[DETECTORS]
        return self._set[name, series.versions[series.at(clock_ms)]]

    def newest(self, kind: str) -> Any:
        """What the newest version says."""
        return self._series[kind].values[-1]

    def in_force(self) -> tuple[InForce, ...]:
        """What the kinds that rows of features depend on say, by time."""
        all_series = [self._series[kind] for kind in INSTALLED]
        moments = sorted({ms for series in all_series for ms in series.since_ms})
        return tuple((ms, tuple(each.values[each.at(ms)] for each in all_series)) for ms in moments)

    def id_forms(self) -> IdForms:
        """The forms of identifiers that are declared; a record's own time says which are in force."""
        series = self._series[ID_FORMS]
        return IdForms(list(zip(series.since_ms, series.values, strict=True)))

    def parts(self, clock_ms: NDArray[np.int64], features: Features) -> list[Part]:
        """The rows of features by the version of the detectors that judges them; notes how far the clocks are.

        Args:
            clock_ms: (rows,) the rows' clocks.
            features: (rows,) by column.
        """
        sets = self._series[DETECTORS].values
        if len(clock_ms) == 0:
            return [Part(sets[-1], None, features)]
        self.reached_ms = max(self.reached_ms, int(clock_ms.max()))
        if len(sets) == 1 or clock_ms.min() >= self._since_ms[-1]:
            return [Part(sets[-1], None, features)]
        which = np.searchsorted(self._since_ms, clock_ms, "right") - 1
        found = np.unique(which)
        if len(found) == 1:
            return [Part(sets[found[0]], None, features)]
        split = ((sets[k], np.flatnonzero(which == k)) for k in found)
        return [Part(made, at, {name: column[at] for name, column in features.items()}) for made, at in split]


def detect(parts: Sequence[Part], k: int, curves: Mapping[str, Curve]) -> Findings:
    """The findings of the `k`-th detector in all parts of a batch, with severities calibrated by these curves."""
    found = [(each.rows, _calibrated(each.detectors[k], each.features, curves)) for each in parts]
    if len(found) == 1:
        return found[0][1]
    index = np.concatenate([it.index if at is None else at[it.index] for at, it in found])
    severity = np.concatenate([it.severity for _, it in found])
    loss_e7 = np.concatenate([_known(it.loss_e7, it) for _, it in found])
    turnover_e7 = np.concatenate([_known(it.turnover_e7, it) for _, it in found])
    order = np.argsort(index)
    return Findings(index[order], severity[order], loss_e7[order], turnover_e7[order])


def _calibrated(detector: Detector, features: Features, curves: Mapping[str, Curve]) -> Findings:
    found = calibrated(detector.name, detector.detect(features), features, curves)
    return found.from_severity(detector.least_severity)


def _known(money_e7: NDArray[np.int64] | None, of: Findings) -> NDArray[np.int64]:
    return np.full(len(of.index), NULL) if money_e7 is None else money_e7
