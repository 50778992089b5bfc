"""Photos: as they came and as they are shown, part by part, too many, none, erased and too old."""

from __future__ import annotations

import io
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from casework import attachments, retrieval
from casework.errors import NotAllowed, NotFound, Refused
from casework.files import Files
from casework.people import Actor
from casework.tasks import answering, photos, pictures, reading
from casework.tasks.place import Position
from tests.casework.desk import DAY_MS, LI, REP, WANG, Desk
from tests.casework.tasks.field import OTHER_REP, answer, give, said
from tests.casework.world import NOW_MS, rows
from tests.console.field import photo
from tests.seeds import examples

if TYPE_CHECKING:
    from pathlib import Path

PHOTO = photo((3_000, 1_500))
DIGEST = sha256(PHOTO).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


def put(desk: Desk, files: Files, task_id: int, data: bytes = PHOTO, slot: str = "shop_front") -> int:
    return photos.put(desk.store, files, REP, task_id, slot, data, NOW_MS, phone_ms=5)


def kept(files: Files) -> set[str]:
    return {*files.before(NOW_MS * 2)}


def test_what_came_is_kept_under_its_hash_and_what_is_shown_is_the_picture_alone(desk: Desk, files: Files) -> None:
    photo_id = put(desk, files, give(desk))
    shown = photos.read(desk.store, files, LI, photo_id, NOW_MS)
    with Image.open(io.BytesIO(shown.data)) as opened:
        assert opened.size == (1_000, 2_000), "it is turned upright, and smaller"
        assert not opened.getexif()
        assert not {*opened.info} & {"exif", "icc_profile", "comment"}
    assert b"HUAWEI" not in shown.data
    assert photos.read(desk.store, files, WANG, photo_id, NOW_MS, as_sent=True).data == PHOTO
    row = shown.row
    assert (row.sha256, row.size, row.width, row.height, row.received_ms, row.phone_ms) == (
        DIGEST, len(PHOTO), 3_000, 1_500, NOW_MS, 5,
    )  # fmt: skip
    assert msgspec.json.decode(row.exif) == {
        "Make": "HUAWEI", "Model": "P60", "DateTimeOriginal": "2020:01:01 00:00:00", "lat": 31.87, "lon": 117.28,
    }  # fmt: skip
    assert desk.entries()[-1][0] == "add_photo"


