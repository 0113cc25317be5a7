"""Matches -> one HTML file: pictures, style and script inside, every name escaped."""

from __future__ import annotations

import base64
import hashlib
import os
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.files.whole import require_place, whole
from vsearch.output.links import relative_url
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

_NOUN, _KIND = "gallery", "vsearch"  # what messages call it
_MARK = b'<meta name="generator" content="vsearch gallery">'


def require_gallery(target: Path) -> None:
    """Look whether a gallery can be written to `target`.

    Raises UsageError for a name that is no page's, and where something else is there; OSError that
    names `target` where nothing can be written.
    """
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"a gallery is a page, not {os.fspath(target)!r}; name it .html")
    require_place(target, _is_gallery, noun=_NOUN, kind=_KIND)


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
    match_form, style, script = (
        Template(_part("match.html")),
        _part("style.css"),
        _part("script.js"),
    )
    before, after = _page(title, len(matches), style, script)
    with (
        whole(target, _is_gallery, folder=False, replace=True, noun=_NOUN, kind=_KIND) as place,
        place.open("w", encoding="utf-8") as file,
    ):
        file.write(before)
        for done, (match, picture) in enumerate(zip(matches, pictures, strict=True), start=1):
            shown = None if picture is None else (webp(picture), *picture.size)
            file.write(match_form.substitute(_fields(match, folder, shown)))
            progress(done, len(matches))
        file.write(after)


def _part(name: str) -> str:
    return resources.files("vsearch.output.gallery").joinpath(name).read_text("utf-8")


def _page(title: str, count: int, style: str, script: str) -> tuple[str, str]:
    """Return what comes before the matches and after them."""
    page = Template(_part("page.html")).substitute(
        title=escape(printable(title)),
        count=count_of(count, "picture"),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        matches="\0",
    )
    before, _, after = page.partition("\0")
    return before, after


def _hash(text: str) -> str:
    """Return what lets a browser run this and no other text (Content Security Policy 3, 2.3.1)."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _fields(match: Match, folder: str, shown: tuple[bytes, int, int] | None) -> dict[str, str]:
    name = printable(os.path.basename(match.path))
    shown_name, name = escape(shortened(name, NAME)), escape(name)
    facts = [f"{match.facts.width} × {match.facts.height}"]
    if match.size is not None:
        facts.append(size(match.size))
    if match.date:
        facts.append(escape(printable(match.date[:10])))
    return {
        "kind": "weak" if match.weak else "match",
        "rank": str(match.rank),
        "name": name,
        "shown": shown_name,
        "path": escape(printable(match.path)),
        "link": escape(relative_url(match.path, folder)),
        "picture": _picture(name, shown),
        "bar": _bar(match),
        "facts": "".join(f"<span>{fact}</span>" for fact in facts),
    }


def _picture(name: str, shown: tuple[bytes, int, int] | None) -> str:
    if shown is None:
        return '<span class="empty">cannot be shown</span>'
    data, width, height = shown
    return (
        f'<img alt="{name}" width="{width}" height="{height}" loading="lazy" '
        f'src="data:image/webp;base64,{base64.b64encode(data).decode()}">'
    )


def _bar(match: Match) -> str:
    if match.relevance is None:
        return f'<span class="relevance">score {match.score:.3f}</span>'
    weak = ", weak" if match.weak else ""
    return (
        f'<span class="relevance" title="score {match.score:.3f}">'
        f'<meter value="{match.relevance:.4f}" aria-label="relevance"></meter>'
        f"{match.relevance:.0%}{weak}</span>"
    )


def _is_gallery(path: Path) -> bool:
    """Whether there is a gallery, by its first bytes."""
    try:
        with path.open("rb") as file:
            return _MARK in file.read(512)
    except OSError:  # a folder, or what may not be read
        return False
