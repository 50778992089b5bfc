"""Fits the curves from raw severity to severity: `python -m bench.severity [--write]`.

Simulates the mixed world with violations of every kind, lets the monitor judge it with raw severities, and asks of each
detector, by raw severity: which share of its alerts is true, and which share of the cases that it finds is milder? From
both comes the severity (`severity_of`). Violations are drawn `BOOST` times as often as the simulator has them by
default, for there would be too few, and true alerts weigh as much less. Seeds that nothing was fitted on are then
judged, with violations as often as by default; what is printed is theirs.

`--write` writes `detectors/severity_curves.py`, and states nothing that is not printed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detectors import severity_curves
from detectors.forms import FORMS, KEPT_RAW, curve_names
from detectors.registry import DETECTORS, make_detectors
from domain.severity import MEDIUM
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from evaluation.cells import percent
from evaluation.collection import Collector
from evaluation.matching import AlertLabel, match_alerts
from evaluation.queue import BOUNDS, HEAD, bins, queue
from evaluation.shares import share
from models.peers import build_peers
from models.profiles import build_profiles
from simulator.config import SimulationConfig
from simulator.simulation import clock_record, simulate
from simulator.truth import CATEGORIES, Truth
from simulator.write import write_jsonl
from tillwatch.sales import read_sales
from tillwatch.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from detectors.calibration import Curve
    from evaluation.matching import Matching
    from simulator.simulation import Simulation

    Floats = NDArray[np.float64]

FIT_SEEDS, UNSEEN_SEEDS, HONEST_SEED = (11, 12, 13, 14, 15), (21, 22, 23), 2
MERCHANTS, DAYS, SALES_A_DAY = 1500, 90.0, 20.0
BOOST = 3.0
VIOLATING = ("jump_share", "static_share", "rotation_share", "drift_share", "fee_share", "fall_share", "volume_share")
LEAST_SHARE, SURE_SHARE = 0.05, 0.8
"""Shares of true from which an alert is worth knowing, and from which evidence bounds its severity no more."""
OF_EVIDENCE = 0.35
"""What evidence alone is worth of the severity above 0.3; the rest is rank."""
LEAST_ALERTS, GROUP, PRIOR = 20, 15, 2.0
"""Alerts that a curve needs; alerts of neighbours that share a share of true; how much the share of all weighs beside
that of neighbours, so that a few alerts make no certainty."""
LEAST_CASES = 5
"""Cases found, from which rank is rank among them; below it is rank among all alerts."""
KNOTS, FLAT = 10, 0.002
"""Points of a curve, at most; a difference of severity that makes no point."""
WITHIN = 0.99
"""Part of a form's band that raw severities take, so that the highest does not touch the next band."""


class Judged(NamedTuple):
    """An alert of a detector: its peak of raw severity, the violation that it is true for, and how much it weighs."""

    raw: float
    case: str
    weight: float
    """`case` is "" of a false one."""


def settings_of(seed: int, boost: float) -> SimulationConfig:
    """The world of a seed, with violations `boost` times as often as by default."""
    usual = SimulationConfig()
    shares: dict[str, Any] = {name: boost * getattr(usual, name) for name in VIOLATING}
    return SimulationConfig(seed=seed, merchants=MERCHANTS, days=DAYS, tx_per_merchant_day=SALES_A_DAY, **shares)


def artefacts() -> dict[str, Any]:
    """Profiles and peers of a month of honest trade."""
    honest: dict[str, Any] = dict.fromkeys((*VIOLATING, "look_alike_share"), 0.0)
    config = SimulationConfig(seed=HONEST_SEED, merchants=800, days=45.0, tx_per_merchant_day=SALES_A_DAY, **honest)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "honest.jsonl"
        write_jsonl(simulate(config), path)
        sales = read_sales(path, load())
    return {"peers": build_peers(sales.frame), "profiles": build_profiles(sales.frame, sales.registered, path.name)}


