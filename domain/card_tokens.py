"""Tokens that stand for cards: keyed hashes of their numbers, of which nobody without the key finds a number."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from domain.card_ranges import LONGEST, SHORTEST
from domain.card_text import plain

HASHES = ("sha256", "sm3")
"""What tokens may be made by: SHA-256, or SM3 of GB/T 32905 where the machine's OpenSSL has it."""
MIN_KEY_BYTES = 16
TOKEN_LETTERS = 32
"""Letters of a token, each half a byte: 128 bits."""

_KEY_ID = re.compile(r"[a-z][a-z0-9-]{0,14}")
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key that tokens are made under.

    Attributes:
        key_id: names the key in its tokens: 1 to 15 small letters, digits and hyphens, a letter first.
        key: at least `MIN_KEY_BYTES`.
        hash_name: one of `HASHES`.

    Raises:
        ValueError: the key is too short, its id is none, or the hash is none that this machine has.
    """

    key_id: str
    key: bytes = field(repr=False)
    hash_name: str = "sha256"

    def __post_init__(self) -> None:
        if not _KEY_ID.fullmatch(self.key_id):
            raise ValueError(
                "id of a token key must be a small letter and at most 14 more, or digits or hyphens,"
                f" got {len(self.key_id)} characters"
            )
        if len(self.key) < MIN_KEY_BYTES:
            raise ValueError(f"token key {self.key_id} must be at least {MIN_KEY_BYTES} bytes, got {len(self.key)}")
        if self.hash_name not in HASHES:
            raise ValueError(f"hash of tokens must be one of {', '.join(HASHES)}, got {self.hash_name!r}")
        try:
            hashlib.new(self.hash_name)
        except ValueError as error:
            raise ValueError(
                f"hash of tokens must be one that this machine's OpenSSL has, got {self.hash_name}, which it has not"
            ) from error

    def token(self, pan: str) -> str:
        """The token of a card: the key's id, and 32 letters a to p of HMAC over the number's digits.

        Letters alone, so that no rule takes a token for a number.

        Raises:
            ValueError: `pan` is not 12 to 19 digits; the message holds none of them.

        >>> TokenKey("k1", b"0123456789abcdef").token("6222021234567894")
        'k1:cldgjckdailflllegbbfhjandpobepkc'
        """
        if not (SHORTEST <= len(pan) <= LONGEST and pan.isascii() and pan.isdigit()):
            raise ValueError(f"card number must be {SHORTEST} to {LONGEST} digits, got {len(pan)} characters")
        digest = hmac.new(self.key, pan.encode(), self.hash_name).hexdigest()
        return f"{self.key_id}:{digest[:TOKEN_LETTERS].translate(_LETTERS)}"


def digits_of(value: object) -> str:
    """The digits of a card number as it is sent: a string, with blanks or hyphens between, or a JSON integer."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return re.sub(r"[ -]", "", plain(str(value)))
