"""A session that a real Prometheus scrapes, then every panel's and rule's query against it, and pictures.

    python -m bench.dashboard_session --into var/session        some 20 minutes on two cores

Kafka from its own jars, two workers, simulated merchants with violations: their past is ingested within some minutes,
then they trade in the present. One feed falls silent, records that nobody can read are produced, a worker is killed and
comes back. A third worker has a log in a file, so that there is free space to look at. At the end every query must have
given at least one series, in its unit's range; the report says which alerts fired.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kafka import KafkaProducer

from dashboards.alerting import ALERTS, RECORDINGS
from dashboards.build import BOARDS, HERE
from engine.decoding.hashing import partition_of
from streams.kafka.log import KafkaLog
from streams.kafka.options import KafkaOptions
from streams.sqlite.address import SqliteAddress
from streams.topics import TOPICS, create_topics
from tests.faults.waiting import wait_until
from tests.kafka.broker import Cluster
from tests.kafka.ports import free_ports
from tools.drawing.asking import Prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTITIONS = 4
SIMULATED_DAYS = 10
MERCHANTS = 3_000
LEAST_PAST_S = 420
"""So long the past is spread, at least, that a graph of it can be read."""
FUTURE_S = 7_200
"""The simulation ends so long after the session's start, which ends before."""
LEAST_S = 780
"""A feed that is silent from the start is called stalled after ten minutes; two more for a rule to be looked at."""
SHARES = {"jump": 0.05, "volume": 0.08, "static": 0.02, "rotation": 0.02, "drift": 0.02, "fee": 0.05}
_TIMES = re.compile(rb'"(\w+_(?:at|time|from|until))":(\d{12,13})\b')
_RECEIVED = re.compile(rb'"received_at":\d+,?')
RANGES = {
    "short": (0, 1e9), "none": (0, 1e6), "s": (0, 40 * 86_400), "percentunit": (0, 64), "bytes": (0, 1e14),
    "reqps": (0, 1e6), "currencyCNY": (0, 1e12),
}  # fmt: skip
"""What a figure of a unit may be: seconds that were milliseconds, or shares that were percent, lie outside."""
ABSENT = {
    "tillwatch_detector_blind_until_timestamp_seconds": "only after an upgrade that began to remember something",
}


class Session:
    """What was started, and until when it runs."""

    def __init__(self, folder: Path, minutes: float, stack: ExitStack) -> None:
        self.folder, self.minutes, self.stack = folder, minutes, stack
        self.ports = dict(zip(("prometheus", "a", "b", "c"), free_ports(4), strict=True))
        self.started = time.time()
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.url = ""

    def run(self, name: str, *command: str, stdin: int | None = None, **environment: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        self.stack.callback(log.close)
        made = subprocess.Popen(command, stdin=stdin, stdout=log, stderr=log, env={**os.environ, **environment})
        self.stack.callback(_end, made)
        return made

    def tillwatch(self, name: str, url: str, *arguments: str, stdin: int | None = None, port: int = 0) -> Any:
        command = [str(Path(sys.executable).parent / "tillwatch"), "--log-url", url, *arguments]
        return self.run(name, *command, stdin=stdin, TILLWATCH_HEALTH_PORT=str(port))

    def worker(self, name: str, url: str) -> None:
        self.workers[name] = self.tillwatch(f"worker-{name}", url, "worker", port=self.ports[name])

    def until_ready(self, name: str) -> None:
        address = f"http://127.0.0.1:{self.ports[name]}/ready"
        wait_until(lambda: _answers(address), f"worker {name} is ready", 120, poll_s=0.5)

    def since(self) -> float:
        return time.time() - self.started

    def wait(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds - self.since()))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def simulate(folder: Path) -> Path:
    shares = [part for name, share in SHARES.items() for part in (f"--{name}-share", str(share))]
    size = ["--merchants", str(MERCHANTS), "--days", str(SIMULATED_DAYS), "--people", "--time-format", "epoch_ms"]
    command = [str(Path(sys.executable).parent / "tillwatch"), "simulate", str(folder), *size, *shares]
    subprocess.run(command, check=True)
    return folder / "events.jsonl"


