"""Turns the public TabFormer card data (IBM, Apache-2.0) into events: `python bench/tabformer.py IN.csv.gz OUT.jsonl`.

A merchant is a `Merchant Name`; its 64-bit number is written in hexadecimal, for in decimal one in ten looks like a
card number. Times are minutes of America/Los_Angeles, where this cardholder lives; of an hour that comes twice the
first is taken. Rows are sorted by time, those of one minute as they stand. A negative amount is a refund. An error is a
decline; of several the first counts. `Use Chip` is the entry mode. There is no
master data, so MCCs are judged by history.
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

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = ZoneInfo("America/Los_Angeles")
ENTRY_MODES = {"Swipe Transaction": "90", "Chip Transaction": "05", "Online Transaction": "01"}
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


if __name__ == "__main__":
    print(convert(Path(sys.argv[1]), Path(sys.argv[2])), "events")
