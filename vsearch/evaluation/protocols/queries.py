"""Queries with graded answers: each is asked as `vsearch search` would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.evaluation import ranking
from vsearch.evaluation.protocols.retrieving import retrieved
from vsearch.evaluation.results import Came, Example
from vsearch.evaluation.retrieval import Asked, at

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.evaluation.gallery import Gallery
    from vsearch.evaluation.results import Result
    from vsearch.evaluation.retrieval import Progress
    from vsearch.truth.values import Queries

WANTED = 4  # pictures that are shown of what was wanted


def search(
    truth: Queries,
    vectors: NDArray[np.float32],
    own: Sequence[str | None],
    pictures: Gallery,
    k: Sequence[int],
    *,
    cutoff: float | None,
    workers: int,
    progress: Progress,
) -> Result:
    """Ask all `vectors` (q, dim), those of `truth.queries`, of the whole gallery.

    `own` are the pictures that queries are themselves, which are no answer to them. What is
    relevant and not in the gallery counts as never found; what no line names, as not relevant.
    """
    import numpy as np

    places = {path: place for place, path in enumerate(pictures.items)}
    relevant, grades, missing = [], [], []
    for wanted, self_ in zip(truth.relevant, own, strict=True):
        others = {path: grade for path, grade in wanted.items() if path != self_}
        there = {places[path]: grade for path, grade in others.items() if path in places}
        relevant.append(np.array(list(there), dtype=np.int64))
        grades.append(np.array(list(there.values()), dtype=np.float64))
        lost = [grade for path, grade in others.items() if path not in places]
        missing.append(np.array(lost, dtype=np.float64))
    without = np.array([places.get(path, -1) if path else -1 for path in own], dtype=np.int64)
    asked = Asked(
        truth.queries,
        vectors,
        relevant,
        grades,
        without if (without >= 0).any() else None,
        missing,
    )
    result, _ = retrieved(
        "search",
        "queries with graded answers",
        asked,
        pictures,
        {
            **at(k, ranking.ndcg_at, "ndcg"),
            **at(k, ranking.recall_at, "recall"),
            **at(k, ranking.precision_at, "precision"),
            **at(k, ranking.hit_rate_at, "hit_rate"),
            "map": ranking.average_precision,
            "mrr": ranking.reciprocal_rank,
            "r_precision": ranking.r_precision,
        },
        curve_of="recall",
        worst_by="map",
        query=lambda place: Example(
            0,
            0,
            (),
            words=None if own[place] else truth.queries[place],
            path=own[place],
            wanted=tuple(
                sorted(truth.relevant[place], key=lambda one: -truth.relevant[place][one])
            )[:WANTED],
        ),
        item=lambda place, score, right: Came(score, right, path=pictures.items[place]),
        cutoff=cutoff,
        workers=workers,
        progress=progress,
    )
    return result
