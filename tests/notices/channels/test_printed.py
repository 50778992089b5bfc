"""Lists to print: one file a notice, whole or not there, in which nothing runs."""

from __future__ import annotations

import asyncio
import csv
import io
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from notices.channels.contract import Address
from notices.channels.registry import make_channels
from tests.notices.channels.far_side import MESSAGE, WANG

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from notices.channels.contract import Message, Outcome

ROWS = (
    {
        "no": "88", "what": "走访", "shop": "<b>老张</b>便利店", "address": "人民路1号", "tail": "0002",
        "deadline": "6月30日18:00", "checklist": "门头\n机身SN",
    },
    {
        "no": "89", "what": "走访", "shop": "=HYPERLINK(1)", "address": "+8 号", "tail": "0003",
        "deadline": "6月30日18:00", "checklist": "",
    },
)  # fmt: skip
LIST = replace(MESSAGE, rows=ROWS, title="走访清单")


def printed(folder: Path, form: str = "html", message: Message = LIST, to: Address = WANG) -> Outcome:
    channel = make_channels({"list": {"kind": "printed", "folder": str(folder), "format": form}})["list"]
    (outcome,) = asyncio.run(channel.send(message, [to]))
    return outcome


def test_a_page_has_every_task_and_nothing_that_runs(tmp_path: Path) -> None:
    outcome = printed(tmp_path / "lists")
    page = (tmp_path / "lists" / outcome.message_id).read_text()
    assert outcome.status == "sent"
    for words in ("走访清单", "王芳", "&lt;b&gt;老张&lt;/b&gt;便利店", "门头<br>机身SN", "88", "89", "□"):
        assert words in page
    assert "<b>" not in page
    assert "<script" not in page
    assert "http" not in page
    assert "当前负责人" not in page  # an empty column


def test_a_table_has_no_formula(tmp_path: Path) -> None:
    outcome = printed(tmp_path, "csv")
    raw = (tmp_path / outcome.message_id).read_text(encoding="utf-8-sig")
    head, first, second = csv.reader(io.StringIO(raw))
    assert head == ["工单", "事项", "商户", "地址", "商户号尾号", "截止时间", "核对内容", "完成情况"]
    assert first[2] == "<b>老张</b>便利店"
    assert second[2:4] == ["'=HYPERLINK(1)", "'+8 号"]


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    outcome = printed(tmp_path / "lists")
    assert stat.S_IMODE((tmp_path / "lists").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "lists" / outcome.message_id).stat().st_mode) == 0o600


def test_the_same_notice_is_the_same_file(tmp_path: Path) -> None:
    assert printed(tmp_path).message_id == printed(tmp_path).message_id
    assert len(list(tmp_path.iterdir())) == 1
    printed(tmp_path, message=replace(LIST, notice_id="n-2"))
    printed(tmp_path, to=Address("u-li"))
    assert len(list(tmp_path.iterdir())) == 3


def test_no_recipient_leads_out_of_the_folder(tmp_path: Path) -> None:
    for recipient_id in ("../../etc/passwd", "/etc/passwd", "", "王芳", "a\0b"):
        outcome = printed(tmp_path / "lists", to=Address(recipient_id))
        assert outcome.status == "sent"
        assert (tmp_path / "lists" / outcome.message_id).parent == tmp_path / "lists"
    assert len(list((tmp_path / "lists").iterdir())) == 5


def test_without_tasks_the_words_are_printed(tmp_path: Path) -> None:
    page = (tmp_path / printed(tmp_path, message=replace(MESSAGE, rows=())).message_id).read_text()
    assert "请走访「老张便利店」" in page


def test_a_folder_that_is_none_is_tried_again_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = printed(tmp_path / "file")
    assert outcome.status == "retry"
    assert outcome.said == "the file could not be written: File exists"


def test_a_full_disk_leaves_no_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    outcome = printed(tmp_path)
    assert (outcome.status, outcome.said) == ("retry", "the file could not be written: No space left on device")
    assert list(tmp_path.iterdir()) == []
