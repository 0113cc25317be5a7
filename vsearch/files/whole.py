"""A file or folder that is there whole or not at all, whatever happens while it is written.

It is written in a hidden folder beside its place, synced, and renamed:

    .NAME.exporting/  there while NAME is written, and after its writer was killed
      lock            held by the one who writes
      new             what is being written
      earlier         the folder it takes the place of, until it has

A NAME too long for that is its SHA-256 there. The next who writes NAME removes what a killed one
left; `earlier` goes back where NAME is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.files.ending import ended_cleanly, undisturbed
from vsearch.files.room import LONGEST, require_room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST = LONGEST - len("..exporting")  # bytes of a NAME


@contextmanager
def whole(
    target: Path,
    is_earlier: Callable[[Path], bool],
    *,
    folder: bool,
    replace: bool,
    noun: str = "export",
    kind: str = "that format",
) -> Iterator[Path]:
    """Lend the path of a file to be made, or of a `folder` made already, that becomes `target`.

    It takes the place of an empty folder or file, or with `replace` of what `is_earlier`, by its
    content an earlier one, which messages call a `noun` of that `kind`; of nothing else. Where
    `target` is a link, that stays, and what it leads to is what is made.

    Raises UsageError when something is in the way, or another is just writing `target`, and OSError
    that names `target` when it cannot be written. All is as it was then, as when a signal ends it.
    """

    def require_free() -> None:
        if _is_free(target, folder=folder):
            return
        _require_earlier(target, named, is_earlier, noun, kind)
        if not replace:
            raise UsageError(
                f"there is an export already, at {named}; name another, or add --force"
            )

    _require_no_stream(target)
    named, target = target, Path(os.path.realpath(target))
    with _named(named), ended_cleanly(), _workplace(target, named, noun) as (new, earlier):
        require_free()
        if folder:
            new.mkdir()
        yield new
        for file in new.iterdir() if folder else ():
            _sync(file)
        _sync(new)
        require_free()  # something may have come meanwhile
        if folder and target.is_dir():  # a folder is renamed to no folder that holds files
            target.rename(earlier)
        new.replace(target)
        _sync(target.parent)


def require_place(
    target: Path, is_earlier: Callable[[Path], bool], *, noun: str, kind: str
) -> None:
    """Look whether a file can be made as `target`, or take the place of an earlier one there.

    Raises what `whole` would, as far as can be seen before anything is made.
    """
    _require_no_stream(target)
    place = Path(os.path.realpath(target))
    require_room(place.parent, target)
    if not _is_free(place, folder=False):
        _require_earlier(place, target, is_earlier, noun, kind)


def _require_no_stream(target: Path) -> None:
    """Raise UsageError for a device or a pipe, and for the file that stdout or stderr goes to."""
    try:
        found = target.stat()
    except OSError:  # it is not there, or will be told by who writes it
        return
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise UsageError(f"it is a device or a pipe, {target}; name a file")
    for stream in (1, 2):
        with suppress(OSError):  # closed
            if os.path.samestat(found, os.fstat(stream)):
                raise UsageError(f"what is printed goes there, {target}; name another file")


def _require_earlier(
    target: Path, named: Path, is_earlier: Callable[[Path], bool], noun: str, kind: str
) -> None:
    if not is_earlier(target):
        raise UsageError(
            f"what is there already is no {noun} of {kind}, at {named}; name another place"
        )


@contextmanager
def _workplace(target: Path, named: Path, noun: str) -> Iterator[tuple[Path, Path]]:
    """Lend two paths beside `target`, see above, to one at a time. Raises UsageError to others."""
    from filelock import FileLock, Timeout

    name = target.name
    if len(os.fsencode(name)) > _LONGEST:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    work = target.parent / f".{name}.exporting"
    new, earlier = work / "new", work / "earlier"
    lock = FileLock(work / "lock", blocking=False)
    try:
        with undisturbed():  # between the folder and its lock it would be left
            with suppress(FileExistsError):  # exist_ok=True fails where it is just being removed
                work.mkdir()
            try:
                lock.acquire()
            # It makes the folder once more; where the other just removes that, one of the two is
            # said.
            except (Timeout, FileNotFoundError, FileExistsError):
                raise UsageError(
                    f"another {noun} is being written, to {named}; wait until it is done"
                ) from None
        _settle(target, new, earlier)
        try:
            yield new, earlier
        finally:
            with undisturbed():
                _settle(target, new, earlier)
    finally:
        with undisturbed():
            if lock.is_locked:
                (work / "lock").unlink(missing_ok=True)
                with suppress(OSError):  # something in it is left: the next one tries again
                    work.rmdir()
                lock.release()


def _settle(target: Path, new: Path, earlier: Path) -> None:
    """Put `earlier` back where its place is empty, and remove what is left over."""
    if earlier.is_dir() and not os.path.lexists(target):
        earlier.rename(target)
    for left in (new, earlier):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _is_free(path: Path, *, folder: bool) -> bool:
    """Whether there is nothing, or nothing in it, where a file or a `folder` is to be made."""
    if not os.path.lexists(path):
        return True
    if folder:
        return path.is_dir() and not path.is_symlink() and not any(path.iterdir())
    return path.is_file() and path.stat().st_size == 0


@contextmanager
def _named(target: Path) -> Iterator[None]:
    """Name `target` in errors instead of what is written in its stead."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(target)
        raise


def _sync(path: Path) -> None:
    """Make a file, or a folder's new names, durable; no folder where it cannot be opened."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
