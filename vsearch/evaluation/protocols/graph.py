"""The graph: how many of the exactly nearest rows it finds, for the queries that were asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.evaluation.estimates import means
from vsearch.evaluation.results import Result
from vsearch.vectors import best

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.retrieval import Progress
    from vsearch.index import Index

QUERIES = 1000  # that are asked at most: each scans all rows


def graph(
    index: Index,
    ids: Sequence[str],
    queries: NDArray[np.float32],
    k: Sequence[int],
    *,
    progress: Progress,
) -> Result | None:
    """Return recall@k of the graph's answers to `queries` (q, dim) among the rows it covers.

    An answer is right when its cosine is no less than that of the exact k-th, so that equals count
    alike (Aumüller, Bernhardsson and Faithfull, "ANN-Benchmarks", 2020). None where it covers none.
    Raises GraphUnusable with the reason not to trust it.
    """
    import numpy as np

    loaded = index.graph()
    if not loaded.rows:
        return None
    chosen = np.unique(np.linspace(0, len(queries) - 1, QUERIES).astype(np.int64))
    depths = [one for one in k if one <= loaded.rows]
    values = {f"recall@{depth}": np.empty(len(chosen)) for depth in depths}
    for place, number in enumerate(chosen.tolist()):
        query = queries[number]
        scores = index.scores(query)[: loaded.rows]
        for depth in depths:
            rows, _ = loaded.search(query, depth)
            least = scores[best(scores, depth)[-1]]
            # As they were scanned: the graph's own cosines may differ in the last bit.
            values[f"recall@{depth}"][place] = np.count_nonzero(scores[rows] >= least) / depth
        progress("the graph against exact answers", place + 1, len(chosen))
    return Result(
        "graph",
        "the index's graph against exact answers",
        queries=len(chosen),
        gallery=loaded.rows,
        left_out=0,
        metrics=means(values),
        ids=tuple(ids[number] for number in chosen.tolist()),
        per_query=values,
    )
