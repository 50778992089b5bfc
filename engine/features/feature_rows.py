"""Rows of features: what the kernel made of part of a batch, and how each record of that part ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from detectors.contract import CONTEXT, HOME
from domain.currencies import amount_text, digits_of
from domain.dispositions import (
    ACCEPTED,
    CONFLICT,
    CURRENCY,
    DISPOSITIONS,
    FEEDS,
    FUTURE,
    LATE,
    MERCHANT_VERSIONS,
    OTHER_EVENT,
    WRONG_PARTITION,
)
from domain.dispositions import CAPACITY as MERCHANTS
from domain.events import EVENT_KINDS, FUTURE_MS, KIND_TRANSACTION, TRANSACTION, Kind, Moves, Role
from domain.feature_codes import NULL, ROW_CLOSING
from domain.readings import TransactionRow
from domain.timestamps import DAY_MS, HOUR_MS, iso
from engine.decoding.columns import MISSING, NUMBERS, STRINGS, unpack
from engine.decoding.decode import dead_letter
from engine.decoding.hashing import partition_of
from engine.features.exchange import convert, scale_home
from engine.features.identity import AMOUNT_BITS
from engine.features.state import MAX_FEEDS, MOST_VERSIONS
from engine.outputs import Counts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from domain.alerts import DeadLetter
    from domain.dispositions import Disposition
    from engine.decoding.decode import Decoded
    from engine.decoding.records import Records
    from engine.features.partition import PartitionState
    from engine.features.state import Into

_COUNTED_AS = {each.code: each.counted_as for each in DISPOSITIONS}
_BY_CODE = {each.code: each for each in DISPOSITIONS}
_TERMS = frozenset({"merchant", "contract", "assignment"})
_PASSED_ON = frozenset({"person", "visit", "complaint", "terminal"})
"""Kinds that readers get as they are."""
_SHOWN = tuple(
    field for field in TRANSACTION
    if field.name in {
        "txn_id", "currency", "txn_type", "mcc", "terminal_id", "rrn", "stan", "card_last4", "response_code",
    }
)  # fmt: skip
_SHOWN_FORMS = tuple((each.name, each.low, each.high, each.kind is Kind.DIGITS) for each in _SHOWN)
"""Name, shortest and greatest length, and whether of digits alone."""
_decode_shown = msgspec.json.Decoder(
    msgspec.defstruct("Shown", [(name, Any, None) for name in (*(field.name for field in _SHOWN), "amount", "fee")])
).decode
"""Of a record only what is shown: the rest, two thirds of it, is passed over."""
_TIME, _RECEIVED = NUMBERS.index("event_time"), NUMBERS.index("received_at")
_MCC, _AMOUNT, _CURRENCY = (NUMBERS.index(name) for name in ("mcc", "amount", "currency"))


@dataclass(slots=True)
class Walked:
    """A batch on its way through the kernel.

    Attributes:
        records: the batch.
        decoded: the same, decoded.
        dispositions: (records,) how each ended, codes of `domain.dispositions`; of those the kernel has come to.
        into: what the kernel writes.
        columns: the features' columns, by name; (room,) each.
        state: the partition's.
    """

    records: Records
    decoded: Decoded
    dispositions: NDArray[np.uint8]
    into: Into
    columns: Mapping[str, NDArray[Any]]
    state: PartitionState


@dataclass(frozen=True, slots=True)
class AnalystEvent:
    """A verdict or an override that was accepted.

    Attributes:
        before_row: how many rows of features of this part came before it.
        merchant_row: its merchant's.
        watermark_ms: of the merchant by then.
        event: the event, checked.
    """

    before_row: int
    merchant_row: int
    watermark_ms: int
    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TermsEvent:
    """Master data, a contract or an assignment that was accepted.

    Attributes:
        before_row: how many rows of features of this part came before it.
        merchant_row: its merchant's.
        event: the event, checked.
    """

    before_row: int
    merchant_row: int
    event: dict[str, Any]


class _Columns(Mapping[str, Any]):
    """The first rows of columns by name, sliced when they are asked for: most are not."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], count: int) -> None:
        self._columns, self._count = columns, count

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name][: self._count]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class _Judged(Mapping[str, Any]):
    """Features, and what rows of features say beside them of money; each is made when it is asked for."""

    def __init__(self, rows: FeatureRows, made: dict[str, Any]) -> None:
        self._rows, self._made = rows, made

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in CONTEXT:
            column: NDArray[Any] = self._rows.columns[name]
            return column
        if name not in self._made:
            if name == "sale_minor":
                self._made[name] = self._rows.sale_minor()
            elif name == "local_day":
                self._made[name] = self._rows.local_day()
            else:
                self._made |= zip(HOME, self._rows.home_scale(), strict=True)
        made: NDArray[Any] = self._made[name]
        return made

    def __iter__(self) -> Iterator[str]:
        yield from self._rows.columns
        yield from CONTEXT

    def __len__(self) -> int:
        return len(self._rows.columns) + len(CONTEXT)


