from __future__ import annotations

import pytest

from domain.alerts import Text
from domain.events import FEE_CLASSES
from domain.mcc import FEE_CLASS_BY_MCC, NAMES_ZH, FeeClass, class_table, fee_class, is_known, mcc_name


def test_the_classes_are_those_of_the_events_dearest_first() -> None:
    assert tuple(each.name.lower() for each in FeeClass) == FEE_CLASSES


@pytest.mark.parametrize(
    ("mcc", "expected"),
    [
        ("5812", FeeClass.STANDARD),
        ("5944", FeeClass.STANDARD),
        ("7011", FeeClass.STANDARD),
        ("5411", FeeClass.CONCESSION),
        ("5541", FeeClass.CONCESSION),
        ("3998", FeeClass.CONCESSION),
        ("4900", FeeClass.CONCESSION),
        ("8062", FeeClass.EXEMPT),
        ("8211", FeeClass.EXEMPT),
        ("9311", FeeClass.EXEMPT),
        ("0000", FeeClass.STANDARD),
    ],
)
def test_an_mcc_has_its_fee_class(mcc: str, expected: FeeClass) -> None:
    assert fee_class(mcc) is expected


def test_the_dense_table_agrees_with_the_look_up_for_every_mcc() -> None:
    table = class_table()
    assert (table.shape, table.dtype.name) == ((10_000,), "uint8")
    assert [int(value) for value in table] == [fee_class(f"{mcc:04}") for mcc in range(10_000)]


def test_the_table_can_be_replaced() -> None:
    own = {**FEE_CLASS_BY_MCC, "9311": FeeClass.STANDARD, "0763": FeeClass.CONCESSION}
    assert fee_class("9311", own) is FeeClass.STANDARD
    assert class_table(own)[9311] == FeeClass.STANDARD
    assert class_table(own)[763] == FeeClass.CONCESSION


@pytest.mark.parametrize("key", ["541", "58D7", "٥٤١١"])
def test_a_table_with_a_key_that_is_no_mcc_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="an MCC must be four digits, got"):
        class_table({key: FeeClass.EXEMPT})


def test_every_chinese_name_has_an_english_one_beside_it() -> None:
    assert not [mcc for mcc in NAMES_ZH if "MCC" in mcc_name(mcc).en or not is_known(mcc)]


def test_every_mcc_with_a_concession_is_named_in_chinese() -> None:
    assert set(FEE_CLASS_BY_MCC) <= set(NAMES_ZH)


@pytest.mark.parametrize(
    ("mcc", "expected"),
    [
        ("5812", Text("Eating places and restaurants", "餐厅")),
        ("3998", Text("Railway passenger transport (China)", "铁路客运")),
        ("3001", Text("AMERICAN AIRLINES", "航空、租车与酒店(MCC 3001)")),
        ("5498", Text("Retail stores (MCC 5498)", "零售(MCC 5498)")),
        ("1234", Text("MCC 1234", "MCC 1234")),
        ("58D7", Text("MCC 58D7", "MCC 58D7")),
        ("", Text("MCC ", "MCC ")),
    ],
)
def test_a_name_is_given_for_whatever_comes(mcc: str, expected: Text) -> None:
    assert mcc_name(mcc) == expected


def test_every_four_digits_have_a_name() -> None:
    assert all(mcc_name(f"{mcc:04}").en and mcc_name(f"{mcc:04}").zh for mcc in range(10_000))
