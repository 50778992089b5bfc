"""A large CSV of which one row in a thousand is bad: time, memory, what is reported, and a kill in the middle.

    python -m bench.file_intake --rows 5000000

Rows stand newest first, in GB18030, with yen signs and thousands commas. They are ingested into an embedded log once,
and once more into another one with a SIGKILL in the middle, after which the same command is given again. Beside it
stands what a program would do that reads the file by pandas and makes a dict of each row.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from domain.alerts import DeadLetter
from streams.sqlite.address import SqliteAddress
from tillwatch.logs import open_log
from tillwatch.settings import Settings

BAD_ONE_IN = 1_000
START = datetime(2026, 6, 1, tzinfo=UTC)
MAPPING = """
time_zone = "Asia/Shanghai"
[fields]
txn_id = "交易单号"
merchant_id = "商户号"
amount = { column = "金额", negative = "refund" }
currency = { constant = "CNY" }
event_time = "交易时间"
mcc = "MCC"
response_code = { column = "状态", values = { "成功" = "00", "失败" = "05" } }
"""
BAD = (
    "{at},8.98E+14,{m},¥1.00,5812,成功", "{at},b{k},{m},oops,5812,成功", "{at},b{k},{m}",
    "2026-13-01,b{k},{m},¥1.00,5812,成功", '{at},"b{k},{m},¥1.00,5812,成功', "{at},b{k},{m},¥1.00,5812,待定",
)  # fmt: skip


def write(path: Path, rows: int) -> set[int]:
    """Write the file; the lines of its bad rows."""
    draw, bad = random.Random(1), set()
    step = timedelta(seconds=30 * 86_400 / rows)
    with path.open("w", encoding="gb18030", newline="") as out:
        out.write("交易明细\r\n导出：张三\r\n交易时间  ,交易单号,商户号,金额,MCC,状态\r\n")
        for k in range(rows, 0, -1):
            at = f"{START + step * k:%Y-%m-%d %H:%M:%S}"
            merchant = f"m{draw.randrange(5_000):05d}"
            if draw.randrange(BAD_ONE_IN) == 0:
                bad.add(rows - k + 4)
                line = BAD[len(bad) % len(BAD)].format(at=at, k=k, m=merchant)
            else:
                line = f'{at},t{k:09d}\t,{merchant},"¥{draw.randrange(100, 500_000) / 100:,.2f}",5812,成功'
            out.write(f"{line}\r\n")
    return bad


def ingest(url: str, file: Path, mapping: Path, *, kill_after_s: float | None = None) -> dict[str, Any]:
    """Run the command; its totals, seconds and greatest memory in MB, or that it was killed."""
    began = time.monotonic()
    arguments = ["--log-url", url, "ingest", str(file), "--mapping", str(mapping), "--historic", "--json"]
    process = subprocess.Popen([sys.executable, "-m", "tillwatch", *arguments], stdout=subprocess.PIPE)
    if kill_after_s is not None:
        wait_for_records(url, process, kill_after_s)
        process.send_signal(signal.SIGKILL)
    assert process.stdout is not None
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = json.loads(out) if out else {}
    return {
        **found,
        "code": process.returncode,
        "wall_s": time.monotonic() - began,
        "peak_mb": usage.ru_maxrss / 1024,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }


def wait_for_records(url: str, process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until records have been appended for some seconds."""
    while process.poll() is None and not appended(url):
        time.sleep(0.2)
    time.sleep(seconds)


def appended(url: str) -> int:
    path = Path(url.removeprefix("sqlite:///"))
    if not path.exists():
        return 0
    with open_log(Settings(log_url=url), make=False) as log:
        return sum(log.end_offset(log.topics.events.name, p) for p in range(log.partitions(log.topics.events.name)))


def outcome(url: str) -> tuple[int, int, set[int]]:
    """Transactions in the log, distinct ones, and the lines of dead letters."""
    ids: list[bytes] = []
    lines: list[int] = []
    with open_log(Settings(log_url=url), make=False) as log:
        for topic in (log.topics.events.name, log.topics.dead_letters.name):
            for partition in range(log.partitions(topic)):
                offset = log.first_offset(topic, partition)
                while len(records := log.read(topic, partition, offset)):
                    offset = int(records.offsets[-1]) + 1
                    for k in range(len(records)):
                        value = records.value(k)
                        if topic == log.topics.dead_letters.name:
                            lines.append(msgspec.json.decode(value, type=DeadLetter).position)
                        elif b'"txn_id"' in value:
                            ids.append(value.partition(b'"txn_id":"')[2].partition(b'"')[0])
    assert len(lines) == len(set(lines)), "a dead letter stands twice"
    return len(ids), len(set(ids)), set(lines)


def by_pandas(file: Path) -> float:
    """Seconds of CPU that reading by pandas and a loop over the rows take, good rows and bad."""
    began = time.process_time()
    table = pd.read_csv(file, encoding="gb18030", skiprows=2, dtype=str, on_bad_lines="skip", quoting=0)
    table.columns = [each.strip() for each in table.columns]
    made = 0
    for row in table.itertuples(index=False):
        try:
            event = {
                "txn_id": row[1].strip(), "merchant_id": row[2], "currency": "CNY", "mcc": row[4],
                "amount": round(float(row[3].lstrip("¥").replace(",", "")) * 100),
                "event_time": f"{datetime.fromisoformat(row[0]).isoformat()}+08:00",
                "response_code": {"成功": "00", "失败": "05"}[row[5]],
            }  # fmt: skip
        except (ValueError, KeyError, AttributeError):
            continue
        made += len(json.dumps(event)) > 0
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        file, mapping = Path(folder, "june.csv"), Path(folder, "m.toml")
        mapping.write_text(MAPPING, encoding="utf-8")
        bad = write(file, rows)
        print(f"{rows:,} rows, {len(bad):,} bad, {file.stat().st_size / 1e6:,.0f} MB", flush=True)
        urls = [SqliteAddress(Path(folder, name)).url for name in ("whole.db", "killed.db")]
        whole = ingest(urls[0], file, mapping)
        count, distinct, lines = outcome(urls[0])
        rate = rows / whole["wall_s"]
        print(
            f"whole: {whole['wall_s']:,.1f} s ({whole['cpu_s']:,.1f} of CPU), {rate:,.0f} rows/s,"
            f" peak {whole['peak_mb']:,.0f} MB ({whole['code']})"
        )
        print(f"  events {count:,}, distinct {distinct:,}; bad rows reported {len(lines & bad):,} of {len(bad):,},"
              f" others {len(lines - bad):,}", flush=True)  # fmt: skip
        killed = ingest(urls[1], file, mapping, kill_after_s=1.0)
        between = outcome(urls[1])
        again = ingest(urls[1], file, mapping)
        after = outcome(urls[1])
        print(
            f"killed ({killed['code']}) at {between[0]:,} events; gone on: {again['wall_s']:,.1f} s ({again['code']})"
        )
        print(
            f"  events {after[0]:,}, distinct {after[1]:,}, as undisturbed: {after == (count, distinct, lines)}",
            flush=True,
        )
        seconds = by_pandas(file)
        print(f"pandas.read_csv and a loop: {seconds:,.1f} s of CPU, {rows / seconds:,.0f} rows/s")


if __name__ == "__main__":
    main()
