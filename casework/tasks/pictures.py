"""Photos as bytes: what they are, a copy without anything but the picture, and what the phone has written into them."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from casework.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_PIXELS = 60_000_000
"""Of a photo: more than phones take; what has more may be made to fill the memory."""
SHOWN_PIXELS = 2_000
"""The longer side of the copy that is shown."""
_QUALITY = 85
_OPENED = ("JPEG", "PNG", "WEBP")
_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "MPO": "image/jpeg"}
"""Media types by what Pillow calls a picture: a JPEG that has several, as some phones make, is an MPO."""
_MOST_VALUE = 120
_TOLD = ("Make", "Model", "Software", "DateTime", "DateTimeOriginal", "OffsetTimeOriginal")


class Picture(NamedTuple):
    """A photo that was looked into.

    Attributes:
        media_type: of what was sent.
        shown: a JPEG of at most `SHOWN_PIXELS` a side, turned upright, without EXIF or anything else of the phone's.
        width: of what was sent, pixels.
        height: likewise.
        exif: what the phone has written into it: its make, its time, its position. None of it proves anything.
    """

    media_type: str
    shown: bytes
    width: int
    height: int
    exif: dict[str, Any]


def looked_into(data: bytes) -> Picture:
    """A photo's bytes, looked into.

    Raises:
        Refused: they are no JPEG, PNG or WebP, are damaged, or have too many pixels.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=_OPENED) as opened:
            warnings.simplefilter("error")  # what Pillow only warns of is damaged or made to harm
            _check_size(opened)
            size, exif = (opened.width, opened.height), _told(opened.getexif())
            opened.draft("RGB", (SHOWN_PIXELS, SHOWN_PIXELS))  # a JPEG is decoded no larger than it is shown
            return Picture(_FORMATS[str(opened.format)], _shown(opened), *size, exif)
    except Refused:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        raise Refused(f"a photo must be a whole JPEG, PNG or WebP, got {len(data)} bytes that are none") from error


def _check_size(opened: Image.Image) -> None:
    if opened.width * opened.height > MOST_PIXELS:
        raise Refused(f"a photo must have at most {MOST_PIXELS} pixels, got {opened.width} x {opened.height}")


def _shown(opened: Image.Image) -> bytes:
    upright = ImageOps.exif_transpose(opened).convert("RGB")
    upright.thumbnail((SHOWN_PIXELS, SHOWN_PIXELS))
    plain = Image.new("RGB", upright.size)
    plain.paste(upright)  # pixels alone: profiles, comments and EXIF stay behind
    written = io.BytesIO()
    plain.save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()


def _told(exif: Image.Exif) -> dict[str, Any]:
    """What is read of the EXIF, by name, as texts and numbers."""
    named = {ExifTags.TAGS.get(key, ""): value for key, value in exif.items()}
    named |= {ExifTags.TAGS.get(key, ""): value for key, value in exif.get_ifd(ExifTags.IFD.Exif).items()}
    found: dict[str, Any] = {
        each: str(named[each]).strip("\x00 ")[:_MOST_VALUE] for each in _TOLD if isinstance(named.get(each), str)
    }
    position = _position(exif.get_ifd(ExifTags.IFD.GPSInfo))
    return found | ({} if position is None else {"lat": position[0], "lon": position[1]})


def _position(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    """Latitude and longitude in degrees; None where the EXIF has none that can be."""
    names = ExifTags.GPS
    try:
        lat, lon = (
            sum(float(part) / 60**place for place, part in enumerate(gps[each]))
            for each in (names.GPSLatitude, names.GPSLongitude)
        )
        lat *= -1 if gps.get(names.GPSLatitudeRef) == "S" else 1
        lon *= -1 if gps.get(names.GPSLongitudeRef) == "W" else 1
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return (round(lat, 6), round(lon, 6)) if abs(lat) <= 90 and abs(lon) <= 180 else None
