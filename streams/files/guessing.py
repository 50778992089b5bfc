"""A first mapping of a file that nobody has described yet: by names of columns and by what stands in them.

Whatever rests on a guess has a remark. What cannot be guessed is left out as a remark, so that the mapping is refused
until somebody has filled it in.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

from domain.cards import holds_pan, mask
from domain.currencies import DIGITS
from domain.events import ROLES, TRANSACTION
from streams.files.amounts import currency_code, minor_units
from streams.files.cells import clean, text_of
from streams.files.sampling import ROWS, Sample, reads, sample_of, time_format

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_WORDS = 30
_NAMES: dict[str, tuple[str, ...]] = {
    "txn_id": (
        "txn_id", "transaction id", "trade no", "payment id", "psp reference", "balance transaction id", "trx id",
        "trans id", "txn id", "交易单号", "交易号", "交易流水号", "流水号", "订单号", "交易订单号", "商户单号", "id",
        "rrn", "检索参考号", "参考号", "支付单号", "订单编号", "reference number", "reference",
        "ref", "receipt number", "belegnummer",
    ),
    "merchant_id": (
        "merchant_id", "merchant account", "merchant id", "merchant no", "商户号", "商户编号", "商户代码", "特约商户号",
        "门店编号", "merchant number", "mid", "store id", "shop id", "shop code", "händlernummer", "location",
        "merchant name", "merchant", "商户名称", "门店名称", "门店", "store", "shop",
    ),
    "amount": (
        "amount", "gross", "gross collected", "gross debit (gc)", "total collected", "金额", "交易金额", "订单金额",
        "实付金额", "收款金额", "支付金额", "消费金额", "transaction amount", "total", "betrag", "importe",
        "montant",
    ),
    "currency": ("currency", "ccy", "币种", "货币", "交易币种"),
    "event_time": (
        "event_time", "created", "created (utc)", "date/time", "timestamp", "transaction time", "creation date",
        "交易时间", "交易日期时间", "支付时间", "交易创建时间", "时间", "创建时间", "datetime",
    ),
    "txn_type": (
        "txn_type", "type", "transaction type", "reporting_category", "trx type", "交易类型", "业务类型", "类型",
        "vorgang",
    ),
    "response_code": ("response_code", "response", "应答码", "响应码", "返回码"),
    "terminal_id": ("terminal_id", "terminal id", "终端号", "终端编号", "device name", "terminal"),
    "mcc": ("mcc", "merchant category code", "商户类别码"),
    "fee": ("fee", "fees", "手续费", "商户手续费", "服务费", "commission (nc)", "commission", "merchant fee", "gebühr"),
    "entry_mode": ("entry_mode", "entry mode", "pos entry mode", "输入方式"),
    "scheme": ("scheme", "card brand", "payment method", "卡组织"),
    "auth_code": ("auth_code", "auth code", "授权码"),
    "original_txn_id": ("original_txn_id", "原交易单号", "原订单号", "原交易流水号"),
    "stan": ("stan", "trace no", "系统跟踪号"),
}  # fmt: skip
_TIME_MARKS = ("time", "date", "created", "datum", "时间", "日期")
_TYPE_WORDS = {
    "purchase": (
        "消费", "支付", "付款", "sale", "charge", "payment", "settled", "purchase", "capture", "商户消费", "pay",
        "paid", "收款", "kauf", "success", "succeeded", "completed", "交易成功",
    ),
    "refund": ("退款", "退货", "refund", "refunded", "return", "gutschrift"),
    "void": ("撤销", "void", "cancel", "cancelled"),
    "reversal": ("冲正", "reversal"),
    "preauth": ("预授权", "authorisation", "authorization", "auth"),
    "completion": ("预授权完成", "completion"),
}  # fmt: skip
_LEAST_PART = 4
"""Letters of a word of a type that counts as a part of another: a `payout` is no `pay`."""
_MONEY_BACK = {"refund", "void", "reversal"}
_PARTS_FIRST = sorted(_TYPE_WORDS, key=lambda each: each == "purchase")
"""Types, that of sales last: a `Payment Refund` is a refund."""
_LONGEST = {each.name: each.high for each in TRANSACTION if each.name.endswith("_id")}
"""Characters of identifiers; longer ones, and names, are hashed to `_HASH` digits at most."""
_HASH = 32
_ZONE_NAMES = ("timezone", "time_zone", "tz", "时区")
_MINOR, _MAJOR = "分", "元"
"""What may stand behind a column's name: `金额(分)`."""
_SPLIT = re.compile(r"[\s_/().\-]+|(?<=[a-z0-9])(?=[A-Z])")
"""Between the words of a column's name: `transactionId` and `transaction.id` are two."""


