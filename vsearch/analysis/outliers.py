"""Pictures that lie apart from the others, measured by how close together their neighbours lie.

Breunig, Kriegel, Ng, Sander: "LOF: Identifying Density-Based Local Outliers" (SIGMOD 2000). A
collection has dense parts (a burst, screenshots) and sparse ones (holidays), so that a distance
alone tells little: it is held against those between the neighbours. Near duplicates count as one
picture here: two copies of a strange one are strange all the same, and many copies of a usual one
would make all that is beside them look far away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.analysis.neighbours import distances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEIGHBOURS = 20
"""Of each picture; the smallest number that Breunig et al. found steady is 10, for groups of up to
about as many as this that lie apart together."""
LEAST = 10
"""With fewer pictures, there is nothing that others could be apart from."""
THRESHOLD = 1.5
_SMALLEST = 1e-6  # of a distance: equal vectors would have neighbours of no density at all


def local_outlier_factors(
    places: NDArray[np.int64], cosines: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return how many times as far apart each picture is as its neighbours are: (n,).

    From the neighbours of each, `places` (n, k) and `cosines` (n, k) as `nearest` returns them,
    all of them there. About 1 within a group of any density.
    """
    import numpy as np

    far = np.maximum(distances(cosines), _SMALLEST)  # (n, k)
    reach = np.maximum(far, far[places, -1])  # from each neighbour, its own k-th distance at least
    density = 1 / reach.mean(axis=1)
    return np.asarray(density[places].mean(axis=1) / density)
