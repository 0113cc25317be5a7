"""Where the relevant items came, ties and all, and the metrics of ranked retrieval.

Items of equal score are in no order: every metric here is the mean over all orders of them, in
closed form (McSherry and Najork, "Computing Information Retrieval Performance Measures Efficiently
in the Presence of Tied Scores", ECIR 2008). Copies of a picture have exactly equal cosines, and in
which order rows happen to lie in an index must not decide.

A `Ranking` holds what the metrics need and no more: how many items are above and beside those that
are relevant. It is made from a block of queries at a time (`ranked`), so that nothing is ever
queries x gallery. It takes about 40 bytes for each relevant item and query; where queries have
thousands of them (classes of a large set), compute the metrics block by block and keep those.

Metrics are float64 by query, (q,), in [0, 1] but for `first_rank`. A query for which nothing is
relevant has no value: nan, to be left out of means. Relevant items that are not in the gallery
count as never found: they are in the denominators of recall, average precision, R-precision and in
the ideal of nDCG. Ranks are counted from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

_SORTED_FROM = 24  # groups of a query from which on one sort is quicker than counting for each


@dataclass(frozen=True, slots=True)
class Ranking:
    """Where the relevant items of q queries came, as g groups of items of equal score.

    A group has at least one relevant item; groups of a query come the best first, and query i's are
    starts[i]:starts[i + 1]. Grades are above zero; all 1 where relevance is not graded.
    """

    starts: Integers
    """(q + 1,) where each query's groups begin."""
    above: Integers
    """(g,) how many items of the query's gallery score higher."""
    tied: Integers
    """(g,) how many items have this score, relevant or not, at least 1."""
    relevant: Integers
    """(g,) how many of them are relevant, in [1, tied]."""
    gain: Floats
    """(g,) the sum of the grades of those."""
    totals: Integers
    """(q,) how many items are relevant, with those that are not in the gallery."""
    ideal_starts: Integers
    """(q + 1,) where the grades of each query begin."""
    ideal: Floats
    """(sum of totals,) the grades of all that is relevant, by query, the highest first."""
    sizes: Integers
    """(q,) how many items the gallery of the query has."""

    def __len__(self) -> int:
        return len(self.totals)


def ranked(
    scores: NDArray[np.floating[Any]],
    relevant: Sequence[Integers],
    grades: Sequence[Floats] | None = None,
    *,
    without: Integers | None = None,
    missing: Sequence[Floats] | None = None,
) -> Ranking:
    """Return where the relevant items came by `scores` (b, n), higher is better.

    `relevant[i]` are the positions in [0, n) of what is relevant to query i, none twice, in any
    order; `grades[i]` their grades above zero, 1 without. `without` (b,) is the position that is no
    item of a query's gallery, -1 for none: the query itself, where one is left out; it counts
    nowhere, and may stand in `relevant`. `missing[i]` are the grades of relevant items that are not
    in the gallery at all.

    A score that is not finite (-inf, of a damaged picture) is below all that are, and equal to all
    others that are not. Costs O(n) for each relevant item, or one sort of the n scores where there
    are many. Raises ValueError for positions outside of the gallery or named twice, and for grades
    that are not above zero.
    """
    import numpy as np

    queries, n = scores.shape
    if not np.isfinite(scores).all():
        scores = np.where(np.isfinite(scores), scores, -np.inf)
    rows, positions = _flat(relevant, np.int64)
    gains = np.ones(len(positions)) if grades is None else _flat(grades, np.float64)[1]
    if len(gains) != len(positions):
        raise ValueError("relevant items and their grades must be as many")
    if len(positions) and (positions.min() < 0 or positions.max() >= n):
        raise ValueError(f"relevant positions must lie in [0, {n})")
    sizes = np.full(queries, n, np.int64)
    if without is not None:
        sizes -= without >= 0
        kept = positions != without[rows]
        rows, positions, gains = rows[kept], positions[kept], gains[kept]
    places = np.sort(rows * n + positions)
    if (places[1:] == places[:-1]).any():
        raise ValueError("a relevant position is named twice")

    values = scores[rows, positions]
    order = np.lexsort((-values, rows))
    values, grouped_rows = values[order], rows[order]
    new = np.ones(len(order), bool)  # whether a group begins here
    new[1:] = (values[1:] != values[:-1]) | (grouped_rows[1:] != grouped_rows[:-1])
    firsts = np.flatnonzero(new)
    starts = _starts(np.bincount(grouped_rows[firsts], minlength=queries))
    above, tied = _counted(scores, values[firsts], starts, without)

    lost_rows, lost = _flat(missing, np.float64) if missing is not None else (rows[:0], gains[:0])
    ideal_starts, ideal = _ideal(
        np.concatenate([rows, lost_rows]), np.concatenate([gains, lost]), queries
    )
    return Ranking(
        starts=starts,
        above=above,
        tied=tied,
        relevant=np.diff(np.append(firsts, len(order))),
        gain=np.add.reduceat(gains[order], firsts) if len(firsts) else gains[:0],
        totals=np.diff(ideal_starts),
        ideal_starts=ideal_starts,
        ideal=ideal,
        sizes=sizes,
    )


