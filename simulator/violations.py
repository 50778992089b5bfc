"""Violations of MCC, number or fee, from the sales that were drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.draw import MISCHARGED, SETTLEMENT, UNDONE, VIOLATION
from simulator.leakage import leakage_minor
from simulator.mccs import median_log_ratio
from simulator.table import FEE_KINDS, FEE_SCOPES, IN_CHANNEL, JUMP_KINDS
from simulator.trades import TRADES
from simulator.truth import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from simulator.merchants import Merchants

    TxnIds = Callable[[NDArray[np.uint64]], tuple[str, ...]]
    Details = dict[str, str | int | float]


def mcc_violation(merchants: Merchants, i: int, sales: NDArray[np.void], txn_ids: TxnIds) -> Violation:
    """The violation of merchant `i` by its approved purchases (`simulator.draw.EVENT`), each once, by receipt.

    Settlements may come with them.
    """
    row = merchants.table[i]
    sales = sales[sales["flags"] & SETTLEMENT == 0]
    kind = JUMP_KINDS[row["jump_kind"]]
    within = (sales["event_ms"] >= row["jump_onset_ms"]) & (sales["event_ms"] < row["jump_end_ms"])
    hits, approved = sales[sales["flags"] & VIOLATION > 0], int(within.sum())
    effect, unit = float(row["jump_share"]), "share of sales"
    if kind == "static":
        effect, unit = abs(median_log_ratio(row)), "ticket ratio"
    elif kind == "drift":
        effect = len(hits) / max(1, approved)
    return Violation(
        merchant_id=merchants.merchant_id(i),
        merchant_index=i,
        category="mcc",
        kind=kind,
        onset_ms=int(row["jump_onset_ms"]),
        end_ms=int(row["jump_end_ms"]),
        effect=effect,
        effect_unit=unit,
        txn_ids=txn_ids(hits["id"]),
        transactions=len(hits),
        amount_minor=int(hits["amount"].sum()),
        money_minor=_leakage_minor(row, kind, hits),
        details={"approved": approved, **_mcc_details(row, kind)},
    )


def _leakage_minor(row: np.void, kind: str, hits: NDArray[np.void]) -> int | None:
    if kind in {"special_fee_type", "rotation"}:
        return None
    due = TRADES[row["trade"]].mcc if kind == "static" else int(row["mcc0"])
    return max(0, leakage_minor(hits, due, int(row["jump_mcc"])))  # a never-seen MCC may be of a dearer class


def _mcc_details(row: np.void, kind: str) -> Details:
    registered = f"{row['mcc0']:04}"
    if kind == "special_fee_type":
        return {"registered": "00", "presented": "03"}
    if kind == "rotation":
        place = "channel_merchant_id" if row["number_place"] == IN_CHANNEL else "acceptor_id"
        return {"registered": registered, "presented": registered, "numbers": int(row["numbers"]), "place": place}
    out: Details = {"registered": registered, "presented": f"{row['jump_mcc']:04}"}
    if kind == "static":
        out |= {"true_mcc": f"{TRADES[row['trade']].mcc:04}", "median_log_ratio": median_log_ratio(row)}
    if kind == "drift":
        out |= {"final_share": float(row["jump_share"]), "at": "terminal" if row["drift_terminal"] else "mix"}
    return out


def fee_violation(merchants: Merchants, i: int, charged: NDArray[np.void], txn_ids: TxnIds) -> Violation:
    """The violation of merchant `i` by its records, each once, by receipt.

    Those that carry fees are purchases or settlements.
    """
    row = merchants.table[i]
    onset_ms, end_ms = int(row["fee_onset_ms"]), int(row["fee_end_ms"])
    if (
        FEE_KINDS[row["fee_kind"]] == "contract_rise"
    ):  # the deed is the version, which can be seen before it takes effect
        onset_ms = min(onset_ms, int(row["contract_received_ms"]))
    hits = charged[charged["flags"] & MISCHARGED > 0]
    off = np.abs(hits["fee"].astype("i8") - hits["due"])
    details: Details = {"size": float(row["fee_size"]), "scope": FEE_SCOPES[row["fee_scope"]]}
    if row["notice_ms"]:
        details["notice_from"] = int(row["notice_ms"])
    if FEE_KINDS[row["fee_kind"]] == "contract_rise":
        details["effective_from"] = int(row["fee_onset_ms"])
    return Violation(
        merchant_id=merchants.merchant_id(i),
        merchant_index=i,
        category="fee",
        kind=FEE_KINDS[row["fee_kind"]],
        onset_ms=onset_ms,
        end_ms=end_ms,
        effect=float(off.sum() / max(1, hits["due"].sum())),
        effect_unit="share of due",
        txn_ids=txn_ids(hits["id"]),
        transactions=len(hits),
        amount_minor=int(hits["amount"].sum()),
        money_minor=int(off[hits["flags"] & UNDONE == 0].sum()),
        details=details,
    )
