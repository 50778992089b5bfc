"""Users: who there is, with which roles; adding, changing and disabling them, their links and sessions, teams."""

from typing import Annotated

from fastapi import APIRouter, Form, Response

from casework import tokens, users
from casework.errors import Refused
from casework.people import ADMINS, ROLES, put_user
from console.page import Page, Words, page_for

router = APIRouter()
AdminPage = Annotated[Page, page_for(ADMINS)]


@router.get("/users")
def show(page: AdminPage) -> Response:
    """The page."""
    return _list(page)


@router.post("/users")
def add(
    page: AdminPage, user_id: Words = "", name: Words = "",
    roles: Annotated[tuple[str, ...], Form()] = (), team: Words = "",
    is_service: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Add a user."""
    given = users.User(user_id.strip(), name.strip(), roles, team.strip(), is_service=is_service)
    if given.user_id in {each.user_id for each in users.list_users(page.store, page.actor, page.now_ms)}:
        return _list(page, page.say("There is a user {id} already.", "用户{id}已存在。", id=given.user_id), given)
    try:
        put_user(
            page.store, page.actor, given.user_id, given.name, roles, page.now_ms, team=given.team,
            is_service=is_service,
        )  # fmt: skip
    except Refused as error:
        return _list(page, str(error), given)
    return page.go(f"/users/{given.user_id}")


@router.post("/users/teams")
def set_team(page: AdminPage, team_id: Words = "", name: Words = "") -> Response:
    """Add a team, or give one another name."""
    try:
        users.put_team(page.store, page.actor, team_id.strip(), name.strip() or team_id.strip(), page.now_ms)
    except Refused as error:
        return _list(page, str(error))
    return page.go("/users#teams")


@router.get("/users/{user_id}")
def show_one(page: AdminPage, user_id: str) -> Response:
    """A user's page."""
    return show_user(page, user_id)


@router.post("/users/{user_id}")
def change(
    page: AdminPage, user_id: str, name: Words = "",
    roles: Annotated[tuple[str, ...], Form()] = (), team: Words = "",
    disabled: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """Change name, roles and team, or keep the user out."""
    users.user_of(page.store, page.actor, user_id, page.now_ms)
    try:
        put_user(
            page.store, page.actor, user_id, name.strip(), roles, page.now_ms, team=team.strip(), disabled=disabled
        )
    except Refused as error:
        return show_user(page, user_id, refused=str(error))
    return page.go(f"/users/{user_id}")


@router.post("/users/{user_id}/link")
def link(page: AdminPage, user_id: str) -> Response:
    """Hand out a one-time link, which is shown this once."""
    secret = users.hand_out_link(page.store, page.actor, user_id, page.now_ms)
    return show_user(page, user_id, link=f"{page.address}/login/{secret}")


@router.post("/users/{user_id}/end-sessions")
def end_sessions(page: AdminPage, user_id: str) -> Response:
    """Sign the user out everywhere."""
    users.end_sessions(page.store, page.actor, user_id, page.now_ms)
    return page.go(f"/users/{user_id}")


def show_user(page: Page, user_id: str, *, refused: str = "", link: str = "", secret: str = "") -> Response:
    """A user's page, with what is shown once: a link, or the secret of a token."""
    user = users.user_of(page.store, page.actor, user_id, page.now_ms)
    held = [each for each in tokens.list_tokens(page.store, page.actor) if each.user_id == user_id]
    return page.render(
        "user.html", 422 if refused else 200, user=user, roles=ROLES, teams=users.list_teams(page.store, page.actor),
        tokens=held, scopes=tokens.SCOPES, refused=refused, link=link, secret=secret,
    )  # fmt: skip


def _list(page: Page, refused: str = "", given: users.User | None = None) -> Response:
    return page.render(
        "users.html", 422 if refused else 200, users=users.list_users(page.store, page.actor, page.now_ms),
        teams=users.list_teams(page.store, page.actor), roles=ROLES, refused=refused,
        given=given or users.User("", "", ()),
    )  # fmt: skip
