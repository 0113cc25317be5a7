"""An index, and labels where there are some -> an Analysis."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from vsearch.analysis import coverage, outliers, projection, suspects
from vsearch.analysis.facts import Counts
from vsearch.analysis.labelling import Files, Labelled, labelled
from vsearch.analysis.leakage import NO_SIDE, SEVERAL, Alike, alike
from vsearch.analysis.neighbours import distances, nearest
from vsearch.analysis.results import (
    MOST_PAIRS,
    Analysis,
    Chosen,
    Confusion,
    Coverage,
    Duplicates,
    Group,
    Leak,
    Map,
    Neighbour,
    Outlier,
    Outliers,
    Pair,
    Picture,
    Point,
    Radius,
    Suspect,
    Suspects,
)
from vsearch.duplicates.find import near_pairs, path_of
from vsearch.index import Index
from vsearch.truth.read import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.analysis.results import Facts
    from vsearch.conditions import Condition

    Places = NDArray[np.int64]

SHOWN = 5  # neighbours of a picture that are told
CENTRES = 100  # pictures that the curve of coverage goes to


def analyze(
    folder: Path,
    *,
    labels_from: Path | Literal["keywords", "folders"] | None = None,
    images: Path | None = None,
    condition: Condition | None = None,
    top: int = 20,
    map_points: int = 5000,
    seed: int = 0,
    workers: int,
    pixel_limit: int,
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
) -> Analysis:
    """Return what there is to say about the pictures in the index in `folder`.

    Labels, and splits, are those of the truth file or folder `labels_from` (its pictures below
    `images`, see `truth.read`), or of keywords or folders; None: whichever there are. With a
    `condition`, only files that meet it are looked at. `top` is how many are listed of what is
    ranked, `map_points` how many pictures are on the map, at most. What is not told by its hash yet
    is decoded by `workers`, at most `pixel_limit` pixels each. `progress` is told what is being
    done, and how much of how much of it is.

    Raises StoreError when the index cannot be used, SourceError and UsageError as `truth.read`.
    """
    import numpy as np

    source = labels_from if isinstance(labels_from, str) else None
    place = None if isinstance(labels_from, str) else labels_from
    truth = None if place is None else read(place, images=images)
    with Index(folder) as index:
        files, facts = _files(index, condition)
        known = labelled(files, truth, place, source)
        del truth
        content_of_row, starts = np.unique(np.array(files.rows, np.int64), return_index=True)
        vectors, damaged = _vectors(index, content_of_row)
        hashes, are_known = index.perceptual_hashes(content_of_row)
        featureless = are_known & ~hashes.any(axis=1)
        contents = Contents(
            files, known, np.append(starts, len(files.rows)), vectors, ~damaged & ~featureless
        )
        near = alike(
            near_pairs(
                index, content_of_row, workers=workers, pixel_limit=pixel_limit,
                progress=lambda done, total: progress("duplicates", done, total),
            ),
            len(content_of_row),
            contents.sides(),
        )  # fmt: skip
        model = index.model
    duplicates = _duplicates(contents, near, top)
    apart, are_apart = _outliers(contents, near, featureless & ~damaged, top, progress)
    doubted = _suspects(contents, near, top, progress)
    covered = _coverage(contents, near, are_apart, top)
    return Analysis(
        index=str(folder),
        model=model,
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        seed=seed,
        top=top,
        filtered=condition is not None,
        pictures=len(files.paths),
        contents=len(content_of_row),
        damaged=int(np.diff(contents.starts)[damaged].sum()),
        facts=facts,
        labelling=known.labelling if known else None,
        duplicates=duplicates,
        outliers=apart,
        suspects=doubted,
        coverage=covered,
        map=_map(
            contents, ~damaged, _named(duplicates, apart, doubted, covered, top), map_points, seed,
            progress,
        ),
    )  # fmt: skip


def _files(index: Index, condition: Condition | None) -> tuple[Files, Facts]:
    files, counts = Files(), Counts()
    for entry in index.entries(condition):
        files.paths.append(path_of(entry))
        files.rows.append(entry.row)
        files.sides.append((entry.facts.width, entry.facts.height))
        files.keywords.append(entry.facts.labels)
        counts.add(entry)
    return files, counts.facts()


def _vectors(index: Index, rows: Places) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the embeddings of the ascending `rows`, zeros where damaged, and which are."""
    import numpy as np

    vectors = np.zeros((len(rows), index.model.dim if index.model else 1), dtype=np.float32)
    damaged = np.ones(len(rows), dtype=bool)
    for first, block in index.blocks():
        if block is not None:
            low, high = np.searchsorted(rows, [first, first + len(block)])
            vectors[low:high] = block[rows[low:high] - first]
            damaged[low:high] = False
    return vectors, damaged