def records_of(simulation: Simulation) -> Iterator[list[bytes]]:
    """Master data, then what is received, with clock records in their places."""
    yield simulation.master_records()
    for batch in simulation.batches():
        values, done, out = batch.values(), 0, []
        for place, event_ms in zip(batch.clock_at.tolist(), batch.clock_ms.tolist(), strict=True):
            out += [*values[done:place], clock_record(event_ms)]
            done = place
        if out := out + values[done:]:
            yield out


def judged_world(
    config: SimulationConfig, controls: Mapping[str, Any], curves: Mapping[str, Curve]
) -> tuple[Truth, Matching, dict[str, str]]:
    """A world's truth, its alerts matched with it, and the highest grade that merchants reached."""
    simulation = simulate(config)
    truth = Truth(
        violations=tuple(simulation.violations()), look_alikes=tuple(simulation.look_alikes()),
        start_ms=config.start_ms, end_ms=config.end_ms, merchants=config.merchants,
    )  # fmt: skip
    monitor = Monitor(MonitorConfig(capacity=config.merchants, controls=controls), historic=True, curves=curves)
    collector = Collector(make_detectors(), monitor.controls)
    for lines in records_of(simulation):
        outputs = monitor.process(Records.of(lines))
        collector.take(outputs.alerts)
        collector.take_scores(outputs.scores)
    return truth, match_alerts(truth, collector.found(), {}), collector.grades


def by_form() -> dict[str, Curve]:
    """Curves that keep severity raw, in a band for each form: the peak of an alert then tells the last form it has."""
    found: dict[str, Curve] = {}
    for detector in FORMS:
        names = curve_names(detector)
        for k, name in enumerate(names):
            found[name] = ((0.0, k / len(names)), (1.0, (k + WITHIN) / len(names)))
    return found


def form_and_raw(detector: str, severity: float) -> tuple[str, float]:
    """The curve's name and raw severity of an alert's peak, under the curves of `by_form`.

    >>> form_and_raw("volume_collapse", 0.5)[0]
    'volume_collapse: silent'
    """
    names = curve_names(detector)
    if len(names) == 1:
        return detector, severity
    k = min(int(severity * len(names)), len(names) - 1)
    return names[k], min(1.0, (severity * len(names) - k) / WITHIN)


def judged(seed: int, truth: Truth, matching: Matching, boost: float) -> dict[str, list[Judged]]:
    """Alerts by the curve's name, those that are true or false, as heavy as violations by default would make them.

    Args:
        seed: of the world, for the names of its cases.
        truth: what was done in it.
        matching: of alerts under the curves of `by_form`.
        boost: how many times as often as by default violations were drawn.
    """
    case_of = {
        alert_id: f"{seed} {it.merchant_id} {it.category} {it.onset_ms}"
        for outcome in matching.outcomes
        for alert_id in outcome.alert_ids
        for it in (outcome.violation,)
    }
    guilty = len({each.violation.merchant_id for each in matching.outcomes}) / truth.merchants
    lawful = (1 - guilty / boost) / (1 - guilty)
    found: dict[str, list[Judged]] = defaultdict(list)
    for each in matching.ranked:
        name, raw = form_and_raw(each.alert.detector, each.alert.severity)
        if each.label is AlertLabel.TRUE:
            found[name].append(Judged(raw, case_of[each.alert.alert_id], 1 / boost))
        elif each.is_false:
            found[name].append(Judged(raw, "", lawful))
    return found


def fitted(alerts: Mapping[str, Sequence[Judged]]) -> tuple[dict[str, Curve], dict[str, str]]:
    """A curve for each detector, and for each of its forms, with alerts enough; why the other detectors have none."""
    curves, without = {}, {}
    for detector in (each.name for each in DETECTORS):
        names = curve_names(detector)
        every = [it for name in names if name not in KEPT_RAW for it in alerts.get(name, ())]
        if len(every) < LEAST_ALERTS:
            without[detector] = f"{len(every)} alerts in the simulated worlds, of at least {LEAST_ALERTS}"
        else:
            curves[detector] = curve_of(every)
        many = (name for name in names if name not in KEPT_RAW and len(alerts.get(name, ())) >= LEAST_ALERTS)
        curves |= {name: curve_of(alerts[name]) for name in many}
    return curves, without


