"""Names of fields that may not be stored, however they are spelled, and names that only look like them."""

from __future__ import annotations

import pytest

from domain.forbidden_names import Rule, rule_of

FORBIDDEN = [
    "cvv",
    "CVV2",
    "cvv_code",
    "cvv-code",
    "card_cvv",
    "card.cvv",
    "cardCvvCode",
    "cvc",
    "CVC2",
    "cvn",
    "security_code",
    "securityCode",
    "card-security-code",
    "card_verification_value",
    "CSC",
    "cav2",
    "pin",
    "PIN",
    "pin_block",
    "pinBlock",
    "PinBlock",
    "pin.data",
    "encrypted_pin_block",
    "track",
    "track1",
    "track_2",
    "track-3",
    "trackdata",
    "track_data",
    "track2_data",
    "Track2Data",
    "track2Equivalent",
    "iccdata",
    "icc_data",
    "ICC",
    "emv_data",
    "de35",
    "DE_35",
    "de-36",
    "de45",
    "de52",
    "de_55",
    "field_52",
    "f52",
    "tag57",
    "pan",
    "PAN",
    "card_number",
    "cardNo",
    "card.number",
    "primary_account_number",
    "pan_number",
    "pin_code",
]
OTHERS = [
    "pinyin",
    "pincode_area",
    "spinning",
    "tracking_id",
    "trackingnumber",
    "cid_region",
    "cidade",
    "company",
    "panel",
    "pan_entry_mode",
    "cvv_result",
    "cvv_present",
    "cvv2_result_code",
    "pin_entry_capability",
    "pin_verified",
    "card_kind",
    "card_last4",
    "card_bin",
    "card_token",
    "device_model",
    "de4",
    "de39",
    "field_3",
    "track_count",
    "soundtrack",
    "memo",
    "note",
    "emvco_version",
    "account",
    "card_number_length",
    "security_level",
    "order_no",
]


@pytest.mark.parametrize(
    "name", [*FORBIDDEN, "cvv ", "\uff43\uff56\uff56", "c\u200bv\u200bv", "CVV\u00a02", "cvv\u00b2"]
)
def test_a_name_is_forbidden_however_it_is_spelled(name: str) -> None:
    assert rule_of(name) is Rule.FORBIDDEN


@pytest.mark.parametrize("name", ["cid", "CID", "cardholder_name", "cardHolderName", "name on card", "Card-Holder"])
def test_a_name_whose_value_is_removed_is_found_however_it_is_spelled(name: str) -> None:
    assert rule_of(name) is Rule.REMOVED


@pytest.mark.parametrize("name", [*OTHERS, "", "x" * 5_000])
def test_a_name_that_only_looks_like_one_is_let_pass(name: str) -> None:
    assert rule_of(name) is Rule.FREE
