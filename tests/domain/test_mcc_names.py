from __future__ import annotations

import pytest

from domain.mcc import NAMES_ZH
from domain.mcc_names import LONGEST, SHORT_EN, SHORT_ZH, mcc_short_name


def test_no_short_name_of_any_code_is_empty_or_longer_than_promised() -> None:
    names = [mcc_short_name(f"{mcc:04}") for mcc in range(10_000)]
    assert all(0 < len(each.en) <= LONGEST and 0 < len(each.zh) <= LONGEST for each in names)


def test_every_code_with_a_chinese_name_has_a_short_english_one_and_no_other() -> None:
    assert set(SHORT_EN) == set(NAMES_ZH)
    assert set(SHORT_ZH) <= set(NAMES_ZH)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_two_codes_are_not_called_the_same(language: str) -> None:
    names = [getattr(mcc_short_name(mcc), language) for mcc in NAMES_ZH]
    assert len(set(names)) == len(names)


def test_a_long_name_is_cut_at_a_word() -> None:
    assert mcc_short_name("5935").en.endswith("…")
    assert " …" not in mcc_short_name("5935").en
