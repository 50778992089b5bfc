"""How far off the forecasts of a breach are: chargebacks that come at random, at a steady or growing pace.

    python -m bench.gauges                  40 merchants, steady
    python -m bench.gauges --growth 0.05    each day brings 5 % more than the one before

Each merchant has 6,000 payments by Mastercard in August and so many chargebacks in September that ECM's hundredth comes
between the 12th and the 28th, as many a day in the two weeks before. At each closed day before that the forecast is
held against the day it came.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict

import msgspec
import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig

AUGUST_MS = 1_785_513_600_000
"""1 August 2026, 00:00 in Shanghai."""
PAYMENTS, DAYS, LEAST = 6_000, 61, 100


def records_of(merchant: int, rng: np.random.Generator, growth: float) -> tuple[list[tuple[int, bytes]], int]:
    """A merchant's records by time, and on which day of September (from 0) its hundredth chargeback comes."""
    name, out = f"m{merchant}", []
    pace = LEAST / rng.uniform(12, 28)
    for k, at_ms in enumerate(np.sort(AUGUST_MS + rng.integers(0, 31 * DAY_MS, PAYMENTS)).tolist()):
        out.append((at_ms, {"txn_id": f"{name}t{k}", "amount": 5_000, "event_time": at_ms}))
    start, count, breach = AUGUST_MS + 31 * DAY_MS, 0, 99
    for k, at_ms in enumerate(np.sort(start - rng.integers(1, 14 * DAY_MS, rng.poisson(14 * pace))).tolist()):
        out.append((at_ms, {"type": "chargeback", "report_id": f"{name}a{k}", "event_time": at_ms}))
    for day in range(30):
        out.append((start + day * DAY_MS, {"txn_id": f"{name}s{day}", "amount": 5_000,
                                           "event_time": start + day * DAY_MS}))  # fmt: skip
        mean = growth / ((1 + growth) ** 20 - 1) * 20 * (1 + growth) ** day if growth else 1.0
        for at_ms in np.sort(start + day * DAY_MS + rng.integers(0, DAY_MS, rng.poisson(pace * mean))).tolist():
            count += 1
            breach = min(breach, day) if count >= LEAST else breach
            out.append((at_ms, {"type": "chargeback", "report_id": f"{name}c{count}", "event_time": at_ms}))
    common = {"merchant_id": name, "currency": "CNY", "scheme": "mastercard", "entry_mode": "812", "feed": "f"}
    return [(at_ms, msgspec.json.encode(event | common)) for at_ms, event in out], breach


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--merchants", type=int, default=40)
    parser.add_argument("--growth", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    started, rng = time.process_time(), np.random.default_rng(options.seed)
    monitor = Monitor(MonitorConfig(capacity=options.merchants), detectors=[], historic=True)
    records, breaches = [], {}
    for merchant in range(options.merchants):
        mine, breaches[f"m{merchant}"] = records_of(merchant, rng, options.growth)
        records += mine
    for day in range(DAYS):
        at_ms = AUGUST_MS + (day + 1) * DAY_MS + 4 * HOUR_MS
        records.append((at_ms, msgspec.json.encode({"type": "clock", "feed": "f", "event_time": at_ms})))
    records.sort(key=lambda each: each[0])
    off: dict[int, list[int]] = defaultdict(list)
    untold = 0
    for first in range(0, len(records), 20_000):
        for rows in monitor._pipeline.rows(Records.of([each for _, each in records[first : first + 20_000]])):
            for j in rows.closings.tolist():
                day = int(rows.local_ms[j] - AUGUST_MS - 31 * DAY_MS - 8 * HOUR_MS) // DAY_MS
                breach, told = breaches[rows.merchant_id(int(rows.merchant_row[j]))], int(
                    rows.columns["gauge_ecm_days"][j]
                )  # fmt: skip
                ahead = breach - day
                if not 1 <= ahead <= 10 or day < 0 or breach == 99:
                    continue
                untold += told < 0
                if told >= 0:
                    off[ahead].append(told - ahead)
    for ahead in (1, 3, 5, 7, 10):
        errors = np.array(off[ahead])
        if len(errors):
            size, mean = np.abs(errors).mean(), errors.mean()
            print(f"{ahead} days ahead: off by {size:.1f} days, {mean:+.1f} in the mean, {len(errors)} forecasts")
    print(f"no breach told within ten days of one: {untold}; {time.process_time() - started:.0f} s of processor time")


if __name__ == "__main__":
    main()
