"""`Matrix`: what is appended comes back, cosines are those of plain arithmetic."""

import errno
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import AF_UNIX, socket

import numpy as np
import pytest
from numpy.typing import NDArray
from unit.index.made_indexes import flip, units
from xxhash import xxh3_64_digest, xxh3_128_hexdigest

from vsearch.errors import IndexDamaged, StoreError
from vsearch.index.matrix import BLOCK_ROWS, Matrix, checksum

DIM = 24
ROWS = 2 * BLOCK_ROWS + 44  # two whole blocks, and one that is begun


def matrix(folder: Path, vectors: NDArray[np.float32]) -> Matrix:
    made = Matrix(folder / "matrix.f32", vectors.shape[1], 0, [])
    made.append(vectors)
    return made


def blocks(made: Matrix, start: int = 0) -> dict[int, NDArray[np.float32] | None]:
    """Return first row -> rows, or None, as they are read."""
    return {first: None if block is None else block.copy() for first, block in made.blocks(start)}


# Around the borders of the blocks that it is read in.
@pytest.mark.parametrize(
    "rows", [1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS + 7]
)
def test_scores_are_the_products_in_double_precision(tmp_path: Path, rows: int) -> None:
    vectors, query = units(rows, DIM), units(1, DIM, seed=1)[0]
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


