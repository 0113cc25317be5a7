"""What must stay together -> groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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
