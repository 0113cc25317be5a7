"""Watching as it goes on, for a person or a log: a line with the time for each run. On stderr."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from vsearch.indexing import events
from vsearch.output.progress import IndexingOutput, now
from vsearch.output.terminal import count_of, say

if TYPE_CHECKING:
    from vsearch.indexing.events import Event


class WatchingOutput:
    """Shows events as they come: each run that did something, and each fault once."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._runs = 0
        self._said: set[Event] = set()
        self._begin()

    def _begin(self) -> None:
        self._run: IndexingOutput | None = None
        self._tally = events.Tally()
        self._did_something = False

    def __enter__(self) -> Self:
        self._run = IndexingOutput(quiet=self._quiet, timed=True)
        self._run.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._run:
            self._run.__exit__()

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, events.Skipped | events.RootMissing | events.Unswitched):
            if event in self._said:
                return
            self._said.add(event)
        if remark := _remark(event):
            self._line(remark)
            return
        self._tally.add(event)
        run = self._run = self._run or IndexingOutput(quiet=self._quiet, timed=True)
        match event:
            case events.Planned(root=root, reading=reading):
                self._said = {
                    said
                    for said in self._said
                    if not (isinstance(said, events.RootMissing) and said.root == root)
                }
                if reading and self._runs:
                    run.__enter__()
            case events.Embedded() | events.Reused() | events.Gone() | events.Skipped():
                self._did_something = True
            case events.Switched() | events.Renamed() | events.Dropped():
                self._did_something = True
            case _:
                pass
        run.show(event, self._tally)
        if isinstance(event, events.Done):
            self._close(run)

    def _close(self, run: IndexingOutput) -> None:
        run.__exit__()
        # What stays as it is was said by the first run.
        tally = replace(self._tally, unchanged=0) if self._runs else self._tally
        if self._runs:
            tally.skipped_before.clear()
        if self._did_something or not self._runs:
            self._line(run.summary(tally))
        self._runs += 1
        self._begin()

    def _line(self, message: str) -> None:
        if not self._quiet:
            say(f"{now()}  {message}")


def _remark(event: Event) -> str | None:
    """Return what there is to say of an event that belongs to no run."""
    match event:
        case events.Watching(folders=folders):
            return f"watching {_named(folders)}; Ctrl-C ends it"
        case events.Polling(reason=reason, seconds=seconds):
            return f"not told of changes ({reason}): looking every {seconds:.0f} s instead"
        case events.Unwatched(folder=folder):
            return f"not in the index any more, not watched: {folder}"
        case events.IndexAway(folder=folder):
            return f"not there: the index {folder}; waiting until it comes back"
        case events.TurnAwaited():
            return "another process is writing to the index; waiting until it is done"
        case _:
            return None


def _named(folders: tuple[str, ...]) -> str:
    if not folders:
        return "single files, from time to time"
    return folders[0] if len(folders) == 1 else count_of(len(folders), "folder")
