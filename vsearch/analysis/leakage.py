"""Pictures that are there twice, and where they should not be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from vsearch.analysis.results import MOST_PAIRS, Duplicates, Group, Leak, Pair
from vsearch.images.perceptual import BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsearch.analysis.contents import Contents
    from vsearch.analysis.groups import Alike


def duplicates(contents: Contents, near: Alike, top: int) -> Duplicates:
    """Return the groups of duplicates, and those across splits and labels."""
    groups = list(_groups(contents, near))
    across = sum(len(one.splits) > 1 for one in groups)
    conflicts = [one for one in groups if len(one.labels) > 1]
    leaks, pairs, leaking = _leaks(contents, near)
    return Duplicates(
        groups=len(groups),
        pictures=sum(len(one.pictures) for one in groups),
        listed=tuple(sorted(groups, key=lambda one: -len(one.pictures))[:top]),
        across=across,
        leaking=leaking,
        leaks=leaks,
        pairs=pairs,
        conflicting=len(conflicts),
        conflicts=tuple(
            sorted(conflicts, key=lambda one: (not one.exact, -len(one.pictures)))[:top]
        ),
    )


def _groups(contents: Contents, near: Alike) -> Iterator[Group]:
    import numpy as np

    labelling = contents.known.labelling if contents.known else None
    order = np.argsort(near.groups, kind="stable")
    bounds = np.flatnonzero(np.diff(near.groups[order], prepend=-1, append=-1))
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        members = order[begin:end].tolist()
        files = [file for content in members for file in contents.files_of(content)]
        if len(files) < 2:
            continue
        pictures = tuple(contents.picture(file) for file in files)
        labels = {one.label for one in pictures}
        splits = {one.split for one in pictures}
        yield Group(
            pictures,
            exact=len(members) == 1,
            labels=tuple(sorted(one for one in labels if one is not None)),
            splits=tuple(one for one in (labelling.splits if labelling else ()) if one in splits),
        )


def _leaks(contents: Contents, near: Alike) -> tuple[tuple[Leak, ...], tuple[Pair, ...], int]:
    """Return the pairs across splits, by splits, themselves, and how many pictures are in any."""
    if contents.known is None or not contents.known.labelling.splits:
        return (), (), 0
    number = {split: place for place, split in enumerate(contents.known.labelling.splits)}
    counts: Counter[tuple[int, int, str]] = Counter()
    pairs: list[Pair] = []
    leaking: set[int] = set()
    for one, other, why, cosine, bits in _crossing(contents, near):
        first, second = number[contents.split(one) or ""], number[contents.split(other) or ""]
        if first > second:
            one, other, first, second = other, one, second, first
        counts[first, second, why] += 1
        leaking.update((one, other))
        if len(pairs) < MOST_PAIRS:
            pairs.append(Pair(contents.picture(one), contents.picture(other), why, cosine, bits))
    names = list(number)
    leaks = tuple(
        Leak(
            names[first], names[second],
            *(counts[first, second, why] for why in ("exact", "near", "flat")),
        )
        for first, second in sorted({key[:2] for key in counts})
    )  # fmt: skip
    return leaks, tuple(pairs), len(leaking)


def _crossing(
    contents: Contents, near: Alike
) -> Iterator[tuple[int, int, Literal["exact", "near", "flat"], float | None, int | None]]:
    """Yield the pairs of files in different splits, exact ones first, then by falling cosine."""
    import numpy as np

    def differ(one: int, other: int) -> bool:
        splits = contents.split(one), contents.split(other)
        return None not in splits and splits[0] != splits[1]

    for content in np.flatnonzero(np.diff(contents.starts) > 1).tolist():
        files = contents.files_of(content)
        whole = bool(contents.vectors[content].any())
        for one in files:
            for other in range(one + 1, files.stop):
                if differ(one, other):
                    yield one, other, "exact", 1.0 if whole else None, 0 if whole else None
    for place in np.lexsort((near.second, near.first, -near.cosines)).tolist():
        first, second = int(near.first[place]), int(near.second[place])
        for one in contents.files_of(first):
            for other in contents.files_of(second):
                if differ(one, other):
                    cosine, bits = float(near.cosines[place]), int(near.bits[place])
                    if bits < BITS:
                        yield one, other, "near", min(cosine, 1.0), bits
                    else:
                        yield one, other, "flat", min(cosine, 1.0), None
