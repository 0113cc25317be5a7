"""EXIF -> when a picture was taken, with what, and which way up it is (EXIF 2.32)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Exif

_ORIENTATION, _MAKE, _MODEL, _EXIF_IFD = 0x0112, 0x010F, 0x0110, 0x8769
_DATE_TIME, _OFFSET = 0x0132, 0x9010
_ORIGINAL, _OFFSET_ORIGINAL = 0x9003, 0x9011
_DIGITIZED, _OFFSET_DIGITIZED = 0x9004, 0x9012

_WHEN = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_ZONE = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
_LONGEST = 100  # characters of a camera's name; more is no name


def orientation(exif: Exif) -> int:
    """Return EXIF's orientation, 1 (upright) to 8, and 1 for anything else."""
    value = exif.get(_ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def taken_at(exif: Exif) -> str | None:
    """Return when the picture was taken, else digitised, else changed, as ISO 8601.

    The offset is there when the camera stored one. What is no date, as "0000:00:00 00:00:00" of a
    camera whose clock was never set, counts as absent.
    """
    details = exif.get_ifd(_EXIF_IFD)
    for stored, offset in (
        (details.get(_ORIGINAL), details.get(_OFFSET_ORIGINAL)),
        (details.get(_DIGITIZED), details.get(_OFFSET_DIGITIZED)),
        (exif.get(_DATE_TIME), details.get(_OFFSET)),
    ):
        found = _WHEN.match(_text(stored))
        if not found:
            continue
        try:
            when = datetime(*map(int, found.groups())).isoformat()  # type: ignore[arg-type]  # the pattern has six groups
        except ValueError:
            continue
        zone = _text(offset).replace("Z", "+00:00")
        return when + zone if _ZONE.fullmatch(zone) else when
    return None


def camera(exif: Exif) -> str | None:
    """Return maker and model in one string, the maker's name once; None when both are absent."""
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    repeated = make and model.lower().startswith(make.split()[0].lower())
    return (model if repeated else f"{make} {model}".strip())[:_LONGEST] or None


def _text(value: object) -> str:
    """Return what EXIF holds as one line of printable characters; "" for what is no text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    return "".join(filter(str.isprintable, value.split("\0")[0])).strip()