@pytest.mark.parametrize("start", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, 2 * BLOCK_ROWS + 2])
def test_blocks_are_all_rows_from_the_start_on(tmp_path: Path, start: int) -> None:
    vectors = units(2 * BLOCK_ROWS + 3, DIM)
    made = matrix(tmp_path, vectors)
    found = blocks(made, start)
    # The first is what is left of the block that `start` lies in.
    borders = range((start // BLOCK_ROWS + 1) * BLOCK_ROWS, len(vectors), BLOCK_ROWS)
    assert list(found) == [start, *borders]
    together = np.concatenate([block for block in found.values() if block is not None])
    assert together.tolist() == vectors[start:].tolist()


def test_rows_past_the_counted_ones_are_written_over_and_never_seen(tmp_path: Path) -> None:
    first, lost, second = units(3, 5, 1), units(4, 5, 2), units(2, 5, 3)
    matrix(tmp_path, np.concatenate([first, lost]))
    counted = Matrix(tmp_path / "matrix.f32", 5, 3, [xxh3_64_digest(first.tobytes())])
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
@pytest.mark.parametrize("old", [False, True], ids=["", "without checksums"])
def test_a_file_cut_short_is_told_and_never_made_up(
    tmp_path: Path, missing: int, old: bool
) -> None:
    made = matrix(tmp_path, units(3, 5))
    if old:
        made.checksums = None
    path = tmp_path / "matrix.f32"
    path.write_bytes(path.read_bytes()[:-missing])
    assert made.whole_rows_on_disk() == (60 - missing) // 20
    expected = (
        f"vectors are missing or damaged, in {path}; "
        "bring back what can be with `vsearch check --repair`"
    )
    assert made.scores(units(1, 5)[0]).tolist() == [-np.inf] * 3
    with pytest.raises(IndexDamaged) as caught:
        made.read(np.array([2]))
    assert str(caught.value) == expected


def test_a_missing_file_is_damage(tmp_path: Path) -> None:
    missing = Matrix(tmp_path / "none", 5, 300)
    assert missing.scores(units(1, 5)[0], 7).tolist() == [-np.inf] * 293
    assert blocks(missing, 7) == {7: None, BLOCK_ROWS: None}
    with pytest.raises(IndexDamaged):
        missing.read(np.array([0]))


def test_a_file_that_cannot_be_read_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be read \(Not a directory\)"):
        Matrix(tmp_path / "file" / "matrix.f32", 5, 1).scores(units(1, 5)[0])


SPECIAL: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "socket": lambda path: socket(AF_UNIX).bind(os.fspath(path)),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_regular_file_is_missing_and_waited_for_by_no_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    made = matrix(Path(), units(300, 5))
    made.path.unlink()
    SPECIAL[kind](made.path)
    made.hold()
    assert blocks(made) == {0: None, BLOCK_ROWS: None}
    assert (made.size_on_disk(), len(made.loose_rows(0))) == (0, 0)
    if kind == "folder":
        made.path.rmdir()
    made.write(0, units(300, 5))
    assert made.read(np.arange(300)).tolist() == units(300, 5).tolist()


def test_a_failed_append_counts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = matrix(tmp_path, units(3, 5))
    before = made.checksums.copy() if made.checksums else []

    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            made.append(units(2, 5))
    assert (made.rows, made.checksums) == (3, before)
    made.append(units(2, 5))
    assert made.read(np.arange(5)).tolist() == [*units(3, 5).tolist(), *units(2, 5).tolist()]


def test_a_held_file_can_be_read_by_many_after_it_is_gone(tmp_path: Path) -> None:
    vectors, query = units(3 * BLOCK_ROWS, DIM), units(1, DIM, seed=1)[0]
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
    missing = Matrix(tmp_path / "none", 5, 1)
    missing.hold()
    with pytest.raises(IndexDamaged):
        missing.read(np.array([0]))
    units(1, 5).tofile(tmp_path / "none")
    assert missing.read(np.array([0])).shape == (1, 5)


# Checksums


@pytest.mark.parametrize(
    "parts", [[1], [BLOCK_ROWS], [BLOCK_ROWS, 1], [255, 1, 1], [100, 300, 200], [1] * 5, [700]]
)
def test_appending_gives_the_checksums_of_the_blocks_that_changed(
    tmp_path: Path, parts: list[int]
) -> None:
    vectors = units(sum(parts), 3)
    made = Matrix(tmp_path / "matrix.f32", 3, 0, [])
    told: dict[int, bytes] = {}
    for part in parts:
        changed = made.append(vectors[made.rows : made.rows + part])
        assert min(changed) == (made.rows - part) // BLOCK_ROWS
        told |= changed
    expected = [
        xxh3_64_digest(vectors[first : first + BLOCK_ROWS].tobytes())
        for first in range(0, len(vectors), BLOCK_ROWS)
    ]
    assert made.checksums == expected
    assert told == dict(enumerate(expected))
    assert (tmp_path / "matrix.f32").read_bytes() == vectors.tobytes()


def test_a_checksum_is_the_xxh3_64_of_the_bytes() -> None:
    assert checksum(b"what") == xxh3_64_digest(b"what")
    assert checksum(memoryview(b"what")) == xxh3_64_digest(b"what")


def test_without_checksums_everything_is_believed(tmp_path: Path) -> None:
    vectors = units(ROWS, 3)
    made = matrix(tmp_path, vectors)
    made.checksums = None
    flip(made.path, 0)
    assert np.count_nonzero(made.read(np.arange(ROWS)) != vectors) == 1
    made.append(vectors[:1])
    assert made.checksums is None


def others(block: int) -> list[int]:
    """Return the rows of all other blocks."""
    return [row for row in range(ROWS) if row // BLOCK_ROWS != block]


@pytest.mark.parametrize("block", [0, 1, 2], ids=["first", "middle", "last and partial"])
def test_a_flipped_bit_costs_its_block_and_nothing_of_others(tmp_path: Path, block: int) -> None:
    vectors, query = units(ROWS, DIM), units(1, DIM, seed=1)[0]
    made = matrix(tmp_path, vectors)
    first, end = block * BLOCK_ROWS, min(ROWS, (block + 1) * BLOCK_ROWS)
    starts = (0, 1, BLOCK_ROWS, BLOCK_ROWS + 1, ROWS - 1)
    right = {start: made.scores(query, start) for start in starts}
    wrong = {start: scores.copy() for start, scores in right.items()}
    for start, scores in wrong.items():
        scores[max(0, first - start) : max(0, end - start)] = -np.inf
    size = (end - first) * 4 * DIM
    for bit, place in enumerate([0, 1, size // 2, size - 2, size - 1]):
        flip(made.path, first * 4 * DIM + place, bit)
        for start in starts:
            assert made.scores(query, start).tolist() == wrong[start].tolist()
        assert made.read(np.array(others(block))).tolist() == vectors[others(block)].tolist()
        for row in (first, end - 1):
            with pytest.raises(IndexDamaged, match="vectors are missing or damaged"):
                made.read(np.array([row]))
        assert [at for at, rows in blocks(made).items() if rows is None] == [first]
        flip(made.path, first * 4 * DIM + place, bit)
    for start in starts:
        assert made.scores(query, start).tolist() == right[start].tolist()


def test_bytes_past_the_counted_rows_are_nobodys_business(tmp_path: Path) -> None:
    vectors, query = units(ROWS, DIM), units(1, DIM, seed=1)[0]
    made = matrix(tmp_path, vectors)
    right = made.scores(query).tolist()
    with made.path.open("ab") as file:
        file.write(bytes(9999))
    assert made.scores(query).tolist() == right


@pytest.mark.parametrize("checksums", [0, 1, 2])
def test_a_block_whose_checksum_is_not_recorded_is_not_believed(
    tmp_path: Path, checksums: int
) -> None:
    made = matrix(tmp_path, units(ROWS, 3))
    assert made.checksums is not None
    known = Matrix(made.path, 3, ROWS, made.checksums[:checksums])
    assert [rows is not None for rows in blocks(known).values()] == [
        number < checksums for number in range(3)
    ]
    gap = Matrix(made.path, 3, ROWS, [made.checksums[0], b"", made.checksums[2]])
    assert [rows is None for rows in blocks(gap).values()] == [False, True, False]


def test_a_file_cut_at_any_length_gives_the_blocks_that_are_whole(tmp_path: Path) -> None:
    vectors, query = units(ROWS, 3), units(1, 3, seed=1)[0]
    made = matrix(tmp_path, vectors)
    right = made.scores(query)
    borders = [12 * row for row in (0, 1, BLOCK_ROWS, 2 * BLOCK_ROWS, ROWS)]
    lengths = {max(0, border + by) for border in borders for by in (-12, -1, 0, 1, 12)}
    for length in sorted({*lengths, *range(0, 12 * ROWS, 997)} - {12 * ROWS + 1}, reverse=True):
        os.truncate(made.path, length)
        whole = ROWS if length >= 12 * ROWS else length // (12 * BLOCK_ROWS) * BLOCK_ROWS
        scores = made.scores(query)
        assert scores[:whole].tolist() == right[:whole].tolist()
        assert scores[whole:].tolist() == [-np.inf] * (ROWS - whole)


class BadSector:
    """`os.preadv` of a disk that cannot read some bytes from `place` on."""

    def __init__(self, place: int, code: int = errno.EIO) -> None:
        self.place = place
        self.code = code
        self._read = os.preadv

    def __call__(self, handle: int, buffers: list[memoryview], place: int) -> int:
        if place <= self.place < place + len(buffers[0]):
            if place == self.place:
                raise OSError(self.code, os.strerror(self.code))
            return self._read(handle, [buffers[0][: self.place - place]], place)
        return self._read(handle, buffers, place)


@pytest.mark.parametrize("block", [0, 1, 2], ids=["first", "middle", "last and partial"])
@pytest.mark.parametrize("old", [False, True], ids=["", "without checksums"])
def test_a_bad_sector_costs_its_block_and_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, old: bool
) -> None:
    vectors, query = units(ROWS, DIM), units(1, DIM, seed=1)[0]
    made = matrix(tmp_path, vectors)
    if old:
        made.checksums = None
    right = made.scores(query)
    right[block * BLOCK_ROWS : (block + 1) * BLOCK_ROWS] = -np.inf
    for place in (0, 4 * DIM * 20 + 5):
        with monkeypatch.context() as patch:
            patch.setattr(os, "preadv", BadSector(block * BLOCK_ROWS * 4 * DIM + place))
            assert made.scores(query).tolist() == right.tolist()
            assert made.read(np.array(others(block))).tolist() == vectors[others(block)].tolist()
            with pytest.raises(IndexDamaged):
                made.read(np.array([block * BLOCK_ROWS]))
            with pytest.raises(IndexDamaged):
                made.append(vectors[:1]) if block == 2 else made.read(np.arange(ROWS))


def test_other_troubles_of_reading_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = matrix(tmp_path, units(ROWS, DIM))
    monkeypatch.setattr(os, "preadv", BadSector(5000, errno.ESTALE))
    with pytest.raises(StoreError, match="cannot be read") as caught:
        made.scores(units(1, DIM)[0])
    assert not isinstance(caught.value, IndexDamaged)


def test_a_read_that_comes_in_pieces_is_put_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = units(ROWS, DIM)
    made = matrix(tmp_path, vectors)
    read = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, buffers, at: read(file, [buffers[0][:1000]], at))
    assert made.read(np.arange(ROWS)).tolist() == vectors.tolist()


def test_a_damaged_block_is_not_gone_on_with(tmp_path: Path) -> None:
    made = matrix(tmp_path, units(ROWS, 3))
    before = made.checksums
    flip(made.path, 12 * (ROWS - 1))
    damaged = made.path.read_bytes()
    with pytest.raises(IndexDamaged):
        made.append(units(1, 3))
    assert (made.rows, made.checksums) == (ROWS, before)
    assert made.path.read_bytes() == damaged


def test_a_damaged_block_that_is_full_keeps_no_one_from_appending(tmp_path: Path) -> None:
    made = matrix(tmp_path, units(BLOCK_ROWS, 3))
    flip(made.path, 0)
    made.append(units(1, 3, seed=1))
    assert made.read(np.array([BLOCK_ROWS])).tolist() == units(1, 3, seed=1).tolist()
    with pytest.raises(IndexDamaged):
        made.read(np.array([0]))


# Mending


def test_rows_are_given_as_they_are_on_the_disk_whatever_their_checksum(tmp_path: Path) -> None:
    vectors = units(ROWS, 3)
    made = matrix(tmp_path, vectors)
    flip(made.path, 12 * BLOCK_ROWS)
    os.truncate(made.path, 12 * (ROWS - 4) + 7)
    assert made.loose_rows(0).tolist() == vectors[:BLOCK_ROWS].tolist()
    loose = made.loose_rows(1)
    assert np.flatnonzero((loose != vectors[BLOCK_ROWS : 2 * BLOCK_ROWS]).any(axis=1)) == [0]
    assert made.loose_rows(2).tolist() == vectors[2 * BLOCK_ROWS : -4].tolist()
    os.truncate(made.path, 12 * 2 * BLOCK_ROWS)
    assert made.loose_rows(2).shape == (0, 3)
    made.path.unlink()
    assert made.loose_rows(0).shape == (0, 3)


def test_writing_changes_the_rows_it_is_told_and_nothing_that_counts(tmp_path: Path) -> None:
    vectors, others = units(ROWS, 3), units(5, 3, seed=1)
    made = matrix(tmp_path, vectors)
    before = made.checksums
    made.write(300, others)
    assert (made.rows, made.checksums) == (ROWS, before)
    vectors[300:305] = others
    assert made.path.read_bytes() == vectors.tobytes()


# What the rows are told by


def test_the_digest_of_some_rows_stays_when_more_are_appended(tmp_path: Path) -> None:
    vectors = units(ROWS, 3)
    borders = [0, 1, 2, 255, 256, 257, 511, 512, 513, ROWS]
    made = Matrix(tmp_path / "matrix.f32", 3, 0, [])
    before: dict[int, str | None] = {0: made.digest(0)}
    for start, end in itertools.pairwise(borders):
        made.append(vectors[start:end])
        before[end] = made.digest(end)
    assert {rows: made.digest(rows) for rows in borders} == before
    assert len(set(before.values())) == len(borders)


def test_the_digest_is_of_the_checksums_of_whole_blocks_and_of_the_rows_after_them(
    tmp_path: Path,
) -> None:
    vectors = units(ROWS, 3)
    made = matrix(tmp_path, vectors)
    whole = b"".join(
        xxh3_64_digest(vectors[first : first + BLOCK_ROWS].tobytes()) for first in (0, BLOCK_ROWS)
    )
    assert made.digest(2 * BLOCK_ROWS) == xxh3_128_hexdigest(whole)
    assert made.digest(ROWS) == xxh3_128_hexdigest(whole + vectors[2 * BLOCK_ROWS :].tobytes())


def test_the_digest_of_other_rows_is_another(tmp_path: Path) -> None:
    vectors = units(ROWS, 3)
    (tmp_path / "other").mkdir()
    made = matrix(tmp_path, vectors)
    for row in (0, 255, 256, 512, ROWS - 1):
        others = vectors.copy()
        others[row] *= -1
        other = matrix(tmp_path / "other", others)
        for rows in (1, 255, 256, 257, 512, 513, ROWS):
            assert (other.digest(rows) == made.digest(rows)) == (row >= rows)
        (tmp_path / "other" / "matrix.f32").unlink()


def test_what_cannot_be_told_has_no_digest(tmp_path: Path) -> None:
    made = matrix(tmp_path, units(ROWS, 3))
    assert made.digest(ROWS + 1) is None
    flip(made.path, 12 * ROWS - 1)
    assert made.digest(ROWS) is None
    assert made.digest(2 * BLOCK_ROWS) is not None
    assert Matrix(made.path, 3, ROWS, None).digest(1) is None
