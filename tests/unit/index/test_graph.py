"""`Graph`: near the exact answer, checked before it is loaded, replaced whole or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from unit.index import made_indexes
from unit.index.made_indexes import embeddings, flip, make_many, matrix_file

from vsearch.errors import IndexDamaged
from vsearch.index import Index
from vsearch.index.graph import Graph, GraphUnusable
from vsearch.index.matrix import Matrix
from vsearch.index.writer import IndexWriter
from vsearch.records import ModelIdentity

DIM = 24


def units(count: int, seed: int = 0) -> NDArray[np.float32]:
    return made_indexes.units(count, DIM, seed)


def matrix(folder: Path, vectors: NDArray[np.float32]) -> Matrix:
    folder.mkdir(exist_ok=True)
    made = Matrix(folder / "matrix.f32", vectors.shape[1], 0, [])
    made.append(vectors)
    return made


def built(folder: Path, vectors: NDArray[np.float32]) -> Graph:
    graph = Graph.empty(vectors.shape[1])
    graph.extend(matrix(folder, vectors))
    return graph


def exact(vectors: NDArray[np.float32], query: NDArray[np.float32], k: int) -> list[int]:
    cosines = vectors.astype(np.float64) @ query.astype(np.float64)
    return sorted(range(len(vectors)), key=lambda row: (-cosines[row], row))[:k]


def test_it_finds_nearly_all_of_the_exact_answer(tmp_path: Path) -> None:
    vectors, queries = units(3000), units(50, seed=1)
    graph = built(tmp_path, vectors)
    hits = 0
    for query in queries:
        rows, cosines = graph.search(query, 10)
        assert cosines == pytest.approx(vectors[rows] @ query, abs=1e-5)
        assert cosines.tolist() == sorted(cosines.tolist(), reverse=True)
        hits += len(set(rows.tolist()) & set(exact(vectors, query, 10)))
    assert hits / 500 > 0.98


def test_each_covered_vector_finds_itself_first(tmp_path: Path) -> None:
    vectors = units(500)
    graph = built(tmp_path, vectors)
    assert [graph.search(vector, 1)[0].tolist() for vector in vectors] == [[n] for n in range(500)]


@pytest.mark.parametrize("k", [1, 6, 7, 8, 1000])
def test_a_small_graph_is_exact_and_gives_no_more_than_it_has(tmp_path: Path, k: int) -> None:
    vectors, query = units(7), units(1, seed=1)[0]
    rows, cosines = built(tmp_path, vectors).search(query, k)
    assert rows.tolist() == exact(vectors, query, k)
    assert rows.dtype == np.int64
    assert cosines.dtype == np.float32


def test_equal_cosines_come_by_row(tmp_path: Path) -> None:
    vectors = np.repeat(units(3), 5, axis=0)
    rows, _ = built(tmp_path, vectors).search(vectors[5], 5)
    assert rows.tolist() == [5, 6, 7, 8, 9]


def test_what_no_link_leads_to_is_told_and_no_crash(tmp_path: Path) -> None:
    """hnswlib links equal vectors to each other only: most such graphs are several islands."""
    for seed in range(5):
        vectors = np.repeat(units(4, seed=seed), 500, axis=0)
        (tmp_path / str(seed)).mkdir()
        graph = built(tmp_path / str(seed), vectors)
        try:
            outcome: object = sorted(graph.search(vectors[0], 2000)[0].tolist())
        except GraphUnusable as error:
            outcome = str(error)
        told = "the graph does not reach 2000 of its 2000 rows"
        assert outcome in (list(range(2000)), told)
        assert len(graph.search(vectors[0], 10)[0]) == 10


def test_extended_it_is_like_one_built_at_once(tmp_path: Path) -> None:
    vectors, queries = units(1500), units(30, seed=1)
    rows = Matrix(tmp_path / "matrix.f32", DIM, 0, [])
    graph = Graph.empty(DIM)
    for start, end in ((0, 1), (1, 2), (2, 700), (700, 1500)):
        rows.append(vectors[start:end])
        graph.extend(rows)
        assert graph.rows == end
    graph.extend(rows)
    assert graph.rows == 1500
    hits = sum(
        len(set(graph.search(query, 10)[0].tolist()) & set(exact(vectors, query, 10)))
        for query in queries
    )
    assert hits / 300 > 0.98


def test_saved_loaded_and_extended_it_goes_on(tmp_path: Path) -> None:
    vectors = units(400)
    rows = matrix(tmp_path, vectors[:300])
    graph = Graph.empty(DIM)
    graph.extend(rows)
    graph.save(tmp_path)
    before = graph.search(vectors[7], 20)
    loaded = Graph.load(tmp_path, DIM, 300)
    assert loaded.rows == 300
    assert loaded.search(vectors[7], 20)[0].tolist() == before[0].tolist()
    assert loaded.search(vectors[7], 20)[1].tolist() == before[1].tolist()
    rows.append(vectors[300:])
    loaded.extend(rows)
    loaded.save(tmp_path)
    again = Graph.load(tmp_path, DIM, 400)
    assert [again.search(vectors[row], 1)[0][0] for row in (0, 299, 300, 399)] == [0, 299, 300, 399]


def test_a_graph_may_lag_behind_the_matrix(tmp_path: Path) -> None:
    built(tmp_path, units(50)).save(tmp_path)
    assert Graph.load(tmp_path, DIM, 60).rows == 50


@pytest.mark.parametrize("name", ["plain", "ünï 🎉", os.fsdecode(b"caf\xe9\xff")])
def test_the_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    built(folder, units(5)).save(folder)
    assert Graph.load(folder, DIM, 5).rows == 5
    assert sorted(os.listdir(folder)) == ["graph.hnsw", "graph.json", "matrix.f32"]


# What is checked before hnswlib sees a byte


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the two files of a graph over 60 rows."""
    folder = tmp_path_factory.mktemp("graph")
    built(folder, units(60)).save(folder)
    return {name: (folder / name).read_bytes() for name in ("graph.hnsw", "graph.json")}


