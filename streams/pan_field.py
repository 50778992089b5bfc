"""A field with card numbers: the number goes, a token and the last four digits come, before anything is written."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import msgspec

from domain.card_tokens import TokenKey, digits_of
from domain.cards import last4
from domain.errors import TillwatchError
from domain.events import TRANSACTION
from engine.decoding.decode import Refused, parse

if TYPE_CHECKING:
    from pathlib import Path

_PRIVATE = 0o600
_TOKEN, _NEXT, _LAST4 = "card_token", "card_token_next", "card_last4"
_DECLARED = frozenset(each.name for each in TRANSACTION)


class KeyRefused(TillwatchError):
    """A token key that cannot be used."""


class PanField:
    """Replaces the card number of each line.

    Args:
        name: the field, at an event's top level; none of the declared ones.
        key: tokens are made under it.
        next_key: during an overlap, the key that will follow: a second token, in `card_token_next`.

    Raises:
        KeyRefused: the field is a declared one, or both keys have one id.
    """

    def __init__(self, name: str, key: TokenKey, next_key: TokenKey | None = None) -> None:
        if name in _DECLARED or not name:
            raise KeyRefused(f"field of card numbers must be none of an event's declared fields, got {name!r}")
        if next_key and next_key.key_id == key.key_id:
            raise KeyRefused(f"ids of two token keys must differ, got {key.key_id} twice")
        self._name, self._key, self._next = name, key, next_key
        self._raw = msgspec.json.encode(name)[1:-1]

    def replaced(self, line: bytes) -> bytes:
        """A line without the number: with its token and last four digits, or, of what is no number, without those.

        A line that is no JSON object is left to whoever reads it next, and is masked there.
        """
        if self._raw not in line and b"\\" not in line:
            return line
        try:
            event = parse(line)
        except Refused:
            return line
        if self._name not in event:
            return line
        return msgspec.json.encode(self.with_token(event, event.pop(self._name)))

    def with_token(self, event: dict[str, Any], card: object) -> dict[str, Any]:
        """An event with the token and last four digits of a card; without those where that is no number."""
        number = digits_of(card)
        try:
            tokens = {_TOKEN: self._key.token(number)}
            if self._next:
                tokens[_NEXT] = self._next.token(number)
        except ValueError:
            return event
        return {**event, **tokens, _LAST4: last4(number)}


def read_key(path: Path, key_id: str, hash_name: str) -> TokenKey:
    """The token key in a file: all its bytes but white space at its ends.

    Raises:
        KeyRefused: others may read the file, or it holds no key.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode != _PRIVATE:
            raise KeyRefused(f"token key file {path.name} must have mode 0600, got {mode:04o}: chmod 600 it")
        return TokenKey(key_id, path.read_bytes().strip(), hash_name)
    except OSError as error:
        raise KeyRefused(f"token key file {path.name} must be readable: {error.strerror}") from error
    except ValueError as error:
        raise KeyRefused(str(error)) from error
