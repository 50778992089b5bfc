from __future__ import annotations

import importlib
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from detectors.contract import CONTEXT, Findings
from domain.alerts import Evidence, Text
from domain.feature_codes import ROW_TRANSACTION
from domain.timestamps import DAY_MS
from engine.decoding.records import Records
from engine.features import pipeline
from engine.features.compose import Composition, _load, _write, compose
from engine.features.families import lifetime, registry, repeats, volume
from engine.features.families.registry import FAMILIES
from engine.features.rows import row_dtype
from engine.jit import njit
from engine.monitor import Monitor, MonitorConfig
from tests.told import Telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

NOW_MS = 1_783_224_000_000
pytestmark = pytest.mark.timeout(300)  # the kernel may have to be compiled

MINE = """
import numpy as np

from engine.features.families import Column
from engine.jit import njit

FIELDS = (("mine_minor", np.int64),)
BASE_D = 1
COLUMNS = (Column("mine", "minor units", "lifetime", "all"), Column("mine_half", "", "", "", kind="float"))


@njit
def update(row, event, master_data, reference, out):
    row.mine_minor += event.amount
    out.mine = row.mine_minor * FACTOR
    out.mine_half = row.mine_minor / 2
"""
FIELDS = (("mine_minor", np.int64),)
OUT = (("mine", np.int64), ("mine_half", np.float64))


class Recorder(Telling):
    """A detector that finds nothing and keeps what it was shown."""

    name, version, title, risk_group, risk_code, bearer = "recorder", 1, Text("", ""), "rule", "", ""
    needs: tuple[str, ...] = ("amount",)
    columns: tuple[str, ...] = ()
    quiet_gap_s = max_age_s = 60

    def __init__(self) -> None:
        self.seen: dict[str, list[Any]] = {}

    def detect(self, features: Mapping[str, Any]) -> Findings:
        for name, column in features.items():
            of_transactions = column[features["row_kind"] == ROW_TRANSACTION] if "row_kind" in features else column
            self.seen.setdefault(name, []).extend(of_transactions.tolist())
        return Findings(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))

    def evidence(self, values: Mapping[str, Any]) -> tuple[Evidence, ...]:
        raise NotImplementedError


def sale(k: int, merchant_id: str, time_ms: int, **fields: Any) -> bytes:
    event = {
        "txn_id": f"t{k}",
        "merchant_id": merchant_id,
        "amount": 100 + k,
        "currency": "CNY",
        "event_time": time_ms,
    }
    return json.dumps({**event, **fields}).encode()


def features(values: list[bytes]) -> dict[str, list[Any]]:
    """Every column of a batch, by the composition the monitor uses."""
    recorder = Recorder()
    outputs = Monitor(MonitorConfig(capacity=10), detectors=[recorder]).process(
        Records.of(values, appended_ms=2 * NOW_MS)
    )
    assert outputs.dead_letters == []
    return recorder.seen


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The source of a family of one's own, importable as `mine`."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path / "mine.py"
    sys.modules.pop("mine", None)


def edited(path: Path, factor: int) -> ModuleType:
    path.write_text(MINE.replace("FACTOR", str(factor)), encoding="utf-8")
    sys.modules.pop("mine", None)
    importlib.invalidate_caches()
    return importlib.import_module("mine")


def test_an_edited_family_takes_effect(mine: Path) -> None:
    """By the kernel's calls of the families, for to compile the rest of a kernel takes half a minute."""
    kernels = []
    row, event, out = (np.zeros(1, list(fields)) for fields in (FIELDS, (("amount", "i8"),), OUT))
    for factor in (1, 1000):
        kernel = _write((edited(mine, factor),), row.dtype)
        update = one_update(_load(kernel))
        for amount, total in ((101, 101), (102, 203)):
            event[0]["amount"] = amount
            update(row[0], event[0], out[0])
            assert out[0]["mine"] == total * factor
            assert out[0]["mine_half"] == total / 2
        row[:] = 0
        kernels.append(kernel)
    assert kernels[0] != kernels[1]


def one_update(kernel: Any) -> Any:
    """What a kernel calls for each transaction, callable from here; it gives no contract and no tables."""
    update_all = kernel.update_all

    @njit
    def update(row: Any, event: Any, out: Any) -> None:
        update_all(row, 0, event, 0, 0, out)

    return update


