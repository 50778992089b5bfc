"""The events Tillwatch reads, by kind and field: the one table that decoding, intake and the docs follow.

An event is a JSON object. `type` says which kind it is (`transaction` where absent). A field that is
absent, `null` or `""` is missing. `docs/events.md` has one heading per field, and a test holds it to this
table. A new kind is a row of `EVENT_KINDS`; the decoder, intake and masking follow from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from domain.currencies import DIGITS

MAX_AMOUNT_MINOR = 999_999_999_999
"""Largest amount of ISO 8583 DE4 (n12), in minor units."""
MAX_RECORD_BYTES = 65_536
"""Longest record read; a longer one is a dead letter (`too-large`)."""
EARLIEST_MS = 631_152_000_000
"""1990-01-01T00:00:00Z: an earlier time is a dead letter (`out-of-range`)."""
LATEST_MS = 4_102_444_800_000
"""2100-01-01T00:00:00Z: a time from here on is a dead letter (`out-of-range`)."""
FUTURE_MS = 600_000
"""A transaction further ahead of its receipt than this is a dead letter (`future`)."""


class Kind(IntEnum):
    """How a field's value is written."""

    CODE = 0
    """An identifier or code: printable ASCII."""
    DIGITS = 1
    """A code of digits only, as a string: leading zeros count."""
    LETTERS = 2
    """A code of the capital letters A to Z only."""
    INT = 3
    """A JSON integer."""
    TIME = 4
    """ISO 8601 with an offset, or epoch milliseconds as a JSON integer."""
    FLOAT = 5
    """A JSON number."""
    TEXT = 6
    """Free text; whatever looks like a card number is masked."""
    CODES = 7
    """A JSON list of codes."""
    PRICES = 8
    """A JSON list of objects with the fields of `PRICE`."""
    KEYED = 9
    """A keyed hash: hexadecimal digits or letters alone, never digits alone, as a plain number would be."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event.

    Attributes:
        name: the JSON key.
        kind: how the value is written.
        low: shortest length of a string, or the smallest number.
        high: greatest length of a string or of each code in a list, or the greatest number.
        required: whether an event without it is a dead letter.
        choices: the only values allowed, in code order; empty where any are.
        codes: the only values allowed, of a list that others keep; empty where any are.
        codes_of: which list that is, in words.
        decides: whether a bad value refuses the record though the field may be missing, for what is missing would be
            read as something else: a refund as a sale. A bad value of another optional field costs that field.
        iso8583: the ISO 8583 data element it usually comes from, "" where there is none.
        unit: the unit of a number, "" where there is none.
    """

    name: str
    kind: Kind
    low: int = 1
    high: int = 32
    required: bool = False
    choices: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    codes_of: str = ""
    decides: bool = False
    iso8583: str = ""
    unit: str = ""


TXN_TYPES = (
    "purchase",
    "refund",
    "void",
    "reversal",
    "preauth",
    "preauth_void",
    "completion",
    "completion_void",
    "offline",
    "cash_advance",
    "adjustment",
    "tip",
    "balance",
)
"""Values of `txn_type`; the first is the default."""


class Role(IntEnum):
    """What a transaction type does to a merchant's sums."""

    SALE = 0
    REFUND = 1
    UNDO = 2
    """Takes an earlier transaction out again: voids and reversals."""
    OTHER = 3
    """Seen and counted as an attempt, moves no money: pre-authorisations, balance inquiries, adjustments."""


ROLES: dict[str, Role] = {
    "purchase": Role.SALE,
    "refund": Role.REFUND,
    "void": Role.UNDO,
    "reversal": Role.UNDO,
    "preauth": Role.OTHER,
    "preauth_void": Role.OTHER,
    "completion": Role.SALE,
    "completion_void": Role.UNDO,
    "offline": Role.SALE,
    "cash_advance": Role.SALE,
    "adjustment": Role.OTHER,
    "tip": Role.OTHER,
    "balance": Role.OTHER,
}

