"""Index and IndexWriter: catalog, matrix and graph, kept in step."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import stat
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from vsearch.errors import IndexLocked, ModelMismatch, SkipReason, StoreError
from vsearch.index.catalog import UNSETTLED, Catalog, Known, Root, VectorSet
from vsearch.index.graph import Graph, GraphUnusable
from vsearch.index.matrix import Matrix
from vsearch.records import RootStatus, SetStatus, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from filelock import FileLock
    from numpy.typing import NDArray

    from vsearch.records import ImageFacts, ImageRecord, ModelIdentity

# The graph is extended when the rows it does not cover are at least this share of those it does:
# loading, checking and writing the old part costs about as much as inserting 2 % new rows, so at
# 2 % the fixed cost is at most half, and scanning the uncovered tail exactly stays cheap.
GRAPH_DUE_SHARE = 0.02


FIRST_SET = "whole"  # the next are "whole-2", "whole-3", ...
# How often a reader looks again when the index was switched to another set while it was opening.
ATTEMPTS = 10


class Index:
    """An index as one committed state: what is read through it never changes under the reader.

    Use it in a `with` block. Writers do not wait for it, nor it for writers, and it goes on with
    the vectors it was opened with when a writer switches to others and drops them.
    """

    def __init__(self, folder: Path) -> None:
        """Open the index in `folder`. Raises IndexMissing, IndexDamaged or StoreError."""
        self.folder = folder
        with ExitStack() as opened:
            self._catalog = Catalog(folder, write=False)
            opened.callback(self._catalog.close)
            self._set, self._matrix = self._pinned()
            opened.callback(self._matrix.close)
            self._opened = opened.pop_all()
        self.model = self._set.model if self._set else None
        self._name = self._set.name if self._set else FIRST_SET

    def _pinned(self) -> tuple[VectorSet | None, Matrix]:
        """Pin one committed state and return its active set with the matrix of that, opened.

        The file is opened before: had another set become active and this one been dropped between
        pin and opening, there would be nothing left to open. Where that happens between a first
        look and the pin, the look was too early.
        """
        for _ in range(ATTEMPTS):
            seen = self._catalog.active()
            matrix = _matrix(self.folder, seen)
            matrix.hold()
            self._catalog.begin_reading()
            pinned = self._catalog.active()
            if _which(seen) == _which(pinned):
                matrix.rows = pinned.rows if pinned else 0
                return pinned, matrix
            matrix.close()
            self._catalog.commit()
        raise IndexLocked(
            f"the index changes from model to model, in {self.folder}; try again in a moment"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()

    def require_model(self, identity: ModelIdentity) -> None:
        """Raise ModelMismatch unless the index answers with this model (or holds nothing)."""
        if self.model is not None and not self.model.comparable(identity):
            version = " (another version of it)" if self.model.name == identity.name else ""
            raise ModelMismatch(
                f"the index answers with the model {self.model.name!r}, not {identity.name!r}"
                f"{version}, in {self.folder}; search with that one, or run `vsearch index` with "
                "the other to change the index to it"
            )

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
        return _load_graph(self._matrix)

    def graph_rows(self) -> int:
        """Return how many rows the graph's card says it covers; 0 when there is no usable card."""
        return _graph_rows(self._matrix)

    def graph_bytes(self) -> int:
        """Return the length of the graph file in bytes; 0 when there is no usable card."""
        try:
            return Graph.card(self._matrix.path.parent).bytes
        except GraphUnusable:
            return 0

    def images_of(self, rows: Sequence[int]) -> dict[int, list[ImageRecord]]:
        """Return the files that answer for each row, by path; rows without any are left out."""
        return self._catalog.images_of(self._name, rows)

    def roots(self) -> list[Root]:
        """Return the roots, by path."""
        return self._catalog.roots()

    def known(
        self, root: Root, prefix: str = "", identity: ModelIdentity | None = None
    ) -> dict[str, Known]:
        """Return what is remembered of the files of `root`, by path; at or below `prefix`.

        Whether they are embedded is told of the set of `identity`; None: of the active one.
        """
        name = self._name
        if identity is not None:
            of_it = (one.name for one in self._catalog.sets() if one.model.comparable(identity))
            name = next(of_it, "")
        return self._catalog.known(root, name, prefix)

    def status(self) -> Status:
        """Return what the index holds."""
        counts = self._catalog.counts(self._name)
        roots = tuple(
            RootStatus(
                root.path,
                os.path.isdir(root.path),
                root.whole,
                self._catalog.images_below(root, self._name),
            )
            for root in self.roots()
        )
        # Sizes are taken as they are found: a writer may remove a file between two looks.
        files = {file: _stat(file) for file in self.folder.rglob("*")}
        catalog = [
            files.get(self.folder / name) for name in ("catalog.sqlite", "catalog.sqlite-wal")
        ]
        sizes = {file: found.st_size for file, found in files.items() if found and _is_file(found)}
        others = [self._other(one, sizes) for one in self._catalog.sets() if one.state != "active"]
        return Status(
            os.fspath(self.folder),
            self.model,
            roots,
            counts.images,
            counts.lacking,
            self.rows,
            counts.live_rows,
            self.graph_rows(),
            tuple(others),
            {str(reason): count for reason, count in self._catalog.skip_counts().items()},
            sum(sizes.values()),
            max((found.st_mtime for found in catalog if found), default=0.0),
        )

    def _other(self, one: VectorSet, sizes: Mapping[Path, int]) -> SetStatus:
        counts = self._catalog.counts(one.name)
        place = _place(self.folder, one.name)
        size = sum(size for file, size in sizes.items() if file.parent == place)
        return SetStatus(
            one.model, one.state == "kept", one.rows, counts.images, counts.lacking, size
        )

    def skipped(self) -> list[tuple[str, SkipReason, str]]:
        """Return (absolute path, reason, detail) of every file without an embedding."""
        return self._catalog.skipped()


