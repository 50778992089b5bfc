"""The columns of reports and gauges, slowly: from lists of all that came, by the rules of `docs/features.md`."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from math import log
from typing import Any

from domain.fraud_rates import base_ppm

Event = dict[str, Any]
Value = int | float | None
SECOND, DAY = 1000, 86_400_000
SHANGHAI_MS = 8 * 3_600_000
ABSENT, NET = {"01", "09", "10", "81", "82"}, {"09", "10", "81", "82"}
FRAUD = {"10.1", "10.2", "10.3", "10.4", "10.5", "4837", "4840", "4849", "4863", "4870", "4871"}
KINDS = {"fraud_report": 1, "chargeback": 2, "retrieval": 3}
PROGRAMMES = {
    "vamp": [(date(2025, 6, 1), 1_501, Fraction(22, 1000)), (date(2026, 4, 1), 1_501, Fraction(15, 1000))],
    "ecm": [(date(1970, 1, 1), 100, Fraction(15, 1000))], "hecm": [(date(1970, 1, 1), 300, Fraction(30, 1000))],
    "efm": [(date(1970, 1, 1), 1, Fraction(5, 1000))],
    "approval": [(date(2026, 7, 24), 25, Fraction(3, 10))], "returns": [(date(2026, 7, 24), 1, Fraction(5, 100))],
}  # fmt: skip


def day_of(at_ms: int) -> int:
    return (at_ms + SHANGHAI_MS) // DAY


def as_date(day: int) -> date:
    return date(1970, 1, 1) + timedelta(day)


def month_of(day: int) -> tuple[int, int]:
    return as_date(day).year, as_date(day).month


def month_before(month: tuple[int, int]) -> tuple[int, int]:
    return (month[0], month[1] - 1) if month[1] > 1 else (month[0] - 1, 12)


@dataclass
class Known:
    """A report that came."""

    fraud: bool
    minor: int
    time_ms: int
    state: str = "open"


@dataclass
class Payment:
    """A payment that was reported as fraud."""

    time_ms: int
    minor: int
    by: set[str] = field(default_factory=set)


class Ledger:
    """What one merchant in Shanghai, with one currency, one MCC and no reversals, has done and what is said of it."""

    def __init__(self, mcc: str = "") -> None:
        self.mcc = mcc
        self.first_ms: int | None = None
        self.clock_ms = 0
        self.sales: list[int] = []
        self.known: dict[tuple[Any, ...], Known] = {}
        self.payments: dict[str, Payment] = {}
        self.days_back: Counter[int] = Counter()
        self.retrievals = 0
        self.since: int | None = None
        self.rolled = 0
        self.month: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        self.day: defaultdict[int, Counter[str]] = defaultdict(Counter)

    # -- what comes

    def sale(self, event: Event) -> None:
        """A transaction that was accepted, in the merchant's order."""
        at_ms = event["event_time"]
        self.first_ms = min(at_ms, self.first_ms) if self.first_ms is not None else at_ms
        self.clock_ms = max(self.clock_ms, at_ms)
        approved = event.get("response_code", "00") == "00"
        kind = event.get("txn_type", "purchase")
        if kind == "purchase" and approved:
            self.sales.append(day_of(at_ms))
        self._gauge_sale(event, day_of(at_ms), approved, kind)

    def _gauge_sale(self, event: Event, day: int, approved: bool, kind: str) -> None:
        scheme, entry = event.get("scheme"), event.get("entry_mode", "")[:2]
        online = "eci" in event or entry in NET
        absent = online or entry in ABSENT
        if scheme not in {"visa", "mastercard"}:
            return
        if self.since is None and not (online and kind == "purchase"):
            return
        self._roll(day_of(self.clock_ms))
        month, of_day = self.month[month_of(day)], self.day[day]
        sold = kind == "purchase" and approved
        if scheme == "visa":
            month["visa"] += sold and absent
            of_day["visa"] += sold and absent
            return
        month["mastercard"] += sold
        month["online"] += sold and online
        month["told"] += sold and online and "eci" in event
        month["secure"] += sold and online and event.get("eci") in {"01", "02", "05", "06"}
        of_day["refunds"] += kind == "refund" and approved and (absent or not entry)
        if kind == "purchase" and absent:
            of_day["sales"] += approved
            if event.get("response_code") not in {"91", "96", "98"}:
                of_day["attempts"] += 1
                of_day["approved"] += approved

    def _roll(self, day: int) -> None:
        self.since = day if self.since is None else self.since
        self.rolled = max(self.rolled, day)

    def report(self, event: Event) -> dict[str, Value] | None:
        """A report; its columns, None where it gives no row."""
        kind, at_ms = event["type"], event["event_time"]
        name = (kind, event["report_id"]) if "report_id" in event else (
            kind, event.get("txn_id"), event.get("amount"), event.get("original_time", at_ms)
        )  # fmt: skip
        back = event.get("status") if event.get("status") in {"reversed", "withdrawn"} else ""
        fraud = kind == "fraud_report" or (kind == "chargeback" and event.get("reason_code") in FRAUD)
        was = self.known.get(name)
        if was is None:
            self.known[name] = Known(fraud, event.get("amount", 0), at_ms, "withdrawn" if back else "open")
            if back:
                return None
            return self._changed(event, self.known[name], name, comes=True, counts=1)
        decided = back == "reversed" and kind == "chargeback"
        if not back or was.state == "withdrawn" or (decided and was.state == "decided"):
            return None
        before, was.state = was.state, "decided" if decided else "withdrawn"
        return self._changed(event, was, name, comes=False, counts=0 if decided else -1, counted=before == "open")

    def _changed(
        self, event: Event, known: Known, name: tuple[Any, ...], *, comes: bool, counts: int, counted: bool = True
    ) -> dict[str, Value]:
        kind = event["type"]
        found: dict[str, Value] = {"report_kind": KINDS[kind], "report_loss_minor": None}
        newly = False
        if known.fraud and counted:
            newly = self._payment(event, known, name, comes=comes)
        self.retrievals += counts if kind == "retrieval" else 0
        if newly:
            found["report_loss_minor"] = self.payments[str(event.get("txn_id", name))].minor
        self._gauge_report(event, known, counts)
        reported = [each for each in self.payments.values() if each.by]
        found |= {
            "reported_minor": sum(each.minor for each in reported), "retrievals": self.retrievals,
            "charged_back_minor": sum(each.minor for each in reported if "chargeback" in each.by),
        }  # fmt: skip
        return found | self._point(event, newly)

    def _payment(self, event: Event, known: Known, name: tuple[Any, ...], *, comes: bool) -> bool:
        """Note who says fraud of a payment; whether nobody did before."""
        at_ms = event["event_time"]
        original_ms = min(event.get("original_time", at_ms - 7 * DAY), at_ms) // SECOND * SECOND
        key = str(event.get("txn_id", name))
        payment = self.payments.setdefault(key, Payment(original_ms, known.minor))
        before = bool(payment.by)
        (payment.by.add if comes else payment.by.discard)(event["type"])
        return bool(payment.by) and not before

    def _own_day(self, payment: Payment) -> int | None:
        if self.first_ms is None or payment.time_ms // SECOND < self.first_ms // SECOND:
            return None
        day = min(day_of(payment.time_ms), day_of(self.clock_ms))
        return day if day // 7 > day_of(self.clock_ms) // 7 - 13 else None

    def _point(self, event: Event, newly: bool) -> dict[str, Value]:
        names = ("evidence", "reports", "sales", "days", "weeks", "base_ppm")
        nothing: dict[str, Value] = dict.fromkeys(f"point_{each}" for each in names)
        days = [day for each in self.payments.values() if each.by and (day := self._own_day(each)) is not None]
        mine = self.payments.get(str(event.get("txn_id", "")))
        if not newly or mine is None or self._own_day(mine) is None:
            return nothing
        week = day_of(self.clock_ms) // 7
        sold = Counter(day // 7 for day in self.sales)
        reported = {each: min(n, sold[each]) for each, n in Counter(day // 7 for day in days).items()}
        last = max(day // 7 for day in days)
        entry = event.get("entry_mode", "")[:2]
        peers = base_ppm(self.mcc, present=bool(entry) and entry not in ABSENT) / 1e6
        best = None
        for first in range(last, week - 13, -1):
            k = sum(reported.get(each, 0) for each in range(first, last + 1))
            n = sum(sold[each] for each in range(first, last + 1))
            others = range(week - 12, first)
            before, of = sum(reported.get(each, 0) for each in others), sum(sold[each] for each in others)
            share = (before + 2) / (of + 2 / peers)
            found = rarity(k, n * share)
            if best is None or found > best[0] * (1 + 1e-12):
                best = found, first, k, n, share
        assert best is not None
        evidence, first, k, n, share = best
        latest = max(days)
        on_days = sorted(Counter(each for each in days if first * 7 <= each > latest - 64).values())
        ahead = on_days[-1] - (on_days[-2] if len(on_days) > 1 else 0)
        return {
            "point_evidence": min(evidence, rarity(k - ahead, n * share)), "point_reports": k, "point_sales": n,
            "point_days": len(on_days), "point_weeks": last - first + 1, "point_base_ppm": share * 1e6,
        }  # fmt: skip

    def _gauge_report(self, event: Event, known: Known, counts: int) -> None:
        scheme, kind, entry = event.get("scheme"), event["type"], event.get("entry_mode", "")[:2]
        if scheme not in {"visa", "mastercard"} or kind == "retrieval" or not counts:
            return
        day = day_of(known.time_ms // SECOND * SECOND)
        self._roll(max(day, day_of(self.clock_ms)))
        month, of_day = self.month[month_of(day)], self.day[day]
        if scheme == "visa" and (not entry or entry in ABSENT):
            month["visa_fraud" if kind == "fraud_report" else "visa_disputes"] += counts
            of_day["visa_items"] += counts
        if scheme == "mastercard" and kind == "chargeback":
            month["chargebacks"] += counts
            of_day["chargebacks"] += counts
            month["fraud"] += counts * known.fraud
            month["fraud_minor"] += counts * known.fraud * known.minor

    # -- ends of days

    def _sum(self, what: str, day: int, days: int, back: int = 0) -> int:
        held = range(max(day - back - days, self.rolled - 32) + 1, min(day - back, self.rolled) + 1)
        return sum(self.day[each][what] for each in held)

    def _pace(self, what: str, day: int) -> int:
        return max(self._sum(what, day, 14), 2 * self._sum(what, day, 7))

    def closing(self, day: int, at_ms: int, usd: Fraction) -> dict[str, Value]:
        """The gauges at the end of a local day, or nothing of a merchant that is not counted yet."""
        if self.since is None or self.since > day:
            return {}
        month, last = self.month[month_of(day)], self.month[month_before(month_of(day))]
        whole = as_date(self.since) <= date(*month_before(month_of(day)), 1)
        left = next(n for n in range(32) if month_of(day + n + 1) != month_of(day))
        cents = int(month["fraud_minor"] * usd + Fraction(1, 2))
        told: dict[str, Value] = {
            "visa_sales_1m": month["visa"], "visa_fraud_1m": month["visa_fraud"],
            "visa_disputes_1m": month["visa_disputes"], "mastercard_sales_1m": month["mastercard"],
            "mastercard_chargebacks_1m": month["chargebacks"], "mastercard_fraud_1m": month["fraud"],
            "mastercard_fraud_usd_1m": cents, "attempts_3d": self._sum("attempts", day, 3),
            "approved_3d": self._sum("approved", day, 3), "sales_30d": self._sum("sales", day, 30),
            "returns_30d": self._sum("refunds", day, 30) + self._sum("chargebacks", day, 30),
            "mastercard_sales_before": last["mastercard"] if whole else None,
            "mastercard_online_before": last["online"] if whole else None,
            "mastercard_secure_before": last["secure"] if whole and last["told"] else None,
        }  # fmt: skip
        breached = 0
        items = month["visa_fraud"] + month["visa_disputes"]
        pace, more = self._pace("visa_items", day), self._sum("visa", day, 14)
        breached |= self._programme(told, "vamp", day, left, (items, pace), (month["visa"], more))
        told["vamp_limit_ppm"] = int(limits[1] * 10**6) if (limits := in_force("vamp", day)) else None
        pace = self._pace("chargebacks", day)
        if whole:
            base = last["mastercard"]
            breached |= self._programme(told, "ecm", day, left, (month["chargebacks"], pace), (base, 0)) << 1
            breached |= self._programme(told, "hecm", day, left, (month["chargebacks"], pace), (base, 0)) << 2
            breached |= self._efm(told, day, left, month, last, cents, pace) << 3
        breached |= self._approval(told, day) << 4 | self._returns(told, day, at_ms) << 5
        return {f"gauge_{name}": value for name, value in told.items()} | {"gauge_breached": breached}

    def _programme(
        self, told: dict[str, Value], name: str, day: int, left: int, items: tuple[int, int], base: tuple[int, int],
        usd: tuple[int, int] | None = None,
    ) -> bool:  # fmt: skip
        limits = in_force(name, day)
        if limits is None:
            return False
        least_base = 1_000 if name == "efm" else 1

        def reached(ahead: int) -> bool:
            n, of = (each[0] + each[1] * ahead // 14 for each in (items, base))
            rich = usd is None or usd[0] + usd[1] * ahead // 14 >= 5_000_000
            return n >= limits[0] and of >= least_base and rich and n >= of * limits[1]

        told[f"{name}_days"] = next((ahead for ahead in range(left + 1) if reached(ahead)), None)
        share = 0.0
        if base[0]:
            parts = [items[0] / limits[0], items[0] / base[0] / float(limits[1]), base[0] / least_base]
            share = min([*parts, 10.0] + ([usd[0] / 5_000_000] if usd else []))
        told[f"{name}_share"] = share
        return reached(0)

    def _efm(
        self, told: dict[str, Value], day: int, left: int, month: Counter[str], last: Counter[str], cents: int,
        pace: int,
    ) -> bool:  # fmt: skip
        if not last["told"]:
            return False
        if last["secure"] * 10 >= last["online"]:
            told["efm_share"] = 0.0
            return False
        back = max(month["chargebacks"], 1)
        items, usd = (month["fraud"], pace * month["fraud"] // back), (cents, pace * cents // back)
        return self._programme(told, "efm", day, left, items, (last["online"], 0), usd)

    def _approval(self, told: dict[str, Value], day: int) -> bool:
        limits = in_force("approval", day)
        if limits is None:
            return False
        attempts, approved = self._sum("attempts", day, 3), self._sum("approved", day, 3)
        before, approved_before = self._sum("attempts", day, 28, 3), self._sum("approved", day, 28, 3)
        low, fallen, share = approved < attempts * limits[1], False, 0.0
        if attempts:
            share = min(attempts * 0.3 / approved, 10.0) if approved else 10.0
        if before >= 100 and attempts:
            fall = Fraction(approved_before, before) - Fraction(approved, attempts)
            fallen, share = fall >= Fraction(1, 2), max(share, float(fall) * 2)
        told["approval_share"] = min(attempts / limits[0], share)
        return attempts >= limits[0] and (low or fallen)

    def _returns(self, told: dict[str, Value], day: int, at_ms: int) -> bool:
        limits = in_force("returns", day)
        if limits is None or self.first_ms is None or at_ms - self.first_ms >= 183 * DAY:
            return False
        sales = self._sum("sales", day, 30)
        returns = self._sum("refunds", day, 30) + self._sum("chargebacks", day, 30)
        told["returns_share"] = min(returns, returns / sales / 0.05, sales / 500, 10.0) if sales else 0.0
        return sales >= 500 and returns > sales * limits[1]


def in_force(name: str, day: int) -> tuple[int, Fraction] | None:
    known = [(least, ratio) for since, least, ratio in PROGRAMMES[name] if since <= as_date(day)]
    return known[-1] if known else None


def rarity(reports: int, expected: float) -> float:
    if reports <= expected or not expected:
        return 0.0
    return (reports * log(reports / expected) - (reports - expected)) / log(10)
