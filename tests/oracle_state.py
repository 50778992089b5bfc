"""What the slow oracle keeps of a merchant, and how a transaction is taken into it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, localcontext
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from domain.approvals import approves
from domain.events import ROLES, TXN_TYPES, Role

Value = int | float | None
Event = dict[str, Any]

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
HALF_LIVES = {"1h": HOUR, "1d": DAY, "28d": 28 * DAY}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = Context(prec=40, Emax=999_999_999, Emin=-999_999_999)
SOURCES = ("presented", "acceptor", "channel", "fee_type")
ANSWERS = {
    "card_testing": ("14", "15", "33", "54"), "limit": ("51", "61", "65"),
    "hard_fraud": ("04", "07", "34", "41", "43", "59"), "pin": ("38", "55", "75"),
}  # fmt: skip
ENTRIES = {"keyed": ("01",), "stripe": ("02", "90"), "qr": ("03", "04", "94")}
BASES = dict.fromkeys(("declined", *ANSWERS, *ENTRIES, "foreign"), "attempts") | {
    "credit": "known_kind", "round": "approved", "night": "approved",
}  # fmt: skip


def ms(value: int | str) -> int:
    """UTC milliseconds of a time as an event writes it."""
    return value if isinstance(value, int) else (datetime.fromisoformat(value) - EPOCH) // timedelta(milliseconds=1)


@cache
def weight(exponent: Decimal) -> Decimal:
    """2 to a power."""
    with localcontext(EXACT):
        return Decimal(2) ** exponent


class Weighed:
    """A decayed counter: how many, each weighing 2^(-age / half-life)."""

    def __init__(self, half_life_ms: int) -> None:
        self.half_life_ms = half_life_ms
        self.total = Decimal(0)

    def power(self, at_ms: int) -> Decimal:
        with localcontext(EXACT):
            return weight(Decimal(at_ms) / self.half_life_ms)

    def add(self, at_ms: int) -> None:
        with localcontext(EXACT):
            self.total += self.power(at_ms)

    def at(self, clock_ms: int) -> Decimal:
        with localcontext(EXACT):
            return self.total / self.power(clock_ms) if self.total else self.total


@dataclass(slots=True)
class Move:
    """Approved sales that came (count 1) or were taken out again (-1), in the buckets they fall in."""

    count: int
    minor: int
    at_ms: int
    day: int


@dataclass(slots=True)
class Seen:
    """One of the last 16 sales and refunds."""

    txn_id: str
    card: str | None
    minor: int
    at_ms: int
    role: Role | None
    """Of an approved one."""
    undone: bool = False


@dataclass(slots=True)
class HeldCard:
    """One of the 16 cards held."""

    card: str = ""
    first_day: int = -1
    last_day: int = -1
    visits: int = 0


class Source:
    """What one source of MCCs, or of fee types, has said so far."""

    def __init__(self) -> None:
        self.values: list[int | None] = [None] * 6
        self.counts = [0] * 6
        self.late: set[int] = set()
        self.fresh: set[int] = set()
        self.fresh_on: int | None = None
        """The day of the first sale of the newest fresh value."""
        self.begun: int | None = None
        self.last: int | None = None
        self.switches = Weighed(28 * DAY)

    def usual(self) -> int | None:
        return self.values[self.counts.index(max(self.counts))]

    def own(self) -> int | None:
        most, total = max(self.counts), sum(self.counts)
        return self.usual() if total >= 30 and 10 * most >= 9 * total else None

    def switch(self, value: int, at_ms: int) -> None:
        if self.last not in {None, value}:
            self.switches.add(at_ms)
        self.last = value

    def over(self, day: int) -> bool:
        """Whether fresh values have become the merchant's."""
        return self.fresh_on is None or day - self.fresh_on >= 28

    def came(self, value: int, day: int) -> str:
        """How a value came, before its sale is learned."""
        if value in self.values:
            if value in self.fresh and not self.over(day):
                return "fresh"
            return "late" if value in self.late else ""
        held = [each for each in self.values if each is not None]
        lawful = [each for each in held if each not in self.late or self.over(day)]
        total = sum(self.counts)
        if len(held) == 6 or len(lawful) > 3:
            return ""
        if total >= 30 and self.begun is not None and day - self.begun >= 30:
            return "fresh"
        return "late" if total >= 100 else ""

    def learn(self, value: int, day: int) -> None:
        if value in self.values:
            slot = self.values.index(value)
            self.counts[slot] += 1
        else:
            came, slot = self.came(value, day), self.counts.index(min(self.counts))
            self.late -= {self.values[slot]}
            self.fresh -= {self.values[slot]}
            self.values[slot], self.counts[slot] = value, 1
            self.late |= {value} if came else set()
            if came == "fresh":
                self.fresh |= {value}
                self.fresh_on = day
        self.begun = day if self.begun is None else self.begun
        if self.counts[slot] == 60_000:
            self.counts = [-(-each // 2) for each in self.counts]

    def unseen(self, value: int, day: int) -> int | None:
        """Days of history before the first sale of the newest fresh value, if that of the sale is one and off."""
        if self.came(value, day) != "fresh" or self.usual() == value:
            return None
        first = self.fresh_on if value in self.values else day
        assert first is not None
        assert self.begun is not None
        return first - self.begun

    def others(self, value: int) -> int:
        """Sales under other values."""
        return sum(count for each, count in zip(self.values, self.counts, strict=True) if each != value)


@dataclass
class History:
    """What is forgotten after 400 days."""

    attempts: list[int] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    weighed: dict[tuple[str, str], Weighed] = field(default_factory=dict)
    last16: list[Seen] = field(default_factory=list)
    cards_of_day: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    held: list[HeldCard] = field(default_factory=lambda: [HeldCard() for _ in range(16)])
    sources: dict[str, Source] = field(default_factory=lambda: {name: Source() for name in SOURCES})
    judged: Weighed = field(default_factory=lambda: Weighed(28 * DAY))
    off: Weighed = field(default_factory=lambda: Weighed(28 * DAY))
    judged_days: list[tuple[int, bool, int]] = field(default_factory=list)
    """(day, off, leakage_e7) of each judged sale of what was the current day then."""
    fee_day: int = 0
    paid: list[tuple[int, int, int]] = field(default_factory=list)
    """(own day, charged less what was due, what may be rounding of that) of each judged payment."""
    months: list[tuple[int, int]] | None = None
    """(own day, amount) of approved sales, below 0 of what was undone, since a price goes by the month."""
    months_since: int = 0
    before_ms: int | None = None
    """The clock before the transaction that is taken in."""
    numbers: Any = None
    """A `tests.oracle_numbers.Pool`, from the first approved sale on."""
    terminals: Any = None
    """A `tests.oracle_terminals.Terminals`, from the first transaction on."""
    sent_held: list[tuple[Any, ...]] = field(default_factory=list)
    """Terminal, STAN and time sent of the last eight different messages."""
    sent_day: int = 0
    sent_again: int = 0
    unsure: bool = False
    """Whether a counter stood so near a threshold that float32 may decide otherwise."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is remembered of a message."""

    minor: int
    currency: str
    at_s: int
    until_s: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reversal that waits for its original."""

    original: str
    minor: int
    deadline_ms: int


@dataclass
class Merchant:
    zone: str
    versions: list[Event] = field(default_factory=list)
    contracts: list[Event] = field(default_factory=list)
    currency: str = ""
    first_ms: int = 0
    clock_ms: int | None = None
    day: int = -1
    feed: str | None = None
    messages: dict[tuple[Any, ...], Message] = field(default_factory=dict)
    applied: dict[str, int] = field(default_factory=dict)
    """Reversals that were applied, by id: the last second in which that is known."""
    undone: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By original: the last second in which it is known, and what of it was taken out."""
    waiting: list[Waiting] = field(default_factory=list)
    life: Counter[str] = field(default_factory=Counter)
    past: History = field(default_factory=History)

    @property
    def clock(self) -> int:
        assert self.clock_ms is not None
        return self.clock_ms

    def local(self, at_ms: int, zone: str = "") -> datetime:
        return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone or self.zone))

    def local_day(self, at_ms: int, zone: str = "") -> int:
        return self.local(at_ms, zone).date().toordinal() - EPOCH.date().toordinal()

    def own_day(self, at_ms: int) -> int:
        return min(self.local_day(at_ms), self.day)

    def version_at(self, at_ms: int) -> Event:
        known = [each for each in self.versions if ms(each["effective_from"]) <= at_ms]
        # max gives the first of equals, and of two versions the later record holds.
        return max(reversed(known), key=lambda each: ms(each["effective_from"]), default={})

    def fire(self, passed_ms: int) -> None:
        waiting = [each for each in self.waiting if each.deadline_ms >= passed_ms]
        self.life["unmatched_reversals"] += len(self.waiting) - len(waiting)
        self.waiting = waiting

    def message(self, key: tuple[Any, ...], now_s: int) -> Message | None:
        found = self.messages.get(key) if key else None
        return found if found and now_s <= found.until_s else None


