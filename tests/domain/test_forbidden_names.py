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
    # plurals, and words around
    "cvvs", "card_numbers", "cardNos", "PANs", "pins", "creditCardNumber", "bank_card_no", "payee_card_no",
    "request.card.cvv", "billing_cvv", "new_pin", "track2_info", "trackOne", "track_two", "pan_full", "cvv[0]",
    # elements, with zeros or without
    "DE_035", "F055", "field002", "data_element_35", "iso8583_52",
    # other languages
    "卡号", "银行卡号", "銀行卡號", "二磁道数据", "磁道信息", "信用卡安全码", "交易密码", "PIN密码", "CVV2码", "主账号",
    "カード番号", "セキュリティコード", "카드번호", "номер_карты", "пин-код", "numéro_carte", "Número de tarjeta",
    "Kartenprüfnummer", "código_de_seguridad", "cryptogramme visuel",
]  # fmt: skip
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
    # elements that hold how a card was read, and its sequence number
    "de22", "DE_23", "field_23", "bit_22", "f022", "de20", "f2",
    "from_account_no", "bank_account_number", "iso2", "track_status", "pins_entered",
    "卡类型", "商户号", "磁道状态", "密码输入方式", "验证码次数", "卡号后四位", "订单号",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [*FORBIDDEN, "cvv ", "c\u0301vv", "\uff43\uff56\uff56", "c\u200bv\u200bv", "CVV\u00a02", "cvv\u00b2"]
)
def test_a_name_is_forbidden_however_it_is_spelled(name: str) -> None:
    assert rule_of(name) is Rule.FORBIDDEN


@pytest.mark.parametrize(
    "name",
    [
        "cid",
        "CID",
        "cardholder_name",
        "cardHolderName",
        "name on card",
        "Card-Holder",
        "cardCode",
        "sec_code",
        "持卡人姓名",
        "cc_holder_name",
    ],
)
def test_a_name_whose_value_is_removed_is_found_however_it_is_spelled(name: str) -> None:
    assert rule_of(name) is Rule.REMOVED


@pytest.mark.parametrize("name", [*OTHERS, "", "x" * 5_000])
def test_a_name_that_only_looks_like_one_is_let_pass(name: str) -> None:
    assert rule_of(name) is Rule.FREE
