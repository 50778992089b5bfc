"""What is sent, and the sender: in an open loop, which never waits for a result before it sends what is due."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.decoding.hashing import partition_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Event

    from streams.log import Log

FEED = "stress"
REGISTERED_MCC, OTHER_MCC = "5812", "8062"
"""A restaurant, and a hospital: the sale of a restaurant sent as a hospital's is an alert at once."""
PROBES_PER_S = 50
MOST_PROBES = 20_000
_USUAL = 2_000
_BATCH = 5_000
_EARLIER_MS = 86_400_000
_SALE = json.dumps({
    "txn_id": "%s", "merchant_id": "%s", "amount": 12_800, "currency": "CNY", "event_time": "%d", "received_at": "%d",
    "terminal_id": "21000417", "acceptor_id": "898210158120002", "mcc": "%s", "scheme": "unionpay",
    "txn_type": "purchase", "card_kind": "credit", "entry_mode": "051", "card_token": "%032x", "card_last4": "7894",
    "response_code": "00", "stan": "%06d", "feed": FEED,
}).replace('"%d"', "%d")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """Which sales are sent when.

    Attributes:
        run: tells this run's merchants and transactions from those of earlier ones in the log.
        rate: sales a second.
        count: sales in all.
        probe_every: one of so many is a probe: the first sale of a merchant of its own, with another MCC than its own.
    """

    run: int
    rate: float
    count: int
    probe_every: int

    @classmethod
    def of(cls, run: int, rate: float, seconds: float) -> Plan:
        """The plan for so many seconds at a rate."""
        count = max(1, round(rate * seconds))
        wanted = min(MOST_PROBES, max(1, round(seconds * PROBES_PER_S)))
        return cls(run, rate, count, max(2, count // wanted) if count > 1 else 1)

    @property
    def probes(self) -> list[str]:
        """The merchants of the probes, in the order of their sales."""
        return [self.merchant(number) for number in range(0, self.count, self.probe_every)]

    def merchants(self) -> list[str]:
        """All merchants."""
        return [*self.probes, *(f"s{self.run}m{each}" for each in range(_USUAL))]

    def is_probe(self, number: int) -> bool:
        """Whether a sale is a probe."""
        return number % self.probe_every == 0

    def merchant(self, number: int) -> str:
        """Whose a sale is."""
        if self.is_probe(number):
            return f"s{self.run}p{number // self.probe_every}"
        return f"s{self.run}m{number * 7919 % _USUAL}"

    def intended_s(self, number: int) -> float:
        """When a sale is meant to be sent, seconds after the first."""
        return number / self.rate

    def sale(self, number: int, intended_ms: int) -> bytes:
        """A sale of some 380 bytes, whose event time is when it was meant to be sent, UTC milliseconds."""
        mcc = OTHER_MCC if self.is_probe(number) else REGISTERED_MCC
        merchant, txn_id = self.merchant(number), f"s{self.run}t{number}"
        return (_SALE % (txn_id, merchant, intended_ms, intended_ms, mcc, number, number % 10**6)).encode()


def put_merchants(log: Log, merchants: Sequence[str], now_ms: int) -> None:
    """Append the master data of merchants, each registered under `REGISTERED_MCC` for a day."""
    partitions = log.partitions(log.topics.events.name)
    values: list[list[bytes]] = [[] for _ in range(partitions)]
    keys: list[list[bytes | None]] = [[] for _ in range(partitions)]
    for merchant in merchants:
        known = {
            "type": "merchant", "merchant_id": merchant, "effective_from": now_ms - _EARLIER_MS,
            "mccs": [REGISTERED_MCC], "received_at": now_ms, "feed": FEED,
        }  # fmt: skip
        home = partition_of(merchant.encode(), partitions)
        values[home].append(json.dumps(known).encode())
        keys[home].append(merchant.encode())
    log.append_each(log.topics.events.name, values, keys=keys)


@dataclass(slots=True)
class Sent:
    """What a sender did.

    Attributes:
        began_s: when the first sale was meant to be sent, by the monotonic clock.
        ended_s: when the last append had ended.
        count: sales appended.
        own_late_s: of each append, how far behind its turn it began by the sender's own fault: not because the append
            before took long.
        append_s: how long each append took.
    """

    began_s: float = 0.0
    ended_s: float = 0.0
    count: int = 0
    own_late_s: list[float] = field(default_factory=list)
    append_s: list[float] = field(default_factory=list)


class Sender:
    """Appends what is due, at each turn of a steady rhythm, whatever came of the sales before.

    Args:
        log: where to.
        plan: what, and when.
        every_s: from one turn to the next, seconds.
    """

    def __init__(self, log: Log, plan: Plan, every_s: float) -> None:
        self._log, self._plan, self._every_s = log, plan, every_s
        self._topic = log.topics.events.name
        self._partitions = log.partitions(self._topic)
        self._home = {each: partition_of(each.encode(), self._partitions) for each in plan.merchants()}
        self.sent = Sent()

    def run(self, began_s: float, began_ms: int, stop: Event) -> None:
        """Send everything, or until `stop` is set.

        Args:
            began_s: when the first sale is meant to be sent, by the monotonic clock.
            began_ms: the same, UTC milliseconds.
            stop: ends it.
        """
        plan, sent = self._plan, self.sent
        sent.began_s = free_s = turn_s = began_s
        while sent.count < plan.count and not stop.wait(max(0.0, turn_s - time.monotonic())):
            due = min(plan.count, int((time.monotonic() - began_s) * plan.rate) + 1, sent.count + _BATCH)
            if due > sent.count:
                values, keys = self._records(sent.count, due, began_ms)
                start_s = time.monotonic()
                sent.own_late_s.append(start_s - max(turn_s, free_s))
                self._log.append_each(self._topic, values, keys=keys)
                free_s = sent.ended_s = time.monotonic()
                sent.append_s.append(free_s - start_s)
                sent.count = due
            # One that took long is not followed by several at once: they would go together anyway.
            turn_s += self._every_s * max(1, math.ceil((time.monotonic() - turn_s) / self._every_s))

    def _records(self, first: int, end: int, began_ms: int) -> tuple[list[list[bytes]], list[list[bytes | None]]]:
        """Sales from `first` up to `end`, and their keys, by partition."""
        plan = self._plan
        values: list[list[bytes]] = [[] for _ in range(self._partitions)]
        keys: list[list[bytes | None]] = [[] for _ in range(self._partitions)]
        for number in range(first, end):
            merchant = plan.merchant(number)
            home = self._home[merchant]
            values[home].append(plan.sale(number, began_ms + round(plan.intended_s(number) * 1000)))
            keys[home].append(merchant.encode())
        return values, keys
