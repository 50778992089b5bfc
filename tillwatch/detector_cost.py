"""What each detector costs: the processor time that a file of events takes it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from detectors.severity_curves import CURVES
from engine.controls import detect
from streams.files.reading import Door
from tillwatch.inputs import opened
from tillwatch.monitors import replaying_pipeline
from tillwatch.precompile import compile_engine
from tillwatch.replay import batches
from tillwatch.show import Bar

if TYPE_CHECKING:
    from pathlib import Path

    from engine.controls import Controls
    from tillwatch.settings import Settings


class Costs(NamedTuple):
    """Processor time of a replay.

    Attributes:
        records: how many were read.
        features_s: of decoding and features, which all detectors share.
        detector_s: by detector, of its findings; alerts and scores, which few records make, are not in it.
    """

    records: int
    features_s: float
    detector_s: dict[str, float]

    def ms_per_1000(self, seconds: float) -> float:
        """Milliseconds per 1,000 records; 0 where there was none."""
        return round(seconds * 1e6 / self.records, 4) if self.records else 0.0


def measure(settings: Settings, controls: Controls, file: Path) -> Costs:
    """Replay a file of events, and measure what decoding, features and each detector take.

    A column that several detectors read counts for the first of them where it is made when it is asked for.
    """
    compile_engine()
    pipeline, taken = replaying_pipeline(settings), dict.fromkeys(controls.names, 0.0)
    count, features_s = 0, 0.0
    forms = pipeline.id_forms
    with opened([file], Door(), settings, forms=forms) as found, Bar("bytes", found.size) as bar:
        for done, records in batches(found.lines, file.name, [], forms=forms):
            count += len(records)
            began = time.process_time()
            for rows in pipeline.rows(records):
                parts = controls.parts(rows.clock_ms, rows.judged)
                made = time.process_time()
                features_s += made - began
                for k, name in enumerate(controls.names):
                    detect(parts, k, CURVES)
                    began, made = made, time.process_time()
                    taken[name] += made - began
                began = made
            features_s += time.process_time() - began
            bar.show(done, count)
    return Costs(count, features_s, taken)
