from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.layouts import LAYOUTS, UNIONPAY, AcceptorNumber, Layout, layout_of, parse

ALNUM = st.sampled_from("0123456789ABCXYZabc")
WALLET = Layout("wallet", 12, (0, 2), (2, 4), (4, 8), (8, 12), frozenset({"alipay"}), frozenset({"20"}))


@pytest.mark.parametrize(
    ("acceptor_id", "expected"),
    [
        ("898210154110002", AcceptorNumber("898", "2101", "5411", "0002")),
        ("836731647220005", AcceptorNumber("836", "7316", "4722", "0005")),
        ("88758D758123037", AcceptorNumber("887", "58D7", "5812", "3037")),
        ("8982101541100A2", AcceptorNumber("898", "2101", "5411", "00A2")),
    ],
)
def test_a_number_is_taken_apart(acceptor_id: str, expected: AcceptorNumber) -> None:
    assert parse(acceptor_id) == expected


@pytest.mark.parametrize(
    "acceptor_id",
    [
        "",
        "89821015411000",
        "8982101541100020",
        "8982101541X0002",
        "898210154110-02",
        "898210154110 02",
        "8982101541100é2",
        "8982101\u0665\u0664\u0661\u06610002",
    ],
)
def test_what_is_not_of_the_layout_is_not_taken_apart(acceptor_id: str) -> None:
    assert parse(acceptor_id) is None


@given(st.text(ALNUM, min_size=7, max_size=7), st.integers(0, 9999), st.text(ALNUM, min_size=4, max_size=4))
def test_the_parts_put_together_are_the_number(head: str, mcc: int, serial: str) -> None:
    number = parse(f"{head}{mcc:04}{serial}")
    assert number is not None
    assert number.acquirer + number.region == head
    assert (number.mcc, number.serial) == (f"{mcc:04}", serial)


def test_every_number_of_fifteen_characters_has_the_unionpay_layout_whatever_the_scheme() -> None:
    assert layout_of("898210154110002") is UNIONPAY
    assert layout_of("898210154110002", "wechat") is UNIONPAY
    assert layout_of("89821015411000") is None


def test_a_layout_of_one_scheme_and_acquirer_applies_to_them_alone() -> None:
    layouts = (*LAYOUTS, WALLET)
    assert layout_of("201158120001", "alipay", layouts) is WALLET
    assert layout_of("201158120001", "", layouts) is WALLET
    assert layout_of("201158120001", "wechat", layouts) is None
    assert layout_of("211158120001", "alipay", layouts) is None
    assert parse("201158120001", WALLET) == AcceptorNumber("20", "11", "5812", "0001")


@pytest.mark.parametrize(
    ("mcc", "message"),
    [((7, 10), "mcc of layout x must be 4 characters"), ((7, 16), r"mcc of layout x must lie in 0\.\.15")],
)
def test_a_layout_whose_mcc_cannot_be_is_refused(mcc: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layout("x", 15, (0, 3), (3, 7), mcc, (11, 15))