class IndexWriter:
    """The one writer of an index. Nothing it does counts until `commit`; use it in a `with` block.

    It writes the vector set of one model. That is the active one, which answers, or else one built
    beside it until `activate`. Leaving the block without `commit` forgets what came after the last.
    `formerly` is the name that the set's model went by until now, where it was another.
    """

    def __init__(self, folder: Path, identity: ModelIdentity) -> None:
        """Open the index in `folder` for writing with the model `identity`, made where none is.

        Raises IndexLocked while another process writes, StoreError when `folder` is something else
        or cannot be made.
        """
        self.folder = folder
        _make_folder(folder)
        self._vectors: list[NDArray[np.float32]] = []
        self._unfit: list[tuple[Root, str, int, int, SkipReason, str]] = []
        with ExitStack() as opened:
            self._lock = _locked(folder)
            opened.callback(self._lock.release)
            self._catalog = Catalog(folder, write=True)
            opened.callback(self._catalog.close)
            self._catalog.begin_writing()
            self._adopt(identity)
            self._lookup = _Lookup(folder, self._name)
            opened.callback(self._lookup.close)
            self._opened = opened.pop_all()

    def _adopt(self, identity: ModelIdentity) -> None:
        sets = self._catalog.sets()
        if sets:
            # What a writer left that was killed between forgetting a set and removing its folder,
            # or before it had committed a new one. It only takes space: if it cannot be removed
            # now, the next writer tries again.
            with suppress(OSError):
                _remove_folders(self.folder, {one.name for one in sets})
        mine = next((one for one in sets if one.model.comparable(identity)), None)
        if mine is None:
            mine = self._catalog.add_set(_free_name(self.folder, sets), identity)
            _remove_graph(_place(self.folder, mine.name))  # one here is of an index that is no more
        # Another precision of the same weights: from now on it is the one that is looked for.
        self.formerly = None if mine.model.name == identity.name else mine.model.name
        if self.formerly is not None:
            self._catalog.set_model(mine.name, identity)
        active = self._catalog.active()
        self._name, self._answering = mine.name, active or mine
        _make_place(self.folder, mine.name)
        self._matrix = _matrix(self.folder, mine)
        whole = self._matrix.whole_rows_on_disk()
        if whole < self._matrix.rows:
            # The file was cut short by something else than us. What is left is kept, the rest is
            # embedded again; the graph goes, since its labels would come to mean other rows.
            self._catalog.set_committed_rows(self._name, whole)
            self._matrix.rows = whole
            _remove_graph(self._matrix.path.parent)
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
        return self._catalog.known(root, self._name, prefix)

    def images(self) -> int:
        """Return how many files the index can answer with."""
        return self._catalog.images(self._answering.name)

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
        known = self._catalog.content(digest, self._name)
        if known is None or known[1] is None:
            self._catalog.put_row(self._name, self._matrix.rows + len(self._vectors), content)
            self._vectors.append(vector)
        self._catalog.put_image(root, path, size, mtime_ns, content)

    def reuse(self, root: Root, path: str, size: int, mtime_ns: int, digest: bytes) -> bool:
        """Record a file whose content already has an embedding (see `has_vector`).

        Returns whether this very file had this content before.
        """
        known = self._catalog.content(digest, self._name)
        if known is None:
            raise KeyError(digest)
        same = self._catalog.content_of(root, path) == known[0]
        self._catalog.put_image(root, path, size, mtime_ns, known[0])
        return same

    def skip(
        self, root: Root, path: str, size: int, mtime_ns: int, reason: SkipReason, detail: str
    ) -> None:
        """Record why a file has no embedding.

        A set that is being built leaves a file that the active one answers with as it is, unless
        the file was changed. It is skipped from the switch on; one that could not even be read
        keeps the switch from coming.
        """
        if not self.active and self._answers(root, path, size, mtime_ns):
            if reason is not SkipReason.UNREADABLE:
                self._unfit.append((root, path, size, mtime_ns, reason, detail))
            return
        self._catalog.put_skip(root, path, size, mtime_ns, reason, detail)

    def _answers(self, root: Root, path: str, size: int, mtime_ns: int) -> bool:
        """Whether the active set has the embedding of this file, and the file is as it was."""
        known = self._catalog.known(root, self._answering.name, path).get(path)
        return bool(
            known
            and known.embedded
            and known.size == size
            and known.mtime_ns in (mtime_ns, UNSETTLED)
        )

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
        self._catalog.set_committed_rows(self._name, self._matrix.rows)
        self._catalog.commit()
        self._catalog.begin_writing()

    @property
    def active(self) -> bool:
        """Whether the set that is written is the one that answers."""
        return self._answering.name == self._name

    @property
    def answering(self) -> ModelIdentity:
        """The model that the index answers with."""
        return self._answering.model

    def pictures(self) -> int:
        """Return how many pictures are known, with an embedding in any set or in none."""
        counts = self._catalog.counts(self._name)
        return counts.images + counts.lacking

    def lacking(self) -> int:
        """Return how many known pictures have yet to be embedded by this model.

        Those it was found unable to embed are not among them.
        """
        unfit = [
            path
            for root, path, *_ in self._unfit
            if not self._catalog.known(root, self._name, path)[path].embedded
        ]
        return self._catalog.lacking(self._name) - len(unfit)

    def activate(self) -> None:
        """Let this set answer from now on; the one that did is kept."""
        for unfit in self._unfit:
            self._catalog.put_skip(*unfit)
        self._unfit.clear()
        self._catalog.activate(self._name)
        self.commit()
        self._answering = next(one for one in self._catalog.sets() if one.name == self._name)

    def drop_others(self) -> int:
        """Drop all sets but the active one and return how many bytes that gives back.

        A crash in between leaves folders that no one reads; the next writer removes them. Raises
        StoreError when they cannot be removed.
        """
        if not self.active:
            raise ValueError("the set that is being built cannot drop the one that answers")
        self._catalog.drop_others()
        self.commit()
        try:
            return _remove_folders(self.folder, {self._name})
        except OSError as error:
            raise StoreError(
                f"vectors of another model cannot be removed ({error.strerror}), at "
                f"{error.filename}; check the permissions, the next `vsearch index` tries again"
            ) from error

    def graph_due(self) -> bool:
        """Whether enough committed rows lack the graph to make extending it worth its cost."""
        covered = _graph_rows(self._matrix)
        missing = self._matrix.rows - covered
        return missing > 0 and missing >= covered * GRAPH_DUE_SHARE

    def extend_graph(self) -> None:
        """Bring the graph up to the committed rows and replace it on disk.

        Raises StoreError when it cannot be written; the old one then stands.
        """
        folder = self._matrix.path.parent
        try:
            graph = _load_graph(self._matrix)
        except GraphUnusable:
            graph = Graph.empty(self._matrix.dim)
        graph.extend(self._matrix)
        try:
            graph.save(folder)
        except OSError as error:
            raise _write_failed(folder / "graph.hnsw", error) from error


