"""Options by which card numbers that events have in a field of their own become tokens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from domain.card_tokens import HASHES
from streams.pan_field import PanField, read_key

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY = click.Path(exists=True, dir_okay=False, path_type=Path)
CARD_FIELD = "card number"
"""Names the field of card numbers where a mapping, and no field of the events, has them."""


class PanOptions(NamedTuple):
    """What was asked for, as the options have it."""

    pan_field: str | None
    token_key: Path | None
    token_key_id: str
    next_token_key: Path | None
    next_token_key_id: str
    token_hash: str


def pan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of tokens; it takes what `PanOptions` has."""
    for option in reversed((
        click.option(
            "--pan-field", help="Field with card numbers: dropped, a token and the last four digits come for it."
        ),
        click.option("--token-key", type=_KEY, help="File with the key of tokens, of mode 0600."),
        click.option("--token-key-id", default="k1", show_default=True, help="Name of the key in its tokens."),
        click.option(
            "--next-token-key", type=_KEY, help="File with the key that will follow: a second token is written."
        ),
        click.option(
            "--next-token-key-id", default="k2", show_default=True, help="Name of the key that will follow."
        ),
        click.option(
            "--token-hash", type=click.Choice(HASHES), default=HASHES[0], show_default=True, help="Hash of tokens."
        ),
    )):  # fmt: skip
        command = option(command)
    return command


def tokens_of(asked: PanOptions, *, by_mapping: bool = False) -> PanField | None:
    """What makes tokens, where there is a key.

    Args:
        asked: the options.
        by_mapping: whether a mapping may name the column of card numbers, and no field is needed.

    Raises:
        UsageError: a key stands without a field, or a field without a key.
    """
    if asked.pan_field is None and asked.token_key is None and asked.next_token_key is None:
        return None
    if asked.token_key is None or (asked.pan_field is None and not by_mapping):
        raise click.UsageError("--pan-field and --token-key must be given together")
    key = read_key(asked.token_key, asked.token_key_id, asked.token_hash)
    following = (
        read_key(asked.next_token_key, asked.next_token_key_id, asked.token_hash) if asked.next_token_key else None
    )
    return PanField(asked.pan_field or CARD_FIELD, key, following)