@pytest.mark.parametrize(
    ("written", "mode"),
    [("PNG", each) for each in ("RGB", "L", "P", "RGBA", "LA", "1")]
    + [("WEBP", each) for each in ("RGB", "RGBA")]
    + [("JPEG", each) for each in ("RGB", "L", "CMYK")],
)
def test_every_kind_of_picture_is_shown(written: str, mode: str) -> None:
    made = io.BytesIO()
    Image.new(mode, (40, 30)).save(made, written)
    found = pictures.looked_into(made.getvalue())
    assert (found.media_type, found.width, found.height) == (f"image/{written.lower()}", 40, 30)
    assert found.shown.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("data", [b"", b"MZ", b"%PDF-1.7", b"<svg/>", PHOTO[: len(PHOTO) // 2], b"\xff\xd8\xff" * 9])
def test_what_is_no_whole_picture_is_refused_and_leaves_nothing(desk: Desk, files: Files, data: bytes) -> None:
    task_id = give(desk)
    with pytest.raises(Refused, match="a photo must"):
        put(desk, files, task_id, data)
    assert (rows(desk.store, "task_photos"), kept(files)) == ([], set())


def test_a_picture_of_too_many_pixels_is_refused_before_it_fills_the_memory() -> None:
    made = io.BytesIO()
    Image.new("1", (10_000, 7_000)).save(made, "PNG")
    with pytest.raises(Refused, match="must have at most 60000000 pixels"):
        pictures.looked_into(made.getvalue())


@given(st.binary(max_size=200), st.integers(0, 5_000))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_damaged_bytes_are_refused_or_shown_and_never_anything_else(noise: bytes, at: int) -> None:
    data = PHOTO[:at] + noise + PHOTO[at + len(noise) :]
    refused = ""
    try:
        shown = pictures.looked_into(data).shown
    except Refused as error:
        shown, refused = b"", str(error)
    assert shown.startswith(b"\xff\xd8\xff") or refused.startswith("a photo must")


def test_the_same_photo_sent_again_is_one_photo_and_of_another_slot_another(desk: Desk, files: Files) -> None:
    task_id = give(desk)
    first = put(desk, files, task_id)
    assert put(desk, files, task_id) == first
    assert put(desk, files, task_id, slot="other") == first + 1
    assert desk.kinds().count("add_photo") == 2


def test_only_the_rep_sends_photos_to_an_open_task_and_only_so_many(
    desk: Desk, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = give(desk)
    for who, error in ((OTHER_REP, NotFound), (LI, NotAllowed)):
        with pytest.raises(error):
            photos.put(desk.store, files, who, task_id, "other", PHOTO, NOW_MS)
        with pytest.raises(error):
            photos.put_chunk(desk.store, who, task_id, DIGEST, 0, b"a", NOW_MS)
        with pytest.raises(error):
            photos.chunks_of(desk.store, who, task_id, DIGEST, NOW_MS)
        with pytest.raises(error):
            photos.finish(desk.store, files, who, task_id, "other", DIGEST, NOW_MS)
    with pytest.raises(Refused, match="slot must be one of sales_slip"):
        put(desk, files, task_id, slot="selfie")
    monkeypatch.setattr(photos, "MOST_OF_TASK", 1)
    put(desk, files, task_id)
    with pytest.raises(Refused, match="at most 1 photos"):
        put(desk, files, task_id, slot="other")
    answer(desk, task_id)
    with pytest.raises(Refused, match="must have no answer yet"):
        put(desk, files, task_id, slot="invoice")
    assert kept(files) == {DIGEST, rows(desk.store, "task_photos", "shown_sha256")[0][0]}


def test_a_photo_comes_part_by_part_in_any_order_and_parts_twice(
    desk: Desk, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id, size = give(desk), len(PHOTO) // 3 + 1
    parts = [PHOTO[at : at + size] for at in range(0, len(PHOTO), size)]
    for number in (2, 0, 0):
        photos.put_chunk(desk.store, REP, task_id, DIGEST, number, parts[number], NOW_MS)
    assert photos.chunks_of(desk.store, REP, task_id, DIGEST, NOW_MS) == [0, 2]
    with pytest.raises(Refused, match=r"the parts of photo .* must make it up"):
        photos.finish(desk.store, files, REP, task_id, "shop_front", DIGEST, NOW_MS)
    photos.put_chunk(desk.store, REP, task_id, DIGEST, 1, parts[1], NOW_MS)
    made = photos.finish(desk.store, files, REP, task_id, "shop_front", DIGEST, NOW_MS)
    assert photos.finish(desk.store, files, REP, task_id, "shop_front", DIGEST, NOW_MS) == made
    assert photos.read(desk.store, files, WANG, made, NOW_MS, as_sent=True).data == PHOTO
    assert rows(desk.store, "task_chunks") == []


@pytest.mark.parametrize(
    ("digest", "number", "data"),
    [("x" * 64, 0, b"a"), (DIGEST[:-1], 0, b"a"), (DIGEST, -1, b"a"), (DIGEST, 60, b"a"), (DIGEST, 0, b""),
     (DIGEST, 0, bytes(photos.CHUNK_BYTES + 1))],
)  # fmt: skip
def test_what_cannot_be_a_part_is_refused(desk: Desk, digest: str, number: int, data: bytes) -> None:
    with pytest.raises(Refused, match="a part must be of a SHA-256"):
        photos.put_chunk(desk.store, REP, give(desk), digest, number, data, NOW_MS)


def test_parts_that_never_make_a_photo_are_limited(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = give(desk)
    monkeypatch.setattr(photos, "MOST_WAITING", 2)
    for number in (0, 1):
        photos.put_chunk(desk.store, REP, task_id, DIGEST, number, b"a", NOW_MS)
    with pytest.raises(Refused, match="at most 2 parts on their way"):
        photos.put_chunk(desk.store, REP, task_id, DIGEST, 2, b"a", NOW_MS)


def test_a_photo_is_seen_by_the_office_its_rep_and_who_checks_again(desk: Desk, files: Files) -> None:
    task_id = give(desk)
    photo_id = put(desk, files, task_id)
    for who in (REP, LI, Actor("v", frozenset({"viewer"}))):
        assert photos.read(desk.store, files, who, photo_id, NOW_MS).data
    with pytest.raises(NotFound):
        photos.read(desk.store, files, OTHER_REP, photo_id, NOW_MS)
    with pytest.raises(NotAllowed):
        photos.read(desk.store, files, LI, photo_id, NOW_MS, as_sent=True)
    answer(desk, task_id)
    give(desk, kind="recheck", rep_id="rep-2", after_task_id=task_id)
    assert photos.read(desk.store, files, OTHER_REP, photo_id, NOW_MS).data


def test_a_lead_erases_a_photo_but_for_its_hash(desk: Desk, files: Files) -> None:
    photo_id = put(desk, files, give(desk))
    with pytest.raises(NotAllowed):
        photos.erase(desk.store, files, LI, photo_id, "a face", NOW_MS)
    photos.erase(desk.store, files, WANG, photo_id, "a face", NOW_MS)
    with pytest.raises(NotFound):
        photos.read(desk.store, files, WANG, photo_id, NOW_MS)
    with pytest.raises(NotFound):
        photos.erase(desk.store, files, WANG, photo_id, "again", NOW_MS)
    columns = ("sha256", "exif", "phone_ms", "erased_ms", "erased_why")
    assert rows(desk.store, "task_photos", *columns) == [(DIGEST, "{}", None, NOW_MS, "a face")]
    assert kept(files) == set()
    assert desk.entries()[-1][0] == "erase_photo"


def test_what_is_an_attachment_too_stays_when_the_photo_is_erased(desk: Desk, files: Files) -> None:
    txn = retrieval.Chosen("a", "t-a", *rows(desk.store, "alert_transactions", "txn_type", "time")[0])
    asked = retrieval.ask(desk.store, LI, desk.case_of("a"), [txn], ["sales_slip"], "why", NOW_MS)
    task_id = give(desk, kind="documents", case_id=asked)
    photo_id = put(desk, files, task_id, slot="sales_slip")
    answering.answer(desk.store, REP, task_id, said(checks={}), NOW_MS)
    (attached,) = attachments.of_case(desk.store, LI, asked, NOW_MS)
    photos.erase(desk.store, files, WANG, photo_id, "a face", NOW_MS)
    assert attachments.read(desk.store, files, LI, attached.attachment_id, NOW_MS).media_type == "image/jpeg"
    assert kept(files) == {attached.sha256}


def test_a_sweep_leaves_photos_as_they_came_and_as_they_are_shown(desk: Desk, files: Files) -> None:
    put(desk, files, give(desk))
    files.put(b"of nobody")
    assert attachments.sweep(desk.store, files, NOW_MS * 2) == 1
    assert len(kept(files)) == 2


def test_a_position_is_erased_by_the_rep_or_a_lead_and_the_distance_stays(desk: Desk) -> None:
    for who in (REP, WANG):
        task_id = give(desk)
        answer(desk, task_id, position=Position(31.2, 121.4, "wgs84", 20.0))
        for other in (OTHER_REP, Actor("rep-9", REP.roles)):
            with pytest.raises(NotFound):
                photos.erase_position(desk.store, other, task_id, NOW_MS)
        photos.erase_position(desk.store, who, task_id, NOW_MS)
        with pytest.raises(NotFound):
            photos.erase_position(desk.store, who, task_id, NOW_MS)
    columns = ("lat", "lon", "accuracy_m", "coord_sys", "position_erased_ms")
    assert rows(desk.store, "task_answers", *columns) == [(None, None, None, "", NOW_MS)] * 2


def test_what_is_too_old_is_erased_with_one_entry_in_the_audit(desk: Desk, files: Files) -> None:
    task_id = give(desk)
    put(desk, files, task_id)
    photos.put_chunk(desk.store, REP, task_id, "0" * 64, 0, b"a", NOW_MS)
    answer(desk, task_id, position=Position(31.2, 121.4))
    assert photos.drop_old(desk.store, files, NOW_MS) == {"photos": 0, "positions": 0, "parts": 0}
    late_ms = NOW_MS + photos.POSITIONS_DAYS * DAY_MS + 1
    assert photos.drop_old(desk.store, files, late_ms) == {"photos": 0, "positions": 1, "parts": 1}
    later_ms = NOW_MS + photos.PHOTOS_DAYS * DAY_MS + 1
    assert photos.drop_old(desk.store, files, later_ms) == {"photos": 1, "positions": 0, "parts": 0}
    assert kept(files) == set()
    assert desk.kinds()[-2:] == ["drop_photos", "drop_photos"]
    (found,) = reading.task(desk.store, REP, task_id, NOW_MS).photos
    assert (found.sha256, found.erased_why) == (DIGEST, "older than 1096 days")
