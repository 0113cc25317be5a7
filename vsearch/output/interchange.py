"""Exporting and importing as they go on, for a person, and their closing lines. All on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from vsearch.output.terminal import console, count_of, is_terminal, printable, say, size

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress

    from vsearch.interchange.source import NotTaken
    from vsearch.interchange.transfer import Imported


class TransferOutput:
    """A line for each row that is left out, and a moving bar on a terminal only."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if is_terminal(sys.stderr):
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeRemainingColumn(),
                console=console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("", total=None)
            self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar:
            self._bar.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show that of `total` rows `done` are done."""
        if self._bar:
            self._bar.update(self._task, description=what, completed=done, total=total)

    def not_taken(self, row: NotTaken) -> None:
        """Name a row that is left out, and why."""
        line = f"skipped: {row.path}: {row.why}"
        if self._bar:
            self._bar.console.print(printable(line), style="yellow", soft_wrap=True)
        else:
            say(line)


def say_exported(target: Path, count: int) -> None:
    """Print the closing line of an export."""
    files = target.iterdir() if target.is_dir() else [target]
    length = sum(file.stat().st_size for file in files)
    say(f"{count_of(count, 'picture')} written to {target}, {size(length)}")


def say_imported(imported: Imported, *, dry_run: bool) -> None:
    """Print the closing line of an import."""
    taken = count_of(imported.taken, "picture")
    left = f", {imported.known:,} known and left as they are" if imported.known else ""
    left += f", {imported.not_taken:,} skipped" if imported.not_taken else ""
    there = count_of(imported.images, "picture")
    if dry_run:
        say(f"{taken} would be taken in{left}; {there} in the index now")
    else:
        say(f"{taken} taken in{left}; {there} in the index")
