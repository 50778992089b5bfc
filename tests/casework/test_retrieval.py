"""Attached files, and documents that a merchant is asked for."""

from __future__ import annotations

import io
import json
import os
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from casework import attachments, operations, pauses, queue, retrieval
from casework.attachments import MOST_BYTES, SWEPT_AFTER_MS, media_type, safe_name
from casework.errors import NotAllowed, NotFound, Refused, StoreFailed
from casework.files import Files
from casework.pack import pack
from casework.people import Actor
from casework.retrieval import Chosen
from tests.casework.desk import CHEN, DAY_MS, LI, REP, WANG, Desk
from tests.casework.world import NOW_MS, alert, rows

if TYPE_CHECKING:
    from pathlib import Path

PNG, JPEG = b"\x89PNG\r\n\x1a\n door", b"\xff\xd8\xff slip"
VIEWER = Actor("viewer", frozenset({"viewer"}))
TIME = "2025-01-01T04:00:00.000Z"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


def attach(desk: Desk, files: Files, data: bytes = PNG, name: str = "door.png", actor: Actor = LI) -> int:
    return attachments.attach(desk.store, files, actor, desk.case_of("a"), name, data, NOW_MS)


def test_an_attachment_is_read_back_by_whoever_sees_the_case(desk: Desk, files: Files) -> None:
    made = attach(desk, files, actor=REP)
    for actor in (LI, REP, VIEWER):
        assert attachments.read(desk.store, files, actor, made, NOW_MS) == ("door.png", "image/png", PNG)
    assert [each.by for each in attachments.of_case(desk.store, LI, desk.case_of("a"), NOW_MS)] == ["rep-1"]
    hidden = attachments.attach(desk.store, files, CHEN, desk.case_of("x"), "report.pdf", b"%PDF-", NOW_MS)
    for actor, number in ((LI, hidden), (Actor("rep-2", REP.roles), made), (LI, 99)):
        with pytest.raises(NotFound):
            attachments.read(desk.store, files, actor, number, NOW_MS)
    with pytest.raises(NotAllowed):
        attach(desk, files, actor=VIEWER)
    with pytest.raises(NotFound):
        attachments.attach(desk.store, files, REP, desk.case_of("c"), "x", b"x", NOW_MS)


def test_bytes_are_kept_once_and_nobody_else_can_read_them(desk: Desk, files: Files, tmp_path: Path) -> None:
    attach(desk, files)
    attach(desk, files, name="again.png")
    (path,) = [each for each in tmp_path.glob("files/**/*") if each.is_file()]
    assert path.name == sha256(PNG).hexdigest()
    assert oct(path.stat().st_mode)[-3:] == "600"
    assert {oct(each.stat().st_mode)[-3:] for each in (path.parent, tmp_path / "files")} == {"700"}


def test_bytes_that_were_changed_are_refused(desk: Desk, files: Files, tmp_path: Path) -> None:
    made = attach(desk, files)
    (path,) = [each for each in tmp_path.glob("files/*/*") if each.is_file()]
    path.write_bytes(PNG + b"!")
    with pytest.raises(StoreFailed, match="must be the SHA-256 of its bytes"):
        attachments.read(desk.store, files, LI, made, NOW_MS)
    path.unlink()
    with pytest.raises(NotFound, match="no attached file"):
        attachments.read(desk.store, files, LI, made, NOW_MS)


def test_there_are_limits_of_a_file_and_of_a_case(desk: Desk, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"", b"x" * (MOST_BYTES + 1)):
        with pytest.raises(Refused, match="an attachment must have 1 to"):
            attach(desk, files, data)
    monkeypatch.setattr(attachments, "MOST_OF_CASE", 2)
    attach(desk, files)
    attach(desk, files, JPEG)
    with pytest.raises(Refused, match="at most 2 attachments"):
        attach(desk, files, b"third")
    monkeypatch.setattr(attachments, "MOST_OF_CASE", 9)
    monkeypatch.setattr(attachments, "MOST_BYTES_OF_CASE", len(PNG + JPEG) + 4)
    with pytest.raises(Refused, match="bytes together"):
        attach(desk, files, b"third")
    assert len(rows(desk.store, "attachments")) == 2