@dataclass(frozen=True, slots=True)
class Contents:
    """The different contents (n,), in the order of the index, and their files.

    Content i is that of the files from `starts[i]` to `starts[i + 1]`, `vectors` (n, dim) are their
    embeddings, `usable` (n,) those whose embedding is there and says something.
    """

    files: Files
    known: Labelled | None
    starts: Places
    vectors: NDArray[np.float32]
    usable: NDArray[np.bool_]

    def files_of(self, content: int) -> range:
        """Return the files of a content."""
        return range(int(self.starts[content]), int(self.starts[content + 1]))

    def label(self, file: int) -> str | None:
        """Return a file's label."""
        return self.known.labels[file] if self.known else None

    def split(self, file: int) -> str | None:
        """Return a file's split."""
        return self.known.splits[file] if self.known else None

    def picture(self, file: int) -> Picture:
        """Return what is shown of a file."""
        return Picture(
            self.files.paths[file], *self.files.sides[file], self.label(file), self.split(file)
        )

    def shown(self, content: int) -> Picture:
        """Return what is shown of a content: its first file that has a label, else the first."""
        files = self.files_of(content)
        return self.picture(next((one for one in files if self.label(one) is not None), files[0]))

    def labelled(self) -> NDArray[np.bool_]:
        """Return which contents have a label: (n,)."""
        import numpy as np

        return np.array(
            [
                any(self.label(file) is not None for file in self.files_of(content))
                for content in range(len(self.usable))
            ],
            dtype=bool,
        )

    def classes(self) -> dict[str, int]:
        """Return a number for each class."""
        listed = self.known.labelling.classes if self.known else ()
        return {one.label: number for number, one in enumerate(listed)}

    def sides(self) -> Places | None:
        """Return the split of each content (n,) for `alike`; None where there are no splits."""
        import numpy as np

        if self.known is None or not self.known.labelling.splits:
            return None
        number = {split: place for place, split in enumerate(self.known.labelling.splits)}
        sides = np.full(len(self.usable), NO_SIDE, dtype=np.int64)
        for content in range(len(sides)):
            of_it = {self.split(file) for file in self.files_of(content)} - {None}
            if of_it:
                sides[content] = SEVERAL if len(of_it) > 1 else number[of_it.pop() or ""]
        return sides


# Twice


def _duplicates(contents: Contents, near: Alike, top: int) -> Duplicates:
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
            counts[first, second, "exact"], counts[first, second, "near"],
        )
        for first, second in sorted({key[:2] for key in counts})
    )  # fmt: skip
    return leaks, tuple(pairs), len(leaking)


def _crossing(
    contents: Contents, near: Alike
) -> Iterator[tuple[int, int, Literal["exact", "near"], float | None, int | None]]:
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
                    yield one, other, "near", min(cosine, 1.0), bits


# Apart


def _outliers(
    contents: Contents,
    near: Alike,
    featureless: NDArray[np.bool_],
    top: int,
    progress: Callable[[str, int, int], None],
) -> tuple[Outliers, NDArray[np.bool_]]:
    """Return the outliers, and which contents (n,) are some."""
    import numpy as np

    are_apart = np.zeros(len(contents.usable), dtype=bool)
    standing = np.flatnonzero(_stand_ins(contents, near))
    listed: list[tuple[float, int, Places, NDArray[np.float32]]] = []
    k, threshold = 0, 0.0
    if len(standing) >= outliers.LEAST:
        k = min(outliers.NEIGHBOURS, len(standing) - 1)
        scores, listed = _apart(
            contents, standing, k, top, lambda done, total: progress("outliers", done, total)
        )
        threshold = outliers.threshold(scores)
        are_apart[standing] = scores >= threshold
    odd: list[tuple[float, int, Places, NDArray[np.float32], str]] = []
    odd_found = 0
    members = _by_class(contents, near) if len(contents.classes()) > 1 else {}
    for done, (label, of_it) in enumerate(members.items(), 1):
        progress("odd ones out", done, len(members))
        if len(of_it) >= outliers.LEAST:
            scores, some = _apart(
                contents, of_it, min(outliers.NEIGHBOURS, len(of_it) - 1), top, lambda *_: None
            )
            odd_found += int((scores >= outliers.threshold(scores)).sum())
            odd += [(*one, label) for one in some]
    odd = sorted(odd, key=lambda one: (-one[0], one[1]))[:top]
    return (
        Outliers(
            listed=tuple(_outlier(contents, *one) for one in listed),
            found=int(are_apart.sum()),
            odd=tuple(_outlier(contents, *one) for one in odd),
            odd_found=odd_found,
            threshold=threshold,
            neighbours=k,
            featureless=int(np.diff(contents.starts)[featureless].sum()),
            blank=tuple(contents.shown(one) for one in np.flatnonzero(featureless)[:top].tolist()),
        ),
        are_apart,
    )


