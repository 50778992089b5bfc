"""A snapshot of a worker as samples of `streams.metric_names`, in the families that prometheus-client writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from domain.alerts import BEARERS
from domain.dispositions import DISPOSITIONS
from domain.severity import LEVELS
from engine.controls import NEVER_MS
from engine.tallies import BANDS
from streams import metric_names as names
from streams.metric_names import METRICS, MetricKind, Since

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from engine.overview import Overview
    from engine.tallies import Tallies
    from streams.metric_names import Metric
    from streams.observer import Tallied

    Sample = tuple[Metric, tuple[str, ...], float]
    """A metric, the values of its labels, and its value."""

_OUTCOMES = (
    ("transaction", "transactions"), ("duplicate", "duplicates"), ("other", "other"), ("dead_letter", "dead_letters"),
)  # fmt: skip
"""Values of the label `outcome`, and the figures of `engine.outputs.Counts`."""

_REASONS = tuple(dict.fromkeys(each.reason for each in DISPOSITIONS if each.reason))


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: up to when it says that it has sent everything, UTC milliseconds, and when that came, UTC seconds."""

    clock_ms: int
    heard_s: float


@dataclass(frozen=True, slots=True)
class Glance:
    """What is shown of a partition.

    Attributes:
        tallied: what its records had come to at its last checkpoint.
        checkpoint_ms: when that was committed, UTC milliseconds; 0 for never.
        checkpoint_bytes: that it wrote; None where this worker wrote none yet.
        lag: records that wait; None where that is not known.
        reached_ms: the latest merchant's clock; `NEVER_MS` before the first, None before the first look.
        overview: of its merchants; None before the first look.
    """

    tallied: Tallied
    checkpoint_ms: int
    checkpoint_bytes: int | None
    lag: int | None
    reached_ms: int | None
    overview: Overview | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is shown of a worker at one moment.

    Attributes:
        version: of Tillwatch.
        python: of Python.
        detectors: names of those that run.
        ready: whether the worker is.
        skew_s: by how much the log's clock is ahead of the worker's.
        feeds: by name.
        stalled: names of the feeds that are.
        partitions: by number.
    """

    version: str
    python: str
    detectors: tuple[str, ...]
    ready: bool
    skew_s: float
    feeds: Mapping[str, Feed]
    stalled: frozenset[str]
    partitions: Mapping[int, Glance]


class SnapshotCollector(Collector):
    """Gives the families of a snapshot.

    Args:
        snapshot: of the worker.
        free_bytes: where the log is; None for a log that is in no file.
    """

    def __init__(self, snapshot: Snapshot, free_bytes: int | None) -> None:
        self._snapshot, self._free_bytes = snapshot, free_bytes

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """The families, in the table's order; those without samples are left out."""
        families = {each.name: _family(each) for each in METRICS if each.since is not Since.START}
        for metric, labels, value in self._samples():
            families[metric.name].add_metric(labels, value)
        return [each for each in families.values() if each.samples]

    def _samples(self) -> Iterator[Sample]:
        it = self._snapshot
        yield names.BUILD_INFO, (it.version, it.python), 1
        yield names.READY, (), it.ready
        yield names.PARTITIONS, (), len(it.partitions)
        yield names.CLOCK_SKEW, (), it.skew_s
        if self._free_bytes is not None:
            yield names.LOG_FREE, (), self._free_bytes
        for name, feed in it.feeds.items():
            yield names.FEED_HEARD, (name,), feed.heard_s
            yield names.FEED_CLOCK, (name,), feed.clock_ms / 1000
            yield names.FEED_STALLED, (name,), name in it.stalled
        for number, glance in it.partitions.items():
            yield from _counted(str(number), glance.tallied, it.detectors)
            yield from _as_it_is(str(number), glance)
        yield from _of_all([each.overview for each in it.partitions.values() if each.overview is not None])


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    family = CounterMetricFamily if metric.kind is MetricKind.COUNTER else GaugeMetricFamily
    return family(metric.name, metric.help, labels=metric.labels)


