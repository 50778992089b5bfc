"""From a partition's raw records to columns, events of the kinds that are kept as objects, and dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain import cards, events, masking
from domain.alerts import DeadLetter
from domain.dispositions import UNREADABLE_BY_REASON
from domain.errors import RecordError
from domain.events import EVENT_KINDS, EVENTS, KIND_DEAD, Field, Kind, Reason
from domain.forbidden_names import Rule, rule_of
from domain.id_forms import IdForms
from engine.decoding.card_scan import find_stars
from engine.decoding.columns import (
    FIELDS,
    MISSING,
    NUMBERS,
    STRINGS,
    Columns,
    Store,
    choices_of,
    empty_columns,
    make_spec,
    pack,
    store_of,
)
from engine.decoding.harmless_keys import HarmlessKeys
from engine.decoding.hashing import hash_of
from engine.decoding.mending import Unreadable, mended
from engine.decoding.records import padded
from engine.decoding.scan import DEAD, SLOW, SUSPECT, scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.decoding.records import Records

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
PADDED = frozenset({Kind.CODE, Kind.DIGITS, Kind.LETTERS, Kind.KEYED, Kind.TIME})
"""Kinds that fixed-width messages fill with blanks."""
_COSTS_THE_FIELD = frozenset({Reason.WRONG_TYPE, Reason.OUT_OF_RANGE})
"""Reasons for which an optional field is left out; for others the record is refused."""
_MOST_SHOWN = 200
Exempt = Callable[[str, str], bool]
"""Whether a field's value is known for no card number, whatever it looks like."""
_NO_FORMS = IdForms()
_TIMES = {field.name: field for fields in EVENTS.values() for field in fields if field.kind is Kind.TIME}


def _none_exempt(_field: str, _value: str) -> bool:
    return False


class Refused(RecordError):
    """A record that cannot be read: why, by which field, in words."""

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.field, self.message = reason, field, message


@dataclass(slots=True)
class Decoded:
    """A batch, decoded.

    Attributes:
        data: the bytes the columns' places point into: the records', and then the texts read the slow way, if any.
        columns: one column per record; of records that are dead only status and kind mean anything.
        others: (record, event) of each event of a kind that the scanner does not read, in order; checked.
        dead: the records that could not be read: place in the batch, code of the disposition, dead letter.
        dropped: by name, in how many records an optional field was left out because of its value.
    """

    data: NDArray[np.uint8]
    columns: Columns
    others: list[tuple[int, dict[str, Any]]]
    dead: list[tuple[int, int, DeadLetter]]
    dropped: Counter[str]

    def text(self, name: str, i: int) -> str:
        """A text field of record `i`, "" where it has none or there is no such record (`i` below 0)."""
        slot = STRINGS.index(name)
        if i < 0 or self.columns.hash[slot, i] == 0:
            return ""
        start, length = int(self.columns.start[slot, i]), int(self.columns.length[slot, i])
        return self.data[start : start + length].tobytes().decode()


def shown(value: object) -> str:
    """A value as an error shows it: short, and without card numbers.

    >>> shown("6222021234567894"), shown([1]), shown(None)
    ("'************7894'", 'a list', 'null')
    """
    if isinstance(value, Unreadable):
        text = value[0][:_MOST_SHOWN]
        return cards.mask(text, find_stars)[:80] if value.is_number else f"{shown(text)}, in which half a character is"
    if isinstance(value, str):
        # Masked first, for in `repr` an escape may stand within a number; and again, for one may make a number.
        return cards.mask(repr(masking.mask_text(value[:_MOST_SHOWN], find_stars)), find_stars)[:80]
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    return cards.mask(msgspec.json.encode(value).decode(), find_stars)[:80]


