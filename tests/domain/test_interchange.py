from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import CARD_KINDS, MAX_AMOUNT_MINOR
from domain.interchange import (
    E7,
    REGIMES,
    Cost,
    PriceList,
    Rate,
    Regime,
    cost_e7,
    interchange_cost,
    leakage,
    rate_tables,
    regime_at,
    windfall,
)
from domain.mcc import FeeClass
from engine.control_kinds.registry import KINDS
from engine.jit import njit

BEFORE = 1_473_091_199_999
"""The last millisecond of 2016-09-05 in Beijing."""
SINCE_2016 = BEFORE + 1
UNTIL_2021 = 1_632_931_199_999
"""The last millisecond of 2021-09-29 in Beijing."""
SINCE_2021 = UNTIL_2021 + 1

STANDARD, CONCESSION, EXEMPT = FeeClass
TABLES = rate_tables()

amounts = st.integers(0, MAX_AMOUNT_MINOR) | st.integers(0, 5_000_000)


def cost(yuan: int, fee_class: FeeClass, card_kind: str, time_ms: int = SINCE_2021) -> Cost:
    found = interchange_cost(yuan * 100, fee_class, card_kind, time_ms)
    assert found is not None
    return found


def yuan(figure: str) -> Decimal:
    return Decimal(figure) * 100


@pytest.mark.parametrize(
    ("amount", "card_kind", "issuer", "network", "to_concession", "to_exempt"),
    [
        (1_000, "credit", "4.50", "0.325", ("1.0615", "1.133"), ("4.825", "5.15")),
        (10_000, "credit", "45.00", "3.25", ("10.615", "11.33"), ("48.25", "51.50")),
        (50_000, "credit", "225", "3.25", ("49.50", "49.50"), ("228.25", "231.50")),
        (10_000, "debit", "13", "2.925", ("0.39", "0.78"), ("15.925", "18.85")),
        (50_000, "debit", "13", "3.25", ("0", "0"), ("16.25", "19.50")),
    ],
)
def test_windfall_and_leakage_are_those_worked_by_hand(
    amount: int,
    card_kind: str,
    issuer: str,
    network: str,
    to_concession: tuple[str, str],
    to_exempt: tuple[str, str],
) -> None:
    registered = cost(amount, STANDARD, card_kind)
    assert registered == Cost(yuan(issuer), yuan(network))
    for fee_class, (saved, lost) in ((CONCESSION, to_concession), (EXEMPT, to_exempt)):
        settled = cost(amount, fee_class, card_kind)
        assert (windfall(registered, settled), leakage(registered, settled)) == (yuan(saved), yuan(lost))


def test_standard_debit_became_a_tenth_cheaper_on_the_thirtieth_of_september_2021() -> None:
    assert cost(1_000, STANDARD, "debit", UNTIL_2021) == Cost(yuan("3.5"), yuan("0.325"))
    assert cost(1_000, STANDARD, "debit", SINCE_2021) == Cost(yuan("3.15"), yuan("0.2925"))


@pytest.mark.parametrize(("fee_class", "card_kind"), [(STANDARD, "credit"), (CONCESSION, "debit"), (EXEMPT, "credit")])
def test_the_other_prices_stayed(fee_class: FeeClass, card_kind: str) -> None:
    assert cost(1_000, fee_class, card_kind, UNTIL_2021) == cost(1_000, fee_class, card_kind, SINCE_2021)


def test_a_concession_is_seventy_eight_hundredths() -> None:
    assert cost(1_000, CONCESSION, "credit") == Cost(yuan("3.51"), yuan("0.2535"))
    assert cost(1_000, CONCESSION, "debit") == Cost(yuan("2.73"), yuan("0.2535"))


@pytest.mark.parametrize(
    ("time_ms", "below", "above"), [(UNTIL_2021, 371_428, 371_429), (SINCE_2021, 412_698, 412_699)]
)
def test_the_debit_cap_binds_from_the_amount_worked_by_hand(time_ms: int, below: int, above: int) -> None:
    under = interchange_cost(below, STANDARD, "debit", time_ms)
    over = interchange_cost(above, STANDARD, "debit", time_ms)
    assert under is not None
    assert over is not None
    assert under.issuer < 1_300 == over.issuer


def test_semi_credit_is_priced_as_credit() -> None:
    assert cost(1_000, STANDARD, "semi_credit") == cost(1_000, STANDARD, "credit")


def test_before_the_first_regime_there_is_no_figure() -> None:
    assert regime_at(BEFORE) == -1
    assert regime_at(SINCE_2016) == 0
    assert regime_at(UNTIL_2021) == 0
    assert regime_at(SINCE_2021) == 1
    assert interchange_cost(100, STANDARD, "credit", BEFORE) is None


@pytest.mark.parametrize("scheme", ["visa", "mastercard", "alipay", "wechat", "other", ""])
def test_another_scheme_gets_no_figure(scheme: str) -> None:
    assert interchange_cost(100, STANDARD, "credit", SINCE_2021, scheme=scheme) is None


def test_a_foreign_currency_or_card_or_a_prepaid_one_gets_no_figure() -> None:
    assert interchange_cost(100, STANDARD, "credit", SINCE_2021, currency="USD") is None
    assert interchange_cost(100, STANDARD, "credit", SINCE_2021, issuer_country="HK") is None
    assert interchange_cost(100, STANDARD, "credit", SINCE_2021, issuer_country="CN") is not None
    assert interchange_cost(100, STANDARD, "prepaid", SINCE_2021) is None
    assert interchange_cost(100, STANDARD, "", SINCE_2021) is None


