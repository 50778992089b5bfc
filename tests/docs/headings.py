from __future__ import annotations

import re


def sections(text: str, level: int) -> dict[str, str]:
    """Sections of a page by heading of that level; refuses a heading that comes twice."""
    found: dict[str, str] = {}
    bare = re.sub(r"^```.*?^```$", lambda block: block[0].replace("\n#", "\n #"), text, flags=re.MULTILINE | re.DOTALL)
    pieces = re.split(rf"^{'#' * level} (.+)$", bare, flags=re.MULTILINE)
    for heading, body in zip(pieces[1::2], pieces[2::2], strict=True):
        assert heading not in found, f"{heading} comes twice"
        found[heading] = body
    return found
