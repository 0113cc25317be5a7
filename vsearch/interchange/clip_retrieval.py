"""The folder that `clip-retrieval inference` writes (https://github.com/rom1504/clip-retrieval).

    img_emb/img_emb_0.npy, img_emb_1.npy, ...              (n, dim), float16 as a rule
    metadata/metadata_0.parquet, metadata_1.parquet, ...   n rows: image_path, and others

The numbers may be padded with zeros. It says neither by which model the embeddings are nor what the
pictures were like: these are read, all of them, and believed to be those that were embedded.
"""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING

from vsearch.errors import ImageError, UsageError
from vsearch.images.isolation.decoders import Decoders
from vsearch.images.read import is_fresh
from vsearch.index import unsettled
from vsearch.interchange.array import ArrayFile
from vsearch.interchange.source import Batch, NotTaken, Unsound, checked_vectors, explained
from vsearch.records import Entry, Preprocessing, changed_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

IMAGE_PATH = "image_path"
_VECTORS = re.compile(r"img_emb_(\d+)\.npy", re.ASCII)
_METADATA = re.compile(r"metadata_(\d+)\.parquet", re.ASCII)
_STEP = 512  # rows of a batch: so many pictures are read between two commits
# As small as may be: it shows that it is a picture, and what its header says, upright.
_SMALLEST = Preprocessing(1, "squash", "bilinear", (0, 0, 0), (1, 1, 1))


def is_clip_retrieval(folder: Path) -> bool:
    """Whether a folder looks like what clip-retrieval writes, whole or not."""
    return (folder / "img_emb").is_dir()


@dataclass(frozen=True, slots=True)
class _Partition:
    """One pair of files."""

    vectors: ArrayFile
    metadata: Path

    def blocks(self, dim: int) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
        """Yield (image paths as they stand, vectors (n, dim) of length one)."""
        import pyarrow as pa

        if self.vectors.dim != dim:
            with explained(self.vectors.path):
                raise Unsound(f"the embeddings have {self.vectors.dim} dimensions, the model {dim}")
        with explained(self.metadata, pa.ArrowException):
            paths = self._paths()
        first = 0
        for block in self._vectors():
            with explained(self.metadata, pa.ArrowException):
                those = list(islice(paths, len(block)))
            with explained(self.vectors.path):
                yield those, checked_vectors(block, first)
            first += len(block)

    def _vectors(self) -> Iterator[NDArray[np.floating]]:
        with explained(self.vectors.path):
            yield from self.vectors.blocks(_STEP)

    def _paths(self) -> Iterator[str]:
        import pyarrow.parquet as pq

        row = 0
        with self.metadata.open("rb") as file:
            opened = pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)
            for read_ in opened.iter_batches(_STEP, columns=[IMAGE_PATH], use_threads=False):
                for path in read_.column(0).to_pylist():
                    if not isinstance(path, str):
                        raise Unsound(f"{IMAGE_PATH} is no text", row)
                    yield path
                    row += 1