def to_ms(field: Field, value: object) -> int:
    """UTC milliseconds of a time as it is written in an event.

    Raises:
        Refused: it is no time, or out of range.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise Refused(
                Reason.WRONG_TYPE, field.name,
                f"{field.name} must be ISO 8601 with an offset or epoch milliseconds, got {shown(value)}",
            )  # fmt: skip
        value = (moment - _EPOCH) // _MS
    return _number(field, value, "ISO 8601 with an offset or epoch milliseconds")


def _number(field: Field, value: object, kind: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(Reason.WRONG_TYPE, field.name, f"{field.name} must be {kind}, got {shown(value)}")
    if not field.low <= value <= field.high:
        unit = f" {field.unit}" if field.unit else ""
        hint = "; a refund is txn_type refund with a positive amount" if field.name == "amount" and value < 0 else ""
        raise Refused(
            Reason.OUT_OF_RANGE, field.name,
            f"{field.name} must be {field.low} to {field.high}{unit}, got {shown(value)}{hint}",
        )  # fmt: skip
    return value


def _span(field: Field) -> str:
    """How long a field may be, in words."""
    span = str(field.low) if field.low == field.high else f"{field.low} to {field.high}"
    return f"{span} character{'s' * (field.high > 1)}"


def _text(field: Field, value: object, exempt: Exempt = _none_exempt) -> str:  # noqa: C901  one rule after another
    if not isinstance(value, str):
        raise Refused(Reason.WRONG_TYPE, field.name, f"{field.name} must be a string, got {shown(value)}")
    if field.kind is Kind.TEXT:
        if len(value) > field.high:
            raise Refused(
                Reason.OUT_OF_RANGE, field.name,
                f"{field.name} must be at most {field.high} characters, got {len(value)}",
            )  # fmt: skip
        return value
    if masking.holds_in_field(field.name, field.kind, value, find_stars) and not exempt(field.name, value):
        safe = cards.mask(repr(cards.mask_groups(value, find_stars)), find_stars)[:80]
        raise Refused(Reason.CARD_NUMBER, field.name, f"{field.name} must not hold a card number, got {safe}")
    if not field.low <= len(value) <= field.high:
        raise Refused(
            Reason.OUT_OF_RANGE, field.name,
            f"{field.name} must be {_span(field)}, got {len(value)}: {shown(value)}",
        )  # fmt: skip
    if any(not " " <= c <= "\x7f" for c in value):
        raise Refused(Reason.OUT_OF_RANGE, field.name, f"{field.name} must be printable ASCII, got {shown(value)}")
    if field.kind is Kind.DIGITS and not value.isdigit():
        raise Refused(Reason.OUT_OF_RANGE, field.name, f"{field.name} must be digits, got {shown(value)}")
    if field.kind is Kind.LETTERS and not (value.isalpha() and value.isupper()):
        raise Refused(Reason.OUT_OF_RANGE, field.name, f"{field.name} must be capital letters, got {shown(value)}")
    if field.codes and value not in field.codes:
        raise Refused(Reason.OUT_OF_RANGE, field.name, f"{field.name} must be {field.codes_of}, got {shown(value)}")
    if field.choices and value not in field.choices:
        reason = Reason.UNKNOWN_TYPE if field.name == "type" else Reason.OUT_OF_RANGE
        raise Refused(reason, field.name, f"{field.name} must be one of {', '.join(field.choices)}, got {shown(value)}")
    return value


def _keyed(field: Field, value: object) -> str:
    """A keyed hash; an error never shows what came, which may be somebody's number."""
    if isinstance(value, str) and field.low <= len(value) <= field.high and events.KEYED_HASH.fullmatch(value):
        return value
    got = "another type"
    if isinstance(value, str):
        got = f"{len(value)} {'digits alone' if value.isdigit() else 'characters'}"
    raise Refused(
        Reason.CARD_NUMBER, field.name,
        f"{field.name} must be a keyed hash of {_span(field)}, hexadecimal digits or letters and never digits alone,"
        f" got {got}: a plain number must not be sent",
    )  # fmt: skip


