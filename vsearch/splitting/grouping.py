"""What must stay together -> groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.duplicates.near import ALIKE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

ALIKE_FLAT = 0.75
"""From the cosine ALIKE on pictures are kept together, whatever their hashes say; from this one on
where one of them has too little structure for a hash. Chosen on wallpapers: edits of these (5 % cut
off at most) that are not near have such cosines, but for a watermark across; hardly any two others
have."""
_ROWS = 256  # compared with all after them at once


def are_alike(
    cosines: NDArray[np.float32],
    flat: NDArray[np.bool_],
    others_flat: NDArray[np.bool_],
    least: float,
) -> NDArray[np.bool_]:
    """Return which pairs are alike by their `cosines` (q, c) alone, from `least` on: (q, c).

    `flat` (q,) and `others_flat` (c,) have no structure; of these ALIKE_FLAT is enough, or `least`
    where that is less. A `least` of 1 is never enough.
    """
    import numpy as np

    if least >= 1:
        return np.zeros(cosines.shape, dtype=bool)
    of_flat = (cosines >= min(least, ALIKE_FLAT)) & (flat[:, None] | others_flat)
    return (cosines >= least) | of_flat


def joined_by_embedding(
    together: NDArray[np.int64],
    vectors: NDArray[np.float32],
    flat: NDArray[np.bool_],
    least: float = ALIKE,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> NDArray[np.int64]:
    """Return what hangs together where pictures that are alike (`are_alike`) do so, too: (n,).

    `together` (n,) is the same for those that hang together already, `vectors` (n, dim) are their
    unit embeddings; as in what is returned, the marks are any of [0, n). Every pair is looked at,
    in blocks; `progress` is told how many pictures are done.
    """
    import numpy as np

    marks = together.copy()
    for start in range(0, len(marks), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors[start:].T
        alike = are_alike(cosines, flat[start : start + _ROWS], flat[start:], least)
        first, second = np.nonzero(alike)
        pairs = np.column_stack([marks[first + start], marks[second + start]])
        pairs = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
        if len(pairs):
            into = np.arange(len(marks))
            for group in groups_of(pairs.tolist(), len(marks)):
                into[group] = group[0]
            marks = into[marks]
        progress(min(start + _ROWS, len(marks)), len(marks))
    return marks


def groups_of(together: Iterable[Iterable[int]], count: int) -> list[list[int]]:
    """Return the groups of `count` pictures where those in each of `together` must not part.

    Nor those that are linked by any number of these. The pictures of a group ascend, and so do the
    first ones of the groups; a picture that nothing names is a group.
    """
    leads = list(range(count))

    def lead(one: int) -> int:
        while leads[one] != one:
            leads[one] = leads[leads[one]]
            one = leads[one]
        return one

    for pictures in together:
        first: int | None = None
        for picture in pictures:
            found = lead(picture)
            if first is not None and found != first:
                first, found = min(first, found), max(first, found)
                leads[found] = first
            else:
                first = found
    groups: dict[int, list[int]] = {}
    for picture in range(count):
        groups.setdefault(lead(picture), []).append(picture)
    return list(groups.values())
