"""What is wrong with an index, part by part. Reads all of it and changes nothing."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from vsearch.errors import IndexDamaged
from vsearch.index import schema
from vsearch.index.catalog import Catalog, VectorSet
from vsearch.index.folder import GRAPH_FILES, nobody_writes, place_of, strays
from vsearch.index.graph import GraphUnusable
from vsearch.index.matrix import BLOCK_ROWS, Matrix
from vsearch.index.reader import Index, pinned
from vsearch.records import Fault, Finding
from vsearch.vectors import unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index.graph import Graph

NEIGHBOURS = 10  # the k of the recall@k that is measured
# Measured with EF_SEARCH on real pictures: .99 and more; on 20,000 x 384 of noise: .68.
FAIR_RECALL = 0.9
ATTEMPTS = 3  # how often a graph is looked at that does not fit, while writers go on
_SAME = 1e-6  # cosines that differ by no more are the same but for rounding
_UNIT = 1e-3  # how far a length may be from one
_REPAIR = "vsearch check --repair"
_INDEX = "vsearch index"
_BUSY = "another process is writing"


def check_index(folder: Path, *, queries: int) -> Iterator[Finding]:
    """Check the catalog, every vector set, the graph, and what lies in the folder.

    The graph's recall@10 is measured against the exact answers to `queries` made-up queries, each
    half-way between two vectors. A writer may be at work: nothing that it does is a fault. Raises
    IndexMissing when there is nothing to check, and StoreError when it cannot be.
    """
    with ExitStack() as opened:
        try:
            catalog = opened.enter_context(closing(Catalog(folder, write=False)))
            sets = pinned(folder, catalog, catalog.sets)
            for _, matrix in sets:
                opened.callback(matrix.close)
            first = _catalog(catalog)
        except IndexDamaged as error:
            yield Finding("catalog", "cannot be read", (Fault(str(error), _REPAIR),))
            return
        yield first
        for one, matrix in sets:
            yield _vectors(catalog, one, matrix)
            if one.state == "active":
                yield _graph(folder, queries)
    yield from _left_behind(folder)


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
    if catalog.format < schema.WITH_CHECKSUMS:
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
    return Finding(part, f"{one.rows:,} of {one.model.dim} dimensions", tuple(faults))


def _graph(folder: Path, queries: int) -> Finding:
    """Measure the graph, or tell why it cannot be used.

    It lies beside the vectors in two files, which a writer replaces when it likes: what does not
    fit is a fault only where nothing has moved since before it was read, and nobody writes.
    """
    for _ in range(ATTEMPTS):
        before = _moment(folder)
        with Index(folder) as index:
            if not index.rows:
                return Finding("graph", "none, nor anything to cover", ())
            try:
                return _measured(index.graph(), index, queries)
            except GraphUnusable as error:
                reason = str(error)
        with nobody_writes(folder) as alone:
            if alone and _moment(folder) == before:
                fault = Fault(f"{reason}; searches scan all vectors", _REPAIR)
                return Finding("graph", "cannot be used", (fault,))
    return Finding("graph", f"cannot be told: {_BUSY} ({reason})", ())


def _moment(folder: Path) -> object:
    """Return what is another thing whenever a writer has changed sets or graphs."""
    with closing(Catalog(folder, write=False)) as catalog:
        sets = catalog.sets()
    files = [place_of(folder, one.name) / name for one in sets for name in GRAPH_FILES]
    return sets, [_stamp(file) for file in files]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _measured(graph: Graph, index: Index, queries: int) -> Finding:
    """Tell what a graph finds. That is little where all vectors are about as far from each other.

    It is no fault: built anew from the same vectors it would find as little.
    """
    asked, recall = _recall(graph, index, queries)
    told = (
        f"covers {graph.rows:,} of {index.rows:,} vectors; "
        f"recall@{NEIGHBOURS} {recall:.3f} of {asked:,} queries"
    )
    if recall < FAIR_RECALL:
        told += ", which is little: search with --exact to find all"
    return Finding("graph", told, ())


def _recall(graph: Graph, index: Index, queries: int) -> tuple[int, float]:
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
    tenth = _tenth_best(graph, index, asked, k)
    good = sum(
        int(np.count_nonzero(_found(graph, query, k) >= border - _SAME))
        for query, border in zip(asked, tenth, strict=True)
    )
    return len(asked), good / (len(asked) * k)


def _tenth_best(
    graph: Graph, index: Index, asked: NDArray[np.float32], k: int
) -> NDArray[np.float32]:
    """Return for each query (n, dim) the cosine of its k-th nearest of the covered rows: (n,)."""
    import numpy as np

    nearest = np.full((len(asked), k), -np.inf, dtype=np.float32)
    for first, block in index.blocks():
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


def _left_behind(folder: Path) -> Iterator[Finding]:
    """Tell what interrupted writers left.

    A writer at work has the same about it, so that what is found is looked at again while nobody
    writes.
    """
    if not any(_remains(folder)):
        return
    with nobody_writes(folder) as alone:
        left, rows = _remains(folder)
    if not alone:
        yield Finding("folder", f"what interrupted runs left cannot be told: {_BUSY}", ())
        return
    faults = [Fault(f"left by an interrupted run: {', '.join(left)}", _REPAIR)] if left else []
    told = [f"{len(left)} too many"] if left else []
    if rows:
        told.append(f"{rows:,} vectors not committed, as an interrupted run leaves them")
    if told:
        yield Finding("folder", "; ".join(told), tuple(faults))


def _remains(folder: Path) -> tuple[list[str], int]:
    """Return what lies in the folder that no set needs, and how many rows no commit counts."""
    with closing(Catalog(folder, write=False)) as catalog:
        sets = catalog.sets()
    left = strays(folder, [one.name for one in sets])
    return left, sum(max(0, _rows_on_disk(folder, one) - one.rows) for one in sets)


def _rows_on_disk(folder: Path, one: VectorSet) -> int:
    file = place_of(folder, one.name) / "matrix.f32"
    return Matrix(file, one.model.dim, one.rows).whole_rows_on_disk()
