"""The pages of notices: deliveries, silences and routing, for leads, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from casework import decisions
from casework.people import Actor
from notices.outbox import Tried, lease, mark
from notices.plan import Planner
from notices.routing.reading import read_routing
from tests.casework.world import NOW_MS, alert
from tests.console.filed import file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor

ANALYST = Actor("analyst", frozenset({"analyst"}))
WAIT_MS = 10_000


@pytest.fixture
def notice_id(store: Store, tmp_path: Path, clock: Clock) -> str:
    """A notice to the rep of a shop, about an alert that was confirmed."""
    file_more(store, tmp_path, shop("m3", "海鲜<b>馆</b>", address="人民路3号"), alert("c", "m3", "volume_rise"))
    decisions.decide(store, ANALYST, 3, 1, "confirmed", "vol-01", "seen", NOW_MS)
    planner = Planner(store, read_routing())
    planner.look(NOW_MS)
    clock.now_ms = NOW_MS + WAIT_MS
    made = [each for each in planner.look(clock.now_ms) if each.recipient.name == "rep"]
    if not made:  # it is night, or a day off, in Shanghai
        clock.now_ms = NOW_MS + 3 * 86_400_000
        made = [each for each in planner.look(clock.now_ms) if each.recipient.name == "rep"]
    return made[0].notice_id


def test_a_lead_sees_a_delivery_why_it_failed_and_sends_it_again(
    store: Store, notice_id: str, clock: Clock, visit: Callable[[str], Visitor]
) -> None:
    lease(store, "one", clock.now_ms)
    mark(store, "one", notice_id, Tried("wecom", "refused", said="40003 <i>invalid</i> user"), clock.now_ms)
    lead = visit("lead")
    page = lead.get("/notices?status=dead").text
    assert "40003 &lt;i&gt;invalid&lt;/i&gt; user" in page
    assert f'href="/notices/{notice_id}"' in page
    one = lead.get(f"/notices/{notice_id}").text
    assert "海鲜&lt;b&gt;馆&lt;/b&gt;" in one
    assert "人民路3号" in one
    assert lead.post(f"/notices/{notice_id}/resend").headers["location"] == f"/notices/{notice_id}"
    assert [each.notice_id for each in lease(store, "two", clock.now_ms)][:1] == [notice_id]
    assert lead.get("/notices?status=lost").status_code == 422
    assert lead.get("/notices/none").status_code == 404


def test_a_lead_makes_and_ends_a_silence_and_is_told_what_none_can_be(
    store: Store, visit: Callable[[str], Visitor]
) -> None:
    lead = visit("lead")
    refused = lead.post("/notices/silences", data={"reason": "why", "days": "3"})
    assert (refused.status_code, "a silence must have a matcher" in refused.text) == (422, True)
    lead.post("/notices/silences", data={"merchant": "m1, m2", "reason": "refit", "days": "3"})
    page = lead.get("/notices/silences").text
    assert "merchant = m1, m2" in page
    lead.post("/notices/silences/1/expire")
    assert "ended by lead" in lead.get("/notices/silences").text
    assert lead.post("/notices/silences/1/expire").status_code == 404


def test_the_routing_page_says_who_would_have_got_what_and_where_findings_go(
    notice_id: str, visit: Callable[[str], Visitor]
) -> None:
    lead = visit("lead")
    page = lead.get("/notices/routing").text
    assert '<th scope="row">Rep <span class="quiet">rep</span></th><td class="number">1</td>' in page
    assert lead.get("/notices/routing?days=8").status_code == 422
    lead.post("/notices/rules/fees", data={"goes_to": "own", "reason": "a misprint"})
    assert "lead <span" in lead.get("/notices/routing").text
    assert lead.post("/notices/rules/cause_rep", data={"goes_to": "own", "reason": "x"}).status_code == 422


@pytest.mark.parametrize("path", ["/notices", "/notices/silences", "/notices/routing"])
def test_the_pages_are_in_chinese_too_and_for_leads_alone(path: str, visit: Callable[[str], Visitor]) -> None:
    page = visit("lead").get(path, headers={"Accept-Language": "zh"}).text
    assert any(each in page for each in ("发送情况", "静默", "路由预览"))
    for role in ("analyst", "viewer", "rep", "admin"):
        assert visit(role).get(path).status_code == 403
