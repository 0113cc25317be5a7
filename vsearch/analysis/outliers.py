"""Pictures that lie apart from the others.

How far a picture is from its neighbours tells little by itself: a collection has dense parts (a
burst, screenshots) and sparse ones (holidays), and in a sparse one every distance is large. Held
against the distances between the neighbours ("simplified LOF", Schubert, Zimek, Kriegel: "Local
outlier detection reconsidered", 2014, after Breunig et al., "LOF", SIGMOD 2000) it tells what is
odd where it is, but misses some strange ones that lie together.
So the score is both, as a geometric mean: the mean distance to the nearest (Angiulli, Pizzuti,
"Fast Outlier Detection in High Dimensional Spaces", 2002), by what is usual among all pictures, and
by what is usual among those nearest. Of LOF, either half and both, both did best on clip art,
photographs and drawings put among documents and among each other.

Near duplicates count as one picture here: two copies of a strange one are strange all the same, and
many copies of a usual one would make all that is beside them look far away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.analysis.contents import standing, standing_by_class
from vsearch.analysis.neighbours import distances, nearest
from vsearch.analysis.results import Outlier, Outliers

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.analysis.contents import Contents, Places
    from vsearch.analysis.groups import Alike

SHOWN = 5
"""Neighbours that are told."""
NEIGHBOURS = 30
"""Of each picture. Strange ones that lie together are told from the others up to about as many."""
LEAST = 10
"""With fewer pictures, there is nothing that others could be apart from."""
_SMALLEST = 1e-6  # of a distance: equal vectors have none between them
_DEVIATIONS = 3.5  # of the modified z-score, as its authors advise
_LEAST_THRESHOLD = 1.25  # where all scores are alike, the least difference would be a deviation


def outliers(
    contents: Contents,
    near: Alike,
    featureless: NDArray[np.bool_],
    top: int,
    progress: Callable[[str, int, int], None],
) -> tuple[Outliers, NDArray[np.bool_]]:
    """Return the outliers, and which contents (n,) are some."""
    import numpy as np

    are_apart = np.zeros(len(contents.usable), dtype=bool)
    stood = standing(contents, near)
    listed: list[tuple[float, int, Places, NDArray[np.float32]]] = []
    k, threshold = 0, 0.0
    if len(stood) >= LEAST:
        k = min(NEIGHBOURS, len(stood) - 1)
        scores, listed = _apart(
            contents, stood, k, top, lambda done, total: progress("outliers", done, total)
        )
        threshold = threshold_of(scores)
        are_apart[stood] = scores >= threshold
    odd: list[tuple[float, int, Places, NDArray[np.float32], str]] = []
    odd_found = 0
    members = standing_by_class(contents, near) if len(contents.classes()) > 1 else {}
    for done, (label, of_it) in enumerate(members.items(), 1):
        progress("odd ones out", done, len(members))
        if len(of_it) >= LEAST:
            scores, some = _apart(
                contents, of_it, min(NEIGHBOURS, len(of_it) - 1), top, lambda *_: None
            )
            odd_found += int((scores >= threshold_of(scores)).sum())
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
    scores = local_scores(neighbours, cosines)
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
    return Outlier(shown, score, contents.beside(neighbours, cosines), among)


def local_scores(places: NDArray[np.int64], cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how many times as far apart each picture is as is usual: (n,), n > 0.

    From the neighbours of each, `places` (n, k) and `cosines` (n, k) as `nearest` returns them,
    all of them there.
    """
    import numpy as np

    far = np.maximum(distances(cosines), _SMALLEST).mean(axis=1)
    return np.asarray(far / np.sqrt(np.median(far) * far[places].mean(axis=1)))


def threshold_of(scores: NDArray[np.float64]) -> float:
    """Return the score from which on a picture is an outlier among those of `scores` (n,), n > 0.

    Where the modified z-score (by the median absolute deviation; Iglewicz, Hoaglin: "How to Detect
    and Handle Outliers", 1993) of its logarithm is above 3.5; 1.25 at least.
    """
    import numpy as np

    logarithms = np.log(scores)
    middle = np.median(logarithms)
    deviation = np.median(np.abs(logarithms - middle)) / 0.6745
    return max(float(np.exp(middle + _DEVIATIONS * deviation)), _LEAST_THRESHOLD)