def put(folder: Path, files: dict[str, bytes], **changes: Any) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if changes:
        card = json.loads(files["graph.json"]) | changes
        (folder / "graph.json").write_text(json.dumps(card))


def refused(folder: Path, dim: int = DIM, rows: int = 60) -> str:
    with pytest.raises(GraphUnusable) as caught:
        Graph.load(folder, dim, rows)
    return str(caught.value)


def test_unchanged_it_loads(tmp_path: Path, saved: dict[str, bytes]) -> None:
    put(tmp_path, saved)
    assert Graph.load(tmp_path, DIM, 60).rows == 60


def test_no_graph_is_not_a_fault(tmp_path: Path) -> None:
    assert refused(tmp_path) == "there is no graph yet"


def test_a_card_without_its_graph(tmp_path: Path, saved: dict[str, bytes]) -> None:
    put(tmp_path, {"graph.json": saved["graph.json"]})
    assert refused(tmp_path).startswith("graph.hnsw cannot be loaded (No such file")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"dim": 12}, "the graph is for 12 dimensions in 'ip'", id="dim"),
        pytest.param({"space": "l2"}, "the graph is for 24 dimensions in 'l2'", id="space"),
        pytest.param({"rows": 61}, "the graph covers 61 rows of 60", id="more rows than there are"),
        pytest.param({"rows": 0}, "the graph covers 0 rows of 60", id="no rows"),
        pytest.param({"rows": -1}, "the graph covers -1 rows of 60", id="less than no rows"),
        pytest.param({"rows": 59}, "graph.hnsw holds 60 rows, not 59", id="fewer than it holds"),
        pytest.param({"checksum": "00"}, "the checksum of graph.hnsw is wrong", id="checksum"),
        pytest.param({"rows": "60"}, "graph.json cannot be read (not a number)", id="text"),
        pytest.param({"bytes": None}, "graph.json cannot be read (not a number)", id="null"),
    ],
)
def test_a_card_that_does_not_fit(
    tmp_path: Path, saved: dict[str, bytes], changes: dict[str, Any], expected: str
) -> None:
    put(tmp_path, saved, **changes)
    assert refused(tmp_path) == expected


