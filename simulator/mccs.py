"""Who deviates from its MCC or its number, how, from when to when; and who does the like lawfully."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.table import IN_ACCEPTOR, IN_CHANNEL, JUMP_KINDS, NEVER_MS, SAME_CHANNEL, Draws, PlannedLookAlike
from simulator.trades import CHEAPER, FEE_CLASS_OF, HIGH_RISK, TRADES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from simulator.config import SimulationConfig

_TRADE_OF = {trade.mcc: trade for trade in TRADES}
_TRADED = tuple(mcc for mcc in CHEAPER[0] if mcc in _TRADE_OF)
"""Cheaper MCCs that honest merchants of the simulation have too."""


def plan_mccs(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Fill in the columns of `table` (`MERCHANT`) that say what the MCCs and numbers do."""
    for column in ("jump_onset_ms", "jump_end_ms", "change_ms", "change_received_ms", "number_ms"):
        table[column] = NEVER_MS
    _plan_jumps(table, draws, config)
    _plan_static(table, draws, config)
    _plan_rotation(table, draws, config)
    _plan_drift(table, draws, config)
    _plan_never_seen(table, draws, config)
    _plan_changes(table, draws, config)
    _plan_look_alikes(table, draws, config)


def _fee_class(table: NDArray[np.void]) -> NDArray[np.int64]:
    """Fee class of each merchant's true trade."""
    return np.asarray(np.array([trade.fee_class for trade in TRADES])[table["trade"]], np.int64)


