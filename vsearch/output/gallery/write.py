"""Matches -> one HTML file: pictures, style and script inside, every name escaped."""

from __future__ import annotations

import os
from html import escape
from string import Template
from typing import TYPE_CHECKING

from vsearch.output.links import relative_url
from vsearch.output.page.write import as_text, page_file, page_text, part, picture, require_page
from vsearch.output.preview import shortened
from vsearch.output.terminal import count_of, printable, size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vsearch.records import Match

LONGEST = 480
"""Pixels of a picture's longer side: 20 to 40 kB as WebP, so that a hundred are 4 MB."""

NAME = 60
"""Columns of a name, in three lines of a tile; of a longer one the middle is left out."""

_NOUN = "gallery"  # what messages call it


def require_gallery(target: Path) -> None:
    """Look whether a gallery can be written to `target`.

    Raises UsageError for a name that is no page's, and where something else is there; OSError that
    names `target` where nothing can be written.
    """
    require_page(target, _NOUN)


def write_gallery(
    matches: Sequence[Match],
    title: str,
    target: Path,
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None],
) -> None:
    """Write a page that shows the matches to `target`, whole or not at all.

    It takes the place of an earlier gallery, of nothing else. Its links are relative for pictures
    below its folder, so that both can be moved together, else file: addresses. `progress` is told
    how many pictures of how many are done. What cannot be decoded now has a tile without a picture.

    Raises UsageError when something else is there, and OSError that names `target`.
    """
    from vsearch.images.thumbnail import thumbnails, webp

    folder = os.path.dirname(os.path.realpath(target))
    pictures = thumbnails(
        [match.path for match in matches], LONGEST, workers=workers, pixel_limit=pixel_limit
    )
    match_form = Template(part("gallery", "match.html"))
    before, after = _page(title, len(matches))
    with page_file(target, _NOUN) as file:
        file.write(before)
        for done, (match, thumbnail) in enumerate(zip(matches, pictures, strict=True), start=1):
            shown = None if thumbnail is None else (webp(thumbnail), *thumbnail.size)
            file.write(match_form.substitute(_fields(match, folder, shown)))
            progress(done, len(matches))
        file.write(after)


def _page(title: str, count: int) -> tuple[str, str]:
    """Return what comes before the matches and after them."""
    body = Template(part("gallery", "body.html")).substitute(
        title=as_text(title), count=count_of(count, "picture"), matches="\0"
    )
    style, script = part("gallery", "style.css"), part("gallery", "script.js")
    before, _, after = page_text(_NOUN, title, body, style=style, script=script).partition("\0")
    return before, after


def _fields(match: Match, folder: str, shown: tuple[bytes, int, int] | None) -> dict[str, str]:
    name = printable(os.path.basename(match.path))
    shown_name, name = escape(shortened(name, NAME)), escape(name)
    facts = [f"{match.facts.width} × {match.facts.height}"]
    if match.size is not None:
        facts.append(size(match.size))
    if match.date:
        facts.append(as_text(match.date[:10]))
    return {
        "kind": "weak" if match.weak else "match",
        "rank": str(match.rank),
        "name": name,
        "shown": shown_name,
        "path": as_text(match.path),
        "link": escape(relative_url(match.path, folder)),
        "picture": picture(name, shown),
        "bar": _bar(match),
        "facts": "".join(f"<span>{fact}</span>" for fact in facts),
    }


def _bar(match: Match) -> str:
    if match.relevance is None:
        return f'<span class="relevance">score {match.score:.3f}</span>'
    weak = ", weak" if match.weak else ""
    return (
        f'<span class="relevance" title="score {match.score:.3f}">'
        f'<meter value="{match.relevance:.4f}" aria-label="relevance"></meter>'
        f"{match.relevance:.0%}{weak}</span>"
    )
