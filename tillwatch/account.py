"""The account of an input: what was read, forwarded, and refused for which reason, with the first lines of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from tillwatch.language import counted
from tillwatch.number_options import FiniteRange
from tillwatch.show import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from domain.alerts import DeadLetter
    from tillwatch.language import Say

SHOWN = 3
"""First lines of each reason that are shown."""
NOTHING = 1
"""The exit code where nothing was forwarded."""
MOST_REASONS = 200
most_refused_option = click.option(
    "--max-refused", type=FiniteRange(0, 100), default=1.0, show_default=True,
    help="Percent of rows that may be refused before the exit code is 3.",
)  # fmt: skip


@dataclass(slots=True)
class Account:
    """Refused records by reason and field.

    Attributes:
        counts: how many of each.
        first: the first dead letters of each.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], list[DeadLetter]] = field(default_factory=dict)

    def take(self, letters: Iterable[DeadLetter]) -> None:
        """Take dead letters in, in the order of their lines."""
        for each in letters:
            key = each.reason, each.field
            if key not in self.counts and len(self.counts) >= MOST_REASONS:
                key = each.reason, ""
            self.counts[key] += 1
            shown = self.first.setdefault(key, [])
            if len(shown) < SHOWN:
                shown.append(each)

    @property
    def refused(self) -> int:
        """How many in all."""
        return self.counts.total()

    def as_list(self) -> list[dict[str, Any]]:
        """For JSON: most frequent first."""
        return [
            {
                "reason": reason, "field": name, "records": count,
                "first": [
                    {"source": each.source, "line": each.position, "message": each.message}
                    for each in self.first[reason, name]
                ],
            }
            for (reason, name), count in self.counts.most_common()
        ]  # fmt: skip

    def shown(self, say: Say) -> Table:
        """As a table, most frequent first."""
        made = table(
            say("Not forwarded", "未写入"), say("reason", "原因"), say("field", "字段"), say("records", "记录"),
            say("file", "文件"), say("line", "行"), say("message", "说明"), numbers=[2, 4],
        )  # fmt: skip
        for (reason, name), count in self.counts.most_common():
            for k, each in enumerate(self.first[reason, name]):
                cells = (reason, name, f"{count:,}") if not k else ("", "", "")
                made.add_row(*cells, each.source, f"{each.position:,}", each.message)
        return made


def passed_words(skipped: int, outside: int, say: Say) -> list[str]:
    """What is said of rows that are no events and no errors."""
    found = []
    if skipped:
        found.append(say(f"{counted(skipped, 'row')} left out by the mapping", f"按映射略过{skipped:,}行"))
    if outside:
        found.append(
            say(
                f"{counted(outside, 'row')} before the header or behind the last event passed over",
                f"表头之前、末尾之后略过{outside:,}行",
            )
        )
    return found


def exit_code(read: int, forwarded: int, repeated: int, refused: int, most_refused: float) -> int:
    """What a command ends with: 1 where nothing of what was read was forwarded, 3 where too much was not, else 0.

    >>> exit_code(10, 0, 0, 10, 1.0), exit_code(100, 98, 0, 2, 1.0), exit_code(100, 99, 0, 1, 1.0)
    (1, 3, 0)
    """
    from tillwatch.cli import REFUSED  # noqa: PLC0415

    if read and not forwarded and not repeated:
        return NOTHING
    return REFUSED if refused * 100 > most_refused * read else 0
