"""Arithmetic on unit vectors: similarity is the dot product (cosine), nothing else, everywhere.

Embeddings are float32 and of length one, so "nearest" always means "largest dot product". The one
place where a library speaks of distances (hnswlib's "ip": 1 - dot) turns them into cosines itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `vectors` (..., dim) scaled to length one, float32.

    Raises ValueError when a vector is zero or not finite: it has no direction.
    """
    import numpy as np

    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not np.all(np.isfinite(length)) or np.any(length < 1e-12):
        raise ValueError("a vector without a direction (zero or not finite)")
    return np.asarray(vectors / length, dtype=np.float32)


def blend(vectors: NDArray[np.float32], weights: Sequence[float]) -> NDArray[np.float32]:
    """Return the unit vector along the weighted sum of `vectors` (n, dim): (dim,) float32.

    Negative weights push away from a vector. Raises ValueError when the terms cancel out, up to
    what float32 rounds off: the direction of that would be noise.
    """
    import numpy as np

    counts = np.asarray(weights, dtype=np.float64)
    total = counts / np.abs(counts).sum() @ vectors
    if np.linalg.norm(total) < 1e-6:
        raise ValueError("terms that cancel out have no direction")
    return unit(total.astype(np.float32))


def without(
    vector: NDArray[np.float32], other: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Return the unit vector along `vector` less a share of what it has of `other`: (dim,) float32.

    v - share * max(0, v . o) * o for unit vectors, so that a share of 1 leaves it perpendicular to
    `other` (a step of Gram and Schmidt's), and of one that points away from it already, nothing is
    taken. Raises ValueError when both are the same, up to what float32 rounds off.
    """
    import numpy as np

    common = float(vector @ other)
    if common > 1 - 1e-6:
        raise ValueError("a vector without itself has no direction")
    return unit(vector - np.float32(share * max(0.0, common)) * other)


def best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the positions of the `k` largest `scores` (n,), best first; equal scores by position.

    Returns all n positions when k >= n. Costs O(n) and a sort of what is kept, so asking again
    with a larger k is cheap.
    """
    import numpy as np

    n = len(scores)
    if k >= n:
        kept = np.arange(n)
    else:
        # argpartition breaks ties at the border arbitrarily; everything above or at the k-th
        # score is kept here and cut after the sort, so equal scores always answer alike.
        border = np.partition(scores, -k)[-k]
        kept = np.flatnonzero(scores >= border)
    order = np.lexsort((kept, -scores[kept]))
    return kept[order[:k]].astype(np.int64)
