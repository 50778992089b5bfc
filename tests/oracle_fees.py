"""The slow oracle's part on fees: what a payment should have cost by contract, and the sums.

What is learned without a contract is not computed here: streams for the oracle give every payment with a fee a price,
and `tests/engine/test_tariffs.py` tries the learning by itself.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from domain.events import Role
from domain.interchange import interchange_cost
from domain.mcc import fee_class
from tests.oracle_state import is_approved, ms, role_of

if TYPE_CHECKING:
    from tests.oracle_state import Event, Merchant, Value

ALONE = (
    "fee_charged", "fee_rate_ppm", "fee_due", "fee_over", "fee_due_ppm", "fee_due_fixed", "fee_new_ppm",
    "fee_new_fixed", "fee_dearer_run", "fee_over_1d", "fee_over_count_1d", "fee_judged_1d", "fee_over_4w",
    "fee_over_share_28d", "contract_rise_ppm", "contract_notice_d", "contract_lead_d",
)  # fmt: skip
"""Null where a transaction has no fee."""
LEARNED = ("fee_due_fixed", "fee_new_ppm", "fee_new_fixed", "fee_dearer_run")
"""Always null here: every payment with a fee is priced."""
LEDGER = ("fees_charged_minor", "fees_priced_minor", "fees_due_minor", "fees_over_minor", "fees_interchange_e7")


def fee_columns(merchant: Merchant, event: Event, at_ms: int, country: str) -> dict[str, Value]:
    """The columns of one transaction; takes it into the merchant's sums."""
    found: dict[str, Value] = dict.fromkeys(ALONE) | {"fee_basis": 0}
    if "fee" in event and is_approved(event):
        if role_of(event) is Role.SALE:
            found |= judged(merchant, event, at_ms, country)
        elif role_of(event) is Role.REFUND:
            merchant.life["fees_charged_minor"] += event["fee"]
    return found | {name: merchant.life[name] for name in LEDGER}


def judged(merchant: Merchant, event: Event, at_ms: int, country: str) -> dict[str, Value]:
    past, fee, amount = merchant.past, event["fee"], event["amount"]
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
        price = price_for(merchant, event, at_ms)
        assert price is not None, "a payment with a fee must be priced in these streams"
        due = due_minor(price, amount)
        over = fee - due if fee - due > 1 else 0
        past.paid.append((day, over))
        merchant.life.update(fees_priced_minor=fee, fees_due_minor=due, fees_over_minor=over)
        found |= {"fee_basis": 1, "fee_due": due, "fee_over": fee - due, "fee_due_ppm": price["rate_ppm"]}
    last = past.fee_day
    today = [over for day, over in past.paid if day == last]
    weights = [(Decimal(2) ** (Decimal(day - last) / 28), over > 0) for day, over in past.paid]
    total = sum(weight for weight, _ in weights)
    return found | {
        "fee_over_1d": sum(today), "fee_over_count_1d": sum(over > 0 for over in today), "fee_judged_1d": len(today),
        "fee_over_4w": sum(over for day, over in past.paid if last // 7 - day // 7 < 4),
        "fee_over_share_28d": float(sum(weight for weight, dear in weights if dear) / total) if total else None,
    }  # fmt: skip


def price_for(merchant: Merchant, event: Event, at_ms: int) -> Event | None:
    """The price of the contract in force that applies to a payment."""
    known = [each for each in merchant.contracts if ms(each["effective_from"]) <= at_ms]
    version = max(reversed(known), key=lambda each: ms(each["effective_from"]), default=None)
    keys = ("scheme", "card_kind", "channel", "settlement_mode")
    best: tuple[int, int] | None = None
    found = None
    for price in version["prices"] if version else ():
        given = [name for name in keys if name in price]
        rank = len(given), price.get("amount_from", 0)
        fits = all(event.get(name) == price[name] for name in given) and event["amount"] >= rank[1]
        if fits and (best is None or rank > best):
            best, found = rank, price
    return found


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