def last_time(path: Path) -> int:
    with path.open("rb") as file:
        file.seek(-20_000, os.SEEK_END)
        return max(int(each) for each in re.findall(rb'"event_time":(\d{13})', file.read()))


def shifted(path: Path, by_ms: int) -> Iterator[tuple[int, bytes]]:
    """Each line and when it is due, Unix milliseconds, with all its times moved."""

    def move(found: re.Match[bytes]) -> bytes:
        return b'"%b":%d' % (found[1], int(found[2]) + by_ms)

    with path.open("rb") as lines:
        for line in lines:
            due = re.search(rb'"(?:event_time|received_at)":(\d{13})', line)
            yield int(due[1]) + by_ms if due else 0, _TIMES.sub(move, line)


def feed_past(session: Session, path: Path, by_ms: int, now_ms: int) -> None:
    """Everything before now, as a feed of the past, spread over some minutes."""
    ingest = session.tillwatch("past", session.url, "ingest", "-", "--feed", "sim", "--historic", stdin=subprocess.PIPE)
    assert ingest.stdin is not None
    first_ms, begun = 0, time.monotonic()
    for k, (due_ms, line) in enumerate(shifted(path, by_ms)):
        first_ms = first_ms or due_ms
        if due_ms > now_ms:
            break
        ingest.stdin.write(line)
        if k % 2_000 == 0:
            share = (due_ms - first_ms) / max(now_ms - first_ms, 1)
            time.sleep(max(0.0, begun + share * LEAST_PAST_S - time.monotonic()))
    ingest.stdin.close()
    ingest.wait()


def feed_present(session: Session, path: Path, by_ms: int, from_ms: int, until_s: float) -> None:
    """What comes from now on, each at its time and received when it comes."""
    ingest = session.tillwatch(
        "present", session.url, "ingest", "-", "--feed", "pos", "--name", "pos", stdin=subprocess.PIPE
    )
    assert ingest.stdin is not None
    for due_ms, line in shifted(path, by_ms):
        if due_ms <= from_ms or b'"type":"clock"' in line:
            continue
        if time.time() >= until_s:
            break
        time.sleep(max(0.0, min(due_ms / 1000, until_s) - time.time()))
        ingest.stdin.write(_RECEIVED.sub(b"", line).replace(b'"feed":"sim"', b'"feed":"pos"'))
        ingest.stdin.flush()
    ingest.stdin.close()
    ingest.wait()


def jumps(session: Session, path: Path, count: int) -> None:
    """Sales of now that are sent as those of schools: alerts whose delay is measured, whatever the hour is."""
    with path.open("rb") as lines:
        shops = [json.loads(line)["merchant_id"] for line in islice(lines, 40_000) if b'"type":"merchant"' in line]
    ingest = session.tillwatch(
        "jumps", session.url, "ingest", "-", "--feed", "pos", "--name", "jumps", stdin=subprocess.PIPE
    )
    assert ingest.stdin is not None
    for k in range(count):
        shop = shops[k % len(shops)]
        line = {"txn_id": f"jump-{k}", "merchant_id": shop, "amount": 25_800, "currency": "CNY", "mcc": "8211",
                "event_time": int(time.time() * 1000), "terminal_id": "21000417", "acceptor_id": shop,
                "scheme": "unionpay", "txn_type": "purchase", "card_kind": "credit", "response_code": "00"}  # fmt: skip
        ingest.stdin.write(json.dumps(line).encode() + b"\n")
        ingest.stdin.flush()
        time.sleep(0.1)
    ingest.stdin.close()
    ingest.wait()


def silent_feed(session: Session) -> None:
    """A feed that says something once."""
    merchant = "833290058129999"
    line = json.dumps({"txn_id": "w1", "merchant_id": merchant, "terminal_id": "cd1ce400", "acceptor_id": merchant,
                       "mcc": "5812", "response_code": "00", "currency": "CNY", "event_time": int(time.time() * 1000),
                       "amount": 8_629, "scheme": "alipay", "feed": "qr-wallet"})  # fmt: skip
    ingest = session.tillwatch("wallet", session.url, "ingest", "-", "--feed", "qr-wallet", stdin=subprocess.PIPE)
    assert ingest.stdin is not None
    ingest.stdin.write(line.encode() + b"\n")
    ingest.stdin.close()
    ingest.wait()


