"""Values by query -> metrics with their 95 % intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.evaluation.results import Estimate
from vsearch.evaluation.significance import RESAMPLES, interval, interval_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_WORK = 50_000_000  # rows that are drawn for an interval in all, a second or two


def means(values: Mapping[str, Floats], clusters: Integers | None = None) -> dict[str, Estimate]:
    """Return the mean of the `values` (q,) of each metric; those that are nan are left out."""
    import numpy as np

    found = {}
    for name, one in values.items():
        there = int(np.count_nonzero(~np.isnan(one)))
        mean = float(np.nanmean(one)) if there else float("nan")
        found[name] = Estimate(mean, *interval(one, clusters), there)
    return found


def statistic(
    of: Callable[[Integers], float], queries: int, clusters: Integers | None = None
) -> Estimate:
    """Return a metric that is no mean over queries: `of` computes it from the queries it is given.

    It gets their numbers in [0, queries), some of them several times. Where `clusters` (q,) say
    which belong together, whole clusters are drawn.
    """
    import numpy as np

    everything = np.arange(queries)
    units = everything if clusters is None else np.unique(clusters, return_inverse=True)[1]
    value = of(everything) if queries else float("nan")
    low, high = interval_of(
        lambda counts: of(np.repeat(everything, counts[units])),
        np.ones(int(units.max(initial=-1)) + 1, dtype=np.int64),
        resamples=max(100, min(RESAMPLES, _WORK // max(queries, 1))),
    )
    return Estimate(value, low, high, queries)
