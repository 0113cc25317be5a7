"""The folder of an index: making it, its lock, and the folders of its vector sets.

INDEX/lock                  held by the one writer
INDEX/catalog.sqlite        see catalog.py
INDEX/sets/whole/           one vector set: matrix.f32, graph.hnsw, graph.json
INDEX/sets/whole-2/, ...    others: of other models, or the same compacted
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import shutil
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vsearch.errors import IndexLocked, StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from io import FileIO
    from pathlib import Path

    from filelock import FileLock

FIRST_SET = "whole"  # the next are "whole-2", "whole-3", ...
GRAPH_FILES = ("graph.hnsw", "graph.json")
_UNFINISHED = ("graph.hnsw.new", "graph.json.new")


def make_folder(folder: Path) -> None:
    """Make the folder of an index. Raises StoreError where that cannot be."""
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


def _foreign(folder: Path) -> bool:
    return any(entry.name not in ("lock", "sets", "config.toml") for entry in folder.iterdir())


def require_outside(target: Path) -> None:
    """Raise UsageError for a place within an index: what is put there, its next writer may remove.

    `target` need not be there yet.
    """
    place = os.path.realpath(target)
    while place != os.path.dirname(place):
        if all(os.path.lexists(os.path.join(place, name)) for name in ("catalog.sqlite", "sets")):
            raise UsageError(
                f"{os.fspath(target)!r} lies in an index, {place}, which is to hold nothing else; "
                "name another place"
            )
        place = os.path.dirname(place)


def lock(folder: Path) -> FileLock:
    """Take the lock of the index's one writer. Raises IndexLocked where another process has it."""
    from filelock import FileLock, Timeout

    held = FileLock(folder / "lock", blocking=False)
    try:
        held.acquire()
    except Timeout:
        raise IndexLocked(
            f"another process is writing to the index, in {folder}; "
            "wait until it is done (searching works meanwhile)"
        ) from None
    except OSError as error:
        raise _not_locked(folder, error) from error
    return held


@contextmanager
def nobody_writes(folder: Path) -> Iterator[bool]:
    """Give whether no writer is at work; if so, none can begin before the block ends.

    Make that short: a writer does not wait. Unlike `lock`, it may be had by several at once, and
    needs no right to write.
    """
    if sys.platform == "win32":  # which has no such locks
        try:
            held = lock(folder)
        except IndexLocked:
            yield False
            return
        try:
            yield True
        finally:
            held.release()
        return
    import fcntl

    try:
        handle = os.open(folder / "lock", os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:  # an index that was copied without it
        yield True
        return
    except OSError as error:
        raise _not_locked(folder, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # FileLock takes LOCK_EX
            alone = True
        except (BlockingIOError, PermissionError):  # some file systems say it in this way
            alone = False
        except OSError as error:
            raise _not_locked(folder, error) from error
        yield alone
    finally:
        os.close(handle)


def place_of(folder: Path, vector_set: str) -> Path:
    """Return the folder of the vector set of that name."""
    return folder / "sets" / vector_set


def open_file(path: Path) -> FileIO:
    """Open a file of a vector set for reading. What is no regular file is as good as missing.

    Opening a FIFO would wait for a writer, for ever.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise FileNotFoundError(errno.ENOENT, "not a regular file", os.fspath(path))
    return path.open("rb", buffering=0)


def make_place(folder: Path, vector_set: str) -> None:
    """Make the folder of a vector set and its matrix, durably, where they are not there."""
    place = place_of(folder, vector_set)
    try:
        place.mkdir(parents=True, exist_ok=True)
        (place / "matrix.f32").touch()
        for changed in (place, folder / "sets", folder):
            sync_folder(changed)
    except OSError as error:
        raise _not_made(folder, error) from error


def free_name(folder: Path, taken: Collection[str]) -> str:
    """Return a name for a new set: of no other, and of no folder that might be in the way."""
    if not taken:
        return FIRST_SET
    names = (f"{FIRST_SET}-{number}" for number in itertools.count(2))
    return next(
        name for name in names if name not in taken and not os.path.lexists(place_of(folder, name))
    )


def remove_places(folder: Path, keep: Collection[str]) -> int:
    """Remove the folders of sets but those to `keep`; return the bytes of their files."""
    freed = 0
    for place in _places(folder):
        if place.name not in keep:
            for file in place.rglob("*"):
                with suppress(OSError):
                    freed += file.stat().st_size if file.is_file() else 0
            shutil.rmtree(place)
    return freed


def strays(folder: Path, sets: Collection[str]) -> list[str]:
    """Return what interrupted writers left: folders of no set, graphs that were not finished."""
    found = [f"sets/{place.name}" for place in _places(folder) if place.name not in sets]
    for place in _places(folder):
        unfinished = [name for name in _UNFINISHED if os.path.lexists(place / name)]
        found += [f"sets/{place.name}/{name}" for name in unfinished]
    return found


def remove_graph(place: Path) -> None:
    """Remove the graph of a vector set, finished or not. Raises StoreError where it cannot be."""
    for name in (*GRAPH_FILES, *_UNFINISHED):
        try:
            (place / name).unlink(missing_ok=True)
        except OSError as error:
            raise not_removed(place / name, error) from error


def _places(folder: Path) -> Iterator[Path]:
    ours = re.compile(rf"{FIRST_SET}(-\d+)?")
    sets = folder / "sets"
    for place in sorted(sets.iterdir()) if sets.is_dir() else ():
        if ours.fullmatch(place.name) and place.is_dir() and not place.is_symlink():
            yield place


def sync_folder(folder: Path) -> None:
    """Make a folder's new names durable; nothing where folders cannot be opened (Windows)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_failed(path: Path, error: OSError) -> StoreError:
    """Return the error for a write that failed."""
    return StoreError(
        f"writing failed ({error.strerror or error}), to {path}; what was committed before is "
        "safe: free some space or check the disk, then run again"
    )


def not_removed(path: Path, error: OSError) -> StoreError:
    """Return the error for what is of no use any more and cannot be removed."""
    return StoreError(
        f"what is of no use any more cannot be removed ({error.strerror}), at "
        f"{error.filename or path}; check the permissions and the disk, then run again"
    )


def _not_locked(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the index cannot be locked ({error.strerror}), at {folder / 'lock'}; "
        "check the permissions of the folder"
    )


def _not_made(folder: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the index cannot be made ({error.strerror}), in {folder}; name another place with --index"
    )
