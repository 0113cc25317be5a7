"""Answers as pictures on the terminal: a grid that fits one screen if it can be."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsearch.output.graphics import graphics
from vsearch.output.terminal import console, linked, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from PIL.Image import Image
    from rich.console import Console, RenderableType
    from rich.text import Text

    from vsearch.output.graphics import Graphics
    from vsearch.records import Match

_NARROWEST, _WIDEST = 14, 40  # cells of a tile
_GAP = 2  # cells between two
_CAPTION = 3  # lines below each, with an empty one
_SHAPE = 3 / 4  # height to width of what a picture is put into, as most cameras have it
_LONGEST = 640  # pixels that a picture may need; more would only be sent in vain


@dataclass(frozen=True, slots=True)
class Grid:
    """Tiles beside each other: how many, and the width and height of their pictures in cells."""

    columns: int
    width: int
    height: int


def grid(count: int, columns: int, lines: int, cell: tuple[int, int]) -> Grid:
    """Return the grid with the largest tiles that shows `count` on a screen of columns x lines.

    `cell` is the size of one in pixels. Where that would be too small to see anything, tiles of
    the least size, on several screens.
    """
    for width in range(min(_WIDEST, columns), _NARROWEST - 1, -1):
        beside = (columns + _GAP) // (width + _GAP)
        height = max(2, round(width * cell[0] * _SHAPE / cell[1]))
        # A line for the prompt, one for the command.
        if math.ceil(count / beside) * (height + _CAPTION) <= lines - 2:
            return Grid(beside, width, height)
    width = max(1, min(_NARROWEST, columns))
    height = max(2, round(width * cell[0] * _SHAPE / cell[1]))
    # Never higher than a screen: what has moved out of it cannot be drawn on.
    height = max(1, min(height, lines - _CAPTION - 2))
    return Grid((columns + _GAP) // (width + _GAP), width, height)


def print_preview(matches: Sequence[Match], *, color: bool, workers: int, pixel_limit: int) -> None:
    """Print the matches as pictures, with rank, relevance and name below each.

    By Sixel or Kitty's protocol where the terminal has them, in half blocks elsewhere, in shades
    of grey without `color`. What cannot be decoded now leaves its place empty.
    """
    from vsearch.images.thumbnail import thumbnails

    shown = graphics(color=color)
    # Kitty's placeholders carry the picture's number in their colour, which must stay exact.
    out = console(color=color, exact=shown.protocol == "kitty")
    cell = shown.cell_width, shown.cell_height
    tiles = grid(len(matches), out.width, out.height, cell)
    longest = min(max(tiles.width * cell[0], tiles.height * cell[1]), _LONGEST)
    pictures = thumbnails(
        [match.path for match in matches], longest, workers=workers, pixel_limit=pixel_limit
    )
    row: list[tuple[Match, Image | None]] = []
    for pair in zip(matches, pictures, strict=True):
        row.append(pair)
        if len(row) == tiles.columns:
            _print_row(out, row, tiles, shown)
            row = []
    if row:
        _print_row(out, row, tiles, shown)


def _print_row(
    out: Console, row: list[tuple[Match, Image | None]], tiles: Grid, shown: Graphics
) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, _GAP, 0, 0))
    for _ in row:
        table.add_column(width=tiles.width, no_wrap=True, vertical="bottom")
    sizes = [_cells(picture, tiles, shown) for _, picture in row]
    cells = [_picture(picture, size, shown) for (_, picture), size in zip(row, sizes, strict=True)]
    table.add_row(*cells)
    table.add_row(*(_heading(match) for match, _ in row))
    table.add_row(*(_name(match, tiles.width) for match, _ in row))
    table.add_row()
    out.print(table)
    if shown.protocol == "sixel":
        _draw(out, row, sizes, tiles, shown)


def _cells(picture: Image | None, tiles: Grid, shown: Graphics) -> tuple[int, int]:
    """Return how many cells a picture takes, width and height, within a tile."""
    if picture is None:
        return tiles.width, tiles.height
    # In cells of the terminal, which are higher than wide.
    width, height = picture.width / shown.cell_width, picture.height / shown.cell_height
    scale = min(tiles.width / width, tiles.height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _picture(picture: Image | None, size: tuple[int, int], shown: Graphics) -> RenderableType:
    from rich.align import Align
    from rich.text import Text

    width, height = size
    if picture is None:
        words = Text("cannot be shown", style="dim", overflow="ellipsis")
        return Align(words, "center", vertical="middle", width=width, height=height)
    if shown.protocol == "sixel":  # drawn later; until then there is room for it
        return Text("\n".join([" " * width] * height))
    return _renderable(picture, size, shown)


def _renderable(picture: Image, size: tuple[int, int], shown: Graphics) -> RenderableType:
    """Return what rich prints as the picture, so many cells large."""
    images = _images(shown.cell_width, shown.cell_height)
    kind = {
        "sixel": images.SixelImage,
        "kitty": images.TGPImage,
        "blocks": images.HalfcellImage,
        "shades": images.UnicodeImage,
    }[shown.protocol]
    made: RenderableType = kind(picture, *size)
    return made


def _images(cell_width: int, cell_height: int) -> ModuleType:
    """Import textual-image without its asking the terminal, which was asked already.

    It would ask on being imported, three times, and fail where stdin is no terminal.
    """
    stdout, sys.__stdout__ = sys.__stdout__, None  # type: ignore[misc]  # it is put back
    try:
        from textual_image import _terminal, renderable
    finally:
        sys.__stdout__ = stdout  # type: ignore[misc]  # what it was
    size = _terminal.CellSize(cell_width, cell_height)
    _terminal.get_cell_size._result = size  # type: ignore[attr-defined]  # where it keeps it
    return renderable


def _draw(
    out: Console,
    row: list[tuple[Match, Image | None]],
    sizes: list[tuple[int, int]],
    tiles: Grid,
    shown: Graphics,
) -> None:
    """Draw a row's pictures by Sixel into the room above the line that the cursor is on.

    Sixels are drawn where the cursor is, and cells of a table know nothing of that.
    """
    for place, ((_, picture), size) in enumerate(zip(row, sizes, strict=True)):
        if picture is None:
            continue
        made = out.render(_renderable(picture, size, shown), out.options)
        data = next(part.text for part in made if part.text.startswith("\x1bP"))
        left = place * (tiles.width + _GAP)
        right = f"\x1b[{left}C" if left else ""  # none would be taken for one
        out.file.write(f"\x1b7\x1b[{_CAPTION + size[1]}A{right}{data}\x1b8")
    out.file.flush()


def _heading(match: Match) -> Text:
    from rich.text import Text

    heading = Text(str(match.rank), style="bold")
    told = f"{match.score:.3f}" if match.relevance is None else f"{match.relevance:.0%}"
    return heading.append(f"  {told}{'  weak' if match.weak else ''}", style="not bold dim")


def _name(match: Match, width: int) -> Text:
    from rich.text import Text

    name = shortened(printable(os.path.basename(match.path)), width)
    return Text(name, style=linked(match.path))


def shortened(name: str, width: int) -> str:
    """Return a name in at most `width` cells, with an ellipsis in the middle for what is left out.

    The end tells pictures of one camera apart, the beginning those of several.
    """
    from rich.cells import cell_len

    if cell_len(name) <= width:
        return name
    head, tail = "", ""
    begin, end = 0, len(name)
    while True:  # a character of each end in turn, as long as both fit beside the ellipsis
        for_tail = cell_len(tail) <= cell_len(head)
        more = name[end - 1] if for_tail else name[begin]
        if cell_len(head) + cell_len(tail) + cell_len(more) > width - 1:
            return f"{head}…{tail}"
        if for_tail:
            tail, end = more + tail, end - 1
        else:
            head, begin = head + more, begin + 1
