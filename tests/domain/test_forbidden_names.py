"""Names of fields that may not be stored, however they are spelled, and names that only look like them."""

# ruff: noqa: RUF001  letters of other scripts that look like Latin ones are what it is about

from __future__ import annotations

import pytest

from domain.events import EVENTS
from domain.forbidden_names import Rule, normal, rule_of
from domain.forbidden_words import CARD_DATA, EXPIRY

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


SPELLED = {
    "Turkish": ["Kart Numarası", "KART_NUMARASI", "kartNo", "güvenlik kodu", "GÜVENLİK KODU", "guvenlik_kodu"],
    "Polish": ["numer_karty", "NumerKartyPłatniczej", "kod bezpieczeństwa", "kod_bezpieczenstwa", "ŚCIEŻKA2"],
    "Arabic": ["رقم_البطاقة", "رقم البطاقه", "رَقَم البطاقة", "رمز الامان", "رقـم بطاقة", "raqm_al_bitaqah"],
    "Indonesian": ["nomor_kartu", "nomorKartuKredit", "no_kartu", "kode_keamanan", "kode-pin"],
    "Vietnamese": ["số thẻ", "so_the", "SỐ_THẺ_TÍN_DỤNG", "mã bảo mật", "ma_bao_mat"],
    "Thai": ["หมายเลขบัตร", "เลขที่บัตร", "รหัสความปลอดภัย", "รหัส_PIN"],
    "Korean": ["카드 번호", "신용카드번호", "카드_비밀번호", "핀번호", "트랙2"],
    "Japanese": ["ｶｰﾄﾞ番号", "クレジットカード番号", "暗証番号", "磁気ストライプ"],
    "Russian": ["НОМЕР КАРТЫ", "номер_платежной_карты", "nomer_karty", "код-безопасности", "трек2"],
    "German": ["KREDITKARTENNUMMER", "Kartenpruefnummer", "Kartenprüfziffer", "Geheimzahl"],
    "French": ["n° carte", "numéro de carte bancaire", "NumeroDeLaCarte", "code_confidentiel", "piste2"],
    "Spanish": ["Nro. de tarjeta", "numero_tarjeta_de_credito", "CÓDIGO_CVV", "banda magnética"],
    "Portuguese": ["número do cartão", "numero_cartao_de_credito", "senha_do_cartao", "trilha2"],
    "Italian": ["numero della carta", "codice_di_sicurezza", "numeroCartaDiCredito"],
    "Dutch": ["kaartnummer", "Beveiligingscode", "creditcardnummer"],
    "Hindi": ["कार्ड नंबर", "कार्ड_संख्या", "सुरक्षा कोड", "पिन"],
    "others": ["číslo karty", "kártyaszám", "kortnummer", "מספר כרטיס", "شماره کارت", "شماره كارت", "numărul cardului"],
}  # fmt: skip
HARMLESS = {
    "Turkish": ["kart_turu", "kart tipi", "kartno_uzunluk", "numara", "sipariş no", "işyeri numarası"],
    "Polish": ["karta", "numer zamówienia", "ścieżka", "sciezka_pliku", "NIP", "kod pocztowy", "pasek"],
    "Arabic": ["رقم الطلب", "رمز البريد", "اسم التاجر", "نوع البطاقة", "رقم الهاتف"],
    "Indonesian": ["nomor_pesanan", "kode_pos", "no_kad_pengenalan", "jenis kartu", "kartu"],
    "Vietnamese": ["số đơn hàng", "mã đơn hàng", "loại thẻ", "map_in", "mã bưu điện"],
    "Thai": ["เลขบัตรประชาชน", "หมายเลขคำสั่งซื้อ", "รหัสไปรษณีย์", "ประเภทบัตร"],
    "Korean": ["주문번호", "카드종류", "우편번호", "트랙"],
    "Japanese": ["注文番号", "カード種別", "郵便番号", "会員番号", "トラック"],
    "Russian": ["номер заказа", "тип карты", "код города", "карта", "пинг", "дорожка", "трекер"],
    "German": ["Kartentyp", "Bestellnummer", "Kartenart", "Spur", "Postleitzahl", "Prüfziffer"],
    "French": ["carte", "numéro de commande", "piste", "code postal", "type de carte"],
    "Spanish": ["tarjeta", "numero_pedido", "clave", "clave_rastreo", "NIP", "pista", "código postal"],
    "Portuguese": ["cartao", "numero_pedido", "bandeira do cartão", "trilha", "código postal"],
    "Italian": ["carta", "numero ordine", "traccia", "codice fiscale", "cartaceo"],
    "Dutch": ["kaart", "ordernummer", "spoor", "postcode", "klantnummer"],
    "Hindi": ["पान", "कार्ड का प्रकार", "पिन कोड", "आदेश संख्या"],
    "expiry": ["expiry", "licence_expires_at", "expires_at", "expiry_date", "有效期", "data ważności", "срок действия"],
}  # fmt: skip


@pytest.mark.parametrize("language", CARD_DATA)
def test_what_card_data_is_called_is_forbidden_in_every_language_however_it_is_written(language: str) -> None:
    for name in CARD_DATA[language]:
        for spelled in (name, name.upper(), name.replace(" ", "_"), name.title().replace(" ", ""), normal(name)):
            assert rule_of(spelled) is Rule.FORBIDDEN, spelled


@pytest.mark.parametrize("language", SPELLED)
def test_names_of_other_languages_are_forbidden_with_accents_or_without_and_transliterated(language: str) -> None:
    assert [name for name in SPELLED[language] if rule_of(name) is not Rule.FORBIDDEN] == []


@pytest.mark.parametrize("language", HARMLESS)
def test_names_of_other_languages_that_only_look_like_one_are_let_pass(language: str) -> None:
    assert [name for name in HARMLESS[language] if rule_of(name) is not Rule.FREE] == []


@pytest.mark.parametrize("language", EXPIRY)
def test_when_a_card_expires_is_removed_in_every_language(language: str) -> None:
    assert [name for name in EXPIRY[language] if rule_of(name) is not Rule.REMOVED] == []


def test_no_field_that_is_declared_is_forbidden_or_removed() -> None:
    names = {field.name for fields in EVENTS.values() for field in fields}
    assert [name for name in names if rule_of(name) is not Rule.FREE] == []