def check_field(field: Field, value: object, exempt: Exempt = _none_exempt) -> Any:
    """The value of a field, checked; a time as UTC milliseconds, a code without the blanks that fill a fixed width.

    Args:
        field: which.
        value: as it was sent.
        exempt: whether a field's value is known for no card number, whatever it looks like.

    Raises:
        Refused: it is not what the field takes.
    """
    if isinstance(value, str) and field.kind in PADDED:
        value = value.strip(" ")
    if field.kind is Kind.TIME:
        return to_ms(field, value)
    if field.kind is Kind.INT:
        return _number(field, value, "an integer")
    if field.kind is Kind.FLOAT:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refused(Reason.WRONG_TYPE, field.name, f"{field.name} must be a number, got {shown(value)}")
        if not field.low <= value <= field.high:
            raise Refused(
                Reason.OUT_OF_RANGE, field.name,
                f"{field.name} must be {field.low} to {field.high} {field.unit}, got {shown(value)}",
            )  # fmt: skip
        if masking.holds_in_field(field.name, field.kind, value):
            raise Refused(Reason.CARD_NUMBER, field.name, f"{field.name} must not hold a card number, got one")
        return float(value)
    if field.kind in _READERS:
        return _READERS[field.kind](field, value)
    return _text(field, value, exempt)


def _codes(field: Field, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Refused(Reason.WRONG_TYPE, field.name, f"{field.name} must be a list of codes, got {shown(value)}")
    if len(value) > events.MAX_CODES:
        raise Refused(
            Reason.OUT_OF_RANGE, field.name,
            f"{field.name} must hold at most {events.MAX_CODES} codes, got {len(value)}",
        )  # fmt: skip
    each = Field(field.name, Kind.DIGITS, field.low, field.high)
    return tuple(_text(each, code.strip(" ") if isinstance(code, str) else code) for code in value)


def _prices(field: Field, value: object) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list):
        raise Refused(Reason.WRONG_TYPE, field.name, f"{field.name} must be a list of prices, got {shown(value)}")
    if len(value) > events.MAX_PRICES:
        raise Refused(
            Reason.OUT_OF_RANGE, field.name,
            f"{field.name} must hold at most {events.MAX_PRICES} prices, got {len(value)}",
        )  # fmt: skip
    return tuple(_price(field, each) for each in value)


