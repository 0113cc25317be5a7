"""Made embeddings and truths, small enough to be checked by plain code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vsearch.evaluation.gallery import Gallery
from vsearch.truth.values import Captions, Labels
from vsearch.vectors import unit

Vectors = NDArray[np.float32]


def nothing(*_: object) -> None:
    """Be told of progress."""


def vectors(random: np.random.Generator, count: int, *, dim: int = 8, kinds: int = 0) -> Vectors:
    """Return random unit vectors; of `kinds`, so that some are equal to the last bit."""
    if not kinds:
        return unit(random.standard_normal((count, dim)).astype(np.float32))
    return vectors(random, kinds, dim=dim)[random.integers(0, kinds, count)]


def gallery(embeddings: Vectors) -> Gallery:
    """Return a gallery as an index gives it: equal embeddings share a row."""
    rows, places = np.unique(embeddings, axis=0, return_inverse=True)
    paths = tuple(f"/p/{number}.jpg" for number in range(len(embeddings)))
    return Gallery(paths, rows, places.reshape(-1).astype(np.int64))


def labels(random: np.random.Generator, count: int, classes: int) -> Labels:
    """Return random classes of so many pictures."""
    names = [f"class {one}" for one in random.integers(0, classes, count)]
    return Labels(tuple(f"/p/{number}.jpg" for number in range(count)), tuple(names))


def captions(random: np.random.Generator, pictures: int, count: int) -> Captions:
    """Return captions of pictures, each with one at least, some the same words."""
    image_of = [*range(pictures), *random.integers(0, pictures, count - pictures).tolist()]
    words = [f"words {one}" for one in random.integers(0, 2 * count, count)]
    return Captions(
        tuple(f"/p/{number}.jpg" for number in range(pictures)), tuple(words), tuple(image_of)
    )
