"""`tillwatch model train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from domain.errors import TillwatchError
from models.artefacts import Artefact
from tillwatch.inputs import door_of
from tillwatch.language import speaker
from tillwatch.model.days import in_spans, opened
from tillwatch.model.show import show_facts
from tillwatch.show import emit_json, to_stderr
from tillwatch.training import training_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from models.anomaly.samples import Batch
    from tillwatch.cli import Invocation
    from tillwatch.model.days import Source
    from tillwatch.settings import Settings

AFTER_D = 28
"""Days after the last hit of a confirmed alert that are left out, too: of what happened then, habits, which halve in a
week, bear a sixteenth afterwards."""
M = TypeVar("M", bound=Artefact[Any, Any])


class NotTrained(TillwatchError):
    """No model can be trained of this."""


@click.command("train")
@training_options
@click.pass_obj
def train_command(invocation: Invocation, /, out: Path, lang: str, *, as_json: bool, **asked: Any) -> None:
    """Train a model on the merchant-days of the log, or of a file of events, and write it to a file.

    The days must be 30 or more, of 200 merchants or more. Days of a merchant from the first hit of a confirmed alert to
    28 days after its last one are left out; alerts that were answered otherwise, or not at all, leave nothing out. The
    same days and seed give the same bytes. The file is put in force with activate.

    \b
    Examples:
      tillwatch model train --out model.json
      tillwatch model train --from 2026-01-01 --to 2026-03-31 --version 2026-q1 --out model.json
      tillwatch model train --events var/sim/events.jsonl --source simulated --out model.json
    """
    from models.anomaly.training import train  # noqa: PLC0415  scikit-learn takes seconds to import

    made, left_out = trained(train, invocation.settings(), out, **asked)
    left_out //= 2  # they are read twice
    if as_json:
        it = made.manifest
        emit_json({
            "file": str(out), "name": it.version, "from_day": it.from_day, "to_day": it.to_day,
            "merchants": it.merchants, "merchant_days": it.merchant_days, "left_out": left_out, "sha256": made.digest,
        })  # fmt: skip
        return
    show_facts(made, lang)
    to_stderr().print(
        speaker(lang)(
            f"{out}: {left_out:,} merchant-days of confirmed alerts were left out",
            f"{out}：已排除已核实告警期间的商户日{left_out:,}个",
        ),
    )


def trained(
    train: Callable[..., M], settings: Settings, out: Path, *, events: Path | None, from_day: object, to_day: object,
    version: str | None, seed: int, source: str | None, mappings: Sequence[Path] = (), joins: Sequence[str] = (),
) -> tuple[M, int]:  # fmt: skip
    """A model of merchant-days, written to a file, and how often one of a confirmed alert was left out.

    Args:
        train: `train` of `models.anomaly.training` or of `models.trade.training`.
        settings: where the log is, and how a file is replayed.
        out: the file to write.
        events: a file to replay instead of reading the log.
        from_day: the first day, a datetime; None for the first there is.
        to_day: the last day; None for the last there is.
        version: the model's name; None for the last day.
        seed: of samples and trees.
        source: what the merchant-days are; None for what is known of that.
        mappings: how the file is read, if it is no file of events.
        joins: where files are that mappings join.

    Raises:
        UsageError: the file is the one that is replayed.
        NotTrained: there are too few merchant-days, or none.
    """
    if events is not None and out.resolve() == events.resolve():
        raise click.UsageError(f"--out must be another file than {events}, which is read")
    door = door_of(settings, mappings, joins)
    with opened(settings, events, _iso(from_day), _iso(to_day), door) as found:
        left_out = _LeftOut(found)
        try:
            made = train(
                _Batches(found), version=_name(found, version), seed=seed, source=source or found.words,
                left_out=left_out.rows, left_out_words=left_out.words,
            )  # fmt: skip
        except ValueError as error:
            raise NotTrained(str(error)) from error
    out.write_bytes(made.encoded())
    return made, left_out.count


def _name(source: Source, version: str | None) -> str:
    """A model's name: as given, else the last day of the source; raises NotTrained where there is no day."""
    if not (name := version or source.last_day()):
        raise NotTrained("merchant-days to train on must be there, none were found: has a worker closed any day?")
    return name


class _LeftOut:
    """The merchant-days of confirmed alerts.

    Attributes:
        words: which these are.
        count: how many rows were left out so far.
    """

    def __init__(self, source: Source) -> None:
        self._spans, self.count = source.confirmed(), 0
        alerts = sum(map(len, self._spans.values()))
        told = f"days of {alerts:,} confirmed alerts, up to {AFTER_D} days after their last hit"
        self.words = told if self._spans else "none"

    def rows(self, batch: Batch) -> NDArray[np.bool_]:
        """Which rows of a batch take no part, shape (n,)."""
        found = in_spans(batch, self._spans, AFTER_D)
        self.count += int(found.sum())
        return found


class _Batches:
    """The merchant-days without names, to be read more than once."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Batch]:
        return (each.batch for each in self._source)


def _iso(day: object) -> str:
    """A day of the command line, ISO 8601; "" where none was given."""
    return "" if day is None else f"{day:%Y-%m-%d}"
