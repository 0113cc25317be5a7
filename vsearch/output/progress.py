"""Indexing as it goes on, for a person, and its closing line. All of it on stderr."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Self

from vsearch.output.terminal import console, count_of, is_terminal, printable, say, size

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from rich.progress import Progress

    from vsearch.errors import SkipReason
    from vsearch.indexing.events import Event, Tally
    from vsearch.indexing.plan import Plan


class IndexingOutput:
    """Shows events as they come: one line for each fault, and a moving bar on a terminal only.

    `timed`: the time stands before each line.
    """

    def __init__(self, *, quiet: bool, timed: bool = False) -> None:
        self._quiet = quiet
        self._timed = timed
        self._started = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr) and not self._quiet:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[rate]}"),
                progress.TimeRemainingColumn(),
                console=console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("looking for pictures", total=None, rate="")
            self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar:
            self._bar.stop()

    def show(self, event: Event, tally: Tally) -> None:
        """Show one event; `tally` has counted it already."""
        from vsearch.indexing import events

        match event:
            case events.Skipped(path=path, reason=reason, detail=detail):
                self._line(f"skipped: {path}: {reason}" + (f": {detail}" if detail else ""))
            case events.RootMissing(root=root, kept=kept):
                self._line(
                    f"not there: {root}: {count_of(kept, 'record')} kept; is the drive plugged in?"
                )
            case events.Unswitched(old=old, new=new, lacking=lacking, pictures=pictures):
                self._line(
                    f"not switched: {lacking:,} of {count_of(pictures, 'picture')} not embedded by "
                    f"{new} yet; the index goes on answering with {_told_apart(old, new)} until "
                    f"`vsearch index --model {new}` has embedded them all"
                )
            case events.Switched(old=old, new=new):
                self._line(f"switched: the index answers with {new}, not {_told_apart(old, new)}")
            case events.Renamed(old=old, new=new):
                self._line(f"the index goes on with {new}: the same weights as {old}")
            case events.Dropped(freed=freed):
                self._line(f"dropped: the vectors of other models; {size(freed)} freed")
            case events.TurnAwaited():
                self._line("another process is writing to the index; waiting for it")
            case events.GraphStarted() if self._bar:
                self._bar.update(self._task, description="building the graph", rate="")
            case _ if self._bar and tally.reading:
                seconds = self._seconds()
                self._bar.update(
                    self._task,
                    description="indexing",
                    total=tally.reading,
                    completed=tally.read,
                    rate=f"{tally.read / seconds:.0f}/s" if seconds > 0.5 else "",
                )
            case _:
                pass

    def close(self, tally: Tally) -> None:
        """Print the closing line of a finished run."""
        if not self._quiet:
            say(self.summary(tally))

    def summary(self, tally: Tally) -> str:
        """Return what a finished run did, how long it took, and what the index holds."""
        total = count_of(tally.images, "picture")
        return f"{closing_line(tally)} in {self._seconds():.1f} s; {total} in the index"

    def close_interrupted(self, tally: Tally) -> None:
        """Print the closing line of a run that was stopped."""
        if not self._quiet:
            say(f"interrupted after {self._seconds():.1f} s; kept: {closing_line(tally)}")

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _line(self, message: str) -> None:
        if self._quiet:
            return
        if self._timed:
            message = f"{now()}  {message}"
        if self._bar:
            self._bar.console.print(printable(message), style="yellow", soft_wrap=True)
        else:
            say(message)


def say_temporary(
    folder: Path | None, lacking: int, pictures: int, *, instead: bool = False
) -> None:
    """Say why pictures are indexed for the time being: the index in `folder` lacks some of them.

    `instead`: all that is searched is, be it more than these.
    """
    some = count_of(lacking, "picture")
    if not instead:
        some = f"{lacking:,} of {count_of(pictures, 'picture')}"
    why = f"{some} not in the index {folder} as they are now" if folder else "there is no index"
    what = "that is searched" if instead else f"{pictures:,}"
    say(f"{why}; embedding all {what} for the time being (`vsearch index FOLDER` would keep that)")


def now() -> str:
    """Return the time as a log has it."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _told_apart(old: str, new: str) -> str:
    """Return the name `old`, with a word more where the new model has the same one."""
    return f"another version of {old}" if old == new else old


def closing_line(tally: Tally) -> str:
    """Say what a run did, in one line: "12 embedded, 30 unchanged, 2 skipped (...)"."""
    parts = [
        f"{tally.embedded:,} embedded",
        f"{tally.reused:,} moved or copied" if tally.reused else "",
        f"{tally.described:,} read for their labels" if tally.described else "",
        f"{tally.unchanged:,} unchanged" if tally.unchanged else "",
        f"{tally.gone:,} gone" if tally.gone else "",
        _skipped("skipped", tally.skipped),
        _skipped("skipped before", tally.skipped_before),
        f"{count_of(tally.missing_roots, 'folder')} not there" if tally.missing_roots else "",
    ]
    return ", ".join(part for part in parts if part)


def _skipped(word: str, reasons: Counter[SkipReason]) -> str:
    if not reasons:
        return ""
    kinds = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"{reasons.total():,} {word} ({kinds})"


def print_plan(root: str, plan: Plan | None) -> None:
    """Say on stderr what `index` would do with one root."""
    if plan is None:
        say(f"not there: {root}: its records would be kept; is the drive plugged in?")
        return
    again = len(plan.again)
    say(
        f"{root}: {len(plan.new):,} new, {len(plan.changed):,} changed, "
        + (f"{again:,} to read again, " if again else "")
        + f"{len(plan.gone):,} gone, {plan.unchanged:,} unchanged"
    )
    for item in plan.passed_over:
        path = os.path.normpath(os.path.join(root, item.path))
        say(f"skipped: {path}: {item.reason}" + (f": {item.detail}" if item.detail else ""))