CARD_KINDS = ("debit", "credit", "semi_credit", "prepaid")
"""Values of `card_kind`: DE121.3 card nature 01, 02, 03 (credit and semi-credit price alike) and prepaid."""
FEE_CLASSES = ("standard", "concession", "exempt")
"""Values of `fee_class`, dearest first: 标准类, 优惠类, 减免类."""
SCHEMES = ("unionpay", "visa", "mastercard", "amex", "jcb", "discover", "alipay", "wechat", "other")
"""Known values of `scheme`. Another value is accepted and reads as `other`."""
_AMOUNT = {"kind": Kind.INT, "low": 0, "high": MAX_AMOUNT_MINOR, "unit": "minor units"}
_FEE = {"kind": Kind.INT, "low": -MAX_AMOUNT_MINOR, "high": MAX_AMOUNT_MINOR, "unit": "minor units"}
_TIME = {"kind": Kind.TIME, "low": EARLIEST_MS, "high": LATEST_MS - 1, "unit": "UTC milliseconds"}
_CURRENCY = {
    "kind": Kind.LETTERS, "low": 3, "high": 3, "codes": frozenset(DIGITS),
    "codes_of": "a currency of ISO 4217 that has minor units",
}  # fmt: skip
_MCC = {"kind": Kind.DIGITS, "low": 4, "high": 4}
_KEYED_HASH = {"kind": Kind.KEYED, "low": 16, "high": 64}
KEYED_HASH = re.compile(r"(?![0-9]+\Z)(?:[0-9A-Fa-f]+|[A-Za-z]+)")
"""What a keyed hash is made of. Bank accounts are digits, identity numbers digits with an X: neither passes."""
MERCHANT_STATUSES = ("pending", "active", "suspended", "closed")
"""Values of a merchant's `status`."""
REPORT_STATUSES = ("open", "accepted", "disputed", "reversed", "withdrawn")
"""Values of the `status` of a fraud report, chargeback or retrieval request."""
TAKEN_BACK = ("reversed", "withdrawn")
"""Those that take the report out again: decided for the merchant, or taken back by whoever reported it."""
COORD_SYSTEMS = ("wgs84", "gcj02", "bd09")
"""Values of `coord_sys`: GPS, what maps in China use (GCJ-02), Baidu's own (BD-09); hundreds of metres apart."""
FRAUD_REASONS = frozenset({
    "10.1", "10.2", "10.3", "10.4", "10.5", "4837", "4840", "4849", "4863", "4870", "4871",
})  # fmt: skip
"""Reason codes of chargebacks for fraud: Visa's condition 10, Mastercard's codes of the fraud group."""
PREMISES = ("fixed", "mobile", "online")
"""Values of `premises`."""
PERSON_ROLES = ("analyst", "supervisor", "rep", "agent", "inspector", "compliance")
"""Values of a person's `role`."""
VISIT_KINDS = ("opening", "routine", "alert", "follow_up")
"""Values of `visit_kind`."""
VISIT_OUTCOMES = (
    "as_registered", "differs", "not_found", "refused", "moved", "transferred", "closed_down", "renovating",
    "terminal_faulty", "other_acquirer", "codes_only", "low_season",
)  # fmt: skip
"""Values of a visit's `outcome`."""
TERMINAL_STATUSES = ("active", "spare", "returned")
"""Values of `terminal_status`."""
VERDICTS = ("confirmed", "lawful_change", "data_error", "false_alarm", "duplicate", "open")
"""Values of `verdict`; `domain.risk.CLEARED` are those that take an alert's points out."""

MERCHANT_ID = Field("merchant_id", Kind.CODE, high=32, required=True, iso8583="42")
RECEIVED_AT = Field("received_at", **_TIME)  # type: ignore[arg-type]
FEED = Field("feed", Kind.CODE, high=32)

