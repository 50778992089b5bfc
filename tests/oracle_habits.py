"""The columns of the family `habits`, slowly: from lists of all that came, by the rules of `docs/features.md`."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Value = float | None
DAY, HOUR, SHANGHAI = 86_400_000, 3_600_000, 8 * 3_600_000
LEAST = 10.0
BLOCKS = {
    "night": range(6), "morning": range(6, 11), "lunch": range(11, 14), "afternoon": range(14, 17),
    "dinner": range(17, 20), "evening": range(20, 24),
}  # fmt: skip
ENTRIES = {"01": "keyed", "02": "stripe", "90": "stripe", "03": "code", "04": "code", "94": "code"}
UNDOES, REFUNDS = {"void", "reversal"}, {"refund"}


def day_of(at_ms: int) -> int:
    return (at_ms + SHANGHAI) // DAY


def hour_of(at_ms: int) -> int:
    return (at_ms + SHANGHAI) // HOUR % 24


@dataclass
class Held:
    """One of the 16 cards held."""

    card: str
    last_day: int
    visits: int = 1


@dataclass
class Ticket:
    """An approved sale, and how many closings it has seen."""

    log: float
    hour: int
    closings: int = 0


@dataclass
class Reference:
    """One merchant: registered for `mccs`, charged `due_ppm` by contract, its money worth `rate` of the acquirer's."""

    mccs: tuple[str, ...] = ()
    due_ppm: int | None = None
    rate: float = 1.0
    begun: bool = False
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    tickets: list[Ticket] = field(default_factory=list)
    days: float = 0.0
    last_16: list[tuple[int, str, int]] = field(default_factory=list)
    cards: list[Held] = field(default_factory=list)
    history: Counter[str] = field(default_factory=Counter)
    terminal: str = ""
    sold: Counter[int] = field(default_factory=Counter)
    sales: dict[str, Event] = field(default_factory=dict)
    payments: list[int] = field(default_factory=list)
    usual: dict[str, float] = field(default_factory=dict)
    with_habits: int = 0

    def take(self, event: Event) -> None:
        """Take in an accepted record."""
        kind = event.get("type", "transaction")
        if kind == "settlement":
            self._fee(event)
        elif kind in {"fraud_report", "chargeback"}:
            self.sums["reports"] += self.begun and event.get("status", "") != "withdrawn"
        elif kind == "transaction":
            self._transaction(event)

    def _transaction(self, event: Event) -> None:
        approved, kind = event.get("response_code", "00") == "00", event.get("txn_type", "purchase")
        if kind in UNDOES:
            self.sums["undone"] += self.begun and approved
            gone = self.sales.pop(event["original_txn_id"], None)
            if gone and approved:
                self.sold[day_of(gone["event_time"])] -= 1
            return
        seconds, card = event["event_time"] // 1000, event.get("card_token", "")
        before, self.last_16 = self.last_16[-15:], [*self.last_16[-15:], (event["amount"], card, seconds)]
        visits = self._visit(card, day_of(event["event_time"])) if card else 0
        self.begun |= approved
        if not self.begun:
            return
        if kind in REFUNDS:
            self.sums["refunds"] += approved
            self.sums["refunded"] += approved * event["amount"]
            return
        if approved or event["response_code"] not in {"91", "96", "98"}:
            self.sums["attempts"] += 1
            self.sums["testing"] += event.get("response_code") in {"14", "15", "33", "54"}
            self.sums["limit"] += event.get("response_code") in {"51", "61", "65"}
        if approved:
            self.sums["repeat"] += bool(card) and card in {each[1] for each in before}
            self.sums["regular"] += visits >= 3
            self.sums["same_amount"] += event["amount"] in {each[0] for each in before}
            self.sums["quick"] += bool(before) and abs(seconds - before[-1][2]) < 60
            self._sale(event)

    def _visit(self, card: str, day: int) -> int:
        for each in self.cards:
            if each.card == card:
                each.visits, each.last_day = each.visits + 1, max(each.last_day, day)
                return each.visits
        if len(self.cards) == 16:
            out = min(self.cards, key=lambda each: (each.last_day, each.visits))
            self.cards[self.cards.index(out)] = Held(card, day)
        else:
            self.cards.append(Held(card, day))
        return 1

    def _sale(self, event: Event) -> None:
        sums, at_ms, hour = self.sums, event["event_time"], hour_of(event["event_time"])
        self.sales[event["txn_id"]] = event
        self.sold[day_of(at_ms)] += 1
        self.tickets.append(Ticket(math.log2(max(event["amount"], 1)), hour))
        for name, hours in BLOCKS.items():
            sums[name] += hour in hours
        sums["minor"] += event["amount"]
        sums["weekend"] += (day_of(at_ms) + 3) % 7 >= 5
        sums["round"] += event["amount"] > 0 and event["amount"] % 10_000 == 0
        sums["kind_known"] += "card_kind" in event
        sums["credit"] += event.get("card_kind") in {"credit", "semi_credit"}
        sums["entry_known"] += event.get("entry_mode", "00") != "00"
        if event.get("entry_mode") in ENTRIES:
            sums[ENTRIES[event["entry_mode"]]] += 1
        sums["country_known"] += "issuer_country" in event
        sums["foreign"] += event.get("issuer_country", "CN") != "CN"
        sums["with_card"] += "card_token" in event
        self._mcc(event.get("mcc", ""))
        if terminal := event.get("terminal_id", ""):
            sums["terminal_known"] += self.terminal != ""
            sums["switch"] += self.terminal not in {"", terminal}
            self.terminal = terminal
        self._fee(event)

    def _mcc(self, mcc: str) -> None:
        if not mcc:
            return
        self.history[mcc] += 1
        if self.mccs or self.own():
            self.sums["mcc_known"] += 1
            self.sums["other_mcc"] += mcc not in (self.mccs or (self.own(),))

    def own(self) -> str:
        """The merchant's own MCC by history."""
        mcc, count = self.history.most_common(1)[0] if self.history else ("", 0)
        return mcc if self.history.total() >= 30 and count >= 0.9 * self.history.total() else ""

    def _fee(self, event: Event) -> None:
        if "fee" in event and self.due_ppm is not None:
            self.payments.append(day_of(min(event.get("original_time", event["event_time"]), event["event_time"])))
            self.sums["charged"] += event["fee"]
            self.sums["due"] += (event["amount"] * self.due_ppm + 500_000) // 1_000_000

    def close(self, day: int) -> dict[str, Value]:
        """The columns of a closing, without those that are null."""
        if not self.begun:
            return {}
        self.days += 1
        self.sums["open"] += self.sold[day] > 0
        found: dict[str, Value] = {}
        weight = sum(0.5 ** (each.closings / 7) for each in self.tickets)
        if weight >= LEAST:
            for name, value in self._habits(weight).items():
                found[name] = value
                if self.with_habits >= 7:
                    found |= self._learned(name, value)
            found["sales"], self.with_habits = weight, self.with_habits + 1
            if mcc := self.mccs[0] if self.mccs else self.own():
                found["mcc"] = int(mcc)
        for name in self.sums:
            self.sums[name] *= 0.5 ** (1 / 7)
        self.days *= 0.5 ** (1 / 7)
        for each in self.tickets:
            each.closings += 1
        return {f"habit_{name}": value for name, value in found.items()}

    def _learned(self, name: str, value: float) -> dict[str, Value]:
        was = self.usual.get(name)
        part = max(1 - 0.5 ** (1 / 28), 1 / (self.with_habits - 6))
        self.usual[name] = value if was is None else was + part * (value - was)
        return {f"{name}_usual": was} if was is not None and self.with_habits >= 28 else {}

    def _habits(self, weight: float) -> dict[str, float]:
        sums = self.sums
        found = {"sales_a_day": weight / self.days, "open_share": sums["open"] / self.days} | self._of_tickets()
        of_sales = (*BLOCKS, "weekend", "round", "same_amount", "quick")
        found |= {f"{name}_share": sums[name] / weight for name in of_sales}
        less = {"refund": "refunds", "undone": "undone", "reported": "reports"}
        found |= {f"{name}_share": min(sums[each] / weight, 1.0) for name, each in less.items()}
        if sums["minor"] > 0:
            found["refund_minor_share"] = min(sums["refunded"] / sums["minor"], 1.0)
        bases = {
            "credit": "kind_known", "keyed": "entry_known", "stripe": "entry_known", "code": "entry_known",
            "foreign": "country_known", "repeat": "with_card", "regular": "with_card", "other_mcc": "mcc_known",
            "switch": "terminal_known", "testing": "attempts", "limit": "attempts",
        }  # fmt: skip
        found |= {f"{name}_share": sums[name] / sums[of] for name, of in bases.items() if sums[of] >= LEAST}
        judged = sum(0.5 ** ((max(self.payments) - day) / 28) for day in self.payments)
        if judged >= LEAST and sums["due"] > 0:
            found["fee_off"] = (sums["charged"] - sums["due"]) / sums["due"]
        return found

    def _of_tickets(self) -> dict[str, float]:
        weighed = [(each.log, 0.5 ** (each.closings / 7), each.hour) for each in self.tickets]

        def mean(power: int = 1, about: float = 0.0, hours: range | None = None) -> float:
            of = [(log, w) for log, w, hour in weighed if hours is None or ((hour - 6) % 24 in hours)]
            return float(sum(w * (log - about) ** power for log, w in of) / sum(w for _, w in of))

        middle = mean()
        spread = mean(2, middle)
        found = {"ticket_minor": 2**middle * self.rate, "ticket_spread": math.sqrt(spread)}
        if spread >= 0.01:
            found["ticket_shape"] = (mean(3, middle) ** 2 / spread**3 + 1) * spread**2 / mean(4, middle)
        late = sum(w for _, w, hour in weighed if not 6 <= hour < 20)
        if late >= LEAST and sum(w for _, w, _ in weighed) - late >= LEAST:
            found["ticket_by_hour"] = mean(hours=range(14, 24)) - mean(hours=range(14))
        return found
