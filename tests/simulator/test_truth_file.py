from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from simulator.truth import TruthError, read_truth
from tests.truths import DAY, look_alike, truth, violation

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, **changes: Any) -> Path:
    """A truth with one violation and one look-alike, in a file."""
    path = folder / "truth.json"
    whole = msgspec.to_builtins(truth(violation(), look_alikes=[look_alike()]))
    path.write_bytes(msgspec.json.encode(whole | changes))
    return path


def test_a_truth_is_read_back(tmp_path: Path) -> None:
    found = read_truth(written(tmp_path))
    assert found == truth(violation(), look_alikes=[look_alike()])
    assert (found.merchant_days, found.look_alikes[0].days) == (40_000.0, 40.0)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"violations": [{"merchant_id": "m"}]}, "missing required field"),
        (
            {"violations": [msgspec.to_builtins(violation(category="cash"))]},
            "must be one of mcc, fee, volume, card, service, model, got 'cash'",
        ),
        (
            {"violations": [msgspec.to_builtins(violation(category=""))]},
            "must be one of mcc, fee, volume, card, service, model, got ''",
        ),
        ({"look_alikes": [msgspec.to_builtins(look_alike(until_ms=-DAY))]}, "must not end before it begins"),
        ({"merchants": 0}, "must have merchants and last, got 0"),
        ({"end_ms": 0}, "must have merchants and last"),
    ],
)
def test_a_truth_that_cannot_be_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(TruthError, match=words):
        read_truth(written(tmp_path, **changes))


def test_an_effect_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text().replace('"effect":0.2', '"effect":1e999'))
    with pytest.raises(TruthError, match=r"out of range|must be finite"):
        read_truth(path)