def guessed(stream: BinaryIO, name: str) -> str:
    """A first mapping of a file, as TOML.

    Raises:
        FileRefused: it cannot be read, or has no header that can be told.
    """
    with ExitStack() as stack:
        found = sample_of(stream, name, stack)
    used: dict[str, str] = {}
    lines = [
        f"# A first mapping of {mask(name)}, guessed from its first {ROWS} rows. Read it, above all what is not sure.",
        "# docs/mapping.md has the format.",
        'time_zone = "Asia/Shanghai"  # not sure: the zone of times without an offset',
        *found.layout,
        "",
        "[fields]",
    ]
    card = _card(found)
    for field in ("txn_id", "merchant_id", "currency", "amount", "event_time"):
        lines += _required(field, found, used, card)
    for field in _NAMES:
        if field not in used and (column := _column(field, found, used, card)):
            used[field] = column
            lines += _optional(field, column, found, used)
    if "txn_type" not in used and (column := _status(found, used, card)):
        used["txn_type"] = column
        lines += _types(column, list(Counter(_texts(found, column))), ["is it the type? Some of its words say so"])
    if card:
        lines += ["", "[card]", f"column = {quoted(card)}  # its cells look like card numbers: give --token-key"]
    left = [each for each in found.header if each and each not in used.values() and each != card]
    if left:
        lines += ["", f"# Columns that are not read: {', '.join(map(mask, left))}"]
    return "\n".join(lines) + "\n"


def _texts(found: Sample, column: str) -> list[str]:
    return [clean(text_of(each)) for each in found.cells.get(column, [])]


def _card(found: Sample) -> str:
    """The column of card numbers, "" for none."""
    for column in found.cells:
        texts = [each for each in _texts(found, column) if sum(map(str.isdigit, each)) >= 13]
        if len(texts) > 2 and sum(map(holds_pan, texts)) * 2 > len(texts):
            return column
    return ""


def _column(field: str, found: Sample, used: dict[str, str], card: str) -> str:
    """The column that a field's names fit best, "" for none: the same name first, then one that holds it."""
    free = [each for each in found.cells if each != card and each not in used.values()]
    plain = {each: _plain(each) for each in free}
    for word in _NAMES[field]:
        wanted = _plain(word)
        for each in free:
            if plain[each] == wanted:
                return each
    if field not in ("txn_id", "merchant_id", "amount", "currency", "event_time"):
        return ""
    for word in _NAMES[field]:
        wanted = _plain(word)
        for each in free:
            if (len(wanted) > 2 or not wanted.isascii()) and wanted in plain[each] and _fits(field, found, each):
                return each
    return ""


def _words(column: str) -> list[str]:
    """The words of a column's name."""
    return [each.lower() for each in _SPLIT.split(column.replace("（", "(").replace("）", ")")) if each]


def _plain(name: str) -> str:
    """A name's words with a blank between, without a unit."""
    return " ".join(each for each in _words(name) if each not in (_MINOR, _MAJOR))


def _fits(field: str, found: Sample, column: str) -> bool:
    texts = _texts(found, column)
    if field == "amount":
        return bool(texts) and all(_minor(each) is not None for each in texts[:20])
    if field == "event_time":
        return bool(time_format(found.cells[column]))
    return True


