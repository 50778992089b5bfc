"""Every metric: its name, kind, unit, labels and meaning. `docs/metrics.md` is made from this table.

Names follow Prometheus' conventions: base units, `_total` behind what only grows, `_timestamp_seconds` for moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

PREFIX = "tillwatch_"
OTHER = "other"
"""What label values beyond `MOST_VALUES` are counted as."""
MOST_VALUES = 100
"""Values of a label that are told apart in a partition, where how many there are is not ours to say."""
MOST_RISKIEST = 50
"""Merchants of a partition that are shown by name."""


class MetricKind(Enum):
    """How a metric behaves; the value is Prometheus' word for it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Since(Enum):
    """Since when a metric counts, or as of when it is true."""

    CHECKPOINT = "partition"
    """Since the partition's first record, as of its last committed checkpoint: kept with the state."""
    START = "worker"
    """Since the worker was started."""
    NOW = "now"
    """It is as it is when it is read."""
    CONSOLE = "console"
    """Since the console was started."""
    MEASURED = "measured"
    """As of the last run of `tillwatch model drift`."""
    STORED = "stored"
    """As the casework store has it when the filing agent is read."""
    FILING = "filing"
    """Since the filing agent was started."""
    NOTIFYING = "notifying"
    """Since the sender of notices was started."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: as it is exposed; a histogram's series have `_bucket`, `_sum` and `_count` behind it.
        kind: how it behaves.
        unit: what a 1 is; "" where the name says it.
        labels: in order.
        since: since when it counts.
        help: what it says, one sentence.
        buckets: upper bounds of a histogram's buckets, ascending, without +Inf.
    """

    name: str
    kind: MetricKind
    unit: str
    labels: tuple[str, ...]
    since: Since
    help: str
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.startswith(PREFIX):
            raise ValueError(f"name must begin with {PREFIX}, got {self.name!r}")
        if (self.kind is MetricKind.COUNTER) != self.name.endswith("_total"):
            raise ValueError(f"counters, and only they, must end in _total, got {self.name!r}")
        if (self.kind is MetricKind.HISTOGRAM) != bool(self.buckets):
            raise ValueError(f"histograms, and only they, must have buckets, got {self.name!r}")


def _durable(name: str, unit: str, labels: tuple[str, ...], words: str) -> Metric:
    return Metric(PREFIX + name, MetricKind.COUNTER, unit, ("partition", *labels), Since.CHECKPOINT, words)


def _gauge(name: str, unit: str, labels: tuple[str, ...], words: str, since: Since = Since.NOW) -> Metric:
    return Metric(PREFIX + name, MetricKind.GAUGE, unit, labels, since, words)


def _histogram(name: str, unit: str, labels: tuple[str, ...], words: str, buckets: tuple[float, ...]) -> Metric:
    return Metric(PREFIX + name, MetricKind.HISTOGRAM, unit, labels, Since.START, words, buckets)


# -- counted with the partition's state

RECORDS = _durable(
    "records_total", "records", ("outcome",),
    "Records by what became of them: transaction, duplicate, other (events of other types), dead_letter.",
)  # fmt: skip
DEAD_LETTERS = _durable("dead_letters_total", "records", ("reason",), "Dead letters by reason, as in docs/events.md.")
FIELDS_DROPPED = _durable(
    "fields_dropped_total", "records", ("field",),
    "Records that an optional field was left out of, because its value was not what it must be.",
)  # fmt: skip
FIELD_PRESENT = _durable(
    "field_present_total", "transactions", ("field",),
    "Accepted transactions that have a field which a detector needs; compare with the records of outcome transaction.",
)  # fmt: skip
DAYS_EXPECTED = _durable(
    "closings_total", "days", (), "Merchants' local days that ended, of which 5 sales or more were to be expected."
)
DAYS_FALLEN = _durable(
    "closings_fallen_total", "days", (),
    "Those of them with a quarter of that or less: most at once are a hole in a feed, or a feast.",
)  # fmt: skip
FINDINGS = _durable("findings_total", "findings", ("detector",), "Rows of features that a detector found fault with.")
ALERTS = _durable(
    "alerts_total", "alerts", ("detector", "severity"),
    "New alerts, each counted once, by the severity of the hit that began it: low, medium, high, critical.",
)  # fmt: skip
ALERT_TURNOVER = _durable(
    "alert_turnover_total", "whole units of the acquirer's currency", ("detector",),
    "Turnover of the transactions that hit, where it is known.",
)  # fmt: skip
ALERT_LOSS = _durable(
    "alert_loss_total", "whole units of the acquirer's currency", ("bearer",),
    "Loss by the transactions that hit, where it is known, by who bears it.",
)  # fmt: skip
ALERTS_BY_REGION = _durable(
    "alerts_by_region_total", "alerts", ("region",),
    f"New alerts by the shop's city, or region where no city is known; {MOST_VALUES} values, the rest as {OTHER}.",
)  # fmt: skip
ALERTS_BY_AGENT = _durable(
    "alerts_by_agent_total", "alerts", ("agent",),
    f"New alerts by the agent who brought the merchant; {MOST_VALUES} values, the rest as {OTHER}.",
)  # fmt: skip
ALERTS_BY_MCC_GROUP = _durable(
    "alerts_by_mcc_group_total", "alerts", ("mcc_group",),
    "New alerts by the range of ISO 18245 that the merchant's registered MCC is in, or else the presented one.",
)  # fmt: skip
DAYS_SCORED = _durable(
    "closings_scored_total", "days", ("percentile",),
    "Merchants' days that the anomaly model scored, by the score's percentile among the days that it learned from.",
)  # fmt: skip
VERDICTS_UNMATCHED = _durable(
    "verdicts_unmatched_total", "verdicts", (), "Verdicts on alerts that are not remembered of their merchant."
)
CONTROLS_LATE = _durable(
    "controls_late_total", "versions", (),
    "Versions of controls that were learned when a merchant's clock had passed what they are in force from.",
)  # fmt: skip
DETECTOR_FIRED = _gauge(
    "detector_fired_timestamp_seconds", "Unix time of the event", ("partition", "detector"),
    "The merchant's clock at a detector's newest finding; absent before the first.", Since.CHECKPOINT,
)  # fmt: skip

