"""What becomes of the matches beside their being printed: told on stderr as it goes on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vsearch.output.bar import Bar
from vsearch.output.terminal import count_of, say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vsearch.files.place import How, Placed
    from vsearch.searching.query import Term


class DeliveryOutput(Bar):
    """A bar while it goes on, a line for each fault, and one for what was done."""

    def __init__(self, *, quiet: bool = False, color: bool = True) -> None:
        super().__init__(quiet=quiet, color=color)
        self._quiet = quiet

    def written(self, target: Path, count: int) -> None:
        """Say that a file with so many pictures has been written."""
        self.done(f"{count_of(count, 'picture')} in {os.fspath(target)}")

    def placed(self, placed: Iterable[Placed], folder: Path, how: How, total: int) -> int:
        """Follow files into a folder; return how many could not be put there."""
        new = known = faults = 0
        past = "copied" if how == "copy" else "linked"
        for done, one in enumerate(placed, start=1):
            self.progress(f"{past} to {folder.name}", done, total)
            if one.path is None:
                faults += 1
                self.line(f"not {past}: {one.source}: {one.fault}")
            elif one.new:
                new += 1
            else:
                known += 1
        there = f", {known:,} there already" if known else ""
        missing = f", {faults:,} not" if faults else ""
        self.done(f"{count_of(new, 'picture')} {past} to {os.fspath(folder)}{there}{missing}")
        return faults

    def done(self, line: str) -> None:
        """Say what was done."""
        if not self._quiet:
            say(line)


def title_of(terms: Iterable[Term]) -> str:
    """Return a query as the title of what shows its answer."""
    title = ""
    for term in terms:
        words = term.shown if term.kind != "picture" else os.path.basename(term.text)
        weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
        sign = "" if not title and term.weight > 0 else (" − " if term.weight < 0 else " + ")
        title += f"{sign}{weight}{words}"
    return title.strip()
