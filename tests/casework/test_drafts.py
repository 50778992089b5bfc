"""What is changed about a merchant in the log: drafted by one, approved by another, sent once."""

from __future__ import annotations

from typing import Any

import pytest

from casework import drafts
from casework.errors import NotAllowed, NotFound, Refused
from domain.readings import Profile
from domain.timestamps import iso
from tests.casework.desk import CHEN, DAY_MS, LI, WANG, ZHAO, Desk
from tests.casework.world import NOW_MS, rows
from tests.causes.world import FIRST, profile

UNTIL_MS = NOW_MS + 90 * DAY_MS
PRICES = [{"rate_ppm": 6_300}, {"card_kind": "debit", "rate_ppm": 5_000, "cap": 2_000}]


@pytest.fixture
def known(desk: Desk) -> Desk:
    """m1 is known by its whole master data."""
    fields = {"mccs": ["5812"], "name": "海港面馆", "licence_expires_at": NOW_MS + 365 * DAY_MS, "rep_id": "rep-1"}
    desk.know(profile("m1", FIRST, **fields))
    desk.agent.file()
    return desk


def draft(desk: Desk, changes: dict[str, Any], kind: str = "merchant", **more: Any) -> int:
    return drafts.draft(desk.store, LI, kind, "m1", changes, "seen on the spot", desk.now_ms, **more)


def test_an_approved_mcc_with_an_end_is_a_version_with_it_and_one_without(known: Desk) -> None:
    made = draft(known, {"approved_channel_mccs": ["5814"]}, until_ms=UNTIL_MS, case_id=known.case_of("a"))
    assert [each.draft_id for each in drafts.listed(known.store, WANG, NOW_MS)] == [made]
    known.agent.file()
    assert known.sent() == [], "nobody has approved it"
    known.now_ms += DAY_MS
    drafts.approve(known.store, WANG, made, known.now_ms)
    for _ in range(2):
        known.agent.file()
    first, last = sorted(known.sent(), key=lambda each: str(each["effective_from"]))
    for each, from_ms in ((first, known.now_ms), (last, UNTIL_MS)):
        assert (each["type"], each["merchant_id"], each["effective_from"]) == ("merchant", "m1", iso(from_ms))
        assert (each["name"], each["mccs"], each["status"]) == ("海港面馆", ["5812"], "active")
    assert (first["approved_channel_mccs"], last.get("approved_channel_mccs")) == (["5814"], None)
    assert [each.status for each in drafts.sent(known.store, made)] == ["sent", "sent"]
    assert known.kinds()[-2:] == ["draft", "approve_draft"]


def test_what_came_after_the_draft_is_not_written_over(known: Desk) -> None:
    made = draft(known, {"mccs": ["5814"], "licence_expires_at": None})
    known.know(
        Profile(
            merchant_id="m1", kind="merchant", effective_from=iso(NOW_MS), fields={"mccs": ["1"], "name": "new name"}
        )
    )
    known.agent.file()
    drafts.approve(known.store, WANG, made, NOW_MS + 1)
    known.agent.file()
    known.now_ms += 1
    known.agent.file()
    (sent,) = known.sent()
    assert (sent["name"], sent["mccs"], "licence_expires_at" in sent) == ("new name", ["5814"], False)


def test_a_contract_and_a_grade_are_drafted_likewise(known: Desk) -> None:
    contract = draft(known, {"prices": PRICES}, "contract", from_ms=NOW_MS + DAY_MS)
    grade = draft(known, {"grade": "D"}, "override", until_ms=UNTIL_MS)
    for each in (contract, grade):
        drafts.approve(known.store, WANG, each, NOW_MS)
    known.agent.file()
    found = {each["type"]: each for each in known.sent()}
    assert (found["contract"]["effective_from"], found["contract"]["prices"]) == (iso(NOW_MS + DAY_MS), PRICES)
    assert {name: found["override"][name] for name in ("grade", "reason", "expires_at", "event_time")} == {
        "grade": "D", "reason": "seen on the spot", "expires_at": iso(UNTIL_MS), "event_time": iso(NOW_MS),
    }  # fmt: skip


