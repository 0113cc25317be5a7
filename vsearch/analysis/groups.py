"""Near pairs -> groups of contents that are alike.

There are two kinds of pairs. Those that hashes say or confirm are of the same picture (see
`duplicates.near`): they join groups, cross sides, and one of the two stands in for the other. A
flat picture, with too little structure for a hash, has none of these: `pairs_of_flat` are told by
their embeddings alone, which skies and blank pages share. They cross sides only, where missing a
copy costs more than looking at one too many; no group is joined by them: through one sky after the
other it would reach the next best picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.duplicates.near import ALIKE, ENOUGH, Pairs
from vsearch.images.perceptual import BITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

NO_SIDE, SEVERAL = -1, -2
_QUERIES, _COLUMNS = 256, 4096  # compared at once: a product of 4 MB


@dataclass(frozen=True, slots=True)
class Alike:
    """Which of n contents are near to which.

    `groups` (n,) number the groups of those connected by pairs, in the order of their first ones,
    which they are named by. `stand_ins` (n,) is for each one of its group that is near to itself,
    or itself: no two of them are near by their hashes. `first`, `second` (m,), their `cosines` and
    `bits` (m,) are the pairs that are on different sides.
    """

    groups: NDArray[np.int64]
    stand_ins: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosines: NDArray[np.float32]
    bits: NDArray[np.int64]


def pairs_of_flat(vectors: NDArray[np.float32], flat: NDArray[np.bool_]) -> Iterator[Pairs]:
    """Yield the pairs of which one at least is `flat` (n,) and whose cosine is at least ALIKE.

    `vectors` (n, dim) are of unit length, or zeros where damaged: those are near to nothing. The
    bits of all pairs are 256, as `perceptual.distances` has it. None is told twice, and all are but
    in very large groups, as by `near.pairs`. The flat ones are compared with all, in blocks.
    """
    import numpy as np

    rows = np.flatnonzero(flat)
    before = np.zeros(len(flat), dtype=np.int64)  # flat ones near to each, of those compared
    for start in range(0, len(rows), _QUERIES):
        queries = rows[start : start + _QUERIES]
        queries = queries[before[queries] < ENOUGH]
        for column in range(0, len(flat), _COLUMNS):
            cosines = vectors[queries] @ vectors[column : column + _COLUMNS].T
            row, place = np.nonzero(cosines >= ALIKE)
            one, other = queries[row], place + column
            # Two flat ones meet twice, and each meets itself.
            new = ~flat[other] | (one < other)
            one, other, cosine = one[new], other[new], cosines[row[new], place[new]]
            before += np.bincount(other, minlength=len(before))
            bits = np.full(len(one), BITS)
            yield Pairs(np.minimum(one, other), np.maximum(one, other), cosine, bits)


def alike(
    pairs: Iterable[Pairs],
    count: int,
    sides: NDArray[np.int64] | None,
    besides: Iterable[Pairs] = (),
) -> Alike:
    """Return which of `count` contents are near to which, by their pairs, in order.

    `besides` are pairs that join no group, in any order. Of all pairs, those are kept that are on
    different `sides` (count,); None: no pairs. NO_SIDE is none, SEVERAL different from all others.
    """
    import numpy as np

    leaders = list(range(count))  # of each, one of its group before it, or itself
    stand_ins = list(range(count))
    no_place = np.empty(0, np.int64)
    kept = [Pairs(no_place, no_place, np.empty(0, np.float32), no_place)]
    for some in pairs:
        for one, other in zip(some.first.tolist(), some.second.tolist(), strict=True):
            _join(leaders, one, other)
            if stand_ins[one] == one and stand_ins[other] == other:
                stand_ins[other] = one
        if sides is not None:
            kept.append(_across(some, sides))
    if sides is not None:
        kept += (_across(some, sides) for some in besides)
    return Alike(
        np.array([_leader(leaders, place) for place in range(count)], dtype=np.int64),
        np.array(stand_ins, dtype=np.int64),
        np.concatenate([one.first for one in kept]),
        np.concatenate([one.second for one in kept]),
        np.concatenate([one.cosines for one in kept]),
        np.concatenate([one.bits for one in kept]),
    )


def _across(some: Pairs, sides: NDArray[np.int64]) -> Pairs:
    """Return the pairs that are on different sides."""
    one, other = sides[some.first], sides[some.second]
    differ = (one != other) | (one == SEVERAL)
    differ &= (one != NO_SIDE) & (other != NO_SIDE)
    return Pairs(some.first[differ], some.second[differ], some.cosines[differ], some.bits[differ])


def _leader(leaders: list[int], place: int) -> int:
    """Return the first of a group, and shorten the way to it."""
    top = place
    while leaders[top] != top:
        top = leaders[top]
    while leaders[place] != top:
        leaders[place], place = top, leaders[place]
    return top


def _join(leaders: list[int], one: int, other: int) -> None:
    one, other = sorted((_leader(leaders, one), _leader(leaders, other)))
    leaders[other] = one
