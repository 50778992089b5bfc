from __future__ import annotations

from console.metric_names import CONSOLE_METRICS
from notices.metric_names import NOTICES_METRICS
from streams.metric_names import CASEWORK_METRICS, METRICS, MODEL_METRICS
from tools.build_metrics_doc import FILE, text


def test_the_page_of_metrics_is_made_of_the_table() -> None:
    assert FILE.read_text(encoding="utf-8") == text(), "run: python -m tools.build_metrics_doc"


def test_every_metric_has_a_heading_of_its_own() -> None:
    page = FILE.read_text(encoding="utf-8")
    for each in (*METRICS, *MODEL_METRICS, *CASEWORK_METRICS, *NOTICES_METRICS, *CONSOLE_METRICS):
        assert page.count(f"### `{each.name}`\n") == 1
