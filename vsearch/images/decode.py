"""Bytes of any picture file -> an upright RGB picture at a sufficient scale, and its facts."""

from __future__ import annotations

import re
from typing import Literal

from vsearch.errors import ImageError, SkipReason
from vsearch.images import formats
from vsearch.images.raster import DECODER_ERRORS, Decoded, decode_raster, quieten
from vsearch.images.raw import decode_raw

__all__ = ["Decoded", "decode"]

_DNG_VERSION = 50706  # the TIFF tag that makes a DNG (Digital Negative 1.7, chapter 4)
_CANNOT = re.compile(
    r"unsupported|unimplemented|unknown|cannot handle|not (?:available|supported|implemented)", re.I
)
_LONGEST = 200  # characters of a detail


def decode(data: bytes, *, shorter: int, pixel_limit: int, suffix: str = "") -> Decoded:
    """Decode a picture file, the first frame of an animation, as a person would see it.

    The kind is told by the content; `suffix` (".nef") only tells a raw file from the TIFF it
    looks like, and lets formats without a signature be tried (Targa). The result is RGB, upright,
    on white where it was transparent, in sRGB; it may be smaller than the file's picture, but its
    shorter side has at least `shorter` pixels where that of the full picture has.

    More than `pixel_limit` pixels in memory are refused before any is decoded. Safe to call from
    several threads at once.

    Raises `ImageError`: EMPTY; NOT_AN_IMAGE when the content is none; TOO_LARGE; UNSUPPORTED for a
    picture of a kind or with a feature that no decoder here has; DAMAGED for all other faults.
    """
    if not data:
        raise ImageError(SkipReason.EMPTY)
    quieten()
    name = None
    try:
        if formats.is_raw(data, suffix) or _is_dng(data):
            decoded = decode_raw(data, shorter=shorter, pixel_limit=pixel_limit)
            if decoded:
                return decoded
            if not formats.is_tiff(data):
                raise ImageError(SkipReason.UNSUPPORTED, "a raw file unknown to LibRaw")
        name = formats.pillow_format(data, suffix)
        if name is None:
            if other := formats.known_by_others(data):
                raise ImageError(SkipReason.UNSUPPORTED, other)
            raise ImageError(SkipReason.NOT_AN_IMAGE)
        return decode_raster(data, name, shorter=shorter, pixel_limit=pixel_limit)
    except MemoryError as error:
        raise ImageError(SkipReason.TOO_LARGE, "memory ran out while decoding") from error
    except DECODER_ERRORS as error:
        detail = one_line(f"{name or 'RAW'}: {str(error) or type(error).__name__}")
        if name and formats.is_brief(name, suffix):
            raise ImageError(SkipReason.NOT_AN_IMAGE) from error
        if isinstance(error, NotImplementedError) or _CANNOT.search(detail):
            raise ImageError(SkipReason.UNSUPPORTED, detail) from error
        raise ImageError(SkipReason.DAMAGED, detail) from error


def _is_dng(data: bytes) -> bool:
    """Whether a TIFF has the tag DNGVersion in its first directory, whatever its suffix."""
    if not formats.is_tiff(data):
        return False
    order: Literal["little", "big"] = "little" if data.startswith(b"II") else "big"
    at = int.from_bytes(data[4:8], order)
    entries = int.from_bytes(data[at : at + 2], order)  # of 12 bytes each, the tag first
    places = range(at + 2, at + 2 + 12 * entries, 12)
    return any(int.from_bytes(data[place : place + 2], order) == _DNG_VERSION for place in places)


def one_line(text: str) -> str:
    """Return a decoder's words as one short line; what of the file got into them is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)[:_LONGEST]
