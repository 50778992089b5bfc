"""Samples of merchant-days that do not depend on how a stream is cut: those of the least hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.anomaly.habits import COUNT, Habits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_WIDTH = 2 * COUNT + 3
_LEAST_WAITING = 1 << 16


class Batch(NamedTuple):
    """Merchant-days of training; the days of each merchant ascend through all batches."""

    merchant: NDArray[np.uint64]
    """Shape (n,): keys of merchants, such as hashes of their names."""
    day: NDArray[np.int64]
    """Shape (n,): local days since 1970."""
    habits: Habits

    def rows(self, chosen: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Batch:
        """Some of the merchant-days."""
        return Batch(self.merchant[chosen], self.day[chosen], self.habits.rows(chosen))


def joined(batches: list[Batch]) -> Batch:
    """One batch of several, at least one."""
    if len(batches) == 1:
        return batches[0]
    habits = Habits(*(np.concatenate(each) for each in zip(*(each.habits for each in batches), strict=True)))
    return Batch(
        np.concatenate([each.merchant for each in batches]), np.concatenate([each.day for each in batches]), habits
    )


def regrouped(batches: Iterable[Batch], rows: int = 1 << 16) -> Iterator[Batch]:
    """The same merchant-days in batches of at least so many rows, the last one excepted."""
    held: list[Batch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += len(batch.day)
        if count >= rows:
            yield joined(held)
            held, count = [], 0
    if count:
        yield joined(held)


def hashes(merchant: NDArray[np.uint64], day: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """A number for each merchant-day that looks random, shape (n,): SplitMix64 of merchant, day and seed."""
    first = np.full(len(day), seed % 2**64, np.uint64)
    return _mixed(_mixed(merchant.astype(np.uint64) ^ _mixed(first)) ^ day.astype(np.uint64))


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class Sampled(NamedTuple):
    """A sample, ordered by stratum and hash."""

    stratum: NDArray[np.int64]
    merchant: NDArray[np.uint64]
    habits: Habits


class _Rows(NamedTuple):
    stratum: NDArray[np.int64]
    order: NDArray[np.uint64]
    merchant: NDArray[np.uint64]
    figures: NDArray[np.float32]
    """Shape (n, _WIDTH): values, usual ones, weight, MCC and age; half the memory."""

    def rows(self, chosen: NDArray[np.int64]) -> _Rows:
        return _Rows(self.stratum[chosen], self.order[chosen], self.merchant[chosen], self.figures[chosen])


class Sample:
    """The `most` merchant-days of the least hashes of each stratum."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._strata = np.empty(0, np.int64)
        self._limits = np.empty(0, np.uint64)
        nothing = np.empty(0, np.uint64)
        self._held = _Rows(np.empty(0, np.int64), nothing, nothing, np.empty((0, _WIDTH), np.float32))
        self._waiting: list[_Rows] = []
        self._count = 0

    def add(self, stratum: NDArray[np.int64], order: NDArray[np.uint64], batch: Batch) -> None:
        """Take part of a batch, each row with its stratum and hash."""
        chosen = np.flatnonzero(order <= self._limit(stratum))
        if not len(chosen):
            return
        habits = batch.habits.rows(chosen)
        columns = (habits.value, habits.usual, habits.weight[:, None], habits.mcc[:, None], habits.age_d[:, None])
        figures = np.concatenate([each.astype(np.float32) for each in columns], axis=1)
        self._waiting.append(_Rows(stratum[chosen], order[chosen], batch.merchant[chosen], figures))
        self._count += len(chosen)
        if self._count > max(_LEAST_WAITING, len(self._held.order) // 2):
            self._settle()

    def taken(self) -> Sampled:
        """The sample."""
        self._settle()
        wide = self._held.figures.astype(np.float64)
        habits = Habits(
            np.ascontiguousarray(wide[:, :COUNT]),
            np.ascontiguousarray(wide[:, COUNT : 2 * COUNT]),
            np.ascontiguousarray(wide[:, -3]),
            *(np.ascontiguousarray(wide[:, k]).astype(np.int64) for k in (-2, -1)),
        )
        return Sampled(self._held.stratum, self._held.merchant, habits)

    def _limit(self, stratum: NDArray[np.int64]) -> NDArray[np.uint64]:
        """The hash beyond which a row cannot be among the least of its stratum."""
        every = np.full(len(stratum), np.iinfo(np.uint64).max)
        if len(self._strata):
            place = np.minimum(np.searchsorted(self._strata, stratum), len(self._strata) - 1)
            known = self._strata[place] == stratum
            every[known] = self._limits[place[known]]
        return every

    def _settle(self) -> None:
        parts = [self._held, *self._waiting]
        every = _Rows(
            np.concatenate([each.stratum for each in parts]),
            np.concatenate([each.order for each in parts]),
            np.concatenate([each.merchant for each in parts]),
            np.concatenate([each.figures for each in parts]),
        )
        place = np.lexsort((every.order, every.stratum))
        stratum = every.stratum[place]
        self._strata, begin = np.unique(stratum, return_index=True)
        rank = np.arange(len(place)) - np.repeat(begin, np.diff(np.append(begin, len(place))))
        self._held = every.rows(place[rank < self._most])
        self._limits = np.full(len(self._strata), np.iinfo(np.uint64).max)
        full = rank == self._most - 1
        self._limits[np.searchsorted(self._strata, stratum[full])] = every.order[place[full]]
        self._waiting, self._count = [], 0
