"""Pictures that lie apart from the others.

How far a picture is from its neighbours tells little by itself: a collection has dense parts (a
burst, screenshots) and sparse ones (holidays), and in a sparse one every distance is large. Held
against the distances between the neighbours ("simplified LOF", Schubert, Zimek, Kriegel: "Local
outlier detection reconsidered", 2014, after Breunig et al., "LOF", SIGMOD 2000) it tells what is odd where it is, but misses some strange ones that lie together.
So the score is both, as a geometric mean: the mean distance to the nearest (Angiulli, Pizzuti,
"Fast Outlier Detection in High Dimensional Spaces", 2002), by what is usual among all pictures, and
by what is usual among those nearest. Of LOF, either half and both, both did best on clip art,
photographs and drawings put among documents and among each other.

Near duplicates count as one picture here: two copies of a strange one are strange all the same, and
many copies of a usual one would make all that is beside them look far away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.analysis.neighbours import distances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEIGHBOURS = 30
"""Of each picture. Strange ones that lie together are told from the others up to about as many."""
LEAST = 10
"""With fewer pictures, there is nothing that others could be apart from."""
_SMALLEST = 1e-6  # of a distance: equal vectors have none between them
_DEVIATIONS = 3.5  # of the modified z-score, as its authors advise
_LEAST_THRESHOLD = 1.25  # where all scores are alike, the least difference would be a deviation


def scores(places: NDArray[np.int64], cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how many times as far apart each picture is as is usual: (n,), n > 0.

    From the neighbours of each, `places` (n, k) and `cosines` (n, k) as `nearest` returns them,
    all of them there.
    """
    import numpy as np

    far = np.maximum(distances(cosines), _SMALLEST).mean(axis=1)
    return np.asarray(far / np.sqrt(np.median(far) * far[places].mean(axis=1)))


def threshold(scores: NDArray[np.float64]) -> float:
    """Return the score from which on a picture is an outlier among those of `scores` (n,), n > 0.

    Where the modified z-score (by the median absolute deviation; Iglewicz, Hoaglin: "How to Detect
    and Handle Outliers", 1993) of its logarithm is above 3.5; 1.25 at least.
    """
    import numpy as np

    logarithms = np.log(scores)
    middle = np.median(logarithms)
    deviation = np.median(np.abs(logarithms - middle)) / 0.6745
    return max(float(np.exp(middle + _DEVIATIONS * deviation)), _LEAST_THRESHOLD)
