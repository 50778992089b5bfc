"""What keeps others out of a page: headers of every answer, and what a change must carry."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from casework.errors import NotAllowed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import Request

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN = "X-CSRF-Token"  # noqa: S105  a header's name
FIELD = "csrf"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
"""Of every answer: nothing from elsewhere, nothing inline, in nobody's frame."""
NO_STORE = "no-store"
"""Pages have merchants' data: no cache keeps them."""


ALONE: Mapping[str, str] = {"Content-Security-Policy": "sandbox; default-src 'none'"}
"""Of files that people have sent: nothing in them runs or is loaded, whatever they are."""


def address_of(request: Request) -> str:
    """Where a request comes from; "" where nobody says so."""
    return request.client.host if request.client else ""


def check_change(request: Request, csrf: str) -> None:
    """Refuse a change that another site made a browser send; raises NotAllowed.

    The token comes in a header, as htmx sends it, or as `?csrf=` of a form's address: so bodies need not be read here.
    """
    if request.method in SAFE:
        return
    given = request.headers.get(TOKEN) or request.query_params.get(FIELD, "")
    if not hmac.compare_digest(given.encode(), csrf.encode()) or not is_own(request):
        raise NotAllowed("the change did not come from a page of this console: load the page again")


def is_own(request: Request) -> bool:
    """Whether a browser says that a page of the console sent the request, or is too old to say."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    if origin is None or request.headers.get("sec-fetch-site") == "same-origin":
        return True
    return urlsplit(origin).netloc == request.headers.get("host", "")
