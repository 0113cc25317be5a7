"""Indexes of made-up vectors: as large as wanted, and no pictures behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.index.graph import M
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import ModelIdentity

CHUNK = 1000  # vectors drawn, and committed ten times as many, at a time
CENTRES, SPREAD = 1000, 0.7
QUERIES = -1  # the chunk of vectors that no index holds
_CATALOG_BYTES = 500  # a picture: measured 320, and what SQLite's log takes meanwhile


def clustered(chunk: int, dim: int, count: int = CHUNK) -> NDArray[np.float32]:
    """Return unit vectors (count, dim), the same for the same `chunk`.

    They lie around a thousand random centres, as pictures of kinds do: without clusters all would
    be equally far from each other, and no graph finds its way.
    """
    import numpy as np

    from vsearch.vectors import unit

    centres = np.random.default_rng(0).standard_normal((CENTRES, dim), dtype=np.float32)
    random = np.random.default_rng([1, chunk + 1])
    drawn = random.standard_normal((count, dim), dtype=np.float32)
    return unit(centres[random.integers(0, CENTRES, count)] + SPREAD * drawn)


def grow(folder: Path, identity: ModelIdentity, rows: int) -> None:
    """Bring the made-up index in `folder` to `rows` vectors, a multiple of CHUNK, with a graph.

    It is as `vsearch index` with the model `identity` would leave it, but for the pictures, which
    are nowhere. Raises StoreError.
    """
    facts = ImageFacts(640, 480, "JPEG")
    with IndexWriter(folder, identity) as writer:
        root = writer.add_root(str(folder.parent / "pictures"), whole=True)
        for chunk in range(writer.images() // CHUNK, rows // CHUNK):
            for number, vector in enumerate(clustered(chunk, identity.dim), chunk * CHUNK):
                digest = number.to_bytes(16, "big")
                writer.add(root, f"{number:07}.jpg", 1, 1, digest, facts, vector)
            if chunk % 10 == 9:
                writer.commit()
        writer.commit()
        writer.extend_graph()


def graph_bytes(rows: int, dim: int) -> int:
    """Return what the graph of `rows` vectors takes, on disk and in memory: they are in it."""
    return rows * (4 * dim + 2 * 4 * M + 4 * M + 64)


def disk_bytes(rows: int, dim: int) -> int:
    """Return what growing such an index to `rows` vectors takes at most on disk.

    While a graph is replaced, the one of a size before, a tenth as large, is there as well.
    """
    matrix, graph = 4 * dim * rows, graph_bytes(rows, dim)
    return matrix + graph + graph // 10 + _CATALOG_BYTES * rows
