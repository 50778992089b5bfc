"""Writes what was measured of the anomaly model for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams import metric_names as names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from streams.metric_names import Metric


class _Measured(Collector):
    def __init__(self, samples: Mapping[Metric, Mapping[tuple[str, ...], float]]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families()

    def _families(self) -> Iterator[GaugeMetricFamily]:
        for metric, samples in self._samples.items():
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, value in samples.items():
                family.add_metric(labels, value)
            yield family


def write_none(path: Path, now_s: float) -> None:
    """Write that no model is in force.

    Args:
        path: the file, which is replaced at once.
        now_s: Unix time of the measurement.
    """
    _write(path, {names.MODEL_IN_FORCE: {("",): 0}, names.MODEL_MEASURED: {(): now_s}})


def write_measured(
    path: Path, *, version: str, trained_until_s: float, scored_days: int, beyond: float,
    habits: Mapping[str, float], score: float, now_s: float,
) -> None:  # fmt: skip
    """Write the figures of a model in force.

    Args:
        path: the file, which is replaced at once.
        version: the model's name.
        trained_until_s: Unix time of the end of its training's last day, UTC.
        scored_days: merchant-days of the last day that have a score.
        beyond: share of merchant-days beyond the threshold of alerts, 0 to 1.
        habits: population stability index by habit.
        score: that of scores.
        now_s: Unix time of the measurement.
    """
    _write(path, {
        names.MODEL_IN_FORCE: {(version,): 1}, names.MODEL_TRAINED_UNTIL: {(): trained_until_s},
        names.MODEL_SCORED_DAYS: {(): scored_days}, names.MODEL_BEYOND_SHARE: {(): beyond},
        names.MODEL_HABIT_DRIFT: {(name,): value for name, value in habits.items()},
        names.MODEL_SCORE_DRIFT: {(): score}, names.MODEL_MEASURED: {(): now_s},
    })  # fmt: skip


def _write(path: Path, samples: Mapping[Metric, Mapping[tuple[str, ...], float]]) -> None:
    registry = CollectorRegistry()
    registry.register(_Measured(samples))
    write_to_textfile(str(path), registry)
