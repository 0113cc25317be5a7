"""The perceptual hash: against the plain formula, the eight forms, edits, and what has none."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from end_to_end.command import PHOTOS
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from vsearch.images.extent import Extent
from vsearch.images.perceptual import (
    BITS,
    HASH_BYTES,
    NO_STRUCTURE,
    SIDE,
    distances,
    forms,
    hash_of_luminance,
    luminance,
    perceptual_hash,
)

Pixels = NDArray[np.uint8]

PHOTO = np.asarray(Image.open(PHOTOS / "IMG_0013.jpg").convert("RGB"))
OTHER = np.asarray(Image.open(PHOTOS / "IMG_0010.jpg").convert("RGB"))


def as_array(value: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(value, dtype=np.uint8)


def distance(first: bytes, second: bytes) -> int:
    return int(distances(as_array(first)[None], as_array(second)[None])[0])


def plain(square: NDArray[np.uint8]) -> bytes:
    """The sum of the definition (DCT-II), term by term."""
    places = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    bits = [
        (np.cos(u * places)[:, None] * np.cos(v * places)[None, :] * square).sum() > 0
        for u in range(1, 17)
        for v in range(1, 17)
    ]
    return np.packbits(bits).tobytes()


def test_it_is_the_signs_of_the_low_frequencies() -> None:
    random = np.random.default_rng(1)
    for _ in range(5):
        square = random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
        assert hash_of_luminance(square) == plain(square)


def test_any_size_becomes_the_same_square() -> None:
    square = np.asarray(luminance(Image.fromarray(PHOTO)))
    assert square.shape == (SIDE, SIDE)
    assert perceptual_hash(PHOTO) == hash_of_luminance(square)
    for height, width in ((1, 1), (1, 900), (3, 2), (64, 64), (65, 63)):
        assert len(perceptual_hash(np.zeros((height, width, 3), np.uint8))) == HASH_BYTES


def test_only_the_extent_is_looked_at() -> None:
    framed = np.zeros((PHOTO.shape[0] + 7, PHOTO.shape[1] + 5, 3), np.uint8)
    framed[3:-4, 2:-3] = PHOTO
    height, width = PHOTO.shape[:2]
    extent = Extent(width, height, 2.0, 3.0, 2.0 + width, 3.0 + height)
    inside = np.asarray(luminance(Image.fromarray(framed), extent))
    assert np.array_equal(inside, np.asarray(luminance(Image.fromarray(PHOTO))))


FORMS: list[Callable[[Pixels], Pixels]] = [
    lambda p: p,
    lambda p: p[:, ::-1],
    lambda p: p[::-1],
    lambda p: p[::-1, ::-1],
    lambda p: p.transpose(1, 0, 2),
    lambda p: p.transpose(1, 0, 2)[:, ::-1],
    lambda p: p.transpose(1, 0, 2)[::-1],
    lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
]


def test_the_hashes_of_the_eight_forms_come_from_one() -> None:
    square = PHOTO[:256, :256]  # divides by 64, so nothing is rounded in another place
    computed = forms(as_array(perceptual_hash(square))[None])[0]
    for number, form in enumerate(FORMS):
        turned = np.ascontiguousarray(form(square))
        differing = np.unpackbits(computed[number] ^ as_array(perceptual_hash(turned))).sum()
        assert differing <= 1, number  # a coefficient at zero may round to either side
        assert distance(perceptual_hash(square), perceptual_hash(turned)) <= 1


def edited(edit: Callable[[Image.Image], Image.Image]) -> bytes:
    return perceptual_hash(np.asarray(edit(Image.fromarray(PHOTO)).convert("RGB")))


def compressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=30)
    return Image.open(file)


@pytest.mark.parametrize(
    ("edit", "most"),
    [
        pytest.param(lambda image: image.resize((200, 150)), 6, id="smaller"),
        pytest.param(compressed, 10, id="recompressed"),
        pytest.param(lambda image: ImageEnhance.Brightness(image).enhance(1.2), 20, id="brighter"),
        pytest.param(lambda image: image.convert("L"), 2, id="grey"),
        pytest.param(lambda image: image.rotate(90, expand=True), 2, id="a quarter turn"),
    ],
)
def test_edits_change_few_bits(edit: Callable[[Image.Image], Image.Image], most: int) -> None:
    assert distance(edited(edit), perceptual_hash(PHOTO)) <= most


def test_another_picture_is_far_in_every_form() -> None:
    assert distance(perceptual_hash(PHOTO), perceptual_hash(OTHER)) > 80


def test_distances_are_the_plain_ones() -> None:
    random = np.random.default_rng(2)
    hashes = random.integers(0, 256, (40, HASH_BYTES), dtype=np.uint8)
    others = random.integers(0, 256, (40, HASH_BYTES), dtype=np.uint8)
    hashes[7], others[8], hashes[9], others[9] = 0, 0, 0, 0
    expected = []
    for one, other in zip(hashes, others, strict=True):
        differing = [int(np.unpackbits(form ^ other).sum()) for form in forms(one[None])[0]]
        expected.append(min(differing) if one.any() and other.any() else BITS)
    assert distances(hashes, others).tolist() == expected
    assert (
        distances(hashes, others[0]).tolist()
        == distances(hashes, np.repeat(others[:1], 40, axis=0)).tolist()
    )
    assert distances(others, hashes).tolist() == expected
    assert distances(hashes[:0], others[:0]).tolist() == []
    assert distances(hashes[:0], others[0]).tolist() == []


def test_what_is_flat_has_no_hash_and_is_near_to_nothing() -> None:
    down = np.arange(0, 256, dtype=np.uint8)[:, None]
    aslant = np.add.outer(np.arange(150), np.arange(200)) // 2
    noise = np.random.default_rng(4).integers(120, 136, (200, 300), dtype=np.uint8)
    for grey in (np.full((50, 70), 255), np.tile(down, 300), np.tile(down, 300).T, aslant, noise):
        pixels = np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8)
        assert perceptual_hash(pixels) == NO_STRUCTURE
    for name in ("IMG_0035.jpg", "IMG_0020.jpg"):  # dark ones
        with Image.open(PHOTOS / name) as image:
            assert perceptual_hash(np.asarray(image.convert("RGB"))) != NO_STRUCTURE
    assert distance(NO_STRUCTURE, NO_STRUCTURE) == BITS
    assert distance(NO_STRUCTURE, perceptual_hash(PHOTO)) == BITS