def severity_of(share: Floats, rank: Floats) -> Floats:
    """The severity of alerts of which a share is true, and that a rank among the cases lies below; all 0 to 1.

    Evidence bounds it, for what is mostly false does not belong at the queue's head, however much money it is about;
    within that, rank orders. Rank is the detector's own, so the severest of each kind of violation are equal.

    >>> severity_of(np.array([0.025, 0.05, 1.0, 1.0]), np.array([1.0, 1.0, 0.0, 1.0])).round(3).tolist()
    [0.15, 0.3, 0.545, 1.0]
    """
    evidence = np.clip((share - LEAST_SHARE) / (SURE_SHARE - LEAST_SHARE), 0, 1)
    above = 0.3 + 0.7 * evidence * (OF_EVIDENCE + (1 - OF_EVIDENCE) * rank)
    return np.where(share < LEAST_SHARE, 0.3 * share / LEAST_SHARE, above)


def curve_of(alerts: Sequence[Judged]) -> Curve:
    """A detector's curve: nothing at raw severity 0, then by share of true and rank; it never falls."""
    raw = np.unique([each.raw for each in alerts])
    severity = np.maximum.accumulate(severity_of(share_of_true(alerts, raw), rank_of(alerts, raw)))
    points = np.column_stack([np.append(0.0, raw), np.append(0.0, severity)])
    if raw[-1] < 1:
        points = np.vstack([points, [1.0, severity[-1]]])
    return tuple((round(float(x), 4), round(float(y), 4)) for x, y in simplified(points, KNOTS))


