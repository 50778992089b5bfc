"""Parts of queries that panels and rules share: which series are read, and what they gained within a time."""

from __future__ import annotations

from streams.metric_names import METRICS, MetricKind, Since

KEPT_S = 6 * 3_600
"""For so long a partition may be without a worker before a gain counts from 0 again instead of from its last value."""
DURABLE = {each.name for each in METRICS if each.kind is MetricKind.COUNTER and each.since is Since.CHECKPOINT}
"""Counters that are kept with a partition's state, so that they go on where they were under another worker."""
PLACES = ("instance", "pod", "container", "endpoint", "node")
"""Labels that say where a worker runs. A partition moves from one to another; its figures are the same."""


def series(metric: str) -> str:
    """What a recording rule calls a partition's metric once it is told apart from the worker that has it.

    >>> series("tillwatch_alerts_total")
    'partition:tillwatch_alerts_total:max'
    """
    return f"partition:{metric}:max"


def chosen(*labels: str, **fixed: str) -> str:
    """A selector of what the dashboard's variables choose.

    >>> chosen("partition", outcome="transaction")
    '{partition=~"$partition",outcome="transaction"}'
    """
    parts = [f'{each}=~"${each}"' for each in labels] + [f'{name}="{value}"' for name, value in fixed.items()]
    return "{" + ",".join(parts) + "}" if parts else ""


def gained(metric: str, selector: str, window: str, by: str = "", at: str = "") -> str:
    """By how much a durable counter grew within a window, exactly.

    `increase` would extrapolate and leave out the first value of a new series. A durable counter starts at 0 and never
    goes back, so its value now less its value then, 0 where there was none, is what came in between.

    Args:
        metric: of `DURABLE`.
        selector: as `chosen` makes it.
        window: a duration or one of Grafana's variables for one.
        by: labels to sum by, separated by commas; "" for one figure.
        at: when to look, such as `@ end()`; "" for each step.
    """
    if metric not in DURABLE:
        raise ValueError(f"metric must be a durable counter, got {metric}")
    at = f" {at}" if at else ""
    now = f"last_over_time({series(metric)}{selector}[{window}]{at})"
    before = f"last_over_time({series(metric)}{selector}[{KEPT_S}s]{at} offset {window})"
    return f"sum{_by(by)} (clamp_min({now} - ({before} or {now} * 0), 0))"


def or_zero(expression: str) -> str:
    """0 instead of nothing, as long as any partition is watched: none is told from no data.

    >>> or_zero("sum(x)")
    '(sum(x)) or sum(partition:tillwatch_records_total:max{partition=~"$partition"}) * 0'
    """
    return f"({expression}) or sum({series('tillwatch_records_total')}{chosen('partition')}) * 0"


def or_none(expression: str, label: str, word: str, unless: str = "") -> str:
    """The same for figures by a label: where there are none, one of 0 whose label is `word`.

    Args:
        expression: the figures.
        label: of them.
        word: for none.
        unless: figures; where there are any, there is no need of a 0 before they begin.
    """
    zero = f"sum({series('tillwatch_records_total')}{chosen('partition')}) * 0"
    if unless:
        zero = f"({zero} unless on () count({unless}))"
    return f'({expression}) or on () label_replace({zero}, "{label}", "{word}", "", "")'


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def since_start(metric: str, window: str, by: str) -> str:
    """By how much a counter that begins with each start of a worker grew within a window, its first value included."""
    before = f"{metric} offset {window}"
    started = f"process_start_time_seconds > process_start_time_seconds offset {window}"
    grown = f"clamp_min({metric} - ({before} or {metric} * 0), 0)"
    return f"sum by ({by}) (({metric} and on (job, instance) ({started})) or {grown})"


def quantile(share: float, histogram: str, selector: str = "", window: str = "$__rate_interval") -> str:
    """A quantile of a histogram over all workers.

    >>> quantile(0.5, "tillwatch_x")
    'histogram_quantile(0.5, sum by (le) (rate(tillwatch_x_bucket[$__rate_interval])))'
    """
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{selector}[{window}])))"
