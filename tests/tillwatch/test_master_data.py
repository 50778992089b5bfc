"""`tillwatch merchants` and `tillwatch people`: tables against the log."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

from domain.events import EVENT_KINDS, EVENTS
from domain.field_names import FIELD_NAMES_ZH
from engine.decoding.hashing import partition_of
from streams.sqlite.address import SqliteAddress
from streams.sqlite.log import SqliteLog
from tests.tillwatch.conftest import call
from tillwatch.logs import open_log
from tillwatch.master_data_view import MOST
from tillwatch.settings import Settings
from tillwatch.table_rows import Mapped, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

PAN = "6222021234567894"
SHOPS = "merchant_id,short_name,mccs,rep_id\nm1,榆桅,5812;5814,r1\nm2,岚篱,5411,r2\n"


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """A log with no records."""
    path = tmp_path / "tillwatch.db"
    with open_log(Settings(log_url=SqliteAddress(path).url)):
        pass
    return path


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    path = tmp_path / "shops.csv"
    path.write_text(SHOPS, encoding="utf-8")
    return path


def run(log_file: Path, *arguments: str | Path) -> Result:
    return call("--log-url", SqliteAddress(log_file).url, *arguments)


def ran(log_file: Path, *arguments: str | Path, code: int = 0) -> dict[str, Any]:
    result = run(log_file, *arguments, "--json")
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def written(log_file: Path) -> list[list[dict[str, Any]]]:
    """The events in the log, by partition."""
    with SqliteLog(log_file) as log:
        parts = [log.read("events", partition, 0) for partition in range(4)]
        return [[json.loads(part.value(i)) for i in range(len(part))] for part in parts]


def flat(log_file: Path) -> list[dict[str, Any]]:
    return sorted((each for part in written(log_file) for each in part), key=lambda each: each["received_at"])


def test_what_a_table_brings_is_shown_and_nothing_is_written_until_it_is_imported(log_file: Path, shops: Path) -> None:
    shown = ran(log_file, "merchants", "diff", shops)
    assert (shown["new"], shown["changed"], shown["appended"], written(log_file)) == (2, 0, 0, [[]] * 4)
    tried = ran(log_file, "merchants", "import", shops, "--dry-run")
    assert (tried, written(log_file)) == (shown, [[]] * 4)
    made = ran(log_file, "merchants", "import", shops, "--effective-from", "2026-07-01")
    assert made == {**shown, "appended": 2}
    for partition, found in enumerate(written(log_file)):
        for each in found:
            assert partition_of(each["merchant_id"].encode(), 4) == partition
            assert (each["type"], each["feed"], each["effective_from"]) == ("merchant", "import", 1_782_835_200_000)
    assert {each["merchant_id"]: each["mccs"] for each in flat(log_file)} == {"m1": ["5812", "5814"], "m2": ["5411"]}


def test_a_table_imported_again_appends_nothing_and_later_only_what_changed(log_file: Path, shops: Path) -> None:
    ran(log_file, "merchants", "import", shops, "--effective-from", "2026-07-01")
    again = ran(log_file, "merchants", "import", shops)
    assert (again["unchanged"], again["appended"], again["changes"]) == (2, 0, [])
    shops.write_text("merchant_id,short_name,address\nm1,榆桅,港湾路7号\nm3,杉笙,\n", encoding="utf-8")
    found = ran(log_file, "merchants", "import", shops)
    assert (found["new"], found["changed"], found["unchanged"], found["absent"], found["appended"]) == (1, 1, 0, 1, 2)
    assert found["changes"] == [
        {"merchant_id": "m1", "field": "address", "old": None, "new": "港湾路7号"},
        {"merchant_id": "m3", "field": "short_name", "old": None, "new": "杉笙"},
    ]
    newest = next(each for each in reversed(flat(log_file)) if each["merchant_id"] == "m1")
    assert newest["mccs"] == ["5812", "5814"], "a field without a column stays"
    assert newest["rep_id"] == "r1"


def test_an_empty_cell_takes_its_field_away(log_file: Path, shops: Path) -> None:
    ran(log_file, "merchants", "import", shops)
    shops.write_text("merchant_id,rep_id\nm1,\n", encoding="utf-8")
    (change,) = ran(log_file, "merchants", "import", shops)["changes"]
    assert change == {"merchant_id": "m1", "field": "rep_id", "old": "r1", "new": None}
    assert "rep_id" not in flat(log_file)[-1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("named", ["auto", "own"])
def test_a_table_in_chinese_is_read_in_each_encoding(log_file: Path, tmp_path: Path, encoding: str, named: str) -> None:
    table, mapping = tmp_path / "shops.csv", tmp_path / "shops.toml"
    text = '商户号,店名,状态,入网时间,备注\n="000123",榆桅面馆,正常,2024/3/1,好\n'
    table.write_text(text, encoding=encoding)
    mapping.write_text('[columns]\nstatus = "状态"\n[values.status]\n"正常" = "active"\n', encoding="utf-8")
    own = "auto" if named == "auto" else encoding.removesuffix("-sig")
    found = ran(
        log_file, "merchants", "import", table, "--mapping", mapping, "--columns", "short_name=店名", "--encoding", own
    )
    (shop,) = flat(log_file)
    assert (shop["merchant_id"], shop["short_name"], shop["status"]) == ("000123", "榆桅面馆", "active")
    assert shop["opened_at"] == 1_709_222_400_000, "midnight in Shanghai"
    assert found["ignored"] == ["备注"]


def test_a_refused_row_has_its_line_and_reason_and_the_others_are_taken(log_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "shops.csv"
    table.write_text(
        "merchant_id,short_name,mccs,opened_at,settlement_account_key,time_zone\n"
        'm1,"two\nlines",5812,,,\n'
        "\n"
        "8.9821E+14,,,,,\n"
        "m3,,541,,,\n"
        "m4,,,2024-13-01,,\n"
        "m5,,,,6217000010001234567,\n"
        "m6,,,,,Asia/Nowhere\n"
        "m7,\n"
        "m1,again,,,,\n"
        f"{PAN},,,,,\n"
        ",nobody,,,,\n",
        encoding="utf-8",
    )
    result = run(log_file, "merchants", "import", table, "--json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert [(each["line"], each["merchant_id"], each["field"]) for each in found["refused"]] == [
        (5, "", "merchant_id"), (6, "m3", "mccs"), (7, "m4", "opened_at"), (8, "m5", "settlement_account_key"),
        (9, "m6", "time_zone"), (10, "", ""), (11, "m1", "merchant_id"), (12, "************7894", "merchant_id"),
        (13, "", "merchant_id"),
    ]  # fmt: skip
    messages = [each["message"] for each in found["refused"]]
    assert messages[0] == "merchant_id must be written out, got '8.9821E+14': a spreadsheet has lost its digits"
    assert messages[1] == "mccs must be 4 characters, got 3: '541'"
    assert messages[5] == "row must have 6 cells as the header has, got 2"
    assert messages[6] == "merchant_id must stand once in a file, got 'm1' again, of line 2"
    assert messages[8] == "merchant_id must be given in a merchant, got nothing"
    assert "6217000010001234567" not in result.output
    assert PAN not in result.output
    assert (found["appended"], [each["merchant_id"] for each in flat(log_file)]) == (1, ["m1"])


def test_free_text_is_masked_in_the_log_and_in_what_is_shown_and_stays_unchanged(
    log_file: Path, tmp_path: Path
) -> None:
    table = tmp_path / "shops.csv"
    table.write_text(f"merchant_id,address\nm1,card {PAN} at the door\n")
    assert PAN not in run(log_file, "merchants", "import", table).output
    assert flat(log_file)[0]["address"] == "card ************7894 at the door"
    assert ran(log_file, "merchants", "diff", table)["unchanged"] == 1


def test_a_change_from_before_the_newest_version_is_refused_and_an_unchanged_row_is_not(
    log_file: Path, shops: Path
) -> None:
    ran(log_file, "merchants", "import", shops, "--effective-from", "2026-07-01T00:00+08:00")
    shops.write_text(SHOPS.replace("岚篱", "岚蓼"), encoding="utf-8")
    found = ran(log_file, "merchants", "import", shops, "--effective-from", "2026-06-30", code=3)
    assert (found["unchanged"], found["appended"]) == (1, 0)
    (refused,) = found["refused"]
    assert (refused["line"], refused["field"]) == (3, "effective_from")
    assert refused["message"] == (
        "effective_from must be 2026-06-30T16:00:00.000Z or later, as of the newest version in the log,"
        " got 2026-06-29T16:00:00.000Z"
    )
    assert ran(log_file, "merchants", "import", shops, "--effective-from", "2026-07-01")["appended"] == 1
    assert ran(log_file, "merchants", "diff", shops)["unchanged"] == 2, "of two for one moment the later record counts"


def test_a_row_may_say_itself_from_when_on_it_holds(log_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "shops.csv"
    table.write_text("merchant_id,effective_from\nm1,2026-03-01\nm2,\n")
    ran(log_file, "merchants", "import", table, "--effective-from", "2026-07-01", "--time-zone", "UTC")
    since = {each["merchant_id"]: each["effective_from"] for each in flat(log_file)}
    assert since == {"m1": 1_772_323_200_000, "m2": 1_782_864_000_000}


def test_people_are_imported_by_their_own_key(log_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "staff.csv"
    table.write_text("工号,姓名,角色,主管\nr1,苇杪,rep,s1\ns1,芷樵,supervisor,\n", encoding="utf-8")
    assert ran(log_file, "people", "import", table)["appended"] == 2
    for partition, found in enumerate(written(log_file)):
        assert all(partition_of(each["person_id"].encode(), 4) == partition for each in found)
    table.write_text("工号,缺勤结束\nr1,2026-07-27\n", encoding="utf-8")
    (change,) = ran(log_file, "people", "import", table)["changes"]
    assert change == {"person_id": "r1", "field": "absent_until", "old": None, "new": "2026-07-26T16:00:00.000Z"}
    assert flat(log_file)[-1]["supervisor_id"] == "s1"
    assert ran(log_file, "merchants", "diff", table, "--columns", "merchant_id=工号")["new"] == 1, "no merchant is r1"


def test_what_ingest_wrote_is_what_a_table_is_compared_with(log_file: Path, tmp_path: Path) -> None:
    events, table = tmp_path / "events.jsonl", tmp_path / "shops.csv"
    lines = [
        {"type": "merchant", "merchant_id": "m1", "effective_from": "2026-02-01T00:00:00+08:00", "mccs": ["5411"]},
        {"type": "merchant", "merchant_id": "m1", "effective_from": "2026-01-01T00:00:00+08:00", "mccs": ["5812"]},
        {"type": "terminal", "merchant_id": "m1", "effective_from": 1_783_251_730_250, "terminal_id": "merchant"},
    ]
    events.write_text("".join(json.dumps(each) + "\n" for each in lines))
    assert run(log_file, "ingest", events).exit_code == 0
    table.write_text("merchant_id,mccs\nm1,5411\n")
    assert ran(log_file, "merchants", "diff", table)["unchanged"] == 1


def test_tables_are_in_either_language_and_times_by_one_clock(log_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "shops.csv"
    table.write_text("merchant_id,short_name,opened_at,mccs\nm1,[榆桅],2024-03-01 09:30,\nm2,,,541\n", encoding="utf-8")
    english = run(log_file, "merchants", "diff", table)
    assert english.exit_code == 3
    assert "Changes (times: Asia/Shanghai)" in english.output
    assert ["m1", "opened_at", "-", "2024-03-01", "09:30"] in [line.split() for line in english.output.splitlines()]
    assert "2 rows: 1 new, 0 changed, 0 unchanged, 1 refused; 0 in the log alone stay as they are" in english.output
    chinese = run(log_file, "merchants", "import", table, "--dry-run", "--lang", "zh").output
    assert "变更（时间：北京时间）" in chinese
    assert ["m1", "商户简称", "-", "[榆桅]"] in [line.split() for line in chinese.splitlines()]
    assert "共2行：新增1，变更0，未变0，未受理1；仅日志中有的0个保持不变" in chinese
    assert "试运行：将写入1个版本" in chinese
    assert "已写入1个版本" in run(log_file, "merchants", "import", table, "--lang", "zh").output


def test_a_long_table_of_changes_is_cut_and_says_how_many_more(log_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "shops.csv"
    table.write_text("merchant_id,city\n" + "".join(f"m{k},x\n" for k in range(MOST + 7)))
    shown = run(log_file, "merchants", "diff", table).output
    assert sum(line.startswith("m") and "city" in line for line in shown.splitlines()) == MOST
    assert "7 more" in shown


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("name\nx\n", (), "must have a column merchant_id or 商户号, or one that --columns names"),
        ("", (), "is empty"),
        ("merchant_id,商户号\nm,m\n", (), "must have one column of merchant_id, got 2"),
        ("merchant_id\nm\n", ("--columns", "city=城"), "must have the column '城' of city, got merchant_id"),
        ("merchant_id\nm\n", ("--columns", "city"), "must be FIELD=HEADER, got 'city'"),
        ("merchant_id\nm\n", ("--columns", "town=城"), "field must be one of merchant_id, effective_from, name"),
        ("merchant_id\nm\n", ("--time-zone", "Mars"), "must be an IANA name such as Asia/Shanghai, got 'Mars'"),
        ("merchant_id\nm\n", ("--effective-from", "soon"), "must be a time such as 2026-01-05T00:00, got 'soon'"),
    ],
)
def test_a_table_or_option_that_cannot_be_read_ends_in_one_line(
    log_file: Path, tmp_path: Path, text: str, arguments: tuple[str, ...], message: str
) -> None:
    table = tmp_path / "shops.csv"
    table.write_text(text, encoding="utf-8")
    result = run(log_file, "merchants", "diff", table, *arguments)
    assert result.exit_code in {1, 2}
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("text", ["nonsense", "[colums]\n", "columns = 5\n", "[columns]\ncity = 5\n", "values = 5\n"])
def test_a_mapping_that_is_none_is_refused(log_file: Path, shops: Path, tmp_path: Path, text: str) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(text)
    result = run(log_file, "merchants", "diff", shops, "--mapping", mapping)
    assert result.exit_code == 1
    assert "mapping.toml must " in result.stderr


def test_bytes_of_another_encoding_are_refused(log_file: Path, tmp_path: Path) -> None:
    table = tmp_path / "shops.csv"
    table.write_bytes("merchant_id,city\nm,大连\n".encode("gb18030"))
    (refused,) = ran(log_file, "merchants", "diff", table, "--encoding", "utf-8", code=3)["refused"]
    assert refused["message"] == "line must be of the file's encoding, it has bytes that are not"
    table.write_bytes("merchant_id,city\nm,Zürich\n".encode("cp1252"))
    assert "its bytes are of another encoding" in run(log_file, "merchants", "diff", table).stderr


def test_without_a_log_there_is_nothing_to_compare_with(shops: Path, tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere.db", "merchants", "diff", shops)
    assert result.exit_code == 1
    assert not (tmp_path / "nowhere.db").exists()


def cell(tmp_path: Path, name: str, text: str) -> tuple[Any, str]:
    """What a cell gives, and why not."""
    file = tmp_path / "one.csv"
    file.write_text(f'merchant_id,{name}\nm1,"{text.replace(chr(34), chr(34) * 2)}"\n', encoding="utf-8")
    (row,) = read_table("merchant", file, Mapped(), "auto", "Asia/Shanghai").rows
    return row.cells.get(name), row.bad.message if row.bad else ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-07-01", 1_782_835_200_000), ("2026/7/1", 1_782_835_200_000), ("2026.7.1", 1_782_835_200_000),
        ("2026年7月1日", 1_782_835_200_000), ("20260701", 1_782_835_200_000), (" 2026-7-1 ", 1_782_835_200_000),
        ("2026/7/1 9:30", 1_782_869_400_000), ("2026-07-01T09:30:15+00:00", 1_782_898_215_000),
        ("2026年7月1日 09:30:15", 1_782_869_415_000), ("20260701 09:30", 1_782_869_400_000),
    ],
)  # fmt: skip
def test_a_time_may_be_written_in_many_ways(tmp_path: Path, text: str, value: int) -> None:
    assert cell(tmp_path, "opened_at", text) == (value, "")


@pytest.mark.parametrize("text", ["2026-7", "2026711", "45000", "2026-02-30", "tomorrow", "2026/7/1 25:00", "7/1/2026"])
def test_a_time_that_is_none_is_refused_and_not_guessed_at(tmp_path: Path, text: str) -> None:
    assert cell(tmp_path, "opened_at", text)[1].startswith("opened_at must be a time such as 2026-07-05")


@pytest.mark.parametrize(
    ("text", "value"),
    [("000123", "000123"), ('="000123"', "000123"), ("'000123", "000123"), ("5E12", "5E12"), (" ", None)],
)
def test_an_identifier_keeps_its_zeros(tmp_path: Path, text: str, value: str | None) -> None:
    assert cell(tmp_path, "agent_id", text) == (value, "")


def workbook(path: Path, *rows: list[Any]) -> Path:
    book = Workbook()
    other = book.active
    assert other is not None
    other.append(["封面"])
    sheet = book.create_sheet("商户")
    for each in rows:
        sheet.append(each)
    book.save(path)
    return path


def test_a_table_is_read_whatever_it_is_packed_and_written_in(log_file: Path, tmp_path: Path) -> None:
    text = "商户清单\n\n商户号,商户简称,入网时间\n000123,榆桅,2024/3/1\n000124,岚篱,2024/3/2\n"
    plain = tmp_path / "shops.csv"
    plain.write_text(text, encoding="utf-8")
    assert ran(log_file, "merchants", "import", plain)["appended"] == 2
    made = {
        "tsv": text.replace(",", "\t").encode("gb18030"), "semicolons": text.replace(",", ";").encode("utf-8-sig"),
        "utf-16": text.encode("utf-16"), "gz": gzip.compress(text.encode()),
    }  # fmt: skip
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
    days = [datetime(2024, 3, 1), datetime(2024, 3, 2)]  # noqa: DTZ001  as spreadsheets have them
    book = workbook(
        tmp_path / "shops.xlsx", ["2024年"], ["商户号", "商户简称", "入网时间"], ["000123", "榆桅", days[0]],
        ["000124", "岚篱", days[1]],
    )  # fmt: skip
    for file in (*(tmp_path / name for name in made), book):
        found = ran(log_file, "merchants", "diff", file)
        assert (found["unchanged"], found["changes"], found["refused"]) == (2, [], []), file


def test_a_mapping_as_ingest_takes_them_reads_a_table_of_master_data(log_file: Path, tmp_path: Path) -> None:
    table, mapping = tmp_path / "shops.csv", tmp_path / "shops.toml"
    table.write_text("no;opened;mcc;state;city\n77;05.07.2024;742;open;x\n78;05.07.2024;742;test;x\n")
    mapping.write_text(
        'type = "merchant"\n[fields]\nmerchant_id = { column = "no", prefix = "m", pad = 5 }\n'
        'opened_at = { column = "opened", format = "day-first", time_zone = "UTC" }\n'
        'mccs = { column = "mcc", pad = 4 }\nstatus = { column = "state", values = { open = "active" },'
        ' otherwise = "same" }\n'
        '[[skip]]\ncolumn = "state"\nin = ["test"]\n'
    )
    found = ran(log_file, "merchants", "import", table, "--mapping", mapping)
    (shop,) = flat(log_file)
    assert (shop["merchant_id"], shop["opened_at"], shop["mccs"], shop["status"]) == (
        "m00077", 1_720_137_600_000, ["0742"], "active",
    )  # fmt: skip
    assert (found["rows"], found["ignored"], "city" in shop) == (1, ["city"], False)
    mapping.write_text('type = "person"\n[fields]\nperson_id = "no"\n')
    assert "type must be merchant, got person" in run(log_file, "merchants", "diff", table, "--mapping", mapping).output


def test_a_guess_of_a_table_is_a_mapping_that_takes_it_and_names_what_is_left(log_file: Path, tmp_path: Path) -> None:
    table, guess = tmp_path / "shops.csv", tmp_path / "shops.toml"
    table.write_text(
        "收单商户清单\n商户编号,门店名称,营业状态,MCC码,业务员工号,开户日期,备注\nm1,榆桅,正常,5812,r1,2024/3/1,x\nm2,岚篱,停业,5411,r2,2024/3/2,\n",
        encoding="gb18030",
    )
    result = run(log_file, "merchants", "import", table, "--guess", guess)
    assert (result.exit_code, written(log_file)) == (0, [[]] * 4), result.output
    assert "Columns that are not read: 备注" in guess.read_text(encoding="utf-8")
    assert ran(log_file, "merchants", "import", table, "--mapping", guess)["appended"] == 2
    one, two = sorted(flat(log_file), key=lambda each: each["merchant_id"])
    assert (one["short_name"], one["status"], two["status"], one["mccs"], one["rep_id"]) == (
        "榆桅", "active", "closed", ["5812"], "r1",
    )  # fmt: skip
    assert run(log_file, "merchants", "diff", table, "--guess", guess).exit_code == 2, "the file is there already"


def test_every_field_of_merchants_and_people_has_a_name_in_chinese_that_no_other_has() -> None:
    for kind, names in FIELD_NAMES_ZH.items():
        fields = [each.name for each in EVENTS[kind] if each.name not in {"type", "received_at", "feed"}]
        assert sorted(names) == sorted(fields)
        assert len(set(names.values())) == len(names)
        assert EVENT_KINDS[kind].key in names
