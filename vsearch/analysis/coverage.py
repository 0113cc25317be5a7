"""Few pictures that stand for all: k-centre greedy.

Gonzalez, "Clustering to Minimize the Maximum Intercluster Distance" (1985): always choose the one
that is furthest from all chosen ones. With k of them no picture is more than twice as far from a
chosen one as with the best k there are. Sener and Savarese, "Active Learning for Convolutional
Neural Networks: A Core-Set Approach" (ICLR 2018) label pictures in that order, beginning with those
that are labelled already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.analysis.contents import standing
from vsearch.analysis.neighbours import distances, nearest
from vsearch.analysis.results import Chosen, Coverage, Radius

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.analysis.contents import Contents
    from vsearch.analysis.groups import Alike

NONE = -2.0
"""The cosine with the nearest chosen one where none is chosen: less than any."""


CENTRES = 100
"""Pictures that the curve goes to."""


def coverage(contents: Contents, near: Alike, are_apart: NDArray[np.bool_], top: int) -> Coverage:
    """Return how far few pictures go, and which to label next; `are_apart` (n,) are outliers."""
    import numpy as np

    stood = standing(contents, near)
    vectors = contents.vectors[stood]
    closest = np.full(len(stood), NONE, dtype=np.float32)
    curve = tuple(
        _radius(number, closest)
        for number, _ in enumerate(furthest_first(vectors, closest, CENTRES), 1)
    )
    is_labelled = contents.labelled()
    mine = is_labelled[stood]
    targets = np.flatnonzero(is_labelled & contents.usable)
    closest = np.full(len(stood), NONE, dtype=np.float32)
    radius = None
    if len(targets) and len(stood):
        closest[mine] = 1
        _, cosines = nearest(
            vectors[~mine], contents.vectors[targets], 1,
            query_groups=np.zeros(int((~mine).sum()), np.int64),
            target_groups=np.ones(len(targets), np.int64),
        )  # fmt: skip
        closest[~mine] = cosines[:, 0]
        radius = _radius(len(targets), closest)
    open_ = ~mine & ~are_apart[stood]
    candidates, remaining = stood[open_], closest[open_]
    chosen = furthest_first(vectors[open_], remaining, top) if len(candidates) else ()
    return Coverage(
        curve,
        radius,
        tuple(
            Chosen(contents.shown(int(candidates[place])), None if cosine == NONE else cosine)
            for place, cosine in chosen
        ),
    )


def _radius(number: int, closest: NDArray[np.float32]) -> Radius:
    least = closest.min(keepdims=True)
    return Radius(number, float(distances(least)[0]), float(least[0]))


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