def test_a_draft_is_answered_by_another_than_its_writer_who_is_a_lead(known: Desk) -> None:
    made = drafts.draft(known.store, WANG, "override", "m1", {"grade": "C"}, "quiet", NOW_MS, until_ms=UNTIL_MS)
    for answer in (drafts.approve, lambda *given: drafts.reject(*given[:3], "no", given[3])):
        with pytest.raises(Refused, match="by another than wang"):
            answer(known.store, WANG, made, NOW_MS)
        with pytest.raises(NotAllowed):
            answer(known.store, LI, made, NOW_MS)
    drafts.reject(known.store, ZHAO, made, "the score says so already", NOW_MS)
    with pytest.raises(Refused, match="it is rejected"):
        drafts.approve(known.store, ZHAO, made, NOW_MS)
    assert rows(known.store, "drafts", "status", "answered_by", "answer") == [
        ("rejected", "zhao", "the score says so already")
    ]
    known.agent.file()
    assert known.sent() == []


@pytest.mark.parametrize(
    ("kind", "changes", "more", "message"),
    [
        ("merchant", {"mccs": ["58"]}, {}, "what intake takes: .*mccs"),
        ("merchant", {"colour": "red", "effective_from": 1}, {}, "changes must be of fields other than"),
        ("merchant", {}, {}, "changes must be of fields other than"),
        ("merchant", {"status": "gone"}, {}, "what intake takes: .*status"),
        ("contract", {"prices": [{"fixed": 1}]}, {}, "what intake takes: .*rate_ppm"),
        ("contract", {"prices": PRICES}, {"until_ms": UNTIL_MS}, "must have a contract version to go back to"),
        ("merchant", {"mccs": ["5814"]}, {"until_ms": NOW_MS}, "until_ms must be after now"),
        ("override", {"grade": "F"}, {"until_ms": UNTIL_MS}, "what intake takes: .*grade"),
        ("override", {"grade": "D"}, {}, "have until_ms"),
        ("override", {"grade": "D"}, {"until_ms": NOW_MS + 400 * DAY_MS}, "until_ms must be at most"),
        ("verdict", {}, {}, "kind must be one of merchant, contract, override"),
    ],
)
def test_what_intake_would_refuse_is_not_drafted(
    known: Desk, kind: str, changes: dict[str, Any], more: dict[str, int], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        draft(known, changes, kind, **more)
    assert rows(known.store, "drafts") == []


def test_no_card_number_is_kept_of_a_draft(known: Desk) -> None:
    made = draft(known, {"name": "shop of 6222021234567894"})
    assert "6222021234567894" not in str(rows(known.store, "drafts") + rows(known.store, "audit"))
    drafts.approve(known.store, WANG, made, NOW_MS)
    assert "6222021234567894" not in str(rows(known.store, "outbox"))
    with pytest.raises(Refused, match="must hold no card number"):
        draft(known, {"channel": "6222021234567894"})


def test_an_end_behind_a_version_that_is_known_already_is_refused(known: Desk) -> None:
    later = Profile(merchant_id="m1", kind="merchant", effective_from=iso(NOW_MS + DAY_MS), fields={"mccs": ["5411"]})
    known.know(later)
    known.agent.file()
    with pytest.raises(Refused, match="before the next version"):
        draft(known, {"mccs": ["5814"]}, until_ms=UNTIL_MS)
    draft(known, {"mccs": ["5814"]}, until_ms=NOW_MS + DAY_MS - 1)


def test_a_draft_of_a_case_of_money_laundering_is_for_aml_alone(known: Desk) -> None:
    made = drafts.draft(
        known.store, CHEN, "override", "m1", {"grade": "E"}, "reported", NOW_MS, until_ms=UNTIL_MS,
        case_id=known.case_of("x"),
    )  # fmt: skip
    assert drafts.listed(known.store, WANG, NOW_MS) == []
    with pytest.raises(NotFound):
        drafts.approve(known.store, WANG, made, NOW_MS)
    assert ("draft", True) in rows(known.store, "audit", "kind", "is_aml")