def _counted(partition: str, tallied: Tallied, detectors: tuple[str, ...]) -> Iterator[Sample]:
    """What was counted with a partition's state; what never happened yet is 0 where its name is known."""
    counts, tallies = tallied.counts, tallied.tallies
    for outcome, name in _OUTCOMES:
        yield names.RECORDS, (partition, outcome), getattr(counts, name)
    yield names.VERDICTS_UNMATCHED, (partition,), counts.unmatched_verdicts
    yield names.CONTROLS_LATE, (partition,), counts.controls_late
    yield names.DAYS_EXPECTED, (partition,), tallies.days_expected
    yield names.DAYS_FALLEN, (partition,), tallies.days_fallen
    for metric, table in (
        (names.DEAD_LETTERS, dict.fromkeys(_REASONS, 0) | tallies.dead_letters),
        (names.FIELDS_DROPPED, tallies.fields_dropped),
        (names.FIELD_PRESENT, tallies.fields_present),
        (names.FINDINGS, dict.fromkeys(detectors, 0) | tallies.findings),
        (names.ALERTS_BY_REGION, tallies.by_region),
        (names.ALERTS_BY_AGENT, tallies.by_agent),
        (names.ALERTS_BY_MCC_GROUP, tallies.by_mcc_group),
        (names.DAYS_SCORED, dict.fromkeys(BANDS, 0) | tallies.days_scored),
    ):
        for value, count in table.items():
            yield metric, (partition, value), count
    for detector, words in ({each: dict[str, int]() for each in detectors} | tallies.alerts).items():
        for level in LEVELS:
            yield names.ALERTS, (partition, detector, level.word.en), words.get(level.word.en, 0)
    yield from _money(partition, tallies, detectors)
    for detector, clock_ms in tallies.fired_ms.items():
        yield names.DETECTOR_FIRED, (partition, detector), clock_ms / 1000


def _money(partition: str, tallies: Tallies, detectors: tuple[str, ...]) -> Iterator[Sample]:
    unit = 10**tallies.home_digits
    for detector, minor in (dict.fromkeys(detectors, 0) | tallies.turnover_minor).items():
        yield names.ALERT_TURNOVER, (partition, detector), minor / unit
    for bearer, minor in (dict.fromkeys(BEARERS, 0) | tallies.loss_minor).items():
        yield names.ALERT_LOSS, (partition, bearer), minor / unit


def _as_it_is(partition: str, glance: Glance) -> Iterator[Sample]:
    if glance.checkpoint_ms:
        yield names.CHECKPOINT_TIMESTAMP, (partition,), glance.checkpoint_ms / 1000
    if glance.checkpoint_bytes is not None:
        yield names.CHECKPOINT_BYTES, (partition,), glance.checkpoint_bytes
    if glance.lag is not None:
        yield names.LAG, (partition,), glance.lag
    if glance.reached_ms is not None and glance.reached_ms != NEVER_MS:
        yield names.WATERMARK, (partition,), glance.reached_ms / 1000
    if glance.overview is None:
        return
    for grade, count in glance.overview.merchants.items():
        yield names.MERCHANTS, (partition, grade), count
    for rank, it in enumerate(glance.overview.riskiest, start=1):
        labels = (partition, str(rank), it.merchant_id, it.name, it.grade)
        yield names.RISKIEST_MERCHANT_SCORE, labels, it.score


def _of_all(overviews: list[Overview]) -> Iterator[Sample]:
    """What holds for the worker as a whole: of its partitions the furthest."""
    versions: dict[str, int] = {}
    blind_ms: dict[str, int] = {}
    for each in overviews:
        for kind, version in each.controls.items():
            versions[kind] = max(version, versions.get(kind, 0))
        for detector, until_ms in each.blind_until_ms.items():
            blind_ms[detector] = max(until_ms, blind_ms.get(detector, until_ms))
    for kind, version in versions.items():
        yield names.CONTROL_VERSION, (kind,), version
    for detector, until_ms in blind_ms.items():
        yield names.DETECTOR_BLIND_UNTIL, (detector,), until_ms / 1000
