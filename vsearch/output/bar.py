"""A bar that moves on a terminal while something long goes on; nothing elsewhere. On stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from vsearch.output.terminal import console, is_terminal, printable, say

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """A bar, and lines that stay above it. Use it in a `with` block."""

    def __init__(self, *, quiet: bool = False, color: bool = True) -> None:
        self._wanted = not quiet and is_terminal(sys.stderr)
        self._color = color
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._wanted:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeRemainingColumn(),
                console=console(stderr=True, color=self._color),
                transient=True,
            )
            self._task = self._bar.add_task("", total=None)
            self._bar.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar:
            self._bar.stop()

    def progress(self, what: str, done: int, total: int) -> None:
        """Show that of `total` things `done` are done."""
        if self._bar:
            self._bar.update(self._task, description=what, completed=done, total=total)

    def line(self, line: str) -> None:
        """Print a line that is a warning."""
        if self._bar:
            self._bar.console.print(printable(line), style="yellow", soft_wrap=True)
        else:
            say(line)
