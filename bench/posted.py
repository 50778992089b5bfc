"""What posting events costs: events a second, and how long an answer takes, for batches of several sizes.

    python -m bench.posted [--seconds 10] [--clients 1 8] [--batches 1 100 1000]

`tillwatch intake` runs in a process of its own on a new log in a file, on loopback; so many clients in another process,
each of whom waits for an answer before it posts again. Beside it `tillwatch ingest` takes a file of the same events.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from tests.kafka.ports import free_ports

TOKEN = "0123456789abcdef"
ROOT = Path(__file__).parents[1]


def event(k: int, now_ms: int) -> bytes:
    return json.dumps(
        {
            "txn_id": f"t-{k}", "merchant_id": f"8982101581{k % 5000:05d}", "amount": 100 + k % 9000, "currency": "CNY",
            "event_time": now_ms, "mcc": "5411", "scheme": "unionpay", "card_kind": "debit", "response_code": "00",
            "terminal_id": f"{k % 7000:08d}", "stan": f"{k % 1000000:06d}", "entry_mode": "051", "fee": 1,
        }
    ).encode()  # fmt: skip


def client(port: int, batch: int, until_s: float, number: int, found: list[float], sent: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
    k = number * 100_000_000
    while (begun_s := time.perf_counter()) < until_s:
        now_ms = time.time_ns() // 1_000_000
        body = b"\n".join(event(k + i, now_ms) for i in range(batch))
        k += batch
        begun_s = time.perf_counter()
        connection.request("POST", "/api/v1/events", body, headers | {"Idempotency-Key": f"{number}-{k}"})
        answer = connection.getresponse()
        told = json.load(answer)
        assert (answer.status, told["accepted"]) == (200, batch), told
        found.append(time.perf_counter() - begun_s)
        sent.append(batch)
    connection.close()


def measure(folder: Path, clients: int, batch: int, seconds: float) -> str:
    token = folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    (port,) = free_ports(1)
    log = f"sqlite:///{folder}/posted-{clients}-{batch}.db"
    server = subprocess.Popen(
        [sys.executable, "-m", "tillwatch", "--log-url", log, "intake", "--port", str(port)], cwd=ROOT,
        env={**os.environ, "TILLWATCH_INTAKE_TOKEN_FILE": str(token)}, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stderr is not None
        server.stderr.readline()
        warm_until = time.perf_counter() + 60
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.perf_counter() < warm_until
        client(port, batch, time.perf_counter() + 1, 99, [], [])
        found: list[float] = []
        sent: list[int] = []
        begun_s = time.perf_counter()
        threads = [
            threading.Thread(target=client, args=(port, batch, begun_s + seconds, number, found, sent))
            for number in range(clients)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        lasted_s = time.perf_counter() - begun_s
    finally:
        server.terminate()
        server.wait()
    p50, p95, p99 = (1000 * np.percentile(found, each) for each in (50, 95, 99))
    rates = f"{sum(sent) / lasted_s:,.0f} | {len(sent) / lasted_s:,.0f}"
    return f"| {clients} | {batch:,} | {rates} | {p50:.1f} | {p95:.1f} | {p99:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 100, 1000])
    asked = parser.parse_args()
    print("| clients | events a request | events a second | requests a second | p50 ms | p95 ms | p99 ms |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for clients in asked.clients:
            for batch in asked.batches:
                print(measure(Path(folder), clients, batch, asked.seconds), flush=True)
        lines = Path(folder) / "events.jsonl"
        now_ms = time.time_ns() // 1_000_000
        lines.write_bytes(b"".join(event(k, now_ms) + b"\n" for k in range(300_000)))
        done = subprocess.run(
            [
                sys.executable, "-m", "tillwatch", "--log-url", f"sqlite:///{folder}/file.db", "ingest", str(lines),
                "--json",
            ],
            cwd=ROOT, capture_output=True, check=True,
        )  # fmt: skip
        print(f"ingest of a file: {json.loads(done.stdout)['records_per_second']:,} events a second")


if __name__ == "__main__":
    main()
