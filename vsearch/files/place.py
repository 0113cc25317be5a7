"""Copies of files, or links to them, into a folder: under their own names, never over another.

A name that is taken by something else becomes "name (2).jpg", as file managers have it. What is
there already with the same content, or as a link to the same file, is not put there twice.
"""

from __future__ import annotations

import errno
import filecmp
import itertools
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vsearch.errors import UsageError
from vsearch.files.room import LONGEST, require_room

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

How = Literal["copy", "link"]

# What file systems without hard links say (FAT, some shares and some kernels' FUSE).
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


@dataclass(frozen=True, slots=True)
class Placed:
    """What came of one file: where it is now, absolute; `new`: it was not there before.

    `path` is None where it could not be put there, and `fault` says why.
    """

    source: str
    path: str | None
    new: bool = False
    fault: str = ""


def place(sources: Iterable[str], folder: Path, how: How) -> Iterator[Placed]:
    """Copy each file into `folder`, with its times, permissions and attributes, or link to it.

    The folder is made if need be. Links are symbolic, to the absolute path. A copy is written
    beside its place and renamed, so that none is ever there in part; only a killed process leaves
    a hidden `.vsearch-*` file. A file that cannot be read is told and the next one tried.

    Raises UsageError when `folder` is none, and OSError when nothing more can be written there;
    what is there by then stays.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _no_folder(folder) from None
    put = _copy if how == "copy" else _link
    for source in sources:
        if fault := _fault(source):
            yield Placed(source, None, fault=fault)
            continue
        try:
            path, new = put(source, os.fspath(folder))
        except OSError as error:
            if error.errno != errno.EIO:
                # The file could be read a moment ago, so it is the folder's, or its disk's.
                error.filename = os.fspath(folder)
                raise
            yield Placed(source, None, fault=error.strerror or str(error))
        else:
            yield Placed(source, path, new)


def require_place(folder: Path) -> None:
    """Look whether files can be put into `folder`, which need not be there yet.

    Raises what `place` would, as far as can be seen before anything is made.
    """
    folder = folder.absolute()
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    if not there.is_dir():
        raise _no_folder(folder)
    require_room(there, folder)


def _no_folder(folder: Path) -> UsageError:
    return UsageError(f"it is no folder, {folder}; name another, or a new one")


def _fault(source: str) -> str:
    """Say why a file cannot be read; nothing if it can."""
    try:
        if not stat.S_ISREG(os.stat(source).st_mode):  # a FIFO would be waited for
            return "not a regular file"
        with open(source, "rb"):  # noqa: PTH123  # a path that may be no valid UTF-8
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _names(path: str) -> Iterator[str]:
    """Yield the names a file may get: its own, then with numbers."""
    stem, suffix = os.path.splitext(os.path.basename(path))
    yield stem + suffix
    for number in itertools.count(2):
        ending = os.fsencode(f" ({number}){suffix}")
        short = stem
        while len(os.fsencode(short)) > LONGEST - len(ending):  # by characters, not by bytes
            short = short[:-1]
        yield short + os.fsdecode(ending)


def _copy(source: str, folder: str) -> tuple[str, bool]:
    copied: str | None = None
    try:
        for name in _names(source):
            target = os.path.join(folder, name)
            if os.path.lexists(target):
                if _is_same(source, target):
                    return target, False
                continue
            if copied is None:
                handle, copied = tempfile.mkstemp(prefix=".vsearch-", dir=folder)
                os.close(handle)
                shutil.copy2(source, copied)
            if _rename(copied, target):
                copied = None
                return target, True
        raise AssertionError("there is always another number")
    finally:
        if copied is not None:
            with suppress(OSError):
                os.unlink(copied)


def _is_same(source: str, target: str) -> bool:
    with suppress(OSError):
        return os.path.isfile(target) and filecmp.cmp(source, target, shallow=False)
    return False


def _rename(made: str, target: str) -> bool:
    """Rename a file to a name that nothing has; return False if something has it by now."""
    try:
        os.link(made, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # What comes between these two calls is lost: there is no other way without hard links.
        if os.path.lexists(target):
            return False
        os.rename(made, target)
    else:
        os.unlink(made)
    return True


def _link(source: str, folder: str) -> tuple[str, bool]:
    goal = os.path.abspath(source)
    for name in _names(source):
        target = os.path.join(folder, name)
        if goal == target or (os.path.islink(target) and os.readlink(target) == goal):
            return target, False
        with suppress(FileExistsError):
            os.symlink(goal, target)
            return target, True
    raise AssertionError("there is always another number")
