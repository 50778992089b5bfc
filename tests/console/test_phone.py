"""The rep's pages: links, own tasks alone, answers with and without scripts, and what the office sees of them."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from casework.tasks import links, reading
from casework.tasks.photos import CHUNK_BYTES
from console.phone.forms import OUTCOMES
from console.phone.page import COOKIE, own_path
from console.security import TOKEN
from domain.events import VISIT_OUTCOMES
from tests.casework.world import NOW_MS, alert, rows, score
from tests.console.field import ADDRESS, ANALYST, DAY_MS, REP, give, link, open_shop, photo
from tests.console.filed import HOSTILE, file_more, shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from casework.store import Store
    from tests.console.conftest import Clock, Visitor

WECHAT = (
    "Mozilla/5.0 (Linux; Android 13; LNA-AL00) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0"
    " Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240404 MicroMessenger/8.0.49.2600 WeChat/arm64 NetType/4G"
    " Language/zh_CN"
)
ANSWER = {"key": "k-12345678", "outcome": "as_registered", "check_sign": "ok", "text": "open"}


@pytest.fixture(autouse=True)
def task(store: Store, tmp_path: Path) -> int:
    """The rep's task at m1."""
    open_shop(store, tmp_path)
    return give(store)


def opened(visit: Callable[[str], Visitor], store: Store, task_id: int) -> Visitor:
    """A phone that has used the link to a task."""
    phone = visit("")
    phone.headers["User-Agent"] = WECHAT
    answer = phone.post(link(store, task_id))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/phone/tasks/{task_id}")
    phone.headers[TOKEN] = links.phone_of(store, phone.cookies[COOKIE], NOW_MS).csrf
    return phone


