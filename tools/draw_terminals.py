"""Draws the pictures of the documentation from what the commands print in a terminal.

    python -m tools.draw_terminals [NAME ...]

Each picture of `PICTURES` is made anew: its command runs in a pseudo terminal, and what stood on the screen at its end,
or after some seconds of a live view, becomes an SVG that names fonts of the reader's machine and loads none.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI as THEME
from rich.text import Text

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs"
PAGE = FOLDER / "how-to" / "read-an-alert.md"
"""The page whose file of sales the picture of `explain` rests on."""
HOME = "\x1b[H"
"""What a live view begins each frame with."""
FONTS = "DejaVu Sans Mono, Menlo, Consolas, Noto Sans Mono CJK SC, PingFang SC, Microsoft YaHei, monospace"
CELL_W, CELL_H, MARGIN = 10, 21, 14
GREY = "#8a8a8a"


@dataclass(frozen=True)
class Picture:
    """A command, and the terminal that it runs in.

    Attributes:
        command: the words after `tillwatch`.
        columns: of the terminal.
        rows: of the terminal.
        live_s: how long a live view runs; 0 of a command that ends by itself.
    """

    command: str
    columns: int
    rows: int
    live_s: float = 0.0


PICTURES = {
    "demo": Picture("demo --fresh --folder demo", 120, 38, 100),
    "demo.zh": Picture("demo --fresh --folder demo --lang zh", 120, 38, 100),
    "explain": Picture("explain 898210158120001 --events sales.jsonl", 110, 30),
    "explain.zh": Picture("explain 898210158120001 --events sales.jsonl --lang zh", 110, 30),
}


def sales(page: str) -> str:
    """The file of sales that a page shows."""
    (found,) = re.findall(r'^```json title="sales.jsonl"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    return found


def printed(picture: Picture, folder: Path) -> str:
    """What a picture's command writes to its terminal, with its control sequences.

    Raises:
        RuntimeError: the command failed.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", picture.rows, picture.columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TILLWATCH_", "NO_COLOR"))}
    process = subprocess.Popen(  # noqa: S603  commands of PICTURES
        [sys.executable, "-m", "tillwatch", *picture.command.split()],
        cwd=folder, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL, start_new_session=True,
        env=environment | {
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT),
            "COLUMNS": str(picture.columns), "LINES": str(picture.rows),  # or those of who draws would count
        },
    )  # fmt: skip
    os.close(slave)
    end_at = time.monotonic() + picture.live_s if picture.live_s else float("inf")
    parts = []
    while True:
        if time.monotonic() > end_at:
            process.send_signal(signal.SIGINT)
            end_at = float("inf")
        if select.select([master], [], [], 0.2)[0]:
            try:
                part = os.read(master, 1 << 16)
            except OSError:  # Linux: the other end is closed
                break
            if not part:
                break
            parts.append(part)
    os.close(master)
    if code := process.wait():
        raise RuntimeError(f"tillwatch {picture.command} must end well, ended with {code}")
    return b"".join(parts).decode()


def screen(written: str) -> list[Text]:
    """The lines that stood in the terminal: the last whole frame of a live view, or all that a command wrote."""
    frames = written.split(HOME)
    last = frames[-1].partition("\x1b[?1049l")[0] if len(frames) > 1 else written
    lines = re.sub(r"\x1b\[\?\d+[hl]", "", last).replace("\r", "").rstrip("\n").split("\n")
    while lines and not Text.from_ansi(lines[-1]).plain.strip():
        lines.pop()
    return [Text.from_ansi(line.rstrip()) for line in lines]


def drawn(lines: list[Text], columns: int, title: str) -> str:
    """An SVG of a terminal's lines, each word in its column whatever the font."""
    console = Console(width=columns, color_system="truecolor")
    width, height = columns * CELL_W + 2 * MARGIN, (len(lines) + 1) * CELL_H + 3 * MARGIN
    words = "".join(_line(line, console, MARGIN + (k + 2) * CELL_H + MARGIN // 2) for k, line in enumerate(lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-size="16" font-family="{FONTS}">\n'
        f'<rect width="{width}" height="{height}" rx="8" fill="{_hex(THEME.background_color)}"/>\n'
        f'<text x="{width // 2}" y="{MARGIN + 12}" text-anchor="middle" fill="{GREY}">{escape(title)}</text>\n'
        f"{words}</svg>\n"
    )


def _line(line: Text, console: Console, y: int) -> str:
    """The words of a line, each at its column; letters that are no ASCII one by one, for fonts differ there."""
    column, found = 0, []
    for segment in line.render(console):
        style = segment.style or Style()
        for piece in re.findall(r"[!-~]+| +|.", segment.text):
            if piece.strip():
                found.append(_word(piece, MARGIN + column * CELL_W, y, style))
            column += cell_len(piece)
    return "".join(found)


def _word(piece: str, x: int, y: int, style: Style) -> str:
    colour = style.color.get_truecolor(THEME) if style.color else THEME.foreground_color
    weight = ' font-weight="bold"' if style.bold else ""
    faint = ' opacity="0.6"' if style.dim else ""
    length = f' textLength="{cell_len(piece) * CELL_W}"' if piece.isascii() else ""
    return f'<text x="{x}" y="{y}"{length} fill="{_hex(colour)}"{weight}{faint}>{escape(piece)}</text>\n'


def _hex(colour: tuple[int, int, int]) -> str:
    return "#" + "".join(f"{each:02x}" for each in colour)


def draw(name: str) -> str:
    """The SVG of a picture."""
    picture = PICTURES[name]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "sales.jsonl").write_text(sales(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        lines = screen(printed(picture, Path(folder)))
    return drawn(lines, picture.columns, f"tillwatch {picture.command}".replace(" --fresh --folder demo", ""))


def main() -> None:
    """Draw the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], metavar="NAME")
    for name in parser.parse_args().names or PICTURES:
        (FOLDER / f"{name}.svg").write_text(draw(name), encoding="utf-8")


if __name__ == "__main__":
    main()