def share_of_true(alerts: Sequence[Judged], raw: Floats) -> Floats:
    """The weighted share of true by raw severity: of groups of neighbours, never falling, with lines between them.

    Alerts of equal raw severity are of one group.
    """
    weight = np.array([each.weight for each in alerts])
    true = weight * [each.case != "" for each in alerts]
    prior = (true.sum() + 0.5) / (weight.sum() + 1.0)
    values, which, count = np.unique([each.raw for each in alerts], return_inverse=True, return_counts=True)
    group = np.unique((np.cumsum(count) - count) // GROUP, return_inverse=True)[1]  # of each value
    heavy = np.bincount(group[which], weight).astype(np.float64)
    rising = isotonic(np.bincount(group[which], true) / heavy, heavy)
    pool = np.unique(rising, return_inverse=True)[1]
    pooled = np.bincount(pool, heavy)[pool].astype(np.float64)
    share = (rising * pooled + PRIOR * prior) / (pooled + PRIOR)
    at = np.bincount(group, values * count) / np.bincount(group, count)
    return np.asarray(np.interp(raw, at, isotonic(share, heavy)), np.float64)


def isotonic(values: Floats, weights: Floats) -> Floats:
    """The nearest values that never fall, by weighted squares: neighbours that do are pooled.

    >>> isotonic(np.array([0.1, 0.5, 0.3, 0.9]), np.array([1.0, 1.0, 3.0, 1.0])).round(2).tolist()
    [0.1, 0.35, 0.35, 0.9]
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before, of, n = pools.pop()
            both = of + pool[1]
            pool = ((before * of + pool[0] * pool[1]) / both, both, n + pool[2])
        pools.append(pool)
    return np.repeat([each[0] for each in pools], [each[2] for each in pools])


def rank_of(alerts: Sequence[Judged], raw: Floats) -> Floats:
    """The share of the detector's cases whose severest alert is milder, those as severe counted half; 0 to 1."""
    severest: dict[str, float] = {}
    for each in alerts:
        if each.case:
            severest[each.case] = max(severest.get(each.case, 0.0), each.raw)
    among = sorted(severest.values()) if len(severest) >= LEAST_CASES else sorted(each.raw for each in alerts)
    return (np.searchsorted(among, raw) + np.searchsorted(among, raw, "right")) / (2 * len(among))


def simplified(points: Floats, most: int) -> Floats:
    """At most so many of the points (n, 2), ends included: each time that which lies farthest from the lines is added.

    None is added that lies nearer than `FLAT`.

    >>> simplified(np.array([[0, 0], [1, 1], [2, 2], [3, 9]]), 3).tolist()
    [[0, 0], [2, 2], [3, 9]]
    """
    kept = [0, len(points) - 1]
    while len(kept) < min(most, len(points)):
        off = np.abs(points[:, 1] - np.interp(points[:, 0], points[kept, 0], points[kept, 1]))
        if off.max() < FLAT:
            break
        kept = sorted([*kept, int(off.argmax())])
    return points[kept]


def written(curves: Mapping[str, Curve], without: Mapping[str, str]) -> str:
    """The text of `detectors/severity_curves.py`."""
    lines = ['"""Curves from raw severity to severity, by detector, and the detectors that have none.', "",
             "Written by `python -m bench.severity --write`.", '"""', "",
             "CURVES: dict[str, tuple[tuple[float, float], ...]] = {"]  # fmt: skip
    for name, curve in curves.items():
        lines += [f'    "{name}": (', *(f"        ({x}, {y})," for x, y in curve), "    ),"]
    lines += ["}", "", "UNCALIBRATED: dict[str, str] = {" + ("" if without else "}")]
    lines += [f'    "{name}": "{why}",' for name, why in without.items()] + ["}"] * bool(without)
    return "\n".join([*lines, '"""Why a detector has no curve; its severity stays raw."""', ""])


def show(worlds: Sequence[tuple[Truth, Matching, dict[str, str]]]) -> None:
    """Print what severities, the head of the queue and grades came to."""
    ranked = [each for _, matching, _ in worlds for each in matching.ranked]
    print(f"{'true of alerts':17}" + "".join(f"from {low:<18}" for low in BOUNDS[:-1]))
    for name in ("", *(each.name for each in DETECTORS)):
        mine = [each for each in ranked if name in {"", each.alert.detector}]
        print(f"{name or 'all':17}" + "".join(f"{percent(each.true):23}" for each in bins(mine, BOUNDS)))
    figures = [queue(*each) for each in worlds]
    print(f"head of {HEAD}: cases found, in the head, rank of the first, by seed")
    for kind in figures[0].head:
        same = [it for each in figures for it in each.head if (it.category, it.kind) == (kind.category, kind.kind)]
        parts = "  ".join(f"{it.cases.part:4} {it.head.part:3} {it.first or '-':>5}" for it in same)
        print(f"{kind.category:7} {kind.kind or 'no violation':17} {parts}")
    for k, grade in enumerate(each.grade for each in figures[0].grades):
        part, whole = (sum(getattr(each.grades[k].violating, name) for each in figures) for name in ("part", "whole"))
        print(f"grade {grade}: {percent(share(part, whole))}")
    outcomes = [(it.violation.category, it.found) for _, matching, _ in worlds for it in matching.outcomes]
    for category in CATEGORIES:
        found = [each for name, each in outcomes if name == category]
        print(f"found from {MEDIUM.least}, {category}: {percent(share(sum(found), len(found)))}")


def main() -> None:
    """Fit, write where asked to, and print what unseen seeds say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    controls = artefacts()
    alerts: dict[str, list[Judged]] = defaultdict(list)
    for seed in FIT_SEEDS:
        truth, matching, _ = judged_world(settings_of(seed, BOOST), controls, by_form())
        for name, mine in judged(seed, truth, matching, BOOST).items():
            alerts[name] += mine
    curves, without = fitted(alerts)
    if args.write:
        Path(severity_curves.__file__).write_text(written(curves, without), encoding="utf-8")
    show([judged_world(settings_of(seed, 1.0), controls, curves) for seed in UNSEEN_SEEDS])
    print(f"{time.process_time():.0f} s of processor time")


if __name__ == "__main__":
    main()