@pytest.mark.slow
@pytest.mark.usefixtures("warm_kernel")
def test_a_new_familys_columns_reach_the_detectors(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composition = compose((lifetime, repeats, edited(mine, 1000)))
    monkeypatch.setattr(pipeline, "compose", lambda _families: composition)
    seen = features([sale(1, "a", NOW_MS), sale(2, "b", NOW_MS), sale(3, "a", NOW_MS)])
    assert seen["mine"] == [101_000, 102_000, 204_000]
    assert seen["mine_half"] == [50.5, 51.0, 102.0]
    assert seen["attempts"] == [1, 1, 2]
    assert set(seen) == {each.name for each in composition.columns} | set(CONTEXT)


def test_the_same_families_are_composed_once(mine: Path) -> None:
    families = (lifetime, repeats, edited(mine, 7))
    dtype, _ = row_dtype(families)
    first = _write(families, dtype)
    written = first.stat().st_mtime_ns
    assert _write(families, dtype) == first
    assert first.stat().st_mtime_ns == written
    assert compose() is compose()


def test_a_family_is_called_in_its_place_and_undone_only_if_it_can_be(mine: Path) -> None:
    families = (lifetime, repeats, edited(mine, 3))
    text = _write(families, row_dtype(families)[0]).read_text(encoding="utf-8")
    updates = [line.split(".")[0].strip() for line in text.splitlines() if ".update(row" in line]
    undos = [line.split(".")[0].strip() for line in text.splitlines() if ".undo(row" in line]
    assert updates == ["family_0", "family_1", "family_2"]
    assert undos == [f"family_{k}" for k, each in enumerate(families) if hasattr(each, "undo")]
    assert "family_2" not in undos


def test_two_families_with_one_column_are_refused() -> None:
    with pytest.raises(ValueError, match=r"column names must be unique, got twice: .*attempts"):
        compose((lifetime, volume, lifetime))


def test_two_families_with_one_row_field_are_refused(mine: Path) -> None:
    module = edited(mine, 1)
    module.FIELDS = (("sales_minor", np.int64),)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="sales_minor"):
        compose((lifetime, repeats, module))


def test_every_column_and_row_field_in_force_has_a_name_of_its_own() -> None:
    names = [each.name for each in registry.columns()]
    fields = [each[0] for family in FAMILIES for each in (*getattr(family, "KEPT", ()), *family.FIELDS)]
    assert len(set(names)) == len(names)
    assert len(set(fields)) == len(fields)
    composition: Composition = compose()
    assert [each.name for each in composition.columns] == names
    assert composition.families[0] is lifetime


@pytest.mark.usefixtures("warm_kernel")
def test_a_row_of_zeros_means_that_nothing_was_seen() -> None:
    """A merchant whose row was reset after 400 days is read as a new one, but for its lifetime sums and its sleep."""
    later = NOW_MS + 500 * DAY_MS
    details = {"card_token": "c", "mcc": "5411", "scheme": "visa", "entry_mode": "051", "response_code": "00"}
    kinds = [
        {},
        {"txn_type": "refund"},
        {"response_code": "51"},
        {"txn_type": "preauth"},
        {"mcc": "5812"},
        {"scheme": "jcb"},
    ]
    past = [
        sale(k, "old", NOW_MS + 7_000_000 * k, **{**details, **kinds[k % 6], "amount": 10**k})
        for k in range(40)
        if 10**k < 10**12
    ]
    again = [sale(100 + k, "old", later + 50_000 * k, **{**details, **kinds[k % 6]}) for k in range(30)]
    new = [sale(100 + k, "new", later + 50_000 * k, **{**details, **kinds[k % 6]}) for k in range(30)]
    after, fresh = features([*past, *again]), features(new)
    sums = {each.name for each in lifetime.COLUMNS} | {"dormancy_d"}  # that it slept is no secret
    for name, column in fresh.items():
        if name not in sums:
            np.testing.assert_array_equal(after[name][len(past) :], column, err_msg=name)
    assert after["attempts"][len(past)] > fresh["attempts"][0]
    assert len(set(fresh) - sums) > 30
