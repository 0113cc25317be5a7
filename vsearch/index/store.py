"""Index and IndexWriter: catalog, matrix and graph, kept in step."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from vsearch.errors import IndexLocked, ModelMismatch, StoreError
from vsearch.index.catalog import Catalog, Known, Root
from vsearch.index.graph import Graph, GraphUnusable
from vsearch.index.matrix import Matrix
from vsearch.records import RootStatus, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from filelock import FileLock
    from numpy.typing import NDArray

    from vsearch.errors import SkipReason
    from vsearch.records import ImageFacts, ImageRecord, ModelIdentity

# The graph is extended when the rows it does not cover are at least this share of those it does:
# loading, checking and writing the old part costs about as much as inserting 2 % new rows, so at
# 2 % the fixed cost is at most half, and scanning the uncovered tail exactly stays cheap.
GRAPH_DUE_SHARE = 0.02


class Index:
    """An index as one committed state: what is read through it never changes under the reader.

    Use it in a `with` block. Writers do not wait for it, nor it for writers.
    """

    def __init__(self, folder: Path) -> None:
        """Open the index in `folder`. Raises IndexMissing, IndexDamaged or StoreError."""
        self.folder = folder
        self._catalog = Catalog(folder, write=False)
        self._catalog.begin_reading()
        self.model = self._catalog.model()
        self._matrix = Matrix(
            _matrix_path(folder),
            self.model.dim if self.model else 0,
            self._catalog.committed_rows(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._catalog.close()

    def require_model(self, identity: ModelIdentity) -> None:
        """Raise ModelMismatch unless the index was made with this model (or holds nothing)."""
        if self.model not in (None, identity):
            raise ModelMismatch(_mismatch(self.folder, self.model, identity))

    @property
    def rows(self) -> int:
        """The number of committed embeddings."""
        return self._matrix.rows

    def scores(self, query: NDArray[np.float32], start: int = 0) -> NDArray[np.float32]:
        """Return the cosine of `query` (dim,) with each row from `start` on: (rows - start,)."""
        return self._matrix.scores(query, start)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of these rows: (n, dim) float32."""
        return self._matrix.read(rows)

    def graph(self) -> Graph:
        """Load the graph. Raises GraphUnusable with the reason when there is none to trust."""
        return _load_graph(self.folder, self._matrix)

    def graph_rows(self) -> int:
        """Return how many rows the graph's card says it covers; 0 when there is no usable card."""
        return _graph_rows(self.folder, self.rows)

    def graph_bytes(self) -> int:
        """Return the length of the graph file in bytes; 0 when there is no usable card."""
        try:
            return Graph.card(self.folder / "sets" / "whole").bytes
        except GraphUnusable:
            return 0

    def images_of(self, rows: Sequence[int]) -> dict[int, list[ImageRecord]]:
        """Return the files that answer for each row, by path; rows without any are left out."""
        return self._catalog.images_of(rows)

    def roots(self) -> list[Root]:
        """Return the roots, by path."""
        return self._catalog.roots()

    def known(self, root: Root, prefix: str = "") -> dict[str, Known]:
        """Return what is remembered of the files of `root`, by path; at or below `prefix`."""
        return self._catalog.known(root, prefix)

    def status(self) -> Status:
        """Return what the index holds."""
        counts = self._catalog.counts()
        roots = tuple(
            RootStatus(
                root.path, os.path.isdir(root.path), root.whole, self._catalog.images_below(root)
            )
            for root in self.roots()
        )
        # Sizes are taken as they are found: a writer may remove a file between two looks.
        files = {file: _stat(file) for file in self.folder.rglob("*")}
        catalog = [
            files.get(self.folder / name) for name in ("catalog.sqlite", "catalog.sqlite-wal")
        ]
        return Status(
            os.fspath(self.folder),
            self.model,
            roots,
            counts.images,
            self.rows,
            counts.live_rows,
            self.graph_rows(),
            {str(reason): count for reason, count in counts.skipped.items()},
            sum(found.st_size for found in files.values() if found and stat.S_ISREG(found.st_mode)),
            max((found.st_mtime for found in catalog if found), default=0.0),
        )

    def skipped(self) -> list[tuple[str, SkipReason, str]]:
        """Return (absolute path, reason, detail) of every file without an embedding."""
        return self._catalog.skipped()