def role_of(event: Event) -> Role:
    return ROLES[event.get("txn_type", "purchase")]


def is_approved(event: Event) -> bool:
    return approves(event.get("response_code", ""), event.get("scheme", ""))


def message_key(event: Event, kind: str = "", *, approved: bool | None = None) -> tuple[Any, ...]:
    """What a message is known by."""
    outcome = is_approved(event) if approved is None else approved
    return ("id", event["txn_id"], kind or event.get("txn_type", "purchase"), outcome)


def sent_key(event: Event) -> tuple[Any, ...]:
    """What a terminal's message is known by, whatever its id; () where something is missing."""
    names = ("acquirer_code", "terminal_id", "stan", "transmitted_at")
    if any(name not in event for name in names) or not event["stan"].strip("0"):
        return ()
    sent = (*(event[name] for name in names[:3]), ms(event["transmitted_at"]))
    return ("sent", *sent, event["amount"], event["currency"], event.get("txn_type", "purchase"), is_approved(event))


def came(merchant: Merchant, original: str, now_s: int) -> tuple[Message | None, Role | None]:
    """The message that a reversal names, and its role if it was approved."""
    named = {"txn_id": original}
    for role in (Role.SALE, Role.REFUND):
        for kind in TXN_TYPES:
            found = merchant.message(message_key(named, kind, approved=True), now_s)
            if ROLES[kind] is role and found:
                return found, role
    for kind in TXN_TYPES:
        found = merchant.message(message_key(named, kind, approved=False), now_s)
        if ROLES[kind] in {Role.SALE, Role.REFUND} and found:
            return found, None
    return None, None


