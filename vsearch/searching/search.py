"""The search itself: query vector -> rows and cosines -> files."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from vsearch.errors import IndexDamaged
from vsearch.index import GraphUnusable, Index
from vsearch.records import ImageRecord
from vsearch.searching.strategy import Strategy, choose
from vsearch.vectors import best

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.conditions import Condition
    from vsearch.index import Graph
    from vsearch.searching.names import Names
    from vsearch.searching.strategy import Method

    # Which of some cosines (n,) are enough: (n,).
    Relevant: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a query: files with their cosines, best first, and how they were found.

    `names` is what names said, where they were asked for. `warning` says why the graph was asked
    for or wanted and not used, or that embeddings are damaged and were left out; None otherwise.
    """

    records: list[tuple[ImageRecord, float]]
    strategy: Strategy
    warning: str | None
    names: Names | None = None


class _Ranking(Protocol):
    """Rows by similarity, as many as wanted; `damaged` ones are left out."""

    damaged: int

    def first(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return (rows, cosines) of the `count` best rows, or of all there are, best first."""


class _Exact:
    """The ranking by scanning every row, or all that are `selected`: computed once, cut at will."""

    def __init__(
        self,
        index: Index,
        query: NDArray[np.float32],
        selected: NDArray[np.int64] | None,
        names: Names | None = None,
        relevant: Relevant | None = None,
    ) -> None:
        self.selected = selected
        self.scores = index.scores(query) if selected is None else index.scores_of(query, selected)
        self.damaged = _damaged(self.scores)
        self.ranked_by = self.scores
        if names:
            self.ranked_by = names.fused(self.scores, selected)
            if relevant and len(self.scores):
                self.ranked_by = _first_of_all(relevant(self.scores), self.ranked_by, self.scores)

    def first(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        places = best(self.ranked_by, min(count, len(self.scores) - self.damaged))
        rows = places if self.selected is None else self.selected[places]
        return rows, self.scores[places]


def _first_of_all(
    chosen: NDArray[np.bool_], ranked_by: NDArray[np.float32], scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return what has the `chosen` rows come first, as they are ranked, then others by cosine."""
    import numpy as np

    lowest = ranked_by[chosen].min() if chosen.any() else np.float32(0)
    return np.where(chosen, ranked_by, lowest - 2 + scores)  # cosines are at most 1


class _Approximate:
    """The ranking by the graph, with the rows it does not cover scanned exactly and merged."""

    def __init__(self, index: Index, graph: Graph, query: NDArray[np.float32]) -> None:
        self.graph = graph
        self.query = query
        self.tail = index.scores(query, start=graph.rows)
        self.damaged = _damaged(self.tail)

    def first(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        import numpy as np

        rows, scores = self.graph.search(self.query, count)
        tail = best(self.tail, min(count, len(self.tail) - self.damaged))
        rows = np.concatenate([rows, tail + self.graph.rows])
        scores = np.concatenate([scores, self.tail[tail]])
        order = best(scores, count)
        return rows[order], scores[order]


def search(
    index: Index,
    query: NDArray[np.float32],
    k: int,
    *,
    exclude: Collection[str] = (),
    condition: Condition | None = None,
    forced: Method | None = None,
    queries: int = 1,
    names: Names | None = None,
    relevant: Relevant | None = None,
) -> Found:
    """Return the `k` files most like the unit vector `query` (dim,), fewer where there are fewer.

    Files of equal cosine come by row, those that share a row by path. `exclude` are real
    paths that are never an answer: the query's own pictures. With a `condition`, only files that
    meet it are. `queries`: how many are likely to be asked of this index while it is open. With
    `names`, what they say counts beside the cosine (see `Names.fused`), for every row; those
    whose cosine is not `relevant` then come after all others, by it. Raises ValueError for a
    condition that nothing can meet (see `Index.selected`).
    """
    selected = index.selected(condition) if condition else None
    strategy = choose(
        row_bytes=4 * len(query),
        rows=index.rows,
        graph_rows=index.graph_rows(),
        graph_bytes=index.graph_bytes(),
        queries=queries,
        selected=None if selected is None else len(selected),
        forced=forced,
    )
    if names:
        strategy = replace(strategy, method="exact", reason="names count, which no graph knows")
    warning = None
    if strategy.method == "graph":
        try:
            approximate = _Approximate(index, index.graph(), query)
            files = _files(index, approximate, k, exclude, condition)
            return Found(files, strategy, _left_out(index, approximate))
        except GraphUnusable as error:
            warning = f"the graph was not used: {error}; scanned all rows instead"
    exact = _Exact(index, query, selected, names, relevant)
    if exact.damaged and exact.damaged == index.rows:
        raise IndexDamaged(
            f"all vectors are missing or damaged, in {index.folder}; "
            "bring back what can be with `vsearch check --repair`"
        )
    files = _files(index, exact, k, exclude, condition)
    return Found(files, strategy, _left_out(index, exact) or warning, names)


def _damaged(scores: NDArray[np.float32]) -> int:
    import numpy as np

    return int(np.count_nonzero(np.isneginf(scores)))


def _left_out(index: Index, ranking: _Ranking) -> str | None:
    if not ranking.damaged:
        return None
    return (
        f"{ranking.damaged:,} of {index.rows:,} vectors are missing or damaged and were left out; "
        "bring back what can be with `vsearch check --repair`"
    )


def _files(
    index: Index,
    ranking: _Ranking,
    k: int,
    exclude: Collection[str],
    condition: Condition | None,
) -> list[tuple[ImageRecord, float]]:
    """Turn the ranking's rows into `k` files; rows whose files are gone have none to give."""
    count = k + len(exclude)
    while True:
        rows, scores = ranking.first(count)
        images = index.images_of([int(row) for row in rows], condition)
        found = [
            (record, float(score))
            for row, score in zip(rows, scores, strict=True)
            for record in images.get(int(row), ())
            if not _is_one_of(os.path.join(record.root, record.path), exclude)
        ]
        if len(found) >= k or len(rows) < count or count >= index.rows:
            return found[:k]
        count = min(4 * count, index.rows)


def _is_one_of(path: str, exclude: Collection[str]) -> bool:
    """Whether `path`, perhaps through links, is one of the real paths `exclude`."""
    return bool(exclude) and (path in exclude or os.path.realpath(path) in exclude)
