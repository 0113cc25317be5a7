"""Files -> small pictures with words below each, as HTML."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from vsearch.output.links import relative_url
from vsearch.output.page.write import as_text, picture
from vsearch.output.preview import shortened
from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LONGEST = 240
"""Pixels of a picture's longer side: about 8 kB as WebP."""

_NAME = 32  # columns of a name, in two lines
_WORDS = 160  # columns of a caption


@dataclass(frozen=True, slots=True)
class Tiles:
    """The pictures of a page in `folder`: WebP, width and height of each path that was decoded."""

    folder: str
    shown: Mapping[str, tuple[bytes, int, int] | None]

    def tile(self, path: str, *notes: str, kind: str = "") -> str:
        """Return the list item of a picture, with its name and notes (HTML) below it."""
        name = printable(os.path.basename(path))
        words = "".join(f"<span>{note}</span>" for note in notes if note)
        return (
            f'<li class="tile {kind}"><a href="{escape(relative_url(path, self.folder))}" '
            f'title="{as_text(path)}">{picture(escape(name), self.shown.get(path))}'
            f'<span class="words">{words}<bdi>{escape(shortened(name, _NAME))}</bdi></span>'
            "</a></li>\n"
        )


def words_tile(words: str, *notes: str, kind: str = "") -> str:
    """Return the list item of a caption, with notes (HTML) below it."""
    below = "".join(f"<span>{note}</span>" for note in notes if note)
    shown = escape(shortened(printable(words), _WORDS))
    return (
        f'<li class="tile {kind}"><q dir="auto" title="{as_text(words)}">{shown}</q>'
        f'<span class="words">{below}</span></li>\n'
    )


def row(heading: str, tiles: Iterable[str]) -> str:
    """Return tiles beside each other below a heading (text); nothing where there are none."""
    inside = "".join(tiles)
    if not inside:
        return ""
    above = f"<p>{as_text(heading)}</p>" if heading else ""
    return f'<div class="row">{above}<ul class="tiles">\n{inside}</ul></div>\n'


def example(heading: str, *rows: str) -> str:
    """Return the list item of something seen: a heading (HTML), and rows of tiles."""
    return f'<li class="example"><p>{heading}</p>\n<div class="rows">{"".join(rows)}</div></li>\n'


def examples(heading: str, items: Iterable[str], *, narrow: bool = False) -> str:
    """Return examples below a heading (text); nothing where there are none.

    `narrow` ones have two tiles, and are put beside each other.
    """
    inside = "".join(items)
    kind = "examples narrow" if narrow else "examples"
    return f'<h3>{as_text(heading)}</h3>\n<ol class="{kind}">\n{inside}</ol>\n' if inside else ""


def decoded(
    paths: Iterable[str],
    folder: str,
    *,
    workers: int,
    pixel_limit: int,
    progress: Callable[[int, int], None],
) -> Tiles:
    """Return the pictures of these files, each decoded once; see `thumbnails`.

    `progress` is told how many of how many are done.
    """
    from vsearch.images.thumbnail import thumbnails, webp

    wanted = list(dict.fromkeys(paths))
    found = thumbnails(wanted, LONGEST, workers=workers, pixel_limit=pixel_limit)
    shown: dict[str, tuple[bytes, int, int] | None] = {}
    for done, (path, image) in enumerate(zip(wanted, found, strict=True), start=1):
        shown[path] = None if image is None else (webp(image), *image.size)
        progress(done, len(wanted))
    return Tiles(folder, shown)