def _price(field: Field, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(Reason.WRONG_TYPE, field.name, f"{field.name} must hold objects, got {shown(value)}")
    checked: dict[str, Any] = {}
    for each in events.PRICE:
        given = value.get(each.name)
        if given is not None and given != "":
            try:
                checked[each.name] = check_field(each, given)
            except Refused as refused:
                raise Refused(refused.reason, field.name, f"{field.name} must be right: {refused.message}") from refused
        elif each.required:
            why = f"{field.name} must each have a {each.name}, got one without"
            raise Refused(Reason.MISSING_FIELD, field.name, why)
    return checked


_READERS: dict[Kind, Callable[[Field, object], Any]] = {
    Kind.CODES: _codes, Kind.PRICES: _prices, Kind.KEYED: _keyed,
}  # fmt: skip


def is_missing(field: Field, value: object) -> bool:
    """Whether a field's value says nothing: null, or text that is empty or, of a code, blank."""
    if isinstance(value, str):
        return not (value.strip(" ") if field.kind in PADDED else value)
    return value is None


def parse(raw: bytes) -> dict[str, Any]:
    """The JSON object of a record.

    Raises:
        Refused: it is too large, or no JSON object.
    """
    if len(raw) > events.MAX_RECORD_BYTES:
        raise Refused(Reason.TOO_LARGE, "", f"record must be at most {events.MAX_RECORD_BYTES} bytes, got {len(raw)}")
    if not raw:
        raise Refused(Reason.NOT_JSON, "", "record must be a JSON object, got no bytes: it is empty, or a tombstone")
    try:
        event = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            event = mended(raw)
        except (ValueError, RecursionError):
            message = f"record must be a JSON object: {cards.mask(str(error), find_stars)}"
            raise Refused(Reason.NOT_JSON, "", message) from error
    if not isinstance(event, dict):
        raise Refused(Reason.NOT_AN_OBJECT, "", f"record must be a JSON object, got {shown(event)}")
    return event


def check(
    event: dict[str, Any], forms: IdForms = _NO_FORMS, feed: str = "", dropped: Counter[str] | None = None
) -> tuple[str, dict[str, Any]]:
    """An event's type and its declared fields, checked; missing ones are left out.

    Args:
        event: JSON, decoded.
        forms: of identifiers that are no card numbers.
        feed: of an event that names none.
        dropped: counts, by name, the fields that are left out because they are not what they must be.

    Raises:
        Refused: a field is forbidden, at any depth, or holds a card number; a required one, or one that decides what
            the event is, is missing or not what it must be.
    """
    _refuse_forbidden(event)
    kind = event.get("type")
    kind = "transaction" if is_missing(events.TYPE, kind) else check_field(events.TYPE, kind)
    checked: dict[str, Any] = {}
    exempt = exempt_in(event, forms, feed)
    for field in EVENTS[kind]:
        value = event.get(field.name)
        if not is_missing(field, value):
            try:
                checked[field.name] = check_field(field, value, exempt)
            except Refused as refused:
                if field.required or field.decides or refused.reason not in _COSTS_THE_FIELD:
                    raise
                if _holds_number(field, value):
                    message = f"{field.name} must not hold a card number, got one"
                    raise Refused(Reason.CARD_NUMBER, field.name, message) from refused
                if dropped is not None:
                    dropped[field.name] += 1
        elif field.required:
            raise Refused(Reason.MISSING_FIELD, field.name, f"{field.name} must be given in a {kind}, got nothing")
    return kind, checked


def _holds_number(field: Field, value: object) -> bool:
    """Whether a value that is left out, for it is of another type, is a card number all the same."""
    if isinstance(value, Unreadable) and field.kind is not Kind.TEXT:
        digits = value[0].lower().partition("e")[0] if value.is_number else value[0]
        return masking.holds_in_field(field.name, field.kind, digits, find_stars)
    return isinstance(value, int | float) and masking.holds_in_field(field.name, field.kind, value)


def exempt_in(event: dict[str, Any], forms: IdForms, feed: str = "") -> Exempt:
    """Whether values of an event's fields have forms that are declared; its own time says which are in force."""

    def exempt(field: str, value: str) -> bool:
        return forms.exempt(event.get("feed") or feed, _own_time(event), field, value)

    return exempt


def _own_time(event: dict[str, Any]) -> int | None:
    """An event's own time, UTC milliseconds; None where it has none that can be read."""
    for name in ("event_time", "effective_from"):
        if event.get(name):
            try:
                return to_ms(_TIMES[name], event[name])
            except Refused:
                return None
    return None


def _refuse_forbidden(event: dict[str, Any]) -> None:
    """Raise where a key may not be stored, at any depth."""
    waiting: list[Any] = [event]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            for name in found:
                if rule_of(name) is Rule.FORBIDDEN:
                    shown_name = cards.mask(name, find_stars)[:80]
                    raise Refused(
                        Reason.FORBIDDEN_FIELD, shown_name, f"{shown_name} must not be sent: it may not be stored"
                    )
            waiting += (each for each in found.values() if isinstance(each, dict | list))
        else:
            waiting += (each for each in found if isinstance(each, dict | list))


def dead_letter(records: Records, i: int, reason: str, field: str, message: str) -> DeadLetter:
    """The dead letter of record `i`."""
    return DeadLetter(
        reason=reason, field=field, message=message, source=records.source, position=int(records.offsets[i]),
        record=masking.mask_record(records.value(i), find_stars),
    )  # fmt: skip


class Decoder:
    """Decodes batches: the scanner where it can, msgspec where it cannot.

    It keeps between batches only what makes the next one faster.

    Args:
        feed: of events that name none.

    Attributes:
        id_forms: forms of identifiers that are no card numbers.
    """

    def __init__(self, feed: str = "") -> None:
        self.id_forms = IdForms()
        self._feed = feed
        self._spec = make_spec()
        self._follows = np.zeros(len(FIELDS) + 1, np.int64)
        self._harmless = HarmlessKeys()

    def decode(self, records: Records) -> Decoded:
        """Decode a batch."""
        data, columns = records.data, empty_columns(len(records))
        decoded = Decoded(data, columns, [], [], Counter())
        counts = np.zeros(len(FIELDS), np.int64)
        slow = scan(data, records.ends, self._spec, self._follows, self._harmless.table, columns, counts)
        for f in np.flatnonzero(counts).tolist():
            decoded.dropped[_NAMES[f]] = int(counts[f])
        if slow:
            extra = bytearray()
            for i in np.flatnonzero(columns.status == SLOW):
                self._slowly(records, int(i), len(data), extra, decoded)
            if extra:
                decoded.data = padded((data.data, extra))
        return decoded

    def _slowly(self, records: Records, i: int, base: int, extra: bytearray, decoded: Decoded) -> None:
        columns = decoded.columns
        try:
            event = parse(records.value(i))
            dropped: Counter[str] = Counter()
            name, checked = check(event, self.id_forms, self._feed, dropped)
        except Refused as refused:
            columns.status[i], columns.kind[i] = DEAD, KIND_DEAD
            letter = dead_letter(records, i, refused.reason, refused.field, refused.message)
            decoded.dead.append((i, UNREADABLE_BY_REASON[refused.reason].code, letter))
            return
        decoded.dropped += dropped
        kind = EVENT_KINDS[name]
        columns.status[i], columns.kind[i] = SUSPECT, kind.code
        columns.hash[:, i] = 0
        columns.number[:, i] = MISSING
        if kind.scanned:
            self._learn_keys(event)
        else:
            decoded.others.append((i, {**checked, "type": name}))
        places = _Places(records.value(i), int(records.ends[i]), base, extra)
        for each, value in checked.items():
            _fill(columns, i, each, value, places)

    def _learn_keys(self, event: dict[str, Any]) -> None:
        """Tell the scanner of unknown keys that turned out not to be forbidden."""
        for name in event:
            if name not in FIELDS and rule_of(name) is Rule.FREE and not cards.holds_pan_anywhere(name, find_stars):
                self._harmless.add(name)


_NAMES = tuple(FIELDS)
_STORES = {name: store_of(name) for name in (*STRINGS, *NUMBERS)}
_CODES = {
    name: {value: code for code, value in enumerate(choices_of(name))}
    for name, (store, _) in _STORES.items()
    if store is Store.CHOICE
}


class _Places:
    """Where the texts of a record stand in the batch's bytes: in the record itself, or else added behind all.

    Behind them a batch's bytes are copied, so that is for texts alone that were written with escapes.
    """

    def __init__(self, raw: bytes, end: int, base: int, extra: bytearray) -> None:
        self._raw, self._start, self._base, self._extra = raw, end - len(raw), base, extra

    def of(self, text: bytes) -> int:
        """Where a text stands from now on."""
        if (at := self._raw.find(text)) >= 0:
            return self._start + at
        self._extra += text
        return self._base + len(self._extra) - len(text)


def _fill(columns: Columns, i: int, name: str, value: Any, places: _Places) -> None:
    """Put a checked value where the scanner would have."""
    store, slot = _STORES.get(name, (Store.NOTHING, 0))
    if store is Store.HASH:
        columns.hash[slot, i] = hash_of(value)
        columns.start[slot, i] = places.of(value.encode())
        columns.length[slot, i] = len(value)
    elif store is Store.NUMBER:
        columns.number[slot, i] = int(value)
    elif store is Store.PACKED:
        columns.number[slot, i] = pack(value)
    elif store is Store.CHOICE:
        codes = _CODES[name]
        columns.number[slot, i] = codes.get(value, len(codes) - 1)
