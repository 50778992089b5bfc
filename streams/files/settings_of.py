"""Tables of TOML whose keys are all known: each is taken by what it must be, and what is left at the end is refused."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.files.errors import MappingRefused

if TYPE_CHECKING:
    from collections.abc import KeysView


class OneOf(NamedTuple):
    """The values that a key may have, the first of which it has where it is not given."""

    choices: tuple[str, ...]


class Taken:
    """A table of TOML.

    Args:
        held: its keys.
        who: whose it is, for errors.
    """

    def __init__(self, held: dict[str, Any], who: str) -> None:
        self._held, self.who = held, who
        self._asked: dict[str, None] = {}

    def keys(self) -> KeysView[str]:
        """The keys that are there."""
        return self._held.keys()

    def peek(self, key: str) -> Any:
        """What stands under a key, None for nothing."""
        return self._held.get(key)

    def any(self, key: str, default: Any) -> Any:
        """What stands under a key, whatever it is."""
        self._asked[key] = None
        return self._held.get(key, default)

    def text(self, key: str, *, required: bool = False) -> str:
        """A text; "" where it is not given."""
        found = self.any(key, "")
        if not isinstance(found, str) or (required and not found.strip()):
            raise MappingRefused(f"{self.who}: {key} must be a text, got {_shown(found)}")
        return found

    def maybe(self, key: str) -> str | None:
        """A text; None where it is not given."""
        return self.text(key) if key in self._held else self.any(key, None)

    def count(self, key: str) -> int:
        """A number of characters, 1 to 64; 0 where it is not given."""
        found = self.any(key, 0)
        if isinstance(found, bool) or not isinstance(found, int) or (key in self._held and not 1 <= found <= 64):
            raise MappingRefused(f"{self.who}: {key} must be 1 to 64, got {_shown(found)}")
        return found

    def flag(self, key: str) -> bool:
        """True or false; false where it is not given."""
        return bool(self.flag_or_none(key))

    def flag_or_none(self, key: str) -> bool | None:
        """True or false; None where it is not given."""
        found = self.any(key, None)
        if found is not None and not isinstance(found, bool):
            raise MappingRefused(f"{self.who}: {key} must be true or false, got {_shown(found)}")
        return found

    def choice(self, key: str, one_of: OneOf) -> str:
        """One of some texts; the first where it is not given."""
        found = self.any(key, one_of.choices[0])
        if found not in one_of.choices:
            raise MappingRefused(f"{self.who}: {key} must be one of {', '.join(one_of.choices)}, got {_shown(found)}")
        return str(found)

    def list_of(self, key: str, kind: type) -> list[Any]:
        """A list whose members are all of one type; empty where it is not given."""
        found = self.any(key, [])
        if not isinstance(found, list) or not all(isinstance(each, kind) for each in found):
            what = "texts" if kind is str else "tables" if kind is dict else "lists"
            raise MappingRefused(f"{self.who}: {key} must be a list of {what}, got {_shown(found)}")
        return found

    def words(self, key: str) -> dict[str, str] | None:
        """A table of texts; None where it is not given."""
        if key not in self._held:
            self._asked[key] = None
            return None
        found = self.any(key, {})
        if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
            raise MappingRefused(f"{self.who}: {key} must be a table of texts, got {_shown(found)}")
        return {str(word).strip(): each for word, each in found.items()}

    def table(self, key: str, who: str) -> Taken:
        """A table; an empty one where it is not given."""
        found = self.any(key, {})
        if not isinstance(found, dict):
            raise MappingRefused(f"{who} must be a table, got {_shown(found)}")
        return Taken(found, who)

    def zone(self, key: str) -> str:
        """The name of a time zone; "" where it is not given."""
        name = self.text(key)
        if name:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError) as error:
                raise MappingRefused(f"{self.who}: {key} must be one such as Asia/Shanghai, got {name!r}") from error
        return name

    def end(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._held:
            if key not in self._asked:
                close = get_close_matches(key, self._asked, 1)
                hint = f": {close[0]}?" if close else f" (known: {', '.join(self._asked)})"
                raise MappingRefused(f"{self.who} has a key that is not known, {key!r}{hint}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"
