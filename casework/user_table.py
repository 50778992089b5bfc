"""Users as a CSV table: written, read with its faults by line, compared with the store, and applied."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from casework.errors import Conflict, Refused
from casework.people import ADMINS, check_user, keeping_an_admin, put_in
from casework.users import User, list_users
from domain.alerts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from casework.people import Actor
    from casework.store import Store

COLUMNS: Mapping[str, Text] = {
    "user_id": Text("user_id", "用户名"), "name": Text("name", "姓名"), "roles": Text("roles", "角色"),
    "team": Text("team", "团队"), "disabled": Text("disabled", "停用"), "is_service": Text("is_service", "程序账户"),
}  # fmt: skip
"""What a table's columns are called in its header, in either language."""
MOST_ROWS = 10_000
_YES, _NO = ("yes", "true", "1", "是"), ("no", "false", "0", "否", "")
_BETWEEN = re.compile(r"[;,|、，；\s]+")


class Fault(NamedTuple):
    """A row that cannot be taken: its line of the file, from 1, and why."""

    line: int
    message: str


class Difference(NamedTuple):
    """What a row changes.

    Attributes:
        line: of the file, from 1.
        before: the user as it is; None where it is new.
        after: the user as it will be.
        fields: names of the columns that change; all of a new one.
    """

    line: int
    before: User | None
    after: User
    fields: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """A table compared with the store.

    Attributes:
        differences: what it changes, in its order.
        faults: its rows that cannot be taken.
        same: how many rows change nothing.
    """

    differences: tuple[Difference, ...]
    faults: tuple[Fault, ...]
    same: int

    @property
    def digest(self) -> str:
        """What tells these differences from others, so that those are applied that were looked at."""
        return sha256(msgspec.json.encode(self.differences)).hexdigest()


def rows_of(found: Sequence[User]) -> list[list[str]]:
    """Rows of a table, in the order of `COLUMNS`."""
    return [
        [each.user_id, each.name, " ".join(each.roles), each.team, _word(each.disabled), _word(each.is_service)]
        for each in found
    ]  # fmt: skip


def decoded(raw: bytes) -> str:
    """A file's text, of UTF-8 or else GB18030; raises Refused where it is neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Refused("the table must be in UTF-8 or GB18030, got other bytes")


def compare(store: Store, actor: Actor, text: str, now_ms: int) -> Comparison:
    """What a table with a header would change. A column that it lacks stays as it is; so do users that it lacks.

    Raises:
        NotAllowed: who asks is no admin.
        Refused: it is no CSV, lacks the column of users, or has a column twice or that is none.
    """
    known = {each.user_id: each for each in list_users(store, actor, now_ms)}
    differences, faults, same = [], [], 0
    seen: set[str] = set()
    for line, cells in _rows(text):
        try:
            made = _compared(line, cells, known, seen)
        except Refused as error:
            faults.append(Fault(line, str(error)))
            continue
        same += made is None
        differences += [made] if made else []
    return Comparison(tuple(differences), tuple(faults), same)


def apply(store: Store, actor: Actor, found: Comparison, digest: str, now_ms: int) -> int:
    """Put the differences of a comparison into the store, all or none; how many users were changed.

    Args:
        store: the store.
        actor: an admin.
        found: what is to be applied.
        digest: of what was looked at.
        now_ms: UTC milliseconds.

    Raises:
        Conflict: users were changed since they were looked at.
        NotAllowed, Refused: the actor is no admin; no admin would be left.
    """
    actor.need(ADMINS, "to change users")
    if digest != found.digest:
        raise Conflict("users have changed since the differences were shown: look at them again", None, 0)
    with store.writing() as connection, keeping_an_admin(connection):
        for each in (difference.after for difference in found.differences):
            put_in(
                store, connection, actor, each.user_id, each.name, each.roles, now_ms, team=each.team,
                disabled=each.disabled, is_service=each.is_service,
            )  # fmt: skip
    return len(found.differences)


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        names = _header(next(reader, []))
        line = reader.line_num + 1
        for count, cells in enumerate(reader):
            here, line = line, reader.line_num + 1
            if count >= MOST_ROWS:
                raise Refused(f"the table must have at most {MOST_ROWS} rows, got more")
            if any(each.strip() for each in cells):
                padded = [*cells, *[""] * (len(names) - len(cells))]
                yield here, dict(zip(names, map(_cell, padded), strict=False))
    except csv.Error as error:
        raise Refused(f"the table must be CSV, line {reader.line_num}: {error}") from error


def _header(cells: Sequence[str]) -> list[str]:
    by_word = {word: name for name, words in COLUMNS.items() for word in (words.en, words.zh)}
    names = [by_word.get(each.strip(), "") for each in cells]
    unknown = [each for each, name in zip(cells, names, strict=True) if not name]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if "user_id" not in names or unknown or twice:
        wanted = ", ".join(f"{words.en} ({words.zh})" for words in COLUMNS.values())
        raise Refused(
            f"the table's header must have user_id, each column once, of {wanted}; got {','.join(cells)[:200]}"
        )
    return names


def _cell(text: str) -> str:
    """A cell without the apostrophe that keeps spreadsheets from computing it."""
    return text.strip().removeprefix("'")


def _compared(line: int, cells: Mapping[str, str], known: Mapping[str, User], seen: set[str]) -> Difference | None:
    user_id = cells["user_id"]
    if user_id in seen:
        raise Refused(f"user {user_id} must have one row, got another")
    seen.add(user_id)
    before = known.get(user_id)
    plain = before or User(user_id, "", ())
    after = plain._replace(
        name=cells.get("name", plain.name), team=cells.get("team", plain.team),
        roles=_roles(cells["roles"]) if "roles" in cells else plain.roles,
        disabled=_flag("disabled", cells, plain.disabled), is_service=_flag("is_service", cells, plain.is_service),
        signed_in_ms=None, sessions=0,
    )  # fmt: skip
    check_user(user_id, after.name, after.roles, after.team)
    if before is not None and after.is_service != before.is_service:
        raise Refused(f"is_service of {user_id} must stay as it is")
    fields = tuple(each for each in COLUMNS if before is None or getattr(after, each) != getattr(before, each))
    return (
        Difference(line, before and before._replace(signed_in_ms=None, sessions=0), after, fields) if fields else None
    )


def _roles(text: str) -> tuple[str, ...]:
    return tuple(sorted({each.lower() for each in _BETWEEN.split(text) if each}))


def _flag(name: str, cells: Mapping[str, str], before: bool) -> bool:
    word = cells.get(name, _word(before)).lower()
    if word not in {*_YES, *_NO}:
        raise Refused(f"{name} must be yes or no, got {word[:20]!r}")
    return word in _YES


def _word(flag: bool) -> str:
    return "yes" if flag else "no"
