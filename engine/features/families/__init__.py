"""Feature families: one per file, each with the row fields it owns, its update and the columns it yields.

A family module has `FIELDS` (entries of the row's dtype; all zeros must mean "nothing seen"), `COLUMNS`, an
`update(row, event, master_data, reference, out)` that updates the row by one accepted transaction and writes its
columns to `out`, and, where some of its columns are reversible, `undo(row, undone)` that subtracts a reversed sale. It
may have more: `settle(row, event, master_data, reference, out)` for a settlement, `close(row, closing, reference, out)`
for the end of a merchant's local day (it may come hours later, and before late transactions of that day),
`revise(row, revision, reference, out)` for a version of the contract,
`report(row, report, master_data, reference, out)` for a report on an earlier transaction, `equip(row, equipment)` for
what is said of a terminal and `complain(row, complaint)` for a complaint, which give no row. In these rows every column
is null but those the hook writes. `month(row, day, was_ms)` returns what a local day's month came to, for prices that
go by it. `CLOSES` names the columns that `close` writes, `REPORTS` those of `report`; where those are all that the
family has, `update` leaves them alone, and they are null in every row of a transaction. Where it has others too,
`NEVER_SALES` names those that are. `KEPT` are further fields, which outlive a reset of the row.
`READS` names blocks of other families that its hooks are given behind its own, to read.
`BLOCKS` are fields that only some merchants need: `engine.features.blocks` says what goes with them; every hook is then
given the merchant's blocks, in their order, between `row` and what follows. `MOVED` says by field where an earlier
version stored it, if that is another name or type.
`BASE_D` says after how many days of a merchant's clock its columns mean something, `VERSION` (1 where it is left out)
is raised when its fields get another meaning, and `RESTS_ON` names families whose fields it reads: where a
state has not the family, or another version of it, the family starts anew, and its columns are null until the base is
reached.
`docs/features.md` is held to the columns, and `tests/oracle.py` computes them slowly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """One feature.

    Attributes:
        name: its name, unique among all families.
        unit: what it counts.
        window: what it is taken over.
        of: which transactions it is taken over.
        kind: "int" (null is `MISSING`) or "float" (null is NaN).
        null: when it is null, "" for never.
        reversible: whether a void or reversal takes its original out again.
        error: how far it may be off, "" where it is exact.

    Every column includes the current transaction unless `of` says otherwise.
    """

    name: str
    unit: str
    window: str
    of: str
    kind: Literal["int", "float"] = "int"
    null: str = ""
    reversible: bool = False
    error: str = ""
