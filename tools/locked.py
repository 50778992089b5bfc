"""Prints the part of requirements.lock that some packages need: `python -m tools.locked tillwatch`.

uv notes below each requirement who wants it. So the part is found in the text alone, without a registry and without
anything installed: an image and a bundle install what the product needs, with the lock's versions and hashes, and none
of the developers' tools. Only Python's own library is used, for it runs before anything else is there.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LOCK = Path("requirements.lock")
_PRODUCT = "tillwatch (pyproject.toml)"
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==")
_COMMENT = re.compile(r"^\s+#(?:\s+via)?\s+(?P<who>\S.*)$")


def locked(text: str, *roots: str) -> str:
    """The requirements that `roots` need, as they stand in the lock.

    Args:
        text: the lock, as uv writes it, with annotations.
        roots: names of packages of the lock; `tillwatch` stands for what the product itself needs.

    Raises:
        ValueError: a root is not in the lock.

    >>> text = "a==1 --hash=x" + chr(10) + "    # via tillwatch (pyproject.toml)" + chr(10)
    >>> text += "b==2 --hash=y" + chr(10) + "    # via a" + chr(10) + "c==3 --hash=z" + chr(10) + "    # via dev"
    >>> [each.split()[0] for each in locked(text, "tillwatch").splitlines() if "==" in each]
    ['a==1', 'b==2']
    """
    blocks = _blocks(text)
    wanted = {root for root in roots if root != "tillwatch"}
    if unknown := wanted - set(blocks):
        raise ValueError(f"packages must be in the lock, got {', '.join(sorted(unknown))}")
    parents = {_PRODUCT} if "tillwatch" in roots else set()
    while True:
        more = {name for name, block in blocks.items() if _who_wants(block) & (wanted | parents)} - wanted
        if not more:
            return "".join(blocks[name] for name in sorted(wanted))
        wanted |= more


def names(text: str, *roots: str) -> list[str]:
    """The names of those packages."""
    found = (_REQUIREMENT.match(line) for line in locked(text, *roots).splitlines())
    return [*dict.fromkeys(each["name"] for each in found if each)]


def _blocks(text: str) -> dict[str, str]:
    """Each package's requirements with the lines below them, by name: a package can have one for each Python."""
    blocks: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if found := _REQUIREMENT.match(line):
            name = found["name"]
        if name:
            blocks[name] = f"{blocks.get(name, '')}{line}\n"
    return blocks


def _who_wants(block: str) -> set[str]:
    found = (_COMMENT.match(line) for line in block.splitlines())
    return {each["who"].strip() for each in found if each and each["who"].strip() != "via"}


if __name__ == "__main__":
    sys.stdout.write(locked(LOCK.read_text(encoding="utf-8"), *sys.argv[1:]))
