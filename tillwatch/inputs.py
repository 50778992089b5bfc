"""The door through which commands read files of events: as they stand, or by mappings, in the order of time."""

from __future__ import annotations

import codecs
import io
import os
import stat
import sys
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from domain.cards import mask
from streams.controls import ControlsReader
from streams.files import sniffing
from streams.files.inputs import SortedInput
from streams.files.mapping import read_mapping, with_constants
from streams.files.order import is_in_order
from streams.files.reading import Door
from streams.files.sniffing import kind_of, strange
from streams.files.unpacking import Headed
from streams.intake import at_origin, chunks
from streams.line_intake import CUT_BYTES
from streams.log import now_utc_ms
from streams.mappings import named, names
from tillwatch.show import Bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from domain.alerts import DeadLetter
    from domain.id_forms import IdForms
    from streams.log import Log
    from streams.pan_field import PanField
    from tillwatch.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
STDIN = "-"
_CONSTANTS = "tillwatch.constants"


@dataclass(frozen=True, slots=True)
class Opened:
    """An input, opened.

    Attributes:
        lines: what `ingest` and `batches` take.
        size: its bytes, or of a finished input those of the sorted events; None where they are not known.
        beginning: its first row, or of a finished input its first event; b"" where nobody looked.
    """

    lines: BinaryIO | SortedInput
    size: int | None
    beginning: bytes = b""

    def looked_into(self) -> Opened:
        """The same, with its beginning; of a pipe that is waited for."""
        if isinstance(self.lines, SortedInput):
            return replace(self, beginning=self.lines.beginning())
        first = self.lines.readline(CUT_BYTES)
        if self.lines.seekable():
            self.lines.seek(0)
            return replace(self, beginning=first)
        again = cast("BinaryIO", io.BufferedReader(Headed(first, self.lines)))
        return replace(self, lines=again, beginning=first)

    def at_origin(self, letter: DeadLetter) -> DeadLetter:
        """A monitor's dead letter with the file and line that its record came from."""
        if isinstance(self.lines, SortedInput) and (origin := self.lines.origin(letter.position)):
            return at_origin(letter, origin)
        return letter


