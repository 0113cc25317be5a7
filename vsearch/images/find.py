"""A folder -> the files in it that may be pictures, and what was passed over and why.

The order is the same on every machine: in each folder first its files, then its folders, both by
name (by code points, not by language); with `follow_links` the places behind links come last.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from vsearch.errors import SkipReason
from vsearch.images import ignore as ignoring
from vsearch.images.formats import SUFFIXES
from vsearch.images.read import kind
from vsearch.records import changed_ns

_NEVER = frozenset({".git", ".vsearch"})
"""Folders that hold no one's pictures: a repository's objects, and our own index."""


class FoundFile(NamedTuple):
    """A regular file that may be a picture, and all that is known before it is opened.

    `path` is relative to the folder that was searched, `size` is bytes, `mtime_ns` nanoseconds
    since 1970. `named_image` is False for a file without any suffix, which only its content can
    call a picture: where it is none, it was never passed over. A named tuple, since a folder may
    hold a million of these and a frozen dataclass takes three times as long to make.
    """

    path: str
    size: int
    mtime_ns: int
    named_image: bool


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file or folder that was not looked at, and why; nothing below such a folder was seen.

    `path` is relative to the folder that was searched, "." for that folder itself. `detail` is the
    system's words, or what the file is ("fifo", "socket", ...).
    """

    path: str
    reason: SkipReason
    detail: str = ""


class _Rules(NamedTuple):
    """The ignore rules of one folder, and how a path is made relative to it instead of the root."""

    rules: ignoring.Rules
    prefix: str  # the rules lie above the root: put this before
    strip: int  # the rules lie below the root: take this many characters off


class _Folder(NamedTuple):
    """A folder to be walked: its path relative to the root, "" or with a slash at its end.

    `rules` are those of the folders above it, the nearest first. `linked` says that the way here
    led through a link.
    """

    path: str
    rules: tuple[_Rules, ...]
    linked: bool


class _Link(NamedTuple):
    """A symbolic link to be followed when all real folders have been walked."""

    path: str
    candidate: bool  # a file there may be a picture, by the link's name
    named_image: bool
    rules: tuple[_Rules, ...]


def find_one(root: str, path: str) -> FoundFile | PassedOver:
    """Look at one file that a person named; `path` is relative to the folder `root`.

    A name given on purpose is not held against hidden names, ignore rules or links, and counts as
    a picture by its name. What is not a regular file is passed over like any other.
    """
    try:
        status = os.stat(os.path.join(root, path))
    except OSError as error:
        return PassedOver(path, SkipReason.UNREADABLE, _words(error))
    if special := kind(status.st_mode):
        return PassedOver(path, SkipReason.SPECIAL, special)
    return FoundFile(path, status.st_size, changed_ns(status), named_image=True)