class _Lookup:
    """A second, reading connection for the questions of worker threads, one at a time."""

    def __init__(self, folder: Path, vector_set: str) -> None:
        from threading import Lock

        self._set = vector_set
        self._catalog = Catalog(folder, write=False)
        self._one_at_a_time = Lock()

    def has_vector(self, digest: bytes) -> bool:
        with self._one_at_a_time:
            known = self._catalog.content(digest, self._set)
        return known is not None and known[1] is not None

    def close(self) -> None:
        with self._one_at_a_time:
            self._catalog.close()


def _which(one: VectorSet | None) -> tuple[str, ModelIdentity] | None:
    return (one.name, one.model) if one else None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is_file(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode)


def _place(folder: Path, name: str) -> Path:
    """Return the folder of the vector set of that name."""
    return folder / "sets" / name


def _matrix(folder: Path, one: VectorSet | None) -> Matrix:
    path = _place(folder, one.name if one else FIRST_SET) / "matrix.f32"
    return Matrix(path, one.model.dim if one else 0, one.rows if one else 0)


def _remove_graph(place: Path) -> None:
    for name in ("graph.hnsw", "graph.json"):
        (place / name).unlink(missing_ok=True)


def _load_graph(matrix: Matrix) -> Graph:
    graph = Graph.load(matrix.path.parent, matrix.dim, matrix.rows)
    graph.check(matrix)
    return graph


