"""Acting on duplicates: exact copies become hard links, what is not kept goes to another folder.

Nothing is done to a file that is not what the index knew, by size, time of change and content, nor
where the file to keep is not. Whatever is interrupted leaves every content under at least one of
its names.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vsearch.duplicates.find import is_as_recorded, path_of
from vsearch.errors import ImageError, UsageError
from vsearch.files.place import require_place
from vsearch.images.read import content_hash, read
from vsearch.index import Index, within
from vsearch.index.folder import require_outside, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsearch.duplicates.find import Duplicate, Group
    from vsearch.records import Entry

_BESIDE = ".vsearch-{}"  # what is made beside a file, before it takes its name
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Action:
    """What was done to a file, or would be: `why_not` says why it was not, or would not be.

    `path` is the file; `to` the kept one that it becomes a link to, or where it is moved. `freed`
    are bytes that it took and takes no longer.
    """

    kind: Literal["link", "move"]
    path: str
    to: str
    freed: int = 0
    why_not: str | None = None


class _Refused(Exception):
    """A file is left alone; the text says why."""


def link(group: Group, *, really: bool) -> Iterator[Action]:
    """Make the exact copies of a group hard links to the kept file; near ones are left alone.

    A link has the kept file's time of change. What has another owner or other permissions is left
    alone, so is what lies on another file system. Each copy is replaced at once: whoever opens it
    meanwhile gets one file or the other, of equal content. Unless `really`, all is checked and
    nothing done.
    """
    kept = path_of(group.kept)
    names_gone: Counter[tuple[int, int]] = Counter()  # of each file, were this done
    for other in group.others:
        if other.why != "exact":
            continue
        path, freed, why_not = path_of(other.entry), 0, None
        try:
            data = _verified(group.kept)
            if _verified(other.entry) != data:  # equal hashes, which prove nothing to the last bit
                raise _Refused("its content differs from the kept file's")
            found = _linkable(kept, path)
            file = (found.st_dev, found.st_ino)
            freed = found.st_size if found.st_nlink - names_gone[file] == 1 else 0
            if really:
                _replace_by_link(kept, other.entry)
            else:
                names_gone[file] += 1
        except (_Refused, OSError) as error:
            freed, why_not = 0, _words(error)
        yield Action("link", path, kept, freed, why_not)


def _words(error: _Refused | OSError) -> str:
    return str(error) if isinstance(error, _Refused) else error.strerror or type(error).__name__


def _verified(entry: Entry) -> bytes:
    """Return the content of a file that is what the index knew. Raises _Refused."""
    path = path_of(entry)
    if os.path.islink(path):
        raise _Refused(f"a symbolic link: {path}")
    if is_as_recorded(entry):
        with suppress(ImageError):
            data = read(path, entry.size)
            if content_hash(data) == entry.digest:
                return data
    raise _Refused(f"changed since it was indexed: {path}")


def _linkable(kept: str, path: str) -> os.stat_result:
    """Return what is known of a file that a link can take the place of. Raises _Refused."""
    _check_replaceable(path)
    one, other = os.lstat(kept), os.lstat(path)
    if one.st_dev != other.st_dev:
        raise _Refused("on another file system than the kept file")
    if (one.st_mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid):
        raise _Refused("owner or permissions differ from the kept file's")
    if _attributes(kept) != _attributes(path):
        raise _Refused("extended attributes differ from the kept file's")
    return other


def _check_replaceable(path: str) -> None:
    """Raise _Refused for a file that may not be taken from its folder."""
    if not os.access(os.path.dirname(path), os.W_OK | os.X_OK):
        raise _Refused("its folder may not be written to")


def _attributes(path: str) -> dict[str, bytes]:
    """Return the extended attributes of a file, access control lists among them."""
    if not hasattr(os, "listxattr"):  # only Linux has them in Python
        return {}
    try:
        return {name: os.getxattr(path, name) for name in os.listxattr(path)}
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise


def _replace_by_link(kept: str, other: Entry) -> None:
    """Put a link to `kept` in the place of a file, in one step."""
    path = path_of(other)
    beside = os.path.join(os.path.dirname(path), _BESIDE.format(secrets.token_hex(8)))
    os.link(kept, beside, follow_symlinks=False)
    try:
        if not is_as_recorded(other):  # the last look before it goes
            raise _Refused(f"changed since it was indexed: {path}")
        os.replace(beside, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside)


def check_target(folder: Path, target: Path) -> None:
    """Look whether files can be moved to `target`, which need not be there yet.

    Raises UsageError where it cannot be a folder, and where its files would be indexed again or lie
    in an index; OSError of `target` where nothing can be made there.
    """
    require_outside(target)
    require_place(target)
    place = os.path.realpath(target)
    with Index(folder) as index:
        roots = [root.path for root in index.roots() if root.whole]
    # A folder of a root's name may be there already, even be that very root, or a link to one.
    below = [os.path.realpath(os.path.join(place, _top(root))) for root in roots]
    for root in roots:
        real, named = os.path.realpath(root), f"in a folder that is indexed, {root}"
        if within(place, real):
            raise UsageError(f"{os.fspath(target)!r} lies {named}; name one outside")
        if any(within(one, real) for one in below):
            raise UsageError(
                f"what is moved to {os.fspath(target)!r} would lie {named}; name another one"
            )


def move(
    group: Group, target: Path, *, really: bool, promised: set[str] | None = None
) -> Iterator[Action]:
    """Move all of a group but the kept file to `target`.

    A file comes to lie there under the name of its root folder and its path in that. Nothing that
    is there is replaced. Names of the kept file itself ("linked") stay. Unless `really`, all is
    checked and nothing done; then `promised` are the places that groups before this one would have
    got and their folders, and gets those of this one.
    """
    promised = set() if promised is None else promised
    for other in group.others:
        if other.why == "linked":
            continue
        path, to, why_not = path_of(other.entry), _place_in(target, other), None
        try:
            kept = _verified_kept(group.kept)
            data = _verified(other.entry)
            if other.why == "exact" and data != kept:  # equal hashes, as in `link`
                raise _Refused("its content differs from the kept file's")
            del kept, data
            _check_replaceable(path)
            _check_promised(to, promised)
            # Both names of one file: an earlier move that was killed in between. It goes on.
            if os.path.lexists(to) and not _is_one_file(path, to):
                raise _Refused("there is something of that name")
            _check_folders(to)
            if really:
                os.makedirs(os.path.dirname(to), exist_ok=True)
                _move(other.entry, to)
            else:
                promised.update([to, *_folders_of(to)])
        except (_Refused, OSError) as error:
            why_not = _words(error)
        yield Action("move", path, to, 0, why_not)


def _verified_kept(entry: Entry) -> bytes:
    """Return the content of the file to keep, looked at before each file that goes."""
    try:
        return _verified(entry)
    except (_Refused, OSError) as error:
        raise _Refused(f"the file to keep: {_words(error)}") from error


def _is_one_file(path: str, to: str) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.lstat(path), os.lstat(to))
    return False


def _check_promised(to: str, promised: set[str]) -> None:
    """Raise _Refused where files before this one would take its place, or that of its folder."""
    for place in (to, f"{to}/"):
        if place in promised:
            raise _Refused(f"another file would be moved there: {to}")
    for folder in _folders_of(to):
        if folder.rstrip("/") in promised:
            raise _Refused(f"another file would be moved there: {folder.rstrip('/')}")


def _folders_of(path: str) -> list[str]:
    """Return the folders that a path lies in, each with a slash at its end."""
    return [f"{os.fspath(folder).rstrip('/')}/" for folder in Path(path).parents]


def _check_folders(to: str) -> None:
    """Raise _Refused where a folder that `to` is to lie in can be none."""
    folder = os.path.dirname(to)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise _Refused(f"it is no folder: {folder}")


def _place_in(target: Path, other: Duplicate) -> str:
    return os.path.join(os.path.abspath(target), _top(other.entry.root), other.entry.path)


def _top(root: str) -> str:
    """Return the folder for what is moved from a root."""
    return os.path.basename(root.rstrip("/"))


def _move(entry: Entry, to: str) -> None:
    """Move a file to a name that is free, and stays what it is if it is free no longer."""
    path = path_of(entry)
    there, made = _is_one_file(path, to), False
    try:
        if not there:
            try:
                # Nothing else is sure to replace nothing.
                os.link(path, to, follow_symlinks=False)
            except FileExistsError:
                raise _Refused("there is something of that name") from None
            except OSError:  # another file system, or one that knows no links
                _copy(entry, to)
                made = True
                _sync_names(to)
        if not is_as_recorded(entry):  # the last look before it goes
            raise _Refused(f"changed since it was indexed: {path}")
        os.unlink(path)
    except BaseException:  # Ctrl-C, too: it is in one place, the old one if it is still there
        ours = made or (not there and _is_one_file(path, to))
        if ours and os.path.lexists(path):
            os.unlink(to)
        raise


def _copy(entry: Entry, to: str) -> None:
    """Copy a file with owner, permissions and times; make sure that the copy is on the disk."""
    path = path_of(entry)
    beside = os.path.join(os.path.dirname(to), _BESIDE.format(secrets.token_hex(8)))
    try:
        with open(path, "rb") as source, open(beside, "xb") as copy:  # noqa: PTH123  # text paths
            shutil.copyfileobj(source, copy, _CHUNK)
            copy.flush()
            os.fsync(copy.fileno())
        _give(beside, os.lstat(path))
        shutil.copystat(path, beside)
        if content_hash(read(beside, entry.size)) != entry.digest or not is_as_recorded(entry):
            raise _Refused(f"changed since it was indexed: {path}")
        try:
            os.link(beside, to, follow_symlinks=False)
        except FileExistsError:
            raise _Refused("there is something of that name") from None
        except OSError:
            if os.path.lexists(to):
                raise _Refused("there is something of that name") from None
            os.rename(beside, to)
    except ImageError as error:
        raise _Refused(str(error)) from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside)


def _give(path: str, like: os.stat_result) -> None:
    """Let a file have the owner and group of another, as far as this process may (as mv does)."""
    if hasattr(os, "chown"):  # Windows has none
        with suppress(PermissionError):
            os.chown(path, -1, like.st_gid)
            os.chown(path, like.st_uid, -1)


def _sync_names(path: str) -> None:
    """Make a new name durable, and those of all folders above that may be new."""
    place = Path(path).parent
    while True:
        try:
            sync_folder(place)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some shares cannot
                raise
        if place == place.parent or os.path.ismount(place):
            return
        place = place.parent
