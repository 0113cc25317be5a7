"""Scan every row or ask the graph? Decided here and nowhere else, from what each would cost.

The costs are rates measured on two cores with the files in the page cache; README.md has the
commands. They need not be exact: where the two come close, either is quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vsearch.index.matrix import BLOCK_ROWS

# Reading and multiplying rows: 154 MB (100,000 x 384) in 8 to 12 ms.
SCAN_BYTES_PER_S = 15e9
# Checking and loading a graph file: 0.2 s for 220 MB.
LOAD_BYTES_PER_S = 1e9
GRAPH_QUERY_S = 0.4e-3
# Where fewer of the rows may be an answer, the graph is not asked: it would have to give more than
# 20 times as many as are wanted.
FAIR_SHARE = 0.05

Method = Literal["exact", "graph"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a search goes about it, and the estimates (seconds) that decided; for `--explain`."""

    method: Method
    reason: str
    exact_s: float
    graph_s: float | None


def choose(
    *,
    row_bytes: int,
    rows: int,
    graph_rows: int,
    graph_bytes: int,
    queries: int = 1,
    selected: int | None = None,
    forced: Method | None = None,
) -> Strategy:
    """Choose the cheaper way for each of `queries` queries over `rows` rows of `row_bytes`.

    `graph_rows` of them are in a graph file, of which `graph_bytes` must be loaded first (no rows:
    there is none). Only `selected` rows may be an answer; None: all. `forced` is what the user
    asked for, which gives way where the graph would have to be asked for most of what it holds.
    """
    share = 1.0 if selected is None or not rows else selected / rows
    # Rows are read in blocks: in the worst case each that is selected is in one of its own.
    exact_s = min(1.0, share * BLOCK_ROWS) * rows * row_bytes / SCAN_BYTES_PER_S
    graph_s = None
    if graph_rows:
        load_s = graph_bytes / LOAD_BYTES_PER_S / queries
        tail_s = (rows - graph_rows) * row_bytes / SCAN_BYTES_PER_S
        graph_s = load_s + GRAPH_QUERY_S / max(share, 1e-9) + tail_s
    if share < FAIR_SHARE:
        return Strategy("exact", "few pictures meet the filters", exact_s, graph_s)
    if forced is not None:
        return Strategy(forced, f"asked for with --{forced}", exact_s, graph_s)
    if graph_s is None:
        return Strategy("exact", "there is no graph", exact_s, None)
    if graph_s < exact_s:
        return Strategy("graph", "the graph costs less", exact_s, graph_s)
    return Strategy("exact", "scanning costs less", exact_s, graph_s)
