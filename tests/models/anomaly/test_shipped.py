from __future__ import annotations

import engine.jit  # noqa: F401  machine code is kept by all of its sources
from models.anomaly.model import Model
from models.anomaly.shipped import FILE, NAME
from models.artefacts import MOST_BYTES


def test_the_model_that_is_shipped_says_that_its_merchants_are_simulated() -> None:
    body = FILE.read_bytes()
    made = Model.decoded(body)  # scores its golden batch anew
    assert len(body) < MOST_BYTES
    assert made.version == NAME
    assert "simulated" in made.manifest.source
    assert made.encoded() == body
