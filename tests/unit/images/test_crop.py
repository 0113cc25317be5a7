"""`Crop`: what a person names, and the same pixels as cutting the file would give."""

from __future__ import annotations

import io

import numpy as np
import pytest
from end_to_end.command import PHOTOS
from PIL import Image

from vsearch.images import load
from vsearch.images.crop import Box, Crop
from vsearch.images.decode import decode
from vsearch.images.isolation.once import Decoding
from vsearch.images.load import prepare
from vsearch.records import Preprocessing

SPEC = Preprocessing(32, "shortest", "bicubic", (0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    ("text", "size", "box"),
    [
        pytest.param("10,20,30,40", (100, 100), (10, 20, 40, 60), id="pixels"),
        pytest.param(" 10 , 20,30 ,40 ", (100, 100), (10, 20, 40, 60), id="spaces"),
        pytest.param("0,0,100,50", (100, 50), (0, 0, 100, 50), id="all of it"),
        pytest.param("99,49,1,1", (100, 50), (99, 49, 100, 50), id="the last pixel"),
        pytest.param("100,0,1,1", (100, 50), None, id="past the right edge"),
        pytest.param("50,0,51,1", (100, 50), None, id="across the right edge"),
        pytest.param("0,50,1,1", (100, 50), None, id="past the lower edge"),
        pytest.param("10%,10%,50%,50%", (100, 50), (10, 5, 60, 30), id="percent"),
        pytest.param("0%,0%,100%,100%", (101, 33), (0, 0, 101, 33), id="all percent"),
        pytest.param("33.3%,0%,33.3%,100%", (10, 10), (3, 0, 7, 10), id="rounded"),
        pytest.param("50%,50%,51%,10%", (100, 50), None, id="across in percent"),
        pytest.param("50%,50%,0.1%,0.1%", (100, 50), (50, 25, 51, 26), id="less than a pixel"),
        pytest.param("99.9%,0%,0.1%,9%", (100, 50), (99, 0, 100, 4), id="the last of it"),
    ],
)
def test_what_is_named(text: str, size: tuple[int, int], box: Box | None) -> None:
    assert Crop.parsed(text).box(*size) == box


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not four numbers"),
        ("1,2,3", "not four numbers"),
        ("1,2,3,4,5", "not four numbers"),
        ("-1,2,3,4", "not four numbers"),
        ("1e3,2,3,4", "not four numbers"),
        ("nan,2,3,4", "not four numbers"),
        ("9999999999,2,3,4", "not four numbers"),
        ("1,2,3,4%", "pixels and percent"),
        ("1,2,0,4", "nothing is in it"),
        ("1%,2%,3%,0%", "nothing is in it"),
        ("1.5,2,3,4", "fractions of pixels"),
    ],
)
def test_what_names_no_part(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        Crop.parsed(text)


def test_it_is_shown_as_it_was_typed() -> None:
    assert str(Crop.parsed("1, 2,3 ,4")) == "1,2,3,4"
    assert str(Crop.parsed("1.5%,2%,3%,4%")) == "1.5%,2%,3%,4%"


def picture(width: int, height: int) -> Image.Image:
    """Return a smooth picture, every part of which differs from every other."""
    coarse = np.random.default_rng(1).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def as_file(image: Image.Image, kind: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, kind, quality=95, exif=exif)
    return file.getvalue()


def prepared(data: bytes, crop: str | None = None) -> np.ndarray:
    parsed = Crop.parsed(crop) if crop else None
    return prepare(data, SPEC, pixel_limit=10**8, path="", crop=parsed).pixels.astype(int)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("crop", ["3,5,60,50", "10%,20%,60%,30%", "0,0,40,30", "70,2,1,48"])
def test_the_same_pixels_as_of_a_file_that_was_cut(kind: str, crop: str) -> None:
    data = as_file(picture(101, 67), kind)
    box = Crop.parsed(crop).box(101, 67)
    cut = as_file(Image.open(io.BytesIO(data)).crop(box), "PNG")
    assert np.array_equal(prepared(data, crop), prepared(cut))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_of_the_upright_picture(orientation: int) -> None:
    """A picture of four colours, its file turned as cameras do; the corner is that one sees."""
    upright = Image.new("RGB", (80, 40))
    for colour, place in {"red": (0, 0), "lime": (40, 0), "blue": (0, 20)}.items():
        upright.paste(colour, (*place, place[0] + 40, place[1] + 20))
    back = {2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4]}  # Image.Transpose
    turned = upright
    for way in back.get(orientation, []):
        turned = turned.transpose(Image.Transpose(way))
    data = as_file(turned, "PNG", orientation)
    for crop, seen in {"50%,0%,50%,50%": [0, 255, 0], "2,22,30,15": [0, 0, 255]}.items():
        assert np.unique(prepared(data, crop).reshape(-1, 3), axis=0).tolist() == [seen]


def test_a_small_part_of_a_large_jpeg_has_the_models_resolution() -> None:
    """Decoded at an eighth, as the whole is, a 40th would be 16 pixels enlarged to 32."""
    large = picture(2560, 1920)
    checks = np.indices((96, 128)).sum(axis=0) % 4 < 2  # two pixels wide: gone at a reduced scale
    large.paste(Image.fromarray(np.where(checks, 255, 0).astype(np.uint8)), (2000, 1000))
    data = as_file(large, "JPEG")
    cut = as_file(Image.open(io.BytesIO(data)).crop((2000, 1000, 2032, 1032)), "PNG")
    assert np.array_equal(prepared(data, "2000,1000,32,32"), prepared(cut))
    assert prepared(data, "2000,1000,32,32").std() > 100


def test_a_large_part_of_a_large_jpeg_is_decoded_no_finer_than_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = as_file(picture(2560, 1920), "JPEG")
    widths: list[int] = []

    def counted(*arguments: object, **options: object) -> object:
        found = decode(*arguments, **options)  # type: ignore[arg-type]  # passed on as they are
        widths.append(found.image.width)
        return found

    monkeypatch.setattr(load, "decode", counted)
    for crop, expected in {
        "0%,0%,100%,100%": [320],
        "10%,0%,90%,100%": [320],
        "10%,10%,50%,50%": [320, 320],
        "10%,10%,10%,10%": [320, 1280],
        "10%,10%,1%,2%": [320, 2560],
    }.items():
        widths.clear()
        found = prepared(data, crop)
        assert widths == expected, crop
        box = Crop.parsed(crop).box(2560, 1920)
        cut = as_file(Image.open(io.BytesIO(data)).crop(box), "PNG")
        assert np.abs(found - prepared(cut)).max() <= 6, crop


def test_beyond_the_picture_it_is_all_of_it_and_the_facts_tell() -> None:
    data = as_file(picture(100, 50), "PNG")
    crop = Crop.parsed("0,0,101,10")
    found = prepare(data, SPEC, pixel_limit=10**6, path="", crop=crop)
    assert (found.facts.width, found.facts.height) == (100, 50)
    assert np.array_equal(found.pixels, prepared(data))


def test_the_same_in_another_process() -> None:
    path = PHOTOS / "IMG_0010.jpg"
    crop = Crop.parsed("20%,30%,40%,50%")
    with Decoding(
        path.read_bytes(), SPEC, pixel_limit=10**7, path=path.name, seconds=30, crop=crop
    ) as decoding:
        there = decoding.prepared()
    assert np.array_equal(there.pixels, prepared(path.read_bytes(), "20%,30%,40%,50%"))
    assert (there.facts.width, there.facts.height) == (451, 300)
