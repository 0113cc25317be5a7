"""IndexWriter: the one writer of an index."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from vsearch.errors import SkipReason
from vsearch.index.catalog import Catalog, Known, is_unsettled
from vsearch.index.folder import (
    free_name,
    lock,
    make_folder,
    make_place,
    not_removed,
    place_of,
    remove_graph,
    remove_places,
    write_failed,
)
from vsearch.index.graph import extend_graph, graph_rows
from vsearch.index.matrix import BLOCK_ROWS, checksum
from vsearch.index.mending import mend
from vsearch.index.reader import matrix_of
from vsearch.index.roots import Root

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import ImageFacts, ModelIdentity

# The graph is extended when the rows it does not cover are at least this share of those it does:
# loading, checking and writing the old part costs about as much as inserting 2 % new rows, so at
# 2 % the fixed cost is at most half, and scanning the uncovered tail exactly stays cheap.
GRAPH_DUE_SHARE = 0.02


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
        make_folder(folder)
        self._vectors: list[NDArray[np.float32]] = []
        self._unfit: list[tuple[Root, str, int, int, SkipReason, str]] = []
        with ExitStack() as opened:
            self._lock = lock(folder)
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
                remove_places(self.folder, [one.name for one in sets])
        mine = next((one for one in sets if one.model.comparable(identity)), None)
        if mine is None:
            name = free_name(self.folder, [one.name for one in sets])
            mine = self._catalog.add_set(name, identity)
            remove_graph(place_of(self.folder, name))  # one here is of an index that is no more
        # Another precision of the same weights: from now on it is the one that is looked for.
        self.formerly = None if mine.model.name == identity.name else mine.model.name
        if self.formerly is not None:
            self._catalog.set_model(mine.name, identity)
        active = self._catalog.active()
        self._name, self._answering = mine.name, active or mine
        make_place(self.folder, mine.name)
        self._matrix = matrix_of(self.folder, self._catalog, mine)
        # A matrix that was cut short, or whose last block cannot be gone on with. The rest is
        # looked at when it is read.
        intact = min(self._matrix.whole_rows_on_disk(), mine.rows)
        mend(self._catalog, mine.name, self._matrix, intact // BLOCK_ROWS)
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

    def is_described(self, digest: bytes) -> bool:
        """Whether the labels and the perceptual hash of a committed content were looked for.

        Safe from any thread.
        """
        return self._lookup.is_described(digest)

    def add(
        self,
        root: Root,
        path: str,
        size: int,
        mtime_ns: int,
        digest: bytes,
        facts: ImageFacts,
        vector: NDArray[np.float32],
        perceptual: bytes | None = None,
    ) -> None:
        """Record a file with its content and the content's embedding, a unit vector (dim,).

        `perceptual` is the picture's perceptual hash, 32 bytes; None: unknown, and so are its
        labels, which the next update looks for.
        """
        known = self._catalog.content(digest, self._name)
        if known and perceptual is not None:
            self._catalog.describe(known[0], facts.labels, perceptual, facts.taken_at)
        content, row = known or (self._catalog.add_content(digest, facts, perceptual), None)
        if row is None:
            vector = vector.astype("<f4", order="C", copy=False)
            row = self._matrix.rows + len(self._vectors)
            self._catalog.put_row(self._name, row, content, checksum(vector.data.cast("B")))
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

    def describe(
        self,
        digest: bytes,
        labels: Sequence[str],
        perceptual: bytes,
        taken_at: str | None = None,
    ) -> None:
        """Record what an older vsearch did not look for in a content that it recorded.

        `perceptual` is empty where the picture could not be decoded: it is not looked for again.
        `taken_at` is None where it is not known.
        """
        known = self._catalog.content(digest, self._name)
        if known is None:
            raise KeyError(digest)
        self._catalog.describe(known[0], labels, perceptual, taken_at)

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
            and (known.mtime_ns == mtime_ns or is_unsettled(known.mtime_ns, mtime_ns))
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
                changed = self._matrix.append(np.stack(self._vectors))
                self._catalog.put_blocks(self._name, changed)
                self._vectors.clear()
        except OSError as error:
            raise write_failed(self._matrix.path, error) from error
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
        self._catalog.commit()
        self._catalog.checkpoint()
        self._catalog.begin_writing()
        try:
            return remove_places(self.folder, [self._name])
        except OSError as error:
            raise not_removed(self.folder, error) from error

    def graph_due(self) -> bool:
        """Whether enough committed rows lack the graph to make extending it worth its cost."""
        covered = graph_rows(self._matrix)
        missing = self._matrix.rows - covered
        return missing > 0 and missing >= covered * GRAPH_DUE_SHARE

    def extend_graph(self) -> None:
        """Bring the graph up to the committed rows and replace it on disk.

        Raises StoreError when it cannot be written; the old one then stands.
        """
        extend_graph(self._matrix)


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

    def is_described(self, digest: bytes) -> bool:
        with self._one_at_a_time:
            known = self._catalog.content(digest, self._set)
            return known is not None and self._catalog.is_described(known[0])

    def close(self) -> None:
        with self._one_at_a_time:
            self._catalog.close()
