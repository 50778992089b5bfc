"""What each merchant's contract says, who is overcharged and how, and whose contract changes lawfully."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.table import (
    CONTRACT_CHANGES,
    FEE_HOSTS,
    FEE_KINDS,
    FEED,
    NEVER_MS,
    PRICES,
    Draws,
    PlannedLookAlike,
)
from simulator.trades import FEE_CLASS_OF, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

NOTICE_DAYS = 30
"""Days of public notice before a fee may change (rules to State Council order 768)."""
RATES = ("credit_ppm", "debit_ppm", "wallet_ppm", "low_ppm")
_WALLET_PPM = 3_800
_TIER_FEN, _TIER_PPM = 100_001, 3_800
_MINIMUM_FEN = 8
_SMALL_YUAN = 10
_KIND, _CHANGE = FEE_KINDS.index, CONTRACT_CHANGES.index


def plan_fees(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> NDArray[np.void]:
    """Fill in the columns of `table` (`MERCHANT`) about fees; both versions of the contracts, shape (merchants, 2)."""
    for column in ("fee_onset_ms", "fee_end_ms", "contract_ms", "contract_received_ms"):
        table[column] = NEVER_MS
    prices = np.zeros((len(table), 2), PRICES)
    prices[:, 0] = _first_prices(table, draws)
    prices[:, 1] = prices[:, 0]
    table["d0_share"] = draws.spread(80, 0.1, 0.7)
    table["fee_returned"] = draws.uniform(81) < 0.1
    if config.fees != "none":
        _plan_violations(table, prices, draws, config)
        _plan_first_use(table, draws, config)
        if config.contracts:
            _plan_changes(table, prices, draws, config)
        _plan_hosts(table, draws, config)
    return prices


def plan_falls(table: NDArray[np.void], busy: NDArray[np.bool_], config: SimulationConfig) -> None:
    """Choose who is charged too little, how, how much and from when on, among those that are not `busy` otherwise."""
    if config.fees == "none":
        return
    draws = Draws(config.seed, len(table))
    kind, onset, scope, often = (draws.uniform(question) for question in (421, 422, 423, 424))
    fall, step = draws.spread(425, 0.02, 0.8), draws.spread(426, 0.005, 0.1)
    honest = (table["jump_kind"] == 0) & (table["fee_kind"] == 0) & (table["change_ms"] == NEVER_MS)
    honest &= (table["contract_change"] == 0) & (table["fee_host"] == 0) & (_fee_class(table) < 2) & ~busy
    for i in draws.some(427, honest, config.fall_share):
        row, slow = table[i], kind[i] < 0.4
        row["fee_kind"] = _KIND("slow_fall" if slow else "rate_fall")
        row["fee_size"] = step[i] if slow else fall[i]
        row["fee_onset_ms"], row["fee_end_ms"] = _midnight(row, config, 0.1 + 0.5 * onset[i]), config.end_ms
        if slow:
            row["fee_step_ms"] = (1 + int(often[i] * 4)) * DAY_MS
        else:
            row["fee_scope"] = int(2 * scope[i])


def _plan_hosts(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose whose fees come by another host's rounding, with tax, or with a line for settlement on the same day."""
    for k, host in enumerate(FEE_HOSTS[1:]):
        plain = (table["fee_kind"] == 0) & (table["fee_host"] == 0) & (table["fee_returned"] == 0)
        plain &= (table["jump_kind"] == 0) & (_fee_class(table) < 2)
        if host == "fee_instant":
            plain &= table["mode"] == 1
        for i in draws.some(430 + k, plain, config.look_alike_share):
            table["fee_host"][i] = FEE_HOSTS.index(host)


def _fee_class(table: NDArray[np.void]) -> NDArray[np.int64]:
    of_mcc = np.zeros(10_000, np.int64)
    of_mcc[list(FEE_CLASS_OF)] = list(FEE_CLASS_OF.values())
    return np.asarray(of_mcc[table["mcc0"]], np.int64)


def _first_prices(table: NDArray[np.void], draws: Draws) -> NDArray[np.void]:
    """Prices by the class of the registered MCC, in steps of 0.01 % and whole yuan."""
    out = np.zeros(len(table), PRICES)
    fee_class = _fee_class(table)
    standard, free = fee_class == 0, fee_class == 2
    d0 = table["mode"] == 1

    def steps(question: int, low: int, high: int, step: int) -> NDArray[np.int64]:
        places = (high - low) // step + 1
        return low + step * np.floor(draws.uniform(question) * places).astype(np.int64)

    out["credit_ppm"] = np.where(standard, steps(82, 5500, 6500, 100), np.where(free, 0, steps(83, 3000, 3800, 100)))
    out["debit_ppm"] = np.where(standard, np.minimum(steps(84, 4500, 5500, 100), out["credit_ppm"]), out["credit_ppm"])
    out["debit_cap"] = np.where(standard, steps(85, 1800, 2500, 100), 0)
    out["wallet_ppm"] = _WALLET_PPM
    tiered = standard & ~d0 & (draws.uniform(86) < 0.08)
    out["tier_from"], out["low_ppm"] = np.where(tiered, _TIER_FEN, 0), np.where(tiered, _TIER_PPM, 0)
    out["minimum"] = np.where(~free & (draws.uniform(87) < 0.1), _MINIMUM_FEN, 0)
    by_rate = draws.uniform(88) < 0.5
    out["d0_ppm"] = np.where(d0 & by_rate, steps(89, 200, 1000, 100), 0)
    out["d0_fixed"] = np.where(d0 & ~by_rate, steps(90, 100, 300, 50), 0)
    return out


