"""Fuzzes the scanner against the slow way: `python bench/scan_fuzz.py --records 3000000 --seed 1`.

Whatever the scanner accepts, the slow way (`parse`, `check`, `_fill`) must read as the same columns; what it
marks `SLOW` may be anything. A record must also read the same wherever it stands in a batch. Exits with 1,
and prints the records, where that does not hold. `tests/engine/test_scan.py` runs fewer.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from domain import cards, events
from domain.events import EVENT_KINDS, EVENTS, TYPE, Field, Kind
from domain.forbidden_names import STEMS
from engine.decoding.columns import FIELDS, MISSING, Columns, empty_columns, make_spec
from engine.decoding.decode import Refused, _fill, _Places, check, parse
from engine.decoding.harmless_keys import HarmlessKeys
from engine.decoding.records import Records
from engine.decoding.scan import OK, SLOW, SUSPECT, hash_texts, scan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

HARMLESS = (
    "memo", "note", "extra", "x", "", "merchant_idx", "amoun", "device model", "a" * 40, "feeds", "mcc2",
)  # fmt: skip
"""Unknown keys the scanner is told of, as the decoder does after it met them."""
_HARMLESS = HarmlessKeys()
for _each in HARMLESS:
    _HARMLESS.add(_each)
_SPEC = make_spec()
_KINDS = {name: {each.name: each.kind for each in fields} for name, fields in EVENTS.items()}
_NAMES = tuple(EVENT_KINDS)
SCANNED = tuple(each.name for each in EVENT_KINDS.values() if each.scanned)
_PANS = ("4111111111111111", "6222021234567894", "6222021234567890128", "370000000000002", "5105105105105100")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

WILD = (
    "null", '""', "true", "false", "[]", "{}", "[1]", '{"a":1}', '[{"deep":[1,{"er":null}]}]', "NaN", "01",
    "-Infinity", "-0", "0", "1.", ".5", "-.5", "1e5", "1E+2", "1e400", "1.0", "12.50", "-1", "+1", "--1",
    "1 2", "0x1F", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551616", "999999999999", "1000000000000", "999999999999999999", "1000000000000000000",
    "1234567890123456.5", "123456789012345.123456789012345", r'"\u0041"', r'"\ud800"', r'"\ud83d\ude00"',
    r'"a\"b"', r'"a\\"', r'"\n"', '"a\tb"', '"a\nb"', '"a\x00b"', '"\x7f"', '"é"', '"上海市浦东新区"',
    '"\U0001f600"', '" "', '"a b-c"', "nul", "tru", "nullx", "truefalse", "'x'", '"', "", '"x', "\xa0",
    '"\u0664' + 15 * "\u0661" + '"', '"\uff14' + 15 * "\uff11" + '"', '"\u096a' + 15 * "\u0967" + '"',
    '"transaction"', '"settlement"', '"clock"', '"contract"', '"chargeback"', '"Purchase"', '"00000000000000000000"',
)  # fmt: skip
"""Values that go under any key: every JSON type, and much that is none."""
TOKENS = (
    "{", "}", "[", "]", ",", ":", '"', "\\", " ", "\n", "\t", "\r", "\x0b", "null", "true", "0", "9", "-",
    ".", "e", '"":', '"amount":', '"txn_id":"1",', '"PAN":1,', '"Cvv2":"1",', '"memo":"x",', '"extra":null,',
    '"type":"",', ",,", "}}", "{}", '""', r"\u0022", r"\/", "\ufeff", "é", "T", "Z", "+08:00",
    "4111 1111 1111 1111",
)  # fmt: skip
"""What a mutation puts in."""
_BAD_BYTES = tuple(bytes.fromhex(each) for each in ("ff", "c328", "eda080", "f888808080", "c080", "f4908080", "80"))
_TOKEN = re.compile(rb'"[^"]*"|-?\d[\d.]*|null|true|false')
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALNUM = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _pan_like(rng: random.Random) -> str:
    """A card number, or digits that nearly are one, with separators here and there."""
    digits = rng.choice(_PANS)
    if rng.random() < 0.5:
        digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(13, 20)))
    gap = rng.choice(("", "", " ", "-", "  ", ".", "x"))
    every = rng.choice((1, 4, 4, 6))
    text = gap.join(digits[k : k + every] for k in range(0, len(digits), every))
    return rng.choice(("", "REF ", "a", "7", "-")) + text + rng.choice(("", " ", "x", "0"))


def _code(rng: random.Random, each: Field, odd: float) -> str:
    if each.choices:
        return rng.choice(each.choices[:1] if each.name == "type" else each.choices)
    if each.name == "scheme":
        return rng.choice((*events.SCHEMES, "troy", "UnionPay"))
    if each.high >= 16 and rng.random() < odd:
        return _pan_like(rng)
    n = rng.randint(each.low, each.high + (rng.random() < odd))
    if each.codes and rng.random() >= odd:
        return rng.choice(_CODES[each.name])
    if each.kind is Kind.LETTERS and rng.random() >= odd:
        return "".join(rng.choices(_CAPITALS, k=n))
    letters = "0123456789" if each.kind is Kind.DIGITS or rng.random() < 0.3 else _ALNUM
    text = "".join(rng.choices(letters, k=n))
    return text if each.kind is Kind.DIGITS or rng.random() < 0.9 else text[:-1] + rng.choice(" -~/_.:'<\x7f")


_CODES = {each.name: sorted(each.codes) for each in FIELDS.values() if each.codes}
_OFFSETS = (
    "Z", "Z", "+08:00", "+00:00", "-00:00", "-05:30", "+23:59", "z", "+0800", "+08", "", "+24:00", "+08:60",
    "+08:00:30", " +08:00", "08:00",
)  # fmt: skip
_ODD_TIMES = (
    "2025-02-29T00:00:00Z", "2024-02-29T23:59:59.999Z", "2000-02-29T00:00:00+08:00", "2100-02-29T00:00:00Z",
    "1990-01-01T00:00:00Z", "1989-12-31T23:59:59.999Z", "1990-01-01T07:59:59+08:00",
    "1990-01-01T08:00:00+08:00", "2099-12-31T23:59:59.999Z", "2100-01-01T00:00:00Z",
    "2099-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
    "2025-01-06T24:00:00Z", "2025-01-06T23:59:60Z", "2025-13-01T00:00:00Z", "2025-00-10T00:00:00Z",
    "2025-01-00T00:00:00Z", "2025-04-31T00:00:00Z", "2025-W02-1T00:00:00Z", "2025-01-06", "20250106T000000Z",
    "2025-01-06 09:00:00Z", "2025-01-06t09:00:00Z", "2025-01-06T09:00Z", "2025-1-6T09:00:00Z",
    "1969-12-31T23:59:59Z", "yesterday", "2025-01-06T09:00:00.", "2025-01-06T09:00:00.Z",
    "2025-01-06T9a:00:00Z",
)  # fmt: skip


def _time(rng: random.Random, odd: float) -> str:
    """A JSON value of a time in one of the forms it is written in, not all of them read."""
    ms = rng.randrange(events.EARLIEST_MS, events.LATEST_MS)
    kind = rng.random()
    if rng.random() < odd:
        bound = rng.choice((events.EARLIEST_MS, events.LATEST_MS, 0, 2**31, 2**63))
        return rng.choice((str(bound + rng.randint(-1, 1)), json.dumps(rng.choice(_ODD_TIMES))))
    if kind < 0.4:
        return str(ms)
    text = f"{_EPOCH + timedelta(milliseconds=ms):%Y-%m-%dT%H:%M:%S}"
    places = rng.choice((1, 2, 4, 7, 9)) if rng.random() < odd else rng.choice((0, 0, 3, 3, 6))
    fraction = "".join(rng.choices("0123456789", k=places))
    if fraction:
        fraction = ("," if rng.random() < odd else ".") + fraction
    offset = rng.choice(_OFFSETS if rng.random() < odd else _OFFSETS[:7])
    return f'"{text}{fraction}{offset}"'


_ODD_FLOATS = (
    "-90",
    "90",
    "180",
    "-180.0",
    "89.9999999999",
    "-0.0",
    "-0",
    "1e1",
    "121.47371234567890",
    "90.0001",
    "0.6222021234567894",
    "0.622202123456789",
    "12.345678901234567",
    "-1.2345678901234",
)


def _float(rng: random.Random, each: Field, odd: float) -> str:
    if rng.random() < odd:
        return rng.choice(_ODD_FLOATS)
    return f"{rng.uniform(each.low, each.high):.{rng.randint(0, 8)}f}"


def value(rng: random.Random, each: Field, odd: float) -> str:
    """JSON for a field: what the field takes, at its bounds and beyond in a share `odd` of all."""
    if each.kind is Kind.TIME:
        return _time(rng, odd)
    if each.kind is Kind.INT:
        near = (each.low, each.high, each.low - 1, each.high + 1, 0, 1, 10**17, 10**18, 10**19)
        return str(rng.choice(near) if rng.random() < odd else rng.randrange(10 ** rng.randint(1, 12)))
    if each.kind is Kind.FLOAT:
        return _float(rng, each, odd)
    if each.kind is Kind.TEXT:
        if rng.random() < odd:
            return rng.choice((f'"{"n" * 65}"', f'"{"海" * 64}"', f'"{_pan_like(rng)}"'))
        return rng.choice(('"Shanghai"', '"上海 浦东"', '"Zürich"', '"Door 12"', '"Lane 6222021234567894"'))
    return json.dumps(_code(rng, each, odd), ensure_ascii=False)


def _key(rng: random.Random, name: str) -> str:
    escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
    return rng.choice((f'"{name}"', f'"{name.upper()}"', f'" {name}"', f'"{name}x"', f'"{escaped}"', name))


_PLAIN = (
    '"plain"', '"上海"', "12.5", "-0.25", "0", "1736093075089", "null", "true", "false",
    '"\u0664' + 15 * "\u0661" + '"', '"\u096a' + 15 * "\u0967" + '"', '"\uff14' + 15 * "\uff11" + '"',
)  # fmt: skip


def _unknown(rng: random.Random, odd: float) -> tuple[str, str]:
    """A key that is none of ours, and a value for it."""
    name = rng.choice(HARMLESS)
    if rng.random() < odd:
        name = rng.choice((*sorted(STEMS), "Track2", "CVV", "new", "名", rng.choice(_PANS)))
    return f'"{name}"', rng.choice(WILD if rng.random() < odd else (*_PLAIN, f'"{_pan_like(rng)}"'))


_STYLES = ((",", ":", ""), (",", ":", ""), (", ", ": ", ""), (" ,\n\t", "\t:\r ", " "))


def record(rng: random.Random) -> bytes:
    """An event of a scanned kind as a producer may write it: usual or all fields, now and again something odd.

    A tenth has fields that another kind has, too, and a twentieth another type.
    """
    odd = rng.choice((0.0, 0.0, 0.005, 0.02, 0.2))
    share = rng.choice((0.0, 0.5, 1.0))
    name = "transaction" if rng.random() < 0.4 else rng.choice(SCANNED)
    fields = [each for each in EVENTS[name] if each.required or (rng.random() < share and each.name != "type")]
    some = {each.name: each for each in fields}
    if rng.random() < 0.1:
        more = [each for each in FIELDS.values() if each.name != "type"]
        some = {each.name: each for each in rng.sample(more, rng.randint(1, 4))} | some
    if rng.random() < 0.05:
        name = rng.choice(_NAMES)
    members = [('"type"', f'"{name}"')] if name != "transaction" else []
    if rng.random() < 0.1:
        some |= {"type": TYPE}
    for each in some.values():
        if rng.random() < odd / 2:
            members.append((_key(rng, each.name), rng.choice(WILD)))
        else:
            members.append((f'"{each.name}"', value(rng, each, odd)))
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        members.insert(rng.randint(0, len(members)), _unknown(rng, odd))
    if rng.random() < 0.2:
        rng.shuffle(members)
    if rng.random() < 0.03:
        key, before = rng.choice(members)
        members.append((key, rng.choice((before, "null", '""', rng.choice(members)[1]))))
    comma, colon, space = rng.choice(_STYLES)
    body = comma.join(f"{key}{colon}{each}" for key, each in members)
    return f"{space}{{{space}{body}{space}}}{space}".encode()


def _put(raw: bytes, at: int, upto: int, put: bytes) -> bytes:
    return raw[:at] + put + raw[upto:]


def _somewhere(rng: random.Random, raw: bytes) -> tuple[int, int]:
    at = rng.randint(0, len(raw))
    return at, min(len(raw), at + rng.choice((1, 1, 1, 2, 4, 8, 30)))


def _flip(rng: random.Random, raw: bytes, _other: bytes) -> bytes:
    at = rng.randrange(len(raw))
    return _put(raw, at, at + 1, bytes((raw[at] ^ (1 << rng.randrange(8)),)))


def _byte(rng: random.Random, raw: bytes, _other: bytes) -> bytes:
    at, _ = _somewhere(rng, raw)
    return _put(raw, at, at + rng.randrange(2), rng.choice((bytes((rng.randrange(256),)), *_BAD_BYTES)))


def _letter(rng: random.Random, raw: bytes, _other: bytes) -> bytes:
    at, _ = _somewhere(rng, raw)
    return _put(raw, at, at + 1, rng.choice(_ALNUM).encode())


def _insert(rng: random.Random, raw: bytes, _other: bytes) -> bytes:
    at, _ = _somewhere(rng, raw)
    return _put(raw, at, at, rng.choice(TOKENS).encode())


def _delete(rng: random.Random, raw: bytes, _other: bytes) -> bytes:
    return _put(raw, *_somewhere(rng, raw), b"")


def _double(rng: random.Random, raw: bytes, _other: bytes) -> bytes:
    at, upto = _somewhere(rng, raw)
    return _put(raw, at, at, raw[at:upto])


def _truncate(rng: random.Random, raw: bytes, _other: bytes) -> bytes:
    at, _ = _somewhere(rng, raw)
    return raw[:at] if rng.random() < 0.7 else raw[at:]


def _splice(rng: random.Random, raw: bytes, other: bytes) -> bytes:
    return raw[: rng.randint(0, len(raw))] + other[rng.randint(0, len(other)) :]


def _swap(rng: random.Random, raw: bytes, other: bytes) -> bytes:
    found = [each.span() for each in _TOKEN.finditer(raw)]
    if len(found) < 2:
        return other
    (a, b), (c, d) = sorted(rng.sample(found, 2))
    return raw[:a] + raw[c:d] + raw[b:c] + raw[a:b] + raw[d:]


def _replace(rng: random.Random, raw: bytes, other: bytes) -> bytes:
    mine, theirs = list(_TOKEN.finditer(raw)), list(_TOKEN.finditer(other))
    if not mine or not theirs:
        return other
    put = rng.choice((rng.choice(WILD).encode(), rng.choice(TOKENS).encode(), rng.choice(theirs)[0]))
    return _put(raw, *rng.choice(mine).span(), put)


MUTATIONS: tuple[Callable[[random.Random, bytes, bytes], bytes], ...] = (
    _flip, _byte, _letter, _letter, _letter, _insert, _delete, _double, _truncate, _splice, _swap, _swap,
    _replace, _replace,
)  # fmt: skip
"""Ways to damage a record; each takes another record to take pieces of."""


def batch(rng: random.Random, n: int) -> list[bytes]:
    """`n` records: versions of a tenth as many, two fifths of them whole, the others damaged."""
    base = [record(rng) for _ in range(max(1, n // 10))]
    out = []
    for _ in range(n):
        raw = rng.choice(base)
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            raw = rng.choice(MUTATIONS)(rng, raw or b"?", rng.choice(base))
        out.append(raw)
    return out


@dataclass(slots=True)
class Outcome:
    """What became of the records fuzzed; `wrong` holds what the two ways disagree on.

    `read` counts those that the scanner read, by kind, `suspect` those among them that may hold a card number.
    """

    records: int = 0
    suspect: int = 0
    slow: int = 0
    read: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, bytes]] = field(default_factory=list)

    def add(self, more: Outcome) -> None:
        """Add the figures of `more`."""
        self.records += more.records
        self.suspect += more.suspect
        self.slow += more.slow
        self.read += more.read
        self.wrong += more.wrong


def scanned(records: Sequence[bytes]) -> tuple[NDArray[np.uint8], Columns]:
    """The bytes, and the columns of what the scanner makes of them."""
    laid_out, columns = Records.of(records), empty_columns(len(records))
    scan(
        laid_out.data,
        laid_out.ends,
        _SPEC,
        np.zeros(len(FIELDS) + 1, np.int64),
        _HARMLESS.table,
        columns,
        np.zeros(len(FIELDS), np.int64),
    )
    return laid_out.data, columns


def _unmasked(kind: str, event: dict[str, Any]) -> bool:
    """Whether free text of an event, or a field unknown to its kind, holds what looks like a card number."""
    for name, each in event.items():
        if _KINDS[kind].get(name, Kind.TEXT) is Kind.TEXT and each is not None and not isinstance(each, bool):
            text = str(each)
            if len(text) >= 12 and cards.find_pans(text):
                return True
    return any(len(name) >= 12 and cards.find_pans(name) for name in event)


def _slow_columns(records: Sequence[bytes], columns: Columns, wrong: Callable[[str, int], None]) -> Columns:
    """What the slow way makes of the records that the scanner accepted."""
    slow = empty_columns(len(records))
    slow.hash[:] = 0
    slow.number[:] = MISSING
    extra = bytearray()
    for i in np.flatnonzero(columns.status != SLOW).tolist():
        try:
            event = parse(records[i])
            kind, checked = check(event)
        except Refused as refused:
            wrong(f"is refused the slow way: {refused.message}", i)
            continue
        if columns.kind[i] != EVENT_KINDS[kind].code:
            wrong(f"is a {kind}", i)
        if columns.status[i] == OK and _unmasked(kind, event):
            wrong("holds a card number in free text and is not suspect", i)
        for name, each in checked.items():
            _fill(slow, i, name, each, _Places(b"", 0, 0, extra))
    return slow


def _differ(data: NDArray[np.uint8], fast: Columns, slow: Columns) -> NDArray[np.bool_]:
    """Which accepted records have another value anywhere."""
    accepted = fast.status != SLOW
    differ = (fast.hash != slow.hash).any(axis=0) | (fast.number != slow.number).any(axis=0)
    for slot in range(len(fast.hash)):
        there = np.flatnonzero(accepted & (fast.hash[slot] != 0))
        start, length = fast.start[slot, there], fast.length[slot, there]
        texts = hash_texts(data, start, length)
        differ[there] |= (texts != fast.hash[slot, there]) | (length != slow.length[slot, there])
    return np.asarray(differ & accepted)


def _elsewhere(records: Sequence[bytes], fast: Columns, order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which records read otherwise in another order."""
    _, moved = scanned([records[i] for i in order.tolist()])
    accepted = fast.status[order] != SLOW
    differ = (fast.hash[:, order] != moved.hash).any(axis=0)
    differ |= (fast.number[:, order] != moved.number).any(axis=0)
    there = (fast.hash[:, order] != 0) & (moved.hash != 0)
    differ |= (there & (fast.length[:, order] != moved.length)).any(axis=0)
    out = np.zeros(len(records), np.bool_)
    out[order] = (fast.status[order] != moved.status) | (accepted & (differ | (fast.kind[order] != moved.kind)))
    return out