_TRANSACTION: tuple[Field, ...] = (
    Field("txn_id", Kind.CODE, high=64, required=True),
    MERCHANT_ID,
    Field("amount", required=True, iso8583="4", **_AMOUNT),  # type: ignore[arg-type]
    Field("currency", required=True, iso8583="49", **_CURRENCY),  # type: ignore[arg-type]
    Field("event_time", required=True, iso8583="7, 12, 13", **_TIME),  # type: ignore[arg-type]
    Field("terminal_id", Kind.CODE, high=16, iso8583="41"),
    Field("terminal_sn", Kind.CODE, high=64, iso8583="59"),
    Field("acceptor_id", Kind.CODE, high=32, iso8583="42"),
    Field("mcc", iso8583="18", **_MCC),  # type: ignore[arg-type]
    Field("channel_merchant_id", Kind.CODE, high=32),
    Field("channel_mcc", **_MCC),  # type: ignore[arg-type]
    Field("channel", Kind.CODE, high=32, iso8583="33"),
    Field("scheme", Kind.CODE, high=16),
    Field("txn_type", Kind.CODE, high=16, choices=TXN_TYPES, decides=True, iso8583="MTI, 3, 25, 60.1"),
    Field("original_txn_id", Kind.CODE, high=64, iso8583="90"),
    Field("original_amount", **_AMOUNT),  # type: ignore[arg-type]
    Field("original_time", iso8583="90", **_TIME),  # type: ignore[arg-type]
    Field("fee", iso8583="28, 122.1", **_FEE),  # type: ignore[arg-type]
    Field("fee_tax", **_FEE),  # type: ignore[arg-type]
    Field("fee_instant", **_FEE),  # type: ignore[arg-type]
    Field("surcharge", **_AMOUNT),  # type: ignore[arg-type]
    Field("fee_class", Kind.CODE, high=16, choices=FEE_CLASSES),
    Field("special_fee_type", Kind.DIGITS, 2, 2, iso8583="60.11.1"),
    Field("special_fee_level", Kind.CODE, 1, 1, iso8583="60.11.2"),
    Field("settlement_mode", Kind.CODE, high=16),
    Field("card_token", Kind.CODE, high=64, iso8583="2"),
    Field("card_token_next", Kind.CODE, high=64, iso8583="2"),
    Field("card_last4", Kind.DIGITS, 4, 4, iso8583="2"),
    Field("card_kind", Kind.CODE, high=16, choices=CARD_KINDS, iso8583="121.3"),
    Field("card_bin", Kind.DIGITS, 6, 8, iso8583="2"),
    Field("issuer_country", Kind.LETTERS, 2, 2, iso8583="19, 20"),
    Field("entry_mode", Kind.DIGITS, 2, 3, iso8583="22"),
    Field("eci", Kind.DIGITS, 2, 2),
    Field("response_code", Kind.CODE, 2, 3, decides=True, iso8583="39"),
    Field("auth_code", Kind.CODE, high=8, iso8583="38"),
    Field("rrn", Kind.CODE, high=16, iso8583="37"),
    Field("stan", Kind.CODE, high=12, iso8583="11"),
    Field("acquirer_code", Kind.CODE, high=11, iso8583="32"),
    Field("transmitted_at", iso8583="7", **_TIME),  # type: ignore[arg-type]
    RECEIVED_AT,
    Field("lat", Kind.FLOAT, -90, 90, unit="degrees"),
    Field("lon", Kind.FLOAT, -180, 180, unit="degrees"),
    Field("region", Kind.TEXT, high=64),
    FEED,
)

_EFFECTIVE = Field("effective_from", required=True, **_TIME)  # type: ignore[arg-type]
_EVENT_TIME = Field("event_time", required=True, **_TIME)  # type: ignore[arg-type]

_PLACE: tuple[Field, ...] = (
    Field("lat", Kind.FLOAT, -90, 90, unit="degrees"),
    Field("lon", Kind.FLOAT, -180, 180, unit="degrees"),
    Field("coord_sys", Kind.CODE, high=16, choices=COORD_SYSTEMS),
)
_PERSON_ID = {"kind": Kind.CODE, "high": 64}
_CASE_ID = Field("case_id", Kind.CODE, high=36)
_NOTE = Field("note", Kind.TEXT, high=1024)

_MERCHANT: tuple[Field, ...] = (
    MERCHANT_ID,
    _EFFECTIVE,
    Field("name", Kind.TEXT, high=128, iso8583="43"),
    Field("short_name", Kind.TEXT, high=64),
    Field("status", Kind.CODE, high=16, choices=MERCHANT_STATUSES),
    Field("mccs", Kind.CODES, 4, 4),
    Field("approved_channel_mccs", Kind.CODES, 4, 4),
    Field("special_fee_types", Kind.CODES, 2, 2),
    Field("time_zone", Kind.CODE, high=48),
    Field("region", Kind.TEXT, high=64),
    Field("country", Kind.LETTERS, 2, 2),
    Field("currency", **_CURRENCY),  # type: ignore[arg-type]
    Field("city", Kind.TEXT, high=64),
    Field("address", Kind.TEXT, high=256),
    *_PLACE,
    Field("premises", Kind.CODE, high=16, choices=PREMISES),
    Field("channel", Kind.CODE, high=32),
    Field("agent_id", **_PERSON_ID),  # type: ignore[arg-type]
    Field("rep_id", **_PERSON_ID),  # type: ignore[arg-type]
    Field("opened_at", **_TIME),  # type: ignore[arg-type]
    Field("licence_expires_at", **_TIME),  # type: ignore[arg-type]
    Field("settlement_account_key", **_KEYED_HASH),  # type: ignore[arg-type]
    Field("owner_key", **_KEYED_HASH),  # type: ignore[arg-type]
    RECEIVED_AT,
    FEED,
)

