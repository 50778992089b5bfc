"""How our own webhooks are signed: as Standard Webhooks has it, so that any library of that name checks them."""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from notices.channels.secret import Secret

PREFIX = "whsec_"
LEAST_KEY_BYTES, MOST_KEY_BYTES = 24, 64


def signing_keys(secret: Secret) -> tuple[bytes, ...]:
    """The keys of a secret; a second line is one that receivers may still check with while keys change.

    Raises:
        ValueError: a line is not `whsec_` and Base64 of 24 to 64 bytes; its words are not in the error.
    """
    found = []
    for each in secret.all:
        try:
            key = base64.b64decode(each.removeprefix(PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError("secret_file must hold whsec_ and Base64, got other characters") from error
        if not each.startswith(PREFIX) or not LEAST_KEY_BYTES <= len(key) <= MOST_KEY_BYTES:
            raise ValueError(f"secret_file must hold whsec_ and Base64 of 24 to 64 bytes, got {len(key)} bytes")
        found.append(key)
    return tuple(found)


def signed_headers(keys: tuple[bytes, ...], webhook_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers that say which message it is, when it was sent, and by whom.

    >>> signed_headers((b"k" * 24,), "msg_1", 1_700_000_000, b"{}")["webhook-signature"]
    'v1,E3sCg9uS8x43RKlJqcda1EcaYZxNkN+l2u7RBZBSZQQ='
    """
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    signatures = [base64.b64encode(hmac.digest(each, signed, "sha256")).decode() for each in keys]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{each}" for each in signatures),
    }
