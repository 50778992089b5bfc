"""The console's metrics: names, kinds, units, labels and meanings. `docs/metrics.md` is made from this table."""

from __future__ import annotations

from streams.metric_names import PREFIX, Metric, MetricKind, Since

REQUESTS = Metric(
    f"{PREFIX}console_requests_total", MetricKind.COUNTER, "requests", ("page", "status"), Since.CONSOLE,
    "Requests that were answered, by page and status of HTTP.",
)  # fmt: skip
SECONDS = Metric(
    f"{PREFIX}console_request_seconds", MetricKind.HISTOGRAM, "seconds", ("page",), Since.CONSOLE,
    "From a request to the end of its answer; open streams are left out.",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
STREAMS = Metric(
    f"{PREFIX}console_streams", MetricKind.GAUGE, "streams", (), Since.NOW,
    "Pages that are open somewhere and wait for changes.",
)  # fmt: skip
REFUSED = Metric(
    f"{PREFIX}console_sign_ins_refused_total", MetricKind.COUNTER, "tries", ("by",), Since.CONSOLE,
    "Tries to get in that were refused: by password, by link or by token, or because too many had failed (wait).",
)  # fmt: skip
CONSOLE_METRICS = (REQUESTS, SECONDS, STREAMS, REFUSED)
WAYS = ("password", "link", "token", "wait")
"""Values of `by`."""