_SETTLEMENT: tuple[Field, ...] = (
    Field("txn_id", Kind.CODE, high=64, required=True),
    MERCHANT_ID,
    Field("amount", required=True, **_AMOUNT),  # type: ignore[arg-type]
    Field("currency", required=True, **_CURRENCY),  # type: ignore[arg-type]
    _EVENT_TIME,
    Field("original_time", **_TIME),  # type: ignore[arg-type]
    Field("fee", **_FEE),  # type: ignore[arg-type]
    Field("fee_tax", **_FEE),  # type: ignore[arg-type]
    Field("fee_instant", **_FEE),  # type: ignore[arg-type]
    Field("surcharge", **_AMOUNT),  # type: ignore[arg-type]
    Field("fee_class", Kind.CODE, high=16, choices=FEE_CLASSES),
    Field("scheme", Kind.CODE, high=16),
    Field("card_kind", Kind.CODE, high=16, choices=CARD_KINDS),
    Field("mcc", **_MCC),  # type: ignore[arg-type]
    Field("settlement_mode", Kind.CODE, high=16),
    RECEIVED_AT,
    FEED,
)

MAX_RATE_PPM = 1_000_000
"""Highest price rate, parts per million of the amount: all of it."""

PRICE: tuple[Field, ...] = (
    Field("scheme", Kind.CODE, high=16),
    Field("card_kind", Kind.CODE, high=16, choices=CARD_KINDS),
    Field("channel", Kind.CODE, high=32),
    Field("settlement_mode", Kind.CODE, high=16),
    Field("fee_class", Kind.CODE, high=16, choices=FEE_CLASSES),
    Field("amount_from", **_AMOUNT),  # type: ignore[arg-type]
    Field("month_from", **_AMOUNT),  # type: ignore[arg-type]
    Field("rate_ppm", Kind.INT, 0, MAX_RATE_PPM, required=True, unit="parts per million"),
    Field("cap", **_AMOUNT),  # type: ignore[arg-type]
    Field("minimum", **_AMOUNT),  # type: ignore[arg-type]
    Field("fixed", **_AMOUNT),  # type: ignore[arg-type]
)
"""Fields of one price of a contract; `domain.contracts` says which applies and what it comes to."""

_CONTRACT: tuple[Field, ...] = (
    MERCHANT_ID,
    _EFFECTIVE,
    Field("notice_from", **_TIME),  # type: ignore[arg-type]
    Field("prices", Kind.PRICES, required=True),
    RECEIVED_AT,
    FEED,
)

_REPORT: tuple[Field, ...] = (
    MERCHANT_ID,
    _EVENT_TIME,
    Field("txn_id", Kind.CODE, high=64),
    Field("amount", **_AMOUNT),  # type: ignore[arg-type]
    Field("currency", **_CURRENCY),  # type: ignore[arg-type]
    Field("reason_code", Kind.CODE, high=16),
    Field("report_id", Kind.CODE, high=64),
    Field("terminal_id", Kind.CODE, high=16),
    Field("original_time", **_TIME),  # type: ignore[arg-type]
    Field("scheme", Kind.CODE, high=16),
    Field("entry_mode", Kind.DIGITS, 2, 3, iso8583="22"),
    Field("status", Kind.CODE, high=16, choices=REPORT_STATUSES),
    RECEIVED_AT,
    FEED,
)

_VERDICT: tuple[Field, ...] = (
    MERCHANT_ID,
    _EVENT_TIME,
    Field("alert_id", Kind.CODE, high=36, required=True),
    Field("verdict", Kind.CODE, high=16, required=True, choices=VERDICTS),
    Field("expires_at", **_TIME),  # type: ignore[arg-type]
    Field("reason_code", Kind.CODE, high=16),
    Field("by", **_PERSON_ID),  # type: ignore[arg-type]
    _CASE_ID,
    RECEIVED_AT,
    FEED,
)

_OVERRIDE: tuple[Field, ...] = (
    MERCHANT_ID,
    _EVENT_TIME,
    Field("grade", Kind.CODE, 1, 1, required=True, choices=("A", "B", "C", "D", "E")),
    Field("reason", Kind.TEXT, high=256, required=True),
    Field("expires_at", required=True, **_TIME),  # type: ignore[arg-type]
    RECEIVED_AT,
    FEED,
)

