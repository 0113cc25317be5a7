"""An RGB picture -> model input: a square of the model's size, as the model was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.images.extent import Extent
from vsearch.records import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image, Resampling

    Box = tuple[float, float, float, float]  # left, top, right, bottom


def to_model_input(
    image: Image, spec: Preprocessing, extent: Extent | None = None
) -> NDArray[np.uint8]:
    """Return (size, size, 3) uint8, C order; an encoder normalises it itself."""
    import numpy as np

    return np.asarray(to_square(image, spec, extent))


def to_square(image: Image, spec: Preprocessing, extent: Extent | None = None) -> Image:
    """Return the same as an RGB picture of size x size.

    `image` is RGB of any size; pictures smaller than the model's input are enlarged. `extent` says
    where in it the picture is, None: it is all of it. What is rounded how, and of which size, is
    part of the model: half a pixel moves some embeddings to cosine 0.984.
    """
    from PIL.Image import Resampling

    extent = extent or Extent.whole(*image.size)
    full = extent.width, extent.height
    resampling = Resampling[spec.interpolation.upper()]
    match spec.resize:
        case "squash":
            return _resized(image, extent, (spec.size, spec.size), resampling)
        case "longest":
            return _padded(image, extent, spec.size, resampling)
        case "shortest":
            width, height = (round(side * spec.size / min(full)) for side in full)
            offset = (width - spec.size) // 2, (height - spec.size) // 2
            return _cut_out(image, extent, spec.size, (width, height), offset, resampling)
        case "shortest-truncated":
            width, height = (int(spec.size * side / min(full)) for side in full)
            offset = round((width - spec.size) / 2), round((height - spec.size) / 2)
            return _cut_out(image, extent, spec.size, (width, height), offset, resampling)


def _cut_out(
    image: Image,
    extent: Extent,
    size: int,
    full: tuple[int, int],
    offset: tuple[int, int],
    resampling: Resampling,
) -> Image:
    """Return the square at `offset` of the picture resized to `full`.

    The same pixels as resizing all of it, since the filter reaches past the box into the picture;
    resampling only the part that is kept costs less. The same up to rounding: Pillow 13 resizes
    the columns first where that is cheaper, which here is more often, and 8 bits lie between.
    """
    x = (extent.right - extent.left) / full[0]  # source pixels for one of the model's
    y = (extent.bottom - extent.top) / full[1]
    left, top = extent.left + offset[0] * x, extent.top + offset[1] * y
    box = _within(image, (left, top, left + size * x, top + size * y))
    return image.resize((size, size), resampling, box=box)


def _padded(image: Image, extent: Extent, size: int, resampling: Resampling) -> Image:
    """Return the whole picture in the middle of a black square."""
    from PIL import Image as Images

    full = extent.width, extent.height
    ratio = max(full) / size
    width, height = (max(1, round(side / ratio)) for side in full)
    square = Images.new("RGB", (size, size))
    resized = _resized(image, extent, (width, height), resampling)
    square.paste(resized, ((size - width) // 2, (size - height) // 2))
    return square


def _resized(image: Image, extent: Extent, to: tuple[int, int], resampling: Resampling) -> Image:
    edges = (extent.left, extent.top, extent.right, extent.bottom)
    return image.resize(to, resampling, box=_within(image, edges))


def _within(image: Image, box: Box) -> Box:
    """Return a box without what sums of fractions put past the edge: Pillow takes none of it."""
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, image.width), min(bottom, image.height)
