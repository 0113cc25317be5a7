"""How long does a search take that is narrowed down, and which way is quicker?

    python tests/benchmarks/filters.py [--rows N] [--dim D] [--json]

An index of N clustered random unit vectors (100,000 of mini's length, 384, unless said otherwise)
with random metadata, as `vsearch index` leaves one, in the page cache. For each selectivity, the
share of the pictures that meet the condition, medians of processor time in milliseconds, which is
what waiting for an answer takes on a machine that does nothing else:

    number, date, label, path   choosing the rows, by a condition on each
    exact                       the whole search for the ten best, the condition a number's
    graph                       the same by the graph, which is loaded; "-": never so rare a choice
    exact cold, graph cold      the same with opening the index, and loading the graph

A date is that of the camera for 70 % of the files, else that of the file's change. Every answer is
compared: both ways come to the same rows (but for what the graph misses: recall@10).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
from exact_or_graph import clustered
from numpy.typing import NDArray

from vsearch.conditions import Compared, Condition
from vsearch.index import Graph, Index
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts, ModelIdentity
from vsearch.searching.search import search

SHARES = (0.0001, 0.001, 0.01, 0.05, 0.1, 0.5, 0.9)
TIMES = 9
BEGIN = datetime(2010, 1, 1, tzinfo=UTC)
SPAN = 10 * 365 * 86400  # seconds


def milliseconds(work: Callable[[], object]) -> float:
    """Return the median processor time of `work` in milliseconds."""
    taken = []
    for _ in range(TIMES):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return 1000 * statistics.median(taken)


class Warm(Index):
    """An index whose graph is loaded once, as in a process that stays; each query is the first."""

    @cached_property
    def _loaded(self) -> Graph:
        return super().graph()

    def graph(self) -> Graph:
        return self._loaded

    def selected(self, condition: Condition) -> NDArray[np.int64]:
        self._selected = None  # what the query before has chosen
        return super().selected(condition)


def fill(folder: Path, vectors: NDArray[np.float32]) -> None:
    """Write an index of `vectors`; each field of a file holds a random number of its own."""
    random = np.random.default_rng(3)
    with IndexWriter(folder, ModelIdentity("synthetic", "", "", vectors.shape[1])) as writer:
        root = writer.add_root(str(folder.parent / "pictures"), whole=True)
        for number, vector in enumerate(vectors):
            width, when, label, path = random.random(4)
            moment = BEGIN + timedelta(seconds=round(when * SPAN))
            taken_at = moment.strftime("%Y-%m-%dT%H:%M:%S") if random.random() < 0.7 else None
            # Of the labels for each share, those that are to be on so many files.
            labels = (f"among {share:g}" for share in SHARES if label < share)
            facts = ImageFacts(
                round(width * 1e6), 480, "JPEG", taken_at, "Maker One", ("picture", *labels)
            )
            places = "".join(f"{share:g}/" for share in SHARES if path < share)
            writer.add(
                root, f"{places}{number:07d}.jpg", 1, int(moment.timestamp()) * 10**9,
                number.to_bytes(16, "big"), facts, vector, number.to_bytes(32, "big"),
            )  # fmt: skip
        writer.commit()
        writer.extend_graph()


def conditions(share: float) -> dict[str, Condition]:
    """Return a condition on each kind of field that about this share of the files meets."""
    last = (BEGIN + timedelta(seconds=share * SPAN)).strftime("%Y-%m-%dT%H:%M:%S")
    return {
        "number": Compared("width", "<", share * 1e6),
        "date": Compared("date", "<", last),
        "label": Compared("label", "==", f"Among {share:g}"),
        "path": Compared("path", "contains", f"/{share:g}/"),
    }


def measure(folder: Path, share: float, query: NDArray[np.float32]) -> dict[str, float | None]:
    """Return the figures for one share."""
    by = conditions(share)
    asked = by["number"]

    def cold(way: str) -> None:
        with Index(folder) as index:
            search(index, query, 10, condition=asked, forced=way)  # type: ignore[arg-type]  # one of two

    with Warm(folder) as index:
        selecting = {
            name: milliseconds(lambda one=one: index.selected(one))  # type: ignore[misc]  # bound here
            for name, one in by.items()
        }
        exact = search(index, query, 10, condition=asked, forced="exact")
        graph = search(index, query, 10, condition=asked, forced="graph")
        by_graph = graph.strategy.method == "graph"
        found = {record.path for record, _ in exact.records}
        recall = len(found & {record.path for record, _ in graph.records}) / max(1, len(found))
        figures: dict[str, float | None] = {
            **selecting,
            "exact": milliseconds(
                lambda: search(index, query, 10, condition=asked, forced="exact")
            ),
            "graph": milliseconds(
                lambda: search(index, query, 10, condition=asked, forced="graph")
            ),
        }
    figures["exact cold"] = milliseconds(lambda: cold("exact"))
    figures["graph cold"] = milliseconds(lambda: cold("graph"))
    figures["recall"] = recall
    if not by_graph:
        figures |= {"graph": None, "graph cold": None, "recall": None}
    return figures


def main() -> None:
    """Measure each share and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    query = clustered(1, arguments.dim, seed=2)[0]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "index"
        fill(folder, clustered(arguments.rows, arguments.dim, seed=1))
        for number, share in enumerate(SHARES):
            figures = measure(folder, share, query)
            if arguments.json:
                print(json.dumps({"share": share, **figures}), flush=True)
                continue
            if not number:
                print("| selectivity | " + " | ".join(figures) + " |")
                print("|---" * (len(figures) + 1) + "|")
            shown = ["-" if one is None else f"{one:.3g}" for one in figures.values()]
            print(f"| {share:.2%} | " + " | ".join(shown) + " |", flush=True)


if __name__ == "__main__":
    main()