_TERMINAL: tuple[Field, ...] = (
    MERCHANT_ID,
    _EFFECTIVE,
    Field("terminal_id", Kind.CODE, high=16, required=True),
    Field("terminal_sn", Kind.CODE, high=64),
    Field("terminal_status", Kind.CODE, high=16, choices=TERMINAL_STATUSES),
    Field("lat", Kind.FLOAT, -90, 90, unit="degrees"),
    Field("lon", Kind.FLOAT, -180, 180, unit="degrees"),
    Field("region", Kind.TEXT, high=64),
    RECEIVED_AT,
    FEED,
)

_CLOCK: tuple[Field, ...] = (
    Field("feed", Kind.CODE, high=32, required=True),
    _EVENT_TIME,
)


_PERSON: tuple[Field, ...] = (
    Field("person_id", required=True, **_PERSON_ID),  # type: ignore[arg-type]
    _EFFECTIVE,
    Field("role", Kind.CODE, high=16, choices=PERSON_ROLES),
    Field("name", Kind.TEXT, high=128),
    Field("supervisor_id", **_PERSON_ID),  # type: ignore[arg-type]
    Field("deputy_id", **_PERSON_ID),  # type: ignore[arg-type]
    Field("absent_from", **_TIME),  # type: ignore[arg-type]
    Field("absent_until", **_TIME),  # type: ignore[arg-type]
    Field("wecom_id", Kind.CODE, high=64),
    Field("dingtalk_id", Kind.CODE, high=64),
    Field("feishu_id", Kind.CODE, high=64),
    Field("email", Kind.TEXT, high=128),
    Field("mobile", Kind.CODE, 6, 16),
    Field("region", Kind.TEXT, high=64),
    Field("time_zone", Kind.CODE, high=48),
    Field("language", Kind.CODE, 2, 2, choices=("zh", "en")),
    RECEIVED_AT,
    FEED,
)

_ASSIGNMENT: tuple[Field, ...] = (
    MERCHANT_ID,
    _EFFECTIVE,
    Field("rep_id", required=True, **_PERSON_ID),  # type: ignore[arg-type]
    Field("agent_id", **_PERSON_ID),  # type: ignore[arg-type]
    Field("until", **_TIME),  # type: ignore[arg-type]
    RECEIVED_AT,
    FEED,
)

_VISIT: tuple[Field, ...] = (
    MERCHANT_ID,
    _EVENT_TIME,
    Field("person_id", **_PERSON_ID),  # type: ignore[arg-type]
    Field("visit_kind", Kind.CODE, high=16, choices=VISIT_KINDS),
    Field("outcome", Kind.CODE, high=16, choices=VISIT_OUTCOMES),
    *_PLACE,
    _NOTE,
    Field("alert_id", Kind.CODE, high=36),
    _CASE_ID,
    RECEIVED_AT,
    FEED,
)

_COMPLAINT: tuple[Field, ...] = (
    MERCHANT_ID,
    _EVENT_TIME,
    Field("reason_code", Kind.CODE, high=16),
    Field("channel", Kind.CODE, high=32),
    _NOTE,
    _CASE_ID,
    RECEIVED_AT,
    FEED,
)


class Moves(IntFlag):
    """What an event of a kind moves beyond being checked, counted and kept in the log."""

    NOTHING = 0
    CLOCK = 1
    """The merchant's clock."""
    FEED_CLOCK = 2
    """The clock of its feed, which fires the deadlines that it passes."""
    FEATURES = 4
    """Features: the kind has a hook in the families, and gives a row of features that detectors judge."""
    TERMS = 8
    """The versions that a merchant's transactions are held against: its master data, its contract."""
    RISK = 16
    """The merchant's risk score, directly."""
    HISTORY = 32
    """What later features rest on: the kind has a hook in the families, but gives no row of features."""


(
    KIND_TRANSACTION, KIND_SETTLEMENT, KIND_MASTER_DATA, KIND_FRAUD_REPORT, KIND_CHARGEBACK, KIND_VERDICT,
    KIND_OVERRIDE, KIND_TERMINAL, KIND_CLOCK, KIND_CONTRACT, KIND_PERSON, KIND_ASSIGNMENT, KIND_VISIT, KIND_COMPLAINT,
    KIND_RETRIEVAL,
) = range(15)  # fmt: skip
"""Codes of the kinds, for compiled code: their places in `EVENT_KINDS`."""
REPORT_KINDS = (KIND_FRAUD_REPORT, KIND_CHARGEBACK, KIND_RETRIEVAL)
"""Kinds that tell, days to months later, what became of a transaction."""
KIND_DEAD = 255
"""Code of a record that is no event: a dead letter."""


