"""The slow oracle's part on fees: what a payment should have cost by contract, and the sums.

What is learned without a contract is not computed here: streams for the oracle give every payment with a fee a price,
and `tests/engine/test_tariffs.py` tries the learning by itself.
"""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from domain.events import FEE_CLASSES, Role
from domain.interchange import interchange_cost
from domain.mcc import FeeClass, fee_class
from tests.oracle_state import EPOCH, is_approved, ms, role_of

if TYPE_CHECKING:
    from tests.oracle_state import Event, Merchant, Value

ALONE = (
    "fee_charged", "fee_rate_ppm", "fee_due", "fee_over", "fee_due_ppm", "fee_due_fixed", "fee_new_ppm",
    "fee_new_fixed", "fee_dearer_run", "fee_over_1d", "fee_over_count_1d", "fee_judged_1d", "fee_over_4w",
    "fee_rounding", "fee_cheaper_run", "fee_under_1d", "fee_under_count_1d", "fee_under_4w", "fee_small_28d",
    "fee_small_score", "fee_over_share_28d", "contract_rise_ppm", "contract_notice_d", "contract_lead_d",
)  # fmt: skip
"""Null where a transaction has no fee."""
LEARNED = ("fee_due_fixed", "fee_new_ppm", "fee_new_fixed", "fee_dearer_run", "fee_cheaper_run")
"""Always null here: every payment with a fee is priced."""
LEDGER = (
    "fees_charged_minor", "fees_priced_minor", "fees_due_minor", "fees_over_minor", "fees_under_minor",
    "fees_interchange_e7",
)  # fmt: skip
UNKNOWN: dict[str, Any] = {}
"""In the place of a price: it depends on what is not known of the month."""


def fee_columns(merchant: Merchant, event: Event, at_ms: int, country: str) -> dict[str, Value]:
    """The columns of one transaction; takes it into the merchant's sums."""
    found: dict[str, Value] = dict.fromkeys(ALONE) | {"fee_basis": 0}
    past, role, day = merchant.past, role_of(event), merchant.own_day(at_ms)
    price = price_for(merchant, event, at_ms) if "fee" in event else None
    if is_approved(event) and role is Role.SALE and has_months(merchant):
        past.months = past.months or []
        if not past.months:
            past.months_since = 0 if past.before_ms is None and not past.fee_day else day + 1
        past.months.append((day, event["amount"]))
    if "fee" in event and is_approved(event):
        if role is Role.SALE:
            found |= judged(merchant, event, price, at_ms, country)
        elif role is Role.REFUND:
            merchant.life["fees_charged_minor"] += net_fee(event, price)
    past.before_ms = merchant.clock
    return found | {name: merchant.life[name] for name in LEDGER}


def has_months(merchant: Merchant) -> bool:
    return any("month_from" in price for version in merchant.contracts for price in version["prices"])


def net_fee(event: Event, price: Event | None) -> int:
    """A fee without tax, and without what settlement on the same day cost unless its price is for the mode."""
    fee = int(event["fee"])
    tax = event.get("fee_tax")
    if tax is not None and abs(tax) <= Decimal("0.27") * abs(fee - tax) + 1:
        fee -= tax
    if not (price and "settlement_mode" in price):
        fee -= event.get("fee_instant", 0)
    return fee


def judged(merchant: Merchant, event: Event, price: Event | None, at_ms: int, country: str) -> dict[str, Value]:
    past, fee, amount = merchant.past, net_fee(event, price), event["amount"]
    found: dict[str, Value] = {"fee_charged": fee}
    if amount:
        ppm = (Decimal(fee) * 1_000_000 / amount + Decimal("0.5")).to_integral_value(ROUND_FLOOR)
        found["fee_rate_ppm"] = int(ppm)
    merchant.life["fees_charged_minor"] += fee
    if fee >= 0:
        day = merchant.own_day(at_ms)
        past.fee_day = max(past.fee_day, day)
        cost = merchant.life["fees_interchange_e7"] + regulated_e7(merchant, event, at_ms, country)
        merchant.life["fees_interchange_e7"] = min(cost, 4 * 10**18)
        assert price is not None, "a payment with a fee must be priced in these streams"
        if price is not UNKNOWN and (fee >= due_minor(price, amount) or not is_jumped(merchant, event, at_ms)):
            due = due_minor(price, amount)
            rounding = max(1, math.ceil(Decimal(amount) * 200 / 1_000_000))
            off = fee - due
            past.paid.append((day, off, rounding))
            over, under = max(0, off) * (off > rounding), max(0, -off) * (-off > rounding)
            merchant.life.update(
                fees_priced_minor=fee, fees_due_minor=due, fees_over_minor=over, fees_under_minor=under
            )
            found |= {"fee_basis": 1, "fee_due": due, "fee_over": off, "fee_due_ppm": price["rate_ppm"]}
            found["fee_rounding"] = rounding
    return found | day_columns(merchant)


