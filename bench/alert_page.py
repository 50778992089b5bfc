"""A page of alerts to read: each detector's sentences, in English and Chinese, as analysts get them.

    tillwatch replay events.jsonl --alerts-out alerts.jsonl
    python bench/alert_page.py alerts.jsonl [--detector mcc_jump] [--each 20]

Of each alert the last revision is shown, with its severity; of a detector with more alerts than asked for, those at
even places by time. Sentences are made of the alerts' facts in the words of this tree, so that words can be edited and
read again without another replay. Printed last are the longest sentences and the bytes of facts an alert has.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import msgspec

from detectors.registry import title_of
from detectors.words.registry import sentence_of
from domain.alerts import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator


def last_revisions(file: Path) -> dict[str, list[Alert]]:
    """By detector, the last revision of each alert, ascending in time."""
    decode = msgspec.json.Decoder(Alert).decode
    found: dict[str, Alert] = {}
    for line in file.read_bytes().splitlines():
        alert = decode(line)
        found[alert.alert_id] = alert
    by_detector: dict[str, list[Alert]] = {}
    for alert in sorted(found.values(), key=lambda each: (each.detector, each.first_time)):
        by_detector.setdefault(alert.detector, []).append(alert)
    return by_detector


def spread(alerts: list[Alert], most: int) -> Iterator[Alert]:
    """At most so many, at even places."""
    step = max(1.0, len(alerts) / most)
    yield from (alerts[int(k * step)] for k in range(min(most, len(alerts))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--detector", action="append")
    parser.add_argument("--each", type=int, default=20)
    options = parser.parse_args()
    found = last_revisions(options.file)
    for detector in options.detector or found:
        title, alerts = title_of(detector), found.get(detector, [])
        print(f"## {detector}: {title.en} · {title.zh} ({len(alerts)} alerts)\n")
        for each in spread(alerts, options.each):
            said = sentence_of(each)
            print(f"{each.severity:.2f} {each.merchant_id}\n  {said.en}\n  {said.zh}")
        print()
    shown = [each for alerts in found.values() for each in alerts]
    lengths = [(len(sentence_of(each).en), len(sentence_of(each).zh)) for each in shown]
    sizes = [len(msgspec.json.encode(each.facts)) for each in shown]
    print(f"longest: {max(en for en, _ in lengths)} characters in English, {max(zh for _, zh in lengths)} in Chinese")
    print(f"facts of an alert: {mean(sizes):.0f} bytes in the mean, {max(sizes)} at most")


if __name__ == "__main__":
    main()
