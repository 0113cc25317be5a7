"""What a person wants forgotten: names and patterns -> files and roots of the index."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.index import Index, within
from vsearch.index.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vsearch.index import Root

_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is to be forgotten: `files` by root, relative to it, and whole `roots`.

    All files of those roots are among `files`. `returning` are roots that stay although files below
    them go: what is still there is found again by the next `vsearch index`.
    """

    files: list[tuple[Root, list[str]]]
    roots: list[Root]
    returning: list[str]

    def paths(self) -> list[str]:
        """Return the absolute paths of all files, ordered."""
        return [os.path.join(root.path, path) for root, paths in self.files for path in paths]


def choose(folder: Path, names: Sequence[str]) -> Chosen:
    """Find what `names` mean in the index in `folder`; nothing is changed.

    A name means the file, or the folder with all below it, that was recorded so, whether it is
    still there or not; only where there is none, its `*`, `?` and `[...]` are looked at, of which
    each also matches "/". Roots that are named, or lie in a folder that is, go as a whole.

    Raises UsageError for a name that means nothing, StoreError when the index cannot be read.
    """
    with Index(folder) as index:
        roots = index.roots()
        known = {root.id: sorted(index.known(root), key=os.fsencode) for root in roots}
    chosen: dict[int, set[str]] = {root.id: set() for root in roots}
    whole: set[int] = set()
    for name in names:
        if not name:
            raise UsageError("an empty name; name a file, a folder or a pattern")
        # A link itself may have been recorded, as one that is not followed; or what it leads to.
        found = any(_named(place, roots, known, chosen, whole) for place in _places(name))
        if not found and _MAGIC.search(name):
            found = _matching(name, roots, known, chosen)
        if not found:
            raise UsageError(
                f"nothing in the index is called {name!r}; check the name, "
                "`vsearch status` lists the folders"
            )
    files = [(root, sorted(chosen[root.id], key=os.fsencode)) for root in roots if chosen[root.id]]
    return Chosen(
        files,
        [root for root in roots if root.id in whole],
        [root.path for root, _ in files if root.whole and root.id not in whole],
    )


def forget(folder: Path, chosen: Chosen) -> None:
    """Forget what was chosen, in one transaction. Raises IndexLocked while another one writes."""
    with Upkeep(folder) as upkeep:
        upkeep.forget(chosen.files, chosen.roots)


def _places(name: str) -> list[str]:
    """Return the absolute paths that a name may mean: as it is, and where it leads as a link."""
    folder, last = os.path.split(name.rstrip("/"))
    real = os.path.realpath(name)
    if last in {"", ".", ".."}:
        return [real]
    return [os.path.join(os.path.realpath(folder or "."), last), real]


def _named(
    real: str,
    roots: Sequence[Root],
    known: dict[int, list[str]],
    chosen: dict[int, set[str]],
    whole: set[int],
) -> bool:
    """Choose what is at or below the absolute path `real`; return whether there is anything."""
    found = False
    for root in roots:
        if within(root.path, real):
            whole.add(root.id)
            chosen[root.id].update(known[root.id])
            found = True
        elif within(real, root.path):
            inside = os.path.relpath(real, root.path)
            below = [path for path in known[root.id] if within(path, inside)]
            chosen[root.id].update(below)
            found = found or bool(below)
    return found


def _matching(
    pattern: str, roots: Sequence[Root], known: dict[int, list[str]], chosen: dict[int, set[str]]
) -> bool:
    """Choose what the pattern matches; return whether there is anything."""
    # The folders before the first sign are resolved as names are: one may be a link.
    plain, sign, rest = re.split(rf"((?:^|(?<=/))[^/]*{_MAGIC.pattern})", pattern, maxsplit=1)
    top = os.path.realpath(plain or ".").rstrip("/") + "/"
    matches = re.compile(re.escape(top) + fnmatch.translate(sign + rest), re.DOTALL).match
    found = False
    for root in roots:
        hit = [path for path in known[root.id] if matches(os.path.join(root.path, path))]
        chosen[root.id].update(hit)
        found = found or bool(hit)
    return found
