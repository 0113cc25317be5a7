"""Matches -> a contact sheet: a picture to print or to send."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.files.whole import require_place, whole
from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vsearch.images.sheet import Tile
    from vsearch.records import Match

_NOUN, _KIND = "sheet", "vsearch"  # what messages call it


def require_sheet(target: Path) -> None:
    """Look whether a sheet can be written to `target`.

    Raises UsageError as `form_of`, and where something else is there; OSError that names `target`
    where nothing can be written.
    """
    from vsearch.images.sheet import is_sheet

    form_of(target)
    require_place(target, is_sheet, noun=_NOUN, kind=_KIND)


def form_of(target: Path) -> str:
    """Return the format that a sheet at `target` is written in, by its suffix.

    Raises UsageError for one that is none of a picture.
    """
    from vsearch.images.sheet import FORMATS

    form = FORMATS.get(target.suffix.lower())
    if form is None:
        raise UsageError(
            f"a contact sheet is a picture, not {os.fspath(target)!r}; name it {', '.join(FORMATS)}"
        )
    return form


def write_sheet(
    matches: Sequence[Match],
    title: str,
    target: Path,
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write a contact sheet of the matches to `target`, whole or not at all.

    Each has rank, relevance and name below it. It takes the place of an earlier sheet, of nothing
    else. `progress` is told how many pictures of how many are done.

    Raises UsageError when something else is there, for more pictures than a sheet holds, and as
    `form_of`; OSError that names `target`.
    """
    from vsearch.images.sheet import MOST, TILE, Tile, is_sheet
    from vsearch.images.sheet import write_sheet as lay_out
    from vsearch.images.thumbnail import thumbnails

    form = form_of(target)
    if len(matches) > MOST:
        raise UsageError(
            f"a contact sheet holds {MOST} pictures, not {len(matches):,}; "
            "ask for fewer with -k, or for a --gallery"
        )
    pictures = thumbnails(
        [match.path for match in matches], TILE, workers=workers, pixel_limit=pixel_limit
    )

    def tiles() -> Iterator[Tile]:
        for done, (match, picture) in enumerate(zip(matches, pictures, strict=True), start=1):
            yield Tile(picture, (_heading(match), printable(os.path.basename(match.path))))
            progress(done, len(matches))

    with whole(target, is_sheet, folder=False, replace=True, noun=_NOUN, kind=_KIND) as place:
        lay_out(tiles(), len(matches), printable(title), place, form)


def _heading(match: Match) -> str:
    told = f"{match.score:.3f}" if match.relevance is None else f"{match.relevance:.0%}"
    return f"{match.rank}   {told}{'   weak' if match.weak else ''}"