class IndexWriter:
    """The one writer of an index. Nothing it does counts until `commit`; use it in a `with` block.

    Leaving the block without `commit` forgets what came after the last one.
    """

    def __init__(self, folder: Path, identity: ModelIdentity) -> None:
        """Open the index in `folder` for writing, made where there is none.

        Raises IndexLocked while another process writes, ModelMismatch when the index holds vectors
        of another model, StoreError when `folder` is something else or cannot be made.
        """
        self.folder = folder
        _make_folder(folder)
        self._vectors: list[NDArray[np.float32]] = []
        with ExitStack() as opened:
            self._lock = _locked(folder)
            opened.callback(self._lock.release)
            self._catalog = Catalog(folder, write=True)
            opened.callback(self._catalog.close)
            self._catalog.begin_writing()
            self._adopt(identity)
            self._lookup = _Lookup(folder)
            opened.callback(self._lookup.close)
            self._opened = opened.pop_all()

    def _adopt(self, identity: ModelIdentity) -> None:
        stored = self._catalog.model()
        if stored is None:
            self._catalog.put_model(identity)
            _remove_graph(self.folder)  # one that lies here is of an index that is no more
        elif stored != identity:
            raise ModelMismatch(_mismatch(self.folder, stored, identity))
        self._matrix = Matrix(
            _matrix_path(self.folder), identity.dim, self._catalog.committed_rows()
        )
        whole = self._matrix.whole_rows_on_disk()
        if whole < self._matrix.rows:
            # The file was cut short by something else than us. What is left is kept, the rest is
            # embedded again; the graph goes, since its labels would come to mean other rows.
            self._catalog.set_committed_rows(whole)
            self._matrix.rows = whole
            _remove_graph(self.folder)
        self._catalog.commit()
        self._catalog.begin_writing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()

    def roots(self) -> list[Root]:
        """Return the roots, by path."""
        return self._catalog.roots()

    def add_root(self, path: str, *, whole: bool) -> Root:
        """Return the root at the absolute `path`, made, widened or merged with others as needed."""
        return self._catalog.add_root(path, whole=whole)

    def drop_empty_roots(self) -> None:
        """Forget roots of single files of which none is recorded."""
        self._catalog.drop_empty_roots()

    def set_device(self, root: Root, device: int) -> None:
        """Remember the device that `root` was on when it was walked."""
        self._catalog.set_device(root, device)

    def known(self, root: Root, prefix: str = "") -> dict[str, Known]:
        """Return what is remembered of the files of `root`, by path; at or below `prefix`."""
        return self._catalog.known(root, prefix)

    def images(self) -> int:
        """Return how many files have an embedding."""
        return self._catalog.images()

    def has_vector(self, digest: bytes) -> bool:
        """Whether a committed row holds the embedding of this content. Safe from any thread."""
        return self._lookup.has_vector(digest)

    def add(
        self,
        root: Root,
        path: str,
        size: int,
        mtime_ns: int,
        digest: bytes,
        facts: ImageFacts,
        vector: NDArray[np.float32],
    ) -> None:
        """Record a file with its content and the content's embedding, a unit vector (dim,)."""
        content = self._catalog.put_content(digest, facts)
        known = self._catalog.content(digest)
        if known is None or known[1] is None:
            self._catalog.put_row(self._matrix.rows + len(self._vectors), content)
            self._vectors.append(vector)
        self._catalog.put_image(root, path, size, mtime_ns, content)

    def reuse(self, root: Root, path: str, size: int, mtime_ns: int, digest: bytes) -> bool:
        """Record a file whose content already has an embedding (see `has_vector`).

        Returns whether this very file had this content before.
        """
        known = self._catalog.content(digest)
        if known is None:
            raise KeyError(digest)
        same = self._catalog.content_of(root, path) == known[0]
        self._catalog.put_image(root, path, size, mtime_ns, known[0])
        return same

    def skip(
        self, root: Root, path: str, size: int, mtime_ns: int, reason: SkipReason, detail: str
    ) -> None:
        """Record why a file has no embedding."""
        self._catalog.put_skip(root, path, size, mtime_ns, reason, detail)

    def remove(self, root: Root, paths: Iterable[str]) -> None:
        """Forget files; their embeddings stay for the day they come back."""
        self._catalog.remove(root, paths)

    def commit(self) -> None:
        """Make everything since the last commit durable: the matrix first, then the catalog.

        Raises StoreError when the disk is full or fails; then the last commit still stands.
        """
        import numpy as np

        try:
            if self._vectors:
                self._matrix.append(np.stack(self._vectors))
                self._vectors.clear()
        except OSError as error:
            raise _write_failed(self._matrix.path, error) from error
        self._catalog.set_committed_rows(self._matrix.rows)
        self._catalog.commit()
        self._catalog.begin_writing()

    def graph_due(self) -> bool:
        """Whether enough committed rows lack the graph to make extending it worth its cost."""
        covered = _graph_rows(self.folder, self._matrix.rows)
        missing = self._matrix.rows - covered
        return missing > 0 and missing >= covered * GRAPH_DUE_SHARE

    def extend_graph(self) -> None:
        """Bring the graph up to the committed rows and replace it on disk.

        Raises StoreError when it cannot be written; the old one then stands.
        """
        folder = self.folder / "sets" / "whole"
        try:
            graph = _load_graph(self.folder, self._matrix)
        except GraphUnusable:
            graph = Graph.empty(self._matrix.dim)
        graph.extend(self._matrix)
        try:
            graph.save(folder)
        except OSError as error:
            raise _write_failed(folder / "graph.hnsw", error) from error