def cap_binds(table: NDArray[np.void], prices: NDArray[np.void]) -> NDArray[np.bool_]:
    """Whose debit cap is reached by at least one in fifty of its tickets that are not list prices."""
    mu, sigma = (np.array([getattr(trade, name) for trade in TRADES]) for name in ("median_yuan", "sigma"))
    reached = 100 * mu[table["trade"]] * table["scale"] * np.exp(2.0 * sigma[table["trade"]])
    cap, rate = prices["debit_cap"][:, 0], prices["debit_ppm"][:, 0]
    return np.asarray((cap > 0) & (reached * rate > cap * 1e6), np.bool_)


def _plan_violations(table: NDArray[np.void], prices: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose who is overcharged, how, how much and from when to when."""
    kind, onset, scope, ends = (draws.uniform(question) for question in (91, 92, 93, 94))
    rise, fixed, step = draws.spread(95, 0.02, 4.0), draws.spread(96, 10, 500), draws.spread(97, 0.005, 0.1)
    capped = cap_binds(table, prices)
    eligible = (_fee_class(table) < 2) & (table["jump_kind"] == 0) & (table["change_ms"] == NEVER_MS)
    for i in draws.some(98, eligible, config.fee_share):
        row = table[i]
        choices = ["rate_rise", "fixed_part", "slow_rise", "rate_rise"]
        choices += ["contract_rise"] * config.contracts + ["cap_ignored"] * 3 * int(capped[i])
        name = choices[int(kind[i] * len(choices))]
        row["fee_kind"] = _KIND(name)
        row["fee_size"] = {"fixed_part": np.rint(fixed[i]), "slow_rise": step[i], "cap_ignored": 0.0}.get(name, rise[i])
        row["fee_onset_ms"] = _midnight(row, config, 0.1 + 0.5 * onset[i])
        row["fee_end_ms"] = config.end_ms
        if name == "rate_rise":
            row["fee_scope"] = 2 if row["mode"] == 1 and scope[i] < 0.5 else int(2 * scope[i])
        if name == "slow_rise":
            row["fee_step_ms"] = (1 + int(ends[i] * 4)) * DAY_MS
        if name == "contract_rise":
            _tell_late(row, prices[i], config, ends[i])


def _tell_late(row: np.void, prices: NDArray[np.void], config: SimulationConfig, u: float) -> None:
    """Plan a dearer contract from the onset on; three in ten without notice, the others with 0 to 25 days of it."""
    row["contract_ms"] = row["fee_onset_ms"]
    row["contract_received_ms"] = int(row["contract_ms"]) - int(u * (int(row["contract_ms"]) - config.start_ms))
    _raise(prices, float(row["fee_size"]))
    if u >= 0.3:
        row["notice_ms"] = int(row["contract_ms"]) - int((u - 0.3) / 0.7 * 25 * DAY_MS)
        # Thirty days after the notice it is due.
        row["fee_end_ms"] = min(config.end_ms, int(row["notice_ms"]) + NOTICE_DAYS * DAY_MS)


def _plan_first_use(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Three in ten of those that may settle on the same day do so for the first time during the run."""
    first = (table["mode"] == 1) & (table["jump_kind"] == 0) & (table["fee_kind"] == 0) & (draws.uniform(100) < 0.3)
    when = draws.uniform(101)
    for i in np.flatnonzero(first).tolist():
        table["d0_ms"][i] = _midnight(table[i], config, 0.2 + 0.5 * when[i])


def _plan_changes(table: NDArray[np.void], prices: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose whose contract gets dearer after 30 to 60 days' notice, and whose gets cheaper without any."""
    when, notice, lead = (draws.uniform(question) for question in (102, 103, 104))
    rise, fall = draws.spread(105, 0.02, 1.0), draws.spread(106, 0.02, 0.5)
    for change in CONTRACT_CHANGES[1:]:
        dearer = change == "noticed_rise"
        plain = (_fee_class(table) < 2) & (table["jump_kind"] == 0) & (table["fee_kind"] == 0)
        for i in draws.some(107, plain & (table["contract_change"] == 0), config.look_alike_share):
            row = table[i]
            row["contract_change"] = _CHANGE(change)
            row["contract_ms"] = _midnight(row, config, 0.2 + 0.5 * when[i])
            row["contract_received_ms"] = int(row["contract_ms"]) - int(
                lead[i] * (int(row["contract_ms"]) - config.start_ms)
            )
            if dearer:
                row["notice_ms"] = int(row["contract_ms"]) - int((NOTICE_DAYS + 30 * notice[i]) * DAY_MS)
            _raise(prices[i], rise[i] if dearer else -fall[i])


def _raise(prices: NDArray[np.void], size: float) -> None:
    """Set the rates of the second version to those of the first times 1 + `size`."""
    for rate in RATES:
        prices[1][rate] = round(int(prices[0][rate]) * (1.0 + size))


def _midnight(row: np.void, config: SimulationConfig, part: float) -> int:
    """The merchant's midnight before `part` of the run has passed; that very moment in a run too short for one."""
    moment = config.start_ms + int((config.end_ms - config.start_ms) * part)
    offset = int(row["offset_h"]) * HOUR_MS
    midnight = (moment + offset) // DAY_MS * DAY_MS - offset
    return midnight if midnight > config.start_ms else moment


def price_lines(prices: np.void) -> list[dict[str, Any]]:
    """The `prices` of a `contract` event that say what `prices` (`PRICES`) do: 4 lines, 8 with tiers or same-day."""
    groups: list[tuple[dict[str, Any], str, int]] = [({}, "credit_ppm", 0)]
    groups.append(({"card_kind": "debit"}, "debit_ppm", int(prices["debit_cap"])))
    groups += [({"scheme": scheme}, "wallet_ppm", 0) for scheme in ("alipay", "wechat")]
    out = []
    for keys, rate, cap in groups:
        given = {"cap": cap, "minimum": int(prices["minimum"])}
        rest = {name: value for name, value in given.items() if value}
        ppm, tier = int(prices[rate]), int(prices["tier_from"])
        if tier and "scheme" not in keys:
            out.append({**keys, "rate_ppm": int(prices["low_ppm"]), **rest})
            out.append({**keys, "amount_from": tier, "rate_ppm": ppm, **rest})
        else:
            out.append({**keys, "rate_ppm": ppm, **rest})
        if prices["d0_ppm"] or prices["d0_fixed"]:
            fixed = {"fixed": int(prices["d0_fixed"])} if prices["d0_fixed"] else {}
            out.append({**keys, "settlement_mode": "D0", "rate_ppm": ppm + int(prices["d0_ppm"]), **rest, **fixed})
    return out


def contract_record(
    merchant_id: str, prices: np.void, *, effective_ms: int, received_ms: int, notice_ms: int = 0
) -> bytes:
    """A `contract` event; without notice where `notice_ms` is 0."""
    event: dict[str, Any] = {"type": "contract", "merchant_id": merchant_id, "effective_from": effective_ms}
    if notice_ms:
        event["notice_from"] = notice_ms
    return msgspec.json.encode({**event, "prices": price_lines(prices), "received_at": received_ms, "feed": FEED})


def fee_look_alikes(
    table: NDArray[np.void], prices: NDArray[np.void], config: SimulationConfig
) -> list[PlannedLookAlike]:
    """What resembles an overcharge and is none, by kind and merchant; empty without fees."""
    if config.fees == "none":
        return []
    start = config.start_ms
    told = start - HOUR_MS if config.contracts else 0
    fair = table["fee_kind"] == 0
    out = []
    for change in CONTRACT_CHANGES[1:]:
        changed = np.flatnonzero(table["contract_change"] == _CHANGE(change))
        times = table[["contract_ms", "contract_received_ms"]][changed].tolist()
        out += [PlannedLookAlike(int(i), change, *each) for i, each in zip(changed, times, strict=True)]
    first_use = fair & (table["d0_ms"] > start)
    out += [PlannedLookAlike(int(i), "first_d0", int(table["d0_ms"][i]), told) for i in np.flatnonzero(first_use)]
    small = np.array([trade.median_yuan for trade in TRADES])[table["trade"]] <= _SMALL_YUAN
    from_start = {
        "capped_debit": cap_binds(table, prices),
        "rounding": small & (prices["credit_ppm"][:, 0] > 0),
        "minimum": prices["minimum"][:, 0] > 0,
        "tier": prices["tier_from"][:, 0] > 0,
    }
    for k, host in enumerate(FEE_HOSTS):
        from_start |= {host: table["fee_host"] == k} if host else {}
    if config.fees == "transaction":
        from_start["fee_returned"] = table["fee_returned"] > 0
    for kind, which in from_start.items():
        out += [PlannedLookAlike(int(i), kind, start, told) for i in np.flatnonzero(fair & which)]
    return out
