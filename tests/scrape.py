"""Reads what a worker shows at `/metrics`."""

from __future__ import annotations

import urllib.error
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.kafka.ports import HOST

Labels = tuple[tuple[str, str], ...]
Series = dict[str, dict[Labels, float]]
"""Values by labels, by the name of a sample."""


def series(written: bytes) -> Series:
    """Every sample; each is there once."""
    found: Series = {}
    for family in text_string_to_metric_families(written.decode()):
        for it in family.samples:
            labels = tuple(sorted(it.labels.items()))
            assert labels not in found.setdefault(it.name, {}), (it.name, labels)
            found[it.name][labels] = it.value
    return found


def value(found: Series, name: str, /, **labels: str) -> float:
    """One value."""
    return found[f"tillwatch_{name}"][tuple(sorted(labels.items()))]


def summed(found: Series, name: str, /) -> float:
    """The sum over all labels."""
    return sum(found.get(f"tillwatch_{name}", {}).values())


def partitions_shown(found: Series) -> set[int]:
    """The partitions of which anything is shown."""
    return {
        int(value) for samples in found.values() for labels in samples for name, value in labels if name == "partition"
    }


def scrape(port: int) -> Series | None:
    """What a worker on this machine shows; None where none answers."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=10) as answer:
            return series(answer.read())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None