def poison(bootstrap: str, count: int) -> None:
    """Records that nobody can read, or that break a rule, in every partition; one that only loses a field."""
    bad = (b"\xff\xfe not json", b"[1, 2]", b'{"type":"wedding"}', b'{"merchant_id":"m1"}',
           b'{"merchant_id":"m1","txn_id":"t","amount":"many","currency":"CNY","event_time":1}')  # fmt: skip
    odd = json.dumps({"merchant_id": "m1", "txn_id": "odd", "amount": 100, "currency": "CNY", "fee": "some",
                      "event_time": int(time.time() * 1000), "received_at": int(time.time() * 1000)})  # fmt: skip
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for k in range(count):
        producer.send(TOPICS.events.name, bad[k % len(bad)], partition=k % PARTITIONS)
    producer.send(TOPICS.events.name, odd.encode(), partition=partition_of(b"m1", PARTITIONS))
    producer.flush()
    producer.close()


def start_prometheus(session: Session) -> Prometheus:
    targets = {name: f"127.0.0.1:{session.ports[name]}" for name in ("a", "b", "c")}
    keep = [{"source_labels": ["__name__"], "regex": "tillwatch_log_free_bytes", "action": "keep"}]
    config = {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(each) for each in sorted((HERE / "rules").glob("*.yml"))],
        "scrape_configs": [
            {"job_name": "tillwatch", "static_configs": [{"targets": [targets["a"], targets["b"]]}]},
            {"job_name": "tillwatch-file", "static_configs": [{"targets": [targets["c"]]}],
             "metric_relabel_configs": keep},
        ],
    }  # fmt: skip
    path = session.folder / "prometheus.yml"
    path.write_text(json.dumps(config), encoding="utf-8")
    port = session.ports["prometheus"]
    where = [f"--config.file={path}", f"--storage.tsdb.path={session.folder / 'tsdb'}"]
    session.run("prometheus", "prometheus", *where, f"--web.listen-address=127.0.0.1:{port}")
    return Prometheus(f"http://127.0.0.1:{port}", session.started, time.time())


def play(session: Session, cluster: Cluster, path: Path) -> None:
    """The session, from its start to its end."""
    by_ms = int((session.started + FUTURE_S) * 1000) - last_time(path)
    session.url = f"kafka://{cluster.bootstrap}"
    with KafkaLog(KafkaOptions(bootstrap=(cluster.bootstrap,))) as log:
        create_topics(log, PARTITIONS)
    session.worker("a", session.url)
    session.until_ready("a")  # the first one publishes the controls
    session.worker("b", session.url)
    session.worker("c", SqliteAddress(session.folder / "file.db").url)
    silent_feed(session)
    now_ms = int(time.time() * 1000)
    feed_past(session, path, by_ms, now_ms)
    print(f"{session.since():.0f} s: the past is ingested", flush=True)
    end_s = max(session.since() + session.minutes * 60, LEAST_S)
    stop = _beside(lambda: feed_present(session, path, by_ms, now_ms, session.started + end_s))
    poison(cluster.bootstrap, 400)
    jumps(session, path, 500)
    session.wait(session.since() + 60)
    session.workers["b"].send_signal(signal.SIGKILL)
    print(f"{session.since():.0f} s: a worker is killed", flush=True)
    session.wait(session.since() + 200)
    poison(cluster.bootstrap, 40)
    session.worker("b", session.url)
    print(f"{session.since():.0f} s: it is back", flush=True)
    session.wait(end_s)
    stop()


