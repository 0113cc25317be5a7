"""EXIF, and XMP -> when a picture was taken, with what, and which way up it is.

EXIF 2.32; XMP Specification, Part 2, 2022. What is no date, as "0000:00:00 00:00:00" of a camera
whose clock was never set, counts as absent.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from vsearch.images import xmp

if TYPE_CHECKING:
    from PIL.Image import Exif
    from PIL.ImageFile import ImageFile

_ORIENTATION, _MAKE, _MODEL, _EXIF_IFD = 0x0112, 0x010F, 0x0110, 0x8769
_DATE_TIME, _OFFSET = 0x0132, 0x9010
_ORIGINAL, _OFFSET_ORIGINAL = 0x9003, 0x9011
_DIGITIZED, _OFFSET_DIGITIZED = 0x9004, 0x9012

_WHEN = re.compile(r"(\d{4})[:/.-](\d\d)[:/.-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_ZONE = re.compile(r"[+-](?:0\d|1[0-4]):[0-5]\d")
# The best comes first. A program that takes the EXIF away often leaves these.
_XMP = (
    "{http://ns.adobe.com/exif/1.0/}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
    "{http://ns.adobe.com/xap/1.0/}CreateDate",
)
_XMP_MARK = re.compile(rb"DateTimeOriginal|DateCreated|CreateDate")
_XMP_WHEN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_LONGEST = 100  # characters of a camera's name; more is no name


def orientation(exif: Exif) -> int:
    """Return EXIF's orientation, 1 (upright) to 8, and 1 for anything else."""
    value = exif.get(_ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def taken_in_exif(opened: ImageFile | None, exif: Exif) -> str | None:  # noqa: ARG001  # as the others
    """Return when the picture was taken, else digitised, as ISO 8601; the offset if there is one.

    Raises what parsers raise, as the others here do.
    """
    details = exif.get_ifd(_EXIF_IFD)
    taken = _when(_WHEN.match(_text(details.get(_ORIGINAL))), details.get(_OFFSET_ORIGINAL))
    return taken or _when(
        _WHEN.match(_text(details.get(_DIGITIZED))), details.get(_OFFSET_DIGITIZED)
    )


def taken_in_xmp(opened: ImageFile | None, exif: Exif) -> str | None:
    """Return the same as XMP has it; of a day without a time, its beginning."""
    found: dict[str, str] = {}
    for name, value in xmp.properties(opened, exif, _XMP_MARK):
        told = value if isinstance(value, str) else value.text or ""
        match = _XMP_WHEN.fullmatch(told.strip()) if name in _XMP else None
        if match and (when := _when(match, match[7])):
            found.setdefault(name, when)
    return next((found[name] for name in _XMP if name in found), None)


def changed_in_exif(opened: ImageFile | None, exif: Exif) -> str | None:  # noqa: ARG001  # as the others
    """Return when the picture was changed, which some write and nothing else."""
    offset = exif.get_ifd(_EXIF_IFD).get(_OFFSET)
    return _when(_WHEN.match(_text(exif.get(_DATE_TIME))), offset)


DATES = (taken_in_exif, taken_in_xmp, changed_in_exif)
"""Where a date is looked for, in this order."""


def _when(found: re.Match[str] | None, offset: object) -> str | None:
    if not found:
        return None
    try:
        parts = [int(part or 0) for part in found.groups()[:6]]
        when = datetime(*parts).isoformat()  # type: ignore[arg-type]  # the patterns have six such groups
    except ValueError:
        return None
    zone = _text(offset).replace("Z", "+00:00")
    return when + zone if _ZONE.fullmatch(zone) else when


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