def test_another_dim_or_fewer_rows_in_the_matrix(tmp_path: Path, saved: dict[str, bytes]) -> None:
    put(tmp_path, saved)
    assert refused(tmp_path, dim=25) == "the graph is for 24 dimensions in 'ip'"
    assert refused(tmp_path, rows=59) == "the graph covers 60 rows of 59"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b'{"dim": 24}', b"\xff\xfe", b"null"])
def test_a_card_that_cannot_be_read(
    tmp_path: Path, saved: dict[str, bytes], content: bytes
) -> None:
    put(tmp_path, saved | {"graph.json": content})
    assert refused(tmp_path).startswith("graph.json cannot be read (")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("graph.json", "there is no graph yet"),
        ("graph.hnsw", "graph.hnsw cannot be loaded (not a regular file)"),
    ],
)
def test_a_fifo_is_no_graph_and_waited_for_by_no_one(
    tmp_path: Path, saved: dict[str, bytes], name: str, expected: str
) -> None:
    put(tmp_path, saved)
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    assert refused(tmp_path) == expected


@pytest.mark.parametrize("cut", [1, 100, None], ids=["one byte", "100 bytes", "all"])
def test_a_graph_cut_short_is_told_by_its_length(
    tmp_path: Path, saved: dict[str, bytes], cut: int | None
) -> None:
    content = saved["graph.hnsw"][: -cut if cut else 0]
    put(tmp_path, saved | {"graph.hnsw": content})
    length = len(saved["graph.hnsw"])
    assert refused(tmp_path) == f"graph.hnsw has {len(content)} bytes instead of {length}"


def test_no_flipped_bit_of_the_graph_gets_through(tmp_path: Path, saved: dict[str, bytes]) -> None:
    content = bytearray(saved["graph.hnsw"])
    places = [*range(100), *range(100, len(content), 31), len(content) - 1]
    put(tmp_path, saved)
    for number, place in enumerate(places):
        content[place] ^= 1 << number % 8
        (tmp_path / "graph.hnsw").write_bytes(content)
        assert refused(tmp_path) == "the checksum of graph.hnsw is wrong", place
        content[place] ^= 1 << number % 8


def test_no_flipped_bit_of_the_card_gives_a_wrong_graph(
    tmp_path: Path, saved: dict[str, bytes]
) -> None:
    """The build parameters, which searching does not use, may change; nothing else may."""
    put(tmp_path, saved)
    rows = matrix(tmp_path, units(60))
    query = units(1, seed=1)[0]
    right = Graph.load(tmp_path, DIM, 60).search(query, 5)[0].tolist()
    unused = {"M", "ef_construction"}
    original = json.loads(saved["graph.json"])
    loaded = 0
    for place in range(len(saved["graph.json"])):
        for bit in range(8):
            content = bytearray(saved["graph.json"])
            content[place] ^= 1 << bit
            (tmp_path / "graph.json").write_bytes(content)
            try:
                graph = Graph.load(tmp_path, DIM, 60)
                graph.check(rows)
            except GraphUnusable:
                continue
            loaded += 1
            card = json.loads(content)
            assert {key for key in original if card[key] != original[key]} <= unused
            assert graph.search(query, 5)[0].tolist() == right
    assert loaded > 0


# Replacing


def test_a_save_that_fails_leaves_the_old_graph(tmp_path: Path, saved: dict[str, bytes]) -> None:
    put(tmp_path, saved)
    (tmp_path / "graph.hnsw.new").symlink_to("/dev/full")
    with pytest.raises(OSError, match="only in part"):
        built(tmp_path, units(90)).save(tmp_path)
    assert Graph.load(tmp_path, DIM, 90).rows == 60
    assert sorted(os.listdir(tmp_path)) == ["graph.hnsw", "graph.json", "matrix.f32"]


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        built(tmp_path, units(3)).save(tmp_path / "none")