class _Lookup:
    """A second, reading connection for the questions of worker threads, one at a time."""

    def __init__(self, folder: Path) -> None:
        from threading import Lock

        self._catalog = Catalog(folder, write=False)
        self._one_at_a_time = Lock()

    def has_vector(self, digest: bytes) -> bool:
        with self._one_at_a_time:
            known = self._catalog.content(digest)
        return known is not None and known[1] is not None

    def close(self) -> None:
        with self._one_at_a_time:
            self._catalog.close()


def _mismatch(folder: Path, stored: ModelIdentity, asked: ModelIdentity) -> str:
    """Say that vectors of two models cannot be compared, and what to do."""
    versions = " (another version of it)" if stored.name == asked.name else ""
    return (
        f"the index was made with the model {stored.name!r}, not {asked.name!r}{versions}, in "
        f"{folder}; make a second index with `vsearch index --index DIR FOLDER`"
    )


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _remove_graph(folder: Path) -> None:
    for name in ("graph.hnsw", "graph.json"):
        (folder / "sets" / "whole" / name).unlink(missing_ok=True)


def _matrix_path(folder: Path) -> Path:
    return folder / "sets" / "whole" / "matrix.f32"


def _load_graph(folder: Path, matrix: Matrix) -> Graph:
    graph = Graph.load(folder / "sets" / "whole", matrix.dim, matrix.rows)
    graph.check(matrix)
    return graph


def _graph_rows(folder: Path, rows: int) -> int:
    try:
        covered = Graph.card(folder / "sets" / "whole").rows
    except GraphUnusable:
        return 0
    return covered if 0 < covered <= rows else 0


def _make_folder(folder: Path) -> None:
    catalog = folder / "catalog.sqlite"
    try:
        if folder.is_dir() and not catalog.exists() and _foreign(folder):
            raise StoreError(
                f"the folder holds other things and is no index: {folder}; "
                "name an empty or a new folder with --index"
            )
        (folder / "sets" / "whole").mkdir(parents=True, exist_ok=True)
        _matrix_path(folder).touch()
        _sync_folder(folder / "sets" / "whole")
        _sync_folder(folder / "sets")
        _sync_folder(folder)
    except OSError as error:
        raise StoreError(
            f"the index cannot be made ({error.strerror}), in {folder}; "
            "name another place with --index"
        ) from error


def _foreign(folder: Path) -> bool:
    return any(entry.name not in ("lock", "sets") for entry in folder.iterdir())


def _sync_folder(folder: Path) -> None:
    """Make a folder's new names durable; nothing where folders cannot be opened (Windows)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _locked(folder: Path) -> FileLock:
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise IndexLocked(
            f"another process is writing to the index, in {folder}; "
            "wait until it is done (searching works meanwhile)"
        ) from None
    except OSError as error:
        raise StoreError(
            f"the index cannot be locked ({error.strerror}), at {folder / 'lock'}; "
            "check the permissions of the folder"
        ) from error
    return lock


def _write_failed(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"writing failed ({error.strerror or error}), to {path}; what was committed before is "
        "safe: free some space or check the disk, then run again"
    )
