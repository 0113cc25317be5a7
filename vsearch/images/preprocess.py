"""An RGB picture -> model input: a square of the model's size, as the model was made with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.records import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image, Resampling


def to_model_input(image: Image, spec: Preprocessing) -> NDArray[np.uint8]:
    """Return (size, size, 3) uint8, C order; an encoder normalises it itself.

    `image` is RGB of any size; pictures smaller than the model's input are enlarged. What is
    rounded how is part of the model: half a pixel moves some embeddings to cosine 0.984.
    """
    import numpy as np
    from PIL.Image import Resampling

    resampling = Resampling[spec.interpolation.upper()]
    match spec.resize:
        case "squash":
            square = image.resize((spec.size, spec.size), resampling)
        case "longest":
            square = _padded(image, spec.size, resampling)
        case "shortest":
            width, height = (round(side * spec.size / min(image.size)) for side in image.size)
            offset = (width - spec.size) // 2, (height - spec.size) // 2
            square = _cut_out(image, spec.size, (width, height), offset, resampling)
        case "shortest-truncated":
            width, height = (int(spec.size * side / min(image.size)) for side in image.size)
            offset = round((width - spec.size) / 2), round((height - spec.size) / 2)
            square = _cut_out(image, spec.size, (width, height), offset, resampling)
    return np.asarray(square)


def _cut_out(
    image: Image,
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
    x, y = image.width / full[0], image.height / full[1]  # source pixels for one of the model's
    left, top = offset
    box = (left * x, top * y, (left + size) * x, (top + size) * y)
    return image.resize((size, size), resampling, box=box)


def _padded(image: Image, size: int, resampling: Resampling) -> Image:
    """Return the whole picture in the middle of a black square."""
    from PIL import Image as Images

    ratio = max(image.size) / size
    width, height = (max(1, round(side / ratio)) for side in image.size)
    square = Images.new("RGB", (size, size))
    square.paste(
        image.resize((width, height), resampling), ((size - width) // 2, (size - height) // 2)
    )
    return square
