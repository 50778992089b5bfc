"""How many alerts a second the filing agent files in SQLite: `python -m bench.casework [ALERTS] [TRANSACTIONS]`.

The alerts lie in a log of four partitions, three to a merchant, each with four figures of evidence and so many
transactions. Disk and processor time are this machine's; the log is made first and is no part of the figure.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from casework.agent import FilingAgent
from casework.store import Store
from domain.alerts import Alert, Evidence, Text
from domain.readings import TransactionRow
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.causes.world import FIRST, alert

if TYPE_CHECKING:
    from streams.log import Log

PARTITIONS = 4
_AT_ONCE = 5_000
_EVIDENCE = tuple(Evidence(f"feature_{i}", "1d", 1.0, 2.0, 3.0, "ppm") for i in range(4))


def made(number: int, merchants: int, transactions: int) -> Alert:
    listed = tuple(
        TransactionRow(
            txn_id=f"t{number}-{i}", time="2025-01-01T04:00:00.000Z", amount=1_000 + i, currency="CNY", mcc="5411",
            registered=("5812",), terminal_id="T1", rrn="123456789012", stan="000001", card_last4="1234",
            response_code="00", fee=60,
        )
        for i in range(transactions)
    )  # fmt: skip
    return alert(
        f"{number:08x}-0000-5000-8000-{number:012x}", f"89821015{number % merchants:07}", "mcc_jump",
        FIRST + timedelta(days=number % 300), severity=number % 97 / 97, transactions=listed, evidence=_EVIDENCE,
        loss=100, turnover=1_000, title=Text("MCC jumping", "跳码"), reason=Text("x" * 150, "跳" * 80),
    )  # fmt: skip


def fill(log: Log, count: int, transactions: int) -> None:
    for first in range(0, count, _AT_ONCE):
        numbers = range(first, min(count, first + _AT_ONCE))
        alerts = [made(each, max(1, count // 3), transactions) for each in numbers]
        for partition in range(PARTITIONS):
            part = alerts[partition::PARTITIONS]
            keys = [each.alert_id.encode() for each in part]
            log.append("alerts", partition, [*map(msgspec.json.encode, part)], keys=keys)


def main() -> None:
    count, transactions = (int(each) for each in (sys.argv[1:] + ["20000", "5"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder, SqliteLog(Path(folder) / "log.db", durable=False) as log:
        create_topics(log, PARTITIONS)
        fill(log, count, transactions)
        file = Path(folder) / "casework.db"
        with Store(f"sqlite:///{file}") as store:
            store.check_version(make=True)
            agent = FilingAgent(store, log)
            gc.freeze()
            gc.set_threshold(50_000)  # as `tillwatch casework file` has it
            began, used = time.perf_counter(), time.process_time()
            filed = agent.file()
            wall_s, cpu_s = time.perf_counter() - began, time.process_time() - used
        size = file.stat().st_size / filed.alerts
        print(f"{filed.alerts:,} alerts of {transactions} transactions: {filed.alerts / wall_s:,.0f} a second,")
        print(f"{filed.alerts / cpu_s:,.0f} a second of processor time, {size:,.0f} bytes each")


if __name__ == "__main__":
    main()
