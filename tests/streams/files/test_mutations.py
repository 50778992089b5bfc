"""Mutated mappings and tables end in events, dead letters or a refusal; `bench/file_fuzz.py` tries millions."""

from __future__ import annotations

import pytest

from bench.file_fuzz import run
from tests.seeds import seeds


@pytest.mark.parametrize("seed", seeds(20, quick=2))
def test_no_mutated_mapping_or_table_is_a_crash(seed: int) -> None:
    found = run(1_000, seed)
    assert found.total() == 1_000
    assert min(found["read"], found["refused"]) > 50
