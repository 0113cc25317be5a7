"""Many small pictures in few files: squares of a grid, for a page that shows one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.images.thumbnail import webp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from PIL.Image import Image

COLUMNS = 16
"""Pictures beside each other in a sheet, and below each other."""


def sheets(pictures: Iterable[Image | None], side: int) -> Iterator[tuple[bytes, list[Size]]]:
    """Yield sheets of COLUMNS x COLUMNS pictures as WebP, with the size of each picture in it.

    Each is in a square of `side` pixels, at its upper left; in rows, in order; (0, 0) for None,
    whose square is grey. The last sheet has only as many rows as it needs.
    """
    row: list[Image | None] = []
    for picture in pictures:
        row.append(picture)
        if len(row) == COLUMNS**2:
            yield _sheet(row, side)
            row = []
    if row:
        yield _sheet(row, side)


Size = tuple[int, int]


def _sheet(pictures: list[Image | None], side: int) -> tuple[bytes, list[Size]]:
    from PIL import Image

    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * side, rows * side), (128, 128, 128))
    sizes = []
    for place, picture in enumerate(pictures):
        sizes.append((0, 0) if picture is None else picture.size)
        if picture is not None:
            sheet.paste(picture, (place % COLUMNS * side, place // COLUMNS * side))
    return webp(sheet), sizes
