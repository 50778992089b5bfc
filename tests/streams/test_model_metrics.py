"""The file that Prometheus' node exporter reads of the anomaly model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from streams.metric_names import MODEL_METRICS
from streams.model_metrics import write_measured, write_none

if TYPE_CHECKING:
    from pathlib import Path


def test_every_metric_of_the_model_is_written_as_the_table_has_it(tmp_path: Path) -> None:
    file = tmp_path / "model.prom"
    write_measured(
        file, version="q1", trained_until_s=1e9, scored_days=7, beyond=0.25, habits={"night_share": 0.5}, score=0.125,
        now_s=2e9,
    )  # fmt: skip
    found = {each.name: each for each in text_string_to_metric_families(file.read_text())}
    assert [(each.name, each.help, each.kind.value) for each in MODEL_METRICS] == [
        (each.name, each.documentation, each.type) for each in found.values()
    ]
    samples = {each.samples[0].name: (each.samples[0].labels, each.samples[0].value) for each in found.values()}
    assert samples["tillwatch_model_in_force"] == ({"version": "q1"}, 1)
    assert samples["tillwatch_model_habit_drift"] == ({"habit": "night_share"}, 0.5)
    assert samples["tillwatch_model_scored_merchant_days"] == ({}, 7)


def test_where_no_model_is_in_force_the_file_says_so_and_nothing_of_the_last_one(tmp_path: Path) -> None:
    file = tmp_path / "model.prom"
    write_measured(
        file, version="q1", trained_until_s=1e9, scored_days=7, beyond=0.25, habits={}, score=0.125, now_s=2e9
    )
    write_none(file, 3e9)
    found = {each.name: each.samples[0].value for each in text_string_to_metric_families(file.read_text())}
    assert found == {"tillwatch_model_in_force": 0, "tillwatch_model_measured_timestamp_seconds": 3e9}