def day_columns(merchant: Merchant) -> dict[str, Value]:
    """What the fee day, its weeks and its history came to."""
    past, last = merchant.past, merchant.past.fee_day
    over = [(day, off) for day, off, rounding in past.paid if off > rounding]
    under = [(day, -off) for day, off, rounding in past.paid if -off > rounding]
    weights = [(Decimal(2) ** (Decimal(day - last) / 28), off, rounding) for day, off, rounding in past.paid]
    small = [weight * off for weight, off, rounding in weights if 1 < abs(off) <= rounding]
    total, squares = sum(weight for weight, _, _ in weights), sum(each * each for each in small)
    found: dict[str, Value] = {
        "fee_judged_1d": sum(day == last for day, _, _ in past.paid),
        "fee_small_28d": float(sum(small)),
        "fee_small_score": float(sum(small) / Decimal(squares).sqrt()) if squares else None,
        "fee_over_share_28d": float(sum(w for w, off, most in weights if off > most) / total) if total else None,
    }
    for name, seen in (("fee_over", over), ("fee_under", under)):
        found[f"{name}_1d"] = sum(off for day, off in seen if day == last)
        found[f"{name}_count_1d"] = sum(day == last for day, _ in seen)
        found[f"{name}_4w"] = sum(off for day, off in seen if last // 7 - day // 7 < 4)
    return found


def is_jumped(merchant: Merchant, event: Event, at_ms: int) -> bool:
    """Whether it went under a cheaper class than any that the merchant is registered for."""
    registered = [each for each in merchant.version_at(at_ms).get("mccs") or () if each not in {"0000", "9999"}]
    used = [fee_class(event["mcc"])] if event.get("mcc") not in {None, "0000", "9999"} else []
    if "fee_class" in event:
        used.append(FeeClass(FEE_CLASSES.index(event["fee_class"])))
    return bool(registered and used) and max(used) > max(map(fee_class, registered))


def price_for(merchant: Merchant, event: Event, at_ms: int) -> Event | None:
    """The price of the contract in force that applies to a payment; `UNKNOWN` where the month does not say which."""
    known = [each for each in merchant.contracts if ms(each["effective_from"]) <= at_ms]
    version = max(reversed(known), key=lambda each: ms(each["effective_from"]), default=None)
    prices = version["prices"] if version else []
    low, high = month_range(merchant, at_ms)
    tiers = {low, *(each["month_from"] for each in prices if low < each.get("month_from", 0) <= high)}
    found = [price_at(prices, event, tier) for tier in sorted(tiers)]
    fees = {due_minor(each, event["amount"]) if each else None for each in found}
    return found[0] if len(fees) == 1 else UNKNOWN


def price_at(prices: list[Event], event: Event, month_minor: int) -> Event | None:
    keys = ("scheme", "card_kind", "channel", "settlement_mode", "fee_class")
    best: tuple[int, int, int] | None = None
    found = None
    for price in prices:
        given = [name for name in keys if name in price]
        rank = len(given), price.get("amount_from", 0), price.get("month_from", 0)
        fits = all(event.get(name) == price[name] for name in given) and event["amount"] >= rank[1]
        if fits and month_minor >= rank[2] and (best is None or rank > best):
            best, found = rank, price
    return found


def month_range(merchant: Merchant, at_ms: int) -> tuple[int, float]:
    """Between what and what the month's sales before a payment were."""
    past, day = merchant.past, merchant.own_day(at_ms)
    date = EPOCH.date() + timedelta(days=day)
    first = day - date.day + 1
    last = max((each for each, _ in past.months or ()), default=0)
    held = [(each, minor) for each, minor in past.months or () if each > last - 40]
    before = sum(minor for each, minor in held if first <= each < day)
    so_far = before + sum(minor for each, minor in held if each == day)
    if past.months:
        whole = first >= past.months_since and first > last - 40
    else:
        whole = past.before_ms is None and not past.fee_day
    in_order = past.before_ms is None or at_ms >= past.before_ms
    return max(0, so_far if in_order else before), (max(0, so_far) if whole else math.inf)


def due_minor(price: Event, amount: int) -> int:
    part = (Decimal(amount) * price["rate_ppm"] / 1_000_000).to_integral_value(ROUND_HALF_UP)
    part = max(min(part, Decimal(price.get("cap", 10**18))), Decimal(price.get("minimum", 0)))
    return int(part) + int(price.get("fixed", 0))


def regulated_e7(merchant: Merchant, event: Event, at_ms: int, country: str) -> int:
    mccs = merchant.version_at(at_ms).get("mccs") or ([event["mcc"]] if "mcc" in event else [])
    if not mccs:
        return 0
    cost = interchange_cost(
        event["amount"], fee_class(mccs[0]), event.get("card_kind", ""), at_ms, scheme=event.get("scheme", ""),
        currency=event["currency"], issuer_country=event.get("issuer_country", country),
    )  # fmt: skip
    return int(cost.total * 10_000_000) if cost else 0