def _stand_ins(contents: Contents, near: Alike) -> NDArray[np.bool_]:
    """Return which contents (n,) are usable, near duplicates of one another counted once."""
    import numpy as np

    return np.asarray(contents.usable & (near.stand_ins == np.arange(len(near.stand_ins))))


def _by_class(contents: Contents, near: Alike) -> dict[str, Places]:
    """Return the usable contents of each class, near duplicates of one another counted once."""
    import numpy as np

    taken: dict[str, dict[int, int]] = {label: {} for label in contents.classes()}
    for content in np.flatnonzero(contents.usable).tolist():
        for label in {contents.label(file) for file in contents.files_of(content)} - {None}:
            taken[label or ""].setdefault(int(near.stand_ins[content]), content)
    return {label: np.array(list(one.values()), np.int64) for label, one in taken.items()}


def _apart(
    contents: Contents,
    places: Places,
    k: int,
    top: int,
    progress: Callable[[int, int], None],
) -> tuple[NDArray[np.float64], list[tuple[float, int, Places, NDArray[np.float32]]]]:
    """Return the score of each of some contents, and the `top` ones with their neighbours."""
    import numpy as np

    some = contents.vectors[places]
    each = np.arange(len(places))
    neighbours, cosines = nearest(
        some, some, k, query_groups=each, target_groups=each, progress=progress
    )
    scores = outliers.scores(neighbours, cosines)
    first = np.lexsort((each, -scores))[:top].tolist()
    return scores, [
        (
            float(scores[one]), int(places[one]), places[neighbours[one, :SHOWN]],
            cosines[one, :SHOWN],
        )
        for one in first
    ]  # fmt: skip


def _outlier(
    contents: Contents,
    score: float,
    content: int,
    neighbours: Places,
    cosines: NDArray[np.float32],
    among: str | None = None,
) -> Outlier:
    shown = contents.shown(content)
    if among is not None:
        files = contents.files_of(content)
        shown = contents.picture(next(one for one in files if contents.label(one) == among))
    return Outlier(shown, score, _beside(contents, neighbours, cosines), among)


def _beside(
    contents: Contents, neighbours: Places, cosines: NDArray[np.float32]
) -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(contents.shown(content), float(cosine))
        for content, cosine in zip(neighbours.tolist(), cosines.tolist(), strict=True)
    )


# Labels that may be wrong


def _suspects(
    contents: Contents, near: Alike, top: int, progress: Callable[[str, int, int], None]
) -> Suspects | None:
    """Return the suspects; None where fewer than two classes can be told apart."""
    import numpy as np

    if contents.known is None or len(contents.classes()) < 2:
        return None
    numbers = contents.classes()
    files, of_file, given = _labelled_files(contents, numbers)
    groups = near.groups[of_file]
    once = np.unique(np.column_stack([given, groups]), axis=0)[:, 0]
    enough = np.bincount(once, minlength=len(numbers)) >= suspects.LEAST
    kept = enough[given]
    left_out = contents.known.labelling.labelled - int(
        sum(one.pictures for one, is_one in zip(
            contents.known.labelling.classes, enough.tolist(), strict=True) if is_one)
    )  # fmt: skip
    if enough.sum() < 2:
        return None
    files, of_file, given, groups = files[kept], of_file[kept], given[kept], groups[kept]
    used, classes = np.unique(given, return_inverse=True)
    some = contents.vectors[of_file]
    places, cosines = nearest(
        some, some, min(suspects.NEIGHBOURS, len(some) - 1), query_groups=groups,
        target_groups=groups, progress=lambda done, total: progress("labels", done, total),
    )  # fmt: skip
    del some
    names = list(numbers)
    place_of = {names[number]: place for place, number in enumerate(used.tolist())}
    besides = {
        place: [place_of[one] for one in contents.known.besides[file] if one in place_of]
        for place, file in enumerate(files.tolist())
        if file in contents.known.besides
    }
    found = suspects.doubts(classes, places, cosines, groups, besides)
    margin = found.other - found.given
    order = np.lexsort((np.arange(len(files)), -margin))[:top].tolist()
    counted = Counter(
        zip(
            classes[found.confident].tolist(), found.proposed[found.confident].tolist(), strict=True
        )
    )
    label = [names[number] for number in used.tolist()]
    return Suspects(
        listed=tuple(
            Suspect(
                contents.picture(int(files[one])),
                label[classes[one]],
                label[found.proposed[one]],
                float(found.given[one]),
                float(found.other[one]),
                float(margin[one]),
                bool(found.confident[one]),
                _neighbours_of(contents, files, places[one], cosines[one]),
            )
            for one in order
        ),
        found=int(found.confident.sum()),
        tested=len(files),
        left_out=left_out,
        classes=len(used),
        accuracy=float((found.given >= found.other).mean()),
        confusions=tuple(
            Confusion(label[one], label[other], count)
            for (one, other), count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
        )[:top],
    )


