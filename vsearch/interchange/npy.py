r"""A folder that numpy and any reader of JSON can read.

    vectors.npy     (n, dim) float32, row by row
    metadata.jsonl  n lines, line i of row i, each an object: root, path, hash, size, mtime_ns,
                    width, height, format, taken_at, camera, labels, perceptual
    model.json      the version of this form, and the model of the embeddings

Bytes of a name that are no valid UTF-8 stand as lone surrogates, \udc80 to \udcff (Python's
"surrogateescape").
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NoReturn

from vsearch.errors import SourceError
from vsearch.interchange.array import ArrayFile
from vsearch.interchange.fields import (
    OPTIONAL,
    REQUIRED,
    entry_of,
    fields_of,
    model_of,
    single_of,
)
from vsearch.interchange.source import Batch, Unsound, batch_rows, checked_vectors, explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from vsearch.interchange.source import NotTaken

VECTORS, METADATA, MODEL = "vectors.npy", "metadata.jsonl", "model.json"
NAMES = (VECTORS, METADATA, MODEL)
# Bytes. A path has 4,096 at most, six characters each when escaped, and 200 labels of 64
# characters come to twelve each.
_LONGEST_LINE = 1 << 18
_LONGEST_HEADER = 1 << 24


def write(folder: Path, header: str, dim: int, count: int, batches: Iterable[Batch]) -> None:
    """Write `count` entries into `folder`, a batch at a time. Raises OSError."""
    from numpy.lib import format as npy

    with (folder / VECTORS).open("wb") as vectors, (folder / METADATA).open("wb") as metadata:
        shape = {"descr": "<f4", "fortran_order": False, "shape": (count, dim)}
        npy.write_array_header_1_0(vectors, shape)
        for batch in batches:
            vectors.write(batch.vectors.astype("<f4", order="C", copy=False).data)
            lines = [json.dumps(fields_of(entry)) for entry in batch.entries]
            metadata.write("".join(f"{line}\n" for line in lines).encode("ascii"))
    (folder / MODEL).write_text(f"{header}\n", encoding="ascii")


def is_npy(folder: Path) -> bool:
    """Whether a folder looks like what `write` makes, whole or not."""
    return any((folder / name).exists() for name in (VECTORS, METADATA))


def is_export(folder: Path) -> bool:
    """Whether a folder is what `write` makes, and holds nothing else."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    there = {file.name for file in folder.iterdir()}
    if there != set(NAMES) or not all((folder / name).is_file() for name in there):
        return False
    try:
        with explained(folder):
            model_of(_header(folder) or b"")
    except SourceError:
        return False
    return True


def _header(folder: Path) -> bytes | None:
    try:
        with (folder / MODEL).open("rb") as file:
            return file.read(_LONGEST_HEADER)
    except FileNotFoundError:
        return None


class NpySource:
    """The folder at `path`, to be imported. Raises SourceError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with explained(path):
            for name in (VECTORS, METADATA):
                if not (path / name).is_file():
                    raise Unsound(f"{name} is missing")
            self._vectors = ArrayFile(path / VECTORS)
            self.rows = self._vectors.rows
            header = _header(path)
            self.model = model_of(header) if header is not None else None
            self.single = single_of(header) if header is not None else frozenset()

    def check(self, dim: int) -> Iterator[tuple[Sequence[str], Sequence[NotTaken]]]:
        """Read all of it once, see `Source`."""
        for batch in self.batches(dim):
            yield batch.paths(), ()

    def batches(self, dim: int) -> Iterator[Batch]:
        """Yield all rows, see `Source`."""
        with explained(self._path), (self._path / METADATA).open("rb") as lines:
            if self._vectors.dim != dim:
                raise Unsound(f"{VECTORS} has {self._vectors.dim} dimensions, the model {dim}")
            first = 0
            for block in self._vectors.blocks(batch_rows(dim)):
                rows = range(first, first + len(block))
                entries = [entry_of(_fields(lines, row), row, self.single) for row in rows]
                yield Batch(entries, checked_vectors(block, first))
                first += len(block)
            if lines.read(1):
                raise Unsound(f"{METADATA} has more lines than {VECTORS} rows ({self.rows})")


def _fields(lines: BinaryIO, row: int) -> dict[str, object]:
    line = lines.readline(_LONGEST_LINE)
    if not line:
        raise Unsound(f"{METADATA} has {row} lines, {VECTORS} more rows")
    if len(line) == _LONGEST_LINE:
        raise Unsound(f"the line in {METADATA} is too long", row)
    try:
        fields = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Unsound(f"the line in {METADATA} is no JSON", row) from error
    if not isinstance(fields, dict):
        raise Unsound(f"the line in {METADATA} is no JSON object", row)
    if missing := [name for name in (*REQUIRED, *OPTIONAL) if name not in fields]:
        raise Unsound(f"{missing[0]} is missing", row)
    return fields


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity, which Python reads and JSON does not know
