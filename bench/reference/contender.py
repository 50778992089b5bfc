"""What the Python contenders share: the command line, and the line of JSON at the end."""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any


def arguments(variants: tuple[str, ...]) -> argparse.Namespace:
    """The command line of a contender; the first of its `variants` is the default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--records", type=int, required=True, help="of the whole input, 0: it has no end")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--variant", choices=variants, default=variants[0])
    return parser.parse_args()


class Meter:
    """Counts what was processed, and says how fast.

    Args:
        contender: its name.
        records: of the whole input; 0 if it has no end.
    """

    def __init__(self, contender: str, records: int) -> None:
        self._contender, self._records = contender, records
        self._count = self._half_count = 0
        self._begun_s = self._half_s = self._cpu_s = self._flushed_s = 0.0
        self.alerts = 0

    def begin(self) -> None:
        """The first records are there; further calls change nothing."""
        if not self._begun_s:
            self._begun_s, self._cpu_s = time.perf_counter(), _cpu_s()

    def add(self, records: int) -> bool:
        """Count processed records; whether these were the last."""
        self.begin()
        self._count += records
        if not self._half_s and self._count * 2 >= self._records:
            self._half_s, self._half_count = time.perf_counter(), self._count
        return self._count == self._records

    def flushed(self) -> None:
        """Outputs and state are flushed; the last call counts. What follows is leaving the group and ending."""
        self._flushed_s = time.perf_counter()

    def report(self, **settings: Any) -> None:
        """Print the result, once outputs and state are flushed; raises ValueError if records are missing."""
        if self._count != self._records:
            raise ValueError(f"{self._contender} should process {self._records} records, got {self._count}")
        now = self._flushed_s or time.perf_counter()
        seconds = now - self._begun_s
        print(
            json.dumps({
                "contender": self._contender, "records": self._count, "seconds": seconds,
                "rate": self._count / seconds, "alerts": self.alerts, "cpu_seconds": _cpu_s() - self._cpu_s,
                "rate_second_half": (self._count - self._half_count) / (now - self._half_s), "settings": settings,
            }),
            flush=True,
        )  # fmt: skip


def _cpu_s() -> float:
    """Processor time of this process and those it has waited for."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in spent)