def test_a_link_leads_from_the_notice_to_an_answer_in_the_case(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone, path = visit(""), link(store, task)
    landing = phone.get(path)
    assert "知道了，打开任务" in landing.text
    assert ADDRESS not in landing.text, "whoever previews a link reads no shop"
    assert "旺角" not in landing.text
    phone = opened(visit, store, task)
    page = phone.get(f"/phone/tasks/{task}").text
    for each in ("旺角茶餐厅", ADDRESS, "商户号尾号m1", "门头、经营内容与登记一致", "被同行切机", "请勿填写卡号"):
        assert each in page
    assert phone.post(f"/phone/tasks/{task}/answer", data=ANSWER).status_code == 303
    assert "我的反馈" in phone.get(f"/phone/tasks/{task}").text
    shown = visit("analyst").get("/cases/1", headers={"Accept-Language": "zh"}).text
    assert "与登记一致" in shown
    assert "反馈任务1" in shown


def test_a_get_of_whatever_kind_marks_nothing_opened(store: Store, visit: Callable[[str], Visitor], task: int) -> None:
    path = link(store, task)
    for method in ("GET", "HEAD"):
        assert visit("").request(method, path).status_code == 200
    rep = visit("rep")
    for each in ("/phone", f"/phone/tasks/{task}"):
        assert rep.get(each).status_code == 200
    assert rows(store, "tasks", "opened_ms") == [(None,)]
    assert rep.post(f"/phone/tasks/{task}/know").headers["location"] == f"/phone/tasks/{task}"
    assert rows(store, "tasks", "opened_ms") == [(NOW_MS,)]


def test_a_link_is_no_way_to_any_other_page(store: Store, visit: Callable[[str], Visitor], task: int) -> None:
    phone = opened(visit, store, task)
    for each in ("/queue", "/merchants", "/cases/1", "/settings", "/photos/1"):
        assert phone.get(each).headers["location"].startswith("/login"), each
    assert phone.get("/phone").status_code == 200


def test_another_phone_is_told_and_the_first_goes_on(store: Store, visit: Callable[[str], Visitor], task: int) -> None:
    path, first, second = link(store, task), visit(""), visit("")
    assert first.post(path).status_code == 303
    refused = second.post(path)
    assert refused.status_code == 403
    assert "此链接已在另一台手机打开" in refused.text
    assert "/login?next=/phone" in refused.text
    assert second.get("/phone").headers["location"] == "/login?next=%2Fphone"
    assert first.post(path).status_code == 303


def test_a_link_that_another_site_posts_opens_nothing(store: Store, visit: Callable[[str], Visitor], task: int) -> None:
    path = link(store, task)
    assert visit("").post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert visit("").post(path, headers={"Origin": "https://evil.example"}).status_code == 403
    assert rows(store, "task_links", "device_hash") == [(None,)]


def test_forged_and_guessed_links_are_refused_alike_and_slowed_down(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    path = link(store, task)
    guesser = visit("")
    forged = path[:-1] + ("A" if path[-1] != "A" else "B")
    for each in (forged, f"/phone/l/{secrets.token_urlsafe(36)}", "/phone/l/x", "/phone/l/%00", "/phone/l/链接"):
        answer = guesser.get(each)
        assert answer.status_code == 404
        assert "链接无效或已过期" in answer.text
    slowed = guesser.get(f"/phone/l/{secrets.token_urlsafe(36)}")
    assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "1")
    assert guesser.get(path).status_code == 200


def test_an_old_link_and_an_old_phone_are_led_to_the_login(
    store: Store, visit: Callable[[str], Visitor], task: int, clock: Clock
) -> None:
    path, phone = link(store, task), opened(visit, store, task)
    clock.now_ms += links.LINK_MS
    assert visit("").get(path).status_code == 404
    assert phone.get("/phone").headers["location"].startswith("/login")
    asked = phone.post(f"/phone/tasks/{task}/answer", data=ANSWER, headers={"Accept": "application/json"})
    assert (asked.status_code, [*asked.json()]) == (401, ["told"])


def test_no_rep_gets_at_another_reps_task_by_any_route(
    store: Store, visit: Callable[[str], Visitor], task: int, tmp_path: Path
) -> None:
    file_more(store, tmp_path, shop("m2", "tip-off", address="tip-off", rep_id="rep-2"))
    theirs = give(store, "m2", "rep-2", case_id=2)
    digest, data = sha256(b"a").hexdigest(), photo()
    other = opened(visit, store, theirs)
    sent = other.post(f"/phone/tasks/{theirs}/answer", data=ANSWER, files={"photo_other": ("a.jpg", data)})
    assert sent.status_code == 303
    for visitor in (opened(visit, store, task), visit("rep")):
        asked = [
            visitor.get(f"/phone/tasks/{theirs}"), visitor.get(f"/phone/tasks/{theirs}/photos/{digest}"),
            visitor.get("/phone/photos/1"), visitor.post(f"/phone/tasks/{theirs}/know"),
            visitor.post(f"/phone/tasks/{theirs}/answer", data=ANSWER), visitor.post(f"/phone/tasks/{theirs}/forget"),
            visitor.post(f"/phone/tasks/{theirs}/photos/{digest}/0", content=b"a"),
            visitor.post(f"/phone/tasks/{theirs}/photos/{digest}", data={"slot": "other"}),
        ]  # fmt: skip
        assert [each.status_code for each in asked] == [404] * 8
        assert "tip-off" not in "".join(each.text for each in asked) + visitor.get("/phone").text


def test_a_change_without_the_phones_own_token_is_refused(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone = opened(visit, store, task)
    phone.headers[TOKEN] = "another"
    for each in ("answer", "know", "forget"):
        assert phone.post(f"/phone/tasks/{task}/{each}", data=ANSWER).status_code == 403
    assert rows(store, "task_answers") == []


def test_an_answer_sent_again_changes_nothing_and_another_is_refused(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone, path = opened(visit, store, task), f"/phone/tasks/{task}/answer"
    for _ in range(3):
        assert phone.post(path, data=ANSWER).status_code == 303
    assert phone.post(path, data=ANSWER | {"key": "k-another-1"}).status_code == 422
    assert len(rows(store, "task_answers")) == 1


def test_a_form_without_scripts_sends_photos_and_all_that_it_has(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone = opened(visit, store, task)
    page = phone.get(f"/phone/tasks/{task}").text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    form = ANSWER | {
        "key": key[1], "outcome": "differs", "check_payer": "differs", "note_payer": "another firm", "text": "",
        "finding_days": "7", "lat": "31.871", "lon": "117.281", "accuracy_m": "20", "coord_sys": "",
    }  # fmt: skip
    sent = phone.post(f"/phone/tasks/{task}/answer", data=form, files={"photo_shop_front": ("a.jpg", photo())})
    assert sent.status_code == 303
    it = reading.task(store, ANALYST, task, NOW_MS)
    assert it.answer is not None
    assert it.answer.checks["payer"] == {"said": "differs", "note": "another firm"}
    assert (it.task.row.finding_until_ms, it.answer.row.radius_m) == (NOW_MS + 7 * DAY_MS, 800)
    assert [each.slot for each in it.photos] == ["shop_front"]
    assert "整改期限" in phone.get(f"/phone/tasks/{task}").text
    again = phone.get(f"/phone/tasks/{it.after[0]}").text
    assert "上次情况" in again
    assert "/phone/photos/1" in again
    assert phone.post(f"/phone/tasks/{task}/forget").status_code == 303
    assert "位置已删除" in phone.get(f"/phone/tasks/{task}").text


def test_a_photo_comes_part_by_part_and_is_shown_without_what_the_phone_wrote(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone, data = opened(visit, store, task), photo((3_000, 2_000), quality=100) + bytes(CHUNK_BYTES)
    path = f"/phone/tasks/{task}/photos/{sha256(data).hexdigest()}"
    parts = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    assert len(parts) > 1
    assert phone.post(f"{path}/0", content=parts[0]).status_code == 204
    assert phone.get(path).json() == {"have": [0]}
    assert phone.post(path, data={"slot": "shop_front"}, headers={"Accept": "application/json"}).status_code == 422
    for number, part in enumerate(parts):
        phone.post(f"{path}/{number}", content=part)
    for _ in range(2):
        assert phone.post(path, data={"slot": "shop_front", "phone_ms": "5"}).json()["photo_id"] == 1
    shown = phone.get("/phone/photos/1")
    assert shown.headers["content-type"] == "image/jpeg"
    assert b"HUAWEI" not in shown.content
    assert visit("analyst").get("/photos/1").content == shown.content
    assert visit("lead").get("/photos/1/sent").content == data
    assert visit("analyst").get("/photos/1/sent").status_code == 403


@pytest.mark.parametrize(
    ("changed", "said"),
    [({"outcome": "fine"}, "outcome"), ({"lat": "x", "lon": "1"}, "lat must be a number"),
     ({"finding_days": "1e9"}, "at most"), ({"check_sign": "perhaps"}, "checks"), ({"key": ""}, "key"),
     ({"lat": "nan", "lon": "1"}, "lat must be at most")],
)  # fmt: skip
def test_what_cannot_be_an_answer_is_told_on_a_page_of_the_phones(
    store: Store, visit: Callable[[str], Visitor], task: int, changed: dict[str, str], said: str
) -> None:
    phone = opened(visit, store, task)
    path, given = f"/phone/tasks/{task}/answer", ANSWER | changed
    assert "未能提交" in phone.post(path, data=given).text
    refused = phone.post(path, data=given, headers={"Accept-Language": "en"})
    assert (refused.status_code, "That was not taken" in refused.text) == (422, True)
    assert said in refused.text
    assert rows(store, "task_answers") == []


def test_texts_of_people_stay_texts(store: Store, visit: Callable[[str], Visitor], tmp_path: Path) -> None:
    file_more(store, tmp_path, shop("m2", HOSTILE, address=HOSTILE))
    task_id = give(store, "m2", case_id=2, text=HOSTILE)
    phone = opened(visit, store, task_id)
    for path in ("/phone", f"/phone/tasks/{task_id}"):
        assert "<script>alert" not in phone.get(path).text
    phone.post(f"/phone/tasks/{task_id}/answer", data=ANSWER | {"text": HOSTILE, "note_sign": HOSTILE})
    assert "<script>alert" not in phone.get(f"/phone/tasks/{task_id}").text
    assert "<script>alert" not in visit("analyst").get("/cases/2").text


def test_pages_are_chinese_unless_english_is_asked_for(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone = opened(visit, store, task)
    assert "待办 1 项" in phone.get("/phone").text
    assert "1 open" in phone.get("/phone", headers={"Accept-Language": "en-GB,zh;q=0.5"}).text
    assert phone.post("/phone/lang/en").status_code == 303
    assert "1 open" in phone.get("/phone", headers={"Accept-Language": "zh-CN"}).text


def test_a_phone_that_is_left_is_signed_out_for_good(store: Store, visit: Callable[[str], Visitor], task: int) -> None:
    phone = opened(visit, store, task)
    device = phone.cookies[COOKIE]
    left = phone.post("/phone/leave")
    assert phone.get(left.headers["location"]).status_code == 200
    phone.cookies.set(COOKIE, device)
    assert phone.get("/phone").headers["location"].startswith("/login")


def test_the_phones_answers_keep_others_out_and_may_ask_for_a_position(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    answer = opened(visit, store, task).get(f"/phone/tasks/{task}")
    assert "geolocation=(self)" in answer.headers["permissions-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "geolocation=()" in visit("analyst").get("/queue").headers["permissions-policy"]


def test_the_page_offers_every_outcome_that_a_visit_may_have() -> None:
    assert {*OUTCOMES} == {*VISIT_OUTCOMES}


def test_a_path_back_is_one_of_the_phones() -> None:
    assert own_path("https://risk.example/phone/tasks/1?x=1", "/phone") == "/phone/tasks/1"
    for each in ("", "https://evil.example/queue", "javascript:alert(1)"):
        assert own_path(each, "/phone") == "/phone"


def test_an_analyst_gives_a_task_withdraws_it_and_hands_out_a_link(
    store: Store, visit: Callable[[str], Visitor]
) -> None:
    analyst = visit("analyst")
    given: dict[str, Any] = {"kind": "visit", "rep_id": "rep", "until": "3", "check": ["sign", "rate"], "text": "why"}
    assert analyst.post("/cases/1/tasks", data=given).status_code == 303
    it = reading.open_tasks(store, REP, NOW_MS)[-1]
    assert (it.checklist, it.row.text) == (("sign", "rate"), "why")
    made = analyst.post(f"/cases/1/tasks/{it.row.task_id}/link")
    path = re.search(r"/phone/l/[\w%-]+", made.text)
    assert path is not None
    assert visit("").get(path[0]).status_code == 200
    assert analyst.post("/cases/2/tasks/1/withdraw", data={"text": "no"}).status_code == 404
    assert analyst.post(f"/cases/1/tasks/{it.row.task_id}/withdraw", data={"text": "no need"}).status_code == 303
    phone = visit("")
    assert "已撤销，您无需再处理" in phone.get(phone.post(path[0]).headers["location"]).text
    for role in ("viewer", "rep", "admin", "rule_editor"):
        assert visit(role).post("/cases/1/tasks", data=given).status_code == 403


def test_a_task_that_a_decision_ends_says_so_and_an_answer_that_comes_anyway_is_shown(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone, analyst = opened(visit, store, task), visit("analyst")
    case_id, version = rows(store, "cases", "case_id", "version")[0]
    given = {"version": version, "reason_code": "other", "comment": "seen"}
    answer = analyst.post(f"/cases/{case_id}/decide/false_alarm", data=given)
    assert answer.status_code == 303, answer.text
    page = phone.get(f"/phone/tasks/{task}").text
    assert "已撤销，您无需再处理" in page
    assert "提交反馈" not in page
    assert "待办 0 项" in phone.get("/phone").text
    assert "已撤销" in phone.get("/phone").text
    assert phone.post(f"/phone/tasks/{task}/answer", data=ANSWER).status_code == 303
    assert "您的反馈已收到并保存" in phone.get(f"/phone/tasks/{task}").text
    shown = visit("analyst").get(f"/cases/{case_id}", headers={"Accept-Language": "zh"}).text
    assert "案件已判定。 撤销后收到反馈。" in shown


def test_a_lead_erases_a_photo_on_the_cases_page_and_sets_a_time_for_what_was_found(
    store: Store, visit: Callable[[str], Visitor], task: int
) -> None:
    phone, lead = opened(visit, store, task), visit("lead")
    phone.post(f"/phone/tasks/{task}/answer", data=ANSWER, files={"photo_other": ("a.jpg", photo())})
    assert lead.post("/cases/2/photos/1/erase", data={"text": "a face"}).status_code == 404
    assert lead.post("/cases/1/photos/1/erase", data={"text": "a face"}).status_code == 303
    assert "erased: a face" in lead.get("/cases/1").text
    assert visit("analyst").get("/photos/1").status_code == 404
    assert lead.post(f"/cases/1/tasks/{task}/finding", data={"until": "7", "text": "new sign"}).status_code == 303
    assert [each.row.kind for each in reading.open_tasks(store, REP, NOW_MS)] == ["recheck"]


def test_a_case_of_money_laundering_has_no_tasks_on_its_page(visit: Callable[[str], Visitor], hidden: int) -> None:
    page = visit("aml").get(f"/cases/{hidden}").text
    assert 'id="tasks"' not in page
    given = {"kind": "visit", "rep_id": "rep", "until": "3"}
    assert visit("aml").post(f"/cases/{hidden}/tasks", data=given).status_code == 422
    assert visit("analyst").post(f"/cases/{hidden}/tasks", data=given).status_code == 404


def test_two_merchants_alike_but_for_money_laundering_have_pages_that_are_equal_byte_by_byte(
    store: Store, visit: Callable[[str], Visitor], tmp_path: Path
) -> None:
    twins = ("n0001", "o0001")
    for merchant_id in twins:
        made = shop(merchant_id, "双胞胎店", address="同一条路1号")
        file_more(store, tmp_path, made, alert(f"t-{merchant_id}", merchant_id))
    file_more(store, tmp_path, alert("t-aml", "o0001", risk_code="29", severity=0.95), score("o0001", "E", 1))
    pages = []
    for merchant_id in twins:
        case_id = dict(rows(store, "alerts", "alert_id", "case_id"))[f"t-{merchant_id}"]
        task_id = give(store, merchant_id, case_id=case_id)
        phone = opened(visit, store, task_id)
        row = reading.task(store, ANALYST, task_id, NOW_MS).task.row
        page = phone.get(f"/phone/tasks/{task_id}").text.replace(str(phone.headers[TOKEN]), "")
        for each in (row.nonce, f"工单 {task_id}", f"tasks/{task_id}/", f'data-task="{task_id}"', f"nojs-{task_id}-"):
            page = page.replace(each, "")
        pages.append(page)
    assert pages[0] == pages[1]
