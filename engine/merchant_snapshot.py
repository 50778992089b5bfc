"""What a monitor remembers of one merchant, for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from engine.decoding.columns import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.alerts import Alert, Score
    from engine.episodes import Episodes
    from engine.features.families import Column
    from engine.features.partition import PartitionState
    from engine.features.pipeline import FeaturePipeline
    from engine.risk.ledger import Account, RiskLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantSnapshot:
    """A merchant's state, for people.

    Attributes:
        row: the merchant's row in the partition.
        clock_ms: event time of the latest transaction, UTC milliseconds; None before the first.
        watermark_ms: the greater of the merchant's and its feed's clock at the last accepted transaction.
        currency: currency of the transactions, "" before the first.
        time_zone: the merchant's time zone.
        deadline_ms: the next deadline; None if there is none.
        other_events: number of records other than transactions.
        versions: versions of the master data, the newest first.
        waiting: reversals that wait for their originals.
        episodes: open episodes, with their figures so far.
        score: risk score at the watermark; None without an account.
        account: the risk account; None before the first finding or override.
        risk_groups: the risk group of each detector, by the detector's name.
        blind_until_ms: by feature family that started anew, the clock up to which its columns are null.
        columns: every feature at the merchant's clock; features of a single transaction are null. Empty before the
            first transaction.
    """

    merchant_id: str
    row: int
    clock_ms: int | None
    watermark_ms: int
    currency: str
    time_zone: str
    deadline_ms: int | None
    other_events: int
    versions: tuple[dict[str, Any], ...]
    waiting: tuple[dict[str, int], ...]
    episodes: tuple[Alert, ...]
    score: Score | None
    account: Account | None
    risk_groups: Mapping[str, str]
    blind_until_ms: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[tuple[Column, int | float | None], ...] = ()


def snapshot_of(
    pipeline: FeaturePipeline, episodes: Episodes, risk: RiskLedger, merchant_row: int
) -> MerchantSnapshot:  # fmt: skip
    """What is remembered of the merchant in a row."""
    state, r = pipeline.state, merchant_row
    row, watermark_ms = state.rows.rows[r], int(state.rows.rows[r]["watermark_ms"])
    features = pipeline.snapshot(r) if row["started"] else {}
    return MerchantSnapshot(
        merchant_id=state.rows.id_of(r), row=r, clock_ms=int(row["clock_ms"]) if row["started"] else None,
        watermark_ms=watermark_ms, currency=unpack(int(row["currency"])),
        time_zone=state.zone_names[row["zone"]], deadline_ms=int(state.rows.deadlines[r]) or None,
        other_events=int(row["other_events"]), versions=tuple(_versions(state, int(row["master_data"]))),
        waiting=tuple(_waiting(state, int(row["pending"]))), episodes=tuple(episodes.open_of(r)),
        score=risk.score(r, watermark_ms) if risk.known(r) else None,
        account=risk.account(r) if risk.known(r) else None, risk_groups=risk.risk_groups,
        blind_until_ms=state.blindness.hidden(r, int(row["clock_ms"])),
        columns=tuple((each, features[each.name]) for each in pipeline.columns) if features else (),
    )  # fmt: skip


def _versions(state: PartitionState, k: int) -> list[dict[str, Any]]:
    found = []
    while k:
        it = state.master_data[k]
        found.append(
            {
                "effective_from_ms": int(it["effective_ms"]),
                "time_zone": None if it["zone"] < 0 else state.zone_names[it["zone"]],
                "mccs": [f"{each:04d}" for each in it["mccs"][: it["mcc_count"]].tolist()],
                "approved_channel_mccs": [f"{e:04d}" for e in it["channel_mccs"][: it["channel_count"]].tolist()],
                "special_fee_types": [f"{e:02d}" for e in it["fee_types"][: it["fee_type_count"]].tolist()],
            }
        )
        k = int(state.master_data_next[k])
    return found


def _waiting(state: PartitionState, k: int) -> list[dict[str, int]]:
    found = []
    while k:
        it = state.pending[k - 1]
        found.append({"deadline_ms": int(it["deadline_ms"]), "amount_minor": int(it["amount"])})
        k = int(it["next"])
    return found
