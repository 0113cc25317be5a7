"""The two stories: index -> entries in batches -> file; and file -> batches -> index."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vsearch.errors import (
    IndexDamaged,
    IndexMissing,
    ModelMismatch,
    SourceError,
    StoreError,
    UsageError,
)
from vsearch.index import Index
from vsearch.index.folder import require_outside
from vsearch.index.writer import IndexWriter
from vsearch.interchange.fields import header_of
from vsearch.interchange.source import Batch, batch_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from vsearch.index import Root
    from vsearch.interchange.source import NotTaken, Source
    from vsearch.records import ModelIdentity

Format = Literal["parquet", "npy"]


def format_of(target: Path) -> Format:
    """Return the format that a name asks for: "parquet" for NAME.parquet, else "npy"."""
    return "parquet" if target.suffix.lower() == ".parquet" else "npy"


def export(
    folder: Path,
    target: Path,
    form: Format,
    *,
    replace: bool,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> int:
    """Write all pictures of the index in `folder`, with their embeddings; return how many.

    One committed state of the index is written, whatever a writer does meanwhile. `target` is there
    whole or not at all; with `replace` it takes the place of an earlier export. `progress` is told
    how many pictures are written, and how many there are.

    Raises UsageError when something is in the way, StoreError when the index cannot be read, and
    OSError when `target` cannot be written.
    """
    from vsearch.files.whole import whole
    from vsearch.interchange import npy, parquet

    require_outside(target)
    with Index(folder) as index:
        model, count = index.model, index.images()
        if model is None:
            raise UsageError(
                f"there is nothing to export, in {folder}; add pictures with `vsearch index FOLDER`"
            )
        header = header_of(model, [root.path for root in index.roots() if not root.whole])
        batches = _batches(index, model.dim, count, progress)
        if form == "parquet":
            with (
                whole(target, parquet.is_export, folder=False, replace=replace) as place,
                place.open("wb") as file,
            ):
                parquet.write(file, header, model.dim, batches)
        else:
            with whole(target, npy.is_export, folder=True, replace=replace) as place:
                npy.write(place, header, model.dim, count, batches)
    return count


def _batches(
    index: Index, dim: int, count: int, progress: Callable[[int, int], None]
) -> Iterator[Batch]:
    import numpy as np

    entries, done = iter(index.entries()), 0
    progress(done, count)
    while some := list(islice(entries, batch_rows(dim))):
        rows = np.array([entry.row for entry in some], dtype=np.int64)
        yield Batch(some, index.vectors(rows))
        done += len(some)
        progress(done, count)
    if done != count:
        raise IndexDamaged(
            f"the catalog counts {count} pictures and lists {done}, in {index.folder}; "
            "run `vsearch index` and export again"
        )


def source_at(path: Path, *, root: str | None, pixel_limit: int, workers: int) -> Source:
    """Return what is to be imported from `path`, by what is there.

    The last three are for what names pictures that are to be read, see `ClipRetrievalSource`.
    Raises UsageError when nothing is there, SourceError when it is nothing that can be imported.
    """
    from vsearch.interchange.clip_retrieval import ClipRetrievalSource, is_clip_retrieval
    from vsearch.interchange.npy import NpySource, is_npy
    from vsearch.interchange.parquet import ParquetSource

    if not path.exists():
        raise UsageError(f"no such file or folder, named {str(path)!r}; check the name")
    if path.is_dir() and is_clip_retrieval(path):
        return ClipRetrievalSource(path, root=root, pixel_limit=pixel_limit, workers=workers)
    if root is not None:
        raise UsageError(
            f"it has roots of its own and takes no --root, {str(path)!r}; leave it out"
        )
    if path.is_file():
        return ParquetSource(path)
    if path.is_dir() and is_npy(path):
        return NpySource(path)
    raise SourceError(
        f"nothing that can be imported, at {path}; name a .parquet file, a folder that "
        "`vsearch export` wrote, or one of clip-retrieval with img_emb/ and metadata/"
    )


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import, in rows, and how many `images` are in the index after it.

    `known` ones are of files that the index knew, `not_taken` of such as cannot be used.
    """

    taken: int
    known: int
    not_taken: int
    images: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of an import as it goes on.

    `progress` is told what is done ("checking", "importing", "building the graph"), how many rows
    are, and how many there are; `not_taken` each row that is left out.
    """

    progress: Callable[[str, int, int], None] = lambda _what, _done, _all: None
    not_taken: Callable[[NotTaken], None] = lambda _row: None


def take_in(
    folder: Path,
    source: Source,
    named: ModelIdentity | None,
    *,
    dry_run: bool = False,
    watch: Watch | None = None,
) -> Imported:
    """Import `source` into the index in `folder`, made where there is none.

    All of it is read and checked before anything is written, which is all that a `dry_run` does.
    `named` is the model the embeddings are by, for a source that does not say. A file that the
    index knows already stays as it is, since the source may be of an earlier day; pictures of a
    content that it has keep the embedding they have.

    Stopped early (Ctrl-C), or where the source fails after all, what was taken in stays. Raises
    SourceError for what is wrong with the source, ModelMismatch when the index answers with another
    model, StoreError when it cannot be written.
    """
    watch = watch or Watch()
    identity = _in_words_of(folder, _model(source, named))
    if dry_run:
        images, known = _there(folder)
        return Imported(*_check(source, identity.dim, watch, known, tell=True), images)
    _check(source, identity.dim, watch, frozenset(), tell=False)
    with IndexWriter(folder, identity) as writer:
        if not writer.active and writer.images():  # it came to another model meanwhile
            raise _mismatch(folder, writer.answering, identity)
        counts = _write(writer, source, identity.dim, watch)
        if writer.graph_due():
            watch.progress("building the graph", source.rows, source.rows)
            writer.extend_graph()
        if not writer.active:
            writer.activate()
        return Imported(*counts, writer.images())


def _model(source: Source, named: ModelIdentity | None) -> ModelIdentity:
    if source.model is None and named is None:
        raise UsageError(
            "the source does not say by which model its embeddings are; name it with --model NAME"
        )
    if source.model and named and not source.model.comparable(named):
        raise UsageError(
            f"the embeddings are by {source.model.name!r} as the source says, not by "
            f"{named.name!r}{_version(source.model, named)}; leave --model out"
        )
    found = source.model or named
    assert found is not None  # noqa: S101  # one of the two is there, as was looked at above
    return found


def _in_words_of(folder: Path, identity: ModelIdentity) -> ModelIdentity:
    """Return the identity to write with: the index's own name for it, where that answers already.

    Raises ModelMismatch when it answers with another model and holds pictures.
    """
    try:
        with Index(folder) as index:
            if index.model is None or index.model.comparable(identity):
                return index.model or identity
            if index.images():
                raise _mismatch(folder, index.model, identity)
    except IndexMissing:
        pass
    return identity


def _mismatch(folder: Path, answering: ModelIdentity, identity: ModelIdentity) -> ModelMismatch:
    return ModelMismatch(
        f"the index answers with the model {answering.name!r}, the embeddings are by "
        f"{identity.name!r}{_version(answering, identity)}, in {folder}; import them into another "
        "with --index DIR"
    )


def _version(one: ModelIdentity, other: ModelIdentity) -> str:
    return " (another version of it)" if one.name == other.name else ""


def _there(folder: Path) -> tuple[int, frozenset[str]]:
    """Return how many pictures are in an index, and what `_known` does."""
    try:
        with Index(folder) as index:
            return index.images(), _known(index)
    except IndexMissing:
        return 0, frozenset()


def _known(index: Index | IndexWriter) -> frozenset[str]:
    """Return the absolute paths of all files that an index knows, pictures or not."""
    return frozenset(
        os.path.join(root.path, path) for root in index.roots() for path in index.known(root)
    )


def _check(
    source: Source, dim: int, watch: Watch, known: Container[str], *, tell: bool
) -> tuple[int, int, int]:
    """Read all of the source once; return how many rows are (to be taken, known, not taken)."""
    to_take = kept = not_taken = 0
    watch.progress("checking", 0, source.rows)
    for paths, unfit in source.check(dim):
        here = sum(path in known for path in paths)
        to_take, kept = to_take + len(paths) - here, kept + here
        not_taken += len(unfit)
        watch.progress("checking", to_take + kept + not_taken, source.rows)
        for row in unfit if tell else ():
            watch.not_taken(row)
    return to_take, kept, not_taken


def _write(writer: IndexWriter, source: Source, dim: int, watch: Watch) -> tuple[int, int, int]:
    """Write all of the source, a commit each batch; return (taken, known, not taken) rows."""
    places, known = _Places(writer, source.single), _known(writer)
    taken = kept = not_taken = 0
    try:
        for batch in source.batches(dim):
            rows = zip(batch.paths(), batch.entries, batch.vectors, strict=True)
            new = [(entry, vector) for path, entry, vector in rows if path not in known]
            for entry, vector in new:
                root, path = places.of(entry.root, entry.path)
                # Of a content that is there already, this keeps the embedding.
                writer.add(
                    root, path, entry.size, entry.mtime_ns, entry.digest, entry.facts, vector,
                    entry.perceptual,
                )  # fmt: skip
            writer.commit()
            taken, kept = taken + len(new), kept + len(batch.entries) - len(new)
            not_taken += len(batch.not_taken)
            watch.progress("importing", taken + kept + not_taken, source.rows)
            for row in batch.not_taken:
                watch.not_taken(row)
    except SourceError as error:  # it was changed since it was checked, or the disk fails
        raise SourceError(f"{error}; {taken} pictures before that were taken in") from error
    except StoreError:
        raise
    except BaseException:  # Ctrl-C, a fault of ours: what is done stays
        writer.commit()
        raise
    return taken, kept, not_taken


class _Places:
    """Where pictures belong in an index: below the whole root that covers theirs, if there is one.

    Two roots of which one covers the other would answer with each picture twice.
    """

    def __init__(self, writer: IndexWriter, single: frozenset[str]) -> None:
        self._writer = writer
        self._single = single
        self._known: dict[str, tuple[Root, str]] = {}

    def of(self, root: str, path: str) -> tuple[Root, str]:
        """Return the root to record the file `path` of `root` under, and its path there."""
        if root not in self._known:
            covering = _covering(root, self._writer.roots())
            if covering is None:
                self._known.clear()  # the new root may take in some of these
                covering = self._writer.add_root(root, whole=root not in self._single)
            way = os.path.relpath(root, covering.path)
            self._known[root] = covering, "" if way == "." else way
        found, way = self._known[root]
        return found, os.path.join(way, path)


def _covering(path: str, roots: Sequence[Root]) -> Root | None:
    return next(
        (
            root
            for root in roots
            if root.whole and (path == root.path or path.startswith(root.path.rstrip("/") + "/"))
        ),
        None,
    )
