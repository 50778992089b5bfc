"""What people do with cases, who may, and who sees what."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from casework import actions, agreement, bulk, decisions, operations, outbox, pauses, queue
from casework.errors import Conflict, NotAllowed, NotFound, Refused
from casework.people import AML, ROLES, SYSTEM, Actor, actor_of, put_user
from casework.queue.filters import Filter
from casework.reading.audit import audit_of
from casework.store import Store
from domain.readings import Profile
from streams.sqlite.log import SqliteLog
from streams.topics import create_topics
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, ZHAO, Desk
from tests.casework.plain import check_derived, plain_header
from tests.casework.world import NOW_MS, alert, cause, rows, score

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_whoever_takes_a_case_holds_it_and_who_is_slower_learns_who_does(desk: Desk) -> None:
    case_id = desk.case_of("a")
    version = desk.version(case_id)
    assert operations.take(desk.store, LI, case_id, version, NOW_MS) == version + 1
    assert operations.take(desk.store, LI, case_id, version, NOW_MS) == version + 1, "once more changes nothing"
    with pytest.raises(Conflict, match=f"case {case_id} is held by li") as caught:
        operations.take(desk.store, WANG, case_id, version, NOW_MS)
    assert (caught.value.holder, caught.value.version) == ("li", version + 1)
    assert (desk.header(LI).mine, desk.header(WANG).mine) == (2, 0)
    operations.release(desk.store, LI, case_id, NOW_MS)
    with pytest.raises(Conflict, match="nobody holds it"):
        operations.take(desk.store, WANG, case_id, version, NOW_MS)
    assert desk.kinds()[-2:] == ["take", "release"]


def test_an_alert_that_comes_while_somebody_decides_is_not_decided_with_the_others(desk: Desk) -> None:
    case_id = desk.case_of("a")
    seen = desk.version(case_id)
    desk.file(alert("d", detector="volume_rise"))
    with pytest.raises(Conflict):
        decisions.decide(desk.store, LI, case_id, seen, "false_alarm", "x", "seen", NOW_MS)
    assert desk.header().decided == 0


def test_a_verdict_reaches_the_log_once_it_cannot_be_undone_any_more(desk: Desk) -> None:
    desk.decide("a")
    assert desk.header() == queue.Header(open=1, decided=2)
    assert rows(desk.store, "cases", "case_id", "status")[0] == (desk.case_of("a"), "decided")
    desk.agent.file()
    assert desk.sent() == []
    desk.now_ms += decisions.UNDO_MS
    for _ in range(2):
        desk.agent.file()
    sent = desk.sent()
    assert {each["alert_id"] for each in sent} == {"a", "b"}
    assert {(each["type"], each["verdict"], each["by"], each["case_id"], each["merchant_id"]) for each in sent} == {
        ("verdict", "confirmed", "li", str(desk.case_of("a")), "m1"),
    }
    assert [status for (status,) in rows(desk.store, "outbox", "status")] == ["sent", "sent"]


def test_what_was_appended_and_not_marked_is_appended_again_the_same(desk: Desk) -> None:
    desk.decide("c")
    later = NOW_MS + decisions.UNDO_MS
    assert outbox.Delivery(desk.store, desk.log).deliver(later) == 1
    with desk.store.writing() as connection:
        connection.execute(text("UPDATE outbox SET status = 'pending'"))  # as if it was killed between the two
    assert outbox.Delivery(desk.store, desk.log).deliver(later) == 1
    first, second = ({name: each[name] for name in each if name != "received_at"} for each in desk.sent())
    assert first == second
    assert first["outbox_id"] == rows(desk.store, "outbox", "outbox_id")[0][0]


def test_a_decision_is_undone_within_ten_seconds_and_nothing_is_sent(desk: Desk) -> None:
    decision_id = desk.decide("a", alert_ids=["a"])
    assert desk.header() == queue.Header(open=2, decided=1)
    with pytest.raises(Refused, match="by li, for 10 s"):
        decisions.undo(desk.store, WANG, decision_id, NOW_MS)
    decisions.undo(desk.store, LI, decision_id, NOW_MS + decisions.UNDO_MS)
    assert desk.header() == queue.Header(open=3)
    assert outbox.Delivery(desk.store, desk.log).deliver(NOW_MS + DAY_MS) == 0
    late = desk.decide("a")
    with pytest.raises(Refused, match="for 10 s"):
        decisions.undo(desk.store, LI, late, NOW_MS + decisions.UNDO_MS + 1)


def test_an_undone_revision_leaves_the_verdict_before(desk: Desk) -> None:
    desk.decide("c", verdict="false_alarm")
    second = desk.decide("c", alert_ids=["c"])
    decisions.undo(desk.store, LI, second, NOW_MS)
    assert [verdict for alert_id, verdict in rows(desk.store, "alerts", "alert_id", "verdict") if alert_id == "c"] == [
        "false_alarm"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "open"}, "verdict must be one of"),
        ({"reason_code": ""}, "reason_code"),
        ({"comment": " "}, "comment"),
    ],
)
def test_a_decision_needs_a_verdict_a_reason_and_a_comment(desk: Desk, change: dict[str, str], message: str) -> None:
    given = {"verdict": "confirmed", "reason_code": "x", "comment": "seen"} | change
    with pytest.raises(Refused, match=message):
        decisions.decide(desk.store, LI, desk.case_of("a"), 1, **given, now_ms=NOW_MS)  # type: ignore[arg-type]


def test_a_reopened_alert_comes_back_into_its_case(desk: Desk) -> None:
    desk.decide("c", verdict="false_alarm")
    desk.file(alert("c", "m2", revision=2, reopened=1))
    assert desk.header() == queue.Header(open=3)
    assert dict(rows(desk.store, "cases", "case_id", "status"))[desk.case_of("c")] == "open"


@pytest.mark.parametrize(
    ("news", "why"),
    [
        ([alert("d", detector="volume_rise")], "new detector volume_rise"),
        ([score("m1", "D", 2)], "grade D after C"),
        ([alert("a", revision=2, loss=3_000)], "loss of 5000 minor units of CNY after 2000"),
    ],
    ids=["detector", "grade", "loss"],
)
def test_a_snoozed_case_wakes_when_it_gets_worse(desk: Desk, news: list[Any], why: str) -> None:
    desk.file(score("m1", "C", 1))
    pauses.snooze(desk.store, LI, desk.case_of("a"), NOW_MS + DAY_MS, "owner away", NOW_MS)
    assert desk.header() == queue.Header(open=1, snoozed=2)
    desk.file(alert("e"), alert("a", revision=2, loss=999), score("m1", "B", 2))
    assert desk.header().snoozed == 3, "more of the same"
    desk.file(*[msgspec.structs.replace(each, revision=each.revision + 1) for each in news])
    assert desk.header().snoozed == 0
    assert rows(desk.store, "snoozes", "ended_why") == [(why,)]
    assert desk.kinds()[-1] == "wake"


def test_a_snooze_ends_by_itself_and_by_hand(desk: Desk) -> None:
    case_id = desk.case_of("c")
    pauses.snooze(desk.store, LI, case_id, NOW_MS + DAY_MS, "owner away", NOW_MS)
    assert queue.header(desk.store, LI, NOW_MS + DAY_MS).snoozed == 0
    pauses.end_snooze(desk.store, LI, case_id, NOW_MS)
    assert desk.header().snoozed == 0
    with pytest.raises(Refused, match="must be snoozed"):
        pauses.end_snooze(desk.store, LI, case_id, NOW_MS)
    with pytest.raises(Refused, match="until_ms must be"):
        pauses.snooze(desk.store, LI, case_id, NOW_MS, "never", NOW_MS)


def test_a_suppression_is_of_one_detector_and_merchant_ends_and_is_counted(desk: Desk) -> None:
    given = (desk.store, WANG, "mcc_jump", "m1", NOW_MS + DAY_MS, "known, contract under way", NOW_MS)
    found = pauses.suppress(*given)
    assert desk.header() == queue.Header(open=2, suppressed=1)
    assert desk.header(CHEN).suppressed == 1, "not that of money laundering, which nobody but aml could see go"
    assert queue.header(desk.store, LI, NOW_MS + DAY_MS).suppressed == 0
    pauses.lift(desk.store, WANG, found, NOW_MS)
    assert desk.header().suppressed == 0
    with pytest.raises(NotAllowed, match="to suppress alerts needs one of the roles aml, lead; li has none"):
        pauses.suppress(desk.store, LI, *given[2:])


def test_an_action_that_wants_two_is_approved_by_two_others_and_then_recorded(desk: Desk) -> None:
    case_id = desk.case_of("a")
    action_id = actions.recommend(
        desk.store, WANG, case_id, "hold_settlement", "hold 3 days", NOW_MS, approved_by_two=True
    )
    with pytest.raises(Refused, match="0 of 2 approvals"):
        actions.record(desk.store, LI, action_id, "held", NOW_MS)
    with pytest.raises(Refused, match="by others than wang"):
        actions.approve(desk.store, WANG, action_id, NOW_MS)
    assert actions.approve(desk.store, ZHAO, action_id, NOW_MS) == "recommended"
    with pytest.raises(Refused, match="by others than zhao"):
        actions.approve(desk.store, ZHAO, action_id, NOW_MS)
    assert actions.approve(desk.store, CHEN, action_id, NOW_MS) == "approved"
    actions.record(desk.store, LI, action_id, "held", NOW_MS)
    with pytest.raises(Refused, match="it is recorded"):
        actions.record(desk.store, LI, action_id, "held", NOW_MS)
    plain = actions.recommend(desk.store, LI, case_id, "visit", "look at the terminal", NOW_MS)
    actions.record(desk.store, LI, plain, "nobody there", NOW_MS)
    assert desk.kinds()[-6:] == ["recommend", "approve", "approve", "record", "recommend", "record"]


def test_cases_are_merged_and_alerts_moved_and_detached(desk: Desk) -> None:
    first, second = desk.case_of("a"), desk.case_of("c")
    operations.merge(desk.store, LI, second, first, NOW_MS)
    assert desk.case_of("c") == first
    assert rows(desk.store, "cases", "case_id", "status", "merged_into")[1:2] == [(second, "merged", first)]
    with pytest.raises(Refused, match="must be open, it is merged"):
        operations.move(desk.store, LI, ["a"], second, NOW_MS)
    third = operations.detach(desk.store, LI, ["b"], NOW_MS)
    assert desk.case_of("b") == third != first
    operations.move(desk.store, LI, ["b"], first, NOW_MS)
    assert desk.case_of("b") == first
    desk.file(alert("d", "m2"))
    assert desk.case_of("d") not in {first, second, third}, "a merged case takes no new alerts"
    assert desk.header() == queue.Header(open=4)


def test_a_cause_gets_a_case_with_its_members_undecided_alerts(desk: Desk) -> None:
    desk.file(cause("k", {"m1": ["a", "x"], "m2": ["c", "unknown"]}))
    case_id = operations.open_cause_case(desk.store, LI, "k", NOW_MS)
    assert [desk.case_of(each) == case_id for each in "abcx"] == [True, False, True, False]
    with pytest.raises(Refused, match="has a case already"):
        operations.open_cause_case(desk.store, LI, "k", NOW_MS)
    assert desk.header() == queue.Header(open=3)


def test_alerts_of_money_laundering_and_others_never_share_a_case(desk: Desk) -> None:
    both = Actor("sun", frozenset({"analyst", AML}))
    with pytest.raises(Refused, match="in cases of their own"):
        operations.merge(desk.store, both, desk.case_of("a"), desk.case_of("x"), NOW_MS)
    with pytest.raises(Refused, match="all of money laundering or none"):
        operations.detach(desk.store, both, ["a", "x"], NOW_MS)


@pytest.mark.parametrize("role", ROLES)
def test_a_case_of_money_laundering_is_there_for_aml_alone(desk: Desk, role: str) -> None:
    actor, hidden = Actor("rep-1", frozenset({role})), desk.case_of("x")
    listed = {each.case_id for each in queue.page(desk.store, actor, Filter(), NOW_MS).rows}
    assert (hidden in listed) == (role == AML)
    assert bool(audit_of(desk.store, actor, hidden, NOW_MS)) is False, "nobody has touched it yet"
    operations.comment(desk.store, CHEN, hidden, "reported", NOW_MS)
    assert bool(audit_of(desk.store, actor, hidden, NOW_MS)) == (role == AML)
    if role in {"analyst", "lead", "rep"}:
        with pytest.raises(NotFound, match=f"no case {hidden}"):
            operations.comment(desk.store, actor, hidden, "?", NOW_MS)
    if role in {"analyst", "lead"}:
        with pytest.raises(NotFound, match="no alert x"):
            operations.move(desk.store, actor, ["x"], desk.case_of("a"), NOW_MS)


def test_a_rep_sees_its_own_merchants_of_now_and_may_only_comment(desk: Desk) -> None:
    assert [each.merchant_id for each in queue.page(desk.store, REP, Filter(), NOW_MS).rows] == ["m1"]
    assert desk.header(REP) == queue.Header(open=2)
    operations.comment(desk.store, REP, desk.case_of("a"), "I was there, card 6222021234567894", NOW_MS)
    assert rows(desk.store, "comments", "text") == [("I was there, card ************7894",)]
    with pytest.raises(NotFound):
        operations.comment(desk.store, REP, desk.case_of("c"), "?", NOW_MS)
    with pytest.raises(NotAllowed):
        operations.take(desk.store, REP, desk.case_of("a"), 1, NOW_MS)
    fields = {"rep_id": "rep-1", "until": NOW_MS + DAY_MS}
    desk.know(Profile(merchant_id="m2", kind="assignment", effective_from="2026-01-01T00:00:00Z", fields=fields))
    desk.agent.file()
    assert desk.header(REP).open == 3
    assert queue.header(desk.store, REP, NOW_MS + DAY_MS).open == 2, "the assignment has ended"


def test_users_are_put_by_admins_and_have_the_roles_of_now(store: Store) -> None:
    put_user(store, SYSTEM, "li", "Li Lei", ["analyst"], NOW_MS, team="east")
    assert actor_of(store, "li") == LI
    put_user(store, SYSTEM, "li", "Li Lei", ["lead", "aml"], NOW_MS)
    assert actor_of(store, "li").roles == {"lead", "aml"}
    put_user(store, SYSTEM, "li", "Li Lei", ["lead"], NOW_MS, disabled=True)
    with pytest.raises(NotFound, match="there is no user li"):
        actor_of(store, "li")
    with pytest.raises(NotAllowed):
        put_user(store, LI, "li", "Li Lei", ["admin"], NOW_MS)
    with pytest.raises(Refused, match="roles must be of"):
        put_user(store, SYSTEM, "li", "Li Lei", ["boss"], NOW_MS)


@pytest.fixture
def fresh(template: Path, tmp_path: Path) -> Callable[[], Store]:
    def make() -> Store:
        shutil.copy(template, tmp_path / "casework.db")
        for each in ("-wal", "-shm"):
            (tmp_path / f"casework.db{each}").unlink(missing_ok=True)
        return Store(f"sqlite:///{tmp_path}/casework.db")

    return make


STEPS = st.tuples(
    st.sampled_from([
        "file", "again", "decide", "undo", "take", "snooze", "suppress", "move", "detach", "merge", "later", "grade",
        "clear", "agree", "bulk", "bulk_undo",
    ]),
    st.integers(0, 7), st.integers(0, 7),
)  # fmt: skip


def do(desk: Desk, what: str, i: int, j: int, ids: list[str]) -> None:
    one, other = ids[i % len(ids)], ids[j % len(ids)]
    if what == "file":
        ids.append(f"n{len(ids)}")
        desk.file(alert(ids[-1], f"m{i % 3}", ("mcc_jump", "fee_over")[j % 2], risk_code="29" if j == 7 else ""))
    elif what == "again":
        desk.file(alert(one, f"m{i % 3}", revision=2 + len(ids), reopened=j, loss=1_000 * j))
    elif what == "decide":
        desk.decide(one)
    elif what == "snooze":
        pauses.snooze(desk.store, LI, desk.case_of(one), desk.now_ms + j * DAY_MS, "later", desk.now_ms)
    elif what == "suppress":
        pauses.suppress(desk.store, WANG, "mcc_jump", f"m{i % 3}", desk.now_ms + j * DAY_MS, "known", desk.now_ms)
    elif what == "move":
        operations.move(desk.store, LI, [one], desk.case_of(other), desk.now_ms)
    elif what == "detach":
        operations.detach(desk.store, LI, [one], desk.now_ms)
    elif what == "merge":
        operations.merge(desk.store, LI, desk.case_of(one), desk.case_of(other), desk.now_ms)
    elif what == "later":
        desk.now_ms += j * DAY_MS // 2
        desk.agent.file()
    else:
        do_with_another(desk, what, i, j, (one, other))


def do_with_another(desk: Desk, what: str, i: int, j: int, of: tuple[str, str]) -> None:
    if what == "take":
        case_id = desk.case_of(of[0])
        operations.take(desk.store, LI, case_id, desk.version(case_id), desk.now_ms)
    elif what == "undo":
        decisions.undo(desk.store, LI, i + 1, desk.now_ms)
    elif what == "grade":
        desk.file(score(f"m{i % 3}", "ACE"[j % 3], 1 + len(desk.entries())))
    elif what == "clear":
        desk.decide(of[0], verdict="false_alarm")
    elif what == "agree":
        for each in agreement.waiting(desk.store, CHEN, desk.now_ms):
            agreement.agree(desk.store, CHEN, each.decision_id, "so do I", desk.now_ms)
    elif what == "bulk":
        seen = {case_id: desk.version(case_id) for case_id in map(desk.case_of, of)}
        bulk.decide(desk.store, LI, seen, ("confirmed", "false_alarm")[j % 2], "x", "seen", desk.now_ms)
    else:
        bulk.undo(desk.store, LI, j + 1, desk.now_ms)


@settings(
    max_examples=15, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@example(steps=[("move", 2, 0), ("grade", 2, 0)])  # of a case that was merged the grade changes no more
@example(steps=[("decide", 2, 0), ("grade", 2, 0)])
@given(steps=st.lists(STEPS, max_size=12))
def test_open_snoozed_suppressed_and_decided_add_up_to_what_was_filed(
    fresh: Any, tmp_path: Path, steps: list[tuple[str, int, int]]
) -> None:
    path = tmp_path / "tillwatch.db"
    for each in tmp_path.glob("tillwatch.db*"):
        each.unlink()
    with SqliteLog(path, durable=False) as log, fresh() as store:
        create_topics(log, 1)
        desk, ids = Desk(store, log), ["a", "b", "c", "x"]
        for what, i, j in steps:
            try:
                do(desk, what, i, j, ids)
            except Refused:
                continue
            filed = rows(store, "alerts", "alert_id", "is_aml")
            assert {alert_id for alert_id, _ in filed} == {*ids}
            assert desk.header(CHEN).filed == len(ids)
            assert desk.header(LI).filed == sum(not is_aml for _, is_aml in filed)
            for actor in (LI, CHEN, REP):
                assert desk.header(actor) == plain_header(store, actor, desk.now_ms)
            undecided = {case_id for case_id, verdict in rows(store, "alerts", "case_id", "verdict") if verdict is None}
            assert undecided == {case_id for case_id, how in rows(store, "cases", "case_id", "status") if how == "open"}
            aml = dict(rows(store, "cases", "case_id", "is_aml"))
            assert all(aml[case_id] == is_aml for case_id, is_aml in rows(store, "alerts", "case_id", "is_aml"))
        check_derived(store, desk.now_ms)
        desk.kinds()
