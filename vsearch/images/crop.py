"""A part of a picture: as a person names it, X,Y,W,H, and cut out of what was decoded."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vsearch.images.extent import Extent

if TYPE_CHECKING:
    from vsearch.images.raster import Decoded

_PARTS = re.compile(r"\s*,\s*".join([r"(\d{1,9}(?:\.\d+)?)(%?)"] * 4))

Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle: where it begins from the left and from the top, its width and its height.

    In pixels of the upright picture, or in percent of its width and height.
    """

    x: float
    y: float
    width: float
    height: float
    percent: bool

    @classmethod
    def parsed(cls, text: str) -> Crop:
        """Return what "X,Y,W,H" means. Raises ValueError with the reason for what means nothing."""
        match = _PARTS.fullmatch(text.strip())
        if not match:
            raise ValueError("not four numbers")
        x, y, width, height = (float(number) for number in match.groups()[::2])
        signs = set(match.groups()[1::2])
        if len(signs) > 1:
            raise ValueError("pixels and percent")
        if not width or not height:
            raise ValueError("nothing is in it")
        if "" in signs and not all(number.is_integer() for number in (x, y, width, height)):
            raise ValueError("fractions of pixels")
        return cls(x, y, width, height, "%" in signs)

    def box(self, width: int, height: int) -> Box | None:
        """Return its edges in a picture of so many pixels, rounded; None: it reaches beyond.

        It has at least one pixel.
        """
        by_x, by_y = (width / 100, height / 100) if self.percent else (1, 1)
        left, right = _edges(self.x * by_x, (self.x + self.width) * by_x)
        top, bottom = _edges(self.y * by_y, (self.y + self.height) * by_y)
        return (left, top, right, bottom) if right <= width and bottom <= height else None

    def __str__(self) -> str:
        sign = "%" if self.percent else ""
        return ",".join(f"{part:g}{sign}" for part in (self.x, self.y, self.width, self.height))


def _edges(first: float, last: float) -> tuple[int, int]:
    """Round both; a hair's breadth of a part is the pixel that it is in."""
    begin, end = round(first), round(last)
    return (begin, end) if begin < end else (math.floor(first), math.floor(first) + 1)


def finer(decoded: Decoded, box: Box, size: int) -> int | None:
    """Return the shorter side to decode a picture at, so that its part `box` has `size` pixels.

    None where it has been decoded so already, or at its full size.
    """
    full = decoded.facts.width, decoded.facts.height
    part = box[2] - box[0], box[3] - box[1]
    if min(_scale(decoded)) >= 1 or min(part) >= min(full):
        return None
    return math.ceil(min(full) * min(1, size / min(part)))


def cut_out(decoded: Decoded, box: Box) -> Decoded:
    """Return the part `box` of the full picture, out of one decoded at any scale.

    From full size, it is to the pixel what cutting the file would give. The facts stay those of the
    whole.
    """
    by_x, by_y = _scale(decoded)
    left, right = (decoded.extent.left + edge * by_x for edge in box[::2])
    top, bottom = (decoded.extent.top + edge * by_y for edge in box[1::2])
    # Pixels outside would flow in when it is resized; those on its edges belong to it in part.
    x, y = math.floor(left), math.floor(top)
    image = decoded.image.crop((x, y, math.ceil(right), math.ceil(bottom)))
    part = box[2] - box[0], box[3] - box[1]
    extent = Extent(*part, left - x, top - y, right - x, bottom - y)
    return replace(decoded, image=image, extent=extent)


def _scale(decoded: Decoded) -> tuple[float, float]:
    """Return how many decoded pixels there are for one of the full picture, across and down."""
    extent, facts = decoded.extent, decoded.facts
    return (
        (extent.right - extent.left) / facts.width,
        (extent.bottom - extent.top) / facts.height,
    )
