from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detectors.registry import DETECTORS
from domain.alerts import BEARERS, Alert, Contribution, DeadLetter, Duty, Evidence, Floor, GradeOverride, Score, Text
from domain.events import (
    EVENT_KINDS,
    EVENTS,
    MAX_CODES,
    MAX_PRICES,
    PRICE,
    ROLES,
    SCHEMES,
    TRANSACTION,
    TYPE,
    EventKind,
    Field,
    Kind,
    Moves,
    Reason,
)
from domain.forbidden_names import ALSO_REMOVED, ENGLISH
from domain.forbidden_words import CARD_DATA, EXPIRY
from domain.masking import mask_event, mask_record
from engine.decoding.columns import NUMBERS, STRINGS
from engine.decoding.decode import check

DOC = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
REASONS = {value for name, value in vars(Reason).items() if name.isupper()}
MOVED = {
    Moves.CLOCK: "the merchant's clock",
    Moves.FEED_CLOCK: "its feed's clock",
    Moves.FEATURES: "the merchant's features",
    Moves.TERMS: "what the merchant's transactions are held against",
    Moves.RISK: "the merchant's risk score",
    Moves.HISTORY: "what the merchant's later features rest on",
}
UNREAD = "Checked and kept in the log; no feature and no detector reads it."
OUTPUTS: dict[str, type[msgspec.Struct]] = {"Alert": Alert, "Score": Score, "Dead letter": DeadLetter}


def parts(text: str, level: int) -> dict[str, str]:
    """Sections of `text` by heading, code blocks set aside; refuses a heading that comes twice."""
    found: dict[str, str] = {}
    pieces = re.split(rf"^{'#' * level} (.+)$", text, flags=re.MULTILINE)
    for heading, body in zip(pieces[1::2], pieces[2::2], strict=True):
        assert heading not in found, f"{heading} comes twice"
        found[heading] = body
    return found


SECTIONS = parts(DOC, 2)


def span(field: Field) -> str:
    return str(field.low) if field.low == field.high else f"{field.low} to {field.high}"


def shape(field: Field) -> str:
    if field.choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in field.choices)
    return {
        Kind.CODE: f"code of {span(field)} character" + "s" * (field.high > 1),
        Kind.DIGITS: f"{span(field)} digits, as a string",
        Kind.LETTERS: f"{span(field)} capital letters",
        Kind.INT: f"integer, {field.low:,} to {field.high:,} {field.unit}",
        Kind.FLOAT: f"number, {field.low} to {field.high} {field.unit}",
        Kind.TIME: "time",
        Kind.TEXT: f"text, at most {field.high} characters",
        Kind.CODES: f"list of at most {MAX_CODES} codes, {span(field)} digits each",
        Kind.PRICES: f"list of at most {MAX_PRICES} prices",
        Kind.KEYED: f"keyed hash of {span(field)} hexadecimal digits or letters",
    }[field.kind]


def specification(field: Field) -> str:
    need = "Required" if field.required else "Optional"
    element = f"ISO 8583 {field.iso8583}" if field.iso8583 else "no ISO 8583 element"
    return f"*{need}; {shape(field)}; {element}.*"


def moves(kind: EventKind) -> str:
    """What a section must say of its kind before the example."""
    moved = " and ".join(MOVED[each] for each in kind.moves) or "nothing but the counts"
    return f"*Moves {moved}; read {'by the compiled scanner' if kind.scanned else 'in Python'}.*"


def readers(field: Field) -> str:
    """What the entry of a transaction's field must end with: which detectors rest on it, or that none can."""
    if field != TYPE and field.name not in STRINGS + NUMBERS:
        return UNREAD
    names = [f"`{each.name}`" for each in DETECTORS if field.name in each.needs]
    return f"Detectors that rest on it: {', '.join(names)}." if names else ""


