from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decoding.records import PADDING, Records


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_every_value_is_given_back_as_it_came(values: list[bytes]) -> None:
    records = Records.of(values)
    assert len(records) == len(values)
    assert [records.value(i) for i in range(len(records))] == values
    assert records.data.tobytes() == b"".join(values) + bytes(PADDING)
    assert records.value_bytes == sum(map(len, values))


def test_offsets_are_consecutive_and_all_were_appended_at_one_time() -> None:
    records = Records.of([b"a", b"", b"ccc"], first_offset=7, appended_ms=5, source="events-3")
    assert records.offsets.tolist() == [7, 8, 9]
    assert records.appended_ms.tolist() == [5, 5, 5]
    assert records.ends.tolist() == [1, 1, 4]
    assert records.source == "events-3"
    assert {array.dtype for array in (records.ends, records.offsets, records.appended_ms)} == {np.dtype(np.int64)}


def test_no_records_are_an_empty_batch() -> None:
    assert len(Records.of([])) == 0
    assert Records.of([]).value_bytes == 0


def test_records_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Records.of([b"a"]).source = "x"  # type: ignore[misc]
    own = np.zeros(PADDING + 1, np.uint8)
    taken = Records(own, *(np.array([1], np.int64) for _ in range(3)), source="events-0")
    with pytest.raises(ValueError, match="read-only"):
        taken.data[0] = 1
