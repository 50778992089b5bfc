"""The metrics of `tillwatch notify`; `docs/metrics.md` is made from this table."""

from __future__ import annotations

from streams.metric_names import PREFIX, Metric, MetricKind, Since


def _stored(name: str, kind: MetricKind, unit: str, labels: tuple[str, ...], words: str) -> Metric:
    return Metric(f"{PREFIX}notices_{name}", kind, unit, labels, Since.STORED, words)


NOTICES = _stored(
    "notices", MetricKind.GAUGE, "notices", ("status",),
    "Notices by how they stand: pending, sent, opened, answered, dead.",
)  # fmt: skip
OLDEST = _stored(
    "oldest_due_timestamp_seconds", MetricKind.GAUGE, "Unix time", (),
    "Since when the oldest pending notice is due; absent for none.",
)  # fmt: skip
UNOPENED = _stored(
    "unopened_urgent", MetricKind.GAUGE, "notices", (),
    "Urgent notices that have gone on to a supervisor or the desk, and of which a task is open and not opened.",
)  # fmt: skip
ATTEMPTS = _stored(
    "attempts_total", MetricKind.COUNTER, "attempts", ("channel", "status"),
    "Attempts by channel and by what became of them: sent, retry, unknown, refused.",
)  # fmt: skip
SILENCES = _stored("silences", MetricKind.GAUGE, "silences", (), "Silences in force.")
LOOKED = Metric(
    f"{PREFIX}notices_looked_timestamp_seconds", MetricKind.GAUGE, "Unix time", (), Since.NOTIFYING,
    "When the last look at casework began that ended well; absent before the first.",
)  # fmt: skip
FAILURES = Metric(
    f"{PREFIX}notices_store_failures_total", MetricKind.COUNTER, "failures", (), Since.NOTIFYING,
    "Looks that ended early because the store's database failed.",
)  # fmt: skip
NOTICES_METRICS = (NOTICES, OLDEST, UNOPENED, ATTEMPTS, SILENCES, LOOKED, FAILURES)
"""All of them, in the order in which they are documented."""
