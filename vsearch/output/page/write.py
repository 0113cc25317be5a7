"""A page: its text, with style and script inside; its pictures; its place on the disk."""

from __future__ import annotations

import base64
import hashlib
import os
from contextlib import contextmanager
from html import escape
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from vsearch.errors import UsageError
from vsearch.files.whole import require_place, whole
from vsearch.output.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

_KIND = "vsearch"  # whose pages they are, in messages


def require_page(target: Path, noun: str) -> None:
    """Look whether a page can be written to `target`; `noun` is what it is called: "gallery".

    Raises UsageError for a name that is no page's, and where something else is there; OSError that
    names `target` where nothing can be written.
    """
    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"a {noun} is a page, not {os.fspath(target)!r}; name it .html")
    require_place(target, _is_earlier(noun), noun=noun, kind=_KIND)


@contextmanager
def page_file(target: Path, noun: str) -> Iterator[TextIO]:
    """Lend the file that becomes the page at `target`, whole or not at all.

    It takes the place of an earlier page of that `noun`, of nothing else. Raises UsageError when
    something else is there, and OSError that names `target`.
    """
    with (
        whole(
            target, _is_earlier(noun), folder=False, replace=True, noun=noun, kind=_KIND
        ) as place,
        place.open("w", encoding="utf-8") as file,
    ):
        yield file


def page_text(noun: str, title: str, body: str, *, style: str, script: str) -> str:
    """Return a page. `body` is HTML; `style` is added to what all pages look like.

    Nothing but this style and this script takes effect in it, and it loads nothing.
    """
    style = part("page", "style.css") + style
    return Template(part("page", "page.html")).substitute(
        noun=noun,
        title=as_text(title),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        body=body,
    )


def part(room: str, name: str) -> str:
    """Return the text of a file in a room of this package."""
    return resources.files(f"vsearch.output.{room}").joinpath(name).read_text("utf-8")


def as_text(text: str) -> str:
    """Return any text as HTML that shows it, also within an attribute; it breaks out of nothing."""
    return escape(printable(text))


def picture(name: str, shown: tuple[bytes, int, int] | None) -> str:
    """Return the HTML of a picture, its WebP inside, of so many pixels; `None` cannot be shown.

    `name` is HTML already.
    """
    if shown is None:
        return '<span class="empty">cannot be shown</span>'
    data, width, height = shown
    return (
        f'<img alt="{name}" width="{width}" height="{height}" loading="lazy" '
        f'src="data:image/webp;base64,{base64.b64encode(data).decode()}">'
    )


def _hash(text: str) -> str:
    """Return what lets a browser run this and no other text (Content Security Policy 3, 2.3.1)."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _is_earlier(noun: str) -> Callable[[Path], bool]:
    """Return what tells whether a page of that noun is there, by its first bytes."""
    mark = f'<meta name="generator" content="vsearch {noun}">'.encode()

    def is_earlier(path: Path) -> bool:
        try:
            with path.open("rb") as file:
                return mark in file.read(512)
        except OSError:  # a folder, or what may not be read
            return False

    return is_earlier
