"""What fields with card data are called in other languages than English, as people write the words.

In native script and, where it is not of Latin letters, as it is transliterated in names of fields. How a word is
spelled (accents, blanks, `\u0131` without its dot) does not matter: `domain.forbidden_names` compares letters alone. A
word that means much else (a file's path, a lead, the code of an area) stands here only with what makes it card data.
"""

# ruff: noqa: RUF001  letters of other scripts that look like Latin ones are what it is for

from __future__ import annotations

from itertools import product


def _each(first: str, second: str) -> tuple[str, ...]:
    """Every word of the first before every one of the second; words are parted by commas."""
    return tuple(f"{one} {other}" for one, other in product(first.split(", "), second.split(", ")))


CARD_DATA: dict[str, tuple[str, ...]] = {
    "Chinese": (
        "安全码", "安全碼", "验证码", "驗證碼", "卡校验码", "卡校驗碼", "卡背三位", "密码", "密碼", "密码块", "密碼塊",
        "磁道", "磁条", "磁條", "卡号", "卡號", "主账号", "主帳號",
    ),
    "Japanese": (
        "カード番号", "クレジットカード番号", "クレカ番号", "デビットカード番号", "セキュリティコード",
        "セキュリティーコード", "暗証番号", "カード暗証番号",
        "ピンコード", "磁気ストライプ", "磁気データ", "トラックデータ",
        "トラック1", "トラック2", "トラック3", "kaado bangou", "kado bango", "card bangou", "ansho bango",
        "anshou bangou", "sekyuriti kodo",
    ),
    "Korean": (
        "카드번호", "신용카드번호", "체크카드번호", "보안코드",
        "카드보안코드", "비밀번호", "카드비밀번호", "핀번호", "핀코드",
        "카드인증번호", "마그네틱", "트랙데이터", "트랙1",
        "트랙2", "트랙3", "kadeu beonho", "card beonho", "bimil beonho",
    ),
    "Russian": (
        "номер карты", "номер банковской карты", "номер платёжной карты", "номер кредитной карты", "код безопасности",
        "код подлинности", "код cvv", "код cvc", "пин", "пинкод", "пинблок", "магнитная полоса", "трек1", "трек2",
        "трек3", "дорожка1", "дорожка2", "дорожка3",
        *_each("nomer", "karty, bankovskoy karty, platezhnoy karty, kreditnoy karty"),
        "kod bezopasnosti", "kod cvv", "kod cvc", "pinkod", "magnitnaya polosa",
    ),
    "Ukrainian": ("номер картки", "nomer kartky", "код безпеки", "kod bezpeky", "пінкод"),
    "German": (
        "Kartennummer", "Kartennr", "Kreditkartennummer", "Kreditkartennr", "Debitkartennummer", "Bankkartennummer",
        "Kartenprüfnummer", "Kartenpruefnummer", "Kartenprüfziffer", "Kartenpruefziffer", "Sicherheitscode",
        "Kartensicherheitscode", "Geheimzahl", "Geheimnummer", "Magnetstreifen", "Magnetstreifendaten", "Magnetspur",
        "Spur1", "Spur2", "Spur3",
    ),
    "French": (
        *_each("numéro, numéro de, numéro de la, num, no, n°", "carte, carte bancaire, carte de crédit, carte bleue"),
        "code sécurité", "code de sécurité", "cryptogramme", "cryptogramme visuel", "code cvv", "code cvc",
        "code confidentiel", "code secret", "code pin", "piste magnétique", "piste1", "piste2", "piste3",
        "bande magnétique",
    ),
    "Spanish": (
        *_each("número, número de, número de la, num, nro, nro de, no", "tarjeta, tarjeta de crédito, tarjeta débito"),
        "código seguridad", "código de seguridad", "código cvv", "código cvc", "código pin", "clave tarjeta",
        "clave de la tarjeta", "clave secreta", "pin tarjeta", "nip tarjeta", "banda magnética", "pista magnética",
        "pista1", "pista2", "pista3",
    ),
    "Portuguese": (
        *_each("número, número do, número de, num, nro, no", "cartão, cartão de crédito, cartão de débito"),
        "código segurança", "código de segurança", "código cvv", "código verificador cartão", "senha", "senha cartão",
        "senha do cartão", "trilha1", "trilha2", "trilha3", "trilha magnética", "tarja magnética",
    ),
    "Italian": (
        *_each("numero, numero di, numero della, num, nr", "carta, carta di credito, carta di debito, carta credito"),
        "codice sicurezza", "codice di sicurezza", "codice cvv", "codice cvc", "codice pin", "codice segreto",
        "banda magnetica", "traccia1", "traccia2", "traccia3",
    ),
    "Dutch": (
        "kaartnummer", "kaartnr", "creditcardnummer", "cardnummer", "bankkaartnummer", "betaalkaartnummer",
        "bankpasnummer", "beveiligingscode", "veiligheidscode", "kaartverificatiecode", "magneetstrip", "spoor1",
        "spoor2", "spoor3",
    ),
    "Scandinavian": (
        "kortnummer", "kortnr", "kreditkortnummer", "kredittkortnummer", "betalkortsnummer", "säkerhetskod",
        "sikkerhetskode", "sikkerhedskode", "pinkode", "magnetremsa", "magnetspor",
    ),
    "Finnish": ("korttinumero", "kortin numero", "luottokortin numero", "turvakoodi", "kortin tunnusluku"),
    "Polish": (
        *_each("numer, nr", "karty, karty płatniczej, karty kredytowej, karty debetowej"),
        "kod bezpieczeństwa", "kod cvv", "kod cvc", "kod pin", "ścieżka magnetyczna", "ścieżka1", "ścieżka2",
        "ścieżka3", "pasek magnetyczny",
    ),
    "Czech and Slovak": (
        "číslo karty", "číslo platební karty", "číslo kreditní karty", "číslo platobnej karty", "bezpečnostní kód",
        "bezpečnostný kód", "pin kód", "magnetický proužek",
    ),
    "Hungarian": ("kártyaszám", "bankkártyaszám", "hitelkártyaszám", "biztonsági kód", "mágnescsík"),
    "Romanian": ("număr card", "numărul cardului", "cod securitate", "cod de securitate", "cod pin", "bandă magnetică"),
    "Turkish": (
        *_each("kart, kredi kartı, banka kartı, kartın", "numarası, numara, no, nosu"),
        "güvenlik kodu", "kart güvenlik kodu", "cvv kodu", "pin kodu", "kart şifresi", "kart şifre", "şifre",
        "manyetik şerit", "manyetik iz", "iz verisi", "iz1 verisi", "iz2 verisi",
    ),
    "Arabic": (
        "رقم البطاقة", "رقم بطاقة", "رقم بطاقة الائتمان", "رقم البطاقة الائتمانية", "رمز الأمان", "رمز الحماية",
        "رمز التحقق", "رمز أمان البطاقة", "الرقم السري", "رقم سري", "الرمز السري", "رمز سري", "الشريط المغناطيسي",
        "بيانات المسار", "raqm albitaqa", "raqm al bitaqah", "raqm albitaqah", "raqm bitaqa", "ramz alaman",
        "ramz al aman", "ramz altahaqquq", "alraqm alsirri", "raqm sirri", "ramz sirri",
    ),
    "Persian": ("شماره کارت", "رمز کارت", "رمز دوم", "shomare kart", "shomareh kart", "ramz kart", "ramze dovom"),
    "Hebrew": ("מספר כרטיס", "מספר כרטיס אשראי", "קוד אבטחה", "קוד סודי", "mispar kartis"),
    "Hindi": (
        *_each("कार्ड, क्रेडिट कार्ड, डेबिट कार्ड", "नंबर, नम्बर, संख्या, का नंबर"),
        "सुरक्षा कोड", "सीवीवी", "पिन", "पिन नंबर", "एटीएम पिन", "card sankhya", "suraksha code", "suraksha kod",
    ),
    "Indonesian and Malay": (
        *_each("nomor, nomer, nombor, no", "kartu, kartu kredit, kartu debit, kad, kad kredit, kad debit"),
        "kode keamanan", "kod keselamatan", "kode cvv", "kode pin", "kod pin", "pin kartu", "sandi kartu",
        "strip magnetik", "jalur magnetik",
    ),
    "Vietnamese": (
        "số thẻ", "số thẻ tín dụng", "số thẻ ghi nợ", "số thẻ ngân hàng", "mã bảo mật", "mã bảo mật thẻ", "mã cvv",
        "mã số pin", "mã xác thực thẻ", "mật khẩu thẻ", "dải từ thẻ",
    ),
    "Thai": (
        "หมายเลขบัตร", "หมายเลขบัตรเครดิต", "หมายเลขบัตรเดบิต",
        "เลขที่บัตร", "เลขบัตร", "เลขบัตรเครดิต", "เลขที่บัตรเครดิต",
        "รหัสความปลอดภัย", "รหัสปลอดภัย", "รหัส cvv", "รหัส pin", "รหัสพิน", "รหัสลับ", "แถบแม่เหล็ก",
        "mai lek bat", "lek bat credit",
    ),
}  # fmt: skip
"""By language: card numbers, verification values, PINs, tracks."""

