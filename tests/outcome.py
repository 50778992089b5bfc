"""What a log's readers see in the end, and what it must equal: an undisturbed run's, and the simulator's ledger."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from engine.monitor import Totals
    from engine.outputs import Counts
    from simulator.simulation import Simulation
    from streams.log import Log

_SHOWN = 3


@dataclass(frozen=True)
class Result:
    """What a log's readers see in the end, and the merchants' sums.

    Attributes:
        alerts: each alert's last record, by `alert_id`, without the epoch of the worker that wrote it.
        scores: each merchant's last score, likewise.
        dead_letters: how many there are of (reason, field, record); each once, however often it was repeated.
        totals: by `merchant_id`.
        counts: records by what became of them.
    """

    alerts: dict[str, dict[str, Any]]
    scores: dict[str, dict[str, Any]]
    dead_letters: Counter[tuple[str, str, str]]
    totals: dict[str, Totals]
    counts: Counts


def result_of(log: Log, partitions: int, counts: Counts, totals: Iterable[Totals]) -> Result:
    return Result(
        last_by_key(log, "alerts", partitions), last_by_key(log, "merchant-risk", partitions),
        letters_of(log, partitions), {each.merchant_id: each for each in totals}, counts,
    )  # fmt: skip


def last_by_key(log: Log, topic: str, partitions: int) -> dict[str, dict[str, Any]]:
    found = {}
    for partition in range(partitions):
        offset = 0
        while records := log.read_keyed(topic, partition, offset):
            for record in records:
                found[record.key.decode()] = json.loads(record.value)
                found[record.key.decode()].pop("epoch", None)
            offset = records[-1].offset + 1
    return found


def letters_of(log: Log, partitions: int) -> Counter[tuple[str, str, str]]:
    """How many dead letters there are of each kind; one that a restart repeated must say the same again."""
    found: dict[tuple[str, int], tuple[str, str, str]] = {}
    for letter in _letters(log, partitions):
        place = letter["source"], letter["position"]
        what = letter["reason"], letter["field"], _identity(letter["record"])
        assert found.setdefault(place, what) == what, f"{place} was {found[place]}, then {what}"
    return Counter(found.values())


def _letters(log: Log, partitions: int) -> Iterator[dict[str, Any]]:
    for partition in range(partitions):
        offset = 0
        while len(batch := log.read("dead-letters", partition, offset)):
            for i in range(len(batch)):
                yield json.loads(batch.value(i))
            offset = int(batch.offsets[-1]) + 1


def _identity(record: str) -> str:
    """The transaction's id, for `ingest` stamps a record's receipt; where there is none, the record."""
    try:
        return str(json.loads(record)["txn_id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return record


def assert_same(result: Result, undisturbed: Result) -> None:
    """Fails with a line for each thing that differs."""
    found = differences(result, undisturbed)
    assert not found, "\n".join(found)


def differences(result: Result, undisturbed: Result) -> list[str]:
    """A line for each thing that differs, for the first few of a kind."""
    found = [
        *_differences("alert", result.alerts, undisturbed.alerts),
        *_differences("score", result.scores, undisturbed.scores),
        *_differences("dead letter", result.dead_letters, undisturbed.dead_letters),
        *_differences("totals", result.totals, undisturbed.totals),
    ]
    for name in ("transactions", "duplicates", "dead_letters"):  # clock records go to every partition: not the others
        got, due = getattr(result.counts, name), getattr(undisturbed.counts, name)
        if got != due:
            found.append(f"{name}: {got}, undisturbed {due}")
    return found


def _differences(what: str, got: Mapping[Any, Any], due: Mapping[Any, Any]) -> Iterator[str]:
    """The first few keys under which the two differ, and how many there are."""
    keys = [key for key in due.keys() | got.keys() if got.get(key) != due.get(key)]
    for key in sorted(keys)[:_SHOWN]:
        yield f"{what} {key}: {_shown(got.get(key), due.get(key))}"
    if len(keys) > _SHOWN:
        yield f"{what}: {len(keys)} of {len(due)} differ"


def _shown(got: Any, due: Any) -> str:
    if isinstance(got, dict) and isinstance(due, dict):
        names = sorted(name for name in got.keys() | due.keys() if got.get(name) != due.get(name))
        return "; ".join(f"{name} is {got.get(name)!r}, undisturbed {due.get(name)!r}" for name in names)
    return f"{got!r}, undisturbed {due!r}"


def assert_as_in_ledger(result: Result, simulation: Simulation, damaged: Collection[int] = ()) -> None:
    """Compares every merchant's sums with the simulator's own, and the counts where no merchant is left out.

    Args:
        result: of a run over the whole simulation.
        simulation: what was fed.
        damaged: merchants some of whose records were damaged, by index: their sums are not known.
    """
    found = ledger_differences(result, simulation, damaged)
    assert not found, "\n".join([*found[:_SHOWN], f"{len(found)} differ"])


def ledger_differences(result: Result, simulation: Simulation, damaged: Collection[int] = ()) -> list[str]:
    """A line for each merchant whose sums, and each count that, is not the ledger's; see `assert_as_in_ledger`."""
    ledger = simulation.ledger()
    found = []
    for i in sorted(set(range(simulation.config.merchants)) - set(damaged)):
        merchant_id = simulation.merchant_id(i)
        sums, by_ledger = _sums(result.totals.get(merchant_id)), tuple(int(ledger[name][i]) for name in _SUMS)
        if sums != by_ledger:
            found.append(f"merchant {merchant_id}: {_SUMS} are {sums}, by the ledger {by_ledger}")
    if not damaged:
        found += [
            f"{what}: {got}, by the ledger {int(ledger[name].sum())}"
            for what, name, got in (
                ("transactions", "accepted", result.counts.transactions),
                ("duplicates", "duplicates", result.counts.duplicates),
                ("late dead letters", "late", _letters_for("late", result)),
                ("future dead letters", "future", _letters_for("future", result)),
            )
            if got != int(ledger[name].sum())
        ]
    return found


_SUMS = ("approved_count", "approved_minor", "refund_count", "refund_minor", "reversed_count", "reversed_minor")


def _sums(it: Totals | None) -> tuple[int, ...]:
    if it is None:
        return (0,) * len(_SUMS)
    return it.sales, it.sales_minor, it.refunds, it.refunds_minor, it.reversed, it.reversed_minor


def _letters_for(reason: str, result: Result) -> int:
    return sum(count for (each, _, _), count in result.dead_letters.items() if each == reason)
