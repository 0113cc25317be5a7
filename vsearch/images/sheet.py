"""Pictures side by side with words below each, as one picture: a contact sheet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

TILE = 256
"""Pixels of the square that each picture is put into."""

MOST = 600
"""Pictures of a sheet: 24 beside each other, 50 megapixels."""

FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF",
    ".tiff": "TIFF", ".pdf": "PDF",
}  # fmt: skip
"""What a sheet can be written in, by suffix."""

MARK = "vsearch contact sheet"
"""What is written into each sheet, by which an earlier one is known."""

_GAP = 12  # pixels between tiles, and around them
_TITLE = 44  # pixels for the title
_TEXT = 15  # pixels, the size of letters
_LINES = 2  # of a caption
_LINE = 20  # pixels from one to the next
_PAPER, _INK, _SOFT, _EMPTY = "white", "#202020", "#606060", "#eeeeee"
_QUALITY = {"JPEG": {"quality": 90}, "WEBP": {"quality": 90}, "PDF": {"quality": 90}}

# What systems have that shows most of what names are written in; the first that can is taken.
_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf",
    "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "Hiragino Sans GB.ttc", "msyh.ttc",
    "NotoSansHebrew-Regular.ttf", "NotoSansArabic-Regular.ttf", "NotoSansThai-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf", "unifont.otf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture, or None where there is none to be had, and up to two lines of words below it."""

    image: Image | None
    lines: tuple[str, ...]


def write_sheet(tiles: Iterable[Tile], count: int, title: str, target: Path, form: str) -> None:
    """Lay `count` tiles out in rows and write them to `target` in one of the `FORMATS`.

    The sheet is a little wider than high; it has at most `MOST` tiles. Raises OSError.
    """
    from PIL import Image as Images
    from PIL import ImageDraw

    columns = max(1, min(count, math.ceil(math.sqrt(count * 1.4))))
    across, down = TILE + _GAP, TILE + _LINES * _LINE + _GAP
    width, height = columns * across + _GAP, math.ceil(count / columns) * down + _TITLE + _GAP
    sheet = Images.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (_GAP, _GAP), title, width - 2 * _GAP, _INK)
    for place, tile in enumerate(tiles):
        left, top = _GAP + place % columns * across, _TITLE + place // columns * down
        if tile.image is None:
            draw.rectangle((left, top, left + TILE - 1, top + TILE - 1), fill=_EMPTY)
            middle = top + (TILE - _LINE) // 2
            _write(draw, (left + 8, middle), "cannot be shown", TILE - 16, _SOFT)
        else:
            # At the bottom of its square, so that it stands on its words.
            sheet.paste(
                tile.image, (left + (TILE - tile.image.width) // 2, top + TILE - tile.image.height)
            )
        for number, line in enumerate(tile.lines[:_LINES]):
            at = left, top + TILE + 4 + number * _LINE
            _write(draw, at, line, TILE, _SOFT if number else _INK)
    with target.open("wb") as file:
        sheet.save(file, form, **_QUALITY.get(form, {}), **_marked(form))


def _marked(form: str) -> dict[str, object]:
    from PIL import Image as Images
    from PIL.PngImagePlugin import PngInfo

    if form == "PNG":
        info = PngInfo()
        info.add_text("Software", MARK)
        return {"pnginfo": info}
    if form == "PDF":
        return {"producer": MARK, "title": MARK}
    exif = Images.Exif()
    exif[0x131] = MARK  # Software
    return {"exif": exif}


def is_sheet(path: Path) -> bool:
    """Whether there is a sheet at `path`, by its first and last bytes."""
    try:
        with path.open("rb") as file:
            first = file.read(4096)
            file.seek(-min(path.stat().st_size, 4096), 2)
            both = first + file.read()
    except OSError:  # a folder, or what may not be read
        return False
    # A PDF has its texts in UTF-16.
    return any(MARK.encode(coding) in both for coding in ("ascii", "utf-16-be"))


def _write(draw: ImageDraw, at: tuple[int, int], text: str, width: int, color: str) -> None:
    """Write a line of at most `width` pixels; what is too long is cut in the middle."""
    font = _font_for(text)

    def fits(words: str) -> bool:
        return float(draw.textlength(words, font)) <= width

    if not fits(text):
        most, least = len(text) // 2, 0
        while least < most:
            half = (least + most + 1) // 2
            least, most = (half, most) if fits(_cut(text, half)) else (least, half - 1)
        text = _cut(text, least)
    draw.text(at, text, color, font)


def _cut(text: str, half: int) -> str:
    return f"{text[:half]}…{text[len(text) - half :]}"


def _font_for(text: str) -> FreeTypeFont:
    """Return the first font that has every letter of `text`, or else the one that has most."""
    return max(_fonts(), key=lambda font: sum(_has(font, letter) for letter in set(text)))


@cache
def _fonts() -> tuple[FreeTypeFont, ...]:
    """Return the fonts that this system has, Pillow's own last."""
    from PIL import ImageFont

    found: list[FreeTypeFont] = []
    for name in _FONTS:
        try:
            found.append(ImageFont.truetype(name, _TEXT))
        except OSError:
            continue
    own = ImageFont.load_default(_TEXT)
    return (*found, own) if isinstance(own, ImageFont.FreeTypeFont) else tuple(found)


@cache
def _has(font: FreeTypeFont, letter: str) -> bool:
    """Whether a font has a letter: what it lacks looks like what no font has."""
    if letter.isspace():
        return True
    return bytes(font.getmask(letter)) != bytes(font.getmask("\U000fffff"))
