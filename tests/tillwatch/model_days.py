"""A log of merchant-days with habits, as workers publish them, without workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from domain.habits import NAMES
from domain.readings import MerchantDays
from domain.timestamps import day_iso
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.models.anomaly import drawn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from models.anomaly.samples import Batch
    from streams.log import Log

PARTITIONS = 4
MERCHANTS, DAYS = 260, 40


def merchant(key: int) -> str:
    return f"m{key:04d}"


def iso_day(number: int) -> str:
    """The ISO date of a day since 1970-01-01."""
    return f"{day_iso(number)}"


def published(batch: Batch, epoch: int = 1, ids: Sequence[str] | None = None) -> MerchantDays:
    """Merchant-days as they are published."""
    columns: dict[str, list[int | float | None]] = {}
    for name, column, usual in zip(NAMES, batch.habits.value.T, batch.habits.usual.T, strict=True):
        columns |= {f"habit_{name}": told(column), f"habit_{name}_usual": told(usual)}
    columns["habit_sales"] = told(batch.habits.weight)
    columns["habit_mcc"] = batch.habits.mcc.tolist()
    columns["age_h"] = (24 * batch.habits.age_d + 5).tolist()
    columns["sales"] = [7] * len(batch.day)
    count = len(batch.day)
    return MerchantDays(
        merchant_id=list(ids or map(merchant, batch.merchant.tolist())), day=[*map(iso_day, batch.day.tolist())],
        currency=["CNY"] * count, score=[None] * count, columns=columns, epoch=epoch,
    )  # fmt: skip


def told(column: np.ndarray) -> list[float | None]:
    """As JSON has it: four digits, None for NaN."""
    scale = 10.0 ** (3 - np.floor(np.log10(np.maximum(np.abs(column), 1e-9))))
    return [None if each != each else each for each in (np.round(column * scale) / scale).tolist()]  # noqa: PLR0124


def append(log: Log, batch: Batch, epoch: int = 1, rows: int = 500) -> None:
    """Append merchant-days, each merchant to its partition."""
    for partition in range(PARTITIONS):
        mine = batch.rows(batch.merchant % PARTITIONS == partition)
        parts = (mine.rows(slice(begin, begin + rows)) for begin in range(0, len(mine.day), rows))
        log.append("merchant-days", partition, [msgspec.json.encode(published(each, epoch)) for each in parts])


def days(count: int = DAYS, merchants: int = MERCHANTS, seed: int = 5, first: int = drawn.BEGIN) -> Batch:
    return drawn.days(drawn.shops(merchants, 3), count, seed, first)


def made_log(path: Path, batches: Sequence[Batch] | Iterator[Batch]) -> Path:
    with SqliteLog(path, durable=False) as log:
        create_topics(log, PARTITIONS)
        for each in batches:
            append(log, each)
    return path
