"""Streams of events: woven from steps that hypothesis draws and shrinks, or, longer, from a seed."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from engine.decoding.records import Records
from engine.episodes import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Event = dict[str, Any]

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
LATE_MS = DAY
STARTS = tuple(
    int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)
    for parts in (
        (2026, 7, 5, 3), (2016, 9, 5, 12), (2021, 9, 29, 12), (2024, 3, 9, 20), (2024, 11, 2, 20),
        (2011, 12, 29, 20), (2021, 4, 3, 10), (2025, 10, 4, 12), (2024, 2, 28, 23), (2025, 12, 31, 10),
    )
)  # fmt: skip
"""A plain day; price changes; New York's clock changes, Apia's lost day, Lord Howe's half hours."""
ZONES = (
    "Asia/Shanghai", "Asia/Urumqi", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe",
    "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12",
)  # fmt: skip
MCCS = ("5812", "5411", "8062", "5814", "5541", "7011")
"""Standard, concession, exempt, standard, concession, standard."""
FEEDS = ("", "pos-east", "pos-west")
JUMPS_MS = (
    0, 1, 999, 7 * SECOND, 59 * SECOND, MINUTE, 4 * MINUTE, 10 * MINUTE, 37 * MINUTE, HOUR, 3 * HOUR,
    9 * HOUR, DAY, DAY + 1, 7 * DAY, 30 * DAY, 100 * DAY, 400 * DAY, 400 * DAY + 1,
)  # fmt: skip
USUAL_JUMPS = 9
"""How many of the first of them come most of the time."""
KINDS = (
    "sale", "sale", "sale", "sale", "burst", "jump", "decline", "refund", "other", "void", "void",
    "void_details", "void_unknown", "void_early", "original", "void_again", "void_nameless", "void_declined",
    "resend", "resend_id", "resend_key", "late", "late_limit", "too_late", "future", "ahead", "currency",
    "master", "master_zone", "clock", "report", "verdict", "override", "contract", "contract",
)  # fmt: skip
JUMPY = (
    "jump", "jump", "jumps", "jumps", "burst", "sale", "decline", "void", "void_early", "original", "resend",
    "late", "too_late", "future", "currency", "master", "master_zone", "clock", "clock", "report", "verdict",
    "verdict", "verdict", "override",
)  # fmt: skip
"""Kinds for streams with many alerts."""
DECLINES = ("05", "14", "33", "51", "65", "04", "59", "38", "55", "75", "91", "96", "98")
OFTEN_MISSING = (
    "card_token", "card_kind", "entry_mode", "issuer_country", "response_code", "scheme", "feed", "mcc",
    "acceptor_id", "channel_mcc", "special_fee_type", "stan", "terminal_id",
)  # fmt: skip
ODD: tuple[Event, ...] = (
    {"scheme": "alipay"}, {"acceptor_id": "x"}, {"acceptor_id": "898210100020001"}, {"feed": FEEDS[1]},
    {"mcc": "1234"},
)  # fmt: skip
MERCHANTS = tuple(f"89821015812000{m}" for m in range(1, 6))


@dataclass(frozen=True)
class Step:
    """What comes next: the kind, whose, after how long, about which earlier event, a seed for details."""

    kind: str
    merchant: int
    jump_ms: int
    back: int
    pick: int


