"""Queries and a gallery -> the value of every metric by query: block by block, on all cores.

Nothing is ever queries x gallery: each thread holds one block of cosines, of BLOCK_BYTES.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from vsearch.evaluation.ranking import Ranking, ranked
from vsearch.evaluation.results import Scores
from vsearch.evaluation.verification import BINS, histogram
from vsearch.vectors import best

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.gallery import Gallery

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Measures = Mapping[str, Callable[[Ranking], Floats]]
    Progress = Callable[[str, int, int], None]

BLOCK_BYTES = 32 << 20  # of cosines; what is made of them on the way takes three times that
GROUPS = 50  # of queries, of which the cosines are counted apart: what a bootstrap draws from
LOOKED_AT = 8192  # items of a gallery, of whose cosines with each query the distribution is told
_SHOWN_BINS = 256  # of the distribution that is shown
CURVE = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000)


@dataclass(frozen=True, slots=True)
class Asked:
    """The queries of a protocol: q unit `vectors` (q, dim), each with what is `relevant` to it.

    `relevant` and `grades`, `without` and `missing` are as `ranking.ranked` has them; `ids` name
    the queries, and those with the same number in `clusters` (q,) are not independent.
    """

    ids: tuple[str, ...]
    vectors: NDArray[np.float32]
    relevant: Sequence[Integers]
    grades: Sequence[Floats] | None = None
    without: Integers | None = None
    missing: Sequence[Floats] | None = None
    clusters: Integers | None = None

    def block(self, first: int, end: int, scores: NDArray[np.float32]) -> Ranking:
        """Return the ranking of the queries from `first` to `end` by `scores` (b, n)."""
        return ranked(
            scores,
            self.relevant[first:end],
            None if self.grades is None else self.grades[first:end],
            without=None if self.without is None else self.without[first:end],
            missing=None if self.missing is None else self.missing[first:end],
        )


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What came of it: `values` (q,) by metric, and the mean of the `curve`'s metric by k.

    `matching` and `others` (g, BINS) count the cosines of pairs that match, and of all others, in
    bins of equal width over [-1, 1]: of the queries i, i + g, i + 2 g, ... in row i. Of a gallery
    of twice LOOKED_AT items or more, others are every s-th, each counted s times.
    """

    values: dict[str, Floats]
    curve: tuple[tuple[int, float], ...]
    matching: Integers
    others: Integers

    def scores(self, cutoff: float | None = None) -> Scores:
        """Return the distribution of the cosines, cut to where there are any."""
        import numpy as np

        matching, others = (
            one.sum(axis=0).reshape(_SHOWN_BINS, -1).sum(axis=1)
            for one in (self.matching, self.others)
        )
        edges = np.linspace(-1, 1, _SHOWN_BINS + 1)
        used = np.flatnonzero(matching + others)
        first, end = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, _SHOWN_BINS)
        return Scores(edges[first : end + 1], matching[first:end], others[first:end], cutoff)


def retrieve(
    asked: Asked,
    gallery: Gallery,
    measures: Measures,
    curve: Callable[[Ranking, int], Floats],
    *,
    workers: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    each: Callable[[int, NDArray[np.float32]], None] = lambda _first, _scores: None,
) -> Retrieved:
    """Ask all queries, and return the value of each of the `measures` for each of them.

    `curve` is a metric that depends on k, of which the means by k are returned. `each` is called
    with the number of a block's first query and its cosines (b, n), from several threads. The
    items that `asked.without` names are in these cosines, and in nothing else.
    """
    import numpy as np

    queries, n = len(asked.ids), len(gallery.items)
    values = {name: np.full(queries, np.nan) for name in measures}
    depths = [k for k in CURVE if k <= n]
    curves = np.full((queries, len(depths)), np.nan)
    groups = max(1, min(queries, GROUPS))
    matching, others = np.zeros((groups, BINS), np.int64), np.zeros((groups, BINS), np.int64)
    stride = max(1, n // LOOKED_AT)
    size = max(1, min(256, BLOCK_BYTES // (4 * max(n, 1))))
    lock, done = Lock(), 0

    def block(first: int) -> None:
        nonlocal done
        end = min(first + size, queries)
        scores = gallery.scores(asked.vectors[first:end])
        each(first, scores)
        ranking = asked.block(first, end, scores)
        for name, measure in measures.items():
            values[name][first:end] = measure(ranking)
        for place, k in enumerate(depths):
            curves[first:end, place] = curve(ranking, k)
        group = np.arange(first, end) % groups
        looked_at = scores[:, ::stride]
        of_all = histogram(looked_at, np.repeat(group, looked_at.shape[1]), groups)
        rows = np.repeat(np.arange(end - first), [len(one) for one in asked.relevant[first:end]])
        columns = np.concatenate([np.empty(0, np.int64), *asked.relevant[first:end]])
        if asked.without is not None:
            own = asked.without[first:end]
            left = np.flatnonzero((own >= 0) & (own % stride == 0))
            of_all -= histogram(scores[left, own[left]], group[left], groups)
            kept = columns != own[rows]
            rows, columns = rows[kept], columns[kept]
        cosines, seen = scores[rows, columns], columns % stride == 0
        of_matching = histogram(cosines, group[rows], groups)
        of_all -= histogram(cosines[seen], group[rows[seen]], groups)
        with lock:
            np.add(matching, of_matching, out=matching)
            np.add(others, stride * of_all, out=others)
            done += end - first
            progress(done, queries)

    with ThreadPoolExecutor(workers) as pool:
        _finish(pool.map(block, range(0, queries, size)))
    means = [float(np.nanmean(one)) if np.isfinite(one).any() else float("nan") for one in curves.T]
    return Retrieved(values, tuple(zip(depths, means, strict=True)), matching, others)


def _finish(work: Iterable[None]) -> None:
    """Wait for all of it, and raise what one of it raised."""
    for _ in work:
        pass


def at(
    depths: Sequence[int], metric: Callable[[Ranking, int], Floats], name: str
) -> dict[str, Callable[[Ranking], Floats]]:
    """Return the measures `name`@k of a metric that depends on k, one for each of `depths`."""

    def of(k: int) -> Callable[[Ranking], Floats]:
        return lambda ranking: metric(ranking, k)

    return {f"{name}@{k}": of(k) for k in depths}


def worst_first(values: Floats, ranks: Floats, count: int) -> list[int]:
    """Return the places of the `count` lowest of `values` (q,), of equals the largest rank first.

    Those without a value are in none.
    """
    import numpy as np

    order = np.lexsort((-ranks, values))
    return [int(place) for place in order if np.isfinite(values[place])][:count]


def came_first(
    asked: Asked, place: int, gallery: Gallery, count: int
) -> list[tuple[int, float, bool]]:
    """Return (position, cosine, whether relevant) of the first `count` items of one query."""
    import numpy as np

    (scores,) = gallery.scores(asked.vectors[place : place + 1])
    if asked.without is not None and asked.without[place] >= 0:
        scores = scores.copy()
        scores[asked.without[place]] = -np.inf
    right = set(asked.relevant[place].tolist())
    return [
        (position, float(scores[position]), position in right)
        for position in best(scores, count).tolist()
        if np.isfinite(scores[position])
    ]
