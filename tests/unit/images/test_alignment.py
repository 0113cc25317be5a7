"""Whether a picture is a part of another: photographs cut and tilted, and what is no part."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from end_to_end.command import PHOTOS
from PIL import Image, ImageEnhance
from PIL.Image import Resampling, Transpose

from vsearch.duplicates.near import BITS_OF_CROPS
from vsearch.images.alignment import Plane, bits_between_parts, luminances
from vsearch.images.perceptual import BITS

NAMES = ["IMG_0013.jpg", "IMG_0024.jpg", "IMG_0018.jpg"]  # lying, standing, wide


def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as image:
        return image.convert("RGB")


def plane(image: Image.Image) -> Plane:
    return Plane(luminances(np.asarray(image)), *image.size)


def cut(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Return what is between shares of the sides."""
    width, height = image.size
    return image.crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )


def tilted(image: Image.Image, degrees: float) -> Image.Image:
    """Turn a picture, and cut off the corners that are empty then."""
    longer, shorter = max(image.size), min(image.size)
    share = 1 / (1 + math.tan(math.radians(abs(degrees))) * longer / shorter)
    rest = (1 - share) / 2
    return cut(image.rotate(degrees, Resampling.BICUBIC), rest, rest, 1 - rest, 1 - rest)


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "a tenth off": lambda image: cut(image, 0.05, 0.05, 0.95, 0.95),
    "a corner": lambda image: cut(image, 0, 0, 0.75, 0.75),
    "the other corner": lambda image: cut(image, 0.3, 0.3, 1, 1),
    "another shape": lambda image: cut(image, 0.2, 0, 0.8, 0.9),
    "tilted to the left": lambda image: tilted(image, 5),
    "tilted to the right": lambda image: tilted(image, -7),
    "tilted and cut": lambda image: cut(tilted(image, 3), 0, 0.1, 0.9, 1),
    "a small copy of a crop": lambda image: cut(image, 0.1, 0.2, 0.9, 1).reduce(3),
    "darker, of less contrast": lambda image: ImageEnhance.Contrast(
        ImageEnhance.Brightness(cut(image, 0, 0, 0.9, 0.8)).enhance(0.7)
    ).enhance(0.8),
    "with a frame": lambda image: framed(image),
}


def framed(image: Image.Image) -> Image.Image:
    whole = Image.new("RGB", (round(1.2 * image.width), round(1.2 * image.height)), "white")
    whole.paste(image, (image.width // 10, image.height // 10))
    return whole


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("edit", EDITS)
def test_a_part_is_found_whichever_of_the_two_it_is(name: str, edit: str) -> None:
    image = photo(name)
    part = EDITS[edit](image)
    bits = bits_between_parts(plane(image), plane(part))
    assert bits <= BITS_OF_CROPS
    assert bits_between_parts(plane(part), plane(image)) == bits


NO_PARTS: dict[str, Callable[[Image.Image], tuple[Image.Image, Image.Image]]] = {
    "a little beside": lambda image: (cut(image, 0, 0, 0.94, 1), cut(image, 0.06, 0, 1, 1)),
    "beside": lambda image: (cut(image, 0, 0, 0.8, 1), cut(image, 0.2, 0, 1, 1)),
    "aslant": lambda image: (cut(image, 0, 0, 0.9, 0.9), cut(image, 0.1, 0.1, 1, 1)),
    "less than half": lambda image: (image, cut(image, 0.4, 0.4, 0.7, 0.7)),
    "upside down": lambda image: (image, image.transpose(Transpose.ROTATE_180)),
    "another": lambda image: (image, photo("IMG_0021.jpg")),
    "blank": lambda image: (image, Image.new("RGB", image.size, "grey")),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", NO_PARTS)
def test_what_is_no_part(name: str, change: str) -> None:
    one, other = NO_PARTS[change](photo(name))
    assert bits_between_parts(plane(one), plane(other)) > BITS_OF_CROPS


def test_blank_pictures_are_no_parts_of_each_other() -> None:
    blank = plane(Image.new("RGB", (40, 30), "white"))
    assert bits_between_parts(blank, blank) == BITS


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 2)])
def test_any_shape_is_looked_at(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    for pixels in (
        random.integers(0, 256, (64, 64), dtype=np.uint8),
        np.tile(random.integers(0, 256, 64, dtype=np.uint8), (64, 1)),
        np.zeros((64, 64), dtype=np.uint8),
    ):
        odd = Plane(pixels, *size)
        for other in (odd, plane(photo(NAMES[0])), Plane(pixels.T.copy(), 5, 4)):
            assert 0 <= bits_between_parts(odd, other) <= BITS
            assert 0 <= bits_between_parts(other, odd) <= BITS


def test_no_two_photographs_are_parts_of_each_other() -> None:
    planes = [plane(photo(f"IMG_{number:04d}.jpg")) for number in (2, 7, 13, 18, 21, 24, 25, 28)]
    for place, one in enumerate(planes):
        for other in planes[place + 1 :]:
            assert bits_between_parts(one, other) > 3 * BITS_OF_CROPS
