"""Output of `tillwatch merchants`, `contracts`, `people`: changes and refused rows as tables, or one line of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.events import EVENT_KINDS, Kind
from domain.field_names import field_name
from domain.timestamps import iso
from tillwatch.contract_rows import price_words
from tillwatch.language import counted, local, speaker, zone_name
from tillwatch.show import emit_json, table, to_stderr, to_stdout
from tillwatch.table_rows import importable

if TYPE_CHECKING:
    from tillwatch.language import Say
    from tillwatch.master_data import Asked, Comparison

MOST, MOST_GONE = 200, 20
"""Rows of a table, and ids of those that are gone, that are shown; JSON has all."""


def show(asked: Asked, found: Comparison, zone: str, *, written: bool, dry_run: bool) -> None:
    """Show what a file changes, or changed."""
    if asked.as_json:
        emit_json(_json(asked.kind, found, appended=len(found.ready) if written else 0))
        return
    say, console = speaker(asked.lang), to_stdout()
    for made in (_changes_table(asked, found, zone, say), _refused_table(asked, found, say)):
        if made.row_count:
            console.print(made)
            console.print()
    for line in _lines(asked, found, say, written=written, dry_run=dry_run):
        to_stderr().print(line)


def _changes_table(asked: Asked, found: Comparison, zone: str, say: Say) -> Any:
    clock = zone_name(zone, asked.lang)
    made = table(
        say(f"Changes (times: {clock})", f"变更（时间：{clock}）"),
        field_name(asked.kind, EVENT_KINDS[asked.kind].key, asked.lang), say("field", "字段"), say("old", "原值"),
        say("new", "新值"),
    )  # fmt: skip
    for each in found.changes[:MOST]:
        old, new = (_shown(asked.kind, each.field, value, zone) for value in (each.old, each.new))
        made.add_row(each.id, field_name(asked.kind, each.field, asked.lang), old, new)
    if len(found.changes) > MOST:
        made.add_row("…", *_more(len(found.changes) - MOST, say), "", "")
    return made


def _refused_table(asked: Asked, found: Comparison, say: Say) -> Any:
    made = table(
        say("Refused rows", "未受理的行"), say("line", "行号"),
        field_name(asked.kind, EVENT_KINDS[asked.kind].key, asked.lang), say("field", "字段"), say("why", "原因"),
        numbers=[0],
    )  # fmt: skip
    for each in found.refused[:MOST]:
        name = field_name(asked.kind, each.field, asked.lang) if each.field in importable(asked.kind) else each.field
        made.add_row(f"{each.line}", each.id, name, each.message)
    if len(found.refused) > MOST:
        made.add_row("…", *_more(len(found.refused) - MOST, say), "", "")
    return made


def _more(count: int, say: Say) -> tuple[str]:
    return (say(f"{count:,} more", f"另有{count:,}项"),)


def _lines(asked: Asked, found: Comparison, say: Say, *, written: bool, dry_run: bool) -> list[str]:
    new, changed, refused = len(found.added), len(found.changed), len(found.refused)
    known, known_zh = ("in the older table", "旧表") if asked.old else ("in the log", "日志")
    out = [
        say(
            f"{counted(found.rows, 'row')}: {new:,} new, {changed:,} changed, {found.unchanged:,} unchanged,"
            f" {refused:,} refused; {len(found.gone):,} {known} alone stay as they are",
            f"共{found.rows:,}行：新增{new:,}，变更{changed:,}，未变{found.unchanged:,}，未受理{refused:,}；"
            f"仅{known_zh}中有的{len(found.gone):,}个保持不变",
        )
    ]
    if found.gone and asked.old:
        gone = ", ".join(found.gone[:MOST_GONE]) + ("…" if len(found.gone) > MOST_GONE else "")
        out.append(say(f"gone: {gone}", f"已不在新表中：{gone}"))
    if found.ignored:
        names = ", ".join(found.ignored)
        out.append(say(f"columns that are no field, passed over: {names}", f"未识别、已忽略的列：{names}"))
    if written:
        out.append(say(f"appended: {len(found.ready):,}", f"已写入{len(found.ready):,}个版本"))
    elif dry_run:
        out.append(say(f"dry run: to be appended: {len(found.ready):,}", f"试运行：将写入{len(found.ready):,}个版本"))
    return out


def _shown(kind: str, name: str, value: Any, zone: str) -> str:
    """A value for people; "-" for none."""
    if value is None:
        return "-"
    if name == "prices":
        return price_words(value)
    if importable(kind)[name].kind is Kind.TIME:
        return local(value, zone)
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _json(kind: str, found: Comparison, *, appended: int) -> dict[str, Any]:
    key = EVENT_KINDS[kind].key
    return {
        "rows": found.rows, "new": len(found.added), "changed": len(found.changed), "unchanged": found.unchanged,
        "absent": len(found.gone), "gone": found.gone, "appended": appended, "ignored": found.ignored,
        "changes": [
            {key: each.id, "field": each.field, "old": _plain(kind, each.field, each.old),
             "new": _plain(kind, each.field, each.new)}
            for each in found.changes
        ],
        "refused": [
            {"line": each.line, key: each.id, "field": each.field, "message": each.message} for each in found.refused
        ],
    }  # fmt: skip


def _plain(kind: str, name: str, value: Any) -> Any:
    is_time = name != "prices" and importable(kind)[name].kind is Kind.TIME
    return iso(value) if value is not None and is_time else value
