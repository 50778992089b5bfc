"""Lays MCCs that a merchant never had into a stream without master data, and says how many are told.

    python bench/never_seen.py EVENTS.jsonl [SEED]

The events are of one MCC for each merchant, such as `bench/tabformer.py` writes. Half of the merchants with a history
of 30 approved sales and 30 days, and sales after it, get an event: from a random later sale on, for 1 to 60 days, 5 to
100 % of their sales (the first always) show another MCC of the stream, or one of a high-risk trade. A run without
events counts what is false, another gives each merchant a second lawful MCC from its start, in 10 to 50 % of its sales.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.tabformer import alerts_of
from domain.mcc_risk import HIGH_RISK_MCCS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evaluation.matching import Found

Event = dict[str, Any]
SALES, DAYS = 30, 30
"""The least history before an event."""
FORGOTTEN_D = 400


class Laid(NamedTuple):
    """An event laid in."""

    merchant: str
    mcc: str
    share: float
    from_ms: int
    sales: int


class Score(NamedTuple):
    """What came of a stream."""

    events: int
    found: int
    merchants: int
    false: int
    """Alerts of `mcc_jump` on merchants without an event, or before it."""


def read(path: Path) -> list[Event]:
    """The events of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _by_merchant(events: Sequence[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for each in events:
        if each["txn_type"] == "purchase" and each["response_code"] == "00":
            found.setdefault(each["merchant_id"], []).append(each)
    return found


def _time(event: Event) -> datetime:
    return datetime.fromisoformat(event["event_time"])


def _settled(sales: Sequence[Event]) -> list[int]:
    """The places of the sales that have a history before them, which a merchant's 400 days without a sale end."""
    begun, found = 0, []
    for k, (before, each) in enumerate(pairwise(sales), start=1):
        if (_time(each) - _time(before)).days >= FORGOTTEN_D:
            begun = k
        if k - begun >= SALES and (_time(each) - _time(sales[begun])).days > DAYS:
            found.append(k)
    return found


def lay(events: Sequence[Event], seed: int, share_of_merchants: float = 0.5) -> list[Laid]:
    """Change the MCC of some sales of some merchants in place; what was laid in."""
    rng, laid = random.Random(seed), []
    mccs = sorted({each["mcc"] for each in events} | {*HIGH_RISK_MCCS})
    for merchant, sales in sorted(_by_merchant(events).items()):
        settled = _settled(sales)
        if not settled or rng.random() >= share_of_merchants:
            continue
        first, share = rng.choice(settled), 0.05 * 20.0 ** rng.random()
        mcc = rng.choice([each for each in mccs if each != sales[0]["mcc"]])
        until = _time(sales[first]) + timedelta(days=rng.uniform(1, 60))
        hit = [each for k, each in enumerate(sales[first:]) if _time(each) < until and (k == 0 or rng.random() < share)]
        for each in hit:
            each["mcc"] = mcc
        laid.append(Laid(merchant, mcc, share, round(_time(hit[0]).timestamp() * 1000), len(hit)))
    return laid


def give_second(events: Sequence[Event], seed: int) -> int:
    """Give every merchant a second MCC from its start, in place; how many merchants there are."""
    rng = random.Random(seed)
    mccs = sorted({each["mcc"] for each in events})
    sold = _by_merchant(events)
    for _, sales in sorted(sold.items()):
        share, other = rng.uniform(0.1, 0.5), rng.choice([each for each in mccs if each != sales[0]["mcc"]])
        for k, each in enumerate(sales):
            if k == 1 or rng.random() < share:
                each["mcc"] = other
    return len(sold)


def _told(events: Sequence[Event]) -> list[Found]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in events), encoding="utf-8")
        return [each for each in alerts_of(path) if each.detector == "mcc_jump"]


def score(events: Sequence[Event], laid: Sequence[Laid]) -> Score:
    """How many of the events laid in are told, and how many alerts tell of something else."""
    starts = {each.merchant: each.from_ms for each in laid}
    alerts = _told(events)
    true = {each.merchant_id for each in alerts if each.first_ms >= starts.get(each.merchant_id, 2**62)}
    false = [each for each in alerts if each.first_ms < starts.get(each.merchant_id, 2**62)]
    return Score(len(laid), len(true), len(_by_merchant(events)), len(false))


def main() -> None:
    path, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    untouched = score(read(path), [])
    print(f"untouched: {untouched.false} false alerts on {untouched.merchants:,} merchants")
    events = read(path)
    made = score(events, lay(events, seed))
    print(f"laid in: {made.found} of {made.events} events told, {made.false} false alerts")
    events = read(path)
    give_second(events, seed)
    print(f"two MCCs since the start: {score(events, []).false} false alerts on {untouched.merchants:,} merchants")


if __name__ == "__main__":
    main()
