"""The pictures that are searched, with their embeddings in memory: 154 MB for 100,000 by mini."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index import Index


@dataclass(frozen=True, slots=True)
class Gallery:
    """`paths` (n), and the embedding of each: `vectors[rows]` (n, dim) float32, of length one.

    Pictures of equal content share a row of `vectors` (u, dim), so that their cosines with anything
    are equal to the last bit, which no product of matrices promises for equal columns.
    """

    paths: tuple[str, ...]
    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]

    def scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine of each of `queries` (q, dim) with each picture: (q, n)."""
        scores = queries @ self.vectors.T
        return scores if len(self.vectors) == len(self.rows) else scores[:, self.rows]

    def of(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of the pictures at `places` (m,): (m, dim)."""
        return self.vectors[self.rows[places]]


def gallery_of(index: Index, paths: Sequence[str]) -> Gallery:
    """Return the gallery of those of the files at `paths` that the index has, in their order.

    Raises IndexDamaged where an embedding is.
    """
    import numpy as np

    found = index.rows_of(paths)
    there = np.flatnonzero(found >= 0)
    rows, places = np.unique(found[there], return_inverse=True)
    if len(rows) == len(there):  # none twice: in the order of the pictures, nothing to be looked up
        vectors = np.empty((len(there), index.model.dim if index.model else 1), dtype=np.float32)
        order = np.argsort(found[there])
        vectors[order] = index.vectors(rows)
        places = np.arange(len(there))
    else:
        vectors = index.vectors(rows)
    return Gallery(
        tuple(paths[place] for place in there.tolist()), vectors, places.astype(np.int64)
    )
