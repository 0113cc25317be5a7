"""Keeping an index up to date: waiting for changes below its folders, then looking there again.

A change only says that a folder is to be looked at; what has changed is found by walking it, as
`run` always does. So nothing depends on what the system tells, and how: renames, ignore files and
events that come twice, late or garbled are all the same. What may go missing altogether (the
system's queue overflows; a folder is made and filled faster than it can be watched) is found by a
look at everything, each EVERYTHING_SECONDS and whenever folders have come.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vsearch.errors import IndexMissing, StoreError, UsageError
from vsearch.images.find import may_matter
from vsearch.index import Index, within
from vsearch.indexing.events import IndexAway, Planned, Polling, Unwatched, Watching
from vsearch.indexing.run import roots, update, update_scopes, when_free
from vsearch.indexing.scope import Scope, scopes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from vsearch.index import Root
    from vsearch.indexing.events import Event
    from vsearch.indexing.run import Options
    from vsearch.models.encoder import Encoder

SETTLE_SECONDS = 2.5
"""How long all must be quiet before it is looked at, and a file before it is read: longer than two
ticks of any file system's clock (2 s on FAT), so that what is read then need not be read again."""
PATIENCE_SECONDS = 30.0
"""After this long it is looked at all the same: a copy of thousands of files is never quiet."""
EVERYTHING_SECONDS = 600.0
POLL_SECONDS = 30.0
"""The same where the system tells nothing."""
RESTS = 10
"""After a walk nothing is walked for so many times as long, and REST_SECONDS at most: in a folder
that changes all the time, a large index takes a tenth of one core."""
REST_SECONDS = 60.0
TICK_SECONDS = 0.25
_STEP_SECONDS = 0.1  # how often watchfiles looks into what it has been told
_ADDED, _DELETED = 1, 3  # watchfiles.Change, which takes 40 ms to import


def watch(
    folder: Path,
    encoder: Encoder,
    paths: Sequence[str],
    options: Options,
    *,
    drop_old: bool = False,
) -> Iterator[Event]:
    """Bring `paths` up to date as `update` does, then again whenever something there has changed.

    Yields the events of each run, and between them what is waited for. It ends by being closed, or
    by Ctrl-C; the index is then as good as after `update`. The lock is held only while a folder is
    looked at; another process that has it is waited for. Single files and, without notifications,
    all folders are looked at from time to time. A root that goes keeps its records and is looked at
    when it comes back, also as another folder or disk.

    Raises UsageError for names that mean nothing and when nothing is left to be watched, StoreError
    when the index cannot be written, and DecoderError when nothing can be decoded.
    """

    def first() -> Iterator[Event]:
        return update(folder, encoder, paths, options, drop_old=drop_old)

    yield from when_free(first, folder)
    yield from _Watcher(folder, encoder, paths, options).events()


