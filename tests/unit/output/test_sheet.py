"""The contact sheet: in every format, each picture in its place, an earlier one known."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vsearch.errors import UsageError
from vsearch.images import sheet as pixels
from vsearch.images.sheet import FORMATS, MOST, is_sheet
from vsearch.output.sheet import form_of, write_sheet
from vsearch.records import ImageFacts, Match


@pytest.fixture
def matches(tmp_path: Path) -> list[Match]:
    made = []
    for rank, name in enumerate(("a.png", "צילום.png", "gone.png", "new\nline.png"), start=1):
        path = tmp_path / name
        if rank != 3:
            Image.new("RGB", (512, 256), (60 * rank, 0, 0)).save(path)
        made.append(Match(rank, str(path), 0.3, 0.5, ImageFacts(512, 256, "PNG"), weak=rank == 4))
    return made


def written(matches: list[Match], target: Path) -> None:
    write_sheet(
        matches, "a dog — צילום", target, workers=2, pixel_limit=10_000_000,
        progress=lambda *_: None,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [*FORMATS, ".PNG"])
def test_a_sheet_is_written_in_every_format_and_known_again(
    matches: list[Match], tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"sheet{suffix}"
    written(matches, target)
    assert is_sheet(target)
    written(matches[:1], target)
    if suffix == ".pdf":
        assert target.read_bytes().startswith(b"%PDF")
        return
    with Image.open(target) as sheet:
        assert sheet.format == FORMATS[suffix.lower()]
        assert sheet.size == (256 + 2 * 12, 256 + 40 + 12 + 44 + 12)


def test_each_picture_stands_in_its_place(matches: list[Match], tmp_path: Path) -> None:
    written(matches, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * 268 + 12, 2 * 308 + 56)
        middles = [
            sheet.getpixel((12 + column * 268 + 128, 44 + row * 308 + y))
            for row, column in ((0, 0), (0, 1), (0, 2), (1, 0))
            for y in (64, 192)  # above a picture of 256 x 128, and in it
        ]
        white, empty = (255, 255, 255), (238, 238, 238)
        assert middles == [
            white, (60, 0, 0), white, (120, 0, 0), empty, empty, white, (240, 0, 0),
        ]  # fmt: skip
        words = np.asarray(sheet.convert("L"))
    for left, top in ((12, 300), (12, 12), (12, 320), (280, 300), (12, 608)):
        assert words[top : top + 20, left : left + 100].min() < 128, (left, top)
    assert words[400:, 280:].min() == 255  # where there is no fifth picture


def test_a_long_name_stays_in_its_column(tmp_path: Path) -> None:
    path = tmp_path / ("long " * 40 + ".png")
    Image.new("RGB", (256, 256), "red").save(path)
    written([Match(1, str(path), 0.3, None, ImageFacts(1, 1, "PNG"))], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        right = np.asarray(sheet.convert("L"))[:, 12 + 257 :]
    assert right.min() == 255


def test_a_font_without_a_letter_is_passed_over() -> None:
    from PIL import ImageFont

    own = ImageFont.load_default(15)
    assert isinstance(own, ImageFont.FreeTypeFont)
    assert pixels._has(own, "a")
    assert pixels._has(own, " ")
    assert not pixels._has(own, "写")


@pytest.mark.parametrize("name", ["sheet", "sheet.txt", "sheet.html", "sheet.png.gz"])
def test_what_is_no_picture_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="a contact sheet is a picture, not"):
        form_of(Path(name))


def test_a_sheet_of_thousands_is_refused(matches: list[Match], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"holds {MOST} pictures, not 4,000"):
        written(matches * 1000, tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


def test_another_picture_is_not_replaced(matches: list[Match], tmp_path: Path) -> None:
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(UsageError, match="is no sheet of vsearch"):
        written(matches, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == sorted(["a.png", "צילום.png", "new\nline.png"])
