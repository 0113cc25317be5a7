"""Values by query -> intervals of their mean, and whether one model is better than another.

Bootstrap: queries are drawn anew with replacement, as many as there are, and the statistic computed
from what was drawn (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993: percentile
intervals in chapter 13, tests in 16; for retrieval Sakai, SIGIR 2006). Queries that belong together
are drawn together: five captions of one picture are not five independent queries.

Where queries are few, so is what can be told: an interval of n equal values has no width, and none
of less than some twenty queries covers what it says it does.

The same seed gives the same result. Memory is bounded: some copies of the values, and 8 MB.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.results import Estimate

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Interval = tuple[float, float]

LEVEL = 0.95  # of an interval
SIGNIFICANT = 0.05  # at most, is the p-value of what is told as a difference
RESAMPLES = 2000
_DRAWS = 1 << 20  # at once
_NORMAL = 1.959964  # standard deviations from the mean to an end of an interval
_KINDS = 16  # draws of single units that take as long as drawing how often one kind comes


@dataclass(frozen=True, slots=True)
class Difference:
    """How much higher a metric is of one model than of another.

    `low` and `high` are the 95 % interval of `difference`; `p` is the two-sided p-value of "no
    difference", in (0, 1].
    """

    difference: float
    low: float
    high: float
    p: float


def interval(
    values: Floats,
    clusters: NDArray[Any] | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the 95 % interval of the mean of `values` (q,), by percentile bootstrap.

    nan is left out. `clusters` (q,) name what each query belongs to; whole clusters are drawn.
    (nan, nan) where there are no values.
    """
    sums, sizes = _units(values, clusters)
    return _percentiles(_means(sums, sizes, seed, resamples))


