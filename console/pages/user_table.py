"""Users as a table: kept as a file, and put in from one, whose differences are shown before they are applied."""

from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile

from casework import user_table, users
from casework.errors import Refused
from console.pages.users import AdminPage
from console.tables import download, kind_of

router = APIRouter()
MOST_BYTES = 512 * 1024
"""Of a table: that of some thousand users."""


@router.get("/users.{file_kind}")
def export(page: AdminPage, file_kind: str) -> Response:
    """All users as a table."""
    kind = kind_of(file_kind)
    header = [page.say(each) for each in user_table.COLUMNS.values()]
    found = users.list_users(page.store, page.actor, page.now_ms)
    return download(page.say("users", "用户"), kind, header, user_table.rows_of(found))


@router.post("/users/import")
def compare(page: AdminPage, file: Annotated[UploadFile, File()]) -> Response:
    """Show what a table changes."""
    raw = file.file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Refused(f"a table of users must have at most {MOST_BYTES // 1024} KiB, got more")
    text = user_table.decoded(raw)
    found = user_table.compare(page.store, page.actor, text, page.now_ms)
    return page.render("user_differences.html", found=found, text=text, columns=user_table.COLUMNS)


@router.post("/users/import/apply")
def apply(page: AdminPage, text: Annotated[str, Form()] = "", digest: Annotated[str, Form()] = "") -> Response:
    """Put in what was shown."""
    found = user_table.compare(page.store, page.actor, text, page.now_ms)
    user_table.apply(page.store, page.actor, found, digest, page.now_ms)
    return page.go("/users")
