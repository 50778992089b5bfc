"""`tillwatch casework users`, on a store of its own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from casework.logins import link_user
from casework.people import SYSTEM
from casework.store import Store
from casework.users import list_users
from streams.log import now_utc_ms
from tests.tillwatch.conftest import call

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    made = f"sqlite:///{tmp_path}/casework.db"
    monkeypatch.setenv("TILLWATCH_CASEWORK_URL", made)
    return made


def users(*arguments: str | Path) -> Result:
    return call("casework", "users", *arguments)


def known(url: str) -> dict[str, tuple[str, ...]]:
    with Store(url) as store:
        return {each.user_id: each.roles for each in list_users(store, SYSTEM, now_utc_ms()) if not each.disabled}


def test_users_are_added_linked_and_disabled(url: str) -> None:
    assert users("add", "wang.li", "--name", "王丽", "--role", "analyst", "--role", "lead").exit_code == 0
    assert known(url) == {"wang.li": ("analyst", "lead")}
    assert "must be a new one" in users("add", "wang.li").stderr
    (secret,) = re.findall(r"^http://127\.0\.0\.1:8643/login/(\S+)$", users("link", "wang.li").output, re.MULTILINE)
    with Store(url) as store:
        assert link_user(store, secret, now_utc_ms()) == "wang.li"
    assert users("disable", "wang.li").exit_code == 0
    assert known(url) == {}
    assert "must be a person who is not disabled" in users("link", "wang.li").stderr


def test_a_table_is_shown_then_taken_and_kept_again(url: str, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("用户名,姓名,角色\nli,李雷,analyst\nbad one,Bad,viewer\n", encoding="gb18030")
    shown = users("import", file, "--dry-run")
    assert shown.exit_code == 3
    assert shown.output.splitlines()[-2:] == [
        "line 3: user_id must be 1 to 64 of A-Z a-z 0-9 . _ @ - and no part of the program, got 'bad one'",
        "1 new, 0 changed, 0 as they were, 1 rows refused",
    ]
    assert known(url) == {}
    assert json.loads(users("import", file, "--json").stdout)["new"] == ["li"]
    assert known(url) == {"li": ("analyst",)}
    for lang in ("en", "zh"):
        kept = tmp_path / f"out.{lang}.csv"
        assert users("export", kept, "--lang", lang).exit_code == 0
        assert json.loads(users("import", kept, "--json").stdout)["same"] == 1
        assert "it is there" in users("export", kept).stderr
    assert "无法导入1行" in users("import", file, "--lang", "zh").output