def find(
    root: str,
    below: str = "",
    without: str = "",
    *,
    follow_links: bool = False,
    hidden: bool = False,
    ignore: bool = True,
) -> Iterator[FoundFile | PassedOver]:
    """Walk the folder `root`, which may itself be hidden, ignored or a link, and all below it.

    Only its folder `below` is walked when one is given; paths are relative to `root` all the same,
    and the ignore files on the way down count. Its folder `without` is not walked.

    Yielded are the regular files with the suffix of a picture and those with no suffix at all;
    other files are nobody's pictures and not mentioned. Fifos, sockets and devices named like
    pictures are never opened. `hidden` includes names that begin with a dot; `ignore` honours the
    ignore files, also those above `root` up to the top of the git work tree it lies in.

    Without `follow_links` a link to a folder, or one named like a picture, is passed over. With it
    every folder is walked once and every linked file given at most once, under its own place in
    the tree where it has one. Unreadable folders are passed over and the walk goes on.
    """
    start = below + "/" if below else ""
    stack = [_Folder(start, _rules_on_the_way(root, below) if ignore else (), linked=False)]
    links: deque[_Link] = deque()
    seen: set[tuple[int, int]] = set()  # (st_dev, st_ino) of what was yielded, for links only
    while stack or links:
        if not stack:
            link = links.popleft()
            try:
                status = os.stat(os.path.join(root, link.path))
            except OSError as error:
                if link.candidate:
                    yield PassedOver(link.path, SkipReason.UNREADABLE, _words(error))
                continue
            special = kind(status.st_mode)
            if special == "folder":
                stack.append(_Folder(link.path + "/", link.rules, linked=True))
            elif special:
                if link.named_image:
                    yield PassedOver(link.path, SkipReason.SPECIAL, special)
            elif link.candidate:
                if _first_visit(seen, status):
                    yield FoundFile(link.path, status.st_size, changed_ns(status), link.named_image)
                else:
                    yield PassedOver(link.path, SkipReason.VISITED)
            continue

        base, rules, linked = stack.pop()
        place = os.path.join(root, base)
        try:
            if follow_links and not _first_visit(seen, os.stat(place)):
                yield PassedOver(base.rstrip("/") or ".", SkipReason.VISITED)
                continue
            with os.scandir(place) as listing:
                entries = sorted(listing, key=_by_name)
        except OSError as error:
            yield PassedOver(base.rstrip("/") or ".", SkipReason.UNREADABLE, _words(error))
            continue

        if ignore:
            names = {entry.name for entry in entries}
            own, faults = ignoring.folder_rules(place, [n for n in ignoring.NAMES if n in names])
            for name, fault in faults:
                yield PassedOver(base + name, fault.reason, fault.detail)
            if own:
                rules = (_Rules(own, "", len(base)), *rules)

        folders: list[_Folder] = []
        for entry in entries:
            name = entry.name
            if name[0] == "." and (not hidden or name in _NEVER):
                continue
            dot = name.rfind(".")
            named_image = dot > 0 and name[dot:].lower() in SUFFIXES
            candidate = named_image or dot <= 0
            path = base + name
            if entry.is_symlink():
                if rules and _ignored(rules, "f", name, path):
                    continue
                if follow_links:
                    links.append(_Link(path, candidate, named_image, rules))
                elif named_image or entry.is_dir():
                    yield PassedOver(path, SkipReason.LINK)
            elif entry.is_dir(follow_symlinks=False):
                if path != without and not (rules and _ignored(rules, "d", name, path)):
                    folders.append(_Folder(path + "/", rules, linked))
            elif candidate:
                if rules and _ignored(rules, "f", name, path):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed since its folder was listed
                except OSError as error:
                    yield PassedOver(path, SkipReason.UNREADABLE, _words(error))
                    continue
                if not entry.is_file(follow_symlinks=False):
                    if named_image:
                        yield PassedOver(path, SkipReason.SPECIAL, kind(status.st_mode))
                    continue
                # Two names of one file (hard links) are two files, unless a link leads here.
                if follow_links and not _first_visit(seen, status) and linked:
                    yield PassedOver(path, SkipReason.VISITED)
                    continue
                yield FoundFile(path, status.st_size, changed_ns(status), named_image)
        stack += reversed(folders)


def may_matter(root: str, path: str, *, hidden: bool, gone: bool) -> bool:
    """Whether a change at `path`, relative to `root`, may change what `find` yields there.

    It is told by the names alone, and by whether there is a folder; of what is `gone` nobody knows
    whether it was one. Rules of ignore files do not count: what they hide is a walk for nothing.
    """
    *folders, name = path.split("/")
    if any(part[:1] == "." and (not hidden or part in _NEVER) for part in folders):
        return False
    if name in ignoring.NAMES:
        return True
    if name[:1] == "." and (not hidden or name in _NEVER):
        return False
    dot = name.rfind(".")
    candidate = dot <= 0 or name[dot:].lower() in SUFFIXES
    return candidate or gone or os.path.isdir(os.path.join(root, path))


def _by_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _words(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _first_visit(seen: set[tuple[int, int]], status: os.stat_result) -> bool:
    """Remember a file or folder by what it is on disk; False when it was already there."""
    before = len(seen)
    seen.add((status.st_dev, status.st_ino))
    return len(seen) > before


def _ignored(rules: tuple[_Rules, ...], kind: Literal["d", "f"], name: str, path: str) -> bool:
    """Ask the rules of each folder, the nearest first; the first that mention the path decide."""
    for own, prefix, strip in rules:
        verdict = own.verdict(kind, name, prefix + path[strip:])
        if verdict is not None:
            return verdict
    return False


def _rules_on_the_way(root: str, below: str) -> tuple[_Rules, ...]:
    """Read the ignore files above `root`, in it and down to the folder that holds `below`."""
    rules = _rules_above(root)
    base = ""
    for name in below.split("/") if below else ():
        own, _ = ignoring.folder_rules(os.path.join(root, base), ignoring.NAMES)
        if own:
            rules = (_Rules(own, "", len(base)), *rules)
        base += name + "/"
    return rules


def _rules_above(root: str) -> tuple[_Rules, ...]:
    """Read the ignore files of the folders above `root`, up to the top of its git work tree.

    Outside a work tree there are none. What cannot be read up there is not ours to report.
    """
    folder = os.path.realpath(root)
    above: list[tuple[str, str]] = []  # each folder, and the way down from it to the root
    prefix = ""
    while not os.path.lexists(os.path.join(folder, ".git")):
        folder, name = os.path.split(folder)
        if not name:
            return ()
        prefix = f"{name}/{prefix}"
        above.append((folder, prefix))
    read = ((ignoring.folder_rules(folder, ignoring.NAMES)[0], prefix) for folder, prefix in above)
    return tuple(_Rules(own, prefix, 0) for own, prefix in read if own)
