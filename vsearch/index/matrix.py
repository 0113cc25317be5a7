"""The embeddings of one vector set: `matrix.f32`, rows x dim little-endian float32, append only.

The file has no header. How many of its rows count is what the catalog committed; rows past that
are the remains of an interrupted writer, and the next writer writes over them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vsearch.errors import IndexDamaged, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

FLOAT = 4  # bytes
# Rows are read in blocks of about this many bytes: they stay in the second-level cache between
# reading and multiplying, the process stays small whatever the index's size, and each product is
# below the size at which OpenBLAS wakes its threads (measured on 100,000 x 384 and two busy
# cores: 7 ms in such blocks; up to 400 ms in blocks of 3 MB, spent waiting for a thread).
BLOCK_BYTES = 384 * 1024


class Matrix:
    """The first `rows` rows of the file at `path`, each of `dim` float32.

    Reading never needs a lock: committed rows are never changed. Several threads may read at once.
    """

    def __init__(self, path: Path, dim: int, rows: int) -> None:
        self.path = path
        self.dim = dim
        self.rows = rows
        self._held: FileIO | None = None

    def hold(self) -> None:
        """Open the file until `close`: what is read stays there, even if the file is removed.

        Nothing where it cannot be opened; reading will say why.
        """
        with suppress(OSError):
            self._held = self.path.open("rb", buffering=0)

    def close(self) -> None:
        """Let go of a held file."""
        if self._held:
            self._held.close()
            self._held = None

    def blocks(self, start: int = 0) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (first row, rows (n, dim)) from row `start` on; a block's memory is used again.

        Raises IndexDamaged when the file is shorter than the committed rows.
        """
        import numpy as np

        if start >= self.rows:
            return
        step = max(1, BLOCK_BYTES // (self.dim * FLOAT))
        buffer = np.empty((step, self.dim), dtype="<f4")
        with self._opened() as file:
            for first in range(start, self.rows, step):
                block = buffer[: min(step, self.rows - first)]
                self._fill(file, first, block)
                yield first, block

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the given `rows` (n,) as a new array (n, dim)."""
        import numpy as np

        found = np.empty((len(rows), self.dim), dtype="<f4")
        with self._opened() as file:
            for place, row in enumerate(rows):
                self._fill(file, int(row), found[place : place + 1])
        return found

    def scores(self, query: NDArray[np.float32], start: int = 0) -> NDArray[np.float32]:
        """Return the cosine of the unit vector `query` (dim,) with each row from `start` on.

        Shape (rows - start,), float32. This is the exact answer, computed by reading everything.
        """
        import numpy as np

        scores = np.empty(self.rows - start, dtype=np.float32)
        for first, block in self.blocks(start):
            np.dot(block, query, out=scores[first - start : first - start + len(block)])
        return scores

    def size_on_disk(self) -> int:
        """Return the file's length in bytes; 0 when it does not exist."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def whole_rows_on_disk(self) -> int:
        """Return how many complete rows the file holds, committed or not."""
        return self.size_on_disk() // (self.dim * FLOAT)

    def append(self, vectors: NDArray[np.float32]) -> None:
        """Write `vectors` (n, dim) after the last counted row and sync them to the disk.

        `rows` grows only after the sync, and the catalog must commit it before anyone may count
        on it. Raises OSError (a full disk, say), after which nothing counted has changed.
        """
        data = memoryview(vectors.astype("<f4", order="C", copy=False).data).cast("B")
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            os.lseek(handle, self.rows * self.dim * FLOAT, os.SEEK_SET)
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        self.rows += len(vectors)

    @contextmanager
    def _opened(self) -> Iterator[FileIO]:
        try:
            if self._held:
                yield self._held
                return
            with self.path.open("rb", buffering=0) as file:
                yield file
        except FileNotFoundError:
            raise self._damaged() from None
        except OSError as error:
            raise StoreError(
                f"the matrix cannot be read ({error.strerror}), in {self.path}; "
                "check the disk and the permissions of the folder"
            ) from error

    def _fill(self, file: FileIO, row: int, block: NDArray[np.float32]) -> None:
        """Read the rows from `row` on into `block` (n, dim)."""
        target = memoryview(block.data).cast("B")
        place = row * self.dim * FLOAT
        while target:
            count = os.preadv(file.fileno(), [target], place)  # threads share no position
            if not count:
                raise self._damaged()
            target = target[count:]
            place += count

    def _damaged(self) -> IndexDamaged:
        return IndexDamaged(
            f"the matrix is shorter than the catalog says, in {self.path}; "
            "run `vsearch index` to embed the missing pictures again"
        )
