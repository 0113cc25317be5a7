"""`choose`: the cheaper way, by the arithmetic that --explain prints."""

from typing import Any

import pytest

from vsearch.searching.strategy import (
    GRAPH_QUERY_S,
    LOAD_BYTES_PER_S,
    SCAN_BYTES_PER_S,
    Strategy,
    choose,
)


def case(**changes: Any) -> dict[str, Any]:
    """100,000 rows of 384 float32 with a graph over all of them, one cold query."""
    base = {"row_bytes": 1536, "rows": 100_000, "graph_rows": 100_000, "graph_bytes": 220_000_000}
    return base | changes


@pytest.mark.parametrize(
    ("situation", "method", "reason"),
    [
        pytest.param(case(), "exact", "scanning costs less", id="one cold query"),
        pytest.param(
            case(queries=15), "exact", "scanning costs less", id="some queries, still too few"
        ),
        pytest.param(case(queries=30), "graph", "the graph costs less", id="many queries"),
        pytest.param(
            case(graph_bytes=0), "graph", "the graph costs less", id="a graph loaded already"
        ),
        pytest.param(
            case(rows=10_000_000, graph_rows=10_000_000), "graph", "the graph costs less",
            id="a very large index with a small graph file",
        ),
        pytest.param(
            case(graph_rows=0, graph_bytes=0), "exact", "there is no graph",
            id="no graph",
        ),
        pytest.param(
            case(rows=10_000_000, graph_rows=2_000, graph_bytes=4_400_000), "exact",
            "scanning costs less",
            id="a graph that covers little",
        ),
        pytest.param(case(forced="graph"), "graph", "asked for with --graph", id="--graph"),
        pytest.param(
            case(forced="graph", graph_rows=0, graph_bytes=0), "graph", "asked for with --graph",
            id="--graph without one",
        ),
        pytest.param(
            case(forced="exact", rows=10_000_000, graph_rows=10_000_000), "exact",
            "asked for with --exact", id="--exact",
        ),
        pytest.param(
            case(rows=0, graph_rows=0, graph_bytes=0), "exact", "there is no graph", id="no rows"
        ),
    ],
)  # fmt: skip
def test_the_cheaper_way(situation: dict[str, Any], method: str, reason: str) -> None:
    chosen = choose(**situation)
    assert (chosen.method, chosen.reason) == (method, reason)


@pytest.mark.parametrize("queries", [1, 10])
def test_the_estimates_are_bytes_through_rates(queries: int) -> None:
    chosen = choose(row_bytes=1000, rows=5000, graph_rows=3000, graph_bytes=70_000, queries=queries)
    exact = 5_000_000 / SCAN_BYTES_PER_S
    graph = 70_000 / LOAD_BYTES_PER_S / queries + GRAPH_QUERY_S + 2_000_000 / SCAN_BYTES_PER_S
    assert chosen == Strategy("exact", "scanning costs less", chosen.exact_s, chosen.graph_s)
    assert chosen.exact_s == pytest.approx(exact)
    assert chosen.graph_s == pytest.approx(graph)


def test_a_forced_choice_keeps_the_estimates() -> None:
    free, forced = choose(**case()), choose(**case(forced="graph"))
    assert (forced.exact_s, forced.graph_s) == (free.exact_s, free.graph_s)


def test_without_a_graph_there_is_no_estimate_of_it() -> None:
    assert choose(**case(graph_rows=0, graph_bytes=0)).graph_s is None
