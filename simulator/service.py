"""What wants service, not suspicion: terminals that fail or fall silent, licences that expire, and complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from domain.timestamps import DAY_MS, HOUR_MS, MINUTE_MS
from simulator.render import terminal_id
from simulator.table import FAILING_SHARE, FEED, ILL_FAILING, ILL_KINDS, NEVER_MS, PlannedLookAlike
from simulator.truth import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulator.config import SimulationConfig
    from simulator.table import Draws

_ILL, _TERMINAL, _ONSET, _LENGTH, _LICENCE, _EXPIRY, _COMPLAINTS, _WHEN = range(700, 708)
"""Questions of this module."""
AHEAD_MS, AFTER_MS = 60 * DAY_MS, 30 * DAY_MS
"""How long before a licence expires somebody should be told, and after it."""


def plan_service(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose whose terminal fails, falls silent or is returned, and whose licence expires."""
    table["ill_from_ms"] = table["ill_until_ms"] = NEVER_MS
    if not config.service_share:
        return
    span_ms = config.end_ms - config.start_ms
    onset = config.start_ms + ((0.4 + 0.35 * draws.uniform(_ONSET)) * span_ms).astype(np.int64) // HOUR_MS * HOUR_MS
    eligible = (table["terminals"] > 1) & (table["jump_kind"] == 0) & (table["fee_kind"] == 0) & (table["mccs"] == 1)
    eligible &= table["rate"] >= 20
    chosen = draws.some(_ILL, eligible, min(1.0, 3 * config.service_share), least=3)
    for place, i in enumerate(chosen):
        kind = 1 + place % (len(ILL_KINDS) - 1)
        row = table[i]
        row["ill_kind"], row["ill_from_ms"] = kind, onset[i]
        row["ill_terminal"] = int(draws.uniform(_TERMINAL)[i] * row["terminals"])
        days = 2 + int(6 * draws.uniform(_LENGTH)[i])
        row["ill_until_ms"] = onset[i] + days * DAY_MS if kind == ILL_FAILING else config.end_ms
    expiring = draws.some(
        _LICENCE, np.full(len(table), config.master_data), min(1.0, 2 * config.service_share), least=2
    )
    for place, i in enumerate(expiring):
        early_ms = int(draws.uniform(_EXPIRY)[i] * (span_ms // HOUR_MS)) * HOUR_MS
        table["licence_ms"][i] = config.start_ms + AHEAD_MS // 2 + early_ms
        if place % 2:  # renewed in time: a day before anybody would ask
            table["licence_ms"][i] = config.start_ms + AHEAD_MS + 2 * DAY_MS + early_ms
            table["licence_renewed_ms"][i] = table["licence_ms"][i] - AHEAD_MS - DAY_MS


def service_records(
    table: NDArray[np.void], numbers: list[str], draws: Draws, config: SimulationConfig
) -> list[tuple[int, int, bytes]]:
    """Terminals that are returned, and complaints: when each is received, of which merchant, and the record."""
    out: list[tuple[int, int, bytes]] = []
    if not config.service_share:
        return out

    def add(i: int, at_ms: int, received_ms: int, **event: Any) -> None:
        when = "effective_from" if event["type"] == "terminal" else "event_time"
        said = {"merchant_id": numbers[i], when: at_ms, **event, "received_at": received_ms, "feed": FEED}
        if received_ms < config.end_ms:
            out.append((received_ms, i, msgspec.json.encode(said)))

    for i in map(int, np.flatnonzero(table["ill_kind"] == ILL_KINDS.index("terminal_returned"))):
        returned = terminal_id(i, int(table["ill_terminal"][i]))
        at_ms = int(table["ill_from_ms"][i])
        add(i, at_ms, at_ms + HOUR_MS, type="terminal", terminal_id=returned, terminal_status="returned")
    grumbling = draws.some(_COMPLAINTS, table["fee_kind"] == 0, config.service_share)
    of_fees = np.flatnonzero(table["fee_kind"] > 0).tolist()
    when = draws.uniform(_WHEN)
    for i in sorted([*grumbling, *of_fees]):
        begin_ms = int(table["fee_onset_ms"][i]) if i in of_fees else config.start_ms
        at_ms = begin_ms + int(when[i] * 0.5 * max(config.end_ms - begin_ms, 0))
        late_ms = int(when[i] * 1e6) % 10 * DAY_MS // 2
        for _ in range(2 if int(when[i] * 1e5) % 5 == 0 else 1):  # one in five comes twice
            about = "fee" if i in of_fees else "attitude"
            add(i, at_ms, at_ms + late_ms + MINUTE_MS, type="complaint", reason_code=about, channel="hotline")
    return out


def service_cases(
    table: NDArray[np.void], merchant_id: Callable[[int], str], config: SimulationConfig
) -> list[Violation]:
    """What a monitor should find and call service: the terminals that fail or fall silent, the licences that expire."""
    out = []
    for i in map(int, np.flatnonzero((table["ill_kind"] > 0) & (table["ill_kind"] < len(ILL_KINDS) - 1))):
        row = table[i]
        kind, days = ILL_KINDS[row["ill_kind"]], (row["ill_until_ms"] - row["ill_from_ms"]) / DAY_MS
        failing = row["ill_kind"] == ILL_FAILING
        effect, unit = (FAILING_SHARE, "share of attempts") if failing else (float(days), "days")
        details: dict[str, str | int | float] = {
            "terminal_id": terminal_id(i, int(row["ill_terminal"])),
            "terminals": int(row["terminals"]),
        }
        span = int(row["ill_from_ms"]), min(int(row["ill_until_ms"]), config.end_ms)
        out.append(_case(i, merchant_id(i), kind, span, (effect, unit), details))
    for i in map(int, np.flatnonzero((table["licence_ms"] > 0) & (table["licence_renewed_ms"] == 0))):
        expires_ms = int(table["licence_ms"][i])
        span = max(expires_ms - AHEAD_MS, config.start_ms), min(expires_ms + AFTER_MS, config.end_ms)
        out.append(_case(i, merchant_id(i), "licence_expiry", span, (1.0, "licences"), {"expires_ms": expires_ms}))
    return out


def _case(
    i: int, merchant_id: str, kind: str, span: tuple[int, int], effect: tuple[float, str],
    details: dict[str, str | int | float],
) -> Violation:  # fmt: skip
    return Violation(
        merchant_id=merchant_id, merchant_index=i, category="service", kind=kind, onset_ms=span[0], end_ms=span[1],
        effect=effect[0], effect_unit=effect[1], txn_ids=(), transactions=0, amount_minor=0, money_minor=None,
        details=details,
    )  # fmt: skip


def service_look_alikes(table: NDArray[np.void]) -> list[PlannedLookAlike]:
    """Terminals that were returned, and licences that were renewed in time."""
    returned = np.flatnonzero(table["ill_kind"] == ILL_KINDS.index("terminal_returned")).tolist()
    renewed = np.flatnonzero(table["licence_renewed_ms"] > 0).tolist()
    out = [
        PlannedLookAlike(i, "terminal_returned", int(table["ill_from_ms"][i]), int(table["ill_from_ms"][i]) + HOUR_MS)
        for i in returned
    ]
    told = ((i, int(table["licence_renewed_ms"][i])) for i in renewed)
    return out + [PlannedLookAlike(i, "licence_renewed", at_ms, at_ms) for i, at_ms in told]
