"""How pictures are drawn on the terminal there is: the only module that knows textual-image."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget

    from vsearch.browser.terminal import Terminal


def widget_for(terminal: Terminal) -> type[Widget]:
    """Return the widget that draws its `image`, a picture of Pillow's, on this terminal."""
    # While it is imported, textual-image asks the terminal by itself, and takes what is typed
    # meanwhile for the answer. It does not where stdout is none; the size of a character is then
    # what these variables say.
    names = "TEXTUAL_CELL_WIDTH", "TEXTUAL_CELL_HEIGHT"
    os.environ.update(zip(names, map(str, terminal.cell), strict=True))
    stdout = sys.__stdout__
    try:
        with Path(os.devnull).open("w", encoding="ascii") as nowhere:
            sys.__stdout__ = nowhere  # type: ignore[misc]  # Final for those who do not put it back
            from textual_image.widget import HalfcellImage, SixelImage, TGPImage, UnicodeImage
    finally:
        sys.__stdout__ = stdout  # type: ignore[misc]  # as above
        for name in names:
            del os.environ[name]
    drawn: dict[str, type[Widget]] = {
        "kitty": TGPImage,
        "sixel": SixelImage,
        "blocks": HalfcellImage,
        "shades": UnicodeImage,
    }
    return drawn[terminal.graphics]


def pixels_of_cell(terminal: Terminal) -> tuple[int, int]:
    """Return how many pixels are drawn in a character, across and down.

    A half block is one of two; a shade is one only, but twice as tall as it is wide.
    """
    return terminal.cell if terminal.graphics in {"kitty", "sixel"} else (1, 2)
