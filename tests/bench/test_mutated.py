"""`bench.mutated` finds every record in one count; ten million are its own run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import mutated
from engine.monitor import Monitor, MonitorConfig

if TYPE_CHECKING:
    from engine.decoding.records import Records
    from engine.outputs import Outputs

pytestmark = pytest.mark.usefixtures("warm_kernel")


@pytest.mark.slow
def test_every_mutated_record_ends_in_one_count() -> None:
    sent, reasons = mutated.run(4_000, seed=1)
    assert sent >= 4_000
    assert 0 < reasons.total() < sent
    assert len(reasons) >= 5


@pytest.mark.slow
def test_a_record_that_ends_in_no_count_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Monitor.process

    def loses_one(self: Monitor, records: Records) -> Outputs:
        outputs = process(self, records)
        outputs.counts.transactions -= 1
        return outputs

    monkeypatch.setattr(Monitor, "process", loses_one)
    with pytest.raises(mutated.Unaccounted, match="records came"):
        mutated.run(1, seed=2)


def test_a_card_number_that_is_written_is_found() -> None:
    monitor = Monitor(MonitorConfig(capacity=10))
    with pytest.raises(mutated.Unaccounted, match="events-0 was written"):
        mutated._check(monitor, [b"{"], ["events-0"], 0, mutated.Counter())
