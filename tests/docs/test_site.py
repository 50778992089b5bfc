"""Links lead somewhere, in the repository and on the site, and the site loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tools.site_hooks import slugify

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").rglob("*.md"))
)
_LOADING = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("link", "href"),
    ("object", "data"),
}
"""What a browser loads without being asked."""
_NOT_LOADED = {"canonical", "next", "prev"}


class Loaded(HTMLParser):
    """Collects what a page of the site loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if told.get("rel") not in _NOT_LOADED:
            self.found += [value or "" for name, value in attrs if (tag, name) in _LOADING]


def targets(page: str) -> list[str]:
    """Files that a page links to, without those elsewhere; code is no link."""
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = [each.partition("#")[0] for each in re.findall(r"\]\(([^()\s]+)\)", text)]
    return [each for each in found if each and not re.match(r"[a-z]+:", each)]


@pytest.mark.parametrize("page", PAGES)
def test_a_link_in_the_repository_leads_to_a_file(page: str) -> None:
    assert [each for each in targets(page) if not (ROOT / page).parent.joinpath(each).exists()] == []


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.svg")), ids=lambda path: path.name)
def test_a_picture_loads_nothing(path: Path) -> None:
    addresses = set(re.findall(r"(?:url\(|href=|src=|@import)[^;>]*", path.read_text("utf-8")))
    assert not [each for each in addresses if "//" in each]


def test_an_anchor_is_githubs() -> None:
    assert slugify("`tillwatch state`: back up, or rebuild", "-") == "tillwatch-state-back-up-or-rebuild"


@pytest.mark.slow
def test_the_site_has_every_page_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    pages = list(tmp_path.rglob("*.html"))
    for path in (ROOT / "docs").rglob("*.md"):
        assert tmp_path / path.relative_to(ROOT / "docs").with_suffix(".html") in pages
    for page in pages:
        reading = Loaded()
        text = page.read_text("utf-8")
        reading.feed(text)
        assert len(reading.found) > 3, page.name
        assert not [each for each in reading.found if "//" in each], page.name
        assert 'class="mermaid"' not in text, "Material would load Mermaid from elsewhere"
    for style in tmp_path.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", style.read_text("utf-8")), style.name
    assert not any("fonts" in path.parts for path in tmp_path.rglob("*.woff*"))
