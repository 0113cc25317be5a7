"""All of it: an index and the pictures of a truth -> the split of each, proved not to leak."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

from vsearch.duplicates.find import hanging_together
from vsearch.duplicates.near import ALIKE
from vsearch.errors import UsageError, VsearchError
from vsearch.splitting.assignment import assign
from vsearch.splitting.grouping import groups_of, joined_by_embedding
from vsearch.splitting.leaks import leaks

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index import Index
    from vsearch.records import Entry
    from vsearch.truth.sheet import Sheet

FOLDER, DAY = "folder", "day"
"""What keeps pictures together besides a column: the folder, the day that the camera wrote."""

Step = Literal["looking for near-duplicates", "comparing embeddings", "proving"]


class Leak(VsearchError):
    """Pictures that are near came into different splits; nothing may be written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to split: `shares` (0 to 1) by the name of each split, in order; they sum to one.

    `together` names what else pictures are kept together by: "folder", "day", or a column. From the
    cosine `alike` on they are, too; 1: by no cosine alone.
    """

    shares: Mapping[str, float]
    together: Sequence[str] = ()
    seed: int = 0
    alike: float = ALIKE


@dataclass(frozen=True, slots=True)
class Part:
    """One split: `share` of all pictures was wanted; how many `pictures` of which classes came.

    `labels` is empty where the truth has no classes. They are of so many `groups`.
    """

    name: str
    share: float
    pictures: int
    groups: int
    labels: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Unmarked:
    """So many `pictures`, at least one, were not kept together by `name`: they have no such mark.

    It is a `column` of the truth, or else the day, which no camera wrote.
    """

    name: str
    column: bool
    pictures: int


@dataclass(frozen=True, slots=True)
class Splitting:
    """What came of it: the name of the split of each picture, by path.

    `groups` are those of pictures that had to stay together, of one at least; in `groups_of_near`
    of them are near-duplicates, or equal. `largest` is the size of the largest. `few` are the
    classes that are in fewer groups than there are splits. `pairs` across splits were looked at in
    the proof, none of them near; but `flat` pictures have too little structure to be near to any,
    unless their files are equal. `unmarked` tells of what was to be kept together by something that
    not all pictures have. `left_out` are those that are not there, or have no embedding.
    """

    splits: Mapping[str, str]
    parts: tuple[Part, ...]
    groups: int
    groups_of_near: int
    largest: int
    few: tuple[str, ...]
    pairs: int
    flat: int
    unmarked: tuple[Unmarked, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """Who decodes what the index has no hash of, and who is told how far it is."""

    workers: int
    pixel_limit: int
    progress: Callable[[Step, int, int], None] = lambda _step, _done, _total: None


def require_marks(sheet: Sheet, together: Sequence[str]) -> None:
    """Raise UsageError where pictures cannot be kept together by one of these."""
    for name in together:
        if name not in (FOLDER, DAY, *sheet.columns.names):
            known = ", ".join(dict.fromkeys((FOLDER, DAY, *sheet.columns.names)))
            raise UsageError(f"nothing to keep pictures together by, {name!r}; there is: {known}")


def require_there(pictures: Sequence[str], *, of_index: bool) -> None:
    """Raise UsageError where there are paths, but none is that of a file.

    They are all pictures `of_index`, or those of a truth, which --images may help to find.
    """
    if not pictures or any(map(os.path.exists, pictures)):
        return
    whose, advice = "its pictures", "add --images DIR, the folder they are below"
    if of_index:
        whose, advice = "the index's pictures", "bring it up to date with `vsearch index`"
    raise UsageError(f"none of {whose} is there and can be read, such as {pictures[0]}; {advice}")


def split(
    index: Index,
    sheet: Sheet,
    pictures: Sequence[str],
    labels: Mapping[str, str],
    plan: Plan,
    machine: Machine,
) -> Splitting:
    """Return the split of each picture; row i of `sheet` is of `pictures[i]`, an absolute path.

    Exact copies and near-duplicates are always kept together, and what hangs together through any
    number of them. `labels` are the classes by path, empty where there are none.

    Raises UsageError where no picture has an embedding, none has what they are to be kept together
    by, or there are fewer groups than splits, IndexDamaged where an embedding is, and Leak where
    the proof fails.
    """
    import numpy as np

    require_marks(sheet, plan.together)
    named = list(dict.fromkeys(pictures))
    if not named:
        raise UsageError("no pictures to split; index some, or name a truth or a folder with some")
    rows_of_named = index.rows_of(named)
    has = [
        row >= 0 and os.path.lexists(path) for row, path in zip(rows_of_named, named, strict=True)
    ]
    paths = [path for path, one in zip(named, has, strict=True) if one]
    left_out = tuple(path for path, one in zip(named, has, strict=True) if not one)
    if not paths:
        raise UsageError(f"none of the pictures can be read, such as {named[0]}; name others")
    rows, places = np.unique(rows_of_named[np.array(has, dtype=bool)], return_inverse=True)
    entries = {entry.row: entry for entry in index.entries(rows=rows.tolist())}
    of_path = [entries[row] for row in rows[places].tolist()]
    marks = {
        name: _marks(sheet, pictures, paths, of_path, name) for name in dict.fromkeys(plan.together)
    }
    unmarked = tuple(_unmarked(sheet, len(paths), marks))
    vectors = index.vectors(rows)
    near, hashes = hanging_together(
        index,
        rows,
        workers=machine.workers,
        pixel_limit=machine.pixel_limit,
        progress=lambda done, total: machine.progress("looking for near-duplicates", done, total),
    )
    alike = joined_by_embedding(
        near,
        vectors,
        hashes.max(axis=1, initial=0) == 0,
        plan.alike,
        lambda done, total: machine.progress("comparing embeddings", done, total),
    )
    alike_of_path = alike[places].tolist()
    groups = _groups(alike_of_path, *marks.values())
    names = list(plan.shares)
    if len(groups) < len(names):
        raise _too_few(len(groups), len(names), near[places].tolist(), alike_of_path, marks)
    counts = [Counter(labels.get(paths[one], "") for one in group) for group in groups]
    keys = [min(of_path[one].digest for one in group) for group in groups]
    chosen = assign(counts, keys, list(plan.shares.values()), plan.seed)
    of_picture = np.empty(len(paths), dtype=np.int64)
    for group, place in zip(groups, chosen, strict=True):
        of_picture[group] = place
    pairs = _proved(paths, places, vectors, hashes, of_picture, plan.alike, machine)
    return Splitting(
        {path: names[place] for path, place in zip(paths, of_picture.tolist(), strict=True)},
        tuple(
            _part(name, share, [c for c, at in zip(counts, chosen, strict=True) if at == place])
            for place, (name, share) in enumerate(plan.shares.items())
        ),
        len(groups),
        sum(count > 1 for count in Counter(alike_of_path).values()),
        max(map(len, groups)),
        _few(counts, len(names)),
        pairs,
        int((hashes[places].max(axis=1) == 0).sum()),
        unmarked,
        left_out,
    )


def _marks(
    sheet: Sheet,
    pictures: Sequence[str],
    paths: Sequence[str],
    entries: Sequence[Entry],
    name: str,
) -> list[tuple[int, str]]:
    """Return the places of those `paths` that have what `name` keeps together by, and what."""
    if name in sheet.columns.names:
        places = {path: place for place, path in enumerate(paths)}
        column = sheet.columns.names.index(name)
        # A picture has several rows where it has several captions: each may link it to others.
        return [
            (places[path], row[column].strip())
            for row, path in zip(sheet.rows, pictures, strict=True)
            if path in places and row[column].strip()
        ]
    if name == FOLDER:
        return [(at, os.path.dirname(path)) for at, path in enumerate(paths)]
    taken = [entry.facts.taken_at for entry in entries]
    return [(at, one[:10]) for at, one in enumerate(taken) if one]


def _unmarked(
    sheet: Sheet, count: int, marks: Mapping[str, Sequence[tuple[int, str]]]
) -> Iterator[Unmarked]:
    """Yield by which of `marks` not all of `count` pictures are marked. UsageError where none is.

    By what no picture has, none would be kept together, and the split would be as without it.
    """
    for name, marked in marks.items():
        column = name in sheet.columns.names
        if not marked:
            raise UsageError(
                f"all pictures are blank in `{name}`; fill it, or leave out --together {name}"
                if column
                else "no picture has a day from a camera; leave out --together day, or name a "
                "column of the truth that has one"
            )
        lacking = count - len({place for place, _ in marked})
        if lacking:
            yield Unmarked(name, column, lacking)


def _groups(near: Sequence[int], *marks: Iterable[tuple[int, str]]) -> list[list[int]]:
    """Return the groups of pictures; picture i hangs together with those that have `near[i]`."""
    return groups_of(chain.from_iterable(map(_alike, (enumerate(near), *marks))), len(near))


def _too_few(
    groups: int,
    splits: int,
    near: Sequence[int],
    alike: Sequence[int],
    marks: Mapping[str, Iterable[tuple[int, str]]],
) -> UsageError:
    """Return what is wrong where there are fewer `groups` than `splits`, with what may help.

    Picture i hangs together by near-duplicates with those that have `near[i]`, by its embedding
    too with those that have `alike[i]`.
    """
    advice = ["name more pictures"]
    if groups > 1:
        advice.append("fewer --fractions")
    if len(_groups(near)) >= splits:  # else no option parts enough of them
        ways = {f"leave out --together {name}": _groups(near, of) for name, of in marks.items()}
        if alike != near:
            ways["keep together only what is more alike, with --alike"] = _groups(alike)
        alone = [way for way, left in ways.items() if len(left) < splits]
        advice.append(" and ".join(alone or ways))
    return UsageError(
        f"too few pictures that need not stay together, {groups} for {splits} splits (of "
        f"{len(near)} in all); {', or '.join(advice)}"
    )


def _alike(marked: Iterable[tuple[int, Hashable]]) -> Iterable[list[int]]:
    """Return the sets of those that have the same mark."""
    found: dict[Hashable, list[int]] = {}
    for one, mark in marked:
        found.setdefault(mark, []).append(one)
    return found.values()


def _proved(
    paths: Sequence[str],
    places: NDArray[np.int64],
    vectors: NDArray[np.float32],
    hashes: NDArray[np.uint8],
    splits: NDArray[np.int64],
    alike: float,
    machine: Machine,
) -> int:
    """Return how many pairs across splits were looked at. Raises Leak where one is near, or equal.

    Picture i has row `places[i]` of `vectors` and `hashes`.
    """
    import numpy as np

    of_row = np.empty(len(vectors), dtype=np.int64)
    of_row[places] = splits
    one_of = np.empty(len(vectors), dtype=np.int64)
    one_of[places] = np.arange(len(paths))
    parted = np.flatnonzero(of_row[places] != splits)  # equal to one in another split
    pairs, near = leaks(
        vectors,
        hashes,
        of_row,
        alike,
        lambda done, total: machine.progress("proving", done, total),
    )
    if len(parted) or len(near):
        if len(parted):
            first, second = int(parted[0]), int(one_of[places[parted[0]]])
        else:
            first, second = (int(one_of[place]) for place in near[0])
        raise Leak(
            f"{len(parted) + len(near):,} near-duplicates across splits, such as {paths[first]} "
            f"and {paths[second]}; nothing is written, run `vsearch check` and report this"
        )
    return pairs


def _part(name: str, share: float, groups: Sequence[Counter[str]]) -> Part:
    counts = sum(groups, Counter[str]())
    labels = {label: counts[label] for label in sorted(counts) if label}
    return Part(name, share, counts.total(), len(groups), labels)


def _few(groups: Sequence[Counter[str]], splits: int) -> tuple[str, ...]:
    having = Counter(label for group in groups for label in group if label)
    return tuple(sorted(label for label, count in having.items() if count < splits))