@pytest.mark.parametrize("amount", [-1, MAX_AMOUNT_MINOR + 1])
def test_an_amount_out_of_range_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="amount_minor must be 0 to 999999999999, got"):
        interchange_cost(amount, STANDARD, "credit", SINCE_2021)


@given(amounts, st.sampled_from(range(len(REGIMES))), st.sampled_from(FeeClass), st.sampled_from(CARD_KINDS))
def test_the_tables_give_what_the_reference_gives(
    amount: int, regime: int, fee_class: FeeClass, card_kind: str
) -> None:
    cell = regime, int(fee_class), CARD_KINDS.index(card_kind)
    issuer, issuer_cap, network, network_cap, fixed = (int(table[cell]) for table in TABLES[1:])
    reference = interchange_cost(amount, fee_class, card_kind, REGIMES[regime].since_ms)
    if reference is None:
        assert issuer == -1
    else:
        assert cost_e7(amount, issuer, issuer_cap, network, network_cap, fixed) == reference.total * E7
        assert cost_e7(amount, issuer, issuer_cap, network, network_cap, fixed, 1) == reference.acquirer * E7


@given(amounts, st.sampled_from(CARD_KINDS[:3]), st.sampled_from([SINCE_2016, SINCE_2021]))
def test_a_cheaper_class_never_costs_more(amount: int, card_kind: str, time_ms: int) -> None:
    by_class = [interchange_cost(amount, each, card_kind, time_ms) for each in FeeClass]
    totals = [each.total for each in by_class if each is not None]
    assert len(totals) == 3
    assert totals == sorted(totals, reverse=True)


def test_compiled_code_gives_the_same_integers_up_to_the_largest_amount() -> None:
    compiled = njit(cost_e7)
    for amount in (0, 1, 371_429, 1_000_000, MAX_AMOUNT_MINOR):
        for cell in np.ndindex(TABLES.issuer_e7.shape):
            rates = [int(table[cell]) for table in TABLES[1:]]
            if rates[0] >= 0:
                assert compiled(amount, *rates) == cost_e7(amount, *rates) < 2**63


def test_an_acquirer_can_bring_its_own_prices() -> None:
    own = (Regime(0, "own", {(STANDARD, "prepaid"): Rate(10_000, None, 0, 0)}),)
    assert interchange_cost(10_000, STANDARD, "prepaid", 1, prices=PriceList(own, country="CN")) == Cost(
        Decimal(10), Decimal(0)
    )
    assert rate_tables(own).issuer_e7[0, STANDARD].tolist() == [-1, -1, -1, 10_000]


def test_regimes_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="regimes must be ascending in since_ms, got"):
        rate_tables(REGIMES[::-1])


def test_the_page_gives_the_prices_the_code_has() -> None:
    page = (Path(__file__).parents[2] / "docs" / "interchange.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| 20")]
    described = {}
    for since, notice, fee_class, card_kind, issuer, issuer_cap, network, network_cap in rows:
        cap = None if issuer_cap == "none" else int(Decimal(issuer_cap) * 100)
        rate_e7 = [int(Decimal(each.removesuffix(" %")) * 100_000) for each in (issuer, network)]
        rate = Rate(rate_e7[0], cap, rate_e7[1], int(Decimal(network_cap) * 100))
        described[since, notice, FeeClass[fee_class.upper()], card_kind] = rate
    since_ms = {"2016-09-06": SINCE_2016, "2021-09-30": SINCE_2021}
    assert {(since_ms[since], *rest): rate for (since, *rest), rate in described.items()} == {
        (regime.since_ms, regime.notice, *key): rate
        for regime in REGIMES
        for key, rate in regime.rates.items()
        if key[1] != "semi_credit"
    }


def test_a_fixed_part_comes_beside_the_capped_rate() -> None:
    own = PriceList((Regime(0, "own", {(STANDARD, "debit"): Rate(10_000, 100, 0, 0, issuer_fixed_minor=5)}),))
    assert interchange_cost(1_000_000, STANDARD, "debit", 1, prices=own) == Cost(Decimal(105), Decimal(0))
    assert cost_e7(1_000_000, 10_000, 100, 0, 0, 5) == 105 * E7


PUBLISHED = Path(__file__).parents[2] / "docs" / "prices"
AUSTRALIA = 1_735_689_600_000
"""2025-01-01T00:00Z."""


@pytest.mark.parametrize("file", sorted(PUBLISHED.glob("*.json")), ids=lambda file: file.stem)
def test_a_price_list_that_is_shipped_can_be_published(file: Path) -> None:
    assert KINDS["prices"].decode(file.read_bytes()).regimes


@pytest.mark.parametrize(
    ("registered", "used", "amount", "lost"),
    [
        ("5411", "8398", 100_000, "230"),  # 1,000.00 at 0.23 %
        ("5812", "8398", 100_000, "210"),
        ("5541", "5812", 25_050, "5.01"),  # 250.50 at 0.02 %
        ("5812", "5411", 100_000, "-20"),
    ],
)
def test_leakage_by_the_australian_list_is_that_worked_by_hand(
    registered: str, used: str, amount: int, lost: str
) -> None:
    prices = KINDS["prices"].decode((PUBLISHED / "visa-australia-2024-12.json").read_bytes())
    at_both = [
        interchange_cost(
            amount, prices.fee_class(mcc), "credit", AUSTRALIA, scheme="visa", currency="AUD", issuer_country="AU",
            prices=prices,
        )
        for mcc in (registered, used)
    ]  # fmt: skip
    assert at_both[0] is not None
    assert at_both[1] is not None
    assert leakage(at_both[0], at_both[1]) == Decimal(lost)
