"""Forms of identifiers, and how often identifiers are taken for card numbers without one."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from domain.cards import holds_pan
from domain.id_forms import IdForm, IdForms, check

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = datetime(2023, 1, 1, tzinfo=UTC)
LETTERED: dict[str, Callable[[random.Random, datetime, int], str]] = {
    "letter, day and counter": lambda _, t, k: f"T{t:%y%m%d}{k:010d}",
    "letter, second and counter": lambda _, t, k: f"T{t:%y%m%d%H%M%S}{k % 10_000:04d}",
    "word, hyphen, day and counter": lambda _, t, k: f"ORD-{t:%y%m%d}{k:010d}",
    "word, day, hyphen, counter": lambda _, t, k: f"TXN{t:%Y%m%d}-{k:06d}",
    "terminal, time, counter": lambda r, t, k: f"POS{r.randint(1, 99):02d}-{t:%Y%m%d%H%M%S}-{k % 1000:03d}",
    "UUID": lambda r, _, __: str(uuid.UUID(int=r.getrandbits(128), version=4)),
    "24 hexadecimal digits": lambda r, _, __: f"{r.getrandbits(96):024x}",
    "letters and digits": lambda r, _, __: "".join(r.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=20)),
    "letters and digits in groups": lambda r, _, __: "-".join(
        "".join(r.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=5)) for _ in range(5)
    ),
    "milliseconds and a letter": lambda _, t, k: f"{int(t.timestamp() * 1000)}P{k % 100_000:05d}",
}


def made(form: str, count: int = 10_000) -> list[str]:
    rng = random.Random(form)
    days = (FIRST + timedelta(seconds=rng.randrange(5 * 365 * 86_400)) for _ in range(count))
    return [LETTERED[form](rng, day, k) for k, day in enumerate(days)]


@pytest.mark.parametrize("form", LETTERED)
def test_of_lawful_identifiers_with_letters_at_most_one_in_ten_thousand_is_refused(form: str) -> None:
    assert sum(map(holds_pan, made(form))) <= 1


def test_a_declared_form_brings_the_refused_numbers_of_a_day_and_a_counter_to_none() -> None:
    forms = IdForms([(0, (IdForm("txn_id", "{YYMMDD}{10}"),))])
    rng, refused, left = random.Random(1), 0, 0
    for k in range(5_000):
        day = FIRST + timedelta(days=rng.randrange(5 * 365))
        number = f"{day:%y%m%d}{k:010d}"
        refused += holds_pan(number)
        left += holds_pan(number) and not forms.exempt("", int(day.timestamp() * 1000), "txn_id", number)
    assert 300 < refused < 700
    assert left == 0


def test_a_form_exempts_its_field_and_feed_alone_and_dates_near_the_records_time() -> None:
    number, at_ms = "2611281030000007", 1_795_833_000_000
    forms = IdForms([(0, ()), (1_000, (IdForm("txn_id", "{YYMMDD}{10}", "pos"),))])
    assert forms.exempt("pos", at_ms, "txn_id", number)
    assert not forms.exempt("pos", at_ms, "rrn", number)
    assert not forms.exempt("web", at_ms, "txn_id", number)
    assert not forms.exempt("pos", 500, "txn_id", number), "the version before"
    assert not forms.exempt("pos", at_ms - 5 * 86_400_000, "txn_id", number), "of next week"
    assert not forms.exempt("pos", at_ms, "txn_id", "2221000000000009")


@pytest.mark.parametrize(
    ("form", "value", "fits"),
    [
        ("{YYYYMMDDhhmmss}{5}", "2026112810300000017", True),
        ("{YYYYMMDDhhmmss}{5}", "2026112825300000017", False),
        ("{YYMMDDhhmm}{6}", "2611281030000007", True),
        ("{YYMMDD}{10}", "2613281030000007", False),
        ("{YYMMDD}{10}", "26112810300000070", False),
        ("ORD-{16}", "ORD-4111111111111111", True),
        ("89{13}", "898210154110002", True),
        (".{4}", "x1234", False),
    ],
)
def test_a_form_fits_from_the_first_character_to_the_last(form: str, value: str, fits: bool) -> None:
    declared = IdForm("txn_id", form)
    check(declared)
    assert declared.fits(value, None) == fits


@pytest.mark.parametrize(
    ("field", "form", "words"),
    [
        ("txn_id", "{16}", "form must have a date or letters, or begin as no card number of 16 digits does"),
        ("txn_id", "4{15}", "form must have a date or letters"),
        ("txn_id", "{4}-{4}-{4}-{4}", "form must have a date or letters"),
        ("txn_id", "{YYMM}{12}", "date of form must be YYMMDD or YYYYMMDD"),
        ("txn_id", "{0}", "form must have 1 to 64 digits in a part"),
        ("txn_id", "(a+)+", "form must be of .* and plain characters"),
        ("amount", "{YYMMDD}{10}", "field must be a declared code, got 'amount'"),
        ("memo", "{YYMMDD}{10}", "field must be a declared code, got 'memo'"),
    ],
)
def test_a_form_that_could_be_a_card_numbers_is_refused(field: str, form: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check(IdForm(field, form))
