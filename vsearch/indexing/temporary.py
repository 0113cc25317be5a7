"""An index of certain pictures: the user's where it has them all, else one for the time being."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsearch.errors import IndexMissing, ModelMismatch
from vsearch.index import Index, is_unsettled, within
from vsearch.indexing.run import update
from vsearch.records import changed_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vsearch.index import Known, Root
    from vsearch.indexing.events import Event
    from vsearch.indexing.run import Options
    from vsearch.models.encoder import Encoder
    from vsearch.records import ModelIdentity


@dataclass(frozen=True, slots=True)
class Lacking:
    """What the index in `folder` lacks of `pictures`: `count` of them, so that it cannot be used.

    `folder` is None where there is no index. `instead`: other ones are embedded, not only these.
    """

    folder: Path | None
    count: int
    pictures: int
    instead: bool = False


@contextmanager
def index_of(
    paths: Sequence[str],
    known: Path | None,
    encoder: Encoder,
    options: Options,
    show: Callable[[Event | Lacking], None],
    *,
    instead: Sequence[str] | None = None,
) -> Iterator[Path]:
    """Give the folder of an index that has embeddings by `encoder` of the pictures at `paths`.

    The index in `known`, untouched, where each of the files that are there is in it as it is now,
    be it with an embedding or as one that has none. Else all of them, or `instead` other files and
    folders, are indexed in a temporary folder, which is gone afterwards; `show` is told so, and
    then what happens. Files that are not there are left out. Open it with
    `Index(folder, encoder.identity)`.

    Raises as `indexing.run.update`, and OSError where there is no room for temporary files.
    """
    there = [path for path in paths if os.path.exists(path)]
    lacking = _lacking(there, known, encoder.identity) if known else len(there)
    if known and not lacking:
        yield known
        return
    from tempfile import TemporaryDirectory

    folder = known if known and os.path.lexists(known) else None
    show(Lacking(folder, lacking, len(there), instead is not None))
    with TemporaryDirectory(prefix="vsearch-", ignore_cleanup_errors=True) as place:
        made = Path(place, "index")
        # Looked at only now: where the index has it all, nothing but `paths` is.
        meant = there if instead is None else [one for one in instead if os.path.lexists(one)]
        for event in update(made, encoder, meant, options):
            show(event)
        yield made


def _lacking(paths: Sequence[str], folder: Path, identity: ModelIdentity) -> int:
    """Return how many of the files at `paths` the index does not know as they are now."""
    try:
        with Index(folder, identity) as index:
            roots = index.roots()
            known: dict[str, dict[str, Known]] = {}
            lacking = 0
            for path in paths:
                real = os.path.realpath(path)
                one = _known(index, roots, known, real, identity)
                lacking += one is None or not _is_as_known(real, one)
            return lacking
    except (IndexMissing, ModelMismatch):
        return len(paths)


def _known(
    index: Index,
    roots: Sequence[Root],
    known: dict[str, dict[str, Known]],
    path: str,
    identity: ModelIdentity,
) -> Known | None:
    for root in roots:
        if within(path, root.path):
            if root.path not in known:
                known[root.path] = index.known(root, identity=identity)
            if one := known[root.path].get(os.path.relpath(path, root.path)):
                return one
    return None


def _is_as_known(path: str, known: Known) -> bool:
    try:
        now = os.stat(path)
    except OSError:
        return False
    changed = changed_ns(now)
    same = changed == known.mtime_ns or is_unsettled(known.mtime_ns, changed)
    if now.st_size != known.size or not same:
        return False
    return known.embedded or known.reason is not None
