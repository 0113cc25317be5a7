"""Index: one committed state of an index, for reading."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from vsearch.errors import IndexLocked, ModelMismatch, SkipReason, StoreError
from vsearch.index.catalog import Catalog, Known, VectorSet
from vsearch.index.folder import FIRST_SET, place_of
from vsearch.index.graph import Graph, GraphUnusable, graph_rows, load_graph
from vsearch.index.matrix import Matrix
from vsearch.index.roots import Root, within
from vsearch.records import RootStatus, SetStatus, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vsearch.conditions import Condition
    from vsearch.records import Entry, ImageRecord, ModelIdentity

# How often a reader looks again when the index was switched to another set while it was opening.
ATTEMPTS = 10
HASH_BYTES = 32  # of a perceptual hash, see `images.perceptual`


class Index:
    """An index as one committed state: what is read through it never changes under the reader.

    Use it in a `with` block. Writers do not wait for it, nor it for writers, and it goes on with
    the vectors it was opened with when a writer switches to others and drops them.
    """

    def __init__(self, folder: Path, vector_set: str | ModelIdentity | None = None) -> None:
        """Open the index in `folder`, to answer with the embeddings of its active set.

        Or of the `vector_set` of that name or model, whatever state it is in. Raises IndexMissing,
        IndexDamaged, StoreError, or ModelMismatch where there are embeddings, but by other models.
        """
        self.folder = folder
        self._wanted = vector_set
        with ExitStack() as opened:
            self._catalog = Catalog(folder, write=False)
            opened.callback(self._catalog.close)
            found = pinned(folder, self._catalog, self._chosen)
            self._set = found[0][0] if found else None
            nothing = Matrix(place_of(folder, FIRST_SET) / "matrix.f32", 0, 0, [])
            self._matrix = found[0][1] if found else nothing
            opened.callback(self._matrix.close)
            self._opened = opened.pop_all()
        self._graph: Graph | None = None
        self._selected: tuple[Condition, NDArray[np.int64]] | None = None
        self.model = self._set.model if self._set else None
        self._name = self._set.name if self._set else FIRST_SET

    def _chosen(self) -> list[VectorSet]:
        if self._wanted is None:
            one = self._catalog.active()
            return [one] if one else []
        sets = self._catalog.sets()
        if not sets and not isinstance(self._wanted, str):
            return []
        for one in sets:
            if isinstance(self._wanted, str):
                found = one.name == self._wanted
            else:
                found = one.model.comparable(self._wanted)
            if found:
                return [one]
        known = ", ".join(f"{one.name} by {one.model.name}" for one in sets) or "none"
        if isinstance(self._wanted, str):
            raise StoreError(
                f"no such vector set, {self._wanted!r}, in {self.folder}; there is {known}"
            )
        raise ModelMismatch(
            f"no embeddings by the model {self._wanted.name!r}, in {self.folder}; there is "
            f"{known}, and `vsearch index --model NAME` makes others"
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
    def vector_set(self) -> str:
        """The name of the set it answers with."""
        return self._name

    @property
    def rows(self) -> int:
        """The number of committed embeddings."""
        return self._matrix.rows

    def scores(self, query: NDArray[np.float32], start: int = 0) -> NDArray[np.float32]:
        """Return the cosine of `query` (dim,) with each row from `start` on: (rows - start,).

        -inf for rows that are damaged.
        """
        return self._matrix.scores(query, start)

    def scores_of(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the cosine of `query` (dim,) with each of the ascending `rows` (n,): (n,).

        -inf for rows that are damaged.
        """
        return self._matrix.scores_of(query, rows)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the embeddings of these rows: (n, dim) float32. IndexDamaged where one is."""
        return self._matrix.read(rows)

    def blocks(self) -> Iterator[tuple[int, NDArray[np.float32] | None]]:
        """Yield (first row, embeddings (n, dim)), whose memory is used again; None: damaged."""
        return self._matrix.blocks()

    def graph(self) -> Graph:
        """Return the graph, loaded once. Raises GraphUnusable with the reason not to trust it."""
        if self._graph is None:
            self._graph = load_graph(self._matrix)
        return self._graph

    def graph_rows(self) -> int:
        """Return how many rows the graph's card says it covers; 0 when there is no usable card."""
        return graph_rows(self._matrix)

    def graph_bytes(self) -> int:
        """Return how many bytes of the graph are still to be loaded; 0 for no usable card, too."""
        if self._graph is not None:
            return 0
        try:
            return Graph.card(self._matrix.path.parent).bytes
        except GraphUnusable:
            return 0

    def selected(self, condition: Condition) -> NDArray[np.int64]:
        """Return the rows of which a file meets the condition, ascending: (n,).

        Raises ValueError for a condition that cannot be met by anything: a date that is none.
        """
        import numpy as np

        if self._selected is None or self._selected[0] != condition:  # many queries have the same
            rows = np.array(self._catalog.selected(self._name, condition), dtype=np.int64)
            self._selected = condition, rows
        return self._selected[1]

    def images_of(
        self, rows: Sequence[int], condition: Condition | None = None
    ) -> dict[int, list[ImageRecord]]:
        """Return the files that answer for each row, by path; rows without any are left out.

        With a `condition`, those that meet it.
        """
        return self._catalog.images_of(self._name, rows, condition)

    def named(self, parts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield (row, path below its root) of each file whose path has one of `parts` in it.

        Parts are letters; those of ASCII match capitals, too.
        """
        return self._catalog.named(self._name, parts)

    def labelled(self, parts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield (row, label) of each label that has one of `parts` in it, as `named` does."""
        return self._catalog.labelled(self._name, parts)

    def images(self) -> int:
        """Return how many files the index can answer with."""
        return self._catalog.images(self._name)

    def entries(
        self, condition: Condition | None = None, rows: Sequence[int] | None = None
    ) -> Iterator[Entry]:
        """Yield every file the index can answer with, by row, those of one row by path.

        With a `condition`, those that meet it; with `rows`, those of these rows. Raises ValueError
        for a condition that cannot be met by anything (see `selected`).
        """
        return self._catalog.entries(self._name, condition, rows)

    def labels(self) -> dict[str, int]:
        """Return how many files have each label, most frequent first.

        Labels that differ in case only are one, written as it is most often.
        """
        return self._catalog.labels(self._name)

    def perceptual_hashes(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return the perceptual hash of each of `rows` (n,): (n, 32), and which are known: (n,).

        Those that are not, of pictures that an older vsearch indexed, are zeros.
        """
        import numpy as np

        hashes = np.zeros((len(rows), HASH_BYTES), dtype=np.uint8)
        known = np.zeros(len(rows), dtype=bool)
        for place, found in self._catalog.perceptual_hashes(self._name, rows.tolist()):
            hashes[place] = np.frombuffer(found, np.uint8)
            known[place] = True
        return hashes, known

    def entry(self, path: str) -> Entry | None:
        """Return what is known of the picture file at `path`; None: it is not in the index.

        It may be named by any path that leads to it, and need not be there any more.
        """
        folder, name = os.path.split(os.path.abspath(path))
        names = (os.path.join(os.path.realpath(folder), name), os.path.realpath(path))
        for place in dict.fromkeys((os.path.join(folder, name), *names)):
            for root in self.roots():
                if within(place, root.path):
                    below = os.path.relpath(place, root.path)
                    if found := self._catalog.entry(self._name, root, below):
                        return found
        return None

    def rows_of(self, paths: Sequence[str]) -> NDArray[np.int64]:
        """Return the row of each of the files at `paths` (n,): (n,), -1 where there is none.

        For many: all that `entry` says of how they may be named holds, and it costs a walk through
        the index.
        """
        import numpy as np

        known = {os.path.join(entry.root, entry.path): entry.row for entry in self.entries()}
        folders: dict[str, str] = {}  # the real one of each that was named

        def row(path: str) -> int:
            folder, name = os.path.split(os.path.abspath(path))
            if (found := known.get(os.path.join(folder, name))) is not None:
                return found
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            if (found := known.get(os.path.join(folders[folder], name))) is not None:
                return found
            return known.get(os.path.realpath(path), -1)

        return np.array([row(path) for path in paths], dtype=np.int64)

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
            self.labels(),
            {str(reason): count for reason, count in self._catalog.skip_counts().items()},
            sum(sizes.values()),
            max((found.st_mtime for found in catalog if found), default=0.0),
            self._name if self._set else "",
        )

    def _other(self, one: VectorSet, sizes: Mapping[Path, int]) -> SetStatus:
        counts = self._catalog.counts(one.name)
        place = place_of(self.folder, one.name)
        size = sum(size for file, size in sizes.items() if file.parent == place)
        return SetStatus(
            one.model, one.state == "kept", one.rows, counts.images, counts.lacking, size, one.name
        )

    def skipped(self) -> list[tuple[str, SkipReason, str]]:
        """Return (absolute path, reason, detail) of every file without an embedding."""
        return self._catalog.skipped()


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _is_file(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode)


def pinned(
    folder: Path, catalog: Catalog, look: Callable[[], list[VectorSet]]
) -> list[tuple[VectorSet, Matrix]]:
    """Pin one committed state; return the sets that `look` finds in it, their matrices held.

    The files are opened before: had a set been dropped between pin and opening, there would be
    nothing left to open. Where that happens between a first look and the pin, the look was too
    early.
    """
    for _ in range(ATTEMPTS):
        held = [(one, _held(folder, one)) for one in look()]
        catalog.begin_reading()
        if look() == [one for one, _ in held]:
            for one, matrix in held:
                matrix.checksums = catalog.blocks(one.name)
            return held
        for _, matrix in held:
            matrix.close()
        catalog.commit()
    raise IndexLocked(f"the index changes from model to model, in {folder}; try again in a moment")


def _held(folder: Path, one: VectorSet) -> Matrix:
    """Return the matrix of a set, its file opened, with nothing known yet of its checksums."""
    matrix = Matrix(place_of(folder, one.name) / "matrix.f32", one.model.dim, one.rows)
    matrix.hold()
    return matrix


def matrix_of(folder: Path, catalog: Catalog, one: VectorSet) -> Matrix:
    """Return the matrix of a set as the catalog knows it."""
    path = place_of(folder, one.name) / "matrix.f32"
    return Matrix(path, one.model.dim, one.rows, catalog.blocks(one.name))