def _labelled_files(contents: Contents, numbers: dict[str, int]) -> tuple[Places, Places, Places]:
    """Return the labelled files that are usable, one of each content and label: (m,) each.

    The file, its content, and the number of its class.
    """
    import numpy as np

    rows = []
    for content in np.flatnonzero(contents.usable).tolist():
        seen = set()
        for file in contents.files_of(content):
            label = contents.label(file)
            if label is not None and label not in seen:
                seen.add(label)
                rows.append((file, content, numbers[label]))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _neighbours_of(
    contents: Contents, files: Places, places: Places, cosines: NDArray[np.float32]
) -> tuple[Neighbour, ...]:
    there = places[:SHOWN][places[:SHOWN] >= 0]
    return tuple(
        Neighbour(contents.picture(file), float(cosine))
        for file, cosine in zip(files[there].tolist(), cosines.tolist(), strict=False)
    )


# Coverage


def _coverage(contents: Contents, near: Alike, are_apart: NDArray[np.bool_], top: int) -> Coverage:
    import numpy as np

    standing = np.flatnonzero(_stand_ins(contents, near))
    vectors = contents.vectors[standing]
    closest = np.full(len(standing), coverage.NONE, dtype=np.float32)
    curve = tuple(
        _radius(number, closest)
        for number, _ in enumerate(coverage.furthest_first(vectors, closest, CENTRES), 1)
    )
    is_labelled = contents.labelled()
    mine = is_labelled[standing]
    targets = np.flatnonzero(is_labelled & contents.usable)
    closest = np.full(len(standing), coverage.NONE, dtype=np.float32)
    radius = None
    if len(targets) and len(standing):
        closest[mine] = 1
        _, cosines = nearest(
            vectors[~mine], contents.vectors[targets], 1,
            query_groups=np.zeros(int((~mine).sum()), np.int64),
            target_groups=np.ones(len(targets), np.int64),
        )  # fmt: skip
        closest[~mine] = cosines[:, 0]
        radius = _radius(len(targets), closest)
    open_ = ~mine & ~are_apart[standing]
    candidates, remaining = standing[open_], closest[open_]
    chosen = coverage.furthest_first(vectors[open_], remaining, top) if len(candidates) else ()
    return Coverage(
        curve,
        radius,
        tuple(
            Chosen(
                contents.shown(int(candidates[place])), None if cosine == coverage.NONE else cosine
            )
            for place, cosine in chosen
        ),
    )


def _radius(number: int, closest: NDArray[np.float32]) -> Radius:
    least = closest.min(keepdims=True)
    return Radius(number, float(distances(least)[0]), float(least[0]))


# The map


def _named(
    duplicates: Duplicates,
    apart: Outliers,
    doubted: Suspects | None,
    covered: Coverage,
    top: int,
) -> set[str]:
    """Return the paths of the pictures that are listed."""
    ranked: list[Sequence[Suspect | Outlier | Chosen]] = [
        doubted.listed if doubted else (), apart.listed, apart.odd, covered.next
    ]  # fmt: skip
    paths = {one.picture.path for some in ranked for one in some}
    for pair in duplicates.pairs[:top]:
        paths |= {pair.first.path, pair.second.path}
    return paths


def _map(
    contents: Contents,
    whole: NDArray[np.bool_],
    named: set[str],
    count: int,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Map:
    import numpy as np

    places = np.flatnonzero(whole)
    if not count or not len(places):
        return Map((), len(places), projection.PCA)
    progress("map", 0, 1)
    pictures = [contents.shown(content) for content in places.tolist()]
    numbers = contents.classes()
    chosen = projection.sampled(
        np.array([one.path in named for one in pictures]),
        np.array([numbers.get(one.label or "", -1) for one in pictures], dtype=np.int64),
        count,
        seed,
    )
    positions, method = projection.projected(contents.vectors[places[chosen]], seed)
    progress("map", 1, 1)
    return Map(
        tuple(
            Point(pictures[one], x, y)
            for one, (x, y) in zip(chosen.tolist(), positions.tolist(), strict=True)
        ),
        len(places),
        method,
    )
