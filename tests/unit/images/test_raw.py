"""Raw files: a DNG built from its tags, since no camera's file may be handed on with the tests."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vsearch.errors import ImageError, SkipReason
from vsearch.images.decode import Decoded, decode

_TYPES = {"B": 1, "s": 2, "H": 3, "I": 4, "R": 5, "r": 10}


Tags = dict[int, tuple[str, Any]]


def _ifd(tags: Tags, at: int) -> bytes:
    """Lay out one TIFF directory at offset `at`: {tag: (type, values)}; "R", "r" are rationals."""
    head, tail = struct.pack("<H", len(tags)), b""
    start = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        if kind == "s":
            data = values + b"\0"
            count = len(data)
        elif kind in "Rr":
            numbers = [part for value in values for part in (round(value * 10000), 10000)]
            data = struct.pack(f"<{len(numbers)}{'I' if kind == 'R' else 'i'}", *numbers)
            count = len(values)
        else:
            data = struct.pack(f"<{len(values)}{kind}", *values)
            count = len(values)
        head += struct.pack("<HHI", tag, _TYPES[kind], count)
        if len(data) <= 4:
            head += data.ljust(4, b"\0")
        else:
            head += struct.pack("<I", start + len(tail))
            tail += data + b"\0" * (len(data) % 2)
    return head + struct.pack("<I", 0) + tail


def make_dng(
    width: int = 64, height: int = 48, orientation: int = 1, preview: Image.Image | None = None
) -> bytes:
    """Return a DNG 1.4 whose left half is red and right half blue, with a JPEG preview if given."""
    sensor = np.full((height, width), 600, "<u2")
    sensor[0::2, 0 : width // 2 : 2] = 12000  # red pixels of RGGB
    sensor[1::2, width // 2 + 1 :: 2] = 12000  # blue ones
    pixels = sensor.tobytes()
    jpeg = b""
    if preview is not None:
        buffer = io.BytesIO()
        preview.save(buffer, "JPEG", quality=95)
        jpeg = buffer.getvalue()
        jpeg += b"\0" * (len(jpeg) % 2)
    pixels_at = 8
    jpeg_at = pixels_at + len(pixels)
    first_at = jpeg_at + len(jpeg)
    raw: Tags = {
        254: ("I", [0]), 256: ("I", [width]), 257: ("I", [height]), 258: ("H", [16]),
        259: ("H", [1]), 262: ("H", [32803]), 273: ("I", [pixels_at]), 277: ("H", [1]),
        278: ("I", [height]), 279: ("I", [len(pixels)]), 284: ("H", [1]),
        33421: ("H", [2, 2]), 33422: ("B", [0, 1, 1, 2]), 50714: ("H", [512]),
        50717: ("I", [16383]),
    }  # fmt: skip
    camera: Tags = {
        271: ("s", b"Example"), 272: ("s", b"Example Raw 1"), 274: ("H", [orientation]),
        306: ("s", b"2024:02:29 08:09:10"), 50706: ("B", [1, 4, 0, 0]),
        50708: ("s", b"Example Raw 1"), 50721: ("r", [1, 0, 0, 0, 1, 0, 0, 0, 1]),
        50728: ("R", [1, 1, 1]), 50778: ("H", [21]),
    }  # fmt: skip
    if preview is None:
        directories = _ifd({**raw, **camera}, first_at)
    else:
        picture: Tags = {
            254: ("I", [1]), 256: ("I", [preview.width]), 257: ("I", [preview.height]),
            258: ("H", [8, 8, 8]), 259: ("H", [7]), 262: ("H", [6]), 273: ("I", [jpeg_at]),
            277: ("H", [3]), 278: ("I", [preview.height]), 279: ("I", [len(jpeg)]),
        }  # fmt: skip
        length = len(_ifd({**picture, **camera, 330: ("I", [0])}, first_at))
        second_at = first_at + length
        directories = _ifd({**picture, **camera, 330: ("I", [second_at])}, first_at)
        directories += _ifd(raw, second_at)
    return struct.pack("<2sHI", b"II", 42, first_at) + pixels + jpeg + directories


def dec(data: bytes, *, shorter: int = 16, suffix: str = ".dng") -> Decoded:
    return decode(data, shorter=shorter, pixel_limit=10**6, suffix=suffix)


def colour(image: Image.Image, x: float, y: float) -> str:
    """Name the colour at a place given in parts of the width and height."""
    value = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(value, tuple)
    strongest = max(value)
    return "".join(c for c, v in zip("rgb", value, strict=True) if v > strongest / 2)


@pytest.mark.parametrize("suffix", [".dng", ".DNG", ".tif", ""])
def test_a_raw_file_is_developed_whatever_its_suffix(suffix: str) -> None:
    decoded = dec(make_dng(), suffix=suffix)
    assert decoded.facts.format == "RAW"
    assert (decoded.facts.width, decoded.facts.height) == (64, 48)
    assert decoded.facts.taken_at == "2024-02-29T08:09:10"
    assert decoded.facts.camera == "Example Raw 1"
    assert (colour(decoded.image, 0.25, 0.5), colour(decoded.image, 0.75, 0.5)) == ("r", "b")


@pytest.mark.parametrize(("shorter", "size"), [(24, (32, 24)), (25, (64, 48))])
def test_half_size_is_taken_when_it_is_enough(shorter: int, size: tuple[int, int]) -> None:
    assert dec(make_dng(), shorter=shorter).image.size == size


@pytest.mark.parametrize(
    ("orientation", "size", "red", "blue"),
    [
        (1, (64, 48), (0.2, 0.5), (0.8, 0.5)),
        (3, (64, 48), (0.8, 0.5), (0.2, 0.5)),
        (6, (48, 64), (0.5, 0.2), (0.5, 0.8)),
        (8, (48, 64), (0.5, 0.8), (0.5, 0.2)),
    ],
)
@pytest.mark.parametrize("with_preview", [False, True], ids=["developed", "preview"])
def test_it_is_upright_by_its_own_orientation(
    orientation: int,
    size: tuple[int, int],
    red: tuple[float, float],
    blue: tuple[float, float],
    with_preview: bool,
) -> None:
    preview = Image.new("RGB", (64, 48), "red")
    preview.paste("blue", (32, 0, 64, 48))
    decoded = dec(make_dng(orientation=orientation, preview=preview if with_preview else None))
    assert (decoded.facts.width, decoded.facts.height) == size
    assert (decoded.image.width > decoded.image.height) == (size[0] > size[1])
    assert (colour(decoded.image, *red), colour(decoded.image, *blue)) == ("r", "b")


def test_a_preview_is_used_when_it_is_large_enough_only() -> None:
    green = Image.new("RGB", (64, 48), (0, 255, 0))
    file = make_dng(640, 480, preview=green)
    assert colour(dec(file, shorter=48).image, 0.2, 0.5) == "g"
    decoded = dec(file, shorter=49)
    assert colour(decoded.image, 0.2, 0.5) == "r"
    assert (decoded.facts.width, decoded.facts.height) == (640, 480)


def test_a_preview_that_was_turned_already_stays_as_it_is() -> None:
    upright = Image.new("RGB", (48, 64), "red")
    upright.paste("blue", (0, 32, 48, 64))
    decoded = dec(make_dng(orientation=6, preview=upright))
    assert decoded.image.size == (48, 64)
    assert (colour(decoded.image, 0.5, 0.2), colour(decoded.image, 0.5, 0.8)) == ("r", "b")


def test_a_raw_file_cut_short_is_damaged() -> None:
    strips = struct.pack("<HHI", 273, 4, 1)  # StripOffsets: one, at byte 8
    file = make_dng().replace(strips + struct.pack("<I", 8), strips + struct.pack("<I", 60_000))
    with pytest.raises(ImageError) as caught:
        dec(file)
    assert caught.value.reason is SkipReason.DAMAGED


def test_a_raw_file_of_too_many_pixels_is_refused() -> None:
    with pytest.raises(ImageError) as caught:
        decode(make_dng(), shorter=16, pixel_limit=3000, suffix=".dng")
    assert caught.value.reason is SkipReason.TOO_LARGE
