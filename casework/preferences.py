"""How somebody wants pages: in which language, light or dark."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from casework.errors import Refused
from casework.schema import preferences

if TYPE_CHECKING:
    from casework.store import Store

LANGUAGES = ("en", "zh")
THEMES = ("auto", "light", "dark")


class Preferences(NamedTuple):
    """What somebody has chosen.

    Attributes:
        lang: of `LANGUAGES`; "" for the browser's.
        theme: of `THEMES`; `auto` is the system's.
    """

    lang: str = ""
    theme: str = "auto"


def preferences_of(store: Store, user_id: str) -> Preferences:
    """What a user has chosen; the defaults where that is nothing."""
    with store.reading() as connection:
        found = connection.execute(select(preferences).where(preferences.c.user_id == user_id)).first()
        return Preferences(found.lang, found.theme) if found else Preferences()


def prefer(store: Store, user_id: str, chosen: Preferences) -> None:
    """Keep what a user has chosen; raises Refused where it is none of what there is."""
    if chosen.lang not in {"", *LANGUAGES} or chosen.theme not in THEMES:
        raise Refused(f"language must be of {', '.join(LANGUAGES)}, and theme of {', '.join(THEMES)}")
    with store.writing() as connection:
        store.upsert(connection, preferences, [{"user_id": user_id, **chosen._asdict()}])
