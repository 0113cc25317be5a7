"""What happens while indexing, as values, and the tally of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from vsearch.errors import SkipReason


@dataclass(frozen=True, slots=True)
class Planned:
    """One root was walked and compared; `reading` files are now to be read.

    `unsettled` files may still be being written and are left for a later run.
    """

    root: str
    new: int
    changed: int
    reading: int
    unchanged: int
    unchanged_skipped: dict[SkipReason, int]
    gone: int
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class RootMissing:
    """A root is not there; its `kept` records stay."""

    root: str
    kept: int


@dataclass(frozen=True, slots=True)
class Embedded:
    """The absolute `path` was decoded and embedded."""

    path: str


@dataclass(frozen=True, slots=True)
class Reused:
    """The absolute `path` has a content that was embedded before: it was moved or copied."""

    path: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The absolute `path` was read and has the content it had before."""

    path: str


@dataclass(frozen=True, slots=True)
class Described:
    """The absolute `path` was decoded for its labels and perceptual hash; it keeps its embedding.

    An older vsearch, which embedded it, did not look for them.
    """

    path: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """The absolute `path` is no picture and its name never said so; nothing is recorded."""

    path: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The absolute `path` has no embedding, and why; `opened` is False when the walk passed it."""

    path: str
    reason: SkipReason
    detail: str
    opened: bool


@dataclass(frozen=True, slots=True)
class Gone:
    """The recorded file at the absolute `path` is no longer there."""

    path: str


@dataclass(frozen=True, slots=True)
class Committed:
    """Everything up to here is durable."""


@dataclass(frozen=True, slots=True)
class GraphStarted:
    """The graph is being brought up to date: some seconds on a large index."""


@dataclass(frozen=True, slots=True)
class Unswitched:
    """The embeddings by the model `new` are not complete: the index goes on answering with `old`.

    `lacking` of all `pictures` are still to be embedded: their root is not there, they could not
    be read, or were not among what was asked for.
    """

    old: str
    new: str
    lacking: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Switched:
    """From here on the index answers with the model `new`; the embeddings by `old` are kept."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """`new` has the weights of `old`, in another precision: every embedding stays."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The embeddings by all other models were removed, which gave back `freed` bytes."""

    freed: int


@dataclass(frozen=True, slots=True)
class Done:
    """All is done; the index can now answer with `images` pictures."""

    images: int


@dataclass(frozen=True, slots=True)
class Watching:
    """All is up to date, and waited for are changes in these `folders` (absolute)."""

    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Polling:
    """The system tells of no changes, for `reason`: all is looked at every `seconds` instead."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Unwatched:
    """The `folder` is not in the index any more, and therefore not watched."""

    folder: str


@dataclass(frozen=True, slots=True)
class IndexAway:
    """The index that was in `folder` is not there now; it is waited for."""

    folder: str


@dataclass(frozen=True, slots=True)
class TurnAwaited:
    """Another process is writing to the index in `folder`; its end is waited for."""

    folder: str


Event: TypeAlias = (
    Planned
    | RootMissing
    | Embedded
    | Reused
    | Confirmed
    | Described
    | Ignored
    | Skipped
    | Gone
    | Committed
    | GraphStarted
    | Unswitched
    | Switched
    | Renamed
    | Dropped
    | Done
    | Watching
    | Polling
    | Unwatched
    | IndexAway
    | TurnAwaited
)


_BY_CHOICE = {SkipReason.LINK, SkipReason.VISITED}


@dataclass(slots=True)
class Tally:
    """The counts of a run so far; `read` of the `reading` files to be read are done."""

    reading: int = 0
    read: int = 0
    new: int = 0
    changed: int = 0
    embedded: int = 0
    reused: int = 0
    described: int = 0
    ignored: int = 0
    unchanged: int = 0
    gone: int = 0
    images: int = 0
    missing_roots: int = 0
    lacking: int = 0
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    skipped_before: Counter[SkipReason] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        """Whether every root and every picture could be used; links left alone are no fault."""
        failed = (self.skipped + self.skipped_before).keys() - _BY_CHOICE
        return not failed and not self.missing_roots and not self.lacking

    def add(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Embedded | Reused | Confirmed | Described | Ignored) or (
            isinstance(event, Skipped) and event.opened
        ):
            self.read += 1
        match event:
            case Planned():
                self.reading += event.reading
                self.new += event.new
                self.changed += event.changed
                self.unchanged += event.unchanged
                self.skipped_before.update(event.unchanged_skipped)
            case RootMissing():
                self.missing_roots += 1
            case Embedded():
                self.embedded += 1
            case Reused():
                self.reused += 1
            case Confirmed():
                self.unchanged += 1
            case Described():
                self.described += 1
            case Ignored():
                self.ignored += 1
            case Skipped():
                self.skipped[event.reason] += 1
            case Gone():
                self.gone += 1
            case Unswitched():
                self.lacking = event.lacking
            case Done():
                self.images = event.images
            case _:
                pass
