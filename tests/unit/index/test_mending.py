"""`mend`: every row that can be had comes back bit for bit; only what cannot be is forgotten."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.index.made_indexes import add, embeddings, flip, make_many, matrix_file, run_sql, units

from vsearch.index import GraphUnusable, Index
from vsearch.index.catalog import Catalog
from vsearch.index.database import Database
from vsearch.index.matrix import BLOCK_ROWS, Matrix
from vsearch.index.mending import Mended, mend
from vsearch.index.reader import matrix_of
from vsearch.index.writer import IndexWriter
from vsearch.records import ModelIdentity

DIM = 4
ROW = 4 * DIM  # bytes
ROWS = 2 * BLOCK_ROWS + 88  # two whole blocks, and one that is begun
COVERED = BLOCK_ROWS + 100  # rows of a graph that lags behind
VECTORS = units(ROWS, DIM)
IDENTITY = ModelIdentity("many", "weights", "preprocessing", DIM)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Return indexes of the same rows, by how many of them the graph covers; 0: there is none."""
    folders = {}
    for covered in (0, COVERED, ROWS):
        folders[covered] = folder = tmp_path_factory.mktemp("made") / "index"
        if covered:
            make_many(folder, VECTORS[:covered], graph=True)
        if covered < ROWS:
            make_many(folder, VECTORS[covered:], first=covered)
    return folders


def copy(made: dict[int, Path], covered: int, folder: Path) -> Path:
    return Path(shutil.copytree(made[covered], folder / "index"))


def mended(folder: Path, start: int = 0) -> Mended:
    with closing(Catalog(folder, write=True)) as catalog:
        catalog.begin_writing()
        outcome = mend(catalog, "whole", _matrix(folder, catalog), start)
        catalog.commit()
    return outcome


def _matrix(folder: Path, catalog: Catalog) -> Matrix:
    one = catalog.active()
    assert one is not None
    return matrix_of(folder, catalog, one)


def original(rows: set[int] | range) -> dict[str, bytes]:
    """Return what the files of these rows must come back as."""
    return {str(row): VECTORS[row].tobytes() for row in sorted(rows)}