class _Watcher:
    """What is watched, when it was looked at, and what is to be looked at next."""

    def __init__(
        self, folder: Path, encoder: Encoder, paths: Sequence[str], options: Options
    ) -> None:
        self._folder = folder
        self._encoder = encoder
        self._options = replace(options, settle=SETTLE_SECONDS)
        # No names: all that the index has at the time. Else what they meant when it began.
        self._asked = scopes(paths, roots(folder)) if paths else None
        self._disks: dict[
            Scope, tuple[int, int] | None
        ] = {}  # what each folder was, when looked at
        self._polling = False
        self._lenient = False  # some folder may not be watched
        self._told: tuple[str, ...] | None = None
        self._rest_until = 0.0

    def events(self) -> Iterator[Event]:
        """Yield what happens, for ever."""
        while True:
            asked = yield from self._still_asked()
            watched = [scope for scope in asked if scope.files is None and scope.whole]
            present = [_place(scope) for scope in watched if _disk(scope)]
            with closing(
                _ticks() if self._polling else _changes(present, self._lenient)
            ) as changes:
                try:
                    next(changes)  # from here on no change is missed
                except FileNotFoundError:  # it has just gone
                    continue
                except (OSError, RuntimeError, UnicodeError) as error:
                    if isinstance(error, PermissionError) and not self._lenient:
                        self._lenient = True
                        continue
                    self._polling = True
                    yield Polling(str(error).partition(" about [")[0].rstrip("."), POLL_SECONDS)
                    continue
                unsettled = yield from self._look(asked)
                places = tuple(_place(scope) for scope in watched)
                if places != self._told:
                    yield Watching(places)
                    self._told = places
                yield from self._until_anew(changes, watched, unsettled)

    def _until_anew(
        self, changes: Iterator[Iterable[tuple[int, str]]], watched: list[Scope], due: set[Scope]
    ) -> Iterator[Event]:
        """Look where something changes, until everything is to be watched and looked at anew."""
        since = latest = now = time.monotonic()
        everything_at = now + (POLL_SECONDS if self._polling else EVERYTHING_SECONDS)
        anew = False
        for batch in _until_lost(changes):
            now = time.monotonic()
            for change, path in batch:
                if scope := self._concerned(change, path, watched):
                    since = since if due else now
                    latest = now
                    due.add(scope)
                    # A folder that has come may have been filled before it was watched; the one
                    # that is watched may be another now, with the old one's number.
                    came = change == _ADDED and os.path.isdir(path)
                    anew = anew or came or path == _place(scope)
            if any(_disk(scope) != self._disks.get(scope) for scope in watched):
                return  # it has gone, has come back, or is another one under the same name
            quiet = now - latest >= SETTLE_SECONDS or now - since >= PATIENCE_SECONDS
            if now < self._rest_until or not (now >= everything_at or (due and quiet)):
                continue
            asked = yield from self._still_asked()
            if anew or now >= everything_at or not set(watched) <= set(asked):
                return
            due = yield from self._look([scope for scope in asked if scope in due])
            since = latest = time.monotonic()

    def _concerned(self, change: int, path: str, watched: list[Scope]) -> Scope | None:
        """Return the part of what is watched in which a change at `path` may matter."""
        if within(path, os.fspath(self._folder)):
            return None
        for scope in watched:
            if within(path, _place(scope)):
                below = os.path.relpath(path, scope.root)
                gone, hidden = change == _DELETED, self._options.hidden
                matters = may_matter(scope.root, below, hidden=hidden, gone=gone)
                return scope if matters or path == _place(scope) else None
        return None

    def _look(self, asked: Iterable[Scope]) -> Generator[Event, None, set[Scope]]:
        """Bring it up to date; return where files were still being written.

        What was not there the last time and is not now is left alone: that has been said.
        """
        unsettled: set[Scope] = set()
        for scope in asked:
            before, now = self._disks.get(scope), _disk(scope)
            self._disks[scope] = now
            if before is None and now is None:
                continue
            try:
                for event in when_free(partial(self._timed, scope), self._folder):
                    if isinstance(event, Planned) and event.unsettled:
                        unsettled.add(scope)
                    yield event
            except UsageError:  # a folder of a root, which had nothing and has gone
                continue
            except StoreError:
                if os.path.isdir(self._folder):
                    raise
                unsettled.add(scope)  # the drive with the index was unplugged, too: once it is back
        return unsettled

    def _timed(self, scope: Scope) -> Iterator[Event]:
        """Bring a folder up to date, and rest for as long as walking it takes to deserve."""
        started = time.monotonic()
        for event in update_scopes(self._folder, self._encoder, [scope], self._options):
            if isinstance(event, Planned):
                now = time.monotonic()
                self._rest_until = now + min(REST_SECONDS, RESTS * (now - started))
            yield event

    def _still_asked(self) -> Generator[Event, None, list[Scope]]:
        """Return what is to be kept up to date, as the roots of the index are now.

        What was forgotten since must not come back by being looked at.
        """
        known = yield from self._roots()
        if self._asked is None:
            return scopes((), known)
        asked = []
        for scope in self._asked:
            place = _place(scope)
            if any(root.path == scope.root and root.whole == scope.whole for root in known):
                asked.append(scope)
            elif any(within(place, root.path) for root in known if root.whole):
                asked += scopes([place], known)  # a root around it came
            else:
                yield Unwatched(place)
        if not asked:
            raise UsageError(
                f"nothing is left to be watched, in the index {self._folder}; name folders with "
                "`vsearch index --watch FOLDER`"
            )
        self._asked = asked
        return asked

    def _roots(self) -> Generator[Event, None, list[Root]]:
        """Return the roots of the index; it may be on the drive that was unplugged."""
        told = False
        while True:
            try:
                with Index(self._folder) as index:
                    known = index.roots()
                # One that has just been made anew has none yet: who made it is about to add them.
                if known or not told:
                    return known
            except IndexMissing:
                if not told:
                    yield IndexAway(os.fspath(self._folder))
                    told = True
            time.sleep(TICK_SECONDS)


def _place(scope: Scope) -> str:
    return os.path.join(scope.root, scope.folder).rstrip("/") or "/"


def _disk(scope: Scope) -> tuple[int, int] | None:
    """Return which folder of which disk is there now (st_dev, st_ino); None: none."""
    try:
        status = os.stat(_place(scope))
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _changes(folders: list[str], lenient: bool) -> Generator[Iterable[tuple[int, str]], None, None]:
    """Yield what changes below `folders`, and nothing each tick.

    `lenient` leaves out those below that may not be read; watchfiles then also says nothing when
    the system's limit of watches is reached, so it is not asked for without need.

    Raises OSError, RuntimeError or UnicodeError at once when the system will not tell, RuntimeError
    later when a change cannot be told (a name that is no UTF-8).
    """
    if not folders:
        yield from _ticks()
    from watchfiles import watch as notifications

    yield from notifications(
        *folders,
        watch_filter=None,
        step=int(1000 * _STEP_SECONDS),
        debounce=int(1000 * TICK_SECONDS),
        rust_timeout=int(1000 * TICK_SECONDS),
        yield_on_timeout=True,
        ignore_permission_denied=lenient,
    )


def _until_lost(
    changes: Iterator[Iterable[tuple[int, str]]],
) -> Iterator[Iterable[tuple[int, str]]]:
    try:
        yield from changes
    except RuntimeError:
        time.sleep(SETTLE_SECONDS)  # what cannot be told may be written just now


def _ticks() -> Generator[Iterable[tuple[int, str]], None, None]:
    while True:
        time.sleep(TICK_SECONDS)
        yield set()
