"""What people are refused is said in their language; programs get English."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from casework import operations
from casework.people import Actor
from console.refusal_words import SENTENCES
from console.refusals import UNKNOWN, in_words
from tests.casework.world import NOW_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from casework.store import Store
    from tests.console.conftest import Visitor

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "casework/actions.py", "casework/agreement.py", "casework/bulk.py", "casework/change.py", "casework/decisions.py",
    "casework/drafts.py", "casework/escalation.py", "casework/flags.py", "casework/logins.py",
    "casework/operations.py", "casework/pauses.py", "casework/people.py", "casework/proposals.py",
    "casework/quality.py", "casework/reminders.py", "casework/retrieval.py", "casework/users.py",
    "casework/queue/filters.py", "casework/queue/order.py", "casework/queue/rows.py", "casework/reading/alert.py",
    "casework/reading/case.py", "casework/reading/merchant.py", "casework/reading/merchants.py",
    "console/pages/audit.py", "console/pages/case_acts.py", "console/pages/papers.py", "console/pages/portfolio.py",
    "console/pages/queue_table.py", "console/pages/reports.py", "console/pages/tokens.py",
    "console/pages/user_table.py", "console/pages/work.py", "console/security.py", "console/times.py",
)  # fmt: skip
"""Where what people do on pages is refused."""
KINDS = {"Refused", "NotFound", "NotAllowed", "Conflict", "Throttled"}


def sentences(path: str) -> Iterator[str]:
    """What a module refuses with; a part is `7`."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
            continue
        said = node.args[0]
        if isinstance(said, ast.Constant):
            yield str(said.value)
        elif isinstance(said, ast.JoinedStr):
            yield "".join(each.value if isinstance(each, ast.Constant) else "7" for each in said.values)  # type: ignore[misc]


@pytest.mark.parametrize("path", MODULES)
def test_whatever_pages_refuse_has_a_chinese_sentence(path: str) -> None:
    unsaid = UNKNOWN.removesuffix("{0}")
    assert [each for each in sentences(path) if in_words(each, "zh").startswith(unsaid) and each != "cause 7 7"] == []


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
