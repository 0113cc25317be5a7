"""Sheets of small pictures: each is where its number says."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from vsearch.images.sprites import COLUMNS, sheets


@pytest.mark.parametrize("many", [0, 1, COLUMNS, COLUMNS + 1, COLUMNS**2, COLUMNS**2 + 3])
def test_each_picture_is_in_its_square(many: int) -> None:
    def color(place: int) -> tuple[int, int, int]:
        return place % 7 * 40, place % 5 * 60, place % 3 * 120

    side = 16
    pictures = [
        None if place % 10 == 9 else Image.new("RGB", (side, 8), color(place))
        for place in range(many)
    ]
    found = list(sheets(iter(pictures), side))
    sizes = [size for _, inside in found for size in inside]
    assert sizes == [(0, 0) if one is None else (side, 8) for one in pictures]
    assert len(found) == -(-many // COLUMNS**2)
    opened = [Image.open(io.BytesIO(file)).convert("RGB") for file, _ in found]
    for place, picture in enumerate(pictures):
        sheet, cell = divmod(place, COLUMNS**2)
        left, top = cell % COLUMNS * side, cell // COLUMNS * side
        pixel = opened[sheet].getpixel((left + 8, top + 4))
        wanted = color(place) if picture else (128, 128, 128)
        assert isinstance(pixel, tuple)
        assert max(abs(a - b) for a, b in zip(pixel, wanted, strict=True)) < 60, place
    for image, (_, inside) in zip(opened, found, strict=True):
        assert image.size == (COLUMNS * side, -(-len(inside) // COLUMNS) * side)
