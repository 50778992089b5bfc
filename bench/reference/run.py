"""The reference job on all contenders: `python -m bench.reference.run [--records N] [--rounds 3] [--only a,b]`.

Starts a broker, fills the input topic, and runs the contenders in turn, each pinned to a core that the broker does not
use; each must give the alerts of plain.py. They alternate, so that a machine whose speed drifts is fair to all: trust
ratios within a round.
[job.md](job.md) says what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
from collections import Counter
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.reference.contenders import LEAST_RECORDS, chosen
from bench.reference.data import Traffic
from bench.reference.plain import expected
from bench.reference.scene import PARTITIONS, ROOT, Scene, environment, machine, new_group, scene, versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.reference.contenders import Contender

Alerts = set[tuple[str, str, str]]
_TIMEOUT_S = 900.0


class WrongAlerts(Exception):
    """A contender's alerts are not those of plain.py."""


def input_topic(records: int) -> str:
    """The input of so many records."""
    return f"reference-{records}"


def prepare(at: Scene, records: int) -> tuple[Alerts, float]:
    """Fill a topic; the alerts it must give, and the mean bytes of its first transactions."""
    traffic = Traffic(records)
    at.make_topic(input_topic(records), PARTITIONS)
    at.run_in_bench("produce", "--bootstrap", at.bootstrap, "--topic", input_topic(records), "--records", records)
    sizes = [len(value) for _, value in islice(traffic, 2 * traffic.merchants, LEAST_RECORDS)]
    alerts = expected(value for _, value in traffic)
    kinds = Counter(kind for kind, _, _ in alerts)
    print(f"{records:,} records, {len(alerts):,} alerts: {dict(kinds)}", flush=True)
    return alerts, statistics.mean(sizes)


def measure(at: Scene, contender: Contender, records: int, alerts: Alerts) -> dict[str, Any]:
    """One run of a contender: what it printed, and the load of the machine before.

    Raises:
        WrongAlerts: its alerts are others.
        RuntimeError: it failed.
    """
    group = new_group(contender)
    output = f"alerts-{group}"
    at.make_topic(output, 1)
    load = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        command = at.command(contender, (input_topic(records), output), group, records)
        done = subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    results = re.findall(r'{"contender".*}', done.stdout)
    if done.returncode or not results:
        said = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(
            f"{contender.name} should end well and print a result, ended with {done.returncode}:\n{said}"
        )
    compare(contender.name, at.alerts(output), alerts)
    at.remove(group)
    return {**json.loads(results[-1]), "contender": contender.name, "load": load}


def compare(name: str, found: Alerts, alerts: Alerts) -> None:
    """Raises WrongAlerts unless both are the same."""
    if found != alerts:
        missing, more = sorted(alerts - found), sorted(found - alerts)
        raise WrongAlerts(
            f"{name} should give {len(alerts)} alerts, {len(missing)} are missing ({missing[:3]}), "
            f"{len(more)} should not be there ({more[:3]})"
        )


def summary(rounds: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """By contender: median, lowest and highest rate, processor time, and its rate over the first contender's.

    The ratio is the median of those of the rounds in which both ran.
    """
    by_name: dict[str, dict[int, dict[str, Any]]] = {}
    for each in rounds:
        by_name.setdefault(each["contender"], {})[each["round"]] = each
    base = next(iter(by_name.values()), {})
    return {
        name: {
            "records": runs[min(runs)]["records"],
            "rate": statistics.median(each["rate"] for each in runs.values()),
            "lowest": min(each["rate"] for each in runs.values()),
            "highest": max(each["rate"] for each in runs.values()),
            "rate_second_half": statistics.median(each["rate_second_half"] for each in runs.values()),
            "cpu_us": statistics.median(each["cpu_seconds"] / each["records"] * 1e6 for each in runs.values()),
            "ratio": statistics.median(runs[k]["rate"] / base[k]["rate"] for k in runs if k in base),
        }
        for name, runs in by_name.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000, help="enough for checkpoints every 10 s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="names with commas between")
    parser.add_argument(
        "--bootstrap", default="", help="of a broker that runs, of tests/kafka's version; without, one is started"
    )
    parser.add_argument("--result", type=Path, default=ROOT / "var" / "reference.json")
    args = parser.parse_args()
    contenders = chosen(args.only)
    for build in dict.fromkeys(each.build for each in contenders if each.build):
        subprocess.run([word.format(root=ROOT) for word in build], cwd=ROOT, check=True)
    args.result.parent.mkdir(parents=True, exist_ok=True)
    with scene(args.bootstrap) as at:
        inputs = {records: prepare(at, records) for records in {each.records(args.records) for each in contenders}}
        result: dict[str, Any] = {
            "machine": machine(), "versions": versions(), "records": args.records, "partitions": PARTITIONS,
            "record_bytes": max(inputs.items())[1][1], "rounds": [],
        }  # fmt: skip
        for k in range(args.rounds):
            for contender in contenders:
                records = contender.records(args.records)
                run = {"round": k, **measure(at, contender, records, inputs[records][0])}
                result["rounds"].append(run)
                print(f"round {k + 1} {contender.name:20} {run['rate']:>10,.0f}/s of {records:,}", flush=True)
                result["summary"] = summary(result["rounds"])
                args.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name, each in result["summary"].items():
        print(
            f"{name:20} {each['rate']:>10,.0f}/s ({each['lowest']:,.0f} to {each['highest']:,.0f}) {each['ratio']:.3f}"
        )


if __name__ == "__main__":
    main()
