"""Bytes of a format that Pillow knows -> an upright RGB picture at a sufficient scale."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING

from vsearch.errors import ImageError, SkipReason
from vsearch.images import color, facts, labels
from vsearch.images.extent import Extent
from vsearch.records import ImageFacts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Exif, Image
    from PIL.ImageFile import ImageFile

DECODER_ERRORS = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError,
    ArithmeticError, AssertionError, MemoryError, RuntimeError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow and its plugins raise on files that are damaged or made to do harm.

They document OSError and SyntaxError only. In 20,000 damaged files (tests/faults/fuzz.py) came
ValueError, EOFError, TypeError, RuntimeError and AssertionError too; the rest is what parsers
written in Python can come to by indexing, unpacking and computing with the bytes of a file, or by
asking for too much memory.
"""

_MARGIN = 2  # times the size asked for; see `_check_jpeg_size`
_NAMES = {"MPO": "JPEG", "DIB": "BMP"}

# What no sound picture comes near to, and what costs Pillow or libjpeg minutes for a small file.
_SCANS = 500  # of a JPEG; libjpeg makes 10 at the most
_EXIF_SEGMENTS = 100  # of a JPEG, 64 KiB each; Pillow joins them one by one
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})  # frames of any number of scans
_HEADER = 1 << 16  # bytes of a PPM up to its height; Pillow reads them one by one

_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]")  # what follows the data of a scan
_PPM_HEADER = re.compile(rb"P[^\s#]{1,9}(?:(?:\s++|#[^\r\n]*+)++\d++){0,2}+(?:\s++|#[^\r\n]*+)*+")

# Width and height in the headers of PNG and JPEG 2000, wherever they are.
_SIZES_INSIDE = re.compile(
    rb"(?:IHDR|ihdr)(.{4})(.{4})|\xff\x4f\xff\x51.{4}(.{4})(.{4})", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright RGB picture, possibly smaller than the file's, and the facts of the file.

    `extent` says where in `image` the picture is.
    """

    image: Image
    facts: ImageFacts
    extent: Extent


def decode_raster(
    data: bytes, name: str, *, shorter: int, pixel_limit: int, orientation: int | None = None
) -> Decoded:
    """Decode the first frame of a picture of Pillow's format `name`; see `decode` for the rest.

    `orientation` overrides the file's own, for a preview that knows less than the file around it.
    Raises `ImageError` TOO_LARGE before any pixel is decoded, and `DECODER_ERRORS`.
    """
    if name in {"PNG", "ICO", "CUR", "ICNS"}:  # an icon's pictures have sizes of their own
        for sizes in _SIZES_INSIDE.findall(data, 0, 32 if name == "PNG" else len(data)):
            width, height = (int.from_bytes(size) for size in sizes if size)
            check_size(width, height, pixel_limit)
    _check_endless(data, name)
    opened = open_raster(data, name)
    full = opened.size
    if name == "JPEG":
        _check_jpeg_size(opened, data, shorter, pixel_limit)
    else:
        check_size(*opened.size, pixel_limit)
    scale = round(full[0] / opened.width)
    opened.load()
    if scale == 1:
        full = opened.size  # an icon's or a sideways TIFF's is only now the right one

    exif = _exif(opened)
    turn, camera = _exif_facts(exif)
    if orientation is not None:
        turn = orientation
    extent = Extent.whole(*full).reduced(scale).turned(turn, *opened.size)
    upright = color.turned(color.to_rgb(opened), turn)
    image = color.to_srgb(upright, opened.info.get("icc_profile"), _MARGIN * shorter)
    extent = extent.reduced(round(upright.width / image.width))
    kind = opened.format or name
    kind = _NAMES.get(kind, kind)
    found = ImageFacts(
        extent.width, extent.height, kind, taken_at(opened, exif), camera, labels_of(opened, exif)
    )
    return Decoded(image, found, extent)


def open_raster(data: bytes, name: str) -> ImageFile:
    """Read the header of a picture of Pillow's format `name`; no pixel is decoded."""
    from PIL import Image

    if name == "TIFF":
        _quieten_libtiff()
    factory, _ = Image.OPEN[name]
    return factory(io.BytesIO(data), "")


def check_size(width: int, height: int, pixel_limit: int) -> None:
    """Raise `ImageError` TOO_LARGE for more pixels than the limit."""
    if width * height > pixel_limit:
        raise ImageError(
            SkipReason.TOO_LARGE,
            f"{width}x{height} is {_megapixels(width * height)} megapixels, "
            f"the limit is {_megapixels(pixel_limit)}; raise it with --max-megapixels",
        )


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:.0f}" if pixels >= 10e6 else f"{pixels / 1e6:.2g}"


