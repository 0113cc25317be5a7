"""Exporting and importing as they go on, for a person, and their closing lines. All on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsearch.output.bar import Bar
from vsearch.output.terminal import count_of, say, size

if TYPE_CHECKING:
    from pathlib import Path

    from vsearch.interchange.source import NotTaken
    from vsearch.interchange.transfer import Imported


class TransferOutput(Bar):
    """A line for each row that is left out, and a moving bar on a terminal only."""

    def not_taken(self, row: NotTaken) -> None:
        """Name a row that is left out, and why."""
        self.line(f"skipped: {row.path}: {row.why}")


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
