"""What MkDocs does for the site beyond its own: GitHub's anchors, links that leave docs/, and pages without a place.

Pages are written to be read in the repository. There a heading's anchor is GitHub's, and a link may lead to any file.
On the site the anchors are made the same, `CHANGELOG.md` and `CONTRIBUTING.md` are pages, a link to a folder of docs/
leads to its list, and a link to any other file becomes its path.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
FROM_ROOT = ("CHANGELOG.md", "CONTRIBUTING.md")
"""Files of the root that are pages of the site."""
FOLDERS = {"docs/decisions": "Decisions", "docs/schemas": "Schemas"}
"""Folders that pages link to, and the headings of their lists; the files lie there under these names."""
LIST = "index.md"
SECTION = "Reference"
"""The section of the pages that the nav does not name."""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_CODE = re.compile(r"(^ {0,3}(```+|~~~+).*?^ {0,3}\2|`[^`\n]+`)", re.MULTILINE | re.DOTALL)

_taken: dict[str, int] = {}


def slugify(text: str, _: str) -> str:
    """GitHub's anchor of a heading, with its number where the page has the heading already."""
    slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
    number = _taken.get(slug, 0)
    _taken[slug] = number + 1
    return f"{slug}-{number}" if number else slug


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set GitHub's anchors, and give pages that the nav does not name a place."""
    config.mdx_configs["toc"]["slugify"] = slugify
    docs = Path(config.docs_dir)
    named = _named(config.nav or [])
    rest = sorted(path.relative_to(docs).as_posix() for path in docs.rglob("*.md"))
    section = next(part for part in config.nav or [] if SECTION in part)[SECTION]
    lists = [{title: f"{posixpath.relpath(folder, 'docs')}/{LIST}"} for folder, title in FOLDERS.items()]
    section += [page for page in rest if page not in named and not _in_folder(page)] + lists
    return config


def _named(nav: Any) -> set[str]:
    """Pages of a nav, whatever their depth."""
    if isinstance(nav, str):
        return {nav}
    parts = nav.values() if isinstance(nav, dict) else nav
    return set().union(*map(_named, parts))


def _in_folder(page: str) -> bool:
    return posixpath.dirname(f"docs/{page}") in FOLDERS


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root, and the lists of folders."""
    for name in FROM_ROOT:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    for folder, title in FOLDERS.items():
        names = sorted(each.name for each in (ROOT / folder).iterdir())
        lines = "".join(f"- [{_title(ROOT / folder / name)}]({name})\n" for name in names)
        here = f"{posixpath.relpath(folder, 'docs')}/{LIST}"
        files.append(File.generated(config, here, content=f"# {title}\n\n{lines}"))
        for file in files.documentation_pages():
            if _in_folder(file.src_uri):
                file.inclusion = file.inclusion.NOT_IN_NAV
    return files


def _title(path: Path) -> str:
    """A page's heading, or a file's name."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ") if path.suffix == ".md" else path.name


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links as they lead in the repository, and count the page's anchors from the first."""
    _taken.clear()
    source = page.file.src_uri
    here = "" if source in FROM_ROOT else posixpath.dirname(f"docs/{source}")
    parts = _CODE.split(markdown)
    # split gives text, whole code, fence by turns; the fence is part of the code
    return "".join(
        part if k % 3 == 1 else _LINK.sub(lambda link: _led(link, here, source), part)
        for k, part in enumerate(parts)
        if k % 3 < 2
    )


def _led(link: re.Match[str], here: str, source: str) -> str:
    """A link of a file in folder `here`, as the page `source` of the site has it."""
    picture, text, target = link.groups()
    path, mark, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link[0]
    in_root = posixpath.normpath(posixpath.join(here, path))
    if in_root in FOLDERS:
        in_root = f"{in_root}/{LIST}"
    if in_root in FROM_ROOT:
        there = in_root
    elif in_root.startswith("docs/"):
        there = in_root.removeprefix("docs/")
    elif (ROOT / in_root).exists():
        return f"{text} (`{in_root}`)"
    else:
        return link[0]
    return f"{picture}[{text}]({posixpath.relpath(there, posixpath.dirname(source) or '.')}{mark}{anchor})"


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Name the language of Chinese pages, by which browsers choose the glyphs."""
    return output.replace('<html lang="en"', '<html lang="zh"', 1) if page.file.src_uri.startswith("zh/") else output
