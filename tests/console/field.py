"""A rep with a task, and photos as phones take them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from casework.people import Actor
from casework.tasks import links, making
from tests.casework.world import NOW_MS
from tests.console.filed import file_more, shop

if TYPE_CHECKING:
    from pathlib import Path

    from casework.store import Store

ANALYST = Actor("analyst", frozenset({"analyst"}))
REP = Actor("rep", frozenset({"rep"}))
DAY_MS = 86_400_000
DUE_MS = NOW_MS + 2 * DAY_MS
ADDRESS = "合肥市庐阳区淮河路步行街88号"


def open_shop(store: Store, folder: Path, **fields: object) -> None:
    """Merchant m1 is the rep's, with a name and an address."""
    file_more(store, folder, shop("m1", "旺角茶餐厅", address=ADDRESS, lat=31.87, lon=117.28, **fields))


def give(store: Store, merchant_id: str = "m1", rep_id: str = "rep", **more: Any) -> int:
    given: dict[str, Any] = {"kind": "visit", "due_ms": DUE_MS, "case_id": 1, "now_ms": NOW_MS} | more
    return making.give(store, ANALYST, merchant_id=merchant_id, rep_id=rep_id, **given)


def link(store: Store, task_id: int) -> str:
    """The path of a link."""
    return f"/phone/l/{links.link_for(store, ANALYST, task_id, NOW_MS)}"


def photo(size: tuple[int, int] = (640, 480), color: str = "teal", *, exif: bool = True, quality: int = 90) -> bytes:
    """A JPEG with what a phone writes into one."""
    made, told = Image.new("RGB", size, color), Image.Exif()
    if exif:
        told[0x010F], told[0x0110], told[0x0112] = "HUAWEI", "P60", 6
        told.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
        told.get_ifd(0x8825).update({1: "N", 2: (31.0, 52.0, 12.0), 3: "E", 4: (117.0, 16.0, 48.0)})
    written = io.BytesIO()
    made.save(written, "JPEG", exif=told, quality=quality)
    return written.getvalue()