def compare(records: Sequence[bytes], seed: int = 0) -> Outcome:
    """Read `records` both ways, and once more in another order."""
    data, fast = scanned(records)
    suspect, left = (int(np.count_nonzero(fast.status == each)) for each in (SUSPECT, SLOW))
    read = Counter(_NAMES[each] for each in fast.kind[fast.status != SLOW].tolist())
    out = Outcome(len(records), suspect, left, read)

    def wrong(why: str, i: int) -> None:
        out.wrong.append((why, records[i]))

    slow = _slow_columns(records, fast, wrong)
    for i in np.flatnonzero(_differ(data, fast, slow)).tolist():
        wrong("reads otherwise the slow way", i)
    order = np.random.default_rng(seed).permutation(len(records))
    for i in np.flatnonzero(_elsewhere(records, fast, order)).tolist():
        wrong("reads otherwise elsewhere in a batch", i)
    return out


def fuzz(records: int, seed: int, batch_size: int = 20_000) -> Outcome:
    """Fuzz with `records` records from `seed`."""
    rng, out = random.Random(seed), Outcome()
    while out.records < records:
        out.add(compare(batch(rng, min(batch_size, records - out.records)), rng.getrandbits(32)))
    return out


def main() -> None:
    """Fuzz and print the totals."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    chosen = options.parse_args()
    start = time.perf_counter()
    out = fuzz(chosen.records, chosen.seed)
    print(
        f"seed {chosen.seed}: {out.records:,} records in {time.perf_counter() - start:.0f} s: "
        f"read {', '.join(f'{count:,} {name}' for name, count in out.read.most_common())}, {out.suspect:,} suspect; "
        f"{out.slow:,} left to the slow way; {len(out.wrong)} wrong"
    )
    for why, raw in out.wrong[:20]:
        print(f"{why}: {raw!r}")
    sys.exit(bool(out.wrong))


if __name__ == "__main__":
    main()