# -- a partition as it is

MERCHANTS = _gauge(
    "merchants", "merchants", ("partition", "grade"),
    "Merchants known by their published grade, A to E; those who never had an alert are A.",
)  # fmt: skip
RISKIEST_MERCHANT_SCORE = _gauge(
    "riskiest_merchant_score", "points of 100", ("partition", "rank", "merchant_id", "name", "grade"),
    f"Published scores of the {MOST_RISKIEST} merchants of a partition that have the highest; rank 1 is the first.",
)  # fmt: skip
LAG = _gauge("lag_records", "records", ("partition",), "Records that wait to be processed; absent while unknown.")
WATERMARK = _gauge(
    "watermark_timestamp_seconds", "Unix time of events", ("partition",),
    "The latest clock of a merchant that was judged; absent before the first.",
)  # fmt: skip
CHECKPOINT_TIMESTAMP = _gauge(
    "checkpoint_timestamp_seconds", "Unix time", ("partition",),
    "When the last checkpoint was committed; absent before the first.", Since.CHECKPOINT,
)  # fmt: skip
CHECKPOINT_BYTES = _gauge(
    "checkpoint_bytes", "bytes", ("partition",), "Pages that the last checkpoint of this worker wrote."
)

# -- the worker as it is

PARTITIONS = _gauge("partitions", "partitions", (), "Partitions that this worker has.")
READY = _gauge("ready", "1 or 0", (), "Whether /ready answers 200.")
FEED_HEARD = _gauge(
    "feed_heard_timestamp_seconds", "Unix time", ("feed",),
    "When a clock record of the feed came last; when this worker first knew of the feed, where none came since.",
)  # fmt: skip
FEED_CLOCK = _gauge(
    "feed_clock_timestamp_seconds", "Unix time of events", ("feed",),
    "Up to when the feed says that it has sent everything.",
)  # fmt: skip
FEED_STALLED = _gauge("feed_stalled", "1 or 0", ("feed",), "Whether the feed has sent no clock record for 10 minutes.")
CONTROL_VERSION = _gauge(
    "control_version", "version", ("control",),
    "The version of a kind of controls in force at the latest merchant's clock; 0 is what the settings say.",
)  # fmt: skip
DETECTOR_BLIND_UNTIL = _gauge(
    "detector_blind_until_timestamp_seconds", "Unix time of events", ("detector",),
    "Until when a detector cannot judge every merchant, after an upgrade that began to remember something.",
)  # fmt: skip
CLOCK_SKEW = _gauge(
    "clock_skew_seconds", "seconds", (),
    "By how much the newest record's time of appending was ahead of this worker's clock when it was read, at least 0.",
)  # fmt: skip
LOG_FREE = _gauge("log_free_bytes", "bytes", (), "Free bytes where a log in a file is; absent on Kafka.")
BUILD_INFO = _gauge("build_info", "1", ("version", "python"), "Versions of Tillwatch and Python; always 1.")

# -- what the worker did since it was started

RECOVERIES = Metric(
    PREFIX + "recoveries_total", MetricKind.COUNTER, "recoveries", (), Since.START,
    "Partitions that were brought back to their last checkpoint.",
)  # fmt: skip
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
PUBLISH_DELAY = _histogram(
    "publish_delay_seconds", "seconds", (),
    "From the receipt of a record to the publication of the alert revision it made due; historic feeds are left out.",
    _SECONDS,
)  # fmt: skip
CHECKPOINT_SECONDS = _histogram(
    "checkpoint_seconds", "seconds", (), "From the beginning of a checkpoint to its commit.", _SECONDS
)
RECOVERY_SECONDS = _histogram(
    "recovery_seconds", "seconds", (), "How long a partition took to be brought back to its last checkpoint.", _SECONDS
)
BATCH_RECORDS = _histogram(
    "batch_records", "records", (), "Records of a batch.",
    (1, 10, 50, 100, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 1_000_000),
)  # fmt: skip
STEP_SECONDS = _histogram(
    "step_seconds", "seconds", ("step",),
    "Time a batch took by step: features (decoding too), scoring (the anomaly model), judging (detectors, episodes, "
    "scores), publish.",
    (0.0001, 0.00025, 0.0005, *_SECONDS),
)  # fmt: skip

