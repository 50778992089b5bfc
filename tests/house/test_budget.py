"""The room a merchant takes."""

from __future__ import annotations

from engine.features.compose import compose
from engine.features.families.registry import FAMILIES
from engine.features.rows import row_dtype

BUDGET_BYTES = 4_032
"""The aim is 2,048 (`docs/performance.md` says where the rest goes); a family that needs more must save elsewhere."""


def test_a_row_stays_within_its_budget() -> None:
    dtype, keep = row_dtype(FAMILIES)
    assert dtype.itemsize <= BUDGET_BYTES
    assert keep <= 360


def test_there_are_not_many_more_columns_than_detectors_can_use() -> None:
    assert 40 <= len(compose().columns) <= 176
