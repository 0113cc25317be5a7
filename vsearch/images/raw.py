"""Raw files of cameras -> an upright RGB picture, by the preview inside or by LibRaw."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from vsearch.errors import ImageError, SkipReason
from vsearch.images import facts, labels
from vsearch.images.extent import Extent
from vsearch.images.raster import (
    DECODER_ERRORS,
    Decoded,
    check_size,
    decode_raster,
    labels_of,
    taken_at,
)
from vsearch.records import ImageFacts

if TYPE_CHECKING:
    from PIL.Image import Image
    from rawpy import RawPy

# LibRaw's `flip` (that of dcraw: 3 is half a turn, 5 and 6 a quarter) as EXIF orientation.
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}


def decode_raw(data: bytes, *, shorter: int, pixel_limit: int) -> Decoded | None:
    """Decode a raw file; None when LibRaw does not take it for one.

    Cameras put a finished JPEG into the file. It is used when its shorter side has `shorter`
    pixels: it is what the photographer saw and costs a hundredth. Otherwise the sensor's data are
    developed, at half size (one pixel for each 2 x 2 of the sensor) when that is enough.
    Raises `ImageError` and `DECODER_ERRORS`.
    """
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            sizes = raw.sizes
            check_size(sizes.raw_width, sizes.raw_height, pixel_limit)
            size = (sizes.height, sizes.width) if sizes.flip & 4 else (sizes.width, sizes.height)
            preview = _preview(raw, shorter, pixel_limit)
            if preview and min(preview.image.size) >= min(shorter, *size):
                image, extent = preview.image, preview.extent
            else:
                image = _develop(raw, shorter)
                extent = Extent.whole(*image.size)
    except rawpy.LibRawFileUnsupportedError:
        return None
    except rawpy.LibRawTooBigError as error:
        raise ImageError(SkipReason.TOO_LARGE, "more than LibRaw takes") from error
    except rawpy.LibRawNonFatalError as error:
        raise ImageError(SkipReason.UNSUPPORTED, f"RAW: {_words(error)}") from error
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise ImageError(SkipReason.DAMAGED, f"RAW: {_words(error)}") from error
    taken, camera, found = _exif_facts(data)
    if preview:
        taken = taken or preview.facts.taken_at
        camera = camera or preview.facts.camera
        found = labels.tidy((*found, *preview.facts.labels))
    return Decoded(image, ImageFacts(*size, "RAW", taken, camera, found), extent)


def _preview(raw: RawPy, shorter: int, pixel_limit: int) -> Decoded | None:
    """Return the finished picture inside, upright, or None when there is none that can be read."""
    import rawpy
    from PIL import Image

    from vsearch.images import color

    flip = raw.sizes.flip
    try:
        thumb = raw.extract_thumb()
        if isinstance(thumb.data, bytes):  # a JPEG, of the kinds of preview that rawpy hands out
            found = decode_raster(
                thumb.data, "JPEG", shorter=shorter, pixel_limit=pixel_limit, orientation=1
            )
        else:
            image = Image.fromarray(thumb.data)
            found = Decoded(image, ImageFacts(*image.size, "RAW"), Extent.whole(*image.size))
    except (rawpy.LibRawError, ImageError, *DECODER_ERRORS):
        return None  # the sensor's data are still there
    turn = _ORIENTATIONS.get(flip, 1)
    lies = found.image.width > found.image.height
    if turn in {6, 8} and lies != (raw.sizes.width > raw.sizes.height):
        turn = 1  # some cameras turn the preview themselves
    extent = found.extent.turned(turn, *found.image.size)
    return Decoded(color.turned(found.image, turn), found.facts, extent)


def _develop(raw: RawPy, shorter: int) -> Image:
    """Develop the sensor's data as LibRaw does by default, with the camera's white balance."""
    from PIL import Image

    half = min(raw.sizes.width, raw.sizes.height) // 2 >= shorter
    return Image.fromarray(raw.postprocess(half_size=half, use_camera_wb=True, output_bps=8))


def _exif_facts(data: bytes) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Return taken_at, camera and labels.

    Most raw formats are a TIFF, with EXIF in its usual place, and XMP beside it.
    """
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(data)
        return taken_at(None, exif), facts.camera(exif), labels_of(None, exif)
    except DECODER_ERRORS:
        return None, None, ()


def _words(error: Exception) -> str:
    """Return LibRaw's own words, which come as bytes."""
    words = error.args[0] if error.args else type(error).__name__
    return words.decode("ascii", "replace") if isinstance(words, bytes) else str(words)