def _graph_rows(matrix: Matrix) -> int:
    try:
        covered = Graph.card(matrix.path.parent).rows
    except GraphUnusable:
        return 0
    return covered if 0 < covered <= matrix.rows else 0


def _free_name(folder: Path, sets: Sequence[VectorSet]) -> str:
    """Return a name for a new set: of no other, and of no folder that might be in the way."""
    if not sets:
        return FIRST_SET
    taken = {one.name for one in sets}
    names = (f"{FIRST_SET}-{number}" for number in itertools.count(2))
    return next(
        name for name in names if name not in taken and not os.path.lexists(_place(folder, name))
    )


def _remove_folders(folder: Path, keep: set[str]) -> int:
    """Remove the folders of sets but those to `keep`; return the bytes of their files."""
    freed = 0
    for place in _set_folders(folder):
        if place.name not in keep:
            sizes = [found.st_size for found in map(_stat, place.rglob("*")) if found]
            shutil.rmtree(place)
            freed += sum(sizes)
    return freed


def _set_folders(folder: Path) -> Iterator[Path]:
    ours = re.compile(rf"{FIRST_SET}(-\d+)?")
    for place in (folder / "sets").iterdir():
        if ours.fullmatch(place.name) and place.is_dir() and not place.is_symlink():
            yield place


def _make_folder(folder: Path) -> None:
    catalog = folder / "catalog.sqlite"
    try:
        if folder.is_dir() and not catalog.exists() and _foreign(folder):
            raise StoreError(
                f"the folder holds other things and is no index: {folder}; "
                "name an empty or a new folder with --index"
            )
        (folder / "sets").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_made(folder, error) from error


def _make_place(folder: Path, name: str) -> None:
    """Make the folder of a vector set and its matrix, durably, where they are not there."""
    place = _place(folder, name)
    try:
        place.mkdir(exist_ok=True)
        (place / "matrix.f32").touch()
        for changed in (place, folder / "sets", folder):
            _sync_folder(changed)
    except OSError as error:
        raise _not_made(folder, error) from error


def _not_made(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the index cannot be made ({error.strerror}), in {folder}; name another place with --index"
    )


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
