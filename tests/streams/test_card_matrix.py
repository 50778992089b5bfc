"""No card number in anything that is written: schemes, spellings and places, through ingest's lines and the worker."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import msgspec
import pytest

from domain.card_ranges import is_card_number
from engine.decoding.decode import Decoder
from engine.decoding.records import Records
from streams.intake import InputRefused, ingest
from streams.line_intake import LineProcessor
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.cards_made import LENGTHS, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from _pytest.mark import ParameterSet

NOW_MS = 1_783_300_000_000
SALE = {"txn_id": "t", "merchant_id": "m", "amount": 1, "currency": "CNY", "event_time": 1_783_251_730_250}


def grouped(gap: str) -> Callable[[str], str]:
    return lambda number: gap.join(number[k : k + 4] for k in range(0, len(number), 4))


def script(zero: int) -> Callable[[str], str]:
    return lambda number: "".join(chr(zero + int(each)) for each in number)


INVISIBLE = "\u007f\u009b\u2063\u034f\ufe0f\u202a\u200b\u200d\u2060\u00ad\u0000\u001f\u180e\u3164\u115f"
VISIBLE = " -._/,:;+*~|'#@!?()[]{}<>\u00a0\u3000\u00b7\u2022\u2014\uff0c\u20ac\u2192\u266b"
ESCAPED_GAPS = (
    "%2D", "%2d", "%3A", "%2E", "%2F", "%5F", "%7C", "%0D%0A", "%C2%A0", "%A0", "%E2%80%93", "%E3%80%80", "%20%2D%20",
    "%2520", "%252D", "%u2013", "&nbsp;", "&nbsp", "&#160;", "&#xA0;", "&#45;", "&#x2d;", "&#0045;", "&ndash;",
    "&amp;", "&amp;nbsp;", "&#8203;&#8203;", "\\x2d", "\\xe2\\x80\\x93", "\\u002d", "\\u{2d}", "%5Cu002d",
    "%26%2345%3B",
)  # fmt: skip
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "singly": " ".join,
    "four blanks": grouped("    "),
    ")(": grouped(")("),
    "dashes in blanks": grouped(" - "),
    "thousands": lambda number: f"{int(number):,}",
    "full width": script(0xFF10),
    "Arabic": script(0x660),
    "mathematical": script(0x1D7CE),
    "superscript": lambda number: number.translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")),
    "keycaps": lambda number: "".join(f"{each}\ufe0f\u20e3" for each in number),
    "digits behind": lambda number: f"0000 {number} 11",
    "track 2": lambda number: f";{number}=30122010000012300000?",
    "track 1": lambda number: f"%B{number}^DOE/JOHN^30122010000?",
    "tag 57": lambda number: f"{number}D30122010000012300000F",
    "tag 57 with its length": lambda number: f"5713{number}D30122010000012300000F",
    "percent": grouped("%20"),
    "percent, each digit": lambda number: "".join(f"%3{each}" for each in number),
    "percent, other digits": lambda number: quote(script(0x0660)(number)),
    "percent, every other": lambda number: "".join(f"%3{x}" if k % 2 else x for k, x in enumerate(number)),
    "percent, singly": "%2D".join,
    "references, each digit": lambda number: "".join(f"&#{ord(each)};" for each in number),
    "references without an end": lambda number: "".join(f"&#x{ord(each):x}" for each in number),
    "x-escapes, each digit": lambda number: "".join(f"\\x3{each}" for each in number),
    "u-escapes, each digit": lambda number: "".join(f"\\u003{each}" for each in number),
    "tag 5A": lambda number: (
        f"5A0{(len(number) + 1) // 2:X}{number.ljust(len(number) + len(number) % 2, 'F')}9F0702FF00"
    ),
    "padded": lambda number: number + "FFFF",
    **{f"U+{ord(each):04X}": grouped(each) for each in INVISIBLE + VISIBLE},
    **{f"between: {each}": grouped(each) for each in ESCAPED_GAPS},
}
FREE = {
    "9 in front": lambda number: "9" + number,
    "in a word": lambda number: f"x{number}y",
    "7 behind": lambda number: number + "7",
}
"""Spellings that only free text is searched for: within an identifier they are other numbers."""


def sale(**fields: Any) -> bytes:
    return json.dumps({**SALE, **fields}).encode()


ESCAPED = {ord(" "): "\\u0020", **{ord(str(k)): f"\\u003{k}" for k in range(10)}}
FREE_PLACES: dict[str, Callable[[str], bytes]] = {
    "key": lambda text: sale(**{text: 1}),
    "nested": lambda text: sale(extra={"a": [{"b": f"see {text}"}, {text: None}]}),
    "free text": lambda text: sale(region=text[:64]) if len(text) <= 64 else sale(memo=text),
    "unknown field": lambda text: sale(memo=text),
    "JSON within": lambda text: sale(memo=json.dumps({"a": text})),
    "broken JSON": lambda text: b'{"note":"%s' % text.encode(),
    "broken, escaped": lambda text: b'{"note":%s' % json.dumps(text).encode(),
    "broken, all escaped": lambda text: b'{"note":"%s' % text.translate(ESCAPED).encode(),
    "not an object": lambda text: json.dumps([text]).encode(),
    "dead for another reason": lambda text: sale(amount=-1, memo=text),
}
DECLARED_PLACES: dict[str, Callable[[str], bytes]] = {
    name: lambda text, name=name: sale(**{name: text})  # type: ignore[misc]
    for name in ("txn_id", "merchant_id", "terminal_sn", "card_token", "channel", "auth_code", "rrn", "currency")
}


@cache
def digit_of(character: str) -> str:
    return str(unicodedata.digit(character, ""))


def digits_of(text: str) -> str:
    return "".join(map(digit_of, text))


def written(lines: list[bytes]) -> str:
    """All that ingest appends for some lines, and that a worker makes dead letters of."""
    processor = LineProcessor("f", "main", 2, historic=True, now_utc_ms=lambda: NOW_MS)
    out = processor.process(1, lines)
    appended = [value for values in out.values for value in values]
    letters = out.letters + [letter for _, _, letter in Decoder().decode(Records.of(lines)).dead]
    return "\n".join([each.decode() for each in appended] + [msgspec.json.encode(each).decode() for each in letters])


def leaks(text: str, number: str) -> bool:
    """Whether a number can be read in a text, with whatever is no letter left out."""
    text = re.sub(r"\\+(?:u([0-9a-fA-F]{4})|[bfnrt])", lambda found: chr(int(found[1], 16)) if found[1] else " ", text)
    return reads(text, number) or reads(unescaped(text), number)


def unescaped(text: str) -> str:
    """What a text stands for where it is encoded, in whatever way and as often as three times."""
    for _ in range(3):
        text = re.sub(r"(?:%|\\+)u\{?([0-9a-fA-F]{4}|[0-9a-fA-F]{2}(?=\}))\}?", lambda x: chr(int(x[1], 16)), text)
        text = html.unescape(unquote(re.sub(r"\\+x([0-9a-fA-F]{2})", r"%\1", text), errors="replace"))
    return text


def reads(text: str, number: str) -> bool:
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    pieces = re.split(r"[A-Za-z]", text)
    return any(number in digits_of(each) for each in pieces if len(each) >= len(number))


Case = tuple[str, str, bytes]
"""How a number is spelled, where it stands, and the line."""


def assert_not_written(number: str, cases: list[Case]) -> None:
    assert is_card_number(number)
    unseen = {how for how, _, line in cases if not leaks(line.decode(), number)}
    assert unseen == set(), "what is looked for would be found in the lines as they came"
    if leaks(written([line for _, _, line in cases]), number):
        assert [(how, where) for how, where, line in cases if leaks(written([line]), number)] == []


def every_number() -> Iterator[ParameterSet]:
    """Every length of every scheme. `make test` tries one of each length."""
    lengths = set[int]()
    for scheme in LENGTHS:
        for number in numbers(scheme):
            marks = [pytest.mark.slow] if len(number) in lengths else []
            lengths.add(len(number))
            yield pytest.param(number, id=f"{scheme} {len(number)}", marks=marks)


@pytest.mark.parametrize("number", [*every_number()])
def test_no_number_is_written_wherever_it_stands_and_however_it_is_spelled(number: str) -> None:
    cases = [(how, where, FREE_PLACES[where](spell(number)))
             for how, spell in {**SPELLINGS, **FREE}.items() for where in FREE_PLACES]  # fmt: skip
    cases += [(how, where, DECLARED_PLACES[where](spell(number)))
              for how, spell in SPELLINGS.items() for where in DECLARED_PLACES]  # fmt: skip
    assert_not_written(number, cases)


@pytest.mark.parametrize("scheme", LENGTHS)
def test_no_number_of_any_scheme_is_written_wherever_it_stands(scheme: str) -> None:
    for number in numbers(scheme):
        for how in ("plain", "singly", "thousands", "full width", "track 2"):
            text = SPELLINGS[how](number)
            assert_not_written(
                number, [(how, where, to(text)) for where, to in (FREE_PLACES | DECLARED_PLACES).items()]
            )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path / "log.db") as opened:
        create_topics(opened, 1)
        yield opened


@pytest.mark.parametrize("scheme", LENGTHS)
def test_an_input_whose_name_holds_a_number_is_refused_without_showing_it(log: SqliteLog, scheme: str) -> None:
    for number in numbers(scheme):
        for name in (f"{number}.jsonl", f"/in/{number}/x", f"in-{grouped('-')(number)}"):
            with pytest.raises(
                InputRefused, match="must not hold a card number, got one: give it another by --name"
            ) as caught:
                ingest(log, BytesIO(sale()), name=name)
            assert number not in str(caught.value)
