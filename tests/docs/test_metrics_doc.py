from __future__ import annotations

from streams.metric_names import METRICS
from tools.build_metrics_doc import FILE, text


def test_the_page_of_metrics_is_made_of_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run: python -m tools.build_metrics_doc"


def test_every_metric_has_a_heading_of_its_own() -> None:
    page = FILE.read_text(encoding="utf-8")
    for each in METRICS:
        assert page.count(f"### `{each.name}`\n") == 1
