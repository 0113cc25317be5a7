"""A file or folder that is there whole or not at all, whatever happens while it is written.

It is written beside its place under another name, synced, and renamed.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from vsearch.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path
    from typing import BinaryIO

PART = ".exporting-"


@contextmanager
def whole_file(target: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """Lend a file that becomes `target` at the end; with `replace`, in place of another file.

    Raises UsageError when something is there that it may not replace, OSError that names `target`
    when it cannot be written. Nothing of it is left then.
    """
    _require_free_file(target, replace=replace)
    part = _beside(target)
    try:
        with _named(target), part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _require_free_file(target, replace=replace)  # something may have come meanwhile
        part.replace(target)
        _sync(target.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path, names: Collection[str], *, replace: bool) -> Iterator[Path]:
    """Lend a folder that becomes `target` at the end; `names` are the files that will be in it.

    With `replace` in place of a folder that holds no others. Raises as `whole_file`.
    """
    _require_free_folder(target, names, replace=replace)
    part, old = _beside(target), _beside(target)
    try:
        with _named(target):
            part.mkdir()
            yield part
            for file in part.iterdir():
                _sync(file)
            _sync(part)
        _require_free_folder(target, names, replace=replace)
        if target.is_dir():
            target.rename(old)
        try:
            part.rename(target)
        except OSError:
            if old.is_dir():
                old.rename(target)
            raise
        _sync(target.parent)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_free_file(target: Path, *, replace: bool) -> None:
    if not os.path.lexists(target):
        return
    if target.is_dir():
        raise UsageError(f"there is a folder already, at {target}; name another place")
    if not replace:
        raise UsageError(f"there is a file already, at {target}; name another, or add --force")


def _require_free_folder(target: Path, names: Collection[str], *, replace: bool) -> None:
    if not os.path.lexists(target):
        return
    if target.is_symlink() or not target.is_dir():
        raise UsageError(f"there is a file already, at {target}; name another place")
    there = {entry.name for entry in target.iterdir()}
    if there - set(names):
        raise UsageError(
            f"the folder holds other things than an export, at {target}; name another place"
        )
    if there and not replace:
        raise UsageError(f"there is an export already, at {target}; name another, or add --force")


def _beside(target: Path) -> Path:
    return target.parent / f"{PART}{uuid4().hex}.part"


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