def _required(field: str, found: Sample, used: dict[str, str], card: str) -> list[str]:
    column = _column(field, found, used, card)
    if field == "event_time":
        return _time(found, used, column)
    if field == "currency" and not column:
        return _currency(found, used)
    if not column:
        return [f'# {field} = {{ constant = "..." }}  # not sure: no column seems to have it; name one, or a constant']
    used[field] = column
    if field == "amount":
        return _amount(column, found)
    return [_named(field, column, found)]


def _named(field: str, column: str, found: Sample) -> str:
    """A field that is what stands in a column, or where that is no identifier a hash of it."""
    most, texts = _LONGEST.get(field), _texts(found, column)
    if most is None or all(each.isascii() and len(each) <= most for each in texts):
        return f"{field} = {quoted(column)}{_doubt(field, column, found)}"
    doubt = f"identifiers are ASCII and at most {most} characters long; a hash stands for each"
    return f"{field} = {{ column = {quoted(column)}, hash = {min(most, _HASH)} }}{_remark([doubt])}"


def _doubt(field: str, column: str, found: Sample) -> str:
    texts = _texts(found, column)
    if field == "txn_id" and len(set(texts)) < len(texts):
        return "  # not sure: the same id stands in several rows"
    if field == "currency" and any(currency_code(each) not in DIGITS for each in texts):
        return "  # not sure: some are no codes of ISO 4217; say by values which they are"
    return ""


def _currency(found: Sample, used: dict[str, str]) -> list[str]:
    coded = [each for each in found.cells if (texts := _texts(found, each)) and all(text in DIGITS for text in texts)]
    if coded:
        used["currency"] = coded[0]
        return [f"currency = {quoted(coded[0])}  # not sure: what stands there are codes of currencies"]
    signs = Counter(
        sign for column in found.cells for each in found.cells[column] for sign in text_of(each) if sign in "¥￥$€£"
    )
    code = {"¥": "CNY", "￥": "CNY", "$": "USD", "€": "EUR", "£": "GBP"}.get(next(iter(signs), ""), "CNY")
    why = "by the signs of amounts" if signs else "nothing says which"
    return [f'currency = {{ constant = "{code}" }}  # not sure: no column has it; {why}']


def _minor(text: str, decimal: str = ".") -> int | None:
    try:
        return minor_units(text, 4, decimal=decimal)
    except ValueError:
        return None


def _amount(column: str, found: Sample) -> list[str]:
    texts = _texts(found, column)
    keys, doubts = [f"column = {quoted(column)}"], []
    if _has_comma(texts):
        keys.append('decimal = ","')
    if _is_minor(column, texts):
        keys.append('unit = "minor"')
        if _MINOR not in _words(column):
            doubts.append("no amount has a point, so they are taken for minor units such as fen")
    if any((_minor(each) or 0) < 0 for each in texts):
        keys.append('negative = "refund"')
        doubts.append("negative amounts are taken for refunds")
    return [f"amount = {{ {', '.join(keys)} }}{_remark(doubts)}"]


def _has_comma(texts: Sequence[str]) -> bool:
    """Whether more of some amounts can be read with a decimal comma than with a point."""
    return sum(_minor(each) is None for each in texts) > sum(_minor(each, ",") is None for each in texts)


def _is_minor(column: str, texts: Sequence[str]) -> bool:
    """Whether amounts are of minor units, as the column's name says, or none of them has a point or a sign."""
    if {_MINOR, _MAJOR} & set(_words(column)):
        return _MINOR in _words(column)
    return bool(texts) and not any(set(each) & set(".,¥￥$€£元") for each in texts)