class ClipRetrievalSource:
    """The folder at `path`, to be imported. Raises SourceError.

    A relative `image_path` is looked up from the current folder, as one would type it. `root` is
    the folder the pictures are to be below; None: the deepest that all that are found have in
    common. Each of `workers` threads decodes `pixel_limit` pixels at most.
    """

    model = None
    single = frozenset[str]()

    def __init__(
        self, path: Path, *, root: str | None = None, pixel_limit: int, workers: int
    ) -> None:
        self._root = os.path.realpath(root) if root is not None else None
        self._pixel_limit = pixel_limit
        self._workers = workers
        self._real_folder = lru_cache(maxsize=1024)(_real_folder)
        with explained(path):
            self._partitions = _partitions(path)
        self.rows = sum(partition.vectors.rows for partition in self._partitions)

    def check(self, dim: int) -> Iterator[tuple[Sequence[str], Sequence[NotTaken]]]:
        """Look for every picture, and for the folder they share; see `Source`.

        Raises UsageError when that is "/", which no one wants to have indexed, and when not one
        picture is found.
        """
        shared, first_lost = self._root, ""
        found = 0
        for partition in self._partitions:
            for paths, _ in partition.blocks(dim):
                places, not_taken = [], []
                for path in paths:
                    place = self._place(path)
                    if why := self._why_not(place):
                        not_taken.append(NotTaken(path, why))
                        continue
                    places.append(place)
                    if self._root is None:
                        folder = os.path.dirname(place)
                        shared = os.path.commonpath([shared or folder, folder])
                found += len(places)
                first_lost = first_lost or (not_taken[0].path if not_taken else "")
                yield places, not_taken
        if self.rows and not found:
            raise UsageError(
                f"none of the {self.rows} pictures can be taken, the first named {first_lost!r}; "
                "go to the folder that the names are relative to, and look at --root"
            )
        if self._root is None and shared is not None and shared == os.path.dirname(shared):
            raise UsageError(
                f"the pictures have no folder in common but {shared}; name one with --root DIR"
            )
        self._root = shared

    def batches(self, dim: int) -> Iterator[Batch]:
        """Read every picture, see `Source`."""
        import numpy as np

        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="read")
        decoders = Decoders(self._pixel_limit)
        read_one = partial(self._entry, decoders)
        first = 0
        try:
            for partition in self._partitions:
                for paths, vectors in partition.blocks(dim):
                    read_ = list(pool.map(read_one, paths, range(first, first + len(paths))))
                    entries = [one for one in read_ if isinstance(one, Entry)]
                    kept = np.array([isinstance(one, Entry) for one in read_], dtype=bool)
                    not_taken = [one for one in read_ if isinstance(one, NotTaken)]
                    yield Batch(entries, vectors[kept], not_taken)
                    first += len(paths)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            decoders.close()
            pool.shutdown()

    def _place(self, path: str) -> str:
        """Return the absolute path of a picture, links on the way to its folder resolved."""
        folder, name = os.path.split(path)
        return os.path.join(self._real_folder(folder), name) if name else ""

    def _why_not(self, place: str) -> str | None:
        """Return why the picture at `place` cannot be taken, as far as a look says."""
        try:
            if not os.path.isfile(place):
                return "not found"
        except ValueError:  # a name with a NUL
            return "not found"
        if self._root is not None and not place.startswith(self._root.rstrip("/") + "/"):
            return "not below --root"
        return None

    def _entry(self, decoders: Decoders, path: str, row: int) -> Entry | NotTaken:
        place = self._place(path)
        if why := self._why_not(place):
            return NotTaken(path, why)
        root = self._root or os.path.dirname(place)
        try:
            now, found = time.time_ns(), os.stat(place)
            loaded = decoders.load(place, _SMALLEST)
        except OSError:  # removed since it was found
            return NotTaken(path, "not found")
        except ImageError as error:
            return NotTaken(path, str(error))
        mtime_ns = changed_ns(found)
        if is_fresh(mtime_ns, now):
            mtime_ns = unsettled(mtime_ns)
        relative = os.path.relpath(place, root)
        assert loaded.prepared is not None  # noqa: S101  # no content was said to be known
        facts, perceptual = loaded.prepared.facts, loaded.prepared.perceptual
        return Entry(root, relative, found.st_size, mtime_ns, loaded.digest, row, facts, perceptual)


def _partitions(path: Path) -> list[_Partition]:
    """Return the pairs of files by their number. Raises Unsound where one of a pair is missing."""
    vectors, metadata = (
        _numbered(path / "img_emb", _VECTORS),
        _numbered(path / "metadata", _METADATA),
    )
    if not vectors:
        raise Unsound("there is no img_emb/img_emb_0.npy")
    if lone := sorted(vectors.keys() ^ metadata.keys()):
        missing = "metadata" if lone[0] in vectors else "img_emb"
        raise Unsound(f"there is no {missing} of number {lone[0]}")
    return [_partition(vectors[number], metadata[number]) for number in sorted(vectors)]


def _numbered(folder: Path, name: re.Pattern[str]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if match := name.fullmatch(file.name):
            number = int(match[1])
            if number in found:
                raise Unsound(f"{file.name} and {found[number].name} have the same number")
            found[number] = file
    return found


def _partition(vectors: Path, metadata: Path) -> _Partition:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import types

    with explained(vectors):
        array = ArrayFile(vectors)
    with explained(metadata, pa.ArrowException), metadata.open("rb") as file:
        found = pq.read_metadata(file)
        schema = found.schema.to_arrow_schema()
        if schema.names.count(IMAGE_PATH) != 1:
            raise Unsound(f"the column {IMAGE_PATH} is missing")
        kind = schema.field(IMAGE_PATH).type
        if not (types.is_string(kind) or types.is_large_string(kind)):
            raise Unsound(f"the column {IMAGE_PATH} holds no text")
        if found.num_rows != array.rows:
            raise Unsound(f"it has {found.num_rows} rows, {vectors.name} {array.rows}")
    return _Partition(array, metadata)


def _real_folder(folder: str) -> str:
    try:
        return os.path.realpath(folder)
    except ValueError:  # a name with a NUL
        return folder
