"""Search finds what somebody may see, and the audit's pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from casework import operations
from casework.errors import NotAllowed
from casework.reading.audit import Chosen, Entry, audit_of, entries, every_entry
from casework.reading.search import search
from domain.readings import TransactionRow
from tests.casework.desk import CHEN, LI, REP, WANG, Desk
from tests.casework.world import NOW_MS, alert
from tests.causes.world import FIRST, profile

if TYPE_CHECKING:
    from casework.store import Store
    from streams.sqlite.log import SqliteLog


@pytest.fixture
def desk(store: Store, log: SqliteLog) -> Desk:
    found = Desk(store, log)
    found.know(profile("898210154110002", FIRST, rep_id="rep-1", name="老街面馆 Noodles", city="Hefei"))
    found.know(profile("898210154110003", FIRST, rep_id="rep-2", name="100%_Fresh"))
    txn = TransactionRow(
        txn_id="t1", time="2025-01-01T04:00:00.000Z", amount=1, currency="CNY", terminal_id="TERM0001",
        rrn="123456789012", card_last4="4321",
    )  # fmt: skip
    found.file(
        alert("h", "898210154110002", transactions=(txn,)), alert("i", "898210154110003", transactions=(txn,)),
        alert("j", "898210154110002", transactions=(txn,), risk_code="29"),
    )  # fmt: skip
    return found


def test_a_merchant_is_found_by_the_beginning_of_its_id_and_by_a_part_of_its_name(desk: Desk) -> None:
    def ids(typed: str) -> list[str]:
        return [each.merchant_id for each in search(desk.store, LI, typed, NOW_MS).merchants]

    assert ids("8982101541") == ["898210154110002", "898210154110003"]
    assert ids("898210154110003") == ["898210154110003"]
    assert ids("面馆") == ids("NOODLES") == ["898210154110002"]
    assert ids("%_") == ["898210154110003"], "no wildcards"
    assert ids("2101541") == ids("x") == ids("") == ids("\0\0") == []
    (found,) = search(desk.store, REP, "898210154110", NOW_MS).merchants
    assert found[:4] == ("898210154110002", "老街面馆 Noodles", "Hefei", "")


@pytest.mark.parametrize(
    ("typed", "by"), [("123456789012", "rrn"), ("TERM0001", "terminal_id"), ("4321", "card_last4"), ("h", "alert_id")]
)
def test_an_alert_is_found_by_what_its_transactions_have(desk: Desk, typed: str, by: str) -> None:
    if by == "alert_id":
        typed = "ha"
        desk.file(alert("ha", "898210154110002"))
    found = search(desk.store, LI, typed, NOW_MS).alerts
    assert {(each.alert_id, each.by) for each in found} == ({("ha", by)} if typed == "ha" else {("h", by), ("i", by)})
    if typed != "ha":
        assert {each.alert_id for each in search(desk.store, REP, typed, NOW_MS).alerts} == {"h"}
        assert {each.alert_id for each in search(desk.store, CHEN, typed, NOW_MS).alerts} == {"h", "i", "j"}


def test_a_case_is_found_by_its_number_where_the_actor_sees_it(desk: Desk) -> None:
    desk.file(*(alert(f"n{i}", f"n{i}") for i in range(8)))
    hidden, open_one = desk.case_of("j"), desk.case_of("n7")
    assert search(desk.store, LI, str(open_one), NOW_MS).cases == (open_one,)
    for actor in (LI, REP):
        assert hidden not in search(desk.store, actor, f"0{hidden}", NOW_MS).cases
    assert search(desk.store, CHEN, f"0{hidden}", NOW_MS).cases == (hidden,)


def test_the_audit_is_paged_and_filtered_by_person_kind_and_case(desk: Desk) -> None:
    for each in ("a", "c", "h", "i"):
        operations.comment(desk.store, LI if each in "ac" else WANG, desk.case_of(each), f"on {each}", NOW_MS)
    whole = entries(desk.store, WANG, Chosen())
    assert [*every_entry(desk.store, WANG, Chosen(), 3)] == whole[:3]
    listed: list[Entry] = []
    while part := entries(desk.store, WANG, Chosen(), before=listed[-1].entry_id if listed else None, most=2):
        listed += part
    assert listed == whole
    assert [each.kind for each in entries(desk.store, WANG, Chosen(kind="comment"))] == ["comment"] * 4
    assert {each.case_id for each in entries(desk.store, WANG, Chosen(actor="li"))} == {
        desk.case_of("a"), desk.case_of("c"),
    }  # fmt: skip
    assert len(entries(desk.store, WANG, Chosen(case_id=desk.case_of("h")))) == 1


def test_the_audit_shows_nobody_what_was_done_to_cases_that_it_does_not_see(desk: Desk) -> None:
    hidden = desk.case_of("x")
    operations.comment(desk.store, CHEN, hidden, "reported", NOW_MS)
    operations.comment(desk.store, LI, desk.case_of("c"), "seen", NOW_MS)
    operations.comment(desk.store, LI, desk.case_of("a"), "seen", NOW_MS)
    for actor, seen in ((LI, False), (REP, False), (CHEN, True)):
        assert bool(audit_of(desk.store, actor, hidden, NOW_MS)) == seen
    for actor, seen in ((WANG, False), (CHEN, True)):
        assert (hidden in {each.case_id for each in entries(desk.store, actor, Chosen())}) == seen
    assert audit_of(desk.store, REP, desk.case_of("a"), NOW_MS)
    assert audit_of(desk.store, REP, desk.case_of("c"), NOW_MS) == ()
    for actor in (LI, REP):
        with pytest.raises(NotAllowed, match="to read the audit"):
            entries(desk.store, actor, Chosen())
