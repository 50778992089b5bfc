"""The address of a page spells the filter."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from casework.errors import Refused
from casework.queue.filters import CHOICES, MOST_TEXT, Filter, parse

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=MOST_TEXT)
VALUES = {name: st.sampled_from(values) for name, values in CHOICES.items()} | {
    "late": st.booleans(), "min_loss_minor": st.none() | st.integers(0, 10**15),
}  # fmt: skip


@given(st.fixed_dictionaries({name: VALUES.get(name, TEXTS) for name in Filter.__struct_fields__}))
def test_what_a_filter_prints_is_read_as_the_same_filter(values: dict[str, object]) -> None:
    made = Filter(**values)  # type: ignore[arg-type]
    assert parse(parse_qsl(made.query)) == made


def test_the_filter_that_asks_for_nothing_is_an_empty_address() -> None:
    assert Filter().query == ""
    assert parse([]) == Filter()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("status", "merged", "status must be one of open, snoozed, suppressed, decided, got 'merged'"),
        ("late", "yes", "late must be 0 or 1"),
        ("min_loss_minor", "-1", "min_loss_minor must be 0 to"),
        ("min_loss_minor", "9" * 30, "min_loss_minor must be 0 to"),
        ("min_loss_minor", "٣", "min_loss_minor must be 0 to"),
        ("text", "x" * 129, "text must have at most 128 characters, got 129"),
        ("city", "\0", "city must have"),
    ],
)
def test_a_value_that_a_parameter_cannot_have_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        parse([(name, value)])
