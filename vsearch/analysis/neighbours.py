"""Exact nearest neighbours of many pictures at once, in blocks: never n x n of anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

_QUERIES = 512  # asked for at once
_TARGETS = 4096  # compared with at once: a product of 8 MB
_NONE = -2.0  # less than any cosine


def nearest(
    queries: NDArray[np.float32],
    targets: NDArray[np.float32],
    k: int,
    *,
    query_groups: NDArray[np.int64],
    target_groups: NDArray[np.int64],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the `k` nearest of the unit vectors `targets` (m, dim) to each of `queries` (n, dim).

    Their places (n, k) among `targets`, the nearest first and equal ones by place, and cosines
    (n, k). What is of the query's own group is passed over: `query_groups` (n,) and `target_groups`
    (m,), where a query that is among the targets has its own. Where there are fewer than k, places
    are -1 and cosines nan. `progress` is told how many queries of how many are done.

    n * m * dim multiplications; 10 MB beside what is given and returned.
    """
    import numpy as np

    places = np.full((len(queries), k), -1, dtype=np.int64)
    cosines = np.full((len(queries), k), np.nan, dtype=np.float32)
    if k == 0:
        return places, cosines
    for start in range(0, len(queries), _QUERIES):
        end = min(start + _QUERIES, len(queries))
        found, scores = _nearest(
            queries[start:end], targets, k, query_groups[start:end], target_groups
        )
        places[start:end] = found
        cosines[start:end] = np.where(found >= 0, np.clip(scores, -1, 1), np.nan)
        progress(end, len(queries))
    return places, cosines


def _nearest(
    queries: NDArray[np.float32],
    targets: NDArray[np.float32],
    k: int,
    query_groups: NDArray[np.int64],
    target_groups: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return `nearest` of one block of queries (q, dim), without cosines of what is not there."""
    import numpy as np

    kept_places = np.full((len(queries), k), -1, dtype=np.int64)
    kept = np.full((len(queries), k), _NONE, dtype=np.float32)
    row_of_kept = np.repeat(np.arange(len(queries)), k)
    for first in range(0, len(targets), _TARGETS):
        scores = queries @ targets[first : first + _TARGETS].T
        own = query_groups[:, None] == target_groups[None, first : first + _TARGETS]
        scores[own] = _NONE
        if first == 0 and scores.shape[1] > k:  # most would pass the comparison below
            border = np.partition(scores, -k, axis=1)[:, -k]
            passed = (scores >= border[:, None]) & (scores > _NONE)
        else:
            passed = scores > kept[:, -1:]
        rows, columns = np.nonzero(passed)
        if not len(rows):
            continue
        all_rows = np.concatenate([row_of_kept, rows])
        all_places = np.concatenate([kept_places.ravel(), columns + first])
        all_scores = np.concatenate([kept.ravel(), scores[rows, columns]])
        # What was kept has smaller places, and comes first among equals: the sort is stable.
        order = np.lexsort((-all_scores, all_rows))
        begins = np.searchsorted(all_rows[order], np.arange(len(queries)))
        best = order[begins[:, None] + np.arange(k)]
        kept_places, kept = all_places[best], all_scores[best]
    return kept_places, kept


def distances(cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the Euclidean distance, in [0, 2], of unit vectors with these cosines; nan of nan."""
    import numpy as np

    return np.asarray(np.sqrt(np.maximum(0, 2 - 2 * cosines.astype(np.float64))))
