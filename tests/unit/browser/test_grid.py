"""How tiles are laid out, and what stands below them."""

import itertools

import pytest
from rich.cells import cell_len

from vsearch.browser.grid import Layout, caption, fitted, shortened
from vsearch.records import ImageFacts, Match

LAYOUTS = [
    pytest.param(80, 19, 1, Layout(4, 2, (18, 8)), id="80x24"),
    pytest.param(164, 47, 1, Layout(6, 4, (25, 10)), id="200x50 beside details"),
    pytest.param(40, 9, 1, Layout(2, 1, (18, 8)), id="40x12"),
    pytest.param(10, 2, 1, Layout(1, 1, (8, 1)), id="hardly anything"),
    pytest.param(1, 1, 1, Layout(1, 1, (1, 1)), id="nothing"),
    pytest.param(80, 19, 0.25, Layout(1, 1, (78, 18)), id="one large"),
    pytest.param(80, 19, 1.5, Layout(6, 3, (11, 5)), id="small"),
    pytest.param(164, 47, 0.5, Layout(3, 2, (52, 22)), id="large in a large window"),
    pytest.param(40, 9, 3, Layout(3, 2, (11, 3)), id="as many as asked for do not fit"),
    pytest.param(40, 9, 0.1, Layout(1, 1, (38, 8)), id="less than one"),
]


@pytest.mark.parametrize(("width", "height", "factor", "expected"), LAYOUTS)
def test_layouts(width: int, height: int, factor: float, expected: Layout) -> None:
    assert Layout.of(width, height, factor) == expected


def test_every_layout_fits_its_window() -> None:
    for width, height, factor in itertools.product(range(1, 250, 3), range(1, 80, 3), (0.2, 1, 3)):
        plan = Layout.of(width, height, factor)
        assert plan.page >= 1
        if width >= 3:
            assert plan.columns * (plan.box[0] + 2) <= width
        if height >= 2:
            assert plan.rows * (plan.box[1] + 1) <= height


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param((640, 480), (18, 7), id="4:3"),
        pytest.param((480, 640), (12, 8), id="3:4"),
        pytest.param((4000, 10), (18, 1), id="panorama"),
        pytest.param((10, 4000), (1, 8), id="tower"),
        pytest.param((1, 1), (16, 8), id="one pixel"),
    ],
)
def test_pictures_keep_their_proportions(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert fitted(size, (18, 8), (1, 2)) == expected
    assert fitted(size, (18, 8), (10, 20)) == expected


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        pytest.param("short.jpg", 9, "short.jpg", id="fits"),
        pytest.param("a very long name.jpg", 12, "a ver…me.jpg", id="the middle is left out"),
        pytest.param("日本語の写真の名前.jpg", 12, "日本…前.jpg", id="wide characters"),
        pytest.param("name.jpg", 3, "nam", id="no room for both ends"),
        pytest.param("name.jpg", 0, "", id="no room"),
        pytest.param("name.jpg", -3, "", id="less than none"),
    ],
)
def test_shortened(text: str, width: int, expected: str) -> None:
    assert shortened(text, width) == expected
    assert cell_len(expected) <= max(0, width)


@pytest.mark.parametrize(
    ("name", "relevance", "width", "marked", "expected"),
    [
        pytest.param("a.jpg", 0.953, 18, False, "95% a.jpg", id="relevance"),
        pytest.param("a.jpg", None, 18, True, "✓ a.jpg", id="marked, none"),
        pytest.param("a.jpg", 0.95, 9, False, "a.jpg", id="narrow"),
        pytest.param("a\nb\x1b[31m.jpg", None, 30, False, "a\\nb\\x1b[31m.jpg", id="control"),
        pytest.param("\u202egpj.exe", None, 30, False, "\\u202egpj.exe", id="direction"),
        pytest.param("bad\udcff.jpg", None, 30, False, "bad\\xff.jpg", id="no UTF-8"),
        pytest.param("[bold]x.jpg", None, 30, False, "[bold]x.jpg", id="no markup"),
    ],
)
def test_captions(
    name: str, relevance: float | None, width: int, marked: bool, expected: str
) -> None:
    match = Match(1, f"/photos/{name}", 0.5, relevance, ImageFacts(4, 4, "PNG"))
    assert str(caption(match, width, marked=marked)) == expected


@pytest.mark.parametrize(
    ("weak", "marked", "style"),
    [(False, False, ""), (True, False, "dim"), (False, True, "bold"), (True, True, "bold dim")],
)
def test_weak_ones_look_weak(*, weak: bool, marked: bool, style: str) -> None:
    match = Match(1, "/photos/a.jpg", 0.5, 0.1, ImageFacts(4, 4, "PNG"), weak=weak)
    assert caption(match, 18, marked=marked).style == style
