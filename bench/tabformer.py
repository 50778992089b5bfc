"""Turns the public TabFormer card data (IBM, Apache-2.0) into events, and says what alerts they make.

    python bench/tabformer.py IN.csv.gz OUT.jsonl

A merchant is a `Merchant Name`; its 64-bit number is written in hexadecimal, for in decimal one in ten looks like a
card number. Times are minutes of America/Los_Angeles, where this cardholder lives; of an hour that comes twice the
first is taken. Rows are sorted by time, those of one minute as they stand. A negative amount is a refund. An error is a
decline; of several the first counts. `Use Chip` is the entry mode. There is no master data, so MCCs are judged by
history.

Printed are how many alerts each detector makes, and for how many stories of a merchant: `evaluation/stories.py`.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from detectors.registry import make_detectors
from engine.control_kinds.engine import EngineSettings
from engine.monitor import Monitor, MonitorConfig
from evaluation.cells import stories
from evaluation.collection import Collector
from evaluation.stories import per_story
from tillwatch.replay import batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evaluation.matching import Found

ZONE = ZoneInfo("America/Los_Angeles")
ENTRY_MODES = {"Swipe Transaction": "90", "Chip Transaction": "05", "Online Transaction": "01"}
CAPACITY = 100_000
"""Merchants that there is room for."""
RESPONSE_CODES = {
    "": "00",
    "Bad Card Number": "14",
    "Bad CVV": "05",
    "Bad Expiration": "54",
    "Bad PIN": "55",
    "Bad Zipcode": "05",
    "Insufficient Balance": "51",
    "Technical Glitch": "96",
}


def events(path: Path) -> Iterator[dict[str, object]]:
    """The events of a file, ascending in time."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
        rows = [(_time(row), number, row) for number, row in enumerate(csv.DictReader(file), start=1)]
    for moment, number, row in sorted(rows, key=lambda each: (each[0].timestamp(), each[1])):
        cents = int(Decimal(row["Amount"].replace("$", "")) * 100)
        yield {
            "txn_id": f"tf-{number}",
            "merchant_id": f"m{int(row['Merchant Name']) % 2**64:016x}",
            "amount": abs(cents),
            "currency": "USD",
            "event_time": moment.isoformat(),
            "mcc": row["MCC"].zfill(4),
            "txn_type": "refund" if cents < 0 else "purchase",
            "card_token": sha256(f"{row['User']}/{row['Card']}".encode()).hexdigest()[:32],
            "entry_mode": ENTRY_MODES[row["Use Chip"]],
            "response_code": RESPONSE_CODES[row["Errors?"].split(",")[0]],
        }


def _time(row: dict[str, str]) -> datetime:
    hour, minute = row["Time"].split(":")
    return datetime(int(row["Year"]), int(row["Month"]), int(row["Day"]), int(hour), int(minute), tzinfo=ZONE)


def convert(source: Path, target: Path) -> int:
    """Write the events of `source` to `target`, one a line; how many."""
    with target.open("w", encoding="utf-8") as out:
        count = 0
        for count, event in enumerate(events(source), start=1):  # noqa: B007  the last is the result
            out.write(json.dumps(event, separators=(",", ":")) + "\n")
    return count


def alerts_of(events_file: Path) -> list[Found]:
    """The alerts of a file that `convert` wrote, at their last revisions."""
    controls = {"engine": EngineSettings(country="US")}
    monitor = Monitor(MonitorConfig(capacity=CAPACITY, time_zone=ZONE.key, controls=controls), historic=True)
    collector = Collector(make_detectors())
    with events_file.open("rb") as lines:
        for _, records in batches(lines, events_file.name, [], list, monitor.controls.id_forms()):
            collector.take(monitor.process(records).alerts)
    return collector.found()


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    print(f"{convert(source, target):,} events")
    row = "{:<16}{:>8}{:>18}{:>9}{:>16}"
    print(row.format("detector", "alerts", "of them reopened", "stories", "alerts a story"))
    for cells in stories(per_story(alerts_of(target))):
        print(row.format(*cells))


if __name__ == "__main__":
    main()
