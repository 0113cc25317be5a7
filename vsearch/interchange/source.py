"""What can be imported: entries with their embeddings, in batches, checked one by one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vsearch.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import Entry, ModelIdentity

BATCH_BYTES = 8 << 20  # of embeddings: some thousand rows
TOLERANCE = 1e-2
"""How far from one the length of an embedding may be: float16 rounds, other numbers are no such."""
_EXACT = 1e-5  # how far float32 itself comes from one: what is as near stays to the last bit


class Unsound(ValueError):
    """What came from outside is not what it should be; the message says in which row.

    `advice` is what to do about it.
    """

    def __init__(
        self, what: str, row: int | None = None, advice: str = "export it once more"
    ) -> None:
        self.advice = advice
        super().__init__(what if row is None else f"row {row}, counted from 0: {what}")


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A row that names no picture that can be used: its `path` as it stood there, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows in their order: `entries` with `vectors` (n, dim) float32, and those left out."""

    entries: Sequence[Entry]
    vectors: NDArray[np.float32]
    not_taken: Sequence[NotTaken] = ()

    def paths(self) -> list[str]:
        """Return the absolute paths of the entries."""
        return [os.path.join(entry.root, entry.path) for entry in self.entries]


class Source(Protocol):
    """Something to import. What is wrong with it is raised as SourceError."""

    @property
    def model(self) -> ModelIdentity | None:
        """The model of its embeddings; None where it does not say."""

    @property
    def single(self) -> frozenset[str]:
        """The roots of which it has single files only; the others stand for all below them."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    def check(self, dim: int) -> Iterator[tuple[Sequence[str], Sequence[NotTaken]]]:
        """Read all of it once; yield (absolute paths, rows that cannot be taken) as it goes on."""

    def batches(self, dim: int) -> Iterator[Batch]:
        """Yield all rows with embeddings of length one; to be called after `check`."""


def batch_rows(dim: int) -> int:
    """Return how many rows of `dim` float32 make a batch, 256 to 8192."""
    return min(max(BATCH_BYTES // (4 * dim), 256), 8192)


def checked_vectors(vectors: NDArray[np.floating], first: int) -> NDArray[np.float32]:
    """Return `vectors` (n, dim) at length one, float32; those that have it stay as they are.

    `first` is the number of the first row. Raises Unsound for a row whose length is not within
    TOLERANCE of one, zero or no number at all.
    """
    import numpy as np

    with np.errstate(all="ignore"):  # what overflows is told below
        wide = vectors.astype(np.float64)
        lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))  # (n,)
        off = np.abs(lengths - 1)
    unfit = ~(off <= TOLERANCE)
    if unfit.any():
        at = int(unfit.argmax())
        finite = np.isfinite(wide[at]).all()
        what = f"of length {lengths[at]:.3g}, not 1" if finite else "not of finite numbers"
        raise Unsound(f"the embedding is {what}", first + at)
    found = np.array(vectors, dtype=np.float32)
    again = off > _EXACT
    found[again] = wide[again] / lengths[again, None]
    return found


# What reading a file can raise besides OSError that is damaged or made to do harm: numpy, json and
# pyarrow document some of it, the rest is what parsers can come to by computing with its bytes.
_READING_ERRORS = (
    ValueError, TypeError, LookupError, ArithmeticError, EOFError, SyntaxError, RecursionError,
    MemoryError, NotImplementedError,
)  # fmt: skip


@contextmanager
def explained(source: Path, *also: type[Exception]) -> Iterator[None]:
    """Turn whatever reading `source` raises, `also` among it, into one line, a SourceError."""
    try:
        yield
    except OSError as error:
        if error.errno and error.strerror:
            raise _unfit(source, error.strerror, "check the permissions and the disk") from error
        raise _unfit(source, _first_line(error)) from error  # pyarrow's, of a damaged page
    except Unsound as error:
        raise _unfit(source, _first_line(error), error.advice) from error
    except _READING_ERRORS + also as error:
        raise _unfit(source, _first_line(error)) from error


def _unfit(source: Path, what: str, advice: str = "export it once more") -> SourceError:
    return SourceError(f"this cannot be imported ({what}), from {source}; {advice}")


def _first_line(error: Exception) -> str:
    """Return a library's words as one short line."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".")