def ranked_lists(
    relevance: NDArray[np.bool_] | Floats,
    totals: Integers,
    grades: Sequence[Floats] | None = None,
) -> Ranking:
    """Return where the relevant items came in lists that are in order already, without ties.

    `relevance` (q, k) tells what came at each rank: whether it is relevant, or its grade, zero for
    what is not. Where fewer than k came, the rest is zero. `totals` (q,) is how many items are
    relevant, whether they came or not; `grades[i]` are the grades of all of them, 1 without.
    Raises ValueError where more came than there are.
    """
    import numpy as np

    queries, k = relevance.shape
    rows, places = np.nonzero(relevance)
    came = np.bincount(rows, minlength=queries)
    if (came > totals).any():
        raise ValueError("more relevant items came than there are")
    if grades is None:
        all_rows, all_grades = np.repeat(np.arange(queries), totals), np.ones(totals.sum())
    else:
        all_rows, all_grades = _flat(grades, np.float64)
        if not np.array_equal(np.bincount(all_rows, minlength=queries), totals):
            raise ValueError("totals and grades must tell of as many relevant items")
    ideal_starts, ideal = _ideal(all_rows, all_grades, queries)
    one = np.ones(len(rows), np.int64)
    return Ranking(
        starts=_starts(came),
        above=places.astype(np.int64),
        tied=one,
        relevant=one,
        gain=relevance[rows, places].astype(np.float64),
        totals=totals.astype(np.int64),
        ideal_starts=ideal_starts,
        ideal=ideal,
        sizes=np.full(queries, k, np.int64),
    )


def recall_at(ranking: Ranking, k: int) -> Floats:
    """Return recall@k (q,): how much of what is relevant came among the first k.

    trec_eval's recall_k. What is called recall@k in retrieval of captions and in metric learning,
    whether anything relevant came, is `hit_rate_at`; for one relevant item they are the same.
    """
    return _over(_found(ranking, _checked(k)), ranking.totals)


def precision_at(ranking: Ranking, k: int) -> Floats:
    """Return precision@k (q,): relevant items among the first k, by k, even if fewer came.

    trec_eval's P_k.
    """
    import numpy as np

    return np.where(ranking.totals > 0, _found(ranking, _checked(k)) / k, np.nan)


def hit_rate_at(ranking: Ranking, k: int) -> Floats:
    """Return the hit rate at k (q,): the probability that something relevant is among the first k.

    Only the first group decides. Of its t items, r of them relevant, m fall into the first k, and
    all of those miss with C(t - r, m) / C(t, m) (hypergeometric). trec_eval's success_k; "recall@k"
    of Flickr30k, COCO and of metric learning.
    """
    import numpy as np

    first, has = _first(ranking)
    tied, relevant = ranking.tied[first], ranking.relevant[first]
    drawn = np.clip(_checked(k) - ranking.above[first], 0, tied)
    hit = (drawn > 0).astype(np.float64)
    open_ = np.flatnonzero((drawn > 0) & (drawn <= tied - relevant))

    def missed(t: int, m: int, r: int) -> float:
        short, long = min(m, r), max(m, r)
        i = np.arange(short)
        return float(np.prod((t - long - i) / (t - i)))

    hit[open_] = 1 - _by_kind(missed, tied[open_], drawn[open_], relevant[open_])
    return _valued(ranking, has, hit, otherwise=0.0)