def undo(merchant: Merchant, event: Event, at_ms: int, repeat_ms: int, late_ms: int) -> None:
    """Take the original of an approved void or reversal out, or wait for it."""
    original, now_s, part = event.get("original_txn_id"), merchant.clock // SECOND, event["amount"]
    if original is None:
        merchant.life["unmatched_reversals"] += 1
        return
    if merchant.applied.get(event["txn_id"], -1) >= now_s:
        return
    merchant.applied[event["txn_id"]] = now_s + 14 * DAY // SECOND
    message, role = came(merchant, original, now_s)
    seen = in_ring(merchant, original)
    minor, when = event.get("original_amount"), event.get("original_time")
    described = minor is not None and when is not None
    before = described and ms(when) < merchant.first_ms
    if message:
        if role is not None:
            take_out(merchant, original, role, message.minor, part, message.at_s * SECOND, message.currency)
    elif seen:
        if seen.role is not None and not seen.undone:
            take_out(merchant, original, seen.role, seen.minor, part, seen.at_ms // SECOND * SECOND, event["currency"])
    elif before and ms(when) + late_ms < merchant.clock:
        merchant.life["unmatched_reversals"] += 1
    elif described and not before and ms(when) + repeat_ms < merchant.clock:
        take_out(merchant, original, Role.SALE, minor, part, ms(when), event["currency"])
    elif len(merchant.waiting) >= 256:
        merchant.life["unmatched_reversals"] += 1
    else:
        merchant.waiting.append(Waiting(original, part, at_ms + DAY))


def in_ring(merchant: Merchant, txn_id: str) -> Seen | None:
    """The newest approved sale of an id among the last 16, else the newest approved refund, else the newest."""
    newest = [each for each in reversed(merchant.past.last16) if each.txn_id == txn_id]
    live = [each for each in newest if not each.undone]
    for role in (Role.SALE, Role.REFUND):
        if found := [each for each in live if each.role is role]:
            return found[0]
    return newest[0] if newest else None


def take_out(
    merchant: Merchant, original: str, role: Role, minor: int, part: int, at_ms: int, currency: str = ""
) -> None:
    """Take a part of an approved sale or refund out, 0 for all, at most what is left."""
    if merchant.currency not in {"", currency or merchant.currency}:  # there is no rate
        merchant.life["unmatched_reversals"] += 1
        return
    now_s, at_ms = merchant.clock // SECOND, min(at_ms, merchant.clock)
    until_s, gone = merchant.undone.get(original, (-1, 0))
    gone = gone if until_s >= now_s else 0
    left = minor - gone
    if left <= 0 < gone:
        return
    taken = left if part == 0 else min(part, left)
    tickets = int(gone + taken >= minor)
    name = "sales" if role is Role.SALE else "refunds"
    if merchant.life[name] < tickets or merchant.life[f"{name}_minor"] < taken:
        merchant.life["unmatched_reversals"] += 1
        return
    merchant.undone[original] = now_s + 14 * DAY // SECOND, max(gone + taken, 1)
    seen = in_ring(merchant, original)
    if tickets and seen and seen.role is role:
        seen.undone = True
    merchant.life.update({name: -tickets, f"{name}_minor": -taken})
    if role is Role.SALE:
        merchant.life.update(reversed=tickets, reversed_minor=taken)
        zone = merchant.version_at(at_ms).get("time_zone", "")
        day = min(merchant.local_day(at_ms, zone), merchant.day)
        merchant.past.moves.append(Move(-tickets, -taken, at_ms, day))
        if merchant.past.months:
            merchant.past.months.append((day, -taken))


def attempt(merchant: Merchant, event: Event, at_ms: int, role: Role, approved: bool) -> None:
    """Take a sale or refund in."""
    past, minor, card = merchant.past, event["amount"], event.get("card_token")
    day, sale = merchant.own_day(at_ms), role is Role.SALE and approved
    past.attempts.append(at_ms)
    past.last16 = [*past.last16, Seen(event["txn_id"], card, minor, at_ms, role if approved else None)][-16:]
    merchant.life["attempts"] += 1
    if approved:
        name = "sales" if sale else "refunds"
        merchant.life.update({name: 1, f"{name}_minor": minor})
    if sale:
        past.moves.append(Move(1, minor, at_ms, day))
    if card is not None:
        past.cards_of_day[day].add(card)
        hold_card(past.held, card, day)


def hold_card(held: list[HeldCard], card: str, day: int) -> None:
    """Count a visit of a card; a new one takes the place of the one gone longest, then of the least seen."""
    mine = next((each for each in held if each.card == card), None)
    if mine is None:
        mine = min(held, key=lambda each: (each.last_day, each.visits))
        mine.card, mine.first_day, mine.last_day, mine.visits = card, day, day, 0
    mine.visits += 1
    mine.first_day, mine.last_day = min(mine.first_day, day), max(mine.last_day, day)


def weigh(merchant: Merchant, event: Event, at_ms: int, approved: bool, country: str) -> None:
    """Take a sale attempt into the decayed counters."""
    answer, entry, kind = (
        event.get("response_code", "00"),
        event.get("entry_mode", "")[:2],
        event.get("card_kind"),
    )
    happened = {name for name, codes in ANSWERS.items() if answer in codes}
    happened |= {name for name, modes in ENTRIES.items() if entry in modes} | {"attempts"}
    if not approved:
        happened.add("declined")
    if event.get("issuer_country", country) != country:
        happened.add("foreign")
    if approved:
        facts = {
            "approved": True, "known_kind": kind is not None, "credit": kind in {"credit", "semi_credit"},
            "round": event["amount"] > 0 == event["amount"] % 10_000, "night": merchant.local(at_ms).hour < 5,
        }  # fmt: skip
        happened |= {name for name, fact in facts.items() if fact}
    for name in happened:
        for label, half_life_ms in HALF_LIVES.items():
            merchant.past.weighed.setdefault((name, label), Weighed(half_life_ms)).add(at_ms)