@dataclass(frozen=True, slots=True)
class EventKind:
    """One kind of event.

    Attributes:
        name: the value of `type`.
        code: its place in `EVENT_KINDS`, by which columns and compiled code name it.
        fields: the fields it may have besides `type`; those of one name that the scanner reads, or that columns keep,
            are written alike in every kind, but may be required in some alone.
        moves: what it moves.
        scanned: whether the compiled scanner reads it, straight into columns. It can where no field is a list, and
            nobody needs more of the event than its columns; an event of another kind is checked in Python and handed
            on as an object.
        key: the field that is the record's key, by which its partition is chosen; "" where it goes to every partition.
    """

    name: str
    code: int
    fields: tuple[Field, ...]
    moves: Moves
    scanned: bool = False
    key: str = MERCHANT_ID.name


EVENT_KINDS: dict[str, EventKind] = {
    each.name: each
    for each in (
        EventKind("transaction", KIND_TRANSACTION, _TRANSACTION, Moves.CLOCK | Moves.FEATURES, scanned=True),
        EventKind("settlement", KIND_SETTLEMENT, _SETTLEMENT, Moves.FEATURES, scanned=True),
        EventKind("merchant", KIND_MASTER_DATA, _MERCHANT, Moves.TERMS),
        EventKind("fraud_report", KIND_FRAUD_REPORT, _REPORT, Moves.FEATURES, scanned=True),
        EventKind("chargeback", KIND_CHARGEBACK, _REPORT, Moves.FEATURES, scanned=True),
        EventKind("verdict", KIND_VERDICT, _VERDICT, Moves.RISK),
        EventKind("override", KIND_OVERRIDE, _OVERRIDE, Moves.RISK),
        EventKind("terminal", KIND_TERMINAL, _TERMINAL, Moves.HISTORY),
        EventKind("clock", KIND_CLOCK, _CLOCK, Moves.FEED_CLOCK, scanned=True, key=""),
        EventKind("contract", KIND_CONTRACT, _CONTRACT, Moves.TERMS | Moves.FEATURES),
        EventKind("person", KIND_PERSON, _PERSON, Moves.NOTHING, key="person_id"),
        EventKind("assignment", KIND_ASSIGNMENT, _ASSIGNMENT, Moves.NOTHING),
        EventKind("visit", KIND_VISIT, _VISIT, Moves.NOTHING),
        EventKind("complaint", KIND_COMPLAINT, _COMPLAINT, Moves.HISTORY),
        EventKind("retrieval", KIND_RETRIEVAL, _REPORT, Moves.FEATURES, scanned=True),
    )
}
"""The kinds of events by name: their fields, what each moves, and how it is read."""

TYPE = Field("type", Kind.CODE, choices=tuple(EVENT_KINDS), decides=True)
EVENTS: dict[str, tuple[Field, ...]] = {name: (TYPE, *each.fields) for name, each in EVENT_KINDS.items()}
"""Fields by event type, `type` first."""
TRANSACTION = EVENTS["transaction"]
"""Fields of a transaction."""

WIDE_FIELDS = frozenset({"card_token", "card_token_next", "auth_code", "channel", "reason_code"})
"""Codes that never lawfully look like a card number: the wide rule of `domain.card_search` is for them."""

MAX_PRICES = 16
"""Most prices of a contract; a longer list is a dead letter (`out-of-range`)."""
MAX_CODES = 16
"""Most codes read from a list; a longer one is a dead letter (`out-of-range`)."""


class Reason:
    """Why a record became a dead letter."""

    NOT_JSON = "not-json"
    NOT_AN_OBJECT = "not-an-object"
    TOO_LARGE = "too-large"
    UNKNOWN_TYPE = "unknown-type"
    MISSING_FIELD = "missing-field"
    WRONG_TYPE = "wrong-type"
    OUT_OF_RANGE = "out-of-range"
    CARD_NUMBER = "card-number"
    FORBIDDEN_FIELD = "forbidden-field"
    FUTURE = "future"
    LATE = "late"
    CURRENCY = "currency"
    CONFLICT = "conflict"
    CAPACITY = "capacity"
    WRONG_PARTITION = "wrong-partition"
    BROKEN_BATCH = "broken-batch"
    BAD_ROW = "bad-row"
    MISDATED = "misdated"