@dataclass
class Weaver:
    """Turns steps into events; keeps what later steps refer to."""

    merchants: int
    start_ms: int
    now_ms: int = 0
    made: int = 0
    events: list[Event] = field(default_factory=list)
    clocks: dict[int, int] = field(default_factory=dict)
    sent: dict[int, list[Event]] = field(default_factory=dict)
    wanted: dict[int, list[Event]] = field(default_factory=dict)
    """Originals whose void came first."""
    jumps: dict[int, list[Event]] = field(default_factory=dict)
    priced: set[int] = field(default_factory=set)
    """Whose contract prices every payment; only theirs carry fees."""

    def weave(self, steps: Sequence[Step]) -> list[Event]:
        self.now_ms = self.start_ms
        for step in steps:
            self.now_ms += step.jump_ms
            rng = random.Random(step.pick)
            m = step.merchant % self.merchants
            make: Callable[..., None] = getattr(self, f"_{step.kind}", self._variant)
            make(step, rng, m)
        return self.events

    def send(self, m: int, event: Event) -> None:
        self.events.append(event)
        self.sent.setdefault(m, []).append(event)
        if event.get("received_at") != 0:
            self.clocks[m] = max(self.clocks.get(m, 0), event["event_time"])

    def earlier(self, m: int, back: int) -> Event | None:
        sent = self.sent.get(m, [])
        return sent[-1 - back % len(sent)] if sent else None

    def transaction(self, m: int, rng: random.Random, **given: Any) -> Event:
        """A sale as merchant `m` makes it; about one field in eight is missing."""
        self.made += 1
        home = MCCS[m % 3]
        event: Event = {
            "txn_id": f"t{self.made}", "merchant_id": MERCHANTS[m],
            "amount": rng.choice((0, 100, 4_999, 10_000, 20_000, 123_456, 1_000_000, rng.randrange(10**12))),
            "currency": "CNY", "event_time": self.now_ms, "mcc": home,
            "feed": FEEDS[m % 2 + 1] if rng.random() < 0.8 else rng.choice(FEEDS),
            "acceptor_id": f"8982101{home}000{m}", "channel_mcc": home, "special_fee_type": "00",
            "scheme": "unionpay",
            "card_token": f"c{rng.randrange(rng.choice((3, 12, 40, 400)))}",
            "card_kind": rng.choice(("debit", "credit", "semi_credit", "prepaid")),
            "entry_mode": rng.choice(("051", "011", "012", "02", "901", "032", "04", "941", "07")),
            "issuer_country": rng.choice(("CN", "CN", "CN", "US")),
            "response_code": rng.choice(("00", "00", "10", "11")),
            "settlement_mode": "T+1",
        }  # fmt: skip
        if self.made % 2:
            event["channel_merchant_id"] = f"n{self.made % 7 // 2}"
        if rng.random() < 0.5:
            event |= {
                "terminal_id": (*"1112", f"{self.made % 23}")[self.made % 5],
                "stan": f"{self.made:06d}",
                "acquirer_code": "4898",
                "transmitted_at": self.now_ms,
            }
            if self.made % 7 == 3:
                event["response_code"] = ("91", "96", "98")[self.made % 3]
        for name in OFTEN_MISSING:
            if rng.random() < 0.06:
                event[name] = rng.choice((None, "", None))
        if rng.random() < 0.1:
            event |= rng.choice(ODD)
        if m in self.priced and rng.random() < 0.7:
            fee = event["amount"] * rng.choice((5, 6, 6, 30)) // 1000
            event["fee"] = rng.choice((fee, fee, fee + rng.randrange(4), 0, -fee, fee + 300))
            event |= self._fee_lines(event["amount"], fee)
        return event | given

    def _fee_lines(self, amount: int, fee: int) -> Event:
        """At times another host's rounding, lines of a fee, or the class it was settled under."""
        rng = random.Random(self.made)
        return rng.choice((
            {}, {}, {"fee": fee + rng.randrange(-amount // 5_000, amount // 5_000 + 1)},
            {"fee": fee + fee // 16, "fee_tax": fee // 16}, {"fee": fee + 200, "fee_instant": 200},
            {"fee_tax": fee // 2}, {"fee_class": rng.choice(("standard", "concession"))},
        ))  # fmt: skip

    def _variant(self, step: Step, rng: random.Random, m: int) -> None:
        """A sale that differs in one thing."""
        clock = self.clocks.get(m, self.now_ms)
        variants: dict[str, Event] = {
            "decline": {"response_code": rng.choice(DECLINES)},
            "refund": {"txn_type": "refund"},
            "other": {"txn_type": rng.choice(("preauth", "tip", "completion", "offline", "cash_advance"))},
            "late": {"event_time": clock - rng.choice((1, 61 * SECOND, 11 * MINUTE, HOUR, 23 * HOUR))},
            "late_limit": {"event_time": clock - LATE_MS},
            "too_late": {"event_time": clock - LATE_MS - rng.choice((1, HOUR, 9 * DAY))},
            "future": {"received_at": self.now_ms - 600 * SECOND - 1},
            "ahead": {"received_at": self.now_ms - 600 * SECOND},
            "currency": {"currency": rng.choice(("USD", "EUR"))},
        }
        event = self.transaction(m, rng, **variants.get(step.kind, {}))
        if step.kind in {"future", "currency"}:
            self.events.append(event)
        else:
            self.send(m, event)

    def _burst(self, step: Step, rng: random.Random, m: int) -> None:
        """Sales enough for a merchant to have a history."""
        apart = rng.choice((SECOND, 20 * SECOND, 9 * MINUTE))
        for _ in range(12 + step.back % 12):
            self.now_ms += rng.randrange(apart)
            self.send(m, self.transaction(m, rng, response_code="00"))

    def _jump(self, _step: Step, rng: random.Random, m: int) -> None:
        """A sale under another MCC, or fee type, in one or more of the four places."""
        other, more = rng.choice(MCCS), rng.choice(MCCS)
        places: tuple[Event, ...] = (
            {"mcc": other}, {"acceptor_id": f"8982101{other}000{m}"}, {"channel_mcc": more},
            {"special_fee_type": "03"},
        )  # fmt: skip
        given: Event = {}
        for place in rng.sample(places, rng.choice((1, 1, 2, 4))):
            given |= place
        event = self.transaction(m, rng, response_code="00", card_kind=rng.choice(("debit", "credit")), **given)
        self.jumps.setdefault(m, []).append(event)
        self.send(m, event)

    def _jumps(self, step: Step, rng: random.Random, m: int) -> None:
        """A spree of jumping, in order or not."""
        for _ in range(3 + step.back % 6):
            self.now_ms += rng.choice((SECOND, 3 * MINUTE, 40 * MINUTE))
            self._jump(step, rng, m)
            if rng.random() < 0.3:
                self.sent[m][-1]["event_time"] -= rng.choice((MINUTE, HOUR))

    def _void(self, step: Step, rng: random.Random, m: int, **given: Any) -> None:
        original = self.earlier(m, step.back)
        if original is None:
            return self._variant(step, rng, m)
        kind = rng.choice(("void", "reversal", "completion_void"))
        given = {"txn_type": kind, "original_txn_id": original["txn_id"], "response_code": "00"} | given
        if step.kind == "void_details":
            given |= {"original_amount": original["amount"], "original_time": original["event_time"]}
            given |= rng.choice(({}, {}, {"original_amount": None}, {"original_time": self.now_ms + 2 * HOUR}))
        return self.send(m, self.transaction(m, rng, **given))

    _void_details = _void

    def _void_unknown(self, _step: Step, rng: random.Random, m: int) -> None:
        """A void of a sale that was never seen."""
        ago = rng.choice((HOUR, 5 * HOUR, 3 * DAY, 20 * DAY, 500 * DAY))
        self.send(m, self.transaction(
            m, rng, txn_type="void", original_txn_id=f"n{self.made}", original_amount=rng.randrange(10**6),
            original_time=self.now_ms - ago, response_code="00",
        ))  # fmt: skip

    def _void_again(self, step: Step, rng: random.Random, m: int) -> None:
        voids = [each for each in self.sent.get(m, []) if each.get("original_txn_id")]
        self._void(
            step,
            rng,
            m,
            **({"original_txn_id": voids[step.back % len(voids)]["original_txn_id"]} if voids else {}),
        )

    def _void_nameless(self, step: Step, rng: random.Random, m: int) -> None:
        self._void(step, rng, m, original_txn_id=None)

    def _void_declined(self, step: Step, rng: random.Random, m: int) -> None:
        self._void(step, rng, m, response_code="05")

    def _void_early(self, _step: Step, rng: random.Random, m: int) -> None:
        """A void whose original comes later, or never."""
        original = self.transaction(m, rng, response_code=rng.choice(("00", "00", "05")))
        if rng.random() < 0.2:
            original["txn_type"] = "refund"
        self.wanted.setdefault(m, []).append(original)
        late = rng.choice((0, 0, HOUR, 20 * HOUR))
        self.send(m, self.transaction(
            m, rng, txn_type="reversal", original_txn_id=original["txn_id"], response_code="00",
            event_time=max(self.now_ms, self.clocks.get(m, 0)) - late,
        ))  # fmt: skip

    def _original(self, step: Step, rng: random.Random, m: int) -> None:
        wanted = self.wanted.get(m)
        if not wanted:
            return self._variant(step, rng, m)
        clock = self.clocks.get(m, self.now_ms)
        times = (wanted[-1]["event_time"], self.now_ms, clock + 23 * HOUR, clock + DAY, clock + DAY + 1)
        return self.send(m, wanted.pop() | {"event_time": rng.choice(times)})

    def _resend(self, step: Step, rng: random.Random, m: int) -> None:
        event = self.earlier(m, step.back)
        if event is None:
            return self._variant(step, rng, m)
        return self.events.append(dict(event))

    def _resend_id(self, step: Step, rng: random.Random, m: int) -> None:
        """The same id and another message: a duplicate where a terminal field is missing."""
        event = self.earlier(m, step.back)
        self.send(m, self.transaction(m, rng, **({"txn_id": event["txn_id"]} if event else {})))

    def _resend_key(self, step: Step, rng: random.Random, m: int) -> None:
        """The same four terminal fields under another id."""
        event = self.earlier(m, step.back) or {}
        names = ("terminal_id", "stan", "acquirer_code", "transmitted_at")
        self.send(m, self.transaction(m, rng, **{name: event.get(name) for name in names}))

    def _master(self, step: Step, rng: random.Random, m: int) -> None:
        home = MCCS[m % 3]
        event: Event = {
            "type": "merchant", "merchant_id": MERCHANTS[m],
            "effective_from": self.now_ms + rng.choice((0, 0, -DAY, DAY, 5 * MINUTE, -300 * DAY)),
            "mccs": rng.choice(([home], [home, "5411"], [], None)),
            "approved_channel_mccs": rng.choice(([], None, ["5541"])),
            "special_fee_types": rng.choice((["00"], None)),
        }  # fmt: skip
        if step.kind == "master_zone":
            event["time_zone"] = rng.choice(ZONES)
        self.events.append(event)

    _master_zone = _master

    def _contract(self, _step: Step, rng: random.Random, m: int) -> None:
        """What a merchant pays; the first is in force from long ago, and each has a price for any payment."""
        ago = rng.choice((0, 0, -DAY, DAY, 5 * MINUTE, -300 * DAY)) if m in self.priced else -600 * DAY
        keys = {"scheme": "unionpay", "card_kind": "debit", "settlement_mode": "T+1", "amount_from": 20_000}
        prices: list[Event] = [{"rate_ppm": rng.choice((0, 5_000, 6_000))}]
        for _ in range(rng.randrange(4)):
            price: Event = {name: keys[name] for name in rng.sample(list(keys), rng.randrange(3))}
            rest = {"cap": 2_000, "minimum": 8, "fixed": 100}
            price |= {name: rest[name] for name in rng.sample(list(rest), rng.randrange(3))}
            prices.append(price | {"rate_ppm": rng.choice((3_800, 6_000, 29_900))})
        more = random.Random(self.now_ms)
        if more.random() < 0.5:
            keys = more.choice(({}, {"fee_class": "concession"}, {"month_from": more.choice((10**5, 10**7, 10**11))}))
            prices.append(keys | {"rate_ppm": 4_200})
        rng.shuffle(prices)
        event: Event = {
            "type": "contract", "merchant_id": MERCHANTS[m], "effective_from": self.now_ms + ago, "prices": prices,
        }  # fmt: skip
        if rng.random() < 0.5:
            event["notice_from"] = event["effective_from"] - rng.choice((0, 10, 30, 40, -3)) * DAY
        self.priced.add(m)
        self.events.append(event)

    def _clock(self, _step: Step, rng: random.Random, m: int) -> None:
        ahead = rng.choice((-HOUR, 0, MINUTE, 2 * HOUR, DAY, DAY + MINUTE, 3 * DAY))
        self.events.append({"type": "clock", "feed": FEEDS[rng.choice((1, 2))], "event_time": self.now_ms + ahead})

    def _verdict(self, step: Step, rng: random.Random, m: int) -> None:
        """A verdict on an alert that one of the last jumps may have begun, not always its own merchant's."""
        jumps = self.jumps.get(m if rng.random() < 0.9 else 0, [])
        if not jumps:
            return self._variant(step, rng, m)
        of = jumps[-1 - step.back % min(4, len(jumps))]
        name = f"mcc_jump|merchant:{of['merchant_id']}|{of['txn_id']}|{of['event_time']}"
        return self.events.append({
            "type": "verdict", "merchant_id": MERCHANTS[m], "event_time": self.now_ms,
            "alert_id": str(uuid.uuid5(NAMESPACE, name)),
            "verdict": rng.choice(("confirmed", "confirmed", "false_alarm", "open", "lawful_change")),
            "expires_at": rng.choice((None, None, self.now_ms + 2 * DAY)),
        })  # fmt: skip

    def _override(self, _step: Step, rng: random.Random, m: int) -> None:
        self.events.append({
            "type": "override", "merchant_id": MERCHANTS[m], "event_time": self.now_ms, "grade": rng.choice("ACE"),
            "reason": "seen", "expires_at": self.now_ms + rng.choice((HOUR, 3 * DAY)),
        })  # fmt: skip

    def _report(self, step: Step, rng: random.Random, m: int) -> None:
        """Something about a merchant that is no transaction; of them a report of fraud alone gives a row."""
        kind = ("fraud_report", "visit", "complaint", "assignment", "terminal")[self.made % 5]
        more = {"effective_from": self.now_ms} if kind in {"assignment", "terminal"} else {"event_time": self.now_ms}
        if kind == "assignment":
            more |= {"rep_id": "r"}
        if kind == "terminal":
            more |= {
                "terminal_id": f"{self.made % 4}",
                "terminal_status": ("active", "spare", "returned")[self.made % 3],
            }
        if kind == "fraud_report" and (of := self.earlier(m, step.back)):
            more |= {"txn_id": of["txn_id"], "amount": of["amount"], "original_time": of["event_time"]}
        if kind == "fraud_report":
            more["report_id"] = f"r{len(self.events)}"
        self.events.append({"type": kind, "merchant_id": MERCHANTS[m], **more})


def steps(kinds: Sequence[str] = KINDS) -> st.SearchStrategy[Step]:
    jumps = st.one_of(st.sampled_from(JUMPS_MS[:USUAL_JUMPS]), st.sampled_from(JUMPS_MS))
    return st.builds(
        Step,
        st.sampled_from(kinds),
        st.integers(0, len(MERCHANTS) - 1),
        jumps,
        st.integers(0, 20),
        st.integers(0, 2**32 - 1),
    )


@st.composite
def streams(draw: st.DrawFn, kinds: Sequence[str] = KINDS, most: int = 50, merchants: int = 3) -> list[Event]:
    """Streams of up to `most` steps for one to `merchants` merchants."""
    weaver = Weaver(draw(st.integers(1, merchants)), draw(st.sampled_from(STARTS)))
    length = draw(st.integers(1, most))  # lists of 1 to `most` would mostly be short
    return weaver.weave(draw(st.lists(steps(kinds), min_size=length, max_size=length)))


def seeded_stream(seed: int, length: int = 400, kinds: Sequence[str] = KINDS, merchants: int = 3) -> list[Event]:
    """A stream of `length` steps, one of the long jumps in fifty, for one to `merchants` merchants."""
    rng = random.Random(seed)

    def step() -> Step:
        jumps = JUMPS_MS if rng.random() < 0.02 else JUMPS_MS[:USUAL_JUMPS]
        return Step(
            rng.choice(kinds),
            rng.randrange(len(MERCHANTS)),
            rng.choice(jumps),
            rng.randrange(21),
            rng.getrandbits(32),
        )

    return Weaver(rng.randint(1, merchants), rng.choice(STARTS)).weave([step() for _ in range(length)])


def appended_at(event: Event) -> int:
    """When a record reaches the topic: some time after what it tells of."""
    at_ms: int = event["event_time"] if "event_time" in event else event["effective_from"]
    return at_ms + 5 * SECOND


def records_of(events: Sequence[Event], first_offset: int = 0) -> Records:
    """`events` as a batch of records."""
    made = Records.of([msgspec.json.encode(event) for event in events], first_offset=first_offset)
    return Records(
        made.data,
        made.ends,
        made.offsets,
        np.array([appended_at(each) for each in events], np.int64),
        made.source,
    )


def cut(events: Sequence[Event], rng: random.Random, most: int = 60) -> list[Sequence[Event]]:
    """`events` in batches of 1 to `most`."""
    batches = []
    at = 0
    while at < len(events):
        size = rng.randint(1, most)
        batches.append(events[at : at + size])
        at += size
    return batches