def check_whole(folder: Path, rows: set[int] | range) -> None:
    """Check that these rows are all there is, and that nothing in the index is amiss."""
    assert embeddings(folder) == original(rows)
    with closing(Catalog(folder, write=False)) as catalog:
        matrix = _matrix(folder, catalog)
        assert all(block is not None for _, block in matrix.blocks())
        assert len(catalog.blocks("whole") or ()) == -(-matrix.rows // BLOCK_ROWS)
        counts = catalog.counts("whole")
        assert (counts.images, counts.lacking) == (len(rows), ROWS - len(rows))
        assert catalog.faults() == []
        used = catalog.rows_between("whole", 0, ROWS)
        for row in sorted(set(range(matrix.rows)) - set(used)):
            assert not matrix.read(np.array([row])).any()
    scores = scores_of(folder, VECTORS[3])
    for row in rows:
        assert scores[row] == pytest.approx(float(VECTORS[row] @ VECTORS[3]), abs=1e-6)


def scores_of(folder: Path, query: NDArray[np.float32]) -> NDArray[np.float32]:
    with Index(folder) as index:
        return index.scores(query)


def has_graph(folder: Path) -> bool:
    try:
        with Index(folder) as index:
            index.graph()
    except GraphUnusable:
        return False
    return True


# One kind of damage at a time


@pytest.mark.parametrize("covered", [0, COVERED, ROWS])
def test_where_nothing_is_damaged_nothing_is_done(
    tmp_path: Path, made: dict[int, Path], covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    before = matrix_file(folder).stat()
    assert mended(folder) == Mended(0, 0)
    assert matrix_file(folder).stat().st_mtime_ns == before.st_mtime_ns
    check_whole(folder, range(ROWS))
    assert has_graph(folder) == (covered > 0)


DAMAGED_ROWS = [0, 7, 255, 256, 300, 355, 356, 511, 512, 599]


def test_damaged_rows_come_back_from_the_graph_bit_for_bit(
    tmp_path: Path, made: dict[int, Path]
) -> None:
    folder = copy(made, ROWS, tmp_path)
    before = matrix_file(folder).read_bytes()
    for row in DAMAGED_ROWS:
        flip(matrix_file(folder), ROW * row + row % ROW, row % 8)
    assert mended(folder) == Mended(restored=10, lost=0)
    assert matrix_file(folder).read_bytes() == before
    check_whole(folder, range(ROWS))
    assert has_graph(folder)


def test_without_a_graph_exactly_the_damaged_rows_are_lost(
    tmp_path: Path, made: dict[int, Path]
) -> None:
    folder = copy(made, 0, tmp_path)
    for row in DAMAGED_ROWS:
        flip(matrix_file(folder), ROW * row + row % ROW, row % 8)
    assert mended(folder) == Mended(restored=0, lost=10)
    check_whole(folder, set(range(ROWS)) - set(DAMAGED_ROWS))
    with Index(folder) as index:
        assert index.rows == ROWS - 1  # the last is cut off, others are zeros


def test_what_the_graph_does_not_cover_is_lost(tmp_path: Path, made: dict[int, Path]) -> None:
    folder = copy(made, COVERED, tmp_path)
    for row in DAMAGED_ROWS:
        flip(matrix_file(folder), ROW * row + row % ROW, row % 8)
    lost = {row for row in DAMAGED_ROWS if row >= COVERED}
    assert mended(folder) == Mended(restored=6, lost=len(lost))
    check_whole(folder, set(range(ROWS)) - lost)
    assert not has_graph(folder)


def test_lost_rows_are_embedded_again(tmp_path: Path, made: dict[int, Path]) -> None:
    folder = copy(made, 0, tmp_path)
    for row in DAMAGED_ROWS:
        flip(matrix_file(folder), ROW * row)
    mended(folder)
    with IndexWriter(folder, IDENTITY) as writer:
        assert writer.lacking() == 10
        for row in DAMAGED_ROWS:
            add(writer, str(row), VECTORS[row])
        writer.commit()
        writer.extend_graph()
        assert writer.lacking() == 0
    assert embeddings(folder) == original(range(ROWS))
    with Index(folder) as index:
        assert index.rows == ROWS - 1 + 10
        graph = index.graph()
        for row in DAMAGED_ROWS:
            found, cosines = graph.search(VECTORS[row], 1)
            assert [one.path for one in index.images_of([int(found[0])])[int(found[0])]] == [
                str(row)
            ]
            assert cosines[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "kept", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 2 * BLOCK_ROWS, ROWS - 1]
)
@pytest.mark.parametrize("by", [0, 5], ids=["between rows", "in a row"])
@pytest.mark.parametrize("covered", [0, COVERED, ROWS])
def test_a_tail_that_is_cut_off_comes_back_as_far_as_the_graph_goes(
    tmp_path: Path, made: dict[int, Path], kept: int, by: int, covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    os.truncate(matrix_file(folder), ROW * kept + by)
    end = max(kept, covered)
    assert mended(folder) == Mended(restored=end - kept, lost=ROWS - end)
    check_whole(folder, range(end))
    with Index(folder) as index:
        assert index.rows == end


@pytest.mark.parametrize("covered", [0, ROWS])
def test_a_file_that_is_gone_comes_back_where_there_is_a_graph(
    tmp_path: Path, made: dict[int, Path], covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    matrix_file(folder).unlink()
    assert mended(folder) == Mended(restored=covered, lost=ROWS - covered)
    check_whole(folder, range(covered))


@pytest.mark.parametrize("covered", [0, ROWS])
def test_a_file_of_nothing_but_zeros_comes_back_where_there_is_a_graph(
    tmp_path: Path, made: dict[int, Path], covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    matrix_file(folder).write_bytes(bytes(ROW * ROWS))
    assert mended(folder) == Mended(restored=covered, lost=ROWS - covered)
    check_whole(folder, range(covered))


def lose_checksums(folder: Path, blocks: list[int]) -> None:
    with closing(Database(folder / "catalog.sqlite", write=True)) as database:
        database.many("DELETE FROM blocks WHERE block=?", [(block,) for block in blocks])


@pytest.mark.parametrize("blocks", [[0, 1, 2], [1], [2], [0, 1]])
def test_checksums_of_blocks_that_are_missing_are_made_anew_and_no_row_is_lost(
    tmp_path: Path, made: dict[int, Path], blocks: list[int]
) -> None:
    folder = copy(made, 0, tmp_path)
    lose_checksums(folder, blocks)
    before = matrix_file(folder).read_bytes()
    assert mended(folder) == Mended(0, 0)
    assert matrix_file(folder).read_bytes() == before
    check_whole(folder, range(ROWS))


def test_checksums_of_blocks_that_are_wrong_are_made_anew_and_no_row_is_lost(
    tmp_path: Path, made: dict[int, Path]
) -> None:
    folder = copy(made, ROWS, tmp_path)
    run_sql(folder, "UPDATE blocks SET checksum=x'0123456789abcdef'")
    assert mended(folder) == Mended(0, 0)
    check_whole(folder, range(ROWS))


def test_a_mapping_that_is_missing_costs_its_row_when_its_block_is_damaged(
    tmp_path: Path, made: dict[int, Path]
) -> None:
    folder = copy(made, 0, tmp_path)
    run_sql(folder, "DELETE FROM rows WHERE row IN (5, 300)")
    flip(matrix_file(folder), ROW * 9)
    assert mended(folder) == Mended(restored=0, lost=1)
    assert embeddings(folder) == original(set(range(ROWS)) - {5, 300, 9})


@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_only_blocks_from_the_start_on_are_looked_at(
    tmp_path: Path, made: dict[int, Path], start: int
) -> None:
    folder = copy(made, 0, tmp_path)
    for block in range(3):
        flip(matrix_file(folder), ROW * (BLOCK_ROWS * block + 5))
    assert mended(folder, start) == Mended(restored=0, lost=3 - start)
    scores = scores_of(folder, VECTORS[0])
    damaged = [bool(np.isneginf(scores[BLOCK_ROWS * block])) for block in range(3)]
    assert damaged == [block < start for block in range(3)]


@pytest.mark.parametrize("covered", [0, ROWS])
def test_a_damaged_graph_brings_nothing_back_and_nothing_wrong(
    tmp_path: Path, made: dict[int, Path], covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    if covered:
        flip(matrix_file(folder).with_name("graph.hnsw"), 5000)
    flip(matrix_file(folder), 0)
    assert mended(folder) == Mended(restored=0, lost=1)
    check_whole(folder, range(1, ROWS))


def test_a_graph_of_other_rows_brings_nothing_wrong_back(
    tmp_path: Path, made: dict[int, Path]
) -> None:
    """Each copy is compared with what was written: those that are the same still help."""
    folder = copy(made, 0, tmp_path)
    others = VECTORS.copy()
    others[9] = -others[9]
    make_many(tmp_path / "other", others, graph=True)
    for name in ("graph.hnsw", "graph.json"):
        shutil.copy(matrix_file(tmp_path / "other").with_name(name), matrix_file(folder).parent)
    for row in (5, 9):
        flip(matrix_file(folder), ROW * row)
    assert mended(folder) == Mended(restored=1, lost=1)
    check_whole(folder, set(range(ROWS)) - {9})


class BadSector:
    """`os.preadv` of a disk that cannot read some bytes of a file."""

    def __init__(self, first: int, end: int) -> None:
        self.first = first
        self.end = end
        self._read = os.preadv

    def __call__(self, handle: int, buffers: list[memoryview], place: int) -> int:
        if self.first <= place < self.end:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if place < self.first < place + len(buffers[0]):
            return self._read(handle, [buffers[0][: self.first - place]], place)
        return self._read(handle, buffers, place)


@pytest.mark.parametrize("covered", [0, ROWS])
def test_rows_around_a_bad_sector_are_kept(
    tmp_path: Path, made: dict[int, Path], monkeypatch: pytest.MonkeyPatch, covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    first, end = BLOCK_ROWS + 64, BLOCK_ROWS + 96
    with monkeypatch.context() as patch:
        patch.setattr(os, "preadv", BadSector(ROW * first, ROW * end))
        outcome = mended(folder)
    lost = set() if covered else set(range(first, end))
    assert outcome == Mended(restored=end - first - len(lost), lost=len(lost))
    check_whole(folder, set(range(ROWS)) - lost)


# Once more, and after a crash

DAMAGES = pytest.mark.parametrize(
    "covered", [0, COVERED, ROWS], ids=["no graph", "graph of some", "graph of all"]
)


def damage_much(folder: Path) -> set[int]:
    """Damage a row of each block and cut off the end; return the rows."""
    rows = {3, 200, BLOCK_ROWS + 3, BLOCK_ROWS + 200, 2 * BLOCK_ROWS + 3}
    for row in rows:
        flip(matrix_file(folder), ROW * row + 1)
    os.truncate(matrix_file(folder), ROW * (ROWS - 9) + 3)
    return rows | set(range(ROWS - 9, ROWS))


@DAMAGES
def test_done_twice_it_comes_to_the_same(
    tmp_path: Path, made: dict[int, Path], covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    damage_much(folder)
    first = mended(folder)
    left, content = embeddings(folder), matrix_file(folder).read_bytes()
    assert first.restored + first.lost == 14
    assert mended(folder) == Mended(0, 0)
    assert (embeddings(folder), matrix_file(folder).read_bytes()) == (left, content)


@DAMAGES
def test_interrupted_before_its_commit_it_comes_to_the_same(
    tmp_path: Path, made: dict[int, Path], covered: int
) -> None:
    folder = copy(made, covered, tmp_path)
    damaged = damage_much(folder)
    with closing(Catalog(folder, write=True)) as catalog:
        catalog.begin_writing()
        before = mend(catalog, "whole", _matrix(folder, catalog))
        # and no commit
    after = mended(folder)
    assert after == Mended(0, before.lost)
    check_whole(folder, set(range(ROWS)) - {row for row in damaged if row >= covered})


class PowerFailure(Exception):
    """What stands for one."""


@DAMAGES
@pytest.mark.parametrize("kept", [0.0, 0.303, 1.0])
@pytest.mark.parametrize("writes", [0, 1, 2])
def test_interrupted_while_it_writes_it_comes_to_the_same(
    tmp_path: Path,
    made: dict[int, Path],
    monkeypatch: pytest.MonkeyPatch,
    covered: int,
    writes: int,
    kept: float,
) -> None:
    """Of the last write, only a part may have reached the disk."""
    folder = copy(made, covered, tmp_path)
    damaged = damage_much(folder)
    left = [writes]
    write = Matrix.write

    def failing(matrix: Matrix, row: int, vectors: NDArray[np.float32]) -> None:
        if left[0] == 0:
            with matrix.path.open("r+b") as file:
                file.seek(ROW * row)
                file.write(vectors.tobytes()[: int(kept * vectors.nbytes)])
            raise PowerFailure
        left[0] -= 1
        write(matrix, row, vectors)

    with monkeypatch.context() as patch:
        patch.setattr(Matrix, "write", failing)
        with pytest.raises(PowerFailure):
            mended(folder)
    mended(folder)
    check_whole(folder, set(range(ROWS)) - {row for row in damaged if row >= covered})


# Any damage


@dataclass(frozen=True)
class Damage:
    """Bits flipped, bytes zeroed, an end cut off or added, a file removed, records lost."""

    covered: int
    flips: list[int]
    zeroed: list[tuple[int, int]]
    length: int | None
    blocks: list[int]
    graph: bool


DAMAGE = st.builds(
    Damage,
    covered=st.sampled_from([0, COVERED, ROWS]),
    flips=st.lists(st.integers(0, 8 * ROW * ROWS - 1), max_size=6, unique=True),
    zeroed=st.lists(st.tuples(st.integers(0, ROW * ROWS - 1), st.integers(1, 2000)), max_size=3),
    length=st.none() | st.integers(0, ROW * (ROWS + 20)),
    blocks=st.lists(st.integers(0, 2), max_size=2),
    graph=st.booleans(),
)


@pytest.fixture(scope="module")
def here() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(DAMAGE)
@example(Damage(ROWS, [], [], 0, [0, 1, 2], graph=True))
@example(Damage(0, [], [(ROW * 2 * BLOCK_ROWS, ROW * 88)], None, [], graph=True))
@example(Damage(COVERED, [0], [(ROW * BLOCK_ROWS, ROW * 344)], None, [], graph=True))
def test_whatever_was_damaged_each_row_that_is_left_has_its_own_bytes(
    made: dict[int, Path], here: Path, damage: Damage
) -> None:
    folder = here / "index"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made[damage.covered], folder)
    file = matrix_file(folder)
    wrong = bytearray(file.read_bytes())
    for bit in damage.flips:
        wrong[bit // 8] ^= 1 << bit % 8
    for start, length in damage.zeroed:
        end = min(len(wrong), start + length)
        wrong[start:end] = bytes(end - start)
    if damage.length is not None:
        wrong = wrong[: damage.length] + bytes(max(0, damage.length - len(wrong)))
    file.write_bytes(wrong)
    lose_checksums(folder, damage.blocks)
    covered = damage.covered
    if covered and not damage.graph:
        flip(file.with_name("graph.hnsw"), 999)
        covered = 0

    intact = {
        row for row in range(ROWS) if wrong[ROW * row : ROW * (row + 1)] == VECTORS[row].tobytes()
    }
    left = intact | set(range(covered))
    outcome = mended(folder)
    assert outcome == Mended(restored=len(left - intact), lost=ROWS - len(left))
    check_whole(folder, left)
    with Index(folder) as index:
        end = max(left, default=-1) + 1
        assert index.rows == end if ROWS - 1 not in left else index.rows == ROWS
    assert has_graph(folder) == (covered > 0 and not outcome.lost)
    content = file.read_bytes()
    assert mended(folder) == Mended(0, 0)
    assert file.read_bytes() == content
