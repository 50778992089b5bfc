"""What a demonstration says when it has ended: its totals, and what to try next."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tillwatch.language import counted, speaker

if TYPE_CHECKING:
    from tillwatch.demo.log_snapshot import Picture


def totals_words(totals: dict[str, Any], lang: str) -> str:
    """The totals in a line."""
    names = ("transactions", "merchants", "alerts", "dead_letters")
    count, merchants, alerts, letters = (f"{totals[name]:,}" for name in names)
    before, seconds, rate = (f"{totals[name]:,.0f}" for name in ("earlier_transactions", "seconds", "tx_per_second"))
    if lang == "zh":
        earlier = f"（含此前{before}笔）" if totals["resumed"] else ""
        return (
            f"{merchants}家商户交易{count}笔{earlier}；告警{alerts}条，未计入记录{letters}条；"
            f"{seconds}秒内平均{rate}笔/秒"
        )
    earlier = f", {before} of them in earlier runs" if totals["resumed"] else ""
    return (
        f"{counted(totals['transactions'], 'transaction')} of {counted(totals['merchants'], 'merchant')}{earlier};"
        f" {counted(totals['alerts'], 'alert')}, {counted(totals['dead_letters'], 'record')} not counted;"
        f" {rate} tx/s over {seconds} s"
    )


def next_steps(picture: Picture, config: Path | None, log_url: str, lang: str) -> list[str]:
    """Three things to try on the riskiest merchant, as lines to copy; none where nothing was found.

    Args:
        picture: what was found.
        config: the settings' file that was given, if any.
        log_url: the demonstration's log.
        lang: `en` or `zh`.
    """
    if not (riskiest := picture.riskiest(1)):
        return []
    say, merchant_id = speaker(lang), riskiest[0].merchant_id
    name = picture.names.of(merchant_id, lang) or merchant_id
    common = [called_as(), *(["--config", str(config)] if config else []), "--log-url", log_url]
    spoken = " --lang zh" if lang == "zh" else ""
    steps = (
        (say("why its score changed", "评分变动原因"), f"explain {merchant_id} --since 30d"),
        (say("everything Tillwatch remembers of it", "该商户的全部留存信息"), f"state inspect {merchant_id}"),
        (say("its alerts; Ctrl-C leaves", "该商户的告警；按Ctrl-C退出"), f"tail --from-start --merchant {merchant_id}"),
    )
    lines = ["", say(f"Try next on {name}, the riskiest:", f"可对风险最高的{name}试试：")]
    return lines + [f"  {' '.join(common)} {step}{spoken}   # {what}" for what, step in steps]


def called_as() -> str:
    """How this program can be called from here again.

    >>> called_as().endswith("tillwatch")
    True
    """
    name, program = "tillwatch", Path(sys.argv[0]).resolve()
    if program.name != name:  # python -m tillwatch
        return f"{Path(sys.executable).name} -m {name}"
    found = shutil.which(name)
    if found and Path(found).resolve() == program:
        return name
    here = Path.cwd()
    return str(program.relative_to(here) if program.is_relative_to(here) else program)
