"""`tillwatch casework actions`: what is to be executed, and what another system says that it has executed."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from casework.actions import EXECUTE_WITHIN_MS, Executed, record_executed, to_execute
from casework.people import actor_of
from domain.timestamps import iso
from streams.log import now_utc_ms
from tillwatch.casework_store import open_store
from tillwatch.language import lang_option, local, speaker
from tillwatch.show import emit_json, table, to_stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tillwatch.cli import Invocation

_COLUMNS = ("action_id", "outcome")
_REFUSED = 3
KINDS_ZH = {
    "visit": "走访", "training": "培训", "limit": "限额", "hold_settlement": "延迟结算", "suspend": "暂停交易",
    "correct_mcc": "更正MCC", "refund_fees": "退还手续费", "terminate": "终止合作", "report": "上报", "other": "其他",
}  # fmt: skip


class Answer(NamedTuple):
    """A row of the file: its line, from 1, what it says, and why that is none."""

    line: int
    executed: Executed | None
    fault: str


@click.command("actions", short_help="List actions that are to be executed, or record that.")
@click.option("--as", "user", required=True, metavar="USER", help="Who looks or records: a user of the store.")
@click.option(
    "--execute", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
    help="Record what was executed: a CSV file with the columns action_id and outcome.",
)  # fmt: skip
@click.option("--overdue", is_flag=True, help="Only what has waited for more than 24 h.")
@click.option("--json", "as_json", is_flag=True, help="Each as a line of JSON.")
@lang_option
@click.pass_obj
def show_actions(
    invocation: Invocation, user: str, file: Path | None, lang: str, *, overdue: bool, as_json: bool
) -> None:
    """List actions that are to be executed, or record that they were.

    Listed is what needs no approval or has it, and is not recorded, of the cases that the user sees. With --execute
    each row of the file is recorded; one that is refused is named, and keeps none of the others back: the exit code
    is 3 then.

    \b
    Examples:
      tillwatch casework actions --as wang --json
      tillwatch casework actions --as wang --execute done.csv
    """
    settings = invocation.settings()
    answers = read_answers(file) if file is not None else []
    with open_store(settings) as store:
        store.check_version()
        actor, now_ms = actor_of(store, user), now_utc_ms()
        if file is None:
            found = to_execute(store, actor, now_ms, for_ms=EXECUTE_WITHIN_MS if overdue else 0)
            _show(found, settings.time_zone, lang, as_json=as_json)
            return
        read = [each for each in answers if each.executed is not None]
        refused = record_executed(store, actor, [each.executed for each in read if each.executed], now_ms)
    faults = {each.line: each.fault for each in answers if each.executed is None}
    faults |= {read[place].line: why for place, why in refused.items()}
    _show_recorded(len(answers) - len(faults), faults, lang, as_json=as_json)


def read_answers(file: Path) -> list[Answer]:
    """The rows of a file of what was executed, blank lines left out; raises ClickException where it is no such file."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            if missing := [each for each in _COLUMNS if each not in (reader.fieldnames or ())]:
                raise click.ClickException(
                    f"{file} must have the columns {', '.join(_COLUMNS)}, {missing[0]} is not there"
                )
            return [_answer(reader.line_num, row) for row in reader]
    except (csv.Error, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} must be CSV in UTF-8: {error}") from error


def _answer(line: int, row: dict[str, Any]) -> Answer:
    number = (row["action_id"] or "").strip()
    if not (number.isascii() and number.isdigit()):
        return Answer(line, None, f"action_id must be a whole number, got {number!r}")
    return Answer(line, Executed(int(number), row["outcome"] or ""), "")


def _show(found: Sequence[Any], time_zone: str, lang: str, *, as_json: bool) -> None:
    if as_json:
        for each in found:
            emit_json({
                "action_id": each.action_id, "case_id": each.case_id, "merchant_id": each.merchant_id,
                "cause_id": each.cause_id, "kind": each.kind, "text": each.text, "since": iso(each.since_ms),
            })  # fmt: skip
        return
    say = speaker(lang)
    made = table(
        say(f"to be executed; times in {time_zone}", f"待执行的处置措施；时间为{time_zone}"),
        say("action", "编号"), say("case", "案件"), say("merchant", "商户"), say("what", "措施"), say("since", "自"),
        say("text", "说明"), numbers=(0, 1),
    )  # fmt: skip
    for each in found:
        made.add_row(
            str(each.action_id), str(each.case_id), each.merchant_id or each.cause_id or "",
            say(each.kind, KINDS_ZH[each.kind]), local(each.since_ms, time_zone), each.text,
        )  # fmt: skip
    to_stdout().print(made)


def _show_recorded(count: int, faults: dict[int, str], lang: str, *, as_json: bool) -> None:
    say = speaker(lang)
    if as_json:
        emit_json({"recorded": count, "refused": [{"line": line, "message": faults[line]} for line in sorted(faults)]})
    else:
        console = to_stdout()
        for line in sorted(faults):
            console.print(say(f"line {line}: {faults[line]}", f"第{line}行：{faults[line]}"), soft_wrap=True)
        console.print(say(f"{count} recorded, {len(faults)} refused", f"已记录{count}项，拒绝{len(faults)}项"))
    if faults:
        raise click.exceptions.Exit(_REFUSED)
