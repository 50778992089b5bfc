"""Passwords in URLs and texts that are shown or logged."""

from __future__ import annotations

import re

HIDDEN = "***"
_USER = re.compile(r"(?<=://)(?!/)\S*@|(?<![\w/:])[^\s/@:'\"]+:[^\s/][^\s]*@")
"""A URL's user and password, up to the last @ before a blank: a password may hold @ and / that nobody escaped."""
_NAMED = re.compile(
    r"([\w.-]*(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|credentials?)\s*=\s*)[^\s&;'\"]+",
    re.IGNORECASE,
)


def masked_url(url: str) -> str:
    """One URL as it may be shown: without user, password, and parameters that are named like a secret.

    >>> masked_url("kafka://bob:hunt er/2@host:9092")
    'kafka://***@host:9092'
    >>> masked_url("sqlite:////data/me@home/a.db?password=hunter2")
    'sqlite:////data/me@home/a.db?password=***'
    """
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    if "@" in rest and not (separator and rest.startswith("/")):
        rest = f"{HIDDEN}@{rest.rpartition('@')[2]}"
    return _NAMED.sub(rf"\g<1>{HIDDEN}", f"{scheme}{separator}{rest}")


def without_secrets(text: str) -> str:
    """A text without the users and passwords of the URLs in it, and without values that are named like a secret.

    >>> without_secrets("log_url must be kafka://host, got 'kafka://bob:hunter2@host' or bob:hunter2@host")
    "log_url must be kafka://host, got 'kafka://***@host' or ***@host"
    >>> without_secrets("at 10:30 to me@host: sasl.password=hunter2")
    'at 10:30 to me@host: sasl.password=***'
    """
    return _NAMED.sub(rf"\g<1>{HIDDEN}", _USER.sub(f"{HIDDEN}@", text))
