"""Labels that may be wrong: what pictures like it say of each, and confident learning about that.

A picture's classes are told by a classifier that has not seen it, nor a near duplicate of it: those
were labelled with it, by the same hand or in the same mistake, and would vouch for any label. What
comes out is a probability of each class, and is handed to confident learning (Northcutt, Jiang,
Chuang: "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021): a picture of
one class is confidently of another when it is as probable there as the pictures of that one are on
average. They are ranked by the normalised margin of that paper: how much more probable the other
class is than the given one. Adjusting it by those averages, and other numbers of neighbours, found
less on clip art with labels that had been exchanged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.analysis.classifier import FOLDS, Classifier
from vsearch.analysis.neighbours import nearest
from vsearch.analysis.results import Confusion, Neighbour, Suspect, Suspects
from vsearch.duplicates.near import is_near
from vsearch.images.perceptual import distances

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.analysis.contents import Contents, Places
    from vsearch.analysis.groups import Alike

NEIGHBOURS = 20
LEAST = FOLDS
"""Pictures a class must have, near duplicates counted once: of fewer there are none to tell it by
in every fold."""
SHOWN = 5
"""Neighbours that are told."""
_ROWS = 4096  # of probabilities at once: with 1,000 classes 32 MB


@dataclass(frozen=True, slots=True)
class Doubts:
    """What is thought of each label: arrays (n,).

    `proposed` is the most probable class beside the given one, `given` and `other` are their
    probabilities; `confident` whether confident learning counts it as an error.
    """

    proposed: NDArray[np.int64]
    given: NDArray[np.float64]
    other: NDArray[np.float64]
    confident: NDArray[np.bool_]


def suspects(
    contents: Contents,
    near: Alike,
    hashes: NDArray[np.uint8],
    top: int,
    seed: int,
    progress: Callable[[str, int, int], None],
) -> Suspects | None:
    """Return the suspects; None where fewer than two classes can be told apart.

    `hashes` (n, 32) are the perceptual hashes of the contents.
    """
    import numpy as np

    if contents.known is None or len(contents.classes()) < 2:
        return None
    numbers = contents.classes()
    files, of_file, given = _labelled_files(contents, numbers)
    groups = near.stand_ins[of_file]
    once = np.unique(np.column_stack([given, groups]), axis=0)[:, 0]
    enough = np.bincount(once, minlength=len(numbers)) >= LEAST
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
        some, some, min(NEIGHBOURS, len(some) - 1), query_groups=groups,
        target_groups=groups, progress=lambda done, total: progress("labels", done, total),
    )  # fmt: skip
    _leave_out_near(places, cosines, hashes[of_file])
    classifier = Classifier(some, classes, groups, places, cosines, seed)
    names = list(numbers)
    place_of = {names[number]: place for place, number in enumerate(used.tolist())}
    besides = {
        place: [place_of[one] for one in contents.known.besides[file] if one in place_of]
        for place, file in enumerate(files.tolist())
        if file in contents.known.besides
    }
    found = doubts(classes, classifier.probabilities, besides)
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
    there = places >= 0
    shown = files[places[there][:SHOWN]].tolist()
    return tuple(
        Neighbour(contents.picture(file), float(cosine))
        for file, cosine in zip(shown, cosines[there].tolist(), strict=False)
    )


def _leave_out_near(
    places: Places, cosines: NDArray[np.float32], hashes: NDArray[np.uint8]
) -> None:
    """Make places -1 and cosines nan (n, k) where a neighbour is a near duplicate.

    Those that one picture stands in for are left out from the beginning; one that is near to
    several of these is in the group of one of them only.
    """
    import numpy as np

    for start in range(0, len(places), _ROWS):
        some, cos = places[start : start + _ROWS], cosines[start : start + _ROWS]
        row, column = np.nonzero(some >= 0)
        for part in range(0, len(row), 16 * _ROWS):
            rows, columns = row[part : part + 16 * _ROWS], column[part : part + 16 * _ROWS]
            bits = distances(hashes[start + rows], hashes[some[rows, columns]])
            near = is_near(cos[rows, columns], bits)
            some[rows[near], columns[near]] = -1
            cos[rows[near], columns[near]] = np.nan


def doubts(
    labels: NDArray[np.int64],
    probabilities: Callable[[int, int], NDArray[np.float64]],
    besides: Mapping[int, Collection[int]],
) -> Doubts:
    """Return what is to be thought of each label.

    `labels` (n,) are classes from 0 on, each given to one at least. `probabilities` of pictures
    from one place to before another are out of sample (m, classes). `besides` are other classes a
    picture has, too: they do not speak against the one that counts.
    """
    import numpy as np

    bounds = [(start, min(start + _ROWS, len(labels))) for start in range(0, len(labels), _ROWS)]
    given = np.empty(len(labels))
    for start, end in bounds:
        given[start:end] = probabilities(start, end)[np.arange(end - start), labels[start:end]]
    usual = np.bincount(labels, given) / np.bincount(labels)

    proposed = np.empty(len(labels), dtype=np.int64)
    other = np.empty(len(labels))
    confident = np.empty(len(labels), dtype=bool)
    for start, end in bounds:
        some, own = probabilities(start, end), labels[start:end]
        for place in range(start, end) if besides else ():
            also = [one for one in besides.get(place, ()) if one != labels[place]]
            some[place - start, also] = 0
        above = np.where(some >= usual, some, -1)  # of these, confident learning takes the largest
        confident[start:end] = (above.max(axis=1) >= 0) & (above.argmax(axis=1) != own)
        some[np.arange(end - start), own] = -1
        proposed[start:end] = some.argmax(axis=1)
        other[start:end] = some.max(axis=1)
    return Doubts(proposed, given, other, confident)
