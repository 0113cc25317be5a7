"""The embeddings of one vector set: `matrix.f32`, rows x dim little-endian float32, append only.

The file has no header. How many of its rows count is what the catalog committed; rows past that
are the remains of an interrupted writer, and the next writer writes over them. The catalog also
has a checksum of every block of BLOCK_ROWS rows, compared each time a block is read: a disk that
gives back other bytes than were written makes a row missing, never wrong.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vsearch.errors import IndexDamaged, StoreError
from vsearch.index.folder import open_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Bytes = bytes | memoryview

FLOAT = 4  # bytes
# 384 kB at 384 dimensions: a block stays in the second-level cache between reading, comparing its
# checksum (100 GB/s there) and multiplying, the process stays small whatever the index's size, and
# each product is below the size at which OpenBLAS wakes its threads (measured on 100,000 x 384 and
# two busy cores: 7 ms in such blocks; up to 400 ms in blocks of 3 MB, waiting for a thread).
BLOCK_ROWS = 256


class Matrix:
    """The first `rows` rows of the file at `path`, each of `dim` float32.

    `checksums` are those of its blocks, the last one of as many rows as there are; None for an
    index of an older format, which has none. Reading never needs a lock: committed rows are never
    changed, but to bring back what was damaged. Several threads may read at once.
    """

    def __init__(
        self, path: Path, dim: int, rows: int, checksums: Sequence[bytes] | None = None
    ) -> None:
        self.path = path
        self.dim = dim
        self.rows = rows
        self.checksums = None if checksums is None else list(checksums)
        self._held: FileIO | None = None

    def hold(self) -> None:
        """Open the file until `close`: what is read stays there, even if the file is removed.

        Nothing where it cannot be opened; reading will say why.
        """
        with suppress(OSError):
            self._held = open_file(self.path)

    def close(self) -> None:
        """Let go of a held file."""
        if self._held:
            self._held.close()
            self._held = None

    # Reading

    def blocks(self, start: int = 0) -> Iterator[tuple[int, NDArray[np.float32] | None]]:
        """Yield (first row, rows (n, dim)) from row `start` on; a block's memory is used again.

        None in place of the rows that are missing or whose checksum is wrong.
        """
        import numpy as np

        if start >= self.rows:
            return
        buffer = np.empty((BLOCK_ROWS, self.dim), dtype="<f4")
        with self._opened() as file:
            for number in range(start // BLOCK_ROWS, self._blocks()):
                first = number * BLOCK_ROWS
                skipped = max(0, start - first)
                block = self._block(file, number, buffer)
                yield first + skipped, None if block is None else block[skipped:]

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the given `rows` (n,) as a new array (n, dim); quickest where they ascend.

        Raises IndexDamaged when one of them is.
        """
        import numpy as np

        found = np.empty((len(rows), self.dim), dtype="<f4")
        buffer = np.empty((BLOCK_ROWS, self.dim), dtype="<f4")
        loaded, block = -1, None
        with self._opened() as file:
            for place, row in enumerate(rows):
                number, offset = divmod(int(row), BLOCK_ROWS)
                if number != loaded:
                    loaded, block = number, self._block(file, number, buffer)
                if block is None:
                    raise self.damaged()
                found[place] = block[offset]
        return found

    def scores(self, query: NDArray[np.float32], start: int = 0) -> NDArray[np.float32]:
        """Return the cosine of the unit vector `query` (dim,) with each row from `start` on.

        Shape (rows - start,), float32; -inf for rows that are damaged. This is the exact answer,
        computed by reading everything.
        """
        import numpy as np

        scores = np.full(max(0, self.rows - start), -np.inf, dtype=np.float32)
        for first, block in self.blocks(start):
            if block is not None:
                place = first - start
                np.dot(block, query, out=scores[place : place + len(block)])
        return scores

    def scores_of(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosine of the unit vector `query` (dim,) with each of the ascending `rows`.

        Shape (len(rows),), float32, to the last bit as in `scores`; -inf for rows that are damaged.
        Reads only the blocks that hold one of them.
        """
        import numpy as np

        scores = np.full(len(rows), -np.inf, dtype=np.float32)
        numbers, starts = np.unique(rows // BLOCK_ROWS, return_index=True)
        ends = np.append(starts, len(rows))[1:]
        buffer = np.empty((BLOCK_ROWS, self.dim), dtype="<f4")
        with self._opened() as file:
            for number, start, end in zip(numbers, starts, ends, strict=True):
                block = self._block(file, int(number), buffer)
                if block is not None:
                    scores[start:end] = np.dot(block, query)[rows[start:end] % BLOCK_ROWS]
        return scores

    def loose_rows(self, number: int) -> NDArray[np.float32]:
        """Return as many rows (n, dim) of a block as the file has, whatever its checksum says.

        Zeros for those that cannot be read.
        """
        import numpy as np

        first = number * BLOCK_ROWS
        count = min(BLOCK_ROWS, self.rows - first, self.whole_rows_on_disk() - first)
        block = np.empty((max(0, count), self.dim), dtype="<f4")
        if len(block):
            with self._opened() as file:
                for row in range(len(block)):  # one by one: a bad sector costs those on it
                    if not self._fill(file, first + row, block[row : row + 1]):
                        block[row] = 0
        return block

    def digest(self, rows: int) -> str | None:
        """Return what the first `rows` rows are told by: a hexadecimal xxh3-128; None: cannot say.

        Of the checksums of their whole blocks, and of the bytes of the rows after those.
        """
        import numpy as np
        import xxhash

        if self.checksums is None or rows > self.rows:
            return None
        whole, rest = divmod(rows, BLOCK_ROWS)
        digest = xxhash.xxh3_128(b"".join(self.checksums[:whole]))
        if rest:
            with self._opened() as file:
                buffer = np.empty((BLOCK_ROWS, self.dim), dtype="<f4")
                block = self._block(file, whole, buffer)
            if block is None:
                return None
            digest.update(block[:rest].data.cast("B"))
        return digest.hexdigest()

    def size_on_disk(self) -> int:
        """Return the file's length in bytes; 0 when it does not exist or is no regular file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return 0
        return found.st_size if stat.S_ISREG(found.st_mode) else 0

    def whole_rows_on_disk(self) -> int:
        """Return how many complete rows the file holds, committed or not."""
        return self.size_on_disk() // (self.dim * FLOAT)

    # Writing

    def append(self, vectors: NDArray[np.float32]) -> dict[int, bytes]:
        """Write `vectors` (n, dim) after the last counted row and sync them to the disk.

        Returns the new checksums of the blocks that changed, by number. `rows` grows only after
        the sync, and the catalog must commit both before anyone may count on it. Raises OSError
        (a full disk, say), after which nothing counted has changed, and IndexDamaged when the
        block that is to be continued is damaged.
        """
        import numpy as np

        vectors = vectors.astype("<f4", order="C", copy=False)
        first = self.rows // BLOCK_ROWS
        begun = np.empty((0, self.dim), dtype="<f4")
        if self.rows % BLOCK_ROWS:
            begun = self.read(np.arange(first * BLOCK_ROWS, self.rows))
        joined = np.concatenate([begun, vectors])
        changed = {
            first + place // BLOCK_ROWS: checksum(joined[place : place + BLOCK_ROWS].data.cast("B"))
            for place in range(0, len(joined), BLOCK_ROWS)
        }
        self.write(self.rows, vectors)
        self.rows += len(vectors)
        if self.checksums is not None:
            self.checksums[first:] = changed.values()
        return changed

    def write(self, row: int, vectors: NDArray[np.float32]) -> None:
        """Write `vectors` (n, dim) from `row` on and sync them; what counts stays as it is.

        What is in the way and no regular file is removed: it would not keep them.
        """
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(self.path.stat().st_mode):
                self.path.unlink()
        data = memoryview(vectors.astype("<f4", order="C", copy=False).data).cast("B")
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            os.lseek(handle, row * self.dim * FLOAT, os.SEEK_SET)
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        finally:
            os.close(handle)

    # The file

    def _blocks(self) -> int:
        return -(-self.rows // BLOCK_ROWS)

    @contextmanager
    def _opened(self) -> Iterator[FileIO | None]:
        """Give the open file; None where there is none."""
        try:
            if self._held:
                yield self._held
                return
            with open_file(self.path) as file:
                yield file
        except FileNotFoundError:
            yield None
        except OSError as error:
            raise StoreError(
                f"the matrix cannot be read ({error.strerror}), in {self.path}; "
                "check the disk and the permissions of the folder"
            ) from error

    def _block(
        self, file: FileIO | None, number: int, buffer: NDArray[np.float32]
    ) -> NDArray[np.float32] | None:
        """Return a block's rows (n, dim) in `buffer`; None where they are missing or damaged."""
        first = number * BLOCK_ROWS
        block = buffer[: min(BLOCK_ROWS, self.rows - first)]
        if not self._fill(file, first, block):
            return None
        if self.checksums is not None and (
            number >= len(self.checksums)
            or checksum(block.data.cast("B")) != self.checksums[number]
        ):
            return None
        return block

    def _fill(self, file: FileIO | None, row: int, block: NDArray[np.float32]) -> bool:
        """Read the rows from `row` on into `block` (n, dim); return whether they are all there."""
        if file is None:
            return False
        target = memoryview(block.data).cast("B")
        place = row * self.dim * FLOAT
        while target:
            try:
                count = os.preadv(file.fileno(), [target], place)  # threads share no position
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                count = 0  # a bad sector: these rows are lost, others are not
            if not count:
                return False
            target = target[count:]
            place += count
        return True

    def damaged(self) -> IndexDamaged:
        """Return the error for vectors that cannot be done without."""
        return IndexDamaged(
            f"vectors are missing or damaged, in {self.path}; "
            "bring back what can be with `vsearch check --repair`"
        )


def checksum(data: Bytes) -> bytes:
    """Return what tells whether these bytes of rows are as they were written: their xxh3-64."""
    import xxhash

    return xxhash.xxh3_64_digest(data)