def _beside(work: Callable[[], None]) -> Callable[[], None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return lambda: thread.join(30)


def check(source: Prometheus) -> dict[str, Any]:
    """Every query of panels, annotations and rules: how many series, and what lies outside its unit's range."""
    found: dict[str, Any] = {"panels": {}, "recordings": {}, "selectors": {}, "empty": [], "out_of_range": []}
    for name in BOARDS:
        for panel in json.loads((HERE / "en" / f"{name}.json").read_text(encoding="utf-8"))["panels"]:
            _check_panel(source, name, panel, found)
    span = f"{round(source.end - source.start)}s"
    for each in RECORDINGS:
        found["recordings"][each.name] = count(source, f"last_over_time({each.name}[{span}])")
    for rule in (each for group in ALERTS.values() for each in group):
        for selector in re.findall(r"((?:\w+:)?tillwatch_\w+(?::\w+)?(?:\{[^}]*\})?)", rule.expression):
            found["selectors"][selector] = count(source, f"last_over_time({selector}[{span}])")
    fired = source.ask(f'count by (alertname, severity) (last_over_time(ALERTS{{alertstate="firing"}}[{span}]))',
                       instant=True, step_s=15)  # fmt: skip
    found["fired"] = sorted(f"{each.labels['alertname']} ({each.labels['severity']})" for each in fired)
    found["empty"] += [f"{kind}: {name}" for kind in ("recordings", "selectors")
                       for name, series in found[kind].items() if not series]  # fmt: skip
    found["excused"] = [each for each in found["empty"] if any(name in each for name in ABSENT)]
    return found


def _check_panel(source: Prometheus, name: str, panel: dict[str, Any], found: dict[str, Any]) -> None:
    low, high = RANGES[panel["fieldConfig"]["defaults"]["unit"]]
    for target in panel["targets"]:
        step_s = source.step_s(panel, 800)
        series = source.ask(target["expr"], instant=bool(target.get("instant")), step_s=step_s)
        where = f"{name}: {panel['title']} {target['refId']}"
        found["panels"][where] = len(
            [each for each in series if any(not math.isnan(value) for _, value in each.points)]
        )
        if not found["panels"][where]:
            found["empty"].append(where)
        odd = [value for each in series for _, value in each.points if not (low <= value <= high or math.isnan(value))]
        if odd:
            found["out_of_range"].append(f"{where}: {odd[:3]}")


def count(source: Prometheus, expression: str) -> int:
    found = source.ask(f"count({expression})", instant=True, step_s=15)
    return int(found[0].points[0][1]) if found else 0


def alerts_published(source: Prometheus) -> dict[str, float]:
    """New alerts as the panel counts them, and as the counters themselves have them."""
    panel = next(each for each in json.loads((HERE / "en/risk-overview.json").read_text(encoding="utf-8"))["panels"]
                 if each["title"] == "New alerts")  # fmt: skip
    shown = source.ask(panel["targets"][0]["expr"], instant=True, step_s=15)[0].points[0][1]
    raw = source.ask("sum(max without (instance) (tillwatch_alerts_total))", instant=True, step_s=15)[0].points[0][1]
    return {"panel": shown, "counters": raw}


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a session under Prometheus, and check every query against it.")
    parser.add_argument("--into", type=Path, default=Path("var/session"), help="folder for pictures and the report")
    parser.add_argument("--minutes", type=float, default=8.0, help="how long merchants trade in the present")
    parser.add_argument("--keep", action="store_true", help="leave everything running until Enter is pressed")
    chosen = parser.parse_args()
    chosen.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tillwatch-session-") as name, ExitStack() as stack:
        folder = Path(name)
        path = simulate(folder / "simulated")
        (folder / "kafka").mkdir()
        cluster = stack.enter_context(Cluster(folder / "kafka"))
        session = Session(folder, chosen.minutes, stack)
        server = start_prometheus(session)
        play(session, cluster, path)
        source = Prometheus(server.url, session.started, time.time())
        found = check(source) | {"alerts": alerts_published(source), "url": server.url, "end": source.end}
        (chosen.into / "report.json").write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
        print(
            json.dumps({key: found[key] for key in ("empty", "excused", "out_of_range", "fired", "alerts")}, indent=1)
        )
        last = f"{round(source.end - session.started) // 60}m"
        drawn = [sys.executable, "-m", "tools.draw_dashboards", server.url, "--into", str(chosen.into)]
        subprocess.run([*drawn, "--last", last, "--end", str(source.end)], check=True)
        if chosen.keep:
            input(f"{server.url}: press Enter to end")
    if set(found["empty"]) - set(found["excused"]) or found["out_of_range"]:
        sys.exit("some queries gave nothing, or a figure outside its unit's range: see report.json")


if __name__ == "__main__":
    main()