class FeatureRows:
    """Rows of features that the records `first` to `end` - 1 of a batch gave.

    All of it holds until the next rows are made, which take the same memory. Arrays have one entry for each row of
    features, unless they say otherwise.

    Attributes:
        columns: features by name, int64 or float64; `docs/features.md` lists them.
        merchant_row: int32, the merchant's row in the partition.
        time_ms: int64, of the transaction or settlement, of the deadline that closed a day, of a contract's receipt.
        clock_ms: int64, the later of that and the merchant's clock; it chooses the version of every control.
        watermark_ms: int64, the latest that the merchant's clock and its feeds' clocks have been; never goes back.
        currencies: int64, the merchant's currency by then, packed; 0 before its first transaction.
        approved_role: int8, `domain.events.Role` of an approved transaction, else -1.
        local_ms: int64, a transaction's local time, or the midnight that a closed day began with; `MISSING` of another
            row.
        disposition: uint8, one for each record: how it ended, codes of `domain.dispositions`.
    """

    def __init__(self, walked: Walked, count: int, first: int, end: int) -> None:
        into = walked.into
        self._walked, self._first, self._end = walked, first, end
        self._record, self.currencies = into.record_of[:count], into.currency[:count]
        self._version = into.version_of[:count]
        self.columns: Mapping[str, Any] = _Columns(walked.columns, count)
        self._made: dict[str, Any] = {}
        self.merchant_row, self.time_ms = into.row_of[:count], into.time_ms[:count]
        self.clock_ms, self.watermark_ms = into.clock_ms[:count], into.watermark_ms[:count]
        self.approved_role, self.local_ms = into.approved_role[:count], into.local_ms[:count]
        self.disposition = walked.dispositions[first:end]
        self._accepted = self.disposition == ACCEPTED.code

    def __len__(self) -> int:
        return len(self.merchant_row)

    @property
    def judged(self) -> Mapping[str, Any]:
        """The columns, and those of `detectors.contract.CONTEXT`: what detectors are given."""
        # Made when asked for: kept here it would refer back, and the batch would stay until Python collects cycles.
        return _Judged(self, self._made)

    @property
    def kind(self) -> NDArray[np.int64]:
        """What each row describes: `domain.feature_codes.ROW_TRANSACTION`, `ROW_SETTLEMENT` and so on."""
        kind: NDArray[np.int64] = self.columns["row_kind"]
        return kind

    @property
    def closings(self) -> NDArray[np.int64]:
        """Which rows are the end of a merchant's day, ascending; shape (closings,)."""
        return np.flatnonzero(self.kind == ROW_CLOSING)

    @property
    def approved_sales(self) -> NDArray[np.bool_]:
        """Which rows are of an approved sale."""
        sales: NDArray[np.bool_] = self.approved_role == Role.SALE
        return sales

    def local_day(self) -> NDArray[np.int64]:
        """The merchants' local days that transactions are of, or that ended, in days from 1970; null of other rows."""
        return np.where(self.local_ms == MISSING, NULL, self.local_ms // DAY_MS)

    # -- money

    def sale_minor(self) -> NDArray[np.int64]:
        """Amounts of approved sales in their merchant's currency, by the rates in force; null of other rows."""
        sales = self.approved_sales
        if not sales.any():
            return np.full(len(self), NULL)
        number, own = self._walked.decoded.columns.number, self.currencies
        amount, currency = number[_AMOUNT][self._record], number[_CURRENCY][self._record]
        in_own = currency == own
        made = np.where(sales & in_own, amount, NULL)
        for j in np.flatnonzero(sales & ~in_own & (amount != MISSING)).tolist():
            reference = self._walked.state.reference_at(int(self.clock_ms[j]))
            made[j] = convert(int(amount[j]), int(currency[j]), int(own[j]), reference)
        return made

    def home_scale(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numerator and denominator of what a minor unit of each row's merchant is in minor units at home."""
        references, own = self._walked.state.references, self.currencies
        home = references["exchange_currency"][0, 0]
        # Of so great numbers `np.isin` sorts them all.
        if len(references) == 1 and bool(((own == home) | (own == 0)).all()):
            ones = np.ones(len(self), np.int64)
            return ones, ones
        at = np.maximum(np.searchsorted(references["since_ms"], self.clock_ms, "right") - 1, 0)
        pairs, which = np.unique(np.stack([at, own]), axis=1, return_inverse=True)
        scales = np.array([scale_home(each, references[k]) for k, each in pairs.T.tolist()], np.int64).reshape(-1, 2)
        up, down = scales[which.ravel()].T
        return up, down

    @property
    def home_digits(self) -> int:
        """Digits behind the point of the acquirer's currency."""
        return digits_of(unpack(int(self._walked.state.references["exchange_currency"][0, 0])))

    # -- one row

    def merchant_id(self, merchant_row: int) -> str:
        """The id of the merchant in a row of the partition."""
        return self._walked.state.rows.id_of(merchant_row)

    def merchant_ids(self, at: NDArray[np.integer[Any]]) -> list[str]:
        """The ids of the merchants of some rows."""
        return self._walked.state.rows.ids_of(self.merchant_row[at])

    def txn_id(self, j: int) -> str:
        """The transaction id of row `j`, "" where the row is of no record."""
        return self.text("txn_id", j)

    def currency(self, j: int) -> str:
        """The merchant's currency by row `j`, "" before its first transaction."""
        return unpack(int(self.currencies[j]))

    def values(self, names: Sequence[str], j: int) -> dict[str, int | float | None]:
        """Some features of row `j`, None where one is null."""
        judged, columns = self.judged, self._walked.columns
        return {name: value_of(columns[name] if name in columns else judged[name], j) for name in names}

    def at(self, places: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Columns of some rows, (places, index), floats by their bits; faster than column by column.

        Args:
            places: of the columns, among `columns`.
            index: which rows.
        """
        return self._walked.into.table[places[:, None], index]

    # -- fields of the records that rows are of

    def text(self, name: str, j: int) -> str:
        """A text field of the record that row `j` is of, "" where there is none."""
        return self._walked.decoded.text(name, int(self._record[j]))

    def number(self, name: str) -> NDArray[np.int64]:
        """A number field of the records that rows are of; `MISSING` where there is none."""
        found: NDArray[np.int64] = self._walked.decoded.columns.number[NUMBERS.index(name)][self._record]
        return np.where(self._record < 0, MISSING, found)

    def received_ms(self, j: int) -> int:
        """Receipt of the record that row `j` is of, UTC milliseconds; `MISSING` where it is of none."""
        i = int(self._record[j])
        return MISSING if i < 0 else int(self._walked.decoded.columns.number[NUMBERS.index("received_at"), i])

    def is_live(self, j: int) -> bool:
        """Whether the record that row `j` is of was received about when it was appended: it is not of the past."""
        i = int(self._record[j])
        if i < 0:
            return False
        appended_ms = int(self._walked.records.appended_ms[i])
        return 0 < appended_ms < self.received_ms(j) + FUTURE_MS

    def mcc(self, j: int) -> str:
        """The first MCC of the master data in force at row `j`, else that of its record; "" where there is none."""
        version, i = self._walked.state.master_data[self._version[j]], int(self._record[j])
        if version["mcc_count"]:
            return f"{version['mccs'][0]:04d}"
        presented = MISSING if i < 0 else int(self._walked.decoded.columns.number[_MCC, i])
        return "" if presented == MISSING else f"{presented:04d}"

    def hashes(self, name: str) -> NDArray[np.uint64]:
        """64-bit hashes of a text field of the records that rows are of; 0 where there is none."""
        found: NDArray[np.uint64] = self._walked.decoded.columns.hash[STRINGS.index(name)][self._record]
        return np.where(self._record < 0, np.uint64(0), found)

    # -- the partition by then

    def reached_ms(self, merchant_rows: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """How far time has come for merchants, given by row: the later of watermark and clock of the feed."""
        rows, feed_clock_ms = self._walked.state.rows.rows, self._walked.state.feed_clock_ms
        reached: NDArray[np.int64] = np.maximum(
            rows["watermark_ms"][merchant_rows], feed_clock_ms[rows["feed"][merchant_rows]]
        )
        return reached

    # -- records

    @property
    def accepted_transactions(self) -> int:
        """How many transactions were accepted."""
        return int(np.count_nonzero(self._accepted))

    def counts(self) -> Counts:
        """The records by how they ended."""
        counts = Counts(records=len(self.disposition))
        for code, count in enumerate(np.bincount(self.disposition).tolist()):
            if count:
                setattr(counts, _COUNTED_AS[code], getattr(counts, _COUNTED_AS[code]) + count)
        return counts

    def present(self, need: str) -> int:
        """How many accepted transactions have a field, or how many events of a type were accepted."""
        decoded, part = self._walked.decoded, slice(self._first, self._end)
        if need in NUMBERS:
            there = decoded.columns.number[NUMBERS.index(need), part] != MISSING
        elif need in STRINGS:
            there = decoded.columns.hash[STRINGS.index(need), part] != 0
        else:
            kinds = decoded.columns.kind[part]
            taken = self._accepted | (self.disposition == OTHER_EVENT.code)
            return int(np.count_nonzero(taken & (kinds == EVENT_KINDS[need].code)))
        return int(np.count_nonzero(there & self._accepted))

    def analyst_events(self) -> list[AnalystEvent]:
        """The accepted verdicts and overrides, in order."""
        walked, context = self._walked, self._walked.into.event_context
        return [
            AnalystEvent(int(context[i, 2]), int(context[i, 0]), int(context[i, 1]), event)
            for i, event in walked.decoded.others
            if self._first <= i < self._end and Moves.RISK in EVENT_KINDS[event["type"]].moves
            and walked.dispositions[i] == OTHER_EVENT.code
        ]  # fmt: skip

    def terms(self) -> list[TermsEvent]:
        """The accepted versions of master data, contracts and assignments, in order."""
        walked, context = self._walked, self._walked.into.event_context
        return [
            TermsEvent(int(context[i, 2]), int(context[i, 0]), event)
            for i, event in walked.decoded.others
            if self._first <= i < self._end and event["type"] in _TERMS and walked.dispositions[i] == OTHER_EVENT.code
        ]

    def passed_on(self) -> list[tuple[int, dict[str, Any]]]:
        """Accepted versions of people and terminals, visits and complaints, in order, each with its record's offset."""
        walked = self._walked
        return [
            (int(walked.records.offsets[i]), event)
            for i, event in walked.decoded.others
            if self._first <= i < self._end
            and event["type"] in _PASSED_ON
            and walked.dispositions[i] == OTHER_EVENT.code
        ]

    def transaction(self, j: int) -> TransactionRow | None:
        """The transaction that row `j` is of, as its record has it; None of another row."""
        i = int(self._record[j])
        if i < 0 or self._walked.decoded.columns.kind[i] != KIND_TRANSACTION:
            return None
        return _transaction_row(self._walked.records.value(i), int(self.time_ms[j]), self._registered(j))

    def _registered(self, j: int) -> tuple[str, ...]:
        """MCCs of the master data in force at row `j`."""
        version = self._walked.state.master_data[self._version[j]]
        return tuple(f"{each:04d}" for each in version["mccs"][: version["mcc_count"]].tolist())

    def dead_letters(self) -> list[DeadLetter]:
        """The dead letters, in the records' order."""
        refused = np.flatnonzero(self.disposition > OTHER_EVENT.code) + self._first
        before_kernel = {i: letter for i, _, letter in self._walked.decoded.dead}
        return [before_kernel.get(i) or self._refused(i) for i in refused.tolist()]

    def _refused(self, i: int) -> DeadLetter:
        """The dead letter of a record that the kernel refused."""
        disposition = _BY_CODE[int(self._walked.dispositions[i])]
        words = disposition.words(**self._what_came(disposition, i))
        return dead_letter(self._walked.records, i, disposition.reason, disposition.field, words)

    def _what_came(self, disposition: Disposition, i: int) -> dict[str, object]:  # noqa: PLR0911  one for each
        """What the message of a record that the kernel refused names."""
        walked, limits = self._walked, self._walked.state.limits
        number, noted = walked.decoded.columns.number[:, i], int(walked.into.event_context[i, 1])
        time_ms = int(number[_TIME])
        if disposition is LATE:
            late_ms = int(walked.state.reference_at(noted)["late_ms"])
            return {"late_s": late_ms // 1000, "behind_s": (noted - time_ms) // 1000}
        if disposition is FUTURE:
            return {"future_s": FUTURE_MS // 1000, "ahead_s": (time_ms - int(number[_RECEIVED])) // 1000}
        if disposition is CURRENCY:
            return {"expected": unpack(noted), "got": unpack(int(number[NUMBERS.index("currency")]))}
        if disposition is CONFLICT:
            return self._conflict(i, noted)
        if disposition is MERCHANT_VERSIONS:
            kind = EVENT_KINDS["contract"].code
            what = "contract" if walked.decoded.columns.kind[i] == kind else "master data"
            return {"most": MOST_VERSIONS, "what": what}
        if disposition is FEEDS:
            return {"feeds": MAX_FEEDS, "feed": walked.decoded.text("feed", i) or "none"}
        merchant_id = walked.decoded.text("merchant_id", i)
        if disposition is WRONG_PARTITION:
            partition = partition_of(merchant_id.encode(), limits.partitions)
            return {
                "partition": limits.partition, "partitions": limits.partitions, "merchant_id": merchant_id,
                "got": partition,
            }  # fmt: skip
        assert disposition is MERCHANTS, disposition
        return {"capacity": limits.capacity, "merchant_id": merchant_id}

    def _conflict(self, i: int, first: int) -> dict[str, object]:
        """What a message conflicts with: the first's amount and hour, and its own amount."""
        walked = self._walked
        number, packed = walked.decoded.columns.number[:, i], first >> AMOUNT_BITS
        currency = "".join(chr(64 + (packed >> shift & 31)) for shift in (10, 5, 0))
        got, hour_ms = unpack(int(number[NUMBERS.index("currency")])), int(walked.into.event_context[i, 2]) * 1000
        return {
            "first": f"{amount_text(first & (1 << AMOUNT_BITS) - 1, currency)} {currency}",
            "txn_id": walked.decoded.text("txn_id", i), "hour": iso(hour_ms // HOUR_MS * HOUR_MS),
            "got": f"{amount_text(int(number[NUMBERS.index('amount')]), got)} {got}",
        }  # fmt: skip


def _transaction_row(raw: bytes, time_ms: int, registered: tuple[str, ...]) -> TransactionRow:
    """A record that was accepted, as an alert shows it; decoding has checked it, so only what it left out is here."""
    event: Any = _decode_shown(raw)
    text = {}
    for name, low, high, digits in _SHOWN_FORMS:
        value = getattr(event, name)
        if isinstance(value, str) and _is_code(value := value.strip(" "), low, high, digits=digits):
            text[name] = value
    return TransactionRow(
        time=iso(time_ms), amount=event.amount, registered=registered,
        fee=event.fee if type(event.fee) is int else None, **text,
    )  # fmt: skip


def _is_code(value: str, low: int, high: int, *, digits: bool) -> bool:
    """Whether a code is as long as it may be, and of what it must be; decoding leaves out another."""
    if not low <= len(value) <= high or not value.isascii():
        return False
    return value.isdigit() if digits else value.isprintable()


def value_of(column: NDArray[Any], j: int) -> int | float | None:
    """A feature of row `j` as Python's number, None where it is null."""
    value: int | float = column.item(j)
    if isinstance(value, int):
        return None if value == MISSING else value
    return None if math.isnan(value) else value
