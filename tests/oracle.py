"""The slow oracle: every feature from a merchant's whole history, by the rules of `docs/features.md`.

It shares no code with the kernel. Weights are Decimal, money is int, windows are sums over lists.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from domain.calendars import DAYS, FIRST_DAY, DayKind
from domain.events import Role
from domain.interchange import interchange_cost, leakage
from domain.layouts import layout_of, parse
from domain.mcc import fee_class, is_known
from engine.control_kinds.registry import version_0
from tests.oracle_fees import fee_columns
from tests.oracle_numbers import NUMBER_COLUMNS, Pool, number_columns
from tests.oracle_state import (
    BASES,
    DAY,
    HALF_LIVES,
    HOUR,
    MINUTE,
    SECOND,
    SOURCES,
    Event,
    History,
    Merchant,
    Message,
    Move,
    Seen,
    Value,
    Weighed,
    attempt,
    is_approved,
    message_key,
    ms,
    role_of,
    sent_key,
    take_out,
    undo,
    weigh,
)  # fmt: skip
from tests.oracle_terminals import Terminals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Oracle", "Value"]
NOT_OF_TRANSACTIONS = (
    "fee_class_used", "set_evidence", "set_terminal_evidence", "set_share_1d", "set_share_usual",
    "set_amount_share_1d", "set_amount_share_usual", "set_cheap_1d", "set_sales_1d", "set_excess_1d_e7",
    "set_mcc_cheap", "set_mcc_dear", "trade_evidence", "trade_mcc", "trade_like", "trade_sales", "trade_gap_1d_e7",
    "trade_ticket", "trade_ticket_own", "trade_ticket_like", "trade_telling", "trade_name", "silent_d",
    "silent_longest_d", "silent_missed", "technical_d",
)  # fmt: skip
"""Columns that are null on every transaction; `tests/engine/test_closings.py` and `test_terminals.py` try them."""
CHINA = version_0({})["calendar"].day_kinds("CN")


class Oracle:
    """All merchants of an acquirer."""

    def __init__(self, *, late_s: int = 86_400, time_zone: str = "Asia/Shanghai", country: str = "CN") -> None:
        self.late_ms, self.zone, self.country = late_s * SECOND, time_zone, country
        self.repeat_ms = min(late_s, 7_200) * SECOND
        self.merchants: dict[str, Merchant] = {}
        self.feed_clocks: dict[str, int] = {}
        self.unsure: set[str] = set()
        """Columns of the last transaction that float32 may lawfully give otherwise."""

    def take(self, event: Event, appended_ms: int = 0) -> dict[str, Value] | str:
        """The columns of an accepted transaction; else `duplicate`, a dead letter's reason, or `other`."""
        event = {name: value for name, value in event.items() if value not in (None, "")}
        kind = event.get("type", "transaction")
        if kind not in {"clock", "transaction"}:
            self._merchant(event)
        if kind == "transaction":
            return self._transaction(event, appended_ms)
        if kind == "merchant":
            self._merchant(event).versions.append(event)
        if kind == "terminal" and self._merchant(event).past.terminals:
            self._merchant(event).past.terminals.equip(event)
        if kind == "contract":
            self._merchant(event).contracts.append(event)
        if kind == "clock" and ms(event["event_time"]) > self.feed_clocks.get(event["feed"], 0):
            self.feed_clocks[event["feed"]] = ms(event["event_time"])
            for each in self.merchants.values():
                if each.feed == event["feed"]:
                    each.fire(ms(event["event_time"]))
        return "other"

    def _merchant(self, event: Event) -> Merchant:
        return self.merchants.setdefault(event["merchant_id"], Merchant(self.zone))

    def _transaction(self, event: Event, appended_ms: int) -> dict[str, Value] | str:
        at_ms, received_ms = ms(event["event_time"]), ms(event.get("received_at", appended_ms))
        if at_ms - received_ms > 600 * SECOND:
            return "future"
        merchant = self._merchant(event)
        if merchant.clock_ms is not None:
            now_s = max(merchant.clock, at_ms) // SECOND
            first = merchant.message(message_key(event), now_s)
            if first is not None:
                same = (first.minor, first.currency) == (event["amount"], event["currency"])
                return "duplicate" if same else "conflict"
            if merchant.message(sent_key(event), now_s) is not None:
                return "duplicate"
        if merchant.currency not in {"", event["currency"]} and (event["amount"] or event.get("fee")):
            return "currency"
        if merchant.clock_ms is not None and merchant.clock - at_ms > self.late_ms:
            return "late"
        self._move_clock(merchant, event, at_ms)
        until_s = (merchant.clock + self.repeat_ms) // SECOND
        message = Message(event["amount"], event["currency"], at_ms // SECOND, until_s)
        merchant.messages |= {key: message for key in (message_key(event), sent_key(event)) if key}
        return self._accepted(merchant, event, at_ms)

    def _move_clock(self, merchant: Merchant, event: Event, at_ms: int) -> None:
        merchant.fire(at_ms)
        if merchant.clock_ms is None:
            merchant.first_ms = merchant.clock_ms = at_ms
        merchant.first_ms = min(merchant.first_ms, at_ms)
        if at_ms - merchant.clock > 400 * DAY:
            merchant.past = History()
        merchant.clock_ms = max(merchant.clock, at_ms)
        merchant.zone = merchant.version_at(at_ms).get("time_zone", merchant.zone)
        merchant.day = max(merchant.day, merchant.local_day(merchant.clock))
        merchant.feed = event.get("feed", "")
        moves = is_approved(event) and role_of(event) in {Role.SALE, Role.REFUND}
        if not merchant.currency and moves and event["amount"]:
            merchant.currency = event["currency"]

    def _accepted(self, merchant: Merchant, event: Event, at_ms: int) -> dict[str, Value]:
        role, approved = role_of(event), is_approved(event)
        if role is Role.UNDO and approved:
            undo(merchant, event, at_ms, self.repeat_ms, self.late_ms)
        if role in {Role.SALE, Role.REFUND}:
            attempt(merchant, event, at_ms, role, approved)
        if role is Role.SALE:
            weigh(merchant, event, at_ms, approved, self.country)
        traded = role in {Role.SALE, Role.REFUND}
        found = lifetime_columns(merchant) | volume_columns(merchant) | repeat_columns(merchant, event, traded)
        found |= card_columns(merchant, event, traded) | sent_columns(merchant, event, traded)
        shares, unsure = ratio_columns(merchant)
        found |= shares | mcc_columns(merchant, event, at_ms, role is Role.SALE and approved)
        found |= fee_columns(merchant, event, at_ms, self.country)
        found |= dict.fromkeys(NOT_OF_TRANSACTIONS) | dict.fromkeys(NUMBER_COLUMNS)
        if role is Role.SALE and approved:
            merchant.past.numbers = merchant.past.numbers or Pool()
            numbers, near = number_columns(
                merchant.past.numbers, event, merchant.day, merchant.own_day(at_ms), merchant.clock, at_ms
            )
            found |= numbers
            unsure |= near
        merchant.past.terminals = merchant.past.terminals or Terminals(ordinary)
        found |= merchant.past.terminals.take(event, merchant.day, merchant.own_day(at_ms))
        found["row_kind"] = 0
        self.unsure = unsure | ({name for name in found if is_judgement(name)} if merchant.past.unsure else set())
        if traded:
            parts = [each.minor for each in merchant.waiting if each.original == event["txn_id"]]
            merchant.waiting = [each for each in merchant.waiting if each.original != event["txn_id"]]
            if parts and approved:
                take_out(merchant, event["txn_id"], role, event["amount"], 0 if 0 in parts else sum(parts), at_ms)
        return found


def ordinary(day: int) -> bool:
    """Whether a local day is no holiday, nor a day around one."""
    at = day - FIRST_DAY
    return not 0 <= at < DAYS or CHINA[at] <= DayKind.SALE


def sent_columns(merchant: Merchant, event: Event, traded: bool) -> dict[str, Value]:
    """Messages of the day that bear the terminal, STAN and time of one of the last eight."""
    past, key = merchant.past, sent_key(event)[1:5]
    if merchant.day > past.sent_day:
        past.sent_day, past.sent_again = merchant.day, 0
    if not traded or not key:
        return {"same_stan_1d": None}
    if key in past.sent_held:
        past.sent_again += 1
        return {"same_stan_1d": past.sent_again}
    past.sent_held = [*past.sent_held, key][-8:]
    return {"same_stan_1d": None}


def lifetime_columns(merchant: Merchant) -> dict[str, Value]:
    names = (
        "attempts", "sales", "sales_minor", "refunds", "refunds_minor", "reversed", "reversed_minor",
        "unmatched_reversals",
    )  # fmt: skip
    found: dict[str, Value] = {name: merchant.life[name] for name in names}
    return found | {"age_h": (merchant.clock - merchant.first_ms) // HOUR}


def volume_columns(merchant: Merchant) -> dict[str, Value]:
    """Sums over the clock's bucket and those before it."""
    clock, day, past = merchant.clock, merchant.day, merchant.past
    windows: dict[str, Callable[[Move], int]] = {
        "10m": lambda move: clock // MINUTE - move.at_ms // MINUTE,
        "1h": lambda move: clock // HOUR - move.at_ms // HOUR,
        "24h": lambda move: clock // HOUR - move.at_ms // HOUR, "1d": lambda move: day - move.day,
        "7d": lambda move: day - move.day, "28d": lambda move: day - move.day,
        "13w": lambda move: day // 7 - move.day // 7,
    }  # fmt: skip
    buckets = {"10m": 10, "1h": 1, "24h": 24, "1d": 1, "7d": 7, "28d": 28, "13w": 13}
    found: dict[str, Value] = {
        "attempts_10m": sum(0 <= clock // MINUTE - each // MINUTE < 10 for each in past.attempts)
    }
    for label, age in windows.items():
        inside = [move for move in past.moves if 0 <= age(move) < buckets[label]]
        found[f"sales_{label}"] = sum(move.count for move in inside)
        found[f"sales_minor_{label}"] = sum(move.minor for move in inside)
    return found


def repeat_columns(merchant: Merchant, event: Event, traded: bool) -> dict[str, Value]:
    """Repeats among the last 16 sales and refunds."""
    names = ("same_card_16", "same_amount_16", "same_card_amount_24h", "same_card_minor_10m")
    found: dict[str, Value] = dict.fromkeys(names)
    if not traded:
        return found
    last, at_s = merchant.past.last16, ms(event["event_time"]) // SECOND
    found["same_amount_16"] = sum(each.minor == event["amount"] for each in last)
    if "card_token" not in event:
        return found
    mine = [each for each in last if each.card == event["card_token"]]

    def within(span_s: int) -> list[Seen]:
        return [each for each in mine if abs(at_s - each.at_ms // SECOND) < span_s]

    found["same_card_16"] = len(mine)
    found["same_card_amount_24h"] = sum(each.minor == event["amount"] for each in within(86_400))
    found["same_card_minor_10m"] = sum(e.minor for e in within(600) if e.role is Role.SALE and not e.undone)
    return found


def card_columns(merchant: Merchant, event: Event, traded: bool) -> dict[str, Value]:
    """Distinct cards, counted exactly, and what is known of this one."""
    of_day, day = merchant.past.cards_of_day, merchant.day
    card = event.get("card_token", "?") if traded else "?"
    held = next((each for each in merchant.past.held if each.card == card), None)
    return {
        "cards_1d": len(of_day.get(day, ())), "cards_day_before": len(of_day.get(day - 1, ())),
        "card_visits": held.visits if held else None,
        "card_known_d": held.last_day - held.first_day if held else None,
    }  # fmt: skip


def ratio_columns(merchant: Merchant) -> tuple[dict[str, Value], set[str]]:
    """Decayed counters and shares, and which shares stand at the edge of null."""
    zero = Weighed(1)
    sums = {
        (name, label): merchant.past.weighed.get((name, label), zero).at(merchant.clock)
        for name in (*BASES, "attempts", "approved", "known_kind") for label in HALF_LIVES
    }  # fmt: skip
    found: dict[str, Value] = {f"attempts_decayed_{each}": float(sums["attempts", each]) for each in HALF_LIVES}
    unsure = set()
    for name, base_name in BASES.items():
        for label in ("1d", "28d"):
            base, column = sums[base_name, label], f"{name}_share_{label}"
            found[column] = float(sums[name, label] / base) if base >= 5 else None
            if abs(base - 5) < Decimal("0.001"):
                unsure.add(column)
    return found, unsure


def is_judgement(name: str) -> bool:
    """Whether a column follows from what is held to be off."""
    return name.startswith(("mcc_", "leakage", "fee_type")) and name not in {
        "mcc_presented", "mcc_acceptor", "mcc_channel", "mcc_learned_share",
    }  # fmt: skip


def mcc_columns(merchant: Merchant, event: Event, at_ms: int, sale: bool) -> dict[str, Value]:
    """What each source says, and what of it is off."""
    past, values = merchant.past, source_values(event)
    found: dict[str, Value] = {
        "mcc_presented": values["presented"], "mcc_acceptor": values["acceptor"],
        "mcc_channel": values["channel"],
        "mcc_expected": None, "mcc_used": None, "mcc_sources": 0, "mcc_basis": 0, "mcc_class_drop": None,
        "fee_type_used": None, "leakage_e7": None, "mcc_history": None, "mcc_history_d": None,
    }  # fmt: skip
    presented = past.sources["presented"]
    earlier = sum(presented.counts)
    found["mcc_learned_share"] = max(presented.counts) / earlier if earlier >= 30 else None
    if sale:
        found |= judge(merchant, event, at_ms, values)
    today = [each for each in past.judged_days if each[0] == merchant.day]
    bits = int(found["mcc_sources"] or 0)
    last_off = next((name for k, name in reversed(list(enumerate(SOURCES))) if bits >> k & 1), "presented")
    judged = past.judged.at(merchant.clock)
    sums: dict[str, Value] = {
        "leakage_1d_e7": min(sum(each[2] for each in today), 4 * 10**18), "mcc_off_1d": sum(each[1] for each in today),
        "mcc_judged_1d": len(today),
        "mcc_off_share_28d": float(past.off.at(merchant.clock) / judged) if judged else None,
        "mcc_switches_28d": float(past.sources[last_off].switches.at(merchant.clock)),
    }  # fmt: skip
    return found | sums


def source_values(event: Event) -> dict[str, int | None]:
    """What each source says of a transaction."""

    def code(name: str) -> int | None:
        return int(event[name]) if name in event else None

    acceptor = event.get("acceptor_id", "")
    layout = layout_of(acceptor, event.get("scheme", ""))
    number = parse(acceptor, layout) if layout else None
    inside = int(number.mcc) if number and is_known(number.mcc) else None
    return {
        "presented": code("mcc"), "acceptor": inside, "channel": code("channel_mcc"),
        "fee_type": code("special_fee_type"),
    }  # fmt: skip


def judge(merchant: Merchant, event: Event, at_ms: int, values: Mapping[str, int | None]) -> dict[str, Value]:
    """Hold an approved sale's sources against master data or history, then learn from it."""
    past, version, day = merchant.past, merchant.version_at(at_ms), merchant.own_day(at_ms)
    held: list[tuple[str, int, int, bool, int]] = []
    never: dict[str, Value] = {"mcc_history": None, "mcc_history_d": None}
    for name, value in values.items():
        source = past.sources[name]
        if value is None:
            continue
        source.switch(value, at_ms)
        registered = [int(each) for each in version.get("special_fee_types" if name == "fee_type" else "mccs", ())]
        if registered:
            also = version.get("approved_channel_mccs", ()) if name == "channel" else ()
            held.append((name, value, registered[0], value not in {*registered, *map(int, also)}, 1))
        elif found := by_history(merchant, name, value, day):
            held.append((name, value, *found, 2))
        if held and held[-1][0] == name and held[-1][3]:
            unseen = None if registered else source.unseen(value, day)
            sales = None if unseen is None else source.others(value)
            never = {"mcc_history": sales, "mcc_history_d": unseen}
        source.learn(value, day)
    return verdict(merchant, event, at_ms, held) | never


def by_history(merchant: Merchant, name: str, value: int, day: int) -> tuple[int, bool] | None:
    """What history holds a value against and whether it is off; none where nothing can be said."""
    source = merchant.past.sources[name]
    usual, own = source.usual(), source.own()
    if source.unseen(value, day) is not None:
        assert usual is not None
        return usual, True
    if own is None:
        return None
    switches = source.switches.at(merchant.clock)
    cheaper = value != own if name == "fee_type" else drop(own, value) > 0
    merchant.past.unsure |= cheaper and abs(switches - Decimal("2.5")) < Decimal("0.001")
    return own, cheaper and source.came(value, day) != "" and switches >= Decimal("2.5")


def drop(expected: int, used: int) -> int:
    """Steps to a cheaper fee class."""
    return int(fee_class(f"{used:04d}")) - int(fee_class(f"{expected:04d}"))


def verdict(
    merchant: Merchant, event: Event, at_ms: int, held: list[tuple[str, int, int, bool, int]]
) -> dict[str, Value]:
    """The columns of one sale; `held` has (source, value, held against, off, basis) of each judged."""
    past = merchant.past
    mccs = [each for each in held if each[0] != "fee_type"]
    off = [each for each in mccs if each[3]]
    sources = sum(1 << SOURCES.index(each[0]) for each in held if each[3])
    found: dict[str, Value] = {
        "mcc_expected": mccs[0][2] if mccs else None, "mcc_sources": sources,
        "mcc_basis": min((each[4] for each in held), default=0),
        "fee_type_used": next((each[1] for each in held if each[0] == "fee_type" and each[3]), None),
    }  # fmt: skip
    lost: int | None = None
    if off:
        _, used, expected, _, _ = max(off, key=lambda each: drop(each[2], each[1]))
        lost = leakage_e7(event, at_ms, expected, used)
        found |= {
            "mcc_used": used,
            "mcc_expected": expected,
            "mcc_class_drop": drop(expected, used),
            "leakage_e7": lost,
        }
    if held:
        past.judged.add(at_ms)
        if sources:
            past.off.add(at_ms)
        if merchant.own_day(at_ms) == merchant.day:
            past.judged_days.append((merchant.day, sources > 0, max(0, lost or 0)))
    return found


def leakage_e7(event: Event, at_ms: int, expected: int, used: int) -> int | None:
    costs = [
        interchange_cost(
            event["amount"], fee_class(f"{mcc:04d}"), event.get("card_kind", ""), at_ms,
            scheme=event.get("scheme", ""), currency=event["currency"],
            issuer_country=event.get("issuer_country", ""),
        )
        for mcc in (expected, used)
    ]  # fmt: skip
    return int(leakage(costs[0], costs[1]) * 10_000_000) if costs[0] and costs[1] else None
