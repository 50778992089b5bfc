"""Reads the approved sales of a file of events, through the same door as the monitor: `FeaturePipeline`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from domain.errors import TillwatchError
from domain.events import CARD_KINDS, Role
from domain.timestamps import DAY_MS, HOUR_MS
from engine.decoding.columns import MISSING
from streams.files.reading import Door
from tillwatch.inputs import opened
from tillwatch.monitors import replaying_pipeline
from tillwatch.replay import batches
from tillwatch.show import Bar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.alerts import DeadLetter
    from engine.features.feature_rows import FeatureRows
    from tillwatch.settings import Settings

_NO_MCC = -1
_CARD_KINDS = pd.Index(["", *CARD_KINDS])


@dataclass(frozen=True, slots=True)
class Sales:
    """The approved sales of a file that were not reversed, as `models.peers` and `models.profiles` take them.

    Attributes:
        frame: a row for each sale: `merchant` (its number in the file), `mcc` ("" where none was presented), `ms` (UTC
            milliseconds), local `day` since 1970 and `hour` in the merchant's time zone, `minor`, `card_kind` ("" where
            unknown), `card` (the hash of its token, 0 where unknown).
        registered: by merchant, the MCCs of its newest master data; left out where there is none.
        refused: records that the monitor would not count.
    """

    frame: pd.DataFrame
    registered: dict[int, tuple[str, ...]]
    refused: int


class NoSales(TillwatchError):
    """A file of which nothing can be learned."""


def read_sales(files: Path | Sequence[Path], settings: Settings, door: Door | None = None) -> Sales:
    """The approved sales of files of events: accepted once, in time, and not reversed later in the files.

    Args:
        files: one, or several that are read as one input.
        settings: how they are replayed.
        door: how they are read; as events by default.

    Raises:
        NoSales: there is none.
        FileRefused: one cannot be read.
    """
    files = [files] if isinstance(files, Path) else files
    pipeline = replaying_pipeline(settings)
    letters: list[DeadLetter] = []
    sales, undone, count, refused = [_NONE], [_NONE[["merchant", "txn"]]], 0, 0
    forms = pipeline.id_forms
    with opened(files, door or Door(), settings, forms=forms) as found, Bar("bytes", found.size) as bar:
        for done, records in batches(found.lines, files[0].name, letters, forms=forms):
            for rows in pipeline.rows(records):
                sales.append(_sales(rows))
                undone.append(_undone(rows))
                count, refused = count + len(sales[-1]), refused + rows.counts().dead_letters
            bar.show(done, count, "")
    if not count:
        names, why = ", ".join(each.name for each in files), f": {letters[0].message}" if letters else ""
        raise NoSales(
            f"{names} must have approved sales, none was found; {refused + len(letters):,} records refused{why}"
        )
    frame = _without(pd.concat(sales, ignore_index=True), pd.concat(undone, ignore_index=True))
    frame["mcc"] = frame["mcc"].map({mcc: f"{mcc:04d}" if mcc >= 0 else "" for mcc in frame["mcc"].unique()})
    return Sales(frame, pipeline.registered_mccs(), refused + len(letters))


def _sales(rows: FeatureRows) -> pd.DataFrame:
    """The approved sales among rows of features."""
    keep = rows.approved_sales
    local_ms, mcc, kind = rows.local_ms[keep], rows.number("mcc")[keep], rows.number("card_kind")[keep]
    return pd.DataFrame({
        "merchant": rows.merchant_row[keep],
        "txn": rows.hashes("txn_id")[keep],
        "mcc": np.where(mcc == MISSING, _NO_MCC, mcc).astype(np.int16),
        "ms": rows.time_ms[keep].copy(),
        "day": (local_ms // DAY_MS).astype(np.int32),
        "hour": (local_ms // HOUR_MS % 24).astype(np.int8),
        "minor": rows.number("amount")[keep],
        "card_kind": pd.Categorical.from_codes(np.where(kind == MISSING, 0, kind + 1).astype(np.int8), _CARD_KINDS),
        "card": rows.hashes("card_token")[keep],
    })  # fmt: skip


def _undone(rows: FeatureRows) -> pd.DataFrame:
    """Merchant and transaction of what approved voids and reversals among rows of features take out."""
    undoes = rows.approved_role == Role.UNDO
    return pd.DataFrame({"merchant": rows.merchant_row[undoes], "txn": rows.hashes("original_txn_id")[undoes]})


_NONE = pd.DataFrame({
    "merchant": np.zeros(0, np.int32), "txn": np.zeros(0, np.uint64), "mcc": np.zeros(0, np.int16),
    "ms": np.zeros(0, np.int64), "day": np.zeros(0, np.int32), "hour": np.zeros(0, np.int8),
    "minor": np.zeros(0, np.int64), "card_kind": pd.Categorical([], _CARD_KINDS),
    "card": np.zeros(0, np.uint64),
})  # fmt: skip
"""No sales: the types of the columns."""


def _without(sales: pd.DataFrame, undone: pd.DataFrame) -> pd.DataFrame:
    """The sales that were not reversed."""
    taken_out = pd.MultiIndex.from_frame(undone)
    kept = sales[~pd.MultiIndex.from_frame(sales[["merchant", "txn"]]).isin(taken_out)]
    return kept.drop(columns="txn").reset_index(drop=True)
