"""What all protocols that rank a gallery have in common: queries -> one result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from vsearch.evaluation.estimates import means, statistic
from vsearch.evaluation.ranking import first_rank, hit_rate_at, recall_at
from vsearch.evaluation.results import Result
from vsearch.evaluation.retrieval import came_first, retrieve, worst_first

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.gallery import Gallery
    from vsearch.evaluation.results import Came, Example
    from vsearch.evaluation.retrieval import Asked, Measures, Progress, Retrieved

    Floats = NDArray[np.float64]

_CURVES = {"recall": recall_at, "hit_rate": hit_rate_at}
WORST = 12  # queries that are shown
SHOWN = 8  # items that came, of each of them


def retrieved(
    name: str,
    title: str,
    asked: Asked,
    gallery: Gallery,
    measures: Measures,
    *,
    curve_of: Literal["recall", "hit_rate"],
    worst_by: str,
    query: Callable[[int], Example],
    item: Callable[[int, float, bool], Came],
    cutoff: float | None = None,
    workers: int,
    progress: Progress,
    each: Callable[[int, NDArray[np.float32]], None] = lambda _first, _scores: None,
) -> tuple[Result, Retrieved]:
    """Ask all queries and return what came of it: the means of all `measures`, and the median rank.

    The worst queries are those with the least `worst_by`, one of the measures. `query` makes an
    example of the query of a number, of which rank, value and what came are put in here; `item`
    makes what came of a position, its cosine, and whether it is right. `each` as in `retrieve`.
    """
    import numpy as np

    found = retrieve(
        asked,
        gallery,
        {**measures, "rank": first_rank},
        _CURVES[curve_of],
        workers=workers,
        progress=lambda done, total: progress(title, done, total),
        each=each,
    )
    ranks = found.values.pop("rank")
    valued = np.flatnonzero(~np.isnan(ranks))
    clusters = None if asked.clusters is None else asked.clusters[valued]
    metrics = means(found.values, asked.clusters)
    metrics["median_rank"] = statistic(
        lambda rows: _median(ranks[valued[rows]]), len(valued), clusters
    )
    values = found.values[worst_by]
    worst = [
        replace(
            query(place),
            rank=float(ranks[place]),
            value=float(values[place]),
            came=tuple(item(*one) for one in came_first(asked, place, gallery, SHOWN)),
        )
        for place in worst_first(values, ranks, WORST)
    ]
    result = Result(
        name,
        title,
        queries=len(valued),
        gallery=len(gallery.items) - int(asked.without is not None),
        left_out=len(ranks) - len(valued),
        metrics=metrics,
        ids=asked.ids,
        per_query=found.values,
        clusters=asked.clusters,
        curve=found.curve,
        curve_of=curve_of,
        worst=tuple(worst),
        worst_by=worst_by,
        scores=found.scores(cutoff),
    )
    return result, found


def _median(ranks: Floats) -> float:
    """Return the median; of an even number where one of the middle two is infinite, that."""
    import numpy as np

    ordered = np.sort(ranks)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(low) if low == high else float((low + high) / 2)
