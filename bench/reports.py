"""What is found of compromised points by the reports that come on their payments.

    python -m bench.reports                  10,000 merchants, 1 in 100 compromised, reports 7 days late
    python -m bench.reports --late           reports 1 to 90 days late
    python -m bench.reports --withheld       the same traffic without the reports

All merchants are simulated; the monitor is given the transactions of those alone of which as many payments are reported
as an alert takes, for no other can have one.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from detectors.compromised_point import CompromisedPoint
from domain.timestamps import DAY_MS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import Simulation

if TYPE_CHECKING:
    from simulator.truth import Violation


def traffic(options: argparse.Namespace) -> Simulation:
    """The run, cut to the merchants that bear enough reports, and whether reports come."""
    most = 90.0 if options.late else 7.0
    config = SimulationConfig(
        seed=options.seed, merchants=options.merchants, days=options.days, tx_per_merchant_day=options.rate,
        fees="none", contracts=False, time_format="epoch_ms", reports=True, compromised_share=options.share,
        report_least_d=1.0 if options.late else 7.0, report_most_d=most,
    )  # fmt: skip
    simulation = Simulation(config)
    reports = [each for each in simulation._changes if b'"fraud_report"' in each[2] or b'"chargeback"' in each[2]]
    of_merchant = np.bincount([each[1] for each in reports], minlength=config.merchants)
    simulation._everyone = np.flatnonzero(of_merchant >= CompromisedPoint().least_reports)
    wanted = set(simulation._everyone.tolist())
    simulation._changes = [] if options.withheld else [each for each in simulation._changes if each[1] in wanted]
    return simulation


def alerts_of(simulation: Simulation) -> dict[str, tuple[int, str]]:
    """By merchant that has an alert, when its first was told and why."""
    monitor = Monitor(MonitorConfig(capacity=simulation.config.merchants), detectors=[CompromisedPoint()])
    monitor.process(Records.of([record for record in simulation.master_records() if b'"merchant"' in record]))
    found: dict[str, tuple[int, str]] = {}
    for batch in simulation.batches(20_000):
        outputs = monitor.process(Records.of(batch.values()))
        for alert in outputs.alerts:
            at_ms = int(batch.received_ms[-1])
            found.setdefault(alert.merchant_id, (at_ms, alert.reason.en))
    return found


def first_reports(simulation: Simulation, points: dict[str, Violation]) -> dict[str, int]:
    """By merchant, when the first report came of a payment that was made with a card that leaked there."""
    leaked = {(each.merchant_id, txn_id) for each in points.values() for txn_id in each.txn_ids}
    found: dict[str, int] = {}
    for received_ms, _, record in simulation._changes:
        event = msgspec.json.decode(record)
        if event["type"] == "fraud_report" and (event["merchant_id"], event["txn_id"]) in leaked:
            found.setdefault(event["merchant_id"], received_ms)
    return found


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merchants", type=int, default=10_000)
    parser.add_argument("--days", type=float, default=60)
    parser.add_argument("--rate", type=float, default=10.0, help="sales a merchant-day")
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--late", action="store_true")
    parser.add_argument("--withheld", action="store_true")
    options = parser.parse_args()
    started = time.process_time()
    simulation = traffic(options)
    points = {each.merchant_id: each for each in simulation.violations() if each.category == "card"}
    told = first_reports(simulation, points)
    found = alerts_of(simulation)
    hits = {name: each for name, each in found.items() if name in points}
    false = {name: each for name, each in found.items() if name not in points}
    days = sorted((at_ms - told[name]) / DAY_MS for name, (at_ms, _) in hits.items() if name in told)
    print(
        f"compromised {len(points)}, with reports {len(told)}, merchants simulated {options.merchants},"
        f" given to the monitor {len(simulation._everyone)}, records on payments {len(simulation._changes)}"
    )
    print(
        f"recall {len(hits) / max(len(told), 1):.3f}, precision {len(hits) / max(len(found), 1):.3f},"
        f" false {len(false)}, alerts a day {len(found) / options.days:.2f}"
    )
    if days:
        median, late = np.quantile(days, [0.5, 0.9])
        print(f"days from the first report to the alert: median {median:.1f}, 90 % {late:.1f}")
    for name, each in list(false.items())[:5]:
        print("false:", name, each[1])
    for name in [each for each in told if each not in hits][:5]:
        it = points[name]
        print("missed:", it.kind, f"{it.effect:.2f}", it.transactions, f"{(it.end_ms - it.onset_ms) / DAY_MS:.0f} d")
    print(f"{time.process_time() - started:.0f} s of processor time")


if __name__ == "__main__":
    main()
