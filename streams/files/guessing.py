"""A first mapping of a file that nobody has described yet: by names of columns and by what stands in them.

Whatever rests on a guess has a remark. What cannot be guessed is left out as a remark, so that the mapping is refused
until somebody has filled it in.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from domain.cards import holds_pan, mask
from domain.currencies import DIGITS
from domain.events import EARLIEST_MS, LATEST_MS, ROLES, TRANSACTION
from streams.files import sniffing
from streams.files.amounts import currency_code, minor_units
from streams.files.cells import BLANK_WORDS, clean, text_of
from streams.files.errors import FileRefused
from streams.files.json_rows import document_records, line_records
from streams.files.raw_rows import MOST_PREAMBLE, column_name
from streams.files.tables import DELIMITERS
from streams.files.texts import Decoding, lines_of
from streams.files.times import time_reader
from streams.files.unpacking import EXCEL, unpacked
from streams.files.workbooks import first_cells, parquet_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_ROWS = 300
_MOST_WORDS = 30
_NAMES: dict[str, tuple[str, ...]] = {
    "txn_id": (
        "txn_id", "transaction id", "trade no", "payment id", "psp reference", "balance transaction id", "trx id",
        "交易单号", "交易号", "交易流水号", "流水号", "订单号", "交易订单号", "商户单号", "id", "rrn", "检索参考号",
    ),
    "merchant_id": (
        "merchant_id", "merchant account", "merchant id", "merchant no", "商户号", "商户编号", "商户代码", "特约商户号",
        "门店编号", "location", "merchant name", "merchant",
    ),
    "amount": (
        "amount", "gross", "gross collected", "gross debit (gc)", "total collected", "金额", "交易金额", "订单金额",
        "金额(元)", "实付金额",
    ),
    "currency": ("currency", "ccy", "币种", "货币", "交易币种"),
    "event_time": (
        "event_time", "created", "created (utc)", "date/time", "timestamp", "transaction time", "creation date",
        "交易时间", "交易日期时间", "支付时间", "交易创建时间", "时间", "创建时间", "datetime",
    ),
    "txn_type": (
        "txn_type", "type", "transaction type", "reporting_category", "trx type", "交易类型", "业务类型", "类型",
    ),
    "response_code": ("response_code", "response", "应答码", "响应码", "返回码"),
    "terminal_id": ("terminal_id", "terminal id", "终端号", "终端编号", "device name"),
    "mcc": ("mcc", "merchant category code", "商户类别码"),
    "fee": ("fee", "fees", "手续费", "服务费", "commission (nc)"),
    "entry_mode": ("entry_mode", "entry mode", "pos entry mode", "输入方式"),
    "scheme": ("scheme", "card brand", "payment method", "卡组织"),
    "auth_code": ("auth_code", "auth code", "授权码"),
    "original_txn_id": ("original_txn_id", "原交易单号", "原订单号", "原交易流水号"),
    "stan": ("stan", "trace no", "系统跟踪号"),
}  # fmt: skip
_TIME_MARKS = ("time", "date", "created", "时间", "日期")
_TYPE_WORDS = {
    "purchase": (
        "消费", "支付", "付款", "sale", "charge", "payment", "settled", "purchase", "capture", "商户消费", "pay",
        "paid", "success", "succeeded", "completed", "交易成功",
    ),
    "refund": ("退款", "退货", "refund", "refunded", "return"),
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
_FORMATS = ("auto", "day-first", "month-first", "epoch-ms", "epoch-s", "epoch-us", "excel")
_SPLIT = re.compile(r"[\s_/().\-]+|(?<=[a-z0-9])(?=[A-Z])")
"""Between the words of a column's name: `transactionId` and `transaction.id` are two."""


class Sample(NamedTuple):
    """Columns, and the first cells of each that are not blank."""

    header: list[str]
    cells: dict[str, list[object]]


def guessed(stream: BinaryIO, name: str) -> str:
    """A first mapping of a file, as TOML.

    Raises:
        FileRefused: it cannot be read, or has no header that can be told.
    """
    with ExitStack() as stack:
        found = sample_of(stream, name, stack)
    used: dict[str, str] = {}
    lines = [
        f"# A first mapping of {mask(name)}, guessed from its first {_ROWS} rows. Read it, above all what is not sure.",
        "# docs/mapping.md has the format.",
        'time_zone = "Asia/Shanghai"  # not sure: the zone of times without an offset',
        "",
        "[fields]",
    ]
    card = _card(found)
    for field in ("txn_id", "merchant_id", "currency", "amount", "event_time"):
        lines += _required(field, found, used, card)
    for field in _NAMES:
        if field not in used and (column := _column(field, found, used, card)):
            used[field] = column
            lines += _optional(field, column, found)
    if "txn_type" not in used and (column := _status(found, used, card)):
        used["txn_type"] = column
        lines += _types(column, list(Counter(_texts(found, column))), ["is it the type? Some of its words say so"])
    if card:
        lines += ["", "[card]", f"column = {quoted(card)}  # its cells look like card numbers: give --token-key"]
    left = [each for each in found.header if each and each not in used.values() and each != card]
    if left:
        lines += ["", f"# Columns that are not read: {', '.join(map(mask, left))}"]
    return "\n".join(lines) + "\n"


