"""`Matrix`: what is appended comes back, cosines are those of plain arithmetic."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.errors import IndexDamaged, StoreError
from vsearch.index.matrix import BLOCK_BYTES, Matrix

DIM = 384
BLOCK_ROWS = BLOCK_BYTES // (4 * DIM)


def units(count: int, dim: int = DIM, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, dim))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def matrix(folder: Path, vectors: NDArray[np.float32]) -> Matrix:
    made = Matrix(folder / "matrix.f32", vectors.shape[1], 0)
    made.append(vectors)
    return made


# Around the borders of the blocks that it is read in.
@pytest.mark.parametrize(
    "rows", [1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS + 7]
)
def test_scores_are_the_products_in_double_precision(tmp_path: Path, rows: int) -> None:
    vectors, query = units(rows), units(1, seed=1)[0]
    plain = vectors.astype(np.float64) @ query.astype(np.float64)
    made = matrix(tmp_path, vectors)
    scores = made.scores(query)
    assert scores.dtype == np.float32
    assert scores == pytest.approx(plain, abs=1e-6)
    for start in {0, 1, rows // 2, rows - 1, rows}:
        assert made.scores(query, start) == pytest.approx(plain[start:], abs=1e-6)


def test_the_file_is_rows_of_little_endian_float32_and_nothing_else(tmp_path: Path) -> None:
    matrix(tmp_path, np.array([[1, 0], [0, -2]], np.float32))
    assert (tmp_path / "matrix.f32").read_bytes() == bytes.fromhex(
        "0000803f0000000000000000000000c0"
    )


@pytest.mark.parametrize(
    "vectors",
    [
        pytest.param(units(6, 4).astype(">f4"), id="big-endian"),
        pytest.param(units(6, 4).astype(np.float64), id="float64"),
        pytest.param(np.asfortranarray(units(6, 4)), id="columns first"),
        pytest.param(units(12, 4)[::2], id="every other row"),
    ],
)
def test_however_they_lie_in_memory_the_same_rows_are_written(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    made = matrix(tmp_path, vectors)
    assert made.read(np.arange(6)).tolist() == vectors.astype(np.float32).tolist()


def test_rows_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    vectors = units(20, 3)
    made = matrix(tmp_path, vectors)
    assert made.read(np.array([7, 0, 19, 7])).tolist() == vectors[[7, 0, 19, 7]].tolist()
    assert made.read(np.array([], np.int64)).shape == (0, 3)


@pytest.mark.parametrize("start", [0, 1, BLOCK_ROWS, 2 * BLOCK_ROWS + 3])
def test_blocks_are_all_rows_from_the_start_on(tmp_path: Path, start: int) -> None:
    vectors = units(2 * BLOCK_ROWS + 3)
    made = matrix(tmp_path, vectors)
    blocks = [(first, block.copy()) for first, block in made.blocks(start)]
    assert [first for first, _ in blocks] == list(range(start, len(vectors), BLOCK_ROWS))
    together = np.concatenate([block for _, block in blocks] or [vectors[:0]])
    assert together.tolist() == vectors[start:].tolist()


def test_rows_past_the_counted_ones_are_written_over_and_never_seen(tmp_path: Path) -> None:
    first, lost, second = units(3, 5, 1), units(4, 5, 2), units(2, 5, 3)
    matrix(tmp_path, np.concatenate([first, lost]))
    counted = Matrix(tmp_path / "matrix.f32", 5, 3)
    assert counted.whole_rows_on_disk() == 7
    assert len(counted.scores(first[0])) == 3
    counted.append(second)
    assert counted.rows == 5
    assert counted.read(np.arange(5)).tolist() == np.concatenate([first, second]).tolist()


def test_an_empty_matrix_needs_no_file_and_no_dim(tmp_path: Path) -> None:
    empty = Matrix(tmp_path / "none", 0, 0)
    assert empty.scores(np.zeros(3, np.float32)).shape == (0,)
    assert empty.size_on_disk() == 0


@pytest.mark.parametrize("missing", [1, 4 * 5, 4 * 5 * 3])
def test_a_file_cut_short_is_told_and_never_made_up(tmp_path: Path, missing: int) -> None:
    made = matrix(tmp_path, units(3, 5))
    path = tmp_path / "matrix.f32"
    path.write_bytes(path.read_bytes()[:-missing])
    assert made.whole_rows_on_disk() == (60 - missing) // 20
    expected = (
        f"the matrix is shorter than the catalog says, in {path}; "
        "run `vsearch index` to embed the missing pictures again"
    )
    with pytest.raises(IndexDamaged) as caught:
        made.scores(units(1, 5)[0])
    assert str(caught.value) == expected
    with pytest.raises(IndexDamaged):
        made.read(np.array([2]))


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    with pytest.raises(IndexDamaged):
        Matrix(tmp_path / "none", 5, 1).scores(units(1, 5)[0])


def test_a_file_that_cannot_be_read_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be read \(Is a directory\)"):
        Matrix(tmp_path, 5, 1).scores(units(1, 5)[0])


def test_a_failed_append_counts_nothing(tmp_path: Path) -> None:
    made = matrix(tmp_path, units(3, 5))
    broken = Matrix(Path("/dev/full"), 5, 3)
    with pytest.raises(OSError, match="No space left"):
        broken.append(units(2, 5))
    assert broken.rows == 3
    assert made.rows == 3


def test_a_held_file_can_be_read_by_many_after_it_is_gone(tmp_path: Path) -> None:
    vectors, query = units(3 * BLOCK_ROWS), units(1, seed=1)[0]
    made = matrix(tmp_path, vectors)
    expected = made.scores(query).tolist()
    made.hold()
    made.path.unlink()
    with ThreadPoolExecutor(8) as pool:
        for scores in pool.map(lambda _: made.scores(query), range(20)):
            assert scores.tolist() == expected
    assert made.read(np.array([5])).tolist() == vectors[[5]].tolist()
    made.close()
    made.close()
    with pytest.raises(IndexDamaged):
        made.read(np.array([5]))


def test_holding_what_cannot_be_opened_is_told_when_it_is_read(tmp_path: Path) -> None:
    missing, folder = Matrix(tmp_path / "none", 5, 1), Matrix(tmp_path, 5, 1)
    missing.hold()
    folder.hold()
    with pytest.raises(IndexDamaged):
        missing.read(np.array([0]))
    with pytest.raises(StoreError, match="Is a directory"):
        folder.read(np.array([0]))
    units(1, 5).tofile(tmp_path / "none")
    assert missing.read(np.array([0])).shape == (1, 5)
