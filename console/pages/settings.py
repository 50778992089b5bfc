"""One's own settings: language, light or dark, password."""

from fastapi import APIRouter, Response

from casework.errors import Refused
from casework.logins import change_password
from casework.preferences import Preferences, prefer
from console.page import AnyPage, Words

router = APIRouter()
_YEAR_S = 365 * 86_400


@router.get("/settings")
def show(page: AnyPage) -> Response:
    """The page."""
    return page.render("settings.html", refused=None)


@router.post("/settings")
def keep(page: AnyPage, lang: Words = "", theme: Words = "auto") -> Response:
    """Keep language and theme."""
    prefer(page.store, page.actor.user_id, Preferences(lang, theme))
    answer = page.go("/settings")
    answer.set_cookie("tillwatch_lang", lang, max_age=_YEAR_S, samesite="lax", secure=page.console.is_https)
    return answer


@router.post("/settings/password")
def set_password(page: AnyPage, before: Words = "", password: Words = "") -> Response:
    """Change one's password; it ends every session of the person, this one too."""
    try:
        change_password(page.store, page.actor, before, password, page.now_ms)
    except Refused as error:
        return page.render("settings.html", 422, refused=error)
    return page.go("/login")