@pytest.mark.parametrize(
    ("data", "name", "found"),
    [
        (PNG, "x.exe", "image/png"), (JPEG, "x", "image/jpeg"), (b"RIFF\x01\x00\x00\x00WEBPVP8 ", "x", "image/webp"),
        (b"%PDF-1.4", "x.html", "application/pdf"), (b"a,b\r\n", "x.csv", "text/csv"),
        ("商户".encode(), "x", "text/plain"),
        (b"<html><script>alert(1)</script>", "x.html", "text/plain"), (b"\x00\x01", "x.png", attachments.UNKNOWN),
        ("商户".encode("gb18030"), "x.csv", attachments.UNKNOWN), (b"GIF89a\x00", "x.gif", attachments.UNKNOWN),
    ],
)  # fmt: skip
def test_what_a_file_is_its_bytes_say(data: bytes, name: str, found: str) -> None:
    assert media_type(data, name) == found


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("门头.jpg", "门头.jpg"), ("/etc/passwd", "passwd"), ("..\\..\\boot.ini", "boot.ini"), ("", "file"),
        ("...", "file"),
        ("a\u202egpj.exe", "a_gpj.exe"), ('x"; rm -rf ~.png', "x__ rm -rf _.png"), ("a\x00b\n", "a_b_"),
        ("slip 6222021234567894.png", "slip ____________7894.png"), ("x" * 300 + ".jpeg", "x" * 95 + ".jpeg"),
    ],
)  # fmt: skip
def test_names_lead_nowhere_and_hold_no_card_number(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_bytes_without_an_attachment_are_swept_after_a_day(desk: Desk, files: Files, tmp_path: Path) -> None:
    attach(desk, files)
    files.put(b"whoever wrote this was killed before the row")
    half = tmp_path / "files" / "ab" / "written-x"
    half.parent.mkdir()
    half.write_bytes(b"half")
    os.utime(half, (0, 0))
    now_ms = round(half.parent.stat().st_mtime * 1000)
    assert attachments.sweep(desk.store, files, now_ms) == 0
    assert not half.exists(), "it is older than a day"
    assert attachments.sweep(desk.store, files, now_ms + SWEPT_AFTER_MS + 60_000) == 1
    assert [each.name for each in tmp_path.glob("files/*/*")] == [sha256(PNG).hexdigest()]


def test_nothing_is_attached_without_its_row(desk: Desk, files: Files) -> None:
    with desk.store.writing() as connection:
        connection.execute(text("UPDATE cases SET version = 7 WHERE case_id = 1"))
    with pytest.raises(NotFound):
        attachments.attach(desk.store, files, LI, 99, "x", b"x", NOW_MS)
    assert not files.has(sha256(b"x").hexdigest()), "a case that is not seen costs no bytes"


def ask(desk: Desk, *documents: str, actor: Actor = LI) -> int:
    chosen = [Chosen(each, f"t-{each}", "purchase", TIME) for each in "ab"]
    return retrieval.ask(
        desk.store,
        actor,
        desk.case_of("a"),
        chosen,
        documents or ("sales_slip", "shop_front"),
        "is it a wedding?",
        NOW_MS,
    )


def receive(desk: Desk, files: Files, case_id: int, document: str, data: bytes = JPEG) -> int:
    return retrieval.receive(desk.store, files, REP, case_id, document, f"{document}.jpg", data, NOW_MS)


def statuses(desk: Desk, now_ms: int = NOW_MS, *, only_open: bool = True) -> list[str]:
    return [each.status for each in retrieval.listed(desk.store, LI, now_ms, only_open=only_open)]


def test_documents_are_asked_for_received_and_the_outcome_closes_the_retrieval(desk: Desk, files: Files) -> None:
    case_id = ask(desk)
    (found,) = retrieval.listed(desk.store, LI, NOW_MS)
    due_ms = desk.store.working_days.after(NOW_MS, 5)
    assert (found.case.kind, found.case.merchant_id, found.case.holder) == ("retrieval", "m1", "li")
    assert (found.case.due_ms, found.case.due_rule, found.status) == (due_ms, "retrieval", "asked")
    assert found.documents == {"sales_slip": None, "shop_front": None}
    assert statuses(desk, due_ms + 1) == ["overdue"]
    receive(desk, files, case_id, "sales_slip")
    receive(desk, files, case_id, "sales_slip", PNG)
    assert statuses(desk) == ["asked"]
    receive(desk, files, case_id, "shop_front")
    assert statuses(desk, due_ms + 1) == ["received"]
    retrieval.close(desk.store, LI, case_id, "in_order", "a wedding it was", NOW_MS)
    assert statuses(desk) == []
    assert statuses(desk, only_open=False) == ["closed"]
    with pytest.raises(Refused, match="must be open"):
        receive(desk, files, case_id, "shop_front")
    assert desk.header() == queue.Header(open=3), "a retrieval is no alert"
    assert [kind for kind, of, _ in desk.entries() if of == case_id] == ["ask", "attach", "attach", "attach", "close"]


def test_what_was_not_supplied_is_closed_as_that(desk: Desk) -> None:
    case_id = ask(desk)
    with pytest.raises(Refused, match="or the outcome not_supplied"):
        retrieval.close(desk.store, LI, case_id, "in_order", "fine", NOW_MS)
    with pytest.raises(Refused, match="outcome must be one of"):
        retrieval.close(desk.store, LI, case_id, "fine", "fine", NOW_MS)
    retrieval.close(desk.store, LI, case_id, "not_supplied", "no answer", NOW_MS)
    assert statuses(desk, only_open=False) == ["closed"]


def test_what_cannot_be_asked_for_is_refused(desk: Desk, files: Files) -> None:
    desk.file(alert("d", "m2"))
    operations.move(desk.store, LI, ["d"], desk.case_of("a"), NOW_MS)
    case_id, mine = desk.case_of("a"), Chosen("a", "t-a", "purchase", TIME)
    for chosen, documents, message in (
        ([], ["invoice"], "transactions must be 1 to 40"),
        ([mine], [], "documents must be of .* got none"),
        ([mine], ["passport"], "got passport"),
        ([mine._replace(txn_id="t-x")], ["invoice"], "no transaction t-x in case"),
        ([mine, Chosen("d", "t-d", "purchase", TIME)], ["invoice"], "of one merchant, they are of 2"),
    ):
        with pytest.raises(Refused, match=message):
            retrieval.ask(desk.store, LI, case_id, chosen, documents, "?", NOW_MS)
    with pytest.raises(Refused, match="due_ms must be after now"):
        retrieval.ask(desk.store, LI, case_id, [mine], ["invoice"], "?", NOW_MS, due_ms=NOW_MS)
    with pytest.raises(Refused, match="has asked for, got 'invoice'"):
        receive(desk, files, ask(desk), "invoice")


def test_a_retrieval_holds_no_alerts_and_can_be_put_off(desk: Desk) -> None:
    case_id = ask(desk)
    for change in (
        lambda: operations.move(desk.store, LI, ["a"], case_id, NOW_MS),
        lambda: operations.merge(desk.store, LI, desk.case_of("a"), case_id, NOW_MS),
        lambda: operations.merge(desk.store, LI, case_id, desk.case_of("a"), NOW_MS),
    ):
        with pytest.raises(Refused):
            change()
    pauses.snooze(desk.store, LI, case_id, NOW_MS + DAY_MS, "owner away", NOW_MS)
    desk.now_ms += 2 * DAY_MS
    desk.agent.file()
    assert statuses(desk) == ["asked"]


def test_an_earlier_version_knows_no_retrievals_and_has_nothing_to_do_about_them(desk: Desk) -> None:
    case_id = ask(desk)
    desk.store.migrate("003")
    assert dict(rows_of_cases(desk))[case_id] == "decided"
    desk.store.migrate()
    assert statuses(desk, only_open=False) == []
    assert desk.header() == queue.Header(open=3)


def rows_of_cases(desk: Desk) -> list[tuple[int, str]]:
    with desk.store.reading() as connection:  # the table as an earlier version has it
        return [(each[0], each[1]) for each in connection.execute(text("SELECT case_id, status FROM cases"))]


def test_a_retrieval_is_seen_by_whoever_sees_its_merchant(desk: Desk) -> None:
    ask(desk)
    chosen = [Chosen("x", "t-x", "purchase", TIME)]
    retrieval.ask(desk.store, CHEN, desk.case_of("x"), chosen, ["statement"], "?", NOW_MS)
    assert [len(retrieval.listed(desk.store, each, NOW_MS)) for each in (CHEN, WANG, REP)] == [2, 1, 1]
    assert retrieval.listed(desk.store, Actor("rep-2", REP.roles), NOW_MS) == []


def test_the_pack_has_what_came_with_who_and_when_and_is_the_same_each_time(desk: Desk, files: Files) -> None:
    case_id = ask(desk)
    receive(desk, files, case_id, "shop_front", PNG)
    receive(desk, files, case_id, "shop_front", JPEG)
    parts = [*pack(desk.store, files, LI, case_id, NOW_MS)]
    assert b"".join(parts) == b"".join(pack(desk.store, files, REP, case_id, NOW_MS + 9))
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        assert archive.testzip() is None
        said = json.loads(archive.read("manifest.json"))
        for each in said["files"]:
            data = archive.read(each["path"])
            assert (sha256(data).hexdigest(), len(data)) == (each["sha256"], each["size"])
        assert archive.namelist() == ["manifest.json", *(each["path"] for each in said["files"])]
        table = archive.read("transactions.csv").decode().splitlines()
    assert [each["path"] for each in said["files"][1:]] == [
        "documents/01-shop_front-shop_front.jpg", "documents/02-shop_front-shop_front.jpg",
    ]  # fmt: skip
    assert {(each["by"], each["received"]) for each in said["files"][1:]} == {("rep-1", "2026-11-30T00:53:20.000Z")}
    assert (said["merchant_id"], said["missing"]) == ("m1", ["sales_slip"])
    assert said["documents"]["shop_front"]["zh"] == "门头照"
    assert [each.split(",")[0] for each in table] == ["txn_id", "t-a", "t-b"]


def test_no_cell_of_the_pack_is_a_formula(desk: Desk, files: Files) -> None:
    with desk.store.writing() as connection:
        connection.execute(text("UPDATE alert_transactions SET terminal_id = '=cmd()' WHERE txn_id = 't-a'"))
    parts = b"".join(pack(desk.store, files, LI, ask(desk), NOW_MS))
    with zipfile.ZipFile(io.BytesIO(parts)) as archive:
        assert ",'=cmd()," in archive.read("transactions.csv").decode()


def test_a_pack_of_what_one_does_not_see_or_of_changed_bytes_is_not_given(
    desk: Desk, files: Files, tmp_path: Path
) -> None:
    case_id = ask(desk)
    receive(desk, files, case_id, "shop_front")
    for actor, number in ((Actor("rep-2", REP.roles), case_id), (LI, desk.case_of("a"))):
        with pytest.raises(NotFound, match="no retrieval"):
            pack(desk.store, files, actor, number, NOW_MS)
    (path,) = [each for each in tmp_path.glob("files/*/*") if each.is_file()]
    path.write_bytes(b"other")
    with pytest.raises(StoreFailed, match="must be the SHA-256"):
        b"".join(pack(desk.store, files, LI, case_id, NOW_MS))