def sample_of(stream: BinaryIO, name: str, stack: ExitStack) -> Sample:
    """The first rows of a file without a mapping: its header is the first row of names as wide as others."""
    found = unpacked(stream, name, stack)
    decoding = Decoding(found.name)
    if found.kind == sniffing.PARQUET:
        rows = parquet_rows(found.stream, [], found.name)
        return _sampled(rows.header, (each.cells for each in rows.rows))
    if found.kind in (sniffing.JSON, sniffing.JSON_LINES):
        read = line_records if found.kind == sniffing.JSON_LINES else document_records
        held = [each.value for each in islice(read(found.stream, decoding, found.name), _ROWS)]
        flat = [dict(_flat(each)) for each in held if isinstance(each, dict)]
        header = list(dict.fromkeys(key for each in flat for key in each))
        return _sampled(header, ([each.get(key) for key in header] for each in flat))
    if found.kind == EXCEL:
        table: list[list[object]] = first_cells(found.stream, found.name)
    else:
        lines = [each.text for each in islice(lines_of(found.stream, decoding, found.name), _ROWS + MOST_PREAMBLE)]
        delimiter = max(DELIMITERS, key=lambda each: sum(min(line.count(each), 20) for line in lines))
        table = [list(each) for each in csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)]
    at = _header_at(table)
    if at is None:
        raise FileRefused(f"{found.name} must have a header of two columns or more to be guessed from, none was found")
    return _sampled([column_name(each) for each in table[at]], table[at + 1 :])


def _flat(record: dict[str, object], start: str = "") -> Iterator[tuple[str, object]]:
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{key}.")
        else:
            yield f"{start}{key}", value


def _header_at(table: Sequence[Sequence[object]]) -> int | None:
    """Where the header is: the first row of names alone that is nearly as wide as most rows are."""
    widths = Counter(n for row in table if (n := sum(1 for each in row if column_name(each))) > 1)
    if not widths:
        return None
    usual = max(n for n, _ in widths.most_common(2))
    for at, row in enumerate(table):
        names = [column_name(each) for each in row if column_name(each)]
        if len(names) * 2 > usual and len(names) > 1 and not any(_is_value(each) for each in names):
            return at
    return None


def _is_value(text: str) -> bool:
    return _reads(text, "auto") or bool(re.fullmatch(r"[¥$€£(-]*[0-9][0-9,. ]*\)?", text))


def _sampled(header: list[str], rows: Iterable[Sequence[object]]) -> Sample:
    cells: dict[str, list[object]] = {each: [] for each in header if each}
    for row in islice(rows, _ROWS):
        if sum(1 for each in row if column_name(each)) * 2 < len(cells):
            continue
        for name, cell in zip(header, row, strict=False):
            if name and clean(text_of(cell)) not in ("", *BLANK_WORDS):
                cells[name].append(cell)
    return Sample(header, cells)


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
    plain = {each: " ".join(_SPLIT.split(each)).strip().lower() for each in free}
    for word in _NAMES[field]:
        wanted = " ".join(_SPLIT.split(word)).strip()
        for each in free:
            if plain[each] == wanted:
                return each
    if field not in ("txn_id", "merchant_id", "amount", "currency", "event_time"):
        return ""
    for word in _NAMES[field]:
        wanted = " ".join(_SPLIT.split(word)).strip()
        for each in free:
            if len(wanted) > 2 and wanted in plain[each] and _fits(field, found, each):
                return each
    return ""


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
    if sum(_minor(each) is None for each in texts) > sum(_minor(each, ",") is None for each in texts):
        keys.append('decimal = ","')
    if texts and not any(set(each) & set(".,¥￥$€£元") for each in texts):
        keys.append('unit = "minor"')
        doubts.append("no amount has a point, so they are taken for minor units such as fen")
    if any((_minor(each) or 0) < 0 for each in texts):
        keys.append('negative = "refund"')
        doubts.append("negative amounts are taken for refunds")
    return [f"amount = {{ {', '.join(keys)} }}{_remark(doubts)}"]


def time_format(cells: Sequence[object]) -> str:
    """The format that reads every one of some times, "" for none."""
    some = cells[:100]
    return next((form for form in _FORMATS if some and all(_reads(each, form) for each in some)), "")


def _reads(cell: object, form: str) -> bool:
    try:
        ms = time_reader([form], "UTC")(cell if not isinstance(cell, str) else clean(cell))
    except ValueError:
        return False
    return EARLIEST_MS <= ms < LATEST_MS


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
    if form == "day-first" and all(_reads(each, "month-first") for each in found.cells[column][:100]):
        doubts.append("every day may as well be a month: is it month-first?")
    given = "" if form == "auto" else f", format = {quoted(form)}"
    return [f"event_time = {{ {source}{given} }}{_remark(doubts)}"]


def _is_clock(texts: Sequence[str]) -> bool:
    return bool(texts) and all(re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?|\d{5,6}", each) for each in texts)


def _optional(field: str, column: str, found: Sample) -> list[str]:
    texts = _texts(found, column)
    words = Counter(texts)
    if field == "txn_type":
        if not words or len(words) > _MOST_WORDS:
            return [f"# txn_type: {column} has {len(words)} different words; say by values which they are"]
        return _types(column, list(words))
    if field == "fee":
        turned = texts and all((_minor(each) or 0) <= 0 for each in texts)
        sign = ', negative = "turn"' if turned else ""
        return [f"fee = {{ column = {quoted(column)}, round = true{sign} }}"]
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
