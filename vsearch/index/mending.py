"""Bringing damaged rows of a matrix back from the graph's copies, and forgetting what is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.index.folder import remove_graph, write_failed
from vsearch.index.graph import Graph, GraphUnusable
from vsearch.index.matrix import BLOCK_ROWS, checksum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index.catalog import Catalog
    from vsearch.index.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Mended:
    """How many damaged rows were brought back, and how many are lost: to be embedded again."""

    restored: int = 0
    lost: int = 0


def mend(catalog: Catalog, vector_set: str, matrix: Matrix, start: int = 0) -> Mended:
    """Look at every block of a set from block `start` on and mend those that are damaged.

    A row whose own checksum holds is kept. Another is taken from the graph, which has a copy of
    each row it covers, where that is what was written. What is left has lost its embedding: its
    row becomes zeros, or is cut off at the end of the matrix, and its content is told to have none.
    Needs the writer's lock and its transaction. The matrix is written first; done again after a
    crash in between, it comes to the same.
    """
    import numpy as np

    damaged = [
        first // BLOCK_ROWS for first, block in matrix.blocks(start * BLOCK_ROWS) if block is None
    ]
    if not damaged:
        return Mended()
    graph = _graph(matrix)
    checksums: dict[int, bytes] = {}
    restored = lost = 0
    end = matrix.rows
    for number in reversed(damaged):
        first = number * BLOCK_ROWS
        count = min(BLOCK_ROWS, matrix.rows - first)
        expected = catalog.rows_between(vector_set, first, first + count)
        block = np.zeros((count, matrix.dim), dtype="<f4")
        found = matrix.loose_rows(number)
        block[: len(found)] = found
        bad = [row for row in range(count) if _told(block[row]) != expected.get(first + row)]
        for row in bad:
            copy = _copy(graph, first + row)
            if copy is not None and _told(copy) == expected.get(first + row):
                block[row] = copy
                restored += 1
                continue
            block[row] = 0
            if first + row in expected:
                catalog.drop_row(vector_set, first + row)
                lost += 1
        if first + count == end:  # nothing behind it is kept: rows without a use need not be
            used = [row for row in expected if _told(block[row - first]) == expected[row]]
            end = max(used, default=first - 1) + 1
            block = block[: end - first]
        if len(block):
            try:
                matrix.write(first, block)
            except OSError as error:
                raise write_failed(matrix.path, error) from error
            checksums[number] = checksum(block.data.cast("B"))
    if end < matrix.rows:
        matrix.rows = end
        catalog.set_committed_rows(vector_set, end)
    catalog.put_blocks(vector_set, checksums)
    matrix.checksums = catalog.blocks(vector_set)
    if lost:
        remove_graph(matrix.path.parent)  # its labels would come to mean other rows
    return Mended(restored, lost)


def _told(row: NDArray[np.float32]) -> bytes:
    return checksum(row.data.cast("B"))


def _graph(matrix: Matrix) -> Graph | None:
    """Return the graph with its copies; each is compared with what was written, by itself."""
    try:
        return Graph.load(matrix.path.parent, matrix.dim, matrix.rows)
    except GraphUnusable:
        return None


def _copy(graph: Graph | None, row: int) -> NDArray[np.float32] | None:
    import numpy as np

    if graph is None or row >= graph.rows:
        return None
    copy: NDArray[np.float32] = graph.vectors(np.array([row]))[0]
    return copy
