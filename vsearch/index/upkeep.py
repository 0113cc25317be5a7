"""Upkeep: forgetting, compacting and repairing, for which no model is needed."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from vsearch.index.catalog import Catalog, VectorSet
from vsearch.index.database import no_index
from vsearch.index.folder import (
    free_name,
    lock,
    make_place,
    not_removed,
    place_of,
    remove_graph,
    remove_places,
    strays,
    write_failed,
)
from vsearch.index.graph import GraphUnusable, extend_graph, load_graph
from vsearch.index.matrix import Matrix
from vsearch.index.mending import Mended, mend
from vsearch.index.reader import matrix_of
from vsearch.index.roots import Root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.records import Entry

_GATHERED = 16_384  # rows are copied in batches of about this many


@dataclass(frozen=True, slots=True)
class Compacted:
    """What compacting gave back: `rows` embeddings without a picture, and `bytes` on the disk."""

    rows: int
    bytes: int


class Upkeep:
    """Holds an index's lock; use it in a `with` block. Each method leaves a good index when killed.

    Readers go on meanwhile with what was committed before.
    """

    def __init__(self, folder: Path) -> None:
        """Lock and open the index in `folder`.

        Raises IndexMissing, IndexLocked while another process writes, IndexDamaged or StoreError.
        """
        self.folder = folder
        if not (folder / "catalog.sqlite").exists():
            raise no_index(folder)
        with ExitStack() as opened:
            held = lock(folder)
            opened.callback(held.release)
            self._catalog = Catalog(folder, write=True)
            opened.callback(self._catalog.close)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._opened.close()

    # Forgetting

    def forget(self, files: Iterable[tuple[Root, Iterable[str]]], roots: Iterable[Root]) -> None:
        """Forget `files`, by root, and whole `roots` with all below them, in one transaction.

        The embeddings stay until the index is compacted: what is indexed again costs nothing.
        """
        self._catalog.begin_writing()
        for root, paths in files:
            self._catalog.remove(root, paths)
        for root in roots:
            self._catalog.remove_root(root)
        self._catalog.drop_empty_roots()
        self._catalog.commit()

    def restamp(self, entries: Iterable[Entry], mtime_ns: int) -> None:
        """Record another time of change for some files, so that they are read again."""
        self._catalog.begin_writing()
        self._catalog.restamp(entries, mtime_ns)
        self._catalog.commit()

    # Compacting

    def compact(self) -> Compacted:
        """Rewrite every set without the rows that no picture has; the catalog without free pages.

        A new set is written beside the old, with its graph, and takes its place in one transaction;
        then the old one is removed. Raises IndexDamaged when a row that is wanted is damaged, and
        StoreError when there is no room; then all is as it was.
        """
        before = self._bytes()
        dropped = 0
        try:
            for one in self._catalog.sets():
                live = self._catalog.live_rows(one.name)
                dropped += one.rows - len(live)
                if len(live) < one.rows:
                    taken = [other.name for other in self._catalog.sets()]
                    self._replace(one, free_name(self.folder, taken), live)
        except OSError as error:
            raise write_failed(self.folder, error) from error
        finally:
            self._tidy()  # what was replaced; or what could not be finished
        self._catalog.drop_unused_contents()
        self._catalog.vacuum()
        return Compacted(dropped, max(0, before - self._bytes()))

    def _tidy(self) -> None:
        """Remove the folders of no set. What cannot be removed, the next writer tries again."""
        # Ctrl-C may have come before the commit: then the old set is still the one there is.
        self._catalog.roll_back()
        with suppress(OSError):
            remove_places(self.folder, [one.name for one in self._catalog.sets()])

    def _replace(self, one: VectorSet, name: str, live: list[int]) -> None:
        """Write the rows `live` of a set as the set `name`, and let that take its place."""
        old = matrix_of(self.folder, self._catalog, one)
        make_place(self.folder, name)
        new = Matrix(place_of(self.folder, name) / "matrix.f32", old.dim, 0, [])
        remove_graph(new.path.parent)
        for rows in _picked(old, live):
            new.append(rows)
        with suppress(GraphUnusable):  # one that nobody misses the next `vsearch index` makes
            load_graph(old)
            extend_graph(new)
        self._catalog.begin_writing()
        self._catalog.replace_set(one, name, live, dict(enumerate(new.checksums or ())))
        self._catalog.commit()
        self._catalog.checkpoint()

    # Repairing

    def repair(self) -> list[str]:
        """Mend every set, build missing graphs anew, remove what interrupted writers left.

        Returns what was done, a line each. Nothing that can be kept is dropped.
        """
        done = []
        sets = self._catalog.sets()
        left = strays(self.folder, [one.name for one in sets])
        for one in sets:
            matrix = matrix_of(self.folder, self._catalog, one)
            self._catalog.begin_writing()
            mended = mend(self._catalog, one.name, matrix)
            self._catalog.commit()
            done += _said(mended, one)
            if one.state == "active" and matrix.rows and self._rebuild_graph(matrix):
                done.append(f"built the graph anew, over {matrix.rows:,} vectors")
        if left:
            try:
                remove_places(self.folder, [one.name for one in sets])
                for name in left:
                    (self.folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise not_removed(self.folder, error) from error
            done.append(f"removed what an interrupted run had left: {', '.join(left)}")
        return done

    def _rebuild_graph(self, matrix: Matrix) -> bool:
        """Build the graph of a matrix unless there is one; return whether that was needed."""
        try:
            load_graph(matrix)
        except GraphUnusable:
            extend_graph(matrix)
            return True
        return False

    def _bytes(self) -> int:
        """Return what the index takes on the disk, but for SQLite's passing files."""
        files = (file for file in self.folder.rglob("*") if file.is_file())
        return sum(
            file.stat().st_size for file in files if not file.name.endswith(("-wal", "-shm"))
        )


def _picked(matrix: Matrix, rows: list[int]) -> Iterator[NDArray[np.float32]]:
    """Yield the given ascending `rows` of a matrix, many at a time. IndexDamaged where one is."""
    import numpy as np

    for start in range(0, len(rows), _GATHERED):
        yield matrix.read(np.array(rows[start : start + _GATHERED], dtype=np.int64))


def _said(mended: Mended, one: VectorSet) -> list[str]:
    whose = "" if one.state == "active" else f" of {one.model.name}"
    said = []
    if mended.restored:
        said.append(f"vectors{whose} brought back from the graph: {mended.restored:,}")
    if mended.lost:
        said.append(
            f"vectors{whose} given up: {mended.lost:,}; the next `vsearch index` makes them anew"
        )
    return said
