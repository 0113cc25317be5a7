"""Drawings that are alike and not the same: documents, windows, charts of one kind.

Two of a kind have the same layout, and other words and numbers in it. Nothing was chosen on them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw, ImageFont

Draw = Callable[[random.Random], Image.Image]

_WORDS = [
    "alpha", "river", "window", "seven", "copper", "meadow", "ticket", "lantern", "orbit", "pencil",
    "garden", "winter", "marble", "signal", "bridge", "harbor", "ladder", "cotton", "velvet",
    "thunder", "12", "48", "2019", "77",
]  # fmt: skip


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(_WORDS, k=count))


def letter(chance: random.Random) -> Image.Image:
    """A page of running text below a letterhead."""
    image = Image.new("RGB", (1240, 1754), "#fdfcf8")
    draw = ImageDraw.Draw(image)
    draw.text((120, 120), "Meadow & Harbor Ltd.", "#224", _font(44))
    for line in range(25):
        draw.text((120, 400 + 44 * line), _words(chance, 11), "#222", _font(24))
    return image


def spreadsheet(chance: random.Random) -> Image.Image:
    """A window with a table full of numbers."""
    image = Image.new("RGB", (1400, 900), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1400, 40), "#217346")
    for row in range(29):
        for column in range(12):
            x, y = 116 * column, 40 + 29 * row
            draw.rectangle((x, y, x + 116, y + 29), outline="#ccc")
            draw.text((x + 6, y + 6), str(chance.randint(0, 99999)), "black", _font(15))
    return image


def editor(chance: random.Random) -> Image.Image:
    """A dark window with lines of a program."""
    image = Image.new("RGB", (1600, 1000), "#1e1e1e")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 240, 1000), "#252526")
    for line in range(42):
        y = 20 + 23 * line
        draw.text((260, y), str(line + 1), "#666", _font(14))
        colour = chance.choice(["#9cdcfe", "#ce9178", "#dcdcaa"])
        indented = 310 + 40 * chance.randint(0, 3)
        draw.text((indented, y), _words(chance, chance.randint(2, 8)), colour, _font(14))
    return image


def calendar(chance: random.Random) -> Image.Image:
    """A month, with appointments."""
    image = Image.new("RGB", (1000, 800), "white")
    draw = ImageDraw.Draw(image)
    draw.text((40, 30), chance.choice(["March", "April", "May", "June"]), "black", _font(48))
    first = chance.randint(0, 6)
    for day in range(31):
        x, y = 40 + 130 * ((day + first) % 7), 120 + 110 * ((day + first) // 7)
        draw.rectangle((x, y, x + 130, y + 110), outline="#888")
        draw.text((x + 10, y + 6), str(day + 1), "#333", _font(20))
        if chance.random() < 0.3:
            draw.rectangle((x + 6, y + 40, x + 124, y + 60), chance.choice(["#8bc", "#cb8"]))
    return image


def statement(chance: random.Random) -> Image.Image:
    """The same posts each month, other amounts."""
    image = Image.new("RGB", (900, 1300), "white")
    draw = ImageDraw.Draw(image)
    draw.text((60, 60), "STATEMENT", "#036", _font(50))
    for row in range(18):
        y = 200 + 50 * row
        draw.text((70, y), f"{_WORDS[row]} {_WORDS[-row]}", "#222", _font(22))
        draw.text((700, y), f"{chance.randint(10, 9999)}.00", "#222", _font(22))
        draw.line((60, y + 40, 840, y + 40), "#ddd")
    return image


def receipt(chance: random.Random) -> Image.Image:
    """All the same but for the total."""
    image = statement(random.Random(1))
    total = f"Total {chance.randint(1000, 99999)}.00"
    ImageDraw.Draw(image).text((600, 1150), total, "black", _font(30))
    return image


def dialog(chance: random.Random) -> Image.Image:
    """A message on a screen."""
    image = Image.new("RGB", (1366, 768), "#69c")
    draw = ImageDraw.Draw(image)
    draw.rectangle((400, 250, 966, 500), "#f0f0f0")
    draw.rectangle((400, 250, 966, 285), "#3a6ea5")
    for y in (330, 360, 390):
        draw.text((430, y), _words(chance, 6), "black", _font(18))
    return image


def plot(chance: random.Random) -> Image.Image:
    """Two curves over axes."""
    image = Image.new("RGB", (1000, 700), "white")
    draw = ImageDraw.Draw(image)
    draw.line((80, 30, 80, 640, 970, 640), "black", 2)
    for colour in ("#d33", "#33d"):
        y, points = 350, []
        for x in range(80, 970, 10):
            y = min(620, max(40, y + chance.randint(-30, 30)))
            points.append((x, y))
        draw.line(points, colour, 3)
    return image


def code(chance: random.Random) -> Image.Image:
    """A square of black and white cells above a line of text."""
    image = Image.new("RGB", (700, 900), "white")
    draw = ImageDraw.Draw(image)
    for place in range(29 * 29):
        x, y = 100 + 17 * (place % 29), 100 + 17 * (place // 29)
        if chance.random() < 0.5:
            draw.rectangle((x, y, x + 16, y + 16), "black")
    draw.text((100, 700), f"Seat {chance.randint(1, 40)}", "black", _font(50))
    return image


def moon(chance: random.Random) -> Image.Image:
    """A disc in a night sky."""
    image = Image.new("RGB", (800, 800), "#000008")
    draw = ImageDraw.Draw(image)
    for _ in range(120):
        x, y = chance.randint(0, 799), chance.randint(0, 799)
        draw.ellipse((x, y, x + 2, y + 2), "#ccd")
    left = 290 + chance.randint(0, 30)
    draw.ellipse((left, 300, left + 200, 500), "#ddd")
    return image


KINDS: dict[str, Draw] = {
    "letter": letter, "spreadsheet": spreadsheet, "editor": editor, "calendar": calendar,
    "statement": statement, "receipt": receipt, "dialog": dialog, "plot": plot, "code": code,
    "moon": moon,
}  # fmt: skip
