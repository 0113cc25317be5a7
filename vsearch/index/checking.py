"""What is wrong with an index, part by part. Reads all of it and changes nothing."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from vsearch.errors import IndexDamaged, IndexLocked, StoreError
from vsearch.index import schema
from vsearch.index.catalog import Catalog, VectorSet
from vsearch.index.folder import lock, strays
from vsearch.index.graph import GraphUnusable, load_graph
from vsearch.index.matrix import BLOCK_ROWS
from vsearch.index.reader import matrix_of
from vsearch.records import Fault, Finding
from vsearch.vectors import unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index.graph import Graph
    from vsearch.index.matrix import Matrix

NEIGHBOURS = 10  # the k of the recall@k that is measured
# What a graph should reach. Measured with EF_SEARCH on real pictures: .99 and more.
LEAST_RECALL = 0.9
_SAME = 1e-6  # cosines that differ by no more are the same but for rounding
_UNIT = 1e-3  # how far a length may be from one
_REPAIR = "vsearch check --repair"
_INDEX = "vsearch index"


def check_index(folder: Path, *, queries: int) -> Iterator[Finding]:
    """Check the catalog, every vector set, the graph, and what lies in the folder.

    The graph's recall@10 is measured against the exact answers to `queries` made-up queries, each
    half-way between two vectors. Raises IndexMissing when there is nothing to check.
    """
    try:
        catalog = Catalog(folder, write=False)
    except IndexLocked:
        raise
    except StoreError as error:
        if not (folder / "catalog.sqlite").is_file():
            raise
        yield Finding("catalog", "cannot be read", (Fault(str(error), _REPAIR),))
        return
    with closing(catalog):
        catalog.begin_reading()
        try:
            yield _catalog(catalog)
            sets = catalog.sets()
        except StoreError as error:
            yield Finding("catalog", "cannot be read", (Fault(str(error), _REPAIR),))
            return
        for one in sets:
            matrix = matrix_of(folder, catalog, one)
            yield _vectors(catalog, one, matrix)
            if one.state == "active":
                yield _graph(matrix, queries)
        yield from _folder(folder, [one.name for one in sets])


def is_damaged(folder: Path) -> bool:
    """Whether the catalog has to be made anew from what can be read of it.

    Raises IndexMissing where there is none.
    """
    try:
        with closing(Catalog(folder, write=False)) as catalog:
            return bool(catalog.faults())
    except IndexDamaged:
        return True


def _catalog(catalog: Catalog) -> Finding:
    faults = [Fault(what, _REPAIR) for what in catalog.faults()]
    if catalog.format < schema.FORMAT:
        faults.append(Fault(f"format {catalog.format}, which has no checksums", _REPAIR))
    files, contents = catalog.totals()
    return Finding("catalog", f"{files:,} files, {contents:,} contents", tuple(faults))


def _vectors(catalog: Catalog, one: VectorSet, matrix: Matrix) -> Finding:
    import numpy as np

    damaged = crooked = 0
    for first, block in matrix.blocks():
        end = min(one.rows, (first // BLOCK_ROWS + 1) * BLOCK_ROWS)
        if block is None:
            damaged += end - first
            continue
        lengths = np.linalg.norm(block, axis=1)
        odd = np.flatnonzero(~(np.abs(lengths - 1) <= _UNIT))  # so that NaN counts
        if len(odd):
            used = catalog.rows_between(one.name, first, end)
            crooked += sum(first + int(row) in used for row in odd)
    faults = []
    if damaged:
        faults.append(Fault(f"{damaged:,} in blocks that are missing or damaged", _REPAIR))
    if crooked:
        faults.append(Fault(f"{crooked:,} are not of length one", f"{_INDEX}, in a new index"))
    part = "vectors" if one.state == "active" else f"vectors of {one.model.name}"
    waiting = matrix.whole_rows_on_disk() - one.rows
    told = f"{one.rows:,} of {one.model.dim} dimensions"
    if waiting > 0:
        told += f"; {waiting:,} more not committed, as an interrupted run leaves them"
    return Finding(part, told, tuple(faults))


def _graph(matrix: Matrix, queries: int) -> Finding:
    if not matrix.rows:
        return Finding("graph", "none, nor anything to cover", ())
    try:
        graph = load_graph(matrix)
    except GraphUnusable as error:
        fault = Fault(f"{error}; searches scan all vectors", _REPAIR)
        return Finding("graph", "cannot be used", (fault,))
    asked, recall = _recall(graph, matrix, queries)
    told = (
        f"covers {graph.rows:,} of {matrix.rows:,} vectors; "
        f"recall@{NEIGHBOURS} {recall:.3f} of {asked:,} queries"
    )
    too_few = Fault(f"it finds too few of the nearest, {recall:.0%}", _REPAIR)
    return Finding("graph", told, (too_few,) if recall < LEAST_RECALL else ())


def _recall(graph: Graph, matrix: Matrix, queries: int) -> tuple[int, float]:
    """Return (queries asked, recall@10): the share of answers as good as the tenth best or better.

    Equal cosines count as equally good. Only covered rows are searched; rows that are damaged are
    not found either way.
    """
    import numpy as np

    k = min(NEIGHBOURS, graph.rows)
    random = np.random.default_rng(0)
    pairs = random.integers(0, graph.rows, (2, queries))
    ends = graph.vectors(pairs.ravel()).reshape(2, queries, -1)
    middles = ends.sum(axis=0)
    asked = unit(middles[np.linalg.norm(middles, axis=1) > _UNIT])  # (n, dim)
    if not len(asked):
        return 0, 1.0
    tenth = _tenth_best(graph, matrix, asked, k)
    good = sum(
        int(np.count_nonzero(_found(graph, query, k) >= border - _SAME))
        for query, border in zip(asked, tenth, strict=True)
    )
    return len(asked), good / (len(asked) * k)


def _tenth_best(
    graph: Graph, matrix: Matrix, asked: NDArray[np.float32], k: int
) -> NDArray[np.float32]:
    """Return for each query (n, dim) the cosine of its k-th nearest of the covered rows: (n,)."""
    import numpy as np

    nearest = np.full((len(asked), k), -np.inf, dtype=np.float32)
    for first, block in matrix.blocks():
        if block is None or first >= graph.rows:
            continue
        cosines = asked @ block[: graph.rows - first].T
        nearest = np.concatenate([nearest, cosines], axis=1)
        nearest = np.partition(nearest, -k, axis=1)[:, -k:]
    return np.asarray(nearest.min(axis=1))


def _found(graph: Graph, query: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    import numpy as np

    try:
        return graph.search(query, k)[1]
    except GraphUnusable:  # islands: fewer than k can be reached
        return np.empty(0, np.float32)


def _folder(folder: Path, sets: list[str]) -> Iterator[Finding]:
    """Tell what interrupted writers left; nothing while one is at work."""
    try:
        held = lock(folder)
    except StoreError:
        return
    try:
        left = strays(folder, sets)
    finally:
        held.release()
    if left:
        what = f"left by an interrupted run: {', '.join(left)}"
        yield Finding("folder", f"{len(left)} too many", (Fault(what, _REPAIR),))
