"""The graph of one vector set: hnswlib's HNSW over the matrix rows (space "ip", label = row).

The graph is derived from the matrix and may be missing, old or damaged at any time: then searching
is slower, never wrong. hnswlib checks nothing itself: it stores neither space nor dim, has no
checksum, reports no failed write, and a damaged file can crash it. So `graph.json` beside the file
says what it holds, and hnswlib sees a byte only after size and checksum have been compared.

HNSW: Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using
Hierarchical Navigable Small World graphs", 2016.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vsearch.index.folder import open_file, write_failed

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.index.matrix import Matrix

SPACE = "ip"
M = 16  # links a node; 16 suits dims of some hundreds (2.2 kB a vector with the vector itself)
EF_CONSTRUCTION = 200
# Candidates kept while searching. Measured on 100,000 x 512 clustered vectors: recall@10 is 0.83 at
# hnswlib's own default of 10, 0.9955 at 50, 0.9995 at 100 (0.39 ms).
EF_SEARCH = 100
CHUNK = 1 << 20


class GraphUnusable(Exception):
    """There is no graph that may be used; the text says why. Never reaches a user as an error."""


@dataclass(frozen=True, slots=True)
class GraphCard:
    """What `graph.json` says about `graph.hnsw`: checked before the file is loaded.

    `rows` is how many rows from the first on it covers, `bytes` its length, `checksum` the
    hexadecimal xxh3-128 of its content. `matrix` is what `Matrix.digest` said of those rows; ""
    in a card of an older vsearch.
    """

    dim: int
    space: str
    M: int
    ef_construction: int
    rows: int
    bytes: int
    checksum: str
    matrix: str = ""


class Graph:
    """A loaded graph over the rows 0 to `rows` - 1 of a matrix."""

    def __init__(self, index: Any, rows: int, dim: int, matrix: str = "") -> None:  # noqa: ANN401  # hnswlib is untyped
        self._index = index
        self._matrix = matrix  # what the matrix it was made from is told by
        self.rows = rows
        self.dim = dim

    @classmethod
    def card(cls, folder: Path) -> GraphCard:
        """Return what `graph.json` says, unchecked. Raises GraphUnusable when it cannot be read."""
        try:
            with open_file(folder / "graph.json") as file:
                card = GraphCard(**json.loads(file.read()))
        except FileNotFoundError:
            raise GraphUnusable("there is no graph yet") from None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise GraphUnusable(f"graph.json cannot be read ({reason})") from None
        if not all(type(number) is int for number in (card.dim, card.rows, card.bytes)):
            raise GraphUnusable("graph.json cannot be read (not a number)")
        return card

    @classmethod
    def load(cls, folder: Path, dim: int, rows: int) -> Graph:
        """Load the graph in `folder` for a matrix of `rows` rows of `dim` float32.

        Raises GraphUnusable, with the reason, unless card, size, checksum, space, dim and coverage
        all fit.
        """
        card = cls.card(folder)
        if (card.space, card.dim) != (SPACE, dim):
            raise GraphUnusable(f"the graph is for {card.dim} dimensions in {card.space!r}")
        if not 0 < card.rows <= rows:
            raise GraphUnusable(f"the graph covers {card.rows} rows of {rows}")
        try:
            with open_file(folder / "graph.hnsw") as file:
                size = os.fstat(file.fileno()).st_size
                if size != card.bytes:
                    raise GraphUnusable(f"graph.hnsw has {size} bytes instead of {card.bytes}")
                if _checksum(file.fileno()) != card.checksum:
                    raise GraphUnusable("the checksum of graph.hnsw is wrong")
                return cls(_load(file.fileno(), dim, card.rows), card.rows, dim, card.matrix)
        except (OSError, RuntimeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise GraphUnusable(f"graph.hnsw cannot be loaded ({reason})") from None

    @classmethod
    def empty(cls, dim: int) -> Graph:
        """Return a new graph over no rows."""
        import hnswlib

        index = hnswlib.Index(space=SPACE, dim=dim)
        index.init_index(max_elements=1, M=M, ef_construction=EF_CONSTRUCTION)
        return cls(index, 0, dim)

    def check(self, matrix: Matrix) -> None:
        """Make sure that it was made from the rows of this `matrix`.

        A catalog or matrix restored from elsewhere may have the right size and other rows. Raises
        GraphUnusable where they differ.
        """
        digest = matrix.digest(self.rows)
        if digest is None:
            raise GraphUnusable("vectors that the graph covers cannot be read")
        if digest != self._matrix:
            raise GraphUnusable("the graph was made from other vectors than the matrix holds")

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return its own copies of covered `rows` (n,): (n, dim) float32, bit for bit."""
        import numpy as np

        return np.asarray(self._index.get_items(rows), dtype="<f4").reshape(len(rows), self.dim)

    def extend(self, matrix: Matrix) -> None:
        """Add the rows of `matrix` that the graph does not cover yet (0.5 ms a row and core).

        Raises IndexDamaged when one of them is.
        """
        import numpy as np

        if self.rows >= matrix.rows:
            return
        self._index.resize_index(matrix.rows)
        pending: list[NDArray[np.float32]] = []
        for _, block in matrix.blocks(self.rows):
            if block is None:
                raise matrix.damaged()
            pending.append(block.copy())
            # hnswlib runs batches of at most 4 x threads single-threaded, so blocks are gathered.
            if sum(map(len, pending)) >= 16_384:
                self._add(np.concatenate(pending))
                pending = []
        if pending:
            self._add(np.concatenate(pending))
        self._matrix = matrix.digest(self.rows) or ""

    def _add(self, vectors: NDArray[np.float32]) -> None:
        import numpy as np

        labels = np.arange(self.rows, self.rows + len(vectors))
        self._index.add_items(vectors, labels)
        self.rows += len(vectors)

    def search(
        self, query: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return (rows, cosines) of about the `k` nearest covered rows to `query` (dim,).

        Best first, equal cosines by row; min(k, rows) of each. Approximate: see EF_SEARCH.
        Raises GraphUnusable when it cannot reach that many.
        """
        import numpy as np

        # hnswlib raises instead of answering with fewer than k, and needs ef >= k. Many equal
        # vectors link to each other only and make islands (seen: k = 2,000 of 4 vectors x 500).
        k = min(k, self.rows)
        self._index.set_ef(max(EF_SEARCH, 2 * k))
        try:
            labels, distances = self._index.knn_query(query, k=k, num_threads=1)
        except RuntimeError:
            raise GraphUnusable(f"the graph does not reach {k} of its {self.rows} rows") from None
        rows, cosines = labels[0].astype(np.int64), (1.0 - distances[0]).astype(np.float32)
        order = np.lexsort((rows, -cosines))
        return rows[order], cosines[order]

    def save(self, folder: Path) -> None:
        """Replace the graph in `folder`: written beside, synced, then renamed.

        Raises OSError when it did not reach the disk whole; the old graph then stands.
        """
        graph, card = folder / "graph.hnsw", folder / "graph.json"
        new_graph, new_card = folder / "graph.hnsw.new", folder / "graph.json.new"
        try:
            # hnswlib reports no error of any kind while writing (seen: a full disk, a missing
            # folder), so the length it must have is compared with the length it has.
            self._index.save_index(os.fsencode(new_graph))  # bytes: it refuses odd names in str
            with new_graph.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size != self._index.index_file_size():
                    raise OSError(f"graph.hnsw was written only in part ({size} bytes)")
                os.fsync(file.fileno())
                checksum = _checksum(file.fileno())
            said = GraphCard(
                self.dim, SPACE, M, EF_CONSTRUCTION, self.rows, size, checksum, self._matrix
            )
            with new_card.open("w", encoding="utf-8") as text:
                json.dump(asdict(said), text, indent=1)
                text.flush()
                os.fsync(text.fileno())
            new_graph.replace(graph)
            new_card.replace(card)
        finally:
            new_graph.unlink(missing_ok=True)
            new_card.unlink(missing_ok=True)


def load_graph(matrix: Matrix) -> Graph:
    """Load the graph of a matrix. Raises GraphUnusable where none was made from it."""
    graph = Graph.load(matrix.path.parent, matrix.dim, matrix.rows)
    graph.check(matrix)
    return graph


def graph_rows(matrix: Matrix) -> int:
    """Return how many rows the graph's card says it covers; 0 where it cannot be so."""
    try:
        card = Graph.card(matrix.path.parent)
    except GraphUnusable:
        return 0
    fits = 0 < card.rows <= matrix.rows and matrix.digest(card.rows) == card.matrix
    return card.rows if fits else 0


def extend_graph(matrix: Matrix) -> None:
    """Bring the graph of a matrix up to all of its rows, made anew where none can be used.

    Raises StoreError when it cannot be written, and IndexDamaged when a row is damaged; the old one
    then stands.
    """
    folder = matrix.path.parent
    try:
        graph = load_graph(matrix)
    except GraphUnusable:
        graph = Graph.empty(matrix.dim)
    graph.extend(matrix)
    try:
        graph.save(folder)
    except OSError as error:
        raise write_failed(folder / "graph.hnsw", error) from error


def _checksum(handle: int) -> str:
    import xxhash

    digest = xxhash.xxh3_128()
    os.lseek(handle, 0, os.SEEK_SET)
    while chunk := os.read(handle, CHUNK):
        digest.update(chunk)
    os.lseek(handle, 0, os.SEEK_SET)
    return digest.hexdigest()


def _load(handle: int, dim: int, rows: int) -> Any:  # noqa: ANN401  # hnswlib is untyped
    import hnswlib

    index = hnswlib.Index(space=SPACE, dim=dim)
    # By descriptor, not by name: what hnswlib reads is what was just checked, even when a writer
    # replaces the file in between.
    index.load_index(f"/dev/fd/{handle}", max_elements=rows)
    if index.get_current_count() != rows:
        raise GraphUnusable(f"graph.hnsw holds {index.get_current_count()} rows, not {rows}")
    return index
