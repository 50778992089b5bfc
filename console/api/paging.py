"""Lists in pages: a cursor is the place behind a page's last item, as an opaque text."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from fastapi import Query
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item", bound=BaseModel)
MOST_ITEMS = 500
_MOST_ID = 2**63 - 1

Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="items at most")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`cursor` of a page before: what comes behind it is wanted")
]  # fmt: skip


class Listed(BaseModel, Generic[Item]):
    """A page of a list, in the order in which things came."""

    model_config = ConfigDict(extra="forbid")
    items: list[Item]
    cursor: str | None = Field(
        description="where to read on, now or once there is more; null while the list has no item at all"
    )
    more: bool = Field(description="whether there is more by now")


def paged(
    cursor: str | None, limit: int, kinds: Sequence[type], read: Callable[[Sequence[Any], int], Sequence[Any]],
    key: Callable[[Any], Sequence[Any]], made: Callable[[Any], Item],
) -> Listed[Item]:  # fmt: skip
    """A page of a list.

    Args:
        cursor: of the page before; None for the beginning.
        limit: items at most.
        kinds: of a key's parts, `int` or `str`.
        read: gives rows behind a key, so many at most.
        key: of a row.
        made: of a row, its item.
    """
    found = read(_key(cursor, kinds), limit + 1)
    shown = found[:limit]
    place = _cursor(key(shown[-1])) if shown else cursor
    return Listed(items=[made(each) for each in shown], cursor=place, more=len(found) > limit)


def _cursor(key: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode([*key])).decode().rstrip("=")


def _key(cursor: str | None, kinds: Sequence[type]) -> Sequence[Any]:
    if cursor is None:
        return ()
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(raw, type=list[int | str])
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise _no_cursor() from error
    is_key = len(found) == len(kinds) and all(type(each) is kind for each, kind in zip(found, kinds, strict=True))
    if not is_key or any(isinstance(each, int) and not 0 <= each <= _MOST_ID for each in found):
        raise _no_cursor()
    return found


def _no_cursor() -> RequestValidationError:
    return RequestValidationError(
        [{"loc": ("query", "cursor"), "msg": "must be one of a page before", "type": "cursor"}]
    )