METRICS: tuple[Metric, ...] = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All of a worker, in the order they are documented."""

# -- of the anomaly model, which no worker shows: `tillwatch model drift --metrics FILE` writes them


def _measured(name: str, unit: str, labels: tuple[str, ...], words: str) -> Metric:
    return _gauge(f"model_{name}", unit, labels, words, Since.MEASURED)


MODEL_IN_FORCE = _measured("in_force", "1 or 0", ("version",), "1 for the model in force; 0, of no version, for none.")
MODEL_TRAINED_UNTIL = _measured(
    "trained_until_timestamp_seconds", "Unix time", (), "The last day that the model in force was trained on."
)
MODEL_SCORED_DAYS = _measured(
    "scored_merchant_days", "merchant-days", (), "Merchant-days of the last day measured that have a score."
)
MODEL_BEYOND_SHARE = _measured(
    "beyond_ratio", "share of merchant-days", (),
    "Share of the scored merchant-days of all days measured that lie beyond the threshold of alerts.",
)  # fmt: skip
MODEL_HABIT_DRIFT = _measured(
    "habit_drift", "population stability index", ("habit",),
    "How far a habit of all days measured has drifted from the model's training.",
)  # fmt: skip
MODEL_SCORE_DRIFT = _measured(
    "score_drift", "population stability index", (), "How far scores have drifted from the model's training."
)
MODEL_MEASURED = _measured("measured_timestamp_seconds", "Unix time", (), "When these figures were measured.")

MODEL_METRICS: tuple[Metric, ...] = tuple(
    each for each in list(globals().values()) if isinstance(each, Metric) and each.since is Since.MEASURED
)
"""All of the anomaly model, in the order they are documented."""

# -- of casework: `tillwatch casework file` shows them, without anything that only the role aml may see


def _stored(name: str, unit: str, labels: tuple[str, ...], words: str) -> Metric:
    return _gauge(f"casework_{name}", unit, labels, words, Since.STORED)


CASEWORK_LAG = _stored(
    "lag_records", "records", ("topic",),
    "Committed records that are not filed yet, and on Kafka marks of transactions, by topic.",
)  # fmt: skip
CASEWORK_PROVISIONAL = _stored(
    "provisional_alerts", "alerts", (), "Alerts that are shown by a revision which the log has not committed yet."
)
CASEWORK_OUTBOX = _stored(
    "outbox_records", "records", ("status",),
    "Records for the log by how they stand: pending (due, and not in the log yet) and refused by intake.",
)  # fmt: skip
CASEWORK_OUTBOX_OLDEST = _stored(
    "outbox_oldest_timestamp_seconds", "Unix time", (), "Since when the oldest pending record is due; absent for none."
)
CASEWORK_OPEN = _stored(
    "open_cases", "cases", ("grade",),
    "Open cases with an undecided alert, by their merchant's grade; `none` of causes and of merchants without a score.",
)  # fmt: skip
CASEWORK_LATE = _stored("late_cases", "cases", ("grade",), "Those of them whose deadline has passed.")
CASEWORK_DECISIONS = Metric(
    PREFIX + "casework_decisions_total", MetricKind.COUNTER, "decisions", ("verdict",), Since.STORED,
    "Decisions that stand, by verdict; one counts once it cannot be undone any more.",
)  # fmt: skip
CASEWORK_AUDIT_ENTRIES = Metric(
    PREFIX + "casework_audit_entries_total", MetricKind.COUNTER, "entries", (), Since.STORED, "Entries of the audit."
)
CASEWORK_FILED = _gauge(
    "casework_filed_timestamp_seconds", "Unix time", (),
    "When the last look began after which all that the log had was filed; absent before the first.", Since.FILING,
)  # fmt: skip
CASEWORK_AUDIT_INTACT = _gauge(
    "casework_audit_intact", "1 or 0", (),
    "Whether the audit's chain of hashes was whole when it was checked last; absent before the first check.",
    Since.FILING,
)  # fmt: skip
CASEWORK_AUDIT_CHECKED = _gauge(
    "casework_audit_checked_timestamp_seconds", "Unix time", (), "When that was.", Since.FILING
)
CASEWORK_STORE_FAILURES = Metric(
    PREFIX + "casework_store_failures_total", MetricKind.COUNTER, "failures", (), Since.FILING,
    "Looks that ended early because the store's database failed.",
)  # fmt: skip

CASEWORK_METRICS: tuple[Metric, ...] = tuple(
    each for each in list(globals().values()) if isinstance(each, Metric) and each.since in {Since.STORED, Since.FILING}
)
"""All of casework's filing agent, in the order they are documented."""