def _honest(table: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.asarray(table["jump_kind"] == 0)


def median_log_ratio(row: np.void) -> float:
    """Natural logarithm of the merchant's median ticket against that of its registered MCC's trade."""
    median_yuan = TRADES[row["trade"]].median_yuan * float(row["scale"])
    return float(np.log(median_yuan / _TRADE_OF[int(row["mcc0"])].median_yuan))


def _plan_jumps(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose who jumps, how, from when to when, how often and to what."""
    gains = _fee_class(table) < 2
    span = config.end_ms - config.start_ms
    onset, length, ends = draws.uniform(30), draws.uniform(31), draws.uniform(32)
    share, target = draws.uniform(33), draws.uniform(34)
    kinds = draws.choice(35, [4, 2, 2, 2]) + 1
    for i in draws.some(36, gains, config.jump_share, least=1):
        row = table[i]
        row["jump_kind"] = kinds[i]
        row["jump_share"] = 0.02 * 40.0 ** share[i]
        row["jump_onset_ms"] = config.start_ms + int(span * (0.1 + 0.5 * onset[i]))
        rest = config.end_ms - int(row["jump_onset_ms"])
        row["jump_end_ms"] = config.end_ms if ends[i] < 0.7 else config.end_ms - int(0.6 * rest * length[i])
        own = {int(row["mcc0"]), int(row["mcc1"]), int(row["mcc2"]), int(row["channel_mcc"])}
        choices = [mcc for mcc in CHEAPER[TRADES[row["trade"]].fee_class] if mcc not in own]
        row["jump_mcc"] = choices[int(target[i] * len(choices))]
        if row["jump_kind"] == JUMP_KINDS.index("channel_mcc"):
            row["channel_mcc"] = SAME_CHANNEL
        if row["jump_kind"] == JUMP_KINDS.index("special_fee_type"):
            row["special_fee"], row["jump_mcc"] = 0, 0


def _plan_static(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose who is registered under a cheaper MCC than its trade's, from the start."""
    target = draws.uniform(50)
    for i in draws.some(51, _honest(table) & (_fee_class(table) == 0), config.static_share):
        row = table[i]
        row["jump_kind"] = JUMP_KINDS.index("static")
        row["mcc0"] = row["jump_mcc"] = _TRADED[int(target[i] * len(_TRADED))]
        row["mccs"], row["mcc1"], row["mcc2"], row["jump_share"] = 1, 0, 0, 1.0
        row["channel_mcc"] = min(int(row["channel_mcc"]), 0)
        row["jump_onset_ms"], row["jump_end_ms"] = config.start_ms, config.end_ms


def _plan_rotation(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose whose number rotates within a pool: half from the start, the others from some moment on."""
    onset, size, share, place = (draws.uniform(question) for question in (52, 53, 54, 55))
    for i in draws.some(56, _honest(table), config.rotation_share):
        row = table[i]
        row["jump_kind"] = JUMP_KINDS.index("rotation")
        row["numbers"] = 4 + int(size[i] * 17)
        row["jump_share"] = 0.05 * 20.0 ** share[i]
        row["jump_onset_ms"] = _moment(config, max(0.0, onset[i] - 0.5) * 1.2)
        row["jump_end_ms"] = config.end_ms
        _place(row, IN_CHANNEL if place[i] < 0.5 else IN_ACCEPTOR)


def _plan_drift(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose whose sales move to the cheaper of their two MCCs: to its terminals, or under it at any terminal."""
    onset, ramp, share, target, how = (draws.uniform(question) for question in (57, 58, 59, 60, 61))
    for i in draws.some(62, _honest(table) & (_fee_class(table) == 0), config.drift_share):
        row = table[i]
        row["jump_kind"] = JUMP_KINDS.index("drift")
        _add_cheaper(row, target[i])
        row["jump_mcc"] = row["mcc1"]
        row["drift_terminal"] = how[i] < 0.5
        row["jump_share"] = 0.1 * 9.7 ** share[i]
        row["jump_onset_ms"] = _moment(config, 0.1 + 0.5 * onset[i])
        row["jump_end_ms"] = config.end_ms
        row["ramp_ms"] = int((config.end_ms - config.start_ms) * 0.3 * ramp[i])


def _plan_never_seen(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose who after half of the run shows an MCC it never had: half of them one of a high-risk trade."""
    onset, share, risky, target = (draws.uniform(question) for question in (80, 81, 82, 83))
    for i in draws.some(84, _honest(table), config.never_seen_share, least=1):
        row = table[i]
        row["jump_kind"] = JUMP_KINDS.index("never_seen")
        row["jump_share"] = 0.05 * 20.0 ** share[i]
        row["jump_onset_ms"], row["jump_end_ms"] = _moment(config, 0.5 + 0.3 * onset[i]), config.end_ms
        own = {int(row["mcc0"]), int(row["mcc1"]), int(row["mcc2"]), int(row["channel_mcc"])}
        choices = HIGH_RISK if risky[i] < 0.5 else [trade.mcc for trade in TRADES if trade.mcc not in own]
        row["jump_mcc"] = choices[int(target[i] * len(choices))]


def _moment(config: SimulationConfig, part: float) -> int:
    return config.start_ms + int((config.end_ms - config.start_ms) * part)


def _place(row: np.void, place: int) -> None:
    """Set where the merchant's other numbers appear."""
    row["number_place"] = place
    if place == IN_CHANNEL and not row["channel_mcc"]:
        row["channel_mcc"] = SAME_CHANNEL


def _add_cheaper(row: np.void, u: float) -> None:
    """Register a cheaper MCC beside the first."""
    row["mccs"], row["mcc1"], row["mcc2"] = 2, _TRADED[int(u * len(_TRADED))], 0
    row["channel_mcc"] = min(int(row["channel_mcc"]), 0)


def _plan_changes(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose whose MCC changes lawfully; three in ten changes are told after they took effect."""
    if not config.master_data:
        return
    span = config.end_ms - config.start_ms
    when, told, cheaper, target = (draws.uniform(question) for question in (40, 41, 42, 43))
    for i in draws.some(44, _honest(table) & (table["mccs"] == 1), config.mcc_change_share, least=1):
        row = table[i]
        mcc = int(row["mcc0"])
        gain = CHEAPER[FEE_CLASS_OF[mcc]] if cheaper[i] < 0.5 else ()
        choices = [each for each in gain or [trade.mcc for trade in TRADES] if each != mcc]
        row["changed_mcc"] = choices[int(target[i] * len(choices))]
        row["change_ms"] = config.start_ms + int(span * (0.2 + 0.5 * when[i]))
        lead = -0.15 if told[i] < 0.7 else 0.05
        row["change_received_ms"] = int(row["change_ms"]) + int(lead * span * (0.1 + 0.9 * when[i]))


def _plan_look_alikes(table: NDArray[np.void], draws: Draws, config: SimulationConfig) -> None:
    """Choose who lawfully has two numbers, gets a new one, or has a cheaper MCC for some of its terminals."""
    when, place, target = (draws.uniform(question) for question in (70, 71, 72))
    plain = _honest(table) & (table["change_ms"] == NEVER_MS)
    for i in draws.some(73, plain, config.look_alike_share):
        table[i]["numbers"] = 1
        _place(table[i], IN_CHANNEL)
    for i in draws.some(74, plain & (table["numbers"] == 0), config.look_alike_share):
        table[i]["number_ms"] = _moment(config, 0.2 + 0.5 * when[i])
        _place(table[i], IN_CHANNEL if place[i] < 0.5 else IN_ACCEPTOR)
    for i in draws.some(75, plain & (table["mccs"] == 1) & (_fee_class(table) == 0), config.look_alike_share):
        _add_cheaper(table[i], target[i])


def mcc_look_alikes(table: NDArray[np.void], config: SimulationConfig) -> list[PlannedLookAlike]:
    """What resembles a violation of MCC or number and is none, by kind and merchant."""
    out, honest, start = [], _honest(table), config.start_ms
    for i in np.flatnonzero(table["change_ms"] != NEVER_MS):
        effective, told = int(table["change_ms"][i]), int(table["change_received_ms"][i])
        out.append(
            PlannedLookAlike(int(i), "mcc_change_told_late" if told > effective else "mcc_change", effective, told)
        )
    if config.master_data:
        several, approved = honest & (table["mccs"] > 1), honest & (table["channel_mcc"] > 0)
        out += [PlannedLookAlike(int(i), "several_mccs", start, start) for i in np.flatnonzero(several)]
        out += [PlannedLookAlike(int(i), "approved_channel", start, start) for i in np.flatnonzero(approved)]
    else:
        several = honest & (table["mccs"] > 1)
        out += [PlannedLookAlike(int(i), "mccs_since_start", start, start) for i in np.flatnonzero(several)]
    out += [PlannedLookAlike(int(i), "two_numbers", start, 0) for i in np.flatnonzero(honest & (table["numbers"] > 0))]
    for i in np.flatnonzero(table["number_ms"] != NEVER_MS):
        out.append(PlannedLookAlike(int(i), "number_change", int(table["number_ms"][i]), 0))
    return out
