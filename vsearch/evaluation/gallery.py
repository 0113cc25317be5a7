"""What is searched, with its embeddings in memory: 154 MB for 100,000 pictures by mini."""

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
    """`items` (n), paths or words, and the embedding of each: `vectors[rows]` (n, dim) float32.

    All have length one. Items of equal content share a row of `vectors` (u, dim), so that their
    cosines with anything are equal to the last bit, which no product of matrices promises for equal
    columns. `rows` is None where no two do, and `vectors` are in the order of the items.
    """

    items: tuple[str, ...]
    vectors: NDArray[np.float32]
    rows: NDArray[np.int64] | None = None

    def scores(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the cosine of each of `queries` (q, dim) with each item: (q, n)."""
        scores = queries @ self.vectors.T
        return scores if self.rows is None else scores[:, self.rows]

    def of(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of the items at `places` (m,): (m, dim)."""
        return self.vectors[places if self.rows is None else self.rows[places]]


def gallery_of(index: Index, paths: Sequence[str]) -> Gallery:
    """Return the gallery of those of the files at `paths` that the index has, in their order.

    Raises IndexDamaged where an embedding is.
    """
    import numpy as np

    found = index.rows_of(paths)
    there = np.flatnonzero(found >= 0)
    items = tuple(paths[place] for place in there.tolist())
    rows, places = np.unique(found[there], return_inverse=True)
    vectors = index.vectors(rows)
    if len(rows) == len(there):
        return Gallery(items, vectors[places])
    return Gallery(items, vectors, places.astype(np.int64))
