"""A YAML file as values that know their line and place, so that each can be refused where it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from notices.errors import RoutingError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_CHARACTERS = 256 * 1024
_MOST_SHOWN = 60
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,6})([smhd])")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Value:
    """A value of a file.

    Args:
        file: what the file is called in errors.
        node: of PyYAML.
        path: where it stands, such as `route.routes[0].match`.
    """

    def __init__(self, file: str, node: yaml.Node, path: str = "") -> None:
        self._file, self._node, self.path = file, node, path

    def refuse(self, expected: str, got: str | None = None) -> NoReturn:
        """Raise RoutingError: what the value must be, and what it is."""
        where = f"{self._file}:{self._node.start_mark.line + 1}"
        shown = self._shown() if got is None else got
        raise RoutingError(f"{where}: {self.path or 'the file'} must {expected}, got {shown}")

    def _shown(self) -> str:
        if isinstance(self._node, yaml.ScalarNode):
            return repr(self._node.value[:_MOST_SHOWN])
        return "a list" if isinstance(self._node, yaml.SequenceNode) else "a mapping"

    def mapping(self, known: Collection[str] | None = None) -> dict[str, Value]:
        """The values of a mapping by key; of `known` keys alone, where they are given."""
        if not isinstance(self._node, yaml.MappingNode):
            self.refuse("be a mapping")
        found: dict[str, Value] = {}
        for key, node in self._node.value:
            name = Value(self._file, key, self.path).text()
            here = Value(self._file, node, f"{self.path}.{name}" if self.path else name)
            if name in found:
                here.refuse("stand once", "it again")
            if known is not None and name not in known:
                here.refuse(f"be one of {', '.join(known)}", repr(name[:_MOST_SHOWN]))
            found[name] = here
        return found

    def items(self) -> Iterator[Value]:
        """The values of a list."""
        if not isinstance(self._node, yaml.SequenceNode):
            self.refuse("be a list")
        for i, node in enumerate(self._node.value):
            yield Value(self._file, node, f"{self.path}[{i}]")

    def is_list(self) -> bool:
        """Whether it is a list."""
        return isinstance(self._node, yaml.SequenceNode)

    def text(self) -> str:
        """A text that is not empty. What YAML takes for a number or a date is the text that stands there."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value:
            self.refuse("be a text")
        return str(self._node.value)

    def texts(self) -> tuple[str, ...]:
        """A text, or a list of texts without one twice."""
        found = [(each, each.text()) for each in self.items()] if self.is_list() else [(self, self.text())]
        seen = set[str]()
        for each, said in found:
            if said in seen:
                each.refuse("stand once", f"{said!r} again")
            seen.add(said)
        if not found:
            self.refuse("have an item", "none")
        return tuple(said for _, said in found)

    def choice(self, allowed: Collection[str]) -> str:
        """One of some texts."""
        if (found := self.text()) not in allowed:
            self.refuse(f"be one of {', '.join(allowed)}")
        return found

    def flag(self) -> bool:
        """True or false."""
        return self.choice(("true", "false")) == "true"

    def whole(self, low: int, high: int) -> int:
        """A whole number within bounds."""
        said = self.text()
        if not re.fullmatch(r"-?\d{1,15}", said) or not low <= int(said) <= high:
            self.refuse(f"be a whole number of {low} to {high}")
        return int(said)

    def duration_ms(self, low_ms: int = 0) -> int:
        """A duration such as `30s`, `5m`, `24h` or `3d`."""
        found = _DURATION.fullmatch(self.text())
        value_ms = int(found[1]) * _UNITS_MS[found[2]] if found else -1
        if value_ms < low_ms:
            self.refuse(f"be a duration such as 30s, 5m, 24h or 3d{f', at least {low_ms // 1_000}s' if low_ms else ''}")
        return value_ms

    def minute_of_day(self) -> int:
        """A time of the day such as `21:00`, as its minute."""
        found = _CLOCK.fullmatch(self.text())
        if found is None:
            self.refuse("be a time of the day such as 21:00")
        return int(found[1]) * 60 + int(found[2])


def read(text: str, file: str) -> Value:
    """The value that a file's text is; raises RoutingError where it is no YAML, too long, or repeats by aliases."""
    if len(text) > MOST_CHARACTERS:
        raise RoutingError(f"{file}: the file must have at most {MOST_CHARACTERS} characters, got {len(text)}")
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken):
                raise RoutingError(f"{file}:{token.start_mark.line + 1}: aliases must not be used, got *{token.value}")
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RoutingError(f"{file}:{line}: the file must be YAML, got {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise RoutingError(f"{file}: the file must be YAML, got {str(error).partition(chr(10))[0]}") from error
    if node is None:
        raise RoutingError(f"{file}:1: the file must be a mapping, got nothing")
    return Value(file, node)
