"""The answers looked at before, to go back to, and the pictures marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vsearch.records import Match

_LONGEST = 200  # answers that are kept to go back to


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the `line` that was typed, pictures like the one at `path`, or those marked.

    `text` is the line, the absolute path, or empty.
    """

    kind: Literal["line", "like", "marked"]
    text: str = ""


@dataclass(slots=True)
class View:
    """An answer on the screen: `matches` so far, and which of them is chosen, counted from 0.

    `whole`: there are no more than these. `visited`: someone moved about in it, so that it is worth
    coming back to. `note` says how it was found.
    """

    question: Question
    matches: list[Match] = field(default_factory=list)
    cursor: int = 0
    whole: bool = True
    visited: bool = False
    note: str = ""


class History:
    """Views left behind, the newest last."""

    def __init__(self) -> None:
        self._views: list[View] = []

    def leave(self, view: View) -> None:
        """Keep a view to come back to, unless it was only passed by while typing."""
        if view.visited and view.matches:
            self._views.append(view)
            del self._views[:-_LONGEST]

    def back(self) -> View | None:
        """Return the view that was left last, and forget it; None when there is none."""
        return self._views.pop() if self._views else None


class Marks:
    """The marked pictures, in the order in which they were marked."""

    def __init__(self) -> None:
        self._matches: dict[str, Match] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._matches

    def __len__(self) -> int:
        return len(self._matches)

    def all(self) -> list[Match]:
        """Return them as they were when they were marked."""
        return list(self._matches.values())

    def toggle(self, match: Match) -> None:
        """Mark a picture, or unmark it."""
        if self._matches.pop(match.path, None) is None:
            self._matches[match.path] = match

    def toggle_all(self, matches: Iterable[Match]) -> None:
        """Mark all of these; where all are marked already, unmark them."""
        matches = list(matches)
        missing = [match for match in matches if match.path not in self._matches]
        for match in missing or matches:
            self.toggle(match)
