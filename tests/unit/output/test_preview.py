"""The preview: a grid that fits, and what each kind of terminal is sent."""

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from vsearch.output import preview
from vsearch.output.graphics import Graphics, Protocol
from vsearch.output.preview import Grid, grid, print_preview, shortened
from vsearch.records import ImageFacts, Match

CELL = 10, 20


def fits(tiles: Grid, count: int, columns: int, lines: int) -> bool:
    rows = math.ceil(count / tiles.columns)
    across = tiles.columns * tiles.width + (tiles.columns - 1) * 2
    return across <= columns and rows * (tiles.height + 3) <= lines - 2


def made_grids(columns: int) -> Iterator[Grid]:
    """Yield every grid that may be, with tiles of 14 to 40 cells, 4:3."""
    for width in range(14, 41):
        for beside in range(1, columns):
            yield Grid(beside, width, round(width * 10 * 0.75 / 20))


@pytest.mark.parametrize("columns", [20, 40, 80, 120, 200])
@pytest.mark.parametrize("lines", [10, 24, 50])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 12, 30, 100])
def test_a_grid_fits_the_screen_with_tiles_as_large_as_can_be(
    columns: int, lines: int, count: int
) -> None:
    chosen = grid(count, columns, lines, CELL)
    fitting = [one for one in made_grids(columns) if fits(one, count, columns, lines)]
    if fitting:
        assert fits(chosen, count, columns, lines)
        assert chosen.width == max(one.width for one in fitting)
    else:  # the least, on several screens
        assert (chosen.width, chosen.height) == (14, 5)
        assert fits(chosen, chosen.columns, columns, lines)


def test_no_screen_is_too_small() -> None:
    for columns in range(1, 20):
        for lines in range(1, 12):
            chosen = grid(5, columns, lines, CELL)
            assert min(chosen.columns, chosen.width, chosen.height) >= 1


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        ("IMG_0001.jpg", 12, "IMG_0001.jpg"),
        ("IMG_0001.jpg", 11, "IMG_0…1.jpg"),
        ("写真写真.jpg", 9, "写真….jpg"),
        ("写真写真.jpg", 12, "写真写真.jpg"),
        ("abc", 1, "…"),
        ("", 5, ""),
    ],
)
def test_a_name_is_cut_in_the_middle(name: str, width: int, expected: str) -> None:
    assert shortened(name, width) == expected
    assert cell_len(shortened(name, width)) <= width


@pytest.fixture
def matches(tmp_path: Path) -> list[Match]:
    made = []
    for rank, name in enumerate(("red.png", "new\nline.png", "gone.png", "dark.png"), start=1):
        path = tmp_path / name
        if name != "gone.png":
            color = (255, 0, 0) if rank < 4 else (0, 0, 40)
            Image.new("RGB", (200, 150), color).save(path)
        facts = ImageFacts(200, 150, "PNG")
        made.append(Match(rank, str(path), 0.4, None if rank == 4 else 0.9, facts, weak=rank == 2))
    return made


def sent(
    matches: list[Match], protocol: Protocol, monkeypatch: pytest.MonkeyPatch, columns: int = 80
) -> str:
    """Return what a terminal of that kind is sent; what Kitty is sent comes past the console."""
    stream = io.StringIO()

    def made(*, color: bool, exact: bool) -> Console:
        # Only a console that is to be exact has the colours that Kitty reads numbers from.
        return Console(
            file=stream, width=columns, height=24, force_terminal=True,
            color_system="truecolor" if exact or protocol == "blocks" else "standard",
        )  # fmt: skip

    monkeypatch.setattr(preview, "console", made)
    monkeypatch.setattr(preview, "graphics", lambda **_: Graphics(protocol, *CELL))
    monkeypatch.setattr("sys.__stdout__", stream)
    print_preview(matches, color=protocol != "shades", workers=2, pixel_limit=10_000_000)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("protocol", "light", "dark"), [("blocks", "▀", "▀"), ("shades", "░", " "), ("sixel", " ", " ")]
)
def test_the_screen_is_a_grid_with_captions(
    matches: list[Match],
    protocol: Protocol,
    light: str,
    dark: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = re.sub(r"\x1bP.*?\x1b\\|\x1b]8;.*?\x1b\\", "", sent(matches, protocol, monkeypatch))
    screen = pyte.Screen(80, 24)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    row = f"{21 * light}   {21 * light}"
    expected = [
        *[row] * 3,
        f"{row}      cannot be shown",
        *[row] * 4,
        "1  90%                  2  90%  weak            3  90%",
        r"red.png                 new\nline.png           gone.png",
        "",
        *[21 * dark] * 8,
        "4  0.400",
        "dark.png",
        "",
        "",
        "",
    ]
    assert [line.rstrip() for line in screen.display] == [line.rstrip() for line in expected]


def test_blocks_have_the_colours_of_the_pictures(
    matches: list[Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = sent(matches, "blocks", monkeypatch)
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m▀" in shown
    assert "\x1b[38;2;0;0;40;48;2;0;0;40m▀" in shown


def test_shades_have_no_colour(matches: list[Match], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not re.search(r"[\[;][34]8;", sent(matches, "shades", monkeypatch))


def test_sixels_are_drawn_where_room_was_left(
    matches: list[Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = sent(matches, "sixel", monkeypatch)
    drawn = re.findall(r'\x1b7\x1b\[(\d+)A(?:\x1b\[(\d+)C)?\x1bP[^"]*"1;1;(\d+);(\d+)', shown)
    # Three tiles of 22 x 8 cells beside each other, the third without a picture, and one below.
    assert drawn == [("11", "", "210", "160"), ("11", "24", "210", "160"), ("11", "", "210", "160")]


def test_kitty_is_sent_each_picture_once(
    matches: list[Match], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = sent(matches, "kitty", monkeypatch)
    assert len(re.findall(r"\x1b_Ga=p,", shown)) == 3
    numbers = re.findall(r"\x1b_Ga=p,i=(\d+)", shown)
    for number in map(int, numbers):
        color = f"38;2;{number >> 16 & 255};{number >> 8 & 255};{number & 255}m\U0010eeee"
        assert color in shown


def test_a_terminal_is_steered_by_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "\x1b[2J\x9b31m\u202e\n.png"
    Image.new("RGB", (20, 10)).save(path, "PNG")
    shown = sent([Match(1, str(path), 0.4, None, ImageFacts(20, 10, "PNG"))], "blocks", monkeypatch)
    assert "\x1b[2J" not in shown
    assert not set(shown) & set("\x9b\u202e")
