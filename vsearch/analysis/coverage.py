"""Few pictures that stand for all: k-centre greedy.

Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance" (1985): always choose the one
that is furthest from all chosen ones. With k of them no picture is more than twice as far from a
chosen one as with the best k there are. Sener and Savarese, "Active Learning for Convolutional
Neural Networks: A Core-Set Approach" (ICLR 2018) label pictures in that order, beginning with those
that are labelled already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

NONE = -2.0
"""The cosine with the nearest chosen one where none is chosen: less than any."""


def central(vectors: NDArray[np.float32]) -> int:
    """Return the place of the one of `vectors` (n, dim), n > 0, that is nearest to their mean."""
    return int((vectors @ vectors.mean(axis=0)).argmax())


def furthest_first(
    vectors: NDArray[np.float32], nearest: NDArray[np.float32], count: int
) -> Iterator[tuple[int, float]]:
    """Yield the place of each vector chosen, and its cosine with the nearest one chosen before.

    `nearest` (n,) are the cosines of `vectors` (n, dim) with the nearest of those chosen before,
    and is kept so; NONE where there are none: then the most central one comes first. At most
    `count` are chosen, and none that is where a chosen one is.
    """
    import numpy as np

    for _ in range(min(count, len(vectors))):
        place = central(vectors) if nearest[0] == NONE else int(nearest.argmin())
        cosine = float(nearest[place])
        if cosine > 1 - 1e-6:
            return
        np.maximum(nearest, np.minimum(vectors @ vectors[place], 1), out=nearest)
        nearest[place] = 1  # to the last bit
        yield place, cosine