def paired(
    values: Floats,
    others: Floats,
    clusters: NDArray[Any] | None = None,
    *,
    spread: float = 1.0,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Difference:
    """Return how much higher the mean of `values` (q,) is than that of `others` (q,).

    Both are of the same queries, in the same order; those with nan in either are left out, and
    whole clusters drawn, as in `interval`. The p-value is how often resamples of the differences,
    shifted so that their mean is zero, differ from zero as much as what was seen: (1 + so many) /
    (1 + resamples), so that it is never 0. No test by signs of m independent differences could go
    below 2^(1 - m), and neither does this: one query proves nothing. All nan where there are no
    values, and then p is 1.

    `spread` is how much further from the difference resamples are taken to be, see `spread_of`.
    """
    sums, sizes = _units(values - others, clusters)
    difference = float(sums.sum() / sizes.sum()) if len(sums) else float("nan")
    resampled = difference + spread * (_means(sums, sizes, seed, resamples) - difference)
    return _compared(difference, resampled, len(sums))


def unpaired(one: Estimate, other: Estimate, *, spread: float = 1.0) -> Difference:
    """Return how much higher `one` is than `other`, by the intervals of both.

    For what is no mean over queries, or not over the same ones. Half the width of the interval is
    the root of the sum of the squares of theirs, on the sides that face each other (MOVER: Zou and
    Donner, "Construction of confidence limits about effect measures: A general approach", 2008), p
    that of a normal variable of that width. Of the same queries it tells less than `paired` would:
    what both have in common counts as chance. p is bounded as there, by the fewer queries; it is 1
    where an interval is unknown. `spread` is as there.

    Resamples of equal values are all equal, and their interval has no width; of such a share, in
    [0, 1], it is taken to be that of Wilson ("Probable Inference, the Law of Succession, and
    Statistical Inference", 1927). What goes above 1 is a rank, known to no better than half of one.
    """
    difference = one.value - other.value
    ranks = max(one.value, other.value) > 1
    one_below, one_above = _sides(one, ranks=ranks)
    other_below, other_above = _sides(other, ranks=ranks)
    below = spread * math.hypot(one_below, other_above)
    above = spread * math.hypot(one_above, other_below)
    margin = above if difference < 0 else below
    if difference == 0 or not math.isfinite(difference) or not math.isfinite(margin):
        p = 1.0
    else:
        p = math.erfc(_NORMAL * abs(difference) / margin / math.sqrt(2))
    p = max(p, _least_p(min(one.n, other.n)))
    return Difference(difference, difference - below, difference + above, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return each p-value, adjusted so that those up to a are all right but for a chance of a.

    However the p-values depend on each other (Holm, "A Simple Sequentially Rejective Multiple Test
    Procedure", 1979). To come below a, one of n has to be below a / n: take as many resamples.
    """
    adjusted = [1.0] * len(p_values)
    least = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, p_values[index] * (len(p_values) - place)))
        adjusted[index] = least
    return adjusted


def spread_of(queries: int, gallery: int) -> float:
    """Return how much further values spread than by the queries alone, which are in the gallery.

    Another picture asks otherwise, and is found otherwise by all the others. Of the mean over pairs
    of q queries and the n pictures they are of, the variance is that over queries times 1 + 3 q / n
    (of all, four times: Hoeffding, "A Class of Statistics with Asymptotically Normal Distribution",
    1948, for kernels of two). Metrics of ranks spread less: simulated, 1.0 to 1.8 times, not 2.
    """
    return math.sqrt(1 + 3 * queries / gallery)


def interval_of(
    statistic: Callable[[Integers], float],
    counts: Integers,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the 95 % interval of a statistic that is no mean over queries, by bootstrap.

    There are u kinds of units, counts[i] of kind i (1 each, where all differ); `statistic` gets how
    many of each kind were drawn (u,), as many as there are in all. Equal units are best counted
    together: macro F1 depends only on pairs of classes (`Confusion.counts`), so that a million
    pictures of 100 classes cost no more than the pairs that occur. Draws for which the statistic is
    nan are left out.
    """
    return _percentiles(_statistics(statistic, counts, seed, resamples))


def _units(values: Floats, clusters: NDArray[Any] | None) -> tuple[Floats, Integers]:
    """Return the sum of the values and how many they are, without nan, of what is drawn: (m,)."""
    import numpy as np

    kept = ~np.isnan(values)
    values = values[kept].astype(np.float64)
    if clusters is None:
        return values, np.ones(len(values), np.int64)
    _, which, sizes = np.unique(clusters[kept], return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(which, values, len(sizes)), np.float64), sizes.astype(np.int64)


def _means(sums: Floats, sizes: Integers, seed: int, resamples: int) -> Floats:
    """Return the means of resamples of m units with such sums and sizes: (resamples,)."""
    import numpy as np

    units = len(sums)
    if units == 0:
        return np.empty(0)
    generator = np.random.default_rng(seed)
    order = np.lexsort((sizes, sums))
    ordered = np.stack([sums, sizes], axis=1)[order]  # (m, 2) float64
    firsts = np.flatnonzero(np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1)))
    kinds, counts = ordered[firsts], np.diff(np.append(firsts, units))
    means: list[Floats] = []
    # Units that are equal need not be told apart: hits and misses are two kinds.
    few = len(kinds) * _KINDS < units
    block = max(1, _DRAWS // (len(kinds) if few else units))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        if few:
            drawn = generator.multinomial(units, counts / units, rows) @ kinds
            means.append(drawn[:, 0] / drawn[:, 1])
        else:
            chosen = generator.integers(0, units, (rows, units), np.int32)
            means.append(sums[chosen].sum(axis=1) / sizes[chosen].sum(axis=1))
    return np.concatenate(means)


def _statistics(
    statistic: Callable[[Integers], float], counts: Integers, seed: int, resamples: int
) -> Floats:
    """Return the statistic of resamples of so many units of each kind: (resamples,)."""
    import numpy as np

    kinds, units = len(counts), int(counts.sum())
    if units == 0:
        return np.empty(0)
    generator = np.random.default_rng(seed)
    results = np.empty(resamples)
    few = kinds * _KINDS < units
    kind_of = np.empty(0, np.int64) if few else np.repeat(np.arange(kinds), counts)
    for i in range(resamples):
        if few:
            drawn = generator.multinomial(units, counts / units)
        else:
            drawn = np.bincount(kind_of[generator.integers(0, units, units)], minlength=kinds)
        results[i] = statistic(drawn)
    return results[~np.isnan(results)]


def _percentiles(resampled: Floats) -> Interval:
    import numpy as np

    if not len(resampled):
        return float("nan"), float("nan")
    # Between two values where one is infinite (a rank of what is not there) nothing can be told.
    method: Literal["linear", "inverted_cdf"] = "linear"
    if np.isinf(resampled).any():
        method = "inverted_cdf"
    ends = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method=method)
    return float(ends[0]), float(ends[1])


def _sides(one: Estimate, *, ranks: bool) -> tuple[float, float]:
    """Return how far the ends of an interval are below and above its value."""
    below, above = one.value - one.low, one.high - one.value
    if ranks:
        return max(below, 0.5), max(above, 0.5)
    n, squared = max(1, one.n), _NORMAL**2
    share = min(1.0, max(0.0, one.value))
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = math.sqrt(squared * (share * (1 - share) + squared / (4 * n)) / n) / (1 + squared / n)
    return (
        share - (middle - half) if below <= 0 else below,
        middle + half - share if above <= 0 else above,
    )


def _least_p(units: int) -> float:
    """Return what no test by signs of so many independent differences goes below."""
    return 2.0 ** (1 - max(1, min(units, 1000)))


def _compared(difference: float, resampled: Floats, units: int) -> Difference:
    import numpy as np

    low, high = _percentiles(resampled)
    if not len(resampled) or np.isnan(difference):
        return Difference(difference, low, high, 1.0)
    rounded = 1e-12 * np.abs(resampled).max()  # by which sums in another order may differ
    extreme = np.count_nonzero(np.abs(resampled - difference) >= abs(difference) - rounded)
    p = (1 + extreme) / (1 + len(resampled))
    return Difference(difference, low, high, max(float(p), _least_p(units)))
