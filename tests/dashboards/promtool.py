"""Runs `promtool test rules` on series that a test makes, and says which alerts fire when."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from dashboards.alerting import ALERTS
from tests.dashboards.reading import ROOT
from tests.parts import command, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

Firing = set[tuple[str, str]]
"""Names and severities."""
Series = dict[str, str]
"""Values in promtool's notation, by series."""
WORKERS = {"a": (0, 1), "b": (2, 3)}
"""Partitions by worker."""


def series(name: str, **labels: object) -> str:
    """How promtool is told of a series; `job` is that of the workers."""
    inside = ",".join(f'{key}="{value}"' for key, value in {"job": "tillwatch", **labels}.items())
    return f"{name}{{{inside}}}"


def healthy(steps: int, step_s: int = 60, records: Callable[[int], float] = lambda _: 6_000) -> Series:
    """Two workers with four partitions, as they are when all is well.

    Args:
        steps: how long, in steps.
        step_s: seconds of a step.
        records: transactions of a partition in step k.
    """
    made: Series = {}
    counts = [0.0]
    for k in range(steps):
        counts.append(counts[-1] + records(k))
    now = f"0+{step_s}x{steps}"
    for worker, partitions in WORKERS.items():
        made |= {
            series("up", instance=worker): f"1x{steps}",
            series("tillwatch_ready", instance=worker): f"1x{steps}",
            series("tillwatch_clock_skew_seconds", instance=worker): f"0.05x{steps}",
            series("tillwatch_log_free_bytes", instance=worker): f"100e9x{steps}",
            series("process_start_time_seconds", instance=worker): f"5x{steps}",
            series("tillwatch_feed_stalled", instance=worker, feed="pos"): f"0x{steps}",
        }
        for each in partitions:
            at = {"partition": each, "instance": worker}
            made |= {
                series("tillwatch_records_total", **at, outcome="transaction"): listed(counts),
                series("tillwatch_records_total", **at, outcome="dead_letter"): f"0x{steps}",
                series("tillwatch_lag_records", **at): f"3x{steps}",
                series("tillwatch_checkpoint_timestamp_seconds", **at): now,
                series("tillwatch_watermark_timestamp_seconds", **at): now,
                series("tillwatch_alerts_total", **at, detector="mcc_jump", severity="high"): f"0x{steps}",
                series("tillwatch_field_present_total", **at, field="fee"): listed(counts),
                series("tillwatch_controls_late_total", **at): f"0x{steps}",
            }
    return made


def listed(values: Iterable[float]) -> str:
    """Values one by one."""
    return " ".join(f"{each:.10g}" for each in values)


def firing(
    folder: Path, given: Mapping[str, str], minutes: Sequence[int], step: str = "1m", every: str = "1m"
) -> dict[int, Firing]:
    """Which alerts fire at some minutes, the dead-man's switch left out.

    Args:
        folder: for what promtool reads.
        given: values by series.
        minutes: when to look.
        step: time from value to value.
        every: time from evaluation to evaluation.
    """
    expression = 'group by (alertname, severity) (ALERTS{alertstate="firing",alertname!="TillwatchDeadMansSwitch"})'
    asked = [{"expr": expression, "eval_time": f"{each}m", "exp_samples": [_NEVER]} for each in minutes]
    printed = run(folder, given, {"promql_expr_test": asked}, step, every)
    found: dict[int, Firing] = {}
    for minute, got in zip(minutes, re.findall(r"got:(.*?)(?=\n\s*expr:|\Z)", printed, re.DOTALL), strict=True):
        labels = re.findall(r'alertname=\\?"(\w+)\\?", severity=\\?"(\w+)\\?"', got)
        found[minute] = set(labels)
    return found


_NEVER = {"labels": '{never="expected"}', "value": 1}
"""So that promtool prints what it found."""


def run(folder: Path, given: Mapping[str, str], tests: Mapping[str, object], step: str, every: str) -> str:
    """What promtool prints of a group of tests."""
    promtool = require(lambda: command("promtool", "prometheus"))
    group = {"interval": step, "input_series": [{"series": k, "values": v} for k, v in given.items()], **tests}
    asked = {"rule_files": [str(each) for each in sorted((ROOT / "rules").glob("*.yml"))],
             "group_eval_order": ["tillwatch-recording", *ALERTS], "evaluation_interval": every,
             "tests": [group]}  # fmt: skip
    path = folder / "rules-test.yml"
    path.write_text(json.dumps(asked), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", str(path)], check=False, capture_output=True, text=True, timeout=280
    )
    return done.stdout + done.stderr
