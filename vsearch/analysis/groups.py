"""Near pairs -> groups of contents that are alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.duplicates.near import Pairs

NO_SIDE, SEVERAL = -1, -2


@dataclass(frozen=True, slots=True)
class Alike:
    """Which of n contents are near to which.

    `groups` (n,) number the groups of those connected by pairs, in the order of their first ones,
    which they are named by. `stand_ins` (n,) is for each one of its group that is near to itself,
    or itself: no two of them are near. `crossing` are the pairs kept as they were asked for.
    """

    groups: NDArray[np.int64]
    stand_ins: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    cosines: NDArray[np.float32]
    bits: NDArray[np.int64]


def alike(pairs: Iterable[Pairs], count: int, sides: NDArray[np.int64] | None) -> Alike:
    """Return which of `count` contents are near to which, by their pairs, in order.

    Of the pairs, those are kept that are on different `sides` (count,); None: no pairs. NO_SIDE is
    none, SEVERAL different from all others.
    """
    import numpy as np

    leaders = list(range(count))  # of each, one of its group before it, or itself
    stand_ins = list(range(count))
    kept: list[tuple[NDArray[np.int64], ...]] = []
    kept_cosines: list[NDArray[np.float32]] = []
    for some in pairs:
        for one, other in zip(some.first.tolist(), some.second.tolist(), strict=True):
            _join(leaders, one, other)
            if stand_ins[one] == one and stand_ins[other] == other:
                stand_ins[other] = one
        if sides is not None:
            one_side, other_side = sides[some.first], sides[some.second]
            differ = (one_side != other_side) | (one_side == SEVERAL)
            differ &= (one_side != NO_SIDE) & (other_side != NO_SIDE)
            kept.append((some.first[differ], some.second[differ], some.bits[differ]))
            kept_cosines.append(some.cosines[differ])
    nothing = np.empty(0, np.int64)
    first, second, bits = (
        np.concatenate([nothing, *one]) for one in zip(*(kept or [(nothing,) * 3]), strict=True)
    )
    return Alike(
        np.array([_leader(leaders, place) for place in range(count)], dtype=np.int64),
        np.array(stand_ins, dtype=np.int64),
        first, second, np.concatenate([np.empty(0, np.float32), *kept_cosines]), bits,
    )  # fmt: skip


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
