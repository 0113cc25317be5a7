"""Every pixel mode, as it comes out of a file, to the RGB a person sees."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from vsearch.images import color
from vsearch.images.decode import decode


def through(image: Image.Image, name: str, **options: Any) -> Image.Image:
    """Save a picture and decode it again."""
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return decode(buffer.getvalue(), shorter=999, pixel_limit=10**6).image


def at(image: Image.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


RED, HALF_RED = (255, 0, 0), (255, 127, 127)


def flat(mode: str, value: Any) -> Image.Image:
    return Image.new(mode, (4, 4), value)


@pytest.mark.parametrize(
    ("image", "name", "options", "expected"),
    [
        (flat("1", 1), "PNG", {}, (255, 255, 255)),
        (flat("L", 77), "PNG", {}, (77, 77, 77)),
        (flat("RGB", RED), "PNG", {}, RED),
        (flat("LA", (0, 128)), "PNG", {}, (127, 127, 127)),
        (flat("RGBA", (255, 0, 0, 128)), "PNG", {}, HALF_RED),
        (flat("RGBA", (0, 0, 0, 0)), "WEBP", {"lossless": True}, (255, 255, 255)),
        (flat("RGBA", (255, 0, 0, 128)), "TIFF", {}, HALF_RED),
        (flat("RGB", RED).quantize(2), "PNG", {}, RED),
        (flat("RGB", RED).quantize(2), "PNG", {"transparency": 0}, (255, 255, 255)),
        (flat("RGB", RED).quantize(2), "PNG", {"transparency": b"\x80"}, HALF_RED),
        (flat("RGB", RED), "PNG", {"transparency": RED}, (255, 255, 255)),
        (flat("RGB", RED), "PNG", {"transparency": (0, 1, 2)}, RED),
        (flat("L", 10), "PNG", {"transparency": 10}, (255, 255, 255)),
        (flat("1", 0), "PNG", {"transparency": 0}, (255, 255, 255)),
        (flat("CMYK", (0, 255, 255, 0)), "TIFF", {}, RED),
        (flat("YCbCr", (76, 85, 255)), "TIFF", {}, (254, 0, 0)),
        (Image.fromarray(np.full((4, 4), 0x8000, "<u2")), "PNG", {}, (128, 128, 128)),
        (Image.fromarray(np.full((4, 4), 0x4000, "<u2")), "TIFF", {}, (64, 64, 64)),
        (Image.fromarray(np.full((4, 4), 0x4000, ">u2")), "TIFF", {}, (64, 64, 64)),
        (Image.fromarray(np.full((4, 4), 32768, "<i4")), "TIFF", {}, (128, 128, 128)),
        (Image.fromarray(np.full((4, 4), 0.5, "<f4")), "TIFF", {}, (128, 128, 128)),
    ],
    ids=["1 bit", "grey", "RGB", "grey half clear", "half clear", "all clear", "TIFF half clear",
         "palette", "palette clear", "palette half clear", "RGB colour key", "RGB other colour key",
         "grey colour key", "1 bit colour key", "CMYK", "YCbCr", "16-bit PNG", "16-bit TIFF",
         "16-bit TIFF big-endian", "32-bit integers", "floats"],
)  # fmt: skip
def test_every_mode(
    image: Image.Image, name: str, options: dict[str, Any], expected: tuple[int, ...]
) -> None:
    assert at(through(image, name, **options)) == expected


@pytest.mark.parametrize("cmyk", [(0, 255, 255, 0), (255, 0, 255, 0), (0, 0, 0, 200)])
def test_a_cmyk_jpeg_has_its_colours_and_not_their_inverse(cmyk: tuple[int, ...]) -> None:
    expected = at(flat("CMYK", cmyk).convert("RGB"))
    found = at(through(flat("CMYK", cmyk), "JPEG", quality=100))
    assert np.abs(np.subtract(found, expected)).max() <= 4


@pytest.mark.parametrize(
    ("lab", "expected"),
    [
        ((255, 128, 128), (255, 255, 255)),
        ((0, 128, 128), (0, 0, 0)),
        ((138, 209, 198), (255, 0, 0)),
    ],
    ids=["white", "black", "red"],
)
def test_lab(lab: tuple[int, ...], expected: tuple[int, ...]) -> None:
    found = at(through(flat("LAB", lab), "TIFF"))
    assert np.abs(np.subtract(found, expected)).max() <= 5


@pytest.mark.parametrize("mode", ["La", "RGBa", "PA", "RGBX", "HSV", "I;16", "I;16B", "I;16L"])
def test_modes_that_files_seldom_have_come_out_as_rgb_too(mode: str) -> None:
    assert color.to_rgb(Image.new(mode, (2, 2))).mode == "RGB"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.5, 1.0]], [0, 128, 255]),
        ([[0.25, 0.5, 0.75]], [64, 128, 191]),
        ([[-1.0, 0.0, 1.0]], [0, 128, 255]),
        ([[0.0, 100.0, 400.0]], [0, 64, 255]),
        ([[7.0, 7.0, 7.0]], [0, 0, 0]),
        ([[0.0, float("nan"), 1.0]], [0, 0, 255]),
        ([[float("-inf"), 0.0, float("inf")]], [0, 128, 255]),
    ],
    ids=["0 to 1", "within 0 to 1", "negative", "beyond 1", "constant", "not a number", "infinite"],
)
def test_floats_from_0_to_1_are_themselves_and_others_are_stretched(
    values: list[list[float]], expected: list[int]
) -> None:
    image = color.to_rgb(Image.fromarray(np.array(values, np.float32)))
    assert np.asarray(image)[0, :, 0].tolist() == pytest.approx(expected, abs=1)


def test_integers_of_32_bits_are_stretched_when_they_do_not_fit_16() -> None:
    image = color.to_rgb(Image.fromarray(np.array([[0, 500_000, 1_000_000]], np.int32)))
    assert np.asarray(image)[0, :, 0].tolist() == pytest.approx([0, 128, 255], abs=1)


def display_p3() -> bytes:
    """Build an ICC profile of Display P3 (colorants adapted to D50), with a gamma of 2.2."""
    numbers = {b"r": (0.5151, 0.2412, -0.0011), b"g": (0.2920, 0.6922, 0.0419),
               b"b": (0.1571, 0.0666, 0.7841), b"w": (0.9642, 1.0, 0.8249)}  # fmt: skip
    tags = [(c + b"XYZ", _xyz(numbers[c])) for c in (b"r", b"g", b"b")]
    tags.append((b"wtpt", _xyz(numbers[b"w"])))
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(2.2 * 256), 0)
    tags += [(c + b"TRC", curve) for c in (b"r", b"g", b"b")]
    text = b"desc" + bytes(4) + struct.pack(">I", 3) + b"P3\0" + bytes(78)
    tags += [(b"desc", text + bytes(-len(text) % 4)), (b"cprt", b"text" + bytes(8))]
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags:
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    head = struct.pack(
        ">I4sI4s4s4s", offset + len(body), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head = head.ljust(36, b"\0") + b"acsp" + bytes(28) + struct.pack(">iii", *_fixed(numbers[b"w"]))
    return head.ljust(128, b"\0") + table + body


def _fixed(values: tuple[float, ...]) -> list[int]:
    return [round(value * 65536) for value in values]


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">iii", *_fixed(values))


def test_a_wide_gamut_picture_is_brought_to_srgb() -> None:
    # Display P3 (200, 80, 80) is sRGB (215, 70, 74) or so; red is more saturated there.
    red, green, blue = at(through(flat("RGB", (200, 80, 80)), "PNG", icc_profile=display_p3()))
    assert red > 208
    assert green < 77
    assert blue < 79


def test_it_is_made_smaller_before_the_conversion_as_far_as_allowed() -> None:
    image = Image.new("RGB", (640, 480), (200, 80, 80))
    assert color.to_srgb(image, display_p3(), 100).size == (160, 120)
    assert color.to_srgb(image, display_p3(), 999).size == (640, 480)
    assert color.to_srgb(image, None, 100) is image


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        b"no profile",
        bytes(200),
    ],
    ids=["sRGB", "of another space", "broken", "zeros"],
)
def test_other_profiles_change_nothing(profile: bytes) -> None:
    assert at(through(flat("RGB", (200, 40, 40)), "PNG", icc_profile=profile)) == (200, 40, 40)