def test_a_graph_without_its_own_card_is_refused(tmp_path: Path, saved: dict[str, bytes]) -> None:
    """What a crash between the two renames leaves: the new graph with the old card."""
    built(tmp_path, units(90)).save(tmp_path)
    (tmp_path / "graph.json").write_bytes(saved["graph.json"])
    assert refused(tmp_path, rows=90).startswith("graph.hnsw has ")


_SHORT_OF_SPACE = """
import resource, signal, sys
from pathlib import Path
from vsearch.index.graph import Graph
from vsearch.index.matrix import Matrix
folder, limit = Path(sys.argv[1]), int(sys.argv[2])
graph = Graph.empty(24)
graph.extend(Matrix(folder / "matrix.f32", 24, 90))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    graph.save(folder)
except OSError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [0, 100, 5000])
def test_a_disk_that_takes_only_a_part_leaves_the_old_graph(
    tmp_path: Path, saved: dict[str, bytes], limit: int
) -> None:
    put(tmp_path, saved)
    matrix(tmp_path, units(90))
    ran = subprocess.run(
        [sys.executable, "-c", _SHORT_OF_SPACE, tmp_path, str(limit)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ran.stdout == f"graph.hnsw was written only in part ({limit} bytes)\n"
    assert Graph.load(tmp_path, DIM, 90).rows == 60
    assert sorted(os.listdir(tmp_path)) == ["graph.hnsw", "graph.json", "matrix.f32"]


# Which rows it was made from

OTHERS = "the graph was made from other vectors than the matrix holds"


def test_a_graph_of_other_vectors_is_refused(tmp_path: Path) -> None:
    graph = built(tmp_path, units(50))
    graph.check(matrix(tmp_path / "same", units(50)))
    graph.check(matrix(tmp_path / "longer", units(80)))
    for row in (0, 31, 49):
        other = units(50)
        other[row] = -other[row]
        (tmp_path / "other" / "matrix.f32").unlink(missing_ok=True)
        with pytest.raises(GraphUnusable, match=OTHERS):
            graph.check(matrix(tmp_path / "other", other))
    with pytest.raises(GraphUnusable, match="covers cannot be read"):
        graph.check(matrix(tmp_path / "shorter", units(49)))


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 512, 600])
def test_saved_and_loaded_it_still_knows_its_rows_however_many_came_after(
    tmp_path: Path, rows: int
) -> None:
    vectors = units(700)
    made = matrix(tmp_path, vectors[:rows])
    graph = Graph.empty(DIM)
    graph.extend(made)
    graph.save(tmp_path)
    made.append(vectors[rows:])
    Graph.load(tmp_path, DIM, 700).check(made)
    loaded = Graph.load(tmp_path, DIM, 700)
    loaded.extend(made)
    loaded.save(tmp_path)
    Graph.load(tmp_path, DIM, 700).check(made)
    with pytest.raises(GraphUnusable, match=OTHERS):
        Graph.load(tmp_path, DIM, 700).check(matrix(tmp_path / "other", vectors[::-1]))


def test_rows_that_cannot_be_told_are_no_rows_of_the_graph(tmp_path: Path) -> None:
    made = matrix(tmp_path, units(300))
    graph = Graph.empty(DIM)
    graph.extend(made)
    flip(made.path, 4 * DIM * 299)
    with pytest.raises(GraphUnusable, match="covers cannot be read"):
        graph.check(made)
    flip(made.path, 4 * DIM * 299)
    graph.check(made)
    made.checksums = None
    with pytest.raises(GraphUnusable, match="covers cannot be read"):
        graph.check(made)


def test_it_stands_in_for_whole_blocks_that_were_damaged_later(tmp_path: Path) -> None:
    vectors = units(300)
    made = matrix(tmp_path, vectors)
    graph = Graph.empty(DIM)
    graph.extend(made)
    flip(made.path, 0)
    graph.check(made)
    assert graph.search(vectors[0], 1)[0].tolist() == [0]


def test_a_card_of_an_older_vsearch_is_read_and_vouches_for_nothing(
    tmp_path: Path, saved: dict[str, bytes]
) -> None:
    card = json.loads(saved["graph.json"])
    del card["matrix"]
    put(tmp_path, saved | {"graph.json": json.dumps(card).encode()})
    graph = Graph.load(tmp_path, DIM, 60)
    with pytest.raises(GraphUnusable, match=OTHERS):
        graph.check(matrix(tmp_path, units(60)))


def test_no_damaged_row_gets_into_the_graph(tmp_path: Path) -> None:
    made = matrix(tmp_path, units(600))
    flip(made.path, 4 * DIM * 300)
    graph = Graph.empty(DIM)
    with pytest.raises(IndexDamaged, match="vectors are missing or damaged"):
        graph.extend(made)


def test_its_copies_are_the_rows_bit_for_bit(tmp_path: Path) -> None:
    vectors = np.concatenate([units(300), np.zeros((1, DIM), np.float32), 1e-30 * units(2)])
    vectors[7, :3] = [-0.0, np.float32(1e-42), np.float32(3.0e38)]
    graph = built(tmp_path, vectors)
    graph.save(tmp_path)
    for one in (graph, Graph.load(tmp_path, DIM, len(vectors))):
        rows = np.array([302, 7, 0, 7, 300])
        assert one.vectors(rows).tobytes() == vectors[rows].tobytes()
        assert one.vectors(np.array([], np.int64)).shape == (0, DIM)


# An index whose catalog was set back, by a backup or a disk that forgot


def set_back(folder: Path, catalog: bytes) -> None:
    for ending in ("-wal", "-shm"):
        (folder / f"catalog.sqlite{ending}").unlink(missing_ok=True)
    (folder / "catalog.sqlite").write_bytes(catalog)


@pytest.mark.parametrize("lost", [1, 10, 44, 100])
def test_rows_appended_in_place_of_lost_ones_are_not_taken_for_those_of_the_graph(
    tmp_path: Path, lost: int
) -> None:
    """The same number of rows, each with its right checksum; but the graph has the lost ones."""
    vectors, others = units(300), units(lost, seed=1)
    make_many(tmp_path, vectors[: 300 - lost])
    catalog = (tmp_path / "catalog.sqlite").read_bytes()
    make_many(tmp_path, vectors[300 - lost :], first=300 - lost, graph=True)
    with Index(tmp_path) as index:
        assert index.graph().rows == 300
    set_back(tmp_path, catalog)
    with Index(tmp_path) as index:
        assert index.rows == 300 - lost
        with pytest.raises(GraphUnusable, match=f"covers 300 rows of {300 - lost}"):
            index.graph()
    make_many(tmp_path, others, first=1000)
    with Index(tmp_path) as index:
        assert index.rows == 300
        with pytest.raises(GraphUnusable, match=OTHERS):
            index.graph()
    assert embeddings(tmp_path) == {
        str(number): vector.tobytes()
        for number, vector in [*enumerate(vectors[: 300 - lost]), *enumerate(others, 1000)]
    }


def test_a_graph_that_cannot_be_used_is_due_whatever_its_card_covers(tmp_path: Path) -> None:
    make_many(tmp_path, units(100))
    catalog = (tmp_path / "catalog.sqlite").read_bytes()
    make_many(tmp_path, units(1, seed=1), first=100, graph=True)
    set_back(tmp_path, catalog)
    make_many(tmp_path, units(1, seed=2), first=101)
    identity = ModelIdentity("many", "weights", "preprocessing", DIM)
    with IndexWriter(tmp_path, identity) as writer:
        assert writer.graph_due()
        writer.extend_graph()
    with Index(tmp_path) as index:
        rows, _ = index.graph().search(units(1, seed=2)[0], 1)
        assert rows.tolist() == [100]


def test_a_graph_from_another_index_of_the_same_size_is_refused(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        make_many(tmp_path / name, units(300, seed=seed), graph=True)
    for name in ("graph.hnsw", "graph.json"):
        one, two = (matrix_file(tmp_path / index).with_name(name) for index in ("one", "two"))
        one.write_bytes(two.read_bytes())
    with Index(tmp_path / "one") as index, pytest.raises(GraphUnusable, match=OTHERS):
        index.graph()
