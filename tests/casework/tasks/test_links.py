"""Links that open a rep's tasks: signed, of one person, on one phone, for a time."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode

import pytest
from sqlalchemy import text

from casework.change import changing
from casework.errors import NotAllowed, NotFound, NotSignedIn, Refused, Throttled
from casework.people import SYSTEM, WORKS, Actor, put_user
from casework.tasks import links, making, reading
from tests.casework.desk import DAY_MS, LI, REP, Desk
from tests.casework.tasks.field import give
from tests.casework.world import NOW_MS, rows

FROM = "192.0.2.1"


@pytest.fixture
def link(desk: Desk) -> str:
    return links.link_for(desk.store, LI, give(desk), NOW_MS)


def use(desk: Desk, secret: str, device: str = "", now_ms: int = NOW_MS) -> str:
    return links.use(desk.store, secret, device, FROM, now_ms)


def test_a_link_signs_its_rep_in_on_the_phone_that_uses_it(desk: Desk, link: str) -> None:
    looked = links.look_at(desk.store, link, FROM, NOW_MS)
    assert (looked.user_id, looked.task_id, looked.is_used) == ("rep-1", 1, False)
    phone = links.phone_of(desk.store, use(desk, link), NOW_MS)
    assert (phone.actor, phone.until_ms) == (REP, (NOW_MS + links.LINK_MS) // 1000 * 1000)
    assert len(reading.open_tasks(desk.store, phone.actor, NOW_MS)) == 1
    assert desk.entries()[-1][0] == "use_task_link"


def test_looking_at_a_link_uses_and_opens_nothing(desk: Desk, link: str) -> None:
    before = [rows(desk.store, each) for each in ("tasks", "task_links", "audit")]
    for _ in range(3):
        links.look_at(desk.store, link, FROM, NOW_MS)
    assert [rows(desk.store, each) for each in ("tasks", "task_links", "audit")] == before


def test_the_same_phone_uses_a_link_again_and_another_is_refused_which_is_noted(desk: Desk, link: str) -> None:
    device = use(desk, link)
    assert use(desk, link, device) == device
    for other in ("", secrets.token_urlsafe(32)):
        with pytest.raises(NotAllowed, match="another phone has opened this link"):
            use(desk, link, other)
    assert desk.kinds().count("refuse_task_link") == 2
    assert links.look_at(desk.store, link, FROM, NOW_MS).is_used


def test_the_phone_of_another_persons_link_is_no_key_to_this_one(desk: Desk, link: str) -> None:
    theirs = links.link_for(
        desk.store, LI, give(desk, merchant_id="m2", rep_id="rep-2", case_id=desk.case_of("c")), NOW_MS
    )
    device, other = use(desk, link), use(desk, theirs)
    assert links.phone_of(desk.store, other, NOW_MS).actor.user_id == "rep-2"
    with pytest.raises(NotAllowed):
        use(desk, link, other)
    with pytest.raises(NotAllowed):
        use(desk, theirs, device)


def test_what_was_changed_in_a_link_makes_it_none(desk: Desk, link: str) -> None:
    for place in range(len(link)):
        changed = "B" if link[place] != "B" else "C"
        with pytest.raises(NotSignedIn):
            links.look_at(desk.store, link[:place] + changed + link[place + 1 :], f"192.0.2.{place}", NOW_MS)


@pytest.mark.parametrize("made", ["", "x", "A" * 48, "é" * 48, "-" * 48, "A" * 4_000, "\x00" * 48])
def test_what_is_no_link_is_refused(desk: Desk, link: str, made: str) -> None:
    assert made != link
    with pytest.raises(NotSignedIn, match="none, or its time is over"):
        links.look_at(desk.store, made, FROM, NOW_MS)


def test_who_may_write_to_the_store_but_lacks_the_key_makes_no_link(desk: Desk, link: str) -> None:
    forged = urlsafe_b64encode(secrets.token_bytes(16) + (NOW_MS // 1000 + 9).to_bytes(5, "big") + bytes(15)).decode()
    with desk.store.writing() as connection:
        connection.execute(
            text("UPDATE task_links SET link_hash = :made, until_ms = until_ms * 2"), {"made": links.hashed(forged)}
        )
    for each in (forged, link):
        with pytest.raises(NotSignedIn):
            links.look_at(desk.store, each, FROM, NOW_MS)


def test_a_links_time_is_over_at_its_last_second_and_so_is_its_phones(desk: Desk, link: str) -> None:
    device = use(desk, link)
    last = (NOW_MS + links.LINK_MS) // 1000 * 1000
    links.phone_of(desk.store, device, last - 1)
    with pytest.raises(NotSignedIn):
        links.phone_of(desk.store, device, last)
    with pytest.raises(NotSignedIn):
        links.look_at(desk.store, link, FROM, last)
    with desk.store.writing() as connection:
        connection.execute(text("UPDATE task_links SET until_ms = until_ms + 99999999999"))
    with pytest.raises(NotSignedIn):
        links.look_at(desk.store, link, FROM, last)


def test_guessing_is_slowed_down_by_address_and_a_good_link_passes_all_the_same(desk: Desk, link: str) -> None:
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            links.look_at(desk.store, secrets.token_urlsafe(36), FROM, NOW_MS)
    with pytest.raises(Throttled) as caught:
        links.look_at(desk.store, secrets.token_urlsafe(36), FROM, NOW_MS)
    assert caught.value.wait_ms == 1_000
    with pytest.raises(NotSignedIn) as other:
        links.look_at(desk.store, secrets.token_urlsafe(36), "192.0.2.2", NOW_MS)
    assert not isinstance(other.value, Throttled)
    links.look_at(desk.store, link, FROM, NOW_MS)


def test_the_store_has_neither_a_link_nor_the_secret_of_a_phone(desk: Desk, link: str) -> None:
    device = use(desk, link)
    for table in ("task_links", "audit", "facts"):
        kept = str(rows(desk.store, table))
        assert link not in kept
        assert device not in kept


def test_a_disabled_rep_and_one_that_is_no_rep_any_more_are_kept_out(desk: Desk) -> None:
    desk.hire()
    link = links.link_for(desk.store, LI, give(desk), NOW_MS)
    device = use(desk, link)
    assert links.phone_of(desk.store, device, NOW_MS).name == "Rep-1"
    for roles, disabled in (({"rep"}, True), ({"viewer"}, False)):
        put_user(desk.store, SYSTEM, "rep-1", "Rep", roles, NOW_MS, disabled=disabled)
        with pytest.raises(NotSignedIn):
            links.phone_of(desk.store, device, NOW_MS)
        with pytest.raises(NotSignedIn):
            links.look_at(desk.store, link, FROM, NOW_MS)
    put_user(desk.store, SYSTEM, "rep-1", "Rep", {"rep", "lead"}, NOW_MS)
    assert links.phone_of(desk.store, device, NOW_MS).actor.roles == {"rep"}, "a link gives no more than a rep may"


def test_a_link_ends_with_its_phone_and_one_of_a_withdrawn_task_stays(desk: Desk, link: str) -> None:
    device = use(desk, link)
    links.end(desk.store, device, NOW_MS)
    with pytest.raises(NotSignedIn):
        links.phone_of(desk.store, device, NOW_MS)
    task_id = give(desk)
    unused = links.link_for(desk.store, LI, task_id, NOW_MS)
    making.withdraw(desk.store, LI, task_id, "no need", NOW_MS)
    assert links.look_at(desk.store, unused, FROM, NOW_MS).task_id == task_id, (
        "its page says that nothing is to be done"
    )


def test_a_link_is_made_of_an_open_task_for_its_rep_by_who_works_on_cases(desk: Desk) -> None:
    task_id = give(desk)
    with pytest.raises(NotAllowed):
        links.link_for(desk.store, REP, task_id, NOW_MS)
    with pytest.raises(NotFound):
        links.link_for(desk.store, LI, 99, NOW_MS)
    with pytest.raises(Refused, match="lasts_ms must be 1 to"):
        links.link_for(desk.store, LI, task_id, NOW_MS, 31 * DAY_MS)
    with changing(desk.store, LI, NOW_MS, WORKS, "to make a link") as change:
        with pytest.raises(NotFound, match="there is no task 1 of rep-2"):
            links.make_link(change, "rep-2", task_id=task_id)
        to_all = links.make_link(change, "rep-1")
    assert links.look_at(desk.store, to_all, FROM, NOW_MS).task_id is None
    assert Actor("rep-1", frozenset({"rep"})) == links.phone_of(desk.store, use(desk, to_all), NOW_MS).actor