def examples(text: str) -> list[dict[str, Any]]:
    return [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("event_type", EVENTS)
def test_a_section_has_exactly_the_fields_of_its_type_in_their_order(event_type: str) -> None:
    assert list(parts(SECTIONS[event_type], 3)) == [f"`{field.name}`" for field in EVENTS[event_type]]


@pytest.mark.parametrize(
    ("event_type", "field"), [(name, field) for name, fields in EVENTS.items() for field in fields]
)
def test_a_field_is_described_as_it_is_declared(event_type: str, field: Field) -> None:
    words = parts(SECTIONS[event_type], 3)[f"`{field.name}`"].split()
    expected = specification(field).split()
    assert words[: len(expected)] == expected
    assert len(words) > len(expected) + 2, "it says nothing of what the field means"


@pytest.mark.parametrize("kind", EVENT_KINDS.values(), ids=lambda kind: kind.name)
def test_a_section_says_what_its_kind_moves(kind: EventKind) -> None:
    found = re.findall(r"\*Moves .*?\.\*", SECTIONS[kind.name].partition("```json")[0], re.DOTALL)
    assert [each.split() for each in found] == [moves(kind).split()], f"paste this under ## {kind.name}: {moves(kind)}"


@pytest.mark.parametrize("field", TRANSACTION, ids=lambda field: field.name)
def test_a_transaction_s_field_says_which_detectors_rest_on_it(field: Field) -> None:
    found = " ".join(parts(SECTIONS["transaction"], 3)[f"`{field.name}`"].split())
    want = readers(field)
    assert found.endswith(want), f"paste this at the end of ### `{field.name}`: {want}"
    claims = re.findall(r"[^.;]*detectors? (?:reads?|rests?) [^.]*\.|Detectors that rest on it[^.]*\.", found)
    assert "".join(claims).strip() in want, f"{field.name} says of detectors what is not declared"


def test_a_price_has_exactly_its_fields_as_they_are_declared() -> None:
    found = parts(SECTIONS["A price"], 3)
    assert list(found) == [f"`{field.name}`" for field in PRICE]
    for field in PRICE:
        words, expected = found[f"`{field.name}`"].split(), specification(field).split()
        assert words[: len(expected)] == expected
        assert len(words) > len(expected) + 2, "it says nothing of what the field means"


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_example_is_an_event_that_is_read_with_known_fields_only(event_type: str) -> None:
    found = examples(SECTIONS[event_type])
    assert found
    for event in found:
        assert set(event) <= {field.name for field in EVENTS[event_type]}
        kind, checked = check(event)
        assert kind == event_type
        assert set(checked) >= set(event) - {"type"}
        assert mask_event(event) == (event, 0, 0)
        assert json.loads(mask_record(json.dumps(event).encode())) == event


def test_every_reason_has_its_heading_and_no_other() -> None:
    found = parts(SECTIONS["Dead letters"], 3)
    assert {heading.strip("`") for heading in found} == REASONS
    assert all(len(text.split()) > 4 for text in found.values())


def test_every_forbidden_key_is_named() -> None:
    text = parts(SECTIONS["Dead letters"], 3)[f"`{Reason.FORBIDDEN_FIELD}`"]
    (stems,) = (each for each in text.split("\n\n") if each.strip().startswith("`"))
    assert set(re.findall(r"`([^`]+)`", stems)) == ENGLISH
    removed = text.rpartition("goes on: ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([^`]+)`", removed)) == ALSO_REMOVED
    rows = [row.strip("| ").split(" | ") for row in re.findall(r"^\| .+ \|$", text, re.MULTILINE)]
    named = {language: (set(words.split(", ")), set(expiry.split(", ")) - {"–"}) for language, words, expiry in rows}
    assert {each: named[each] for each in named if each in CARD_DATA | EXPIRY} == {
        each: (set(CARD_DATA.get(each, ())) or {"–"}, set(EXPIRY.get(each, ()))) for each in CARD_DATA | EXPIRY
    }


def test_every_transaction_type_stands_in_the_table_of_roles_beside_those_of_its_role() -> None:
    rows = re.findall(r"^\| (`.+) \| .+ \|$", parts(SECTIONS["Common rules"], 3)["Roles"], re.MULTILINE)
    named = [set(re.findall(r"`(\w+)`", row)) for row in rows[1:]]
    by_role = [{name for name, role in ROLES.items() if role is each} for each in dict.fromkeys(ROLES.values())]
    assert sorted(map(sorted, named)) == sorted(map(sorted, by_role))


def test_every_known_scheme_is_named() -> None:
    assert all(f"`{scheme}`" in parts(SECTIONS["transaction"], 3)["`scheme`"] for scheme in SCHEMES)


@pytest.mark.parametrize(("heading", "struct"), OUTPUTS.items())
def test_an_output_is_shown_and_explained_with_every_field_it_has(heading: str, struct: type[msgspec.Struct]) -> None:
    text = parts(SECTIONS["Outputs"], 3)[heading]
    (example,) = examples(text)
    assert json.loads(msgspec.json.encode(msgspec.convert(example, struct))) == example
    explained = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|.*$", text, re.MULTILINE))))
    inner = {Alert: (Evidence, Text, Duty), Score: (Contribution, Floor, GradeOverride)}.get(struct, ())
    assert {name for each in (struct, *inner) for name in each.__struct_fields__} <= explained


def test_an_alert_s_section_says_who_bears_each_detector_s_loss() -> None:
    text = parts(SECTIONS["Outputs"], 3)["Alert"]
    found = dict(re.findall(r"^\| \[`(\w+)`\].* \| ([^|;]*?)(?:;[^|]*)? \|$", text, re.MULTILINE))
    assert found == {each.name: BEARERS[each.bearer].en if each.bearer else "\u2013" for each in DETECTORS}
    assert all(f"`{bearer}`" in text for bearer in BEARERS)


def test_the_dead_letter_shown_has_a_reason_that_exists_and_a_record_that_was_masked() -> None:
    (example,) = examples(parts(SECTIONS["Outputs"], 3)["Dead letter"])
    assert example["reason"] in REASONS
    assert mask_record(example["record"].encode()) == example["record"]


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    slugs: dict[str, int] = {}
    anchors = set()
    for heading in re.findall(r"^#+ (.+)$", DOC, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchors.add(f"{slug}-{slugs[slug]}" if slug in slugs else slug)
        slugs[slug] = slugs.get(slug, 0) + 1
    assert set(re.findall(r"\]\(#([^)]+)\)", DOC)) <= anchors
    assert f"currency-{slugs['currency'] - 1}" in re.findall(r"\]\(#([^)]+)\)", DOC), "not the last: the reason"