def reciprocal_rank(ranking: Ranking) -> Floats:
    """Return the reciprocal rank of the first relevant item (q,), 0 where none is in the gallery.

    Of a group of t items, r of them relevant, with a above, the first relevant one is the j-th with
    P(j) = C(t - j, r - 1) / C(t, r), so that the mean is the sum of P(j) / (a + j). Its mean over
    queries is the MRR (Voorhees, "The TREC-8 Question Answering Track Report", 1999).
    """
    import numpy as np

    first, has = _first(ranking)
    above, tied, relevant = ranking.above[first], ranking.tied[first], ranking.relevant[first]
    harmonic = _sums(1 / np.arange(1, _depth(ranking) + 1))
    value = (harmonic[above + tied] - harmonic[above]) / tied  # where one item is relevant
    value = np.where(tied == 1, 1 / (above + 1), value)
    several = np.flatnonzero(relevant > 1)

    def mean(a: int, t: int, r: int) -> float:
        j = np.arange(
            1, min(t - r + 1, 46 * t // r + 1) + 1
        )  # the rest is below (1 - r/t)^j < e^-46
        steps = (t - j[:-1] - r + 1) / (t - j[:-1])  # P(j + 1) / P(j)
        chances = np.cumprod(np.append(r / t, steps))
        return float((chances / (a + j)).sum())

    value[several] = _by_kind(mean, above[several], tied[several], relevant[several])
    return _valued(ranking, has, value, otherwise=0.0)


def average_precision(ranking: Ranking) -> Floats:
    """Return the average precision (q,): the mean of the precision at each relevant item's rank.

    Over the whole gallery; an item that is not in it has precision 0. trec_eval's map, and
    scikit-learn's `average_precision_score` where nothing is tied.
    """
    return _average_precision(ranking, ranking.above + ranking.tied)


def average_precision_at_r(ranking: Ranking) -> Floats:
    """Return the average precision of the first R items (q,), R being how many are relevant.

    1/R times the sum of precision@i over the ranks i <= R at which a relevant item is; MAP@R is its
    mean over queries (Musgrave, Belongie and Lim, "A Metric Learning Reality Check", ECCV 2020).
    """
    import numpy as np

    return _average_precision(ranking, np.repeat(ranking.totals, np.diff(ranking.starts)))


def r_precision(ranking: Ranking) -> Floats:
    """Return the precision of the first R items (q,), R being how many are relevant.

    trec_eval's Rprec; the R-precision of Musgrave, Belongie and Lim (2020).
    """
    return _over(_found(ranking, ranking.totals), ranking.totals)


def ndcg_at(ranking: Ranking, k: int | None = None) -> Floats:
    """Return nDCG@k (q,): discounted gain of the first k by that of the best order; None for all.

    The gain of an item is its grade (linear, not 2^grade - 1), the discount of rank i is
    log2(i + 1), as trec_eval and scikit-learn have it (Järvelin and Kekäläinen, "Cumulated
    Gain-Based Evaluation of IR Techniques", 2002, with Burges' discount).
    """
    import numpy as np

    deepest = max(_depth(ranking), int(ranking.totals.max(initial=0)))
    k = deepest if k is None else min(_checked(k), deepest)
    discounts = _sums(1 / np.log2(np.arange(2, deepest + 2)))
    came = discounts[np.minimum(ranking.above + ranking.tied, k)]
    came -= discounts[np.minimum(ranking.above, k)]
    gained = _by_query(ranking, ranking.gain / ranking.tied * came)
    rows, places = _ragged(ranking.totals)
    best = np.where(places < k, ranking.ideal / np.log2(places + 2), 0.0)
    return _over(gained, np.bincount(rows, best, minlength=len(ranking)))


def first_rank(ranking: Ranking) -> Floats:
    """Return the rank of the first relevant item (q,), inf where none is in the gallery.

    In a group of t items, r of them relevant, with a above, it is a + (t + 1) / (r + 1) on average.
    Mean and median rank are made of it.
    """
    import numpy as np

    first, has = _first(ranking)
    rank = ranking.above[first] + (ranking.tied[first] + 1) / (ranking.relevant[first] + 1)
    return _valued(ranking, has, rank, otherwise=np.inf)


def _counted(
    scores: NDArray[np.floating[Any]],
    values: NDArray[np.floating[Any]],
    starts: Integers,
    without: Integers | None,
) -> tuple[Integers, Integers]:
    """Return how many of a query's scores are above and how many equal to each of `values` (g,)."""
    import numpy as np

    n = scores.shape[1]
    above = np.empty(len(values), np.int64)
    reached = np.empty(len(values), np.int64)  # how many are at least as high
    for row, (start, stop) in enumerate(
        zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ):
        own = scores[row]
        if stop - start >= _SORTED_FROM:
            ascending = np.sort(own)
            above[start:stop] = n - np.searchsorted(ascending, values[start:stop], "right")
            reached[start:stop] = n - np.searchsorted(ascending, values[start:stop], "left")
        else:
            for group in range(start, stop):
                above[group] = np.count_nonzero(own > values[group])
                reached[group] = np.count_nonzero(own >= values[group])
    if without is not None:
        rows = np.repeat(np.arange(len(scores)), np.diff(starts))
        left_out = without[rows]
        own_score = scores[rows, left_out]  # of some other item for -1, and then not counted
        above -= (left_out >= 0) & (own_score > values)
        reached -= (left_out >= 0) & (own_score >= values)
    return above, reached - above


def _average_precision(ranking: Ranking, depth: Integers) -> Floats:
    """Return 1/R times the sum of the precision at relevant items of rank <= `depth` (g,).

    In a group of t items, r of them relevant, with a items and c relevant ones above, rank a + j
    has a relevant item with r/t, and then c + 1 + (j - 1)(r - 1)/(t - 1) relevant ones up to it.
    """
    import numpy as np

    above, tied, relevant = ranking.above, ranking.tied, ranking.relevant
    before = np.cumsum(relevant) - relevant
    firsts = np.minimum(ranking.starts[:-1], max(0, len(before) - 1))
    if len(before):
        before = before - np.repeat(before[firsts], np.diff(ranking.starts))
    drawn = np.clip(depth - above, 0, tied)
    harmonic = _sums(1 / np.arange(1, _depth(ranking) + 1))
    # The sum of 1 / (a + j) and of (j - 1) / (a + j) over j = 1 .. drawn.
    ones = harmonic[above + drawn] - harmonic[above]
    others = drawn - (above + 1) * ones
    slope = (relevant - 1) / np.maximum(tied - 1, 1)
    precisions = relevant / tied * ((before + 1) * ones + slope * others)
    return _over(_by_query(ranking, precisions), ranking.totals)


def _found(ranking: Ranking, k: int | Integers) -> Floats:
    """Return how many relevant items are among the first k (q,), on average over orders of ties."""
    import numpy as np

    depth = np.repeat(np.broadcast_to(k, len(ranking)), np.diff(ranking.starts))
    drawn = np.clip(depth - ranking.above, 0, ranking.tied)
    return _by_query(ranking, ranking.relevant * drawn / ranking.tied)


def _by_query(ranking: Ranking, values: Floats) -> Floats:
    """Return the sums of `values` (g,) by query: (q,)."""
    import numpy as np

    rows = np.repeat(np.arange(len(ranking)), np.diff(ranking.starts))
    return np.bincount(rows, values, minlength=len(ranking)).astype(np.float64)


def _by_kind(function: Callable[..., float], *columns: Integers) -> Floats:
    """Return what `function` makes of each row of `columns` (h,), once for equal rows: (h,)."""
    import numpy as np

    kinds, back = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    values = np.array([function(*kind) for kind in kinds.tolist()], np.float64)
    return values[back.reshape(-1)]


def _first(ranking: Ranking) -> tuple[Integers, NDArray[np.bool_]]:
    """Return each query's first group (h,), of those that have one, and which have (q,)."""
    import numpy as np

    has = np.diff(ranking.starts) > 0
    return ranking.starts[:-1][has], has


def _valued(
    ranking: Ranking, has: NDArray[np.bool_], values: Floats, *, otherwise: float
) -> Floats:
    """Return `values` for the queries that `has` says, `otherwise` or nan for the others: (q,)."""
    import numpy as np

    result: Floats = np.where(ranking.totals > 0, otherwise, np.nan)
    result[has] = values
    return result


def _over(sums: Floats, totals: Integers | Floats) -> Floats:
    """Return the ratios, nan where the total is zero."""
    import numpy as np

    ratios: Floats = np.full(len(sums), np.nan)
    np.divide(sums, totals, out=ratios, where=totals > 0)
    return ratios


def _checked(k: int) -> int:
    """Return k, or raise ValueError where it is below 1."""
    if k < 1:
        raise ValueError(f"k is at least 1, not {k}")
    return k


def _depth(ranking: Ranking) -> int:
    """Return the lowest rank of a group that has something relevant."""
    return int((ranking.above + ranking.tied).max(initial=0))


def _sums(terms: Floats) -> Floats:
    """Return the sums of the first 0, 1, ..., n of n `terms`: (n + 1,)."""
    import numpy as np

    return np.concatenate([np.zeros(1), np.cumsum(terms)])


def _starts(lengths: Integers) -> Integers:
    """Return where runs of such `lengths` (q,) begin, and the end: (q + 1,)."""
    import numpy as np

    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _ragged(lengths: Integers) -> tuple[Integers, Integers]:
    """Return for each element of runs of such `lengths` its run and its place in it, from 0."""
    import numpy as np

    runs = np.repeat(np.arange(len(lengths)), lengths)
    return runs, np.arange(len(runs)) - _starts(lengths)[runs]


def _flat(parts: Sequence[NDArray[Any]], dtype: type[Any]) -> tuple[Integers, NDArray[Any]]:
    """Return of which query each element of all `parts` is, and the elements."""
    import numpy as np

    rows = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return rows, np.concatenate([np.empty(0, dtype), *parts]).astype(dtype, copy=False)


def _ideal(rows: Integers, grades: Floats, queries: int) -> tuple[Integers, Floats]:
    """Return where the `grades` of each query begin, and they by query, the highest first."""
    import numpy as np

    if not (grades > 0).all() or not np.isfinite(grades).all():
        raise ValueError("grades must be finite and above zero")
    order = np.lexsort((-grades, rows))
    return _starts(np.bincount(rows, minlength=queries)), grades[order]