EXPIRY: dict[str, tuple[str, ...]] = {
    "English": (
        *_each("card, cc", "expiry, expiry date, expiry month, expiry year, exp, exp date, exp month, exp year"),
        *_each("card, cc", "expiration, expiration date, expiration month, expiration year, valid thru, expires"),
    ),
    "Chinese": ("卡有效期", "卡片有效期", "信用卡有效期", "银行卡有效期", "銀行卡有效期", "卡到期日"),
    "Japanese": ("カード有効期限", "クレジットカード有効期限"),
    "Korean": ("카드유효기간", "카드만료일", "신용카드유효기간"),
    "Russian": ("срок действия карты", "srok deystviya karty"),
    "German": ("Kartenablaufdatum", "Kartengültigkeit", "Kartenverfallsdatum"),
    "French": ("date expiration carte", "date d'expiration de la carte", "expiration carte"),
    "Spanish": (
        "vencimiento tarjeta", "fecha vencimiento tarjeta", "fecha de vencimiento de la tarjeta", "caducidad tarjeta",
    ),
    "Portuguese": ("validade cartão", "validade do cartão", "data validade cartão"),
    "Italian": ("scadenza carta", "data scadenza carta"),
    "Dutch": ("kaartvervaldatum", "vervaldatum kaart"),
    "Polish": ("data ważności karty", "ważność karty"),
    "Turkish": ("kart son kullanma tarihi", "son kullanma tarihi kart", "kart skt"),
    "Arabic": ("تاريخ انتهاء البطاقة", "تاريخ صلاحية البطاقة", "صلاحية البطاقة", "tarikh intiha albitaqa"),
    "Persian": ("تاریخ انقضای کارت",),
    "Hindi": ("कार्ड समाप्ति तिथि", "कार्ड की समाप्ति तिथि"),
    "Indonesian and Malay": ("masa berlaku kartu", "tanggal kedaluwarsa kartu", "tarikh luput kad"),
    "Vietnamese": ("ngày hết hạn thẻ", "hạn thẻ"),
    "Thai": ("วันหมดอายุบัตร", "วันหมดอายุของบัตร"),
}  # fmt: skip
"""By language: when a card expires. Of licences and contracts it is lawful, so `card` is in each."""
