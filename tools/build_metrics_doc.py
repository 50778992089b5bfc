"""Writes `docs/metrics.md`: every metric, made of `streams.metric_names`.

python -m tools.build_metrics_doc
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from console.metric_names import CONSOLE_METRICS
from notices.metric_names import NOTICES_METRICS
from streams.metric_names import (
    CASEWORK_METRICS,
    METRICS,
    MODEL_METRICS,
    MOST_RISKIEST,
    MOST_VALUES,
    MetricKind,
    Since,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.metric_names import Metric

FILE = Path(__file__).parents[1] / "docs" / "metrics.md"
_HEAD = f"""# Metrics

What a worker shows at `/metrics`, on the address of the settings [`health_host`](settings.md#health_host) and
[`health_port`](settings.md#health_port), in Prometheus' text format. This page is made of `streams/metric_names.py` by
`python -m tools.build_metrics_doc`.

Prometheus scrapes a worker that has a token so:

    scrape_configs:
      - job_name: tillwatch
        authorization:
          credentials_file: /etc/prometheus/tillwatch-token
        static_configs:
          - targets: ["10.0.0.7:9464"]

## What holds of the figures

- **Counted with the state.** Counters of a partition lie in its checkpoints, and are shown as of the last committed
  one. So they do not go back when a worker is killed or a partition moves, and they count each record, finding and
  alert once: summed over the partitions, `tillwatch_alerts_total` is the number of distinct alerts up to the
  checkpoints. They are up to [`checkpoint_every_s`](settings.md#checkpoint_every_s) behind. State of versions before
  0.2 has none of them but the records by outcome: the others begin at 0 there.
- **A partition that moves.** Its series vanish from the worker that gives it up, and appear at the one that takes it
  over, where they go on from the same figures. Prometheus shows those of a killed worker until it fails to scrape it,
  for a while beside its successor's: so take `max without (instance)` before a sum. For an increase let a recording
  rule make `partition_alerts` as `max without (instance) (tillwatch_alerts_total)`, and take
  `sum(increase(partition_alerts[1h]))`: a hand-over is then neither a reset nor a gap.
- **How many series.** A partition has 200 to 400: {MOST_RISKIEST} of the riskiest merchants, and up to {MOST_VALUES} of
  regions and of agents are among them.
- **Event time.** Timestamps of events are by the merchants' clocks. On historic input they lie in the past.

`process_*` of prometheus-client (processor time, resident memory, open files, start) are shown as well.
"""
_WHEN = {
    Since.CHECKPOINT: "as of the partition's last checkpoint, kept with its state",
    Since.START: "since the worker was started",
    Since.NOW: "now",
    Since.CONSOLE: "since the console was started",
    Since.MEASURED: "as of the last run of `tillwatch model drift`",
    Since.STORED: "as the store has it now",
    Since.FILING: "since the filing agent was started",
    Since.NOTIFYING: "since the sender of notices was started",
}
_GROUPS = (
    ("Counted with the state", lambda it: it.since is Since.CHECKPOINT and it.kind is MetricKind.COUNTER),
    ("Of a partition", lambda it: it.since is not Since.START and "partition" in it.labels),
    ("Of a worker", lambda it: it.since is Since.NOW),
    ("What a worker did", lambda it: it.since is Since.START),
    ("Of the anomaly model", lambda it: it.since is Since.MEASURED),
    ("Of casework", lambda it: it.since in {Since.STORED, Since.FILING}),
)
_OF_MODEL = """\
No worker shows these. [`tillwatch model drift --metrics FILE`](commands.md#tillwatch-model-drift), run once a day,
writes them to a file for the textfile collector of Prometheus' node exporter. The days measured are the last seven,
unless `--days` says otherwise.
"""
_OF_CONSOLE = """\
[`tillwatch console`](console.md) shows these at `/metrics` of its own address, to whoever carries the token of the
setting [`health_token_file`](settings.md#health_token_file), and to nobody where none is set; `process_*` too. A page
is its route, such as `/cases/{case_id}`; `static` stands for files of pages, `none` for what there is not.
"""

_OF_CASEWORK = """\
[`tillwatch casework file`](commands.md#tillwatch-casework-file) shows these at `/metrics`, on the address of
[`casework_health_port`](settings.md#casework_health_port), with the token of workers. Prometheus scrapes it under a
job name of its own, `tillwatch-casework`. Nothing is counted that only the role `aml` may see.
"""
_OF_NOTICES = """\
[`tillwatch notify`](commands.md#tillwatch-notify) shows these at `/metrics`, on the address of
[`notices_health_port`](settings.md#notices_health_port), with the token of workers; `process_*` too.
Prometheus scrapes it under the job's name `tillwatch-notify`, which the rules select.
"""
_BEFORE = {"Of the anomaly model": _OF_MODEL, "Of casework": _OF_CASEWORK}


def text() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    left = [*METRICS, *MODEL_METRICS, *CASEWORK_METRICS]
    for title, belongs in _GROUPS:
        yield f"## {title}\n"
        if title in _BEFORE:
            yield _BEFORE[title]
        for metric in [each for each in left if belongs(each)]:
            left.remove(metric)
            yield _section(metric)
    yield "## Of notices\n"
    yield _OF_NOTICES
    yield from map(_section, NOTICES_METRICS)
    yield "## Of the console\n"
    yield _OF_CONSOLE
    yield from map(_section, CONSOLE_METRICS)
    if left:
        raise ValueError(f"every metric must belong to a group, got none for {', '.join(each.name for each in left)}")


def _section(metric: Metric) -> str:
    labels = ", ".join(f"`{each}`" for each in metric.labels) or "none"
    rows = [
        ("type", metric.kind.value), ("unit", metric.unit), ("labels", labels), ("holds", _WHEN[metric.since]),
        *([("buckets", ", ".join(f"{each:g}" for each in metric.buckets))] if metric.buckets else []),
    ]  # fmt: skip
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"### `{metric.name}`\n\n{metric.help}\n\n| | |\n|---|---|\n{table}\n"


def main() -> None:
    """Write the file."""
    FILE.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
