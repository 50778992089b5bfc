"""A merchant that is honest for a year and then turns: `python bench/turning.py FOLDER`.

Simulates one honest year and two months, takes out the records of one restaurant, and from day 365 on lets it be
cheated: three in ten of its larger credit sales are presented as a supermarket's, and its fee rises by half without a
word. Writes `events.jsonl`, the score's course as `course.csv` and `course.svg`, and prints the alerts. Then
`tillwatch explain MERCHANT --events FOLDER/events.jsonl --since …` answers why.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from domain.timestamps import DAY_MS
from engine.decoding.records import Records
from engine.monitor import Monitor, MonitorConfig
from simulator.config import SimulationConfig
from simulator.simulation import clock_record, simulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from domain.alerts import Score

TURNS_D, DAYS = 365, 425
_WIDTH, _HEIGHT, _EDGE = 960, 300, 40
_GRADES = ((20, "B"), (40, "C"), (70, "D"), (85, "E"))


def events(config: SimulationConfig) -> Iterator[tuple[dict[str, Any], int]]:
    """One restaurant's records, in order of receipt, with clock records among them; and when each was received."""
    simulation = simulate(config)
    table = simulation.merchants.table
    lasting = (table["mcc0"] == 5812) & (table["mccs"] == 1) & (table["rate"] > 15)
    chosen = int(lasting.nonzero()[0][0])
    mine = simulation.merchant_id(chosen)
    for record in simulation.master_records():
        event = json.loads(record)
        if event["merchant_id"] == mine:
            yield event, config.start_ms
    for batch in simulation.batches():
        records = batch.values()
        for k in (batch.merchant_index == chosen).nonzero()[0].tolist():
            yield json.loads(records[k]), int(batch.received_ms[k])
        if len(batch.clock_ms):
            yield json.loads(clock_record(int(batch.clock_ms[-1]))), int(batch.clock_ms[-1])


def turned(event: dict[str, Any]) -> dict[str, Any]:
    """The event as it is once somebody cheats."""
    if event.get("type", "transaction") != "transaction" or event.get("txn_type", "purchase") != "purchase":
        return event
    if event.get("fee"):
        event["fee"] = event["fee"] * 3 // 2
    large = event.get("card_kind") == "credit" and event["amount"] >= 12_000
    if large and crc32(event["txn_id"].encode()) % 10 < 3:
        event["mcc"] = "5411"
    return event


def course(lines: Sequence[bytes]) -> tuple[list[Score], list[str]]:
    """The scores published, and the alerts at their final revision in words."""
    monitor, scores, alerts = Monitor(MonitorConfig(capacity=10), historic=True), [], {}
    for first in range(0, len(lines), 200):
        outputs = monitor.process(Records.of(list(lines[first : first + 200])))
        scores += outputs.scores
        alerts |= {each.alert_id: each for each in outputs.alerts}
    words = [
        f"{each.first_time[:10]} {each.severity:.2f} {each.detector}: {each.reason.en}" for each in alerts.values()
    ]
    return scores, words


def drawn(points: Sequence[tuple[float, float]]) -> str:
    """The course, days from the start to points, as SVG."""
    x = [_EDGE + each / DAYS * (_WIDTH - 2 * _EDGE) for each, _ in points]
    y = [_HEIGHT - _EDGE - each / 100 * (_HEIGHT - 2 * _EDGE) for _, each in points]
    ends = [*x[1:], _WIDTH - _EDGE]
    steps = " ".join(f"{a:.1f},{b:.1f} {c:.1f},{b:.1f}" for a, b, c in zip(x, y, ends, strict=True))
    turn = _EDGE + TURNS_D / DAYS * (_WIDTH - 2 * _EDGE)
    parts = [f'<polyline points="{steps}" fill="none" stroke="#2364aa" stroke-width="2"/>']
    parts.append(f'<line x1="{turn}" x2="{turn}" y1="{_EDGE}" y2="{_HEIGHT - _EDGE}" stroke="#d1495b"/>')
    parts.append(f'<text x="{turn - 4}" y="{_EDGE - 8}" text-anchor="end">turns, day {TURNS_D}</text>')
    for least, grade in ((0, "A"), *_GRADES):
        at = _HEIGHT - _EDGE - least / 100 * (_HEIGHT - 2 * _EDGE)
        parts.append(f'<line x1="{_EDGE}" x2="{_WIDTH - _EDGE}" y1="{at}" y2="{at}" stroke="#dfe5ec"/>')
        parts.append(f'<text x="8" y="{at - 3}">{grade} {least}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="12">'
    return head + "".join(parts) + "</svg>\n"


def main(folder: Path) -> None:
    """Write and print everything."""
    config = SimulationConfig(
        seed=7, merchants=40, days=float(DAYS), tx_per_merchant_day=25.0, jump_share=0.0, static_share=0.0,
        rotation_share=0.0, drift_share=0.0, fee_share=0.0, fall_share=0.0, volume_share=0.0, mcc_change_share=0.0,
        look_alike_share=0.0,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    turn_ms = config.start_ms + TURNS_D * DAY_MS
    lines = [
        json.dumps(turned(event) if received_ms >= turn_ms else event, ensure_ascii=False).encode()
        for event, received_ms in events(config)
    ]
    (folder / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    scores, words = course(lines)
    points = [
        ((datetime.fromisoformat(each.time).timestamp() * 1000 - config.start_ms) / DAY_MS, each.score)
        for each in scores
    ]
    with (folder / "course.csv").open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows(
            [("time", "score", "grade"), *((each.time, each.score, each.grade) for each in scores)]
        )
    (folder / "course.svg").write_text(drawn(points), encoding="utf-8")
    print(f"{json.loads(lines[0])['merchant_id']}: {len(lines)} records, {len(scores)} scores")
    print("\n".join(words))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
