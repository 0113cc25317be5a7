"""`search`: against a plain sort of everything, exact and by graph."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.index import Index
from vsearch.index.writer import IndexWriter
from vsearch.records import ImageFacts, ModelIdentity
from vsearch.searching.search import search
from vsearch.searching.strategy import Method

DIM = 16
MODEL = ModelIdentity("random", "w", "p", DIM)
METHODS = get_args(Method)


def units(count: int, seed: int = 0, dim: int = DIM) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@dataclass
class Files:
    """Which files an index was made with: (path, vector), rows by first mention."""

    folder: Path
    rows: list[NDArray[np.float32]]
    paths: list[list[str]]

    def plain(
        self, query: NDArray[np.float32], k: int, exclude: Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        """Answer by sorting everything: by cosine, then row, then path."""
        entries = [
            (-float(np.dot(vector.astype(np.float64), query)), row, path)
            for row, vector in enumerate(self.rows)
            for path in self.paths[row]
            if path not in exclude
        ]
        return [(path, -cosine) for cosine, _, path in sorted(entries)[:k]]


def build(
    folder: Path, rows: NDArray[np.float32], copies: Sequence[int], covered: int | None = None
) -> Files:
    """Make an index in which row n belongs to `copies[n]` files; a graph over `covered` rows."""
    covered = len(rows) if covered is None else covered
    random = np.random.default_rng(1)
    files = Files(folder, list(rows), [[] for _ in rows])
    with IndexWriter(folder, MODEL) as writer:
        roots = [writer.add_root(path, whole=True) for path in ("/b", "/a")]
        for number, (vector, count) in enumerate(zip(rows, copies, strict=True)):
            digest = number.to_bytes(16)
            writer.add(roots[0], "doomed", 1, 2, digest, ImageFacts(1, 1, "PNG"), vector)
            writer.remove(roots[0], ["doomed"])
            for copy in range(count):
                root = roots[int(random.integers(2))]
                writer.reuse(root, f"{number}-{copy}", 1, 2, digest)
                files.paths[number].append(f"{root.path}/{number}-{copy}")
            files.paths[number].sort()
            if number + 1 == covered:
                writer.commit()
                writer.extend_graph()
        writer.commit()
    return files


def found(
    files: Files, query: NDArray[np.float32], k: int, method: Method, exclude: Sequence[str] = ()
) -> list[tuple[str, float]]:
    with Index(files.folder) as index:
        result = search(index, query, k, exclude=exclude, forced=method)
    assert result.strategy.method == method
    assert result.warning is None
    return [(os.path.join(one.root, one.path), score) for one, score in result.records]


def same(given: list[tuple[str, float]], expected: list[tuple[str, float]]) -> None:
    assert [path for path, _ in given] == [path for path, _ in expected]
    assert [score for _, score in given] == pytest.approx(
        [score for _, score in expected], abs=1e-5
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """400 rows, of which a third has no file, a third one, a third two or three; 30 uncovered."""
    copies = np.random.default_rng(2).choice([0, 0, 1, 1, 2, 3], size=400)
    return build(tmp_path_factory.mktemp("search"), units(400), copies.tolist(), covered=370)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [1, 2, 10, 100, 350, 10_000])
def test_the_answer_is_that_of_a_plain_sort(files: Files, k: int, method: Method) -> None:
    # 400 rows are few enough for the graph, whose search keeps 100 and more, to be exact.
    for query in units(5, seed=3):
        same(found(files, query, k, method), files.plain(query, k))


@pytest.mark.parametrize("method", METHODS)
def test_excluded_files_are_no_answer_and_cost_no_place(files: Files, method: Method) -> None:
    query = units(1, seed=4)[0]
    first = [path for path, _ in files.plain(query, 30)]
    exclude = [*first[::2], "/not/there"]
    same(found(files, query, 20, method, exclude), files.plain(query, 20, exclude))
    assert not {path for path, _ in found(files, query, 20, method, exclude)} & set(exclude)


@pytest.mark.parametrize("method", METHODS)
def test_rows_without_files_cost_no_place(tmp_path: Path, method: Method) -> None:
    """The best 290 of 300 rows are dead: the search is widened until there are answers."""
    rows, query = units(300), units(1, seed=5)[0]
    order = np.argsort(-(rows @ query))
    copies = np.ones(300, int)
    copies[order[:290]] = 0
    files = build(tmp_path, rows, copies.tolist())
    for k in (1, 5, 10, 20):
        same(found(files, query, k, method), files.plain(query, k))
    assert len(found(files, query, 20, method)) == 10


@pytest.mark.parametrize("method", METHODS)
def test_equal_cosines_come_by_row_and_then_by_path(tmp_path: Path, method: Method) -> None:
    rows = np.eye(DIM, dtype=np.float32)[[0, 1, 0, 0, 1, 2]]
    files = build(tmp_path, rows, [2, 1, 3, 0, 1, 1], covered=4)
    query = np.eye(DIM, dtype=np.float32)[0]
    expected = [*files.paths[0], *files.paths[2], *files.paths[1], *files.paths[4], *files.paths[5]]
    for k in range(1, 10):
        assert [path for path, _ in found(files, query, k, method)] == expected[:k]


@pytest.mark.parametrize("covered", [1, 2, 999, 1000])
def test_what_the_graph_does_not_cover_is_merged_exactly(tmp_path: Path, covered: int) -> None:
    rows = units(1000)
    files = build(tmp_path, rows, [1] * 1000, covered)
    hits = 0
    for query in units(20, seed=6):
        expected = files.plain(query, 10)
        given = found(files, query, 10, "graph")
        tail = [pair for pair in expected if int(pair[0].split("/")[2].split("-")[0]) >= covered]
        assert [path for path, _ in tail if path not in dict(given)] == []
        hits += len(dict(given).keys() & dict(expected).keys())
    assert hits / 200 > 0.98


@pytest.mark.parametrize(
    "damage", ["removed", "cut", "of another dim"], ids=lambda damage: f"the graph is {damage}"
)
def test_without_a_good_graph_the_answer_is_exact_and_says_so(tmp_path: Path, damage: str) -> None:
    files = build(tmp_path, units(50), [1] * 50)
    graph, card = (tmp_path / "sets/whole" / name for name in ("graph.hnsw", "graph.json"))
    if damage == "removed":
        card.unlink()
    elif damage == "cut":
        graph.write_bytes(graph.read_bytes()[:-1])
    else:
        card.write_text(card.read_text().replace('"dim": 16', '"dim": 17'))
    query = units(1, seed=7)[0]
    with Index(tmp_path) as index:
        result = search(index, query, 5, forced="graph")
        assert search(index, query, 5).warning is None
    given = [(f"{one.root}/{one.path}", score) for one, score in result.records]
    same(given, files.plain(query, 5))
    assert result.warning is not None
    assert result.warning.startswith("the graph was not used: ")
    assert result.warning.endswith("; scanned all rows instead")


def test_vectors_that_are_dropped_while_one_searches_are_still_searched(tmp_path: Path) -> None:
    rows, query = units(300), units(1, seed=8)[0]
    files = build(tmp_path, rows, [1] * 300)
    with Index(tmp_path) as index:
        with IndexWriter(tmp_path, ModelIdentity("other", "w", "p", 3)) as writer:
            writer.activate()
            writer.drop_others()
        for method in (None, "exact", "graph"):
            result = search(index, query, 5, forced=method)
            given = [(f"{one.root}/{one.path}", score) for one, score in result.records]
            same(given, files.plain(query, 5))
            assert (result.warning is None) is (method != "graph")
    with Index(tmp_path) as index:
        assert (index.rows, search(index, units(1, dim=3)[0], 5).records) == (0, [])


def test_a_graph_of_islands_costs_time_and_no_answer(tmp_path: Path) -> None:
    """Where no link leads to some rows, asking for nearly all falls back to scanning."""
    rows = np.repeat(units(4), 500, axis=0)
    files = build(tmp_path, rows, [1] * 2000)
    with Index(tmp_path) as index:
        result = search(index, rows[0], 5000, forced="graph")
    given = [(f"{one.root}/{one.path}", score) for one, score in result.records]
    assert len(given) == 2000
    assert {path for path, _ in given} == {path for paths in files.paths for path in paths}


def test_an_empty_index_has_no_answers(tmp_path: Path) -> None:
    with IndexWriter(tmp_path, MODEL) as writer:
        writer.commit()
    with Index(tmp_path) as index:
        for method in (None, "exact"):
            assert search(index, units(1)[0], 10, forced=method).records == []
        result = search(index, units(1)[0], 10, forced="graph")
        assert (result.records, result.warning) == (
            [], "the graph was not used: there is no graph yet; scanned all rows instead",
        )  # fmt: skip
