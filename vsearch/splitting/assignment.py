"""Groups, labels and fractions -> the split of each group, every class with its share in each.

Iterative stratification (Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label
Data", 2011), for groups: the largest first, of equal ones those of the rarest class, since they
have the fewest places to go; each to the split that lacks its classes, and pictures, the most.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def assign(
    groups: Sequence[Mapping[str, int]],
    keys: Sequence[bytes],
    shares: Sequence[float],
    seed: int,
) -> list[int]:
    """Return the split of each group, as its place in `shares`, which sum to one.

    `groups[i]` counts its pictures by class, `keys[i]` tells it from all others. The result depends
    on nothing else: not on the order, nor on the machine. No split is empty where there are as many
    groups as splits.

    What a split lacks is measured by the squared distance from what it should have, over that: a
    picture too many weighs more where few are wanted.
    """
    totals = sum((Counter(group) for group in groups), Counter[str]())
    sizes = [sum(group.values()) for group in groups]
    wanted = [share * sum(sizes) for share in shares]
    has = [0] * len(shares)
    has_of: list[Counter[str]] = [Counter() for _ in shares]

    def cost(place: int, group: int) -> float:
        """Return what putting a group there adds to the distances, of all pictures and classes."""
        size = sizes[group]
        added = size * (2 * (has[place] - wanted[place]) + size) / wanted[place]
        for label, count in sorted(groups[group].items()):
            goal = shares[place] * totals[label]
            added += count * (2 * (has_of[place][label] - goal) + count) / goal
        return added

    salt = str(seed).encode()
    order = sorted(
        range(len(groups)),
        key=lambda group: (
            -sizes[group],
            min(totals[label] for label in groups[group]),
            blake2b(salt + b"\0" + keys[group]).digest(),
        ),
    )
    places = [0] * len(groups)
    for group in order:
        place = min(range(len(shares)), key=lambda place: cost(place, group))
        places[group] = place
        has[place] += sizes[group]
        has_of[place].update(groups[group])
    for empty in [place for place, count in enumerate(has) if not count]:
        _fill(empty, places, order)
    return places


def _fill(empty: int, places: list[int], order: Sequence[int]) -> None:
    """Move one of the smallest groups to an empty split, from that with the most groups."""
    most, groups = Counter(places).most_common(1)[0]
    if groups > 1:
        places[next(group for group in reversed(order) if places[group] == most)] = empty
