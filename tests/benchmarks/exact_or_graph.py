"""What answers a query sooner, scanning every vector or loading and asking the graph?

    python tests/benchmarks/exact_or_graph.py [--rows N ...] [--dim D] [--json]

For each N: an index of N clustered random unit vectors (mini's length, 384, unless said otherwise)
as `vsearch index` leaves one, with the files in the page cache. Prints for each, as a line or a
JSON object, medians: scan_ms (one query, exact, in blocks from the file), load_ms (checking and
loading the graph), query_ms (one query, graph loaded), recall (of the exact ten, by the graph, over
200 queries), build_s (the graph), graph_mb and matrix_mb, and break_even: how many queries one
process must ask before loading the graph has paid. `vsearch.searching.strategy` decides by these.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts, ModelIdentity
from vsearch.vectors import best, unit

QUERIES = 200


def clustered(rows: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Return unit vectors (rows, dim) around a thousand centres, as pictures of kinds are."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((1000, dim), dtype=np.float32)
    spread = 0.7 * random.standard_normal((rows, dim), dtype=np.float32)
    return unit(centres[random.integers(0, 1000, rows)] + spread)


def fill(folder: Path, vectors: NDArray[np.float32]) -> float:
    """Write an index of `vectors` and return the seconds its graph took."""
    identity = ModelIdentity("synthetic", "", "", vectors.shape[1])
    facts = ImageFacts(640, 480, "JPEG")
    with IndexWriter(folder, identity) as writer:
        root = writer.add_root(str(folder.parent / "pictures"), whole=True)
        for number, vector in enumerate(vectors):
            digest = number.to_bytes(16, "big")
            writer.add(root, f"{number:07d}.jpg", 1, 1, digest, facts, vector)
        writer.commit()
        start = time.perf_counter()
        writer.extend_graph()
        return time.perf_counter() - start


def milliseconds(work: Callable[[], object], times: int) -> float:
    """Return the median wall time of `work` in milliseconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def load(folder: Path) -> None:
    """Open the index and its graph."""
    with Index(folder) as index:
        index.graph()


def measure(rows: int, dim: int, folder: Path) -> dict[str, float]:
    """Return the figures for one size."""
    build_s = fill(folder / "index", clustered(rows, dim, seed=1))
    queries = clustered(QUERIES, dim, seed=2)
    with Index(folder / "index") as index:
        scan_ms = milliseconds(lambda: best(index.scores(queries[0]), 10), 15)
        graph_mb = index.graph_bytes() / 1e6
        load_ms = milliseconds(lambda: load(folder / "index"), 5)
        graph = index.graph()
        each = iter(queries)
        query_ms = milliseconds(lambda: graph.search(next(each), 10), QUERIES)
        hits = [
            len(set(graph.search(query, 10)[0]) & set(best(index.scores(query), 10)))
            for query in queries
        ]
    saved_ms = scan_ms - query_ms
    return {
        "rows": rows,
        "dim": dim,
        "scan_ms": round(scan_ms, 2),
        "load_ms": round(load_ms, 1),
        "query_ms": round(query_ms, 2),
        "recall": round(sum(hits) / (10 * QUERIES), 4),
        "build_s": round(build_s, 1),
        "graph_mb": round(graph_mb, 1),
        "matrix_mb": round(rows * dim * 4 / 1e6, 1),
        "break_even": round(load_ms / saved_ms) if saved_ms > 0 else -1,
    }


def main() -> None:
    """Measure each size and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            result = measure(rows, arguments.dim, Path(folder))
        if arguments.json:
            print(json.dumps(result), flush=True)
        else:
            print("  ".join(f"{name} {value:,}" for name, value in result.items()), flush=True)


if __name__ == "__main__":
    main()
