"""What people are refused is said in their language; programs get English."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from casework import operations
from casework.people import Actor
from console.refusal_words import PARTS, SENTENCES
from console.refusals import UNKNOWN, in_words
from tests.casework.world import NOW_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from casework.store import Store
    from tests.console.conftest import Visitor

ROOT = Path(__file__).resolve().parents[2]
ASIDE = {"casework/backup.py", "casework/replies.py", "console/intake.py"}
"""What commands and programs alone are refused, as is all of `console/api/`."""
MODULES = sorted(
    name
    for part in ("casework", "notices", "console")
    for each in (ROOT / part).rglob("*.py")
    if (name := each.relative_to(ROOT).as_posix()) not in ASIDE and not name.startswith("console/api/")
)
KINDS = {"Refused", "NotFound", "NotAllowed", "NotSignedIn", "Conflict", "Throttled"}
UNSAID = UNKNOWN.removesuffix("{0}")


def calls(path: str) -> Iterator[tuple[str, list[ast.expr]]]:
    """By name what a module calls, and what it gives."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""), node.args


def sentences(path: str) -> Iterator[str]:
    """What a module refuses with; a part is `7`."""
    for name, given in calls(path):
        said = given[0] if name in KINDS and given else None
        if isinstance(said, ast.Constant):
            yield str(said.value)
        elif isinstance(said, ast.JoinedStr):
            yield "".join(each.value if isinstance(each, ast.Constant) else "7" for each in said.values)  # type: ignore[misc]


def parts(path: str) -> Iterator[str]:
    """What a module names in the sentences of `Actor.need` and `checked_text`: what is done, and what is written."""
    for name, given in calls(path):
        if name in {"need", "changing", "checked_text"} and given and isinstance(given[-1], ast.Constant):
            yield str(given[-1].value)


def test_whatever_pages_refuse_has_a_chinese_sentence() -> None:
    said = {each for path in MODULES for each in sentences(path)}
    assert len(said) > 200, "they are found"
    assert [each for each in sorted(said) if in_words(each, "zh").startswith(UNSAID)] == ["cause 7 7"], "two in one"


def test_whatever_is_done_or_written_has_its_chinese_words() -> None:
    named = {each for path in MODULES for each in parts(path)}
    assert {"to take a case", "a comment", "to make a silence"} <= named, "they are found"
    assert sorted(named - {*PARTS}) == []


def test_every_chinese_sentence_has_the_parts_of_the_english_one() -> None:
    for english, chinese in SENTENCES.items():
        numbers = {int(each) for each in re.findall(r"{(\d)}", chinese)}
        assert numbers <= {*range(english.count("{}"))}, english
        assert not chinese.isascii()


def test_parts_are_told_in_words_too() -> None:
    assert in_words("case 3 must be open, it is decided", "zh") == "案件3须为待处理，目前为已判定"
    held = in_words("case 3 must be of version 1, it is of 2; li holds it", "zh")
    assert held == "案件3已被他人更改（目前由li领取），请重新查看"
    assert in_words("a comment must have 1 to 4000 characters, got 0", "zh") == "备注须为1至4000个字符，收到0个"
    needs = in_words("to take a case needs one of the roles aml, analyst, lead; rep-1 has none", "zh")
    assert needs == "领取案件需要以下角色之一：反洗钱专员、分析员、主管；rep-1没有"


def test_a_page_says_it_in_the_readers_language_and_the_api_in_english(
    store: Store, visit: Callable[[str], Visitor], call: Callable[..., Visitor]
) -> None:
    operations.take(store, Actor("lead", frozenset({"lead"})), 1, 1, NOW_MS)
    reader = visit("analyst")
    reader.post("/settings", data={"lang": "zh", "theme": "auto"})
    taken = {"data": {"version": 1, "from": "queue"}}
    assert "案件1已由lead领取" in reader.post("/cases/1/take", **taken, headers={"HX-Request": "true"}).text  # type: ignore[arg-type]
    assert "案件1已由lead领取" in reader.post("/cases/1/take", **taken).text, "without scripts too"  # type: ignore[arg-type]
    assert "案件99不存在" in reader.get("/cases/99").text
    assert "页面不存在" in reader.get("/nowhere").text
    assert "case 1 is held by lead" in visit("aml").post("/cases/1/take", **taken).text  # type: ignore[arg-type]
    program = call("analyst")
    answer = program.post("cases/1/take", json={"expected_version": 1}, headers={"Accept-Language": "zh"})
    assert answer.json()["detail"] == "case 1 is held by lead"


@pytest.mark.parametrize(
    ("who", "path", "given", "said"),
    [
        ("admin", "/users", {"user_id": "a b", "name": "A"}, "用户名须为"),
        ("admin", "/users/teams", {"team_id": ""}, "团队"),
        ("admin", "/users/admin", {"name": "A", "roles": ["viewer"]}, "须至少保留一名可登录的管理员"),
        ("analyst", "/settings", {"lang": "zh", "theme": "pink"}, "主题须为"),
        ("lead", "/notices/silences", {"days": "1", "reason": "x"}, "静默须至少有一个匹配条件"),
        ("lead", "/portfolio/policy", {"per_day": "0", "code": "21", "cost": "1"}, "每日处理量须为"),
    ],
)  # fmt: skip
def test_what_a_page_says_beside_its_form_is_in_the_readers_language(
    who: str, path: str, given: dict[str, object], said: str, visit: Callable[[str], Visitor]
) -> None:
    reader = visit(who)
    reader.post("/settings", data={"lang": "zh", "theme": "auto"})
    answer = reader.post(path, data=given)
    assert answer.status_code == 422
    assert said in answer.text
