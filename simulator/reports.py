"""Reports on sales that come days to months later: of fraud, chargebacks, requests for slips; and where cards leak.

A report is drawn from its sale, so the sales are the same with and without. Reports come once a morning, in bulk; some
come twice, some are withdrawn, and some name a sale that never was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS
from simulator.draw import SCHEME_NAMES
from simulator.render import terminal_id
from simulator.table import FEED, Draws, mixed, uniform
from simulator.truth import LookAlike, Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

BACKGROUND_PPM = (200.0, 1_000.0)
"""Sales of an honest merchant that are reported as fraud, parts per million: between these, by merchant."""
DISPUTED_PPM, RETRIEVED_PPM = 100.0, 100.0
"""Honest sales that are charged back for another reason, and whose slip is asked for."""
COMPROMISED_SALES_A_DAY = 3.0
"""Least rate of a merchant whose cards leak: of rarer sales nothing could be told from chance."""
COMPROMISED_D = 28
COMPROMISED_SHARE = (0.2, 1.0)
"""How much of the sales at a compromised point is fraud."""
STOLEN_CARD_SHARE, STOLEN_CARD_SALES = 0.005, 5.0
"""Honest merchants at which one stolen card is used several times on one day, and how often."""
CHARGED_BACK, DOUBLED, WITHDRAWN, UNKNOWN = 0.3, 0.03, 0.03, 0.02
"""Shares of the reports of fraud: followed by a chargeback, sent twice, withdrawn, of a sale nobody knows."""


@dataclass(frozen=True, slots=True)
class Compromise:
    """A merchant whose cards are misused, at one of its terminals or (-1) at all."""

    merchant: int
    terminal: int
    from_ms: int
    until_ms: int
    share: float


Reported = tuple[int, int, bytes]
"""When a record is received, of which merchant, and the record."""


class ReportPlan:
    """Which merchants' cards leak, and what is reported of which sales."""

    def __init__(self, config: SimulationConfig, table: NDArray[np.void]) -> None:
        self._config = config
        draws = Draws(config.seed, config.merchants)
        self.compromises = _compromises(config, table, draws)
        n = len(table)
        low, high = BACKGROUND_PPM
        self._background = (low + (high - low) * draws.uniform(300)) * 1e-6
        self._from, self._until = np.full(n, 2**62), np.zeros(n, np.int64)
        self._terminal, self._share = np.full(n, -1), np.zeros(n)
        for each in self.compromises:
            self._from[each.merchant], self._until[each.merchant] = each.from_ms, each.until_ms
            self._terminal[each.merchant], self._share[each.merchant] = each.terminal, each.share
        self._stolen_day = np.zeros(n, np.int64)
        first = config.start_ms // DAY_MS
        honest = self._share == 0
        for i in draws.some(301, honest & (table["rate"] >= STOLEN_CARD_SALES), STOLEN_CARD_SHARE):
            self._stolen_day[i] = first + int(config.days * draws.uniform(302)[i])
        self._stolen = np.minimum(STOLEN_CARD_SALES / np.maximum(table["rate"], 1.0), 1.0)

    def leaking(self, sales: NDArray[np.void]) -> NDArray[np.bool_]:
        """Which sales (`simulator.draw.EVENT`) are made with cards that leaked, of the compromised points."""
        i, ms = sales["merchant"], sales["event_ms"]
        where = (self._terminal[i] < 0) | (self._terminal[i] == sales["terminal"])
        within = where & (ms >= self._from[i]) & (ms < self._until[i])
        return np.asarray(within & (self._chance(sales, 310) < self._share[i]))

    def frauds(self, sales: NDArray[np.void]) -> NDArray[np.bool_]:
        """Which sales are reported as fraud, wherever."""
        i = sales["merchant"]
        stolen = (self._stolen_day[i] == sales["event_ms"] // DAY_MS) & (self._chance(sales, 311) < self._stolen[i])
        return np.asarray(self.leaking(sales) | stolen | (self._chance(sales, 312) < self._background[i]))

    def told(self, sales: NDArray[np.void]) -> NDArray[np.bool_]:
        """Which sales anything is reported of."""
        others = self._chance(sales, 313) < (DISPUTED_PPM + RETRIEVED_PPM) * 1e-6
        return np.asarray(self.frauds(sales) | others)

    def _chance(self, sales: NDArray[np.void], question: int) -> NDArray[np.float64]:
        return uniform(mixed(sales["id"] + np.uint64(self._config.seed)), question)

    def records(
        self, sales: NDArray[np.void], txn_ids: tuple[str, ...], merchant_id: Callable[[int], str]
    ) -> list[Reported]:
        """The records on sales that something is told of, in no order."""
        out: list[Reported] = []
        frauds, asked = self.frauds(sales), self._chance(sales, 314)
        chances = np.stack([self._chance(sales, 320 + k) for k in range(6)], axis=1)
        for k, sale in enumerate(sales):
            written = _Writer(self._config, sale, txn_ids[k], merchant_id(int(sale["merchant"])), chances[k])
            if frauds[k]:
                out += written.fraud()
            elif asked[k] < RETRIEVED_PPM / (DISPUTED_PPM + RETRIEVED_PPM):
                out.append(written.record("retrieval", 20, chances[k, 1]))
            else:
                out.append(written.record("chargeback", 30, chances[k, 1], reason_code="13.1"))
        return out

    def violations(
        self, leaked: NDArray[np.void], txn_ids: Callable[[NDArray[np.uint64]], tuple[str, ...]],
        merchant_id: Callable[[int], str],
    ) -> list[Violation]:  # fmt: skip
        """The compromised points, by the sales that were made with cards that leaked."""
        out = []
        for each in self.compromises:
            hits = leaked[leaked["merchant"] == each.merchant]
            number = "" if each.terminal < 0 else terminal_id(each.merchant, each.terminal)
            out.append(Violation(
                merchant_id=merchant_id(each.merchant), merchant_index=each.merchant, category="card",
                kind="compromised_terminal" if number else "compromised_merchant", onset_ms=each.from_ms,
                end_ms=each.until_ms, effect=each.share, effect_unit="share of sales", txn_ids=txn_ids(hits["id"]),
                transactions=len(hits), amount_minor=int(hits["amount"].sum()),
                money_minor=int(hits["amount"].sum()), details={"terminal_id": number} if number else {},
            ))  # fmt: skip
        return out

    def look_alikes(self, merchant_id: Callable[[int], str]) -> list[LookAlike]:
        """Days on which one stolen card is used several times at an honest merchant."""
        lag_ms = round(self._config.report_most_d * DAY_MS)
        return [
            LookAlike(
                merchant_id=merchant_id(i), merchant_index=i, category="card", kind="stolen_card",
                from_ms=int(self._stolen_day[i]) * DAY_MS, until_ms=(int(self._stolen_day[i]) + 1) * DAY_MS + lag_ms,
                told_ms=0,
            )
            for i in np.flatnonzero(self._stolen_day).tolist()
        ]  # fmt: skip


class _Writer:
    """Writes the records on one sale."""

    def __init__(
        self, config: SimulationConfig, sale: np.void, txn_id: str, merchant_id: str, chance: NDArray[np.float64]
    ) -> None:
        self._config, self._sale, self._chance = config, sale, chance
        scheme, number = SCHEME_NAMES[int(sale["scheme"])], terminal_id(int(sale["merchant"]), int(sale["terminal"]))
        self._known = {
            "merchant_id": merchant_id, "txn_id": txn_id, "amount": int(sale["amount"]), "currency": "CNY",
            "terminal_id": number, "original_time": int(sale["event_ms"]), "scheme": scheme, "feed": FEED,
        }  # fmt: skip

    def record(self, kind: str, after_d: float, spread: float, *, name: str = "", **more: Any) -> Reported:
        """A record that comes in the morning of a day, `after_d` days after the sale and up to as many more."""
        at_ms = int(self._sale["event_ms"] + after_d * (1 + spread) * DAY_MS) // DAY_MS * DAY_MS + HOUR_MS
        received_ms = at_ms + HOUR_MS // 2 + int(spread * HOUR_MS / 4)
        event = {"type": kind, "report_id": f"{kind[:2]}{self._known['txn_id']}{name}", "event_time": at_ms,
                 "received_at": received_ms, **self._known, **more}  # fmt: skip
        return received_ms, int(self._sale["merchant"]), msgspec.json.encode(event)

    def fraud(self) -> list[Reported]:
        """A report of fraud, and what else comes of it."""
        least, most = self._config.report_least_d, self._config.report_most_d
        after_d, u = least + (most - least) * float(self._chance[0]) ** 2, float(self._chance[2])
        out = [self.record("fraud_report", after_d, 0.0, reason_code="6")]
        if u < DOUBLED:
            received_ms, merchant, record = out[0]
            out.append((received_ms + DAY_MS, merchant, record))
        elif u < DOUBLED + WITHDRAWN:
            out.append(self.record("fraud_report", after_d + 10, 0.0, status="withdrawn"))
        elif u < DOUBLED + WITHDRAWN + UNKNOWN:
            out.append(self.record("fraud_report", after_d, 0.0, name="x", txn_id=f"x{self._known['txn_id']}"))
        if self._chance[3] < CHARGED_BACK:
            code = "10.4" if self._known["scheme"] == "visa" else "4837"
            out.append(self.record("chargeback", after_d + 10, float(self._chance[4]), reason_code=code))
        return out


def _compromises(config: SimulationConfig, table: NDArray[np.void], draws: Draws) -> tuple[Compromise, ...]:
    able = table["rate"] >= COMPROMISED_SALES_A_DAY
    when, where, which = draws.uniform(304), draws.uniform(305), draws.uniform(306)
    share, span = draws.spread(307, *COMPROMISED_SHARE), config.end_ms - config.start_ms
    out = []
    for i in draws.some(303, able, config.compromised_share):
        terminals = int(table["terminals"][i])
        at = int(which[i] * terminals) if terminals > 1 and where[i] < 0.5 else -1
        from_ms = config.start_ms + int(span * (0.1 + 0.4 * when[i]))
        until_ms = min(from_ms + COMPROMISED_D * DAY_MS, config.end_ms)
        out.append(Compromise(i, at, from_ms, until_ms, float(share[i])))
    return tuple(out)
