"""Differences between two tables, and `tillwatch contracts`: prices of contracts as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tillwatch.test_master_data import flat, log_file, ran, run  # noqa: F401  a fixture

if TYPE_CHECKING:
    from pathlib import Path

JULY = "2026-07-01"
JUNE_SHOPS = "merchant_id,short_name,mccs,rep_id\nm1,榆桅,5812,r1\nm2,岚篱,5411,r2\nm3,杉笙,5411,r2\n"
JULY_SHOPS = "merchant_id,short_name,mccs,rep_id\nm1,榆桅,5812;5814,r1\nm2,岚篱,5411,r2\nm4,柏舟,5999,r1\n"
PRICES = "商户号,卡类型,费率,封顶,公示开始\nm1,debit,0.5%,20,2026-05-20\nm1,credit,0.6%,,2026-05-20\nm2,,5.5‰,,\n"


def tables(folder: Path, old: str, new: str) -> tuple[Path, Path]:
    made = folder / "june.csv", folder / "july.csv"
    for path, text in zip(made, (old, new), strict=True):
        path.write_text(text, encoding="utf-8")
    return made


def test_two_tables_differ_by_who_is_new_what_changed_and_who_is_gone_without_a_log(tmp_path: Path) -> None:
    old, new = tables(tmp_path, JUNE_SHOPS, JULY_SHOPS)
    found = ran(tmp_path / "none.db", "merchants", "diff", old, new)
    assert (found["new"], found["changed"], found["unchanged"], found["gone"]) == (1, 1, 1, ["m3"])
    assert found["changes"][0] == {"merchant_id": "m1", "field": "mccs", "old": ["5812"], "new": ["5812", "5814"]}
    assert {each["field"] for each in found["changes"][1:]} == {"short_name", "mccs", "rep_id"}
    assert not (tmp_path / "none.db").exists()
    for lang, words in (("en", "gone: m3"), ("zh", "已不在新表中：m3")):
        assert words in run(tmp_path / "none.db", "merchants", "diff", old, new, "--lang", lang).stderr


def test_what_differs_goes_into_the_log_with_its_date_only_when_it_is_asked_for(
    log_file: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    old, new = tables(tmp_path, JUNE_SHOPS, JULY_SHOPS)
    ran(log_file, "merchants", "import", old, "--effective-from", "2026-06-01")
    ran(log_file, "merchants", "diff", old, new)
    assert len(flat(log_file)) == 3
    made = ran(log_file, "merchants", "diff", old, new, "--import", "--effective-from", JULY)
    assert made["appended"] == 2
    assert {(each["merchant_id"], each["effective_from"]) for each in flat(log_file)[3:]} == {
        ("m1", 1_782_835_200_000), ("m4", 1_782_835_200_000),
    }  # fmt: skip
    assert ran(log_file, "merchants", "diff", old, new, "--import", "--effective-from", JULY)["appended"] == 0
    assert ran(log_file, "merchants", "diff", new)["unchanged"] == 3


def test_more_than_two_tables_are_refused(tmp_path: Path) -> None:
    old, new = tables(tmp_path, JUNE_SHOPS, JULY_SHOPS)
    result = run(tmp_path / "none.db", "people", "diff", old, new, new)
    assert (result.exit_code, "an older and a newer one, got 3" in result.stderr) == (2, True)


def test_the_rows_of_a_merchant_are_one_contract_with_rates_and_amounts(
    log_file: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    prices, _ = tables(tmp_path, PRICES, PRICES)
    assert ran(log_file, "contracts", "import", prices, "--effective-from", JULY)["appended"] == 2
    assert ran(log_file, "contracts", "import", prices, "--effective-from", JULY)["unchanged"] == 2
    first, second = sorted(flat(log_file), key=lambda each: each["merchant_id"])
    assert first["prices"] == [
        {"card_kind": "credit", "rate_ppm": 6000}, {"card_kind": "debit", "rate_ppm": 5000, "cap": 2000},
    ]  # fmt: skip
    assert (first["type"], first["effective_from"], first["notice_from"]) == (
        "contract", 1_782_835_200_000, 1_779_206_400_000,
    )  # fmt: skip
    assert second["prices"] == [{"rate_ppm": 5500}]
    assert "notice_from" not in second


def test_a_contract_differs_price_by_price(tmp_path: Path) -> None:
    dearer = PRICES.replace("0.6%", "0.65%").replace("m1,debit,0.5%,20,2026-05-20\n", "").replace("m2,,5.5‰,,\n", "")
    old, new = tables(tmp_path, PRICES, f"{dearer}m1,prepaid,0.6%,,2026-05-20\n")
    found = ran(tmp_path / "none.db", "contracts", "diff", old, new)
    assert (found["new"], found["changed"], found["gone"]) == (0, 1, ["m2"])
    assert [(each["old"], each["new"]) for each in found["changes"]] == [
        ({"card_kind": "credit", "rate_ppm": 6000}, {"card_kind": "credit", "rate_ppm": 6500}),
        ({"card_kind": "debit", "rate_ppm": 5000, "cap": 2000}, None),
        (None, {"card_kind": "prepaid", "rate_ppm": 6000}),
    ]
    shown = run(tmp_path / "none.db", "contracts", "diff", old, new).stdout
    assert all(each in shown for each in ("credit 0.6%", "credit 0.65%", "debit 0.5%", "cap 2000"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("m1,debit,0.5%,20.005,\n", "cap must be an amount of at most 2 digits behind the point, got '20.005'"),
        ("m1,debit,half,,\n", "rate_ppm must be a rate such as 0.6% or 6000, got 'half'"),
        ("m1,debit,0.00005%,,\n", "rate_ppm must be whole parts per million, such as 0.6% or 6000"),
        ("m1,debit,101%,,\n", "rate_ppm must be"),
        ("m1,debit,0.5%,,2026-05-20\nm1,credit,0.6%,,2026-05-21\n", "notice_from must be the same in all rows"),
        ("m1,debit,,,\n", "rate_ppm"),
        (",debit,0.5%,,\n", "merchant_id"),
    ],
)
def test_a_contract_that_cannot_be_taken_has_its_line_and_reason(
    rows: str,
    message: str,
    log_file: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    prices, _ = tables(tmp_path, f"商户号,卡类型,费率,封顶,公示开始\nm9,,0.6%,,\n{rows}", "")
    found = ran(log_file, "contracts", "import", prices, code=3)
    assert [each["merchant_id"] for each in flat(log_file)] == ["m9"]
    (refused,) = found["refused"]
    assert (refused["line"], message in refused["message"]) == (3, True), refused


def test_amounts_have_the_digits_of_their_currency(log_file: Path, tmp_path: Path) -> None:  # noqa: F811
    prices, _ = tables(tmp_path, "merchant_id,rate_ppm,cap\nm1,3.6%,500\n", "")
    ran(log_file, "contracts", "import", prices, "--currency", "JPY")
    assert flat(log_file)[0]["prices"] == [{"rate_ppm": 36_000, "cap": 500}]
