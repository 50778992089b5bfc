"""Tokens of programs: made on the page of the program's user, where the secret is shown once, and revoked there."""

from typing import Annotated

from fastapi import APIRouter, Form, Response

from casework import tokens
from casework.errors import NotFound, Refused
from console.pages.users import AdminPage, show_user

router = APIRouter()


@router.post("/users/{user_id}/tokens")
def make(
    page: AdminPage, user_id: str, name: Annotated[str, Form()] = "", scopes: Annotated[tuple[str, ...], Form()] = (),
    days: Annotated[int, Form()] = 90,
) -> Response:  # fmt: skip
    """Make a token."""
    try:
        secret = tokens.make_token(page.store, page.actor, user_id, name, scopes, days, page.now_ms)
    except Refused as error:
        return show_user(page, user_id, refused=str(error))
    return show_user(page, user_id, secret=secret)


@router.post("/users/{user_id}/tokens/{token_id}/revoke")
def revoke(page: AdminPage, user_id: str, token_id: int) -> Response:
    """End a token."""
    if token_id not in {
        each.token_id for each in tokens.list_tokens(page.store, page.actor) if each.user_id == user_id
    }:
        raise NotFound(f"there is no token {token_id} of {user_id[:64]}")
    tokens.revoke_token(page.store, page.actor, token_id, page.now_ms)
    return page.go(f"/users/{user_id}")
