"""An RGB picture -> model input: the shorter side to `size`, the middle square."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.records import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image


def to_model_input(image: Image, spec: Preprocessing) -> NDArray[np.uint8]:
    """Return (size, size, 3) uint8, C order; an encoder normalises it itself.

    `image` is RGB of any size; pictures smaller than the model's input are enlarged. The same
    pixels as resizing all of the picture to (size, round(size * longer / shorter)) and cutting out
    the middle, rounded down: resampling only the part that is kept costs less. This rounding is
    what the built-in model was made with; torchvision's int() moves some pictures by half a pixel,
    and their embeddings to cosine 0.984.
    """
    import numpy as np
    from PIL.Image import Resampling

    size = spec.size
    width, height = image.size
    shorter = min(width, height)
    full_width, full_height = round(width * size / shorter), round(height * size / shorter)
    left, top = (full_width - size) // 2, (full_height - size) // 2
    x, y = width / full_width, height / full_height  # source pixels for one of the model's
    box = (left * x, top * y, (left + size) * x, (top + size) * y)
    square = image.resize((size, size), Resampling[spec.interpolation.upper()], box=box)

    return np.asarray(square)