def _mapping_paths(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of mappings: as they are named, or those of ready mappings by their name."""
    found: list[Path] = []
    for each in given:
        paths = (Path(each),) if Path(each).is_file() else named(each)
        if not paths:
            raise click.BadParameter(f"must be a file, or one of {', '.join(names())}, got {each!r}")
        found += paths
    return tuple(found)


def _keep_constants(ctx: click.Context, _: click.Parameter, given: tuple[str, ...]) -> None:
    """Keep fields with a value of their own in every row where `door_of` finds them."""
    constants = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name or not value:
            raise click.BadParameter(f"must be FIELD=VALUE, got {each!r}")
        constants[name] = value
    ctx.meta[_CONSTANTS] = constants


def mapping_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options by which files that are no JSON lines are read."""
    for option in reversed((
        click.option(
            "--mapping", "mappings", multiple=True, callback=_mapping_paths, metavar="FILE|NAME",
            help="Which columns are which fields; of several each file takes the first that fits.",
        ),
        click.option(
            "--constant", multiple=True, metavar="FIELD=VALUE", expose_value=False, callback=_keep_constants,
            help="A field that is the same in every row, whatever the mapping says of it.",
        ),
        click.option("--join", "joins", multiple=True, metavar="NAME=FILE", help="Where a file that is joined is."),
    )):  # fmt: skip
        command = option(command)
    return command


def door_of(
    settings: Settings, mappings: Sequence[Path], joins: Sequence[str], pan_field: PanField | None = None
) -> Door:
    """How files are read, by the options.

    Raises:
        MappingRefused: a mapping says something that cannot be.
        BadParameter: a join is not NAME=FILE.
    """
    places = {}
    for each in joins:
        name, equals, file = each.partition("=")
        if not equals or not name or not Path(file).is_file():
            raise click.BadParameter(f"must be NAME=FILE of a file that is there, got {each!r}", param_hint="'--join'")
        places[name] = Path(file)
    constants: dict[str, str] = click.get_current_context().meta.get(_CONSTANTS, {})
    read = (with_constants(read_mapping(each, places), constants) for each in mappings)
    return Door(tuple(read), settings.time_zone, pan_field)


@contextmanager
def opened(
    files: Sequence[Path], door: Door, settings: Settings, *, feed: str = "main", forms: IdForms | None = None,
    as_it_is: Callable[[BinaryIO], bool | None] = lambda _: None,
) -> Iterator[Opened]:  # fmt: skip
    """Files as one input.

    One file of JSON lines that no mapping is for is read as it stands if nothing of it would be lost as late, and
    standard input and pipes as they come. Everything else is read whole, and sorted by time.

    Args:
        files: their paths; - is standard input.
        door: how they are read.
        settings: the time zone, and how late a stream takes transactions.
        feed: of events that name none.
        forms: of identifiers that are no card numbers.
        as_it_is: whether a file was read as it stands before, and is to be so again; None of one that was not read.

    Raises:
        FileRefused: one cannot be read.
    """
    with ExitStack() as stack:
        streams = {}
        if len(files) == 1 and not door.mappings:
            stream = stack.enter_context(_stream(files[0]))
            size = _size(stream)
            plain, stream = _as_it_stands(stream, settings.late_s * 1000, as_it_is)
            if plain:
                yield Opened(stream, size)
                return
            streams[files[0]] = stream
        found = stack.enter_context(_sorted(files, door, streams, feed, forms))
        yield Opened(found, None)


def opened_sorted(files: Sequence[Path], door: Door, feed: str) -> AbstractContextManager[SortedInput]:
    """Files read whole and sorted, whatever they are."""
    return _sorted(files, door, {}, feed, None)


@contextmanager
def _sorted(
    files: Sequence[Path], door: Door, streams: dict[Path, BinaryIO], feed: str, forms: IdForms | None
) -> Iterator[SortedInput]:
    names = _names(files)
    with Bar("rows read", None) as bar:
        found = SortedInput(
            [(name, _opener(path, streams)) for name, path in zip(names, files, strict=True)], door, feed=feed,
            forms=forms, now_ms=now_utc_ms(), on_progress=lambda rows: bar.show(rows, rows),
        )  # fmt: skip
    try:
        yield found
    finally:
        found.close()


def _names(files: Sequence[Path]) -> list[str]:
    """What files are called in messages: by their name, and by their path where two have one name."""
    short = ["stdin" if str(each) == STDIN else each.name for each in files]
    return [mask(name if short.count(name) == 1 else str(each)) for name, each in zip(short, files, strict=True)]


def _opener(path: Path, streams: dict[Path, BinaryIO]) -> Callable[[], BinaryIO]:
    return lambda: streams.pop(path) if path in streams else _stream(path)


def _stream(path: Path) -> BinaryIO:
    return sys.stdin.buffer if str(path) == STDIN else path.open("rb")


def _size(stream: BinaryIO) -> int | None:
    """Bytes of a file; None of what has no end yet."""
    about = os.fstat(stream.fileno())
    return about.st_size if stat.S_ISREG(about.st_mode) else None


def _as_it_stands(
    stream: BinaryIO, late_ms: int, as_it_is: Callable[[BinaryIO], bool | None]
) -> tuple[bool, BinaryIO]:  # fmt: skip
    """Whether a stream is one of JSON lines that loses nothing as it stands, and the stream from its beginning."""
    if _size(stream) is None:
        head = getattr(stream, "read1", stream.read)(sniffing.HEAD_BYTES)
        piped = cast("BinaryIO", io.BufferedReader(Headed(head, stream)))
        plain = kind_of(head) in (sniffing.JSON_LINES, sniffing.EMPTY, sniffing.TEXT) and not strange(head)
        return plain, piped  # a live stream may begin within a line
    head = stream.read(sniffing.HEAD_BYTES)
    stream.seek(0)
    if kind_of(head) != sniffing.JSON_LINES or head.startswith(codecs.BOM_UTF8) or strange(head):
        return False, stream
    found = as_it_is(stream)
    stream.seek(0)
    if found is None:
        found = is_in_order((each.lines for each in chunks(stream)), late_ms, now_utc_ms())
        stream.seek(0)
    return found, stream


def id_forms(log: Log) -> IdForms:
    """The forms of identifiers that a log's controls declare."""
    reader = ControlsReader(log)
    reader.read_all()
    return reader.id_forms()