def _time(found: Sample, used: dict[str, str], column: str) -> list[str]:
    timed = [each for each in found.cells if each not in used.values() and (time_format(found.cells[each]))]
    if not column or column not in timed:
        column = next(
            (each for each in timed if any(mark in each.lower() for mark in _TIME_MARKS)), next(iter(timed), "")
        )
    if not column:
        return ['# event_time = "..."  # not sure: no column has times that can be read; name it, and its format']
    used["event_time"] = column
    form, doubts = time_format(found.cells[column]), []
    clock = next((e for e in found.cells if e != column and e not in used.values() and _is_clock(_texts(found, e))), "")
    source = f"column = {quoted(column)}"
    if clock and not any(":" in text_of(each) for each in found.cells[column]):
        used["time of day"] = clock
        source = f"columns = [{quoted(column)}, {quoted(clock)}]"
    if zoned := next((each for each in found.cells if each.lower().replace(" ", "") in _ZONE_NAMES), ""):
        doubts.append(f"is the zone what stands in {zoned}? Put it behind the time by a template, and give zones")
    if form == "day-first" and all(reads(each, "month-first") for each in found.cells[column][:100]):
        doubts.append("every day may as well be a month: is it month-first?")
    given = "" if form == "auto" else f", format = {quoted(form)}"
    return [f"event_time = {{ {source}{given} }}{_remark(doubts)}"]


def _is_clock(texts: Sequence[str]) -> bool:
    return bool(texts) and all(re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?|\d{5,6}", each) for each in texts)


def _optional(field: str, column: str, found: Sample, used: dict[str, str]) -> list[str]:
    texts = _texts(found, column)
    words = Counter(texts)
    if field == "txn_type":
        if not words or len(words) > _MOST_WORDS:
            return [f"# txn_type: {column} has {len(words)} different words; say by values which they are"]
        return _types(column, list(words))
    if field == "fee":
        amounts = _texts(found, used.get("amount", ""))
        point = "," if _has_comma(texts) else "."
        decimal = ', decimal = ","' if point == "," else ""
        turned = texts and all((_minor(each, point) or 0) <= 0 for each in texts)
        sign = ', negative = "turn"' if turned else ""
        unit = ', unit = "minor"' if _is_minor(column, [*texts, *amounts]) else ""
        return [f"fee = {{ column = {quoted(column)}, round = true{decimal}{unit}{sign} }}"]
    if field == "entry_mode" and not all(each.isdigit() for each in words):
        return [f"# entry_mode: {column} has no digits; say by values which they are"]
    return [_named(field, column, found)]


def _status(found: Sample, used: dict[str, str], card: str) -> str:
    """The column of few words some of which say that money went back, "" for none."""
    for column in found.cells:
        words = set(_texts(found, column))
        if column != card and column not in used.values() and len(words) <= _MOST_WORDS:
            kinds = {_type(each) for each in words}
            if kinds & _MONEY_BACK and "purchase" in kinds:
                return column
    return ""


def _type(word: str) -> str:
    """The type of transaction that a word means, "" for none that is known."""
    low = word.lower()
    if word in ROLES:
        return word
    if whole := next((kind for kind, names in _TYPE_WORDS.items() if low in names), ""):
        return whole
    parts = {kind: [n for n in _TYPE_WORDS[kind] if len(n) >= _LEAST_PART or not n.isascii()] for kind in _PARTS_FIRST}
    return next((kind for kind, names in parts.items() if any(each in low for each in names)), "")


def _types(column: str, words: list[str], doubts: Sequence[str] = ()) -> list[str]:
    known = {word: _type(word) for word in words}
    unknown = [each for each, kind in known.items() if not kind]
    table = ", ".join(f"{quoted(word)} = {quoted(kind)}" for word, kind in known.items() if kind)
    doubts = [*doubts, *([f"what is meant by {', '.join(map(mask, unknown))}?"] if unknown else [])]
    made = [f"txn_type = {{ column = {quoted(column)}, values = {{ {table} }} }}{_remark(doubts)}"]
    return made if table else [f"# {made[0]}"]


def _remark(doubts: Sequence[str]) -> str:
    return f"  # not sure: {'; '.join(doubts)}" if doubts else ""


def quoted(text: str) -> str:
    """A text as TOML has it, which is as JSON has it."""
    return json.dumps(text, ensure_ascii=False)
