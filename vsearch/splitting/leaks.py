"""The proof that nothing leaks: every pair of pictures across splits is looked at, the plain way.

It shares with `duplicates.near` and `grouping` what near is, and none of their search: no bands, no
sketches.
Cosines are products of the whole embeddings. The bits that differ are products too: of hashes as
+1 and -1, in each of the eight forms, 256 less twice the bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.duplicates.near import ALIKE, BITS_ALONE, BITS_CONFIRMING, COSINE
from vsearch.images.perceptual import BITS, forms
from vsearch.splitting.grouping import are_alike

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

_ROUNDED = 1e-5  # by which a cosine may differ from one product to another
_QUERIES, _COLUMNS = 128, 4096  # multiplied at once: products of 16 MB


def leaks(
    vectors: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    splits: NDArray[np.int64],
    alike: float = ALIKE,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[int, NDArray[np.int64]]:
    """Return how many pairs across splits there are, and those of them that are near: (n, 2).

    `vectors` (m, dim) of unit length, `hashes` (m, 32) and `splits` (m,) are of the same pictures;
    from the cosine `alike` on they are near whatever their hashes say (see `grouping.are_alike`).
    `progress` is told how many of the pairs are done.
    """
    import numpy as np

    names, counts = np.unique(splits, return_counts=True)
    names = names[np.argsort(counts, kind="stable")]  # the few are compared with the many
    of_split = [np.flatnonzero(splits == name) for name in names]
    total = (len(splits) ** 2 - int(np.square(counts).sum())) // 2
    found = [np.empty((0, 2), dtype=np.int64)]
    done, flat = 0, hashes.max(axis=1, initial=0) == 0
    for place, queries in enumerate(of_split):
        others = np.concatenate([np.empty(0, dtype=np.int64), *of_split[place + 1 :]])
        for start in range(0, len(queries), _QUERIES):
            rows = queries[start : start + _QUERIES]
            turned = _signs(forms(hashes[rows]).reshape(-1, hashes.shape[1]))  # (q * 8, 256)
            for column in range(0, len(others), _COLUMNS):
                columns = others[column : column + _COLUMNS]
                cosines = vectors[rows] @ vectors[columns].T  # (q, c)
                products = turned @ _signs(hashes[columns]).T  # (q * 8, c)
                most = products.reshape(len(rows), 8, len(columns)).max(axis=1)
                bits = (BITS - most) / 2
                near = (cosines >= COSINE) & (bits <= BITS_CONFIRMING)
                near |= bits <= BITS_ALONE
                near &= ~(flat[rows][:, None] | flat[columns])
                near |= are_alike(cosines - _ROUNDED, flat[rows], flat[columns], alike)
                first, second = np.nonzero(near)
                found.append(np.column_stack([rows[first], columns[second]]))
                done += near.size
                progress(done, total)
    return total, np.concatenate(found)


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the bits of hashes (n, 32) as +1 and -1: (n, 256)."""
    import numpy as np

    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