def _check_jpeg_size(opened: ImageFile, data: bytes, shorter: int, pixel_limit: int) -> None:
    """Set the scale a JPEG is decoded at, and hold the limit against what that needs in memory.

    libjpeg can leave out high frequencies while decoding: 1/2, 1/4 or 1/8 of the size for a
    fraction of the time. `_MARGIN` times the size asked for is kept: at exactly that size the
    embeddings came out at cosine 0.987 to those of the reference preprocessing, with the margin
    they are the same. A JPEG in several scans (progressive) is held in full whatever its scale.
    """
    width, height = opened.size
    opened.draft(None, (_MARGIN * shorter, _MARGIN * shorter))
    if width * height > pixel_limit:
        # Time still grows with the full size; 16 at 1/4 is what the limit allows in memory.
        whole = "progressive" in opened.info or not _is_one_scan(data)
        check_size(width, height, pixel_limit if whole else 16 * pixel_limit)
        check_size(*opened.size, pixel_limit)


def _is_one_scan(data: bytes) -> bool:
    """Whether the first scan of a JPEG holds all components, so that it is decoded as it is read.

    ITU T.81, B.2: segments up to the start of scan (FFDA), whose fifth byte is the number of its
    components; that of the frame is the tenth of its header (FFC0 to FFC2).
    """
    components = 0
    for marker, at in _segments(data):
        if marker in {0xC0, 0xC1, 0xC2} and at + 10 <= len(data):
            components = data[at + 9]
        if marker == 0xDA:
            return at + 10 <= len(data) and data[at + 4] == components
    return False


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (marker, where it is) of each segment of a JPEG up to the first scan."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a byte that fills up
            at += 1
            continue
        yield marker, at
        if marker == 0xDA:
            return
        at += 2 + int.from_bytes(data[at + 2 : at + 4])


def _check_endless(data: bytes, name: str) -> None:
    """Raise `ImageError` DAMAGED for what would be read for minutes and is no picture."""
    words = ""
    if name == "PPM":
        read = _PPM_HEADER.match(data, 0, _HEADER)
        if read and read.end() == _HEADER:
            words = f"the header has more than {_HEADER:,} bytes"
    elif name == "JPEG":
        words = _endless_jpeg(data)
    if words:
        raise ImageError(SkipReason.DAMAGED, f"{name}: {words}")


def _endless_jpeg(data: bytes) -> str:
    """Say what is endless about a JPEG. The bytes of the usual ones are not looked through."""
    several, segments = not _is_one_scan(data), 0
    for marker, at in _segments(data):
        several = several or marker in _PROGRESSIVE
        segments += marker == 0xE1 and data.startswith(b"Exif\0", at + 4)
    if segments > _EXIF_SEGMENTS:
        return f"{segments:,} segments of EXIF"
    # Counted first: among other data, or after the picture, the same bytes come by chance.
    if several and data.count(b"\xff\xda") > _SCANS and (scans := _scans(data)) > _SCANS:
        return f"{scans:,} scans"
    return ""


def _scans(data: bytes) -> int:
    """Return how many scans the first picture in a JPEG has."""
    scans, at = 0, 2
    while found := _MARKER.search(data, at):
        at, marker = found.end(), data[found.end() - 1]
        if marker == 0xD9:  # the end; a preview has its own inside a segment
            break
        scans += marker == 0xDA
        at += int.from_bytes(data[at : at + 2])
    return scans


def _exif(opened: ImageFile) -> Exif:
    """Return the EXIF of a picture; what cannot be read is as none."""
    from PIL import Image

    try:
        return opened.getexif()
    except DECODER_ERRORS:
        return Image.Exif()


def _exif_facts(exif: Exif) -> tuple[int, str | None]:
    """Return orientation and camera; EXIF that cannot be read says nothing."""
    try:
        return facts.orientation(exif), facts.camera(exif)
    except DECODER_ERRORS:
        return 1, None


def taken_at(opened: ImageFile | None, exif: Exif) -> str | None:
    """Return when a picture was taken; None: all there is of it is EXIF. See `facts`."""
    for source in facts.DATES:
        try:
            if found := source(opened, exif):
                return found
        except DECODER_ERRORS:
            continue
    return None


def labels_of(opened: ImageFile | None, exif: Exif) -> tuple[str, ...]:
    """Return the labels in a picture; None: all there is of it is EXIF. See `labels`."""
    found: list[str] = []
    for source in labels.SOURCES:
        try:
            found += islice(source(opened, exif), labels.MOST)
        except DECODER_ERRORS:
            continue
    return labels.tidy(found)


@cache
def _quieten_libtiff() -> None:
    """Keep libtiff from writing to stderr past Python, once; what went wrong Pillow raises too.

    Pillow silences its warnings but not its errors, and offers no way to. Its own library is asked
    for the symbol, which the loader finds among the libraries that one is linked to. Where libtiff
    is linked in without a name (Windows), it stays as it is.
    """
    import ctypes

    from PIL import _imaging

    try:
        ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler(None)
    except (AttributeError, OSError):
        return


def quieten() -> None:
    """Switch off what Pillow would do on its own account, for the whole process; idempotent."""
    from PIL import Image

    # Its warning comes at a fixed size and after the fact; `check_size` comes first.
    Image.MAX_IMAGE_PIXELS = None
    # Set once and not around each call: warnings.catch_warnings is not safe with threads.
    rule = ("ignore", None, Warning, re.compile(r"PIL\."), 0)
    if rule not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")
