"""A picture's bytes -> what the model reads, in one function."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.images.decode import decode
from vsearch.images.preprocess import to_model_input
from vsearch.records import ImageFacts, Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture ready for the model: `pixels` (size, size, 3) uint8, and its facts."""

    pixels: NDArray[np.uint8]
    facts: ImageFacts


def prepare(data: bytes, spec: Preprocessing, *, pixel_limit: int, path: str) -> Prepared:
    """Decode and prepare the content of the file at `path`, of which only the suffix is used.

    Raises `ImageError`, with the one reason for which this file has no vector.
    """
    suffix = os.path.splitext(path)[1]
    # Enough for every way to resize; "longest" could do with less.
    decoded = decode(data, shorter=spec.size, pixel_limit=pixel_limit, suffix=suffix)
    return Prepared(to_model_input(decoded.image, spec, decoded.extent), decoded.facts)
