"""What a person named -> the roots, folders and files that are meant."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vsearch.errors import UsageError
from vsearch.index import within

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class RootLike(Protocol):
    """What is asked of a root here: where it is, and whether it stands for all below it."""

    @property
    def path(self) -> str:
        """Absolute path."""

    @property
    def whole(self) -> bool:
        """True: everything below it; False: single files."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One piece of work: a root, and which part of it to bring up to date.

    `root` is absolute. `folder` is the part of a whole root to walk, relative to it, "" for all.
    `files`, where not None, are the only files to look at instead, relative to the root; the root
    then need not be `whole`.
    """

    root: str
    whole: bool
    folder: str = ""
    files: tuple[str, ...] | None = None


def scopes(paths: Sequence[str], roots: Iterable[RootLike]) -> list[Scope]:
    """Return the work that `paths`, folders or files, ask for in an index that has `roots`.

    A path below a root the index has is updated within it; any other folder becomes a root; any
    other file makes its folder a root of single files. No paths: all roots. Names are resolved,
    links in them too, so that one folder is never two roots.

    Raises UsageError for a name that neither exists nor lies in a root, and for no paths where
    there are no roots.
    """
    roots = list(roots)
    if not paths:
        if not roots:
            raise UsageError("nothing to index, no folder named; run `vsearch index FOLDER`")
        return [Scope(root.path, root.whole) for root in roots]
    whole = [root.path for root in roots if root.whole]
    folders, files = set[str](), set[str]()
    for path in paths:
        if not path:
            raise UsageError("an empty name for a folder; name one, or none for all known ones")
        real = os.path.realpath(path)
        if os.path.isdir(real) or any(within(real, root) for root in whole):
            # A folder, or something that may just have gone from a root.
            (files if os.path.lexists(real) and not os.path.isdir(real) else folders).add(real)
        elif os.path.lexists(real):
            files.add(real)
        elif real in [root.path for root in roots]:
            folders.add(real)
        else:
            raise UsageError(f"no such file or folder, named {path!r}; check the name")
    tops = sorted(
        folder
        for folder in folders
        if not any(folder != top and within(folder, top) for top in folders)
    )
    singles = sorted(file for file in files if not any(within(file, top) for top in tops))
    return [_folder_scope(folder, whole) for folder in tops] + _file_scopes(singles, whole)


def _folder_scope(folder: str, whole: Sequence[str]) -> Scope:
    root = next((root for root in whole if within(folder, root)), folder)
    return Scope(root, True, "" if root == folder else os.path.relpath(folder, root))


def _file_scopes(files: Sequence[str], whole: Sequence[str]) -> list[Scope]:
    by_root: dict[str, list[str]] = {}
    for file in files:
        root = next((root for root in whole if within(file, root)), os.path.dirname(file))
        by_root.setdefault(root, []).append(os.path.relpath(file, root))
    return [Scope(root, root in whole, files=tuple(files)) for root, files in by_root.items()]
