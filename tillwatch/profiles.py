"""`tillwatch profiles`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from detectors.words.figures import percent
from domain.mcc_names import mcc_short_name
from domain.profiles import TICKET
from models.profiles import build_profiles
from tillwatch.inputs import door_of, mapping_options
from tillwatch.language import lang_option, said, speaker
from tillwatch.sales import read_sales
from tillwatch.show import UNKNOWN, emit_json, table, to_stdout
from tillwatch.training import training_options

if TYPE_CHECKING:
    from models.trade.model import TradeModel
    from tillwatch.cli import Invocation

_LIKENED = 4
"""Classes that are shown of those that a class is taken for."""


@click.group("profiles")
def command() -> None:
    """Learn what merchants of each MCC do, from which miscoded merchants are recognised.

    \b
    Examples:
      tillwatch profiles build var/sim/events.jsonl --out var/profiles.json
      tillwatch profiles train --out trade.json
      tillwatch profiles show trade.json
    """


@command.command("build", short_help="Build profiles of MCCs.")
@click.argument(
    "files", metavar="FILE…", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True
)
@mapping_options
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@lang_option
@click.option("--json", "as_json", is_flag=True, help="Totals as one line of JSON on standard output, no table.")
@click.pass_obj
def build_command(
    invocation: Invocation,
    files: tuple[Path, ...],
    mappings: tuple[Path, ...],
    joins: tuple[str, ...],
    out: Path,
    lang: str,
    *,
    as_json: bool,
) -> None:
    """Build profiles from FILE, one event a line.

    FILE should have a month of sales, and master data if you have it. Then name the file written in the setting
    `profiles`. The same FILE always gives the same bytes.

    \b
    Examples:
      tillwatch profiles build var/sim/events.jsonl --out var/profiles.json
      tillwatch profiles build june.jsonl --out profiles.json --json
    """
    if out.resolve() in {each.resolve() for each in files}:
        raise click.UsageError(f"--out must be another file than {out}, which is read")
    settings = invocation.settings()
    sales = read_sales(files, settings, door_of(settings, mappings, joins))
    try:
        made = build_profiles(sales.frame, sales.registered, ", ".join(each.name for each in files))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    out.write_bytes(made.encoded())
    if as_json:
        emit_json({
            "file": str(out), "profiles": len(made.profiles), "merchants": sum(e.merchants for e in made.profiles),
            "sales": sum(each.sales for each in made.profiles), "refused": sales.refused,
        })  # fmt: skip
        return
    say = speaker(lang)
    shown = table(
        say("Profiles", "行业画像"), "MCC", say("name", "名称"), say("merchants", "商户"), say("sales", "交易笔数"),
        say("median ticket", "笔均中位数"), numbers=[2, 3, 4],
    )  # fmt: skip
    for each in made.profiles:
        ticket = f"{2 ** each.mean[TICKET] / 100:,.2f}"
        shown.add_row(each.mcc, said(mcc_short_name(each.mcc), lang), f"{each.merchants:,}", f"{each.sales:,}", ticket)
    console = to_stdout()
    console.print(shown)
    first, last = (datetime.fromtimestamp(ms / 1000, UTC).date() for ms in (made.from_ms, made.to_ms))
    console.print(
        say(
            f"{out}: sales of {first} to {last}; {sales.refused:,} records were refused",
            f"{out}：{first}至{last}的交易；拒收记录{sales.refused:,}条",
        )
    )


@command.command("train", short_help="Train a trade model on merchant-days.")
@training_options
@click.pass_obj
def train_command(invocation: Invocation, /, out: Path, lang: str, *, as_json: bool, **asked: Any) -> None:
    """Train a trade model on the merchant-days of the log, or of a file of events, and write it to a file.

    It learns which MCC a merchant's habits fit, from MCCs of 30 merchants or more; of a merchant, days 60 days apart
    are taken. Days of confirmed alerts are left out, as by model train. The same days and seed give the same bytes. The
    file is named in the setting `trade`, or put in force with controls publish.

    \b
    Examples:
      tillwatch profiles train --out trade.json
      tillwatch profiles train --events var/sim/events.jsonl --source simulated --out trade.json
    """
    import engine.jit  # noqa: F401, PLC0415  tells Numba where machine code is kept, before any of it is loaded
    from models.trade.training import train  # noqa: PLC0415  Numba takes a second to import
    from tillwatch.model.train import trained  # noqa: PLC0415

    made, left_out = trained(train, invocation.settings(), out, **asked)
    if as_json:
        emit_json({"file": str(out), "left_out": left_out, **_summary(made)})
        return
    _show_trade(made, lang)


@command.command("show", short_help="Show a trade model.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@lang_option
@click.option("--json", "as_json", is_flag=True, help="As one line of JSON, no tables.")
def show_command(file: Path, lang: str, *, as_json: bool) -> None:
    """Show what the trade model in FILE was trained on, and which MCCs it cannot separate.

    \b
    Examples:
      tillwatch profiles show trade.json
      tillwatch profiles show trade.json --lang zh
    """
    import engine.jit  # noqa: F401, PLC0415  tells Numba where machine code is kept, before any of it is loaded
    from models.trade.model import TradeModel  # noqa: PLC0415  Numba takes a second to import

    try:
        found = TradeModel.decoded(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file}: {error}") from error
    if as_json:
        emit_json(_summary(found) | {"classes": msgspec.to_builtins(found.manifest.classes)})
        return
    _show_trade(found, lang)


def _summary(model: TradeModel) -> dict[str, Any]:
    it = model.manifest
    names = (
        "version", "source", "from_day", "to_day", "merchants", "merchant_days", "log_loss", "guess_log_loss", "hit",
        "near", "sha256",
    )  # fmt: skip
    return {name: getattr(it, name) for name in names}


def _show_trade(model: TradeModel, lang: str) -> None:
    """Print what a model was trained on, and its classes by how well they are told apart."""
    say, it, console = speaker(lang), model.manifest, to_stdout()
    made = table(
        say(f"Trade model {it.version}: merchants it had not seen", f"行业模型{it.version}：未参与训练的商户"),
        "MCC", say("name", "名称"), say("merchants", "商户"), say("likeliest", "首选命中"),
        say("among three", "前三命中"), say("taken for", "易混淆"), numbers=[2, 3, 4],
    )  # fmt: skip
    for each in it.classes:
        name = said(mcc_short_name(each.mcc), lang) if each.mcc else say("all others", "其他")
        likened = [pair for pair in each.likened if pair[0] != each.mcc][:_LIKENED]
        words = say(", ", "、").join(
            f"{mcc or say('others', '其他')} {said(percent(share), lang)}" for mcc, share in likened
        )
        made.add_row(
            each.mcc or UNKNOWN, name, f"{each.merchants:,}", said(percent(each.hit), lang),
            said(percent(each.near), lang), words or UNKNOWN,
        )  # fmt: skip
    console.print(made)
    hit, near = percent(it.hit), percent(it.near)
    console.print(
        say(
            f"{it.merchants:,} merchants, {it.from_day} to {it.to_day}: the declared MCC is the likeliest of {hit.en}, "
            f"among three of {near.en}; log loss {it.log_loss:.3f} nats, {it.guess_log_loss:.3f} by guessing",
            f"商户{it.merchants:,}家，{it.from_day}至{it.to_day}：登记MCC为首选的占{hit.zh}，前三的占{near.zh}；对数损失"
            f"{it.log_loss:.3f}纳特，按占比猜测为{it.guess_log_loss:.3f}",
        ),
    )
