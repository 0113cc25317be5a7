"""Checking an index against itself and against the files it speaks of, and repairing it."""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from vsearch.errors import ImageError
from vsearch.images.limits import byte_limit, pixel_limit
from vsearch.images.read import content_hash, read
from vsearch.index import Index
from vsearch.index.checking import check_index, is_damaged
from vsearch.index.salvage import KEPT_AS, salvage
from vsearch.index.upkeep import Upkeep
from vsearch.indexing.run import Options, preview
from vsearch.records import UNSETTLED, Fault, Finding, changed_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from vsearch.records import Entry

QUERIES, QUERIES_DEEP = 100, 1_000
AHEAD = 64  # files read before the first of them is looked at
_DEEP_REPAIR = "vsearch check --deep --repair"


def check(folder: Path, workers: int, *, deep: bool) -> Iterator[Finding]:
    """Check the index in `folder`, part by part, and whether the files are as it recorded them.

    `deep` reads every picture, on `workers` threads, and compares its content, where size and time
    of change say nothing new. Raises IndexMissing.
    """
    readable = True
    for finding in check_index(folder, queries=QUERIES_DEEP if deep else QUERIES):
        yield finding
        readable = readable and not (finding.part == "catalog" and finding.faults)
    if not readable:
        return
    yield from _files(folder, workers)
    if deep:
        yield _contents(folder, workers)


def _files(folder: Path, workers: int) -> Iterator[Finding]:
    """Compare sizes and times of change; what differs is work for `vsearch index`, no fault."""
    for root, plan in preview(folder, (), Options(workers, pixel_limit(workers))):
        if plan is None:
            yield Finding("files", f"{root} is not there now; its records stay", ())
            continue
        changed = len(plan.changed)
        counts = (
            (plan.unchanged, "as recorded"),
            (len(plan.new), "new"),
            (changed, "changed"),
            (len(plan.again), "to be read again"),
            (len(plan.gone), "gone"),
        )
        said = ", ".join(f"{count:,} {what}" for count, what in counts if count)
        yield Finding("files", f"{root}: {said or 'none'}", ())


def _contents(folder: Path, workers: int) -> Finding:
    count, wrong = 0, []
    for entry, same in _compared(folder, workers):
        count += 1
        if not same:
            wrong.append(_path(entry))
    faults = tuple(Fault(f"other content than recorded: {path}", _DEEP_REPAIR) for path in wrong)
    return Finding("contents", f"{count:,} pictures read and compared", faults)


def _compared(folder: Path, workers: int) -> Iterator[tuple[Entry, bool]]:
    """Read every picture that is as it was by size and time; whether its content is so too."""
    from concurrent.futures import ThreadPoolExecutor

    with Index(folder) as index, ThreadPoolExecutor(workers) as pool:
        limit = byte_limit(pixel_limit(workers))
        for entry, future in _ahead(pool, index.entries(), limit):
            same = future.result()
            if same is not None:
                yield entry, same


def _ahead(
    pool: Executor, entries: Iterable[Entry], limit: int
) -> Iterator[tuple[Entry, Future[bool | None]]]:
    waiting: deque[tuple[Entry, Future[bool | None]]] = deque()
    for entry in entries:
        waiting.append((entry, pool.submit(_is_same, entry, limit)))
        if len(waiting) >= AHEAD:
            yield waiting.popleft()
    yield from waiting


def _is_same(entry: Entry, limit: int) -> bool | None:
    """Whether the file's content is as recorded; None where size or time say it was changed."""
    path = _path(entry)
    try:
        now = os.stat(path)
        if (now.st_size, changed_ns(now)) != (entry.size, entry.mtime_ns):
            return None
        return content_hash(read(path, limit)) == entry.digest
    except (OSError, ImageError):
        return None


def _path(entry: Entry) -> str:
    return os.path.join(entry.root, entry.path)


def repair(folder: Path, workers: int, *, deep: bool) -> Iterator[str]:
    """Mend what `check` finds, telling each step in a line when it is done.

    What is derived is made anew; what was lost is left for `vsearch index` to find; nothing that
    can be kept is dropped. Raises IndexMissing, IndexLocked, IndexDamaged when the catalog cannot
    be saved, and StoreError when there is no room.
    """
    if is_damaged(folder):
        saved = salvage(folder)
        yield (
            f"saved the records of {saved:,} pictures in a new catalog; the damaged one is kept "
            f"as {folder / KEPT_AS}; `vsearch index` finds what is missing"
        )
    with Upkeep(folder) as upkeep:
        yield from upkeep.repair()
    if deep:
        wrong = [entry for entry, same in _compared(folder, workers) if not same]
        if wrong:
            with Upkeep(folder) as upkeep:
                upkeep.restamp(wrong, UNSETTLED)
            yield f"{len(wrong):,} pictures are read again by the next `vsearch index`"
