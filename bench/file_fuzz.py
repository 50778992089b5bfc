"""Mutated mappings and tables: nothing may end but by a refusal, and every row must be accounted for.

    python -m bench.file_fuzz --tries 1000000 --seed 1

Each try changes a mapping or a file in a few places (bytes flipped, cut, doubled, put elsewhere; words of the format
put in), and reads it. `tests/streams/files/test_mutations.py` does some thousand of them.
"""

from __future__ import annotations

import argparse
import gzip
import io
import random
import time
import tomllib
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import msgspec

from streams.files.errors import FileRefused, MappingRefused
from streams.files.mapping import parse_mapping
from streams.files.reading import Door, Passed, items_of

if TYPE_CHECKING:
    from streams.files.rules import FileMapping

MAPPING = """
time_zone = "Asia/Shanghai"
[fields]
txn_id = "id"
merchant_id = { first_of = ["shop", "m"], pad = 3, prefix = "m" }
amount = { column = "sum", negative = "refund", round = true }
currency = { column = "ccy", blank = "CNY" }
event_time = { columns = ["day", "time"], format = ["auto", "excel"] }
fee = { column = "fee", negative = "turn" }
mcc = { template = "{mcc}" }
response_code = { column = "s", before = ",", values = { "ok" = "00" }, otherwise = "05" }
[[skip]]
column = "s"
in = ["closed"]
[[when]]
column = "fee"
sign = "negative"
set = { txn_type = "refund" }
"""
TABLE = "\n".join([
    "账单,,,", "id,shop,m,sum,ccy,day,time,fee,mcc,s",
    *(f't{k},{k},,"¥{k},00{k}.5{k}",CNY,2026-07-0{k},1{k}:00:0{k},-0.0{k},581{k},ok' for k in range(1, 9)),
    "合计,,,8,,,,,,",
]).encode()  # fmt: skip
_PIECES = (
    b'"', b",", b"\n", b"\r", b"\t", b"\x00", b"\xff", b"\xef\xbb\xbf", b"''", b'=""', b"-", b"(", b"1e5", b"1E+20",
    b"\xa0", "，".encode(), "年".encode("gb18030"), b"{", b"}", b"[", b"9" * 30, b"2026", b"6222021234567894", b"\x1a",
)  # fmt: skip
_WORDS = (
    "column", "columns", "constant", "values", "true", "1", '""', "[]", "{}", "pad", "format", '"auto"', '"%d"',
    "first", "unit", '"minor"', "join", "card", "fixed", "names", "delimiter", "encoding", '"utf-16"', "type",
)  # fmt: skip


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Bytes with one to four changes."""
    found = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(found) + 1)
        end = min(len(found), at + draw.choice((1, 1, 2, 5, 20)))
        how = draw.randrange(6)
        if how == 0 and at < len(found):
            found[at] ^= 1 << draw.randrange(8)
        elif how == 1:
            del found[at:end]
        elif how == 2:
            found[at:at] = draw.choice(_PIECES)
        elif how == 3:
            found[at:at] = found[at:end]
        elif how == 4:
            piece = found[at:end]
            del found[at:end]
            elsewhere = draw.randrange(len(found) + 1)
            found[elsewhere:elsewhere] = piece
        else:
            found[at:end] = draw.choice(_PIECES)
    return bytes(found)


def mutated_mapping(draw: random.Random) -> str:
    """The mapping with words of the format put in, or bytes changed."""
    if draw.random() < 0.3:
        return mutated(MAPPING.encode(), draw).decode(errors="replace")
    words = MAPPING.split(" ")
    for _ in range(draw.randint(1, 3)):
        words[draw.randrange(len(words))] = draw.choice(_WORDS)
    return " ".join(words)


def dressed(data: bytes, draw: random.Random) -> bytes:
    """A table in another encoding or packing, some times."""
    how = draw.randrange(8)
    if how == 0:
        return gzip.compress(data, 1)
    if how == 1:
        return data.decode(errors="replace").encode("utf-16")
    if how == 2:
        return data.decode(errors="replace").encode("gb18030", "replace")
    return data


def one(seed: int, plain: FileMapping) -> str:
    """Read one mutated input; what came of it. Anything but a refusal is raised."""
    draw = random.Random(seed)
    mapping, data = plain, TABLE
    try:
        if draw.random() < 0.3:
            mapping = parse_mapping("m", tomllib.loads(mutated_mapping(draw)))
        else:
            data = mutated(TABLE, draw)
        data = dressed(data, draw)
        if draw.random() < 0.1:
            data = mutated(data, draw)
        passed = Passed()
        with ExitStack() as stack:
            found = list(items_of(io.BytesIO(data), "f", Door((mapping,)), stack, passed))
    except (FileRefused, MappingRefused, tomllib.TOMLDecodeError) as error:
        return "refused" if str(error) else "refused without a word"
    lines = [each.line for each in found]
    assert lines == sorted(set(lines)), (seed, lines)
    for each in found:
        assert bool(each.event) != (each.letter is not None), seed
        if each.event:
            msgspec.json.decode(each.event)
    return "read"


def run(tries: int, seed: int) -> Counter[str]:
    """What came of some inputs."""
    plain = parse_mapping("m", tomllib.loads(MAPPING))
    found: Counter[str] = Counter()
    for k in range(tries):
        found[one(seed * 1_000_000_007 + k, plain)] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tries", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    found = run(asked.tries, asked.seed)
    print(f"{asked.tries:,} inputs in {time.monotonic() - began:,.0f} s: {dict(found)}")


if __name__ == "__main__":
    main()
