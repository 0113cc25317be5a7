"""The gallery: a page with all inside, which no name breaks out of."""

import base64
import io
import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from parsed_page import Page, assert_self_contained
from PIL import Image

from vsearch.errors import UsageError
from vsearch.output.gallery.write import write_gallery
from vsearch.records import ImageFacts, Match

HOSTILE = os.fsdecode(b"\"'><script>alert(1)<b>&amp;$title\n\x1b\xe9\xe2\x80\xae.png")
SHOWN = r""""'><script>alert(1)<b>&amp;$title\n\x1b\xe9\u202e.png"""


def match(rank: int, path: Path, relevance: float | None = 0.9, *, weak: bool = False) -> Match:
    facts = ImageFacts(200, 150, "PNG", "2021-05-04T12:33:10")
    return Match(
        rank, str(path), 0.31, relevance, facts, weak=weak, size=12_345, date="2021-05-04T00:00:00"
    )


def written(matches: list[Match], target: Path, title: str = "a dog") -> Page:
    write_gallery(
        matches, title, target, workers=2, pixel_limit=10_000_000, progress=lambda *_: None
    )
    return Page(target.read_text("utf-8"))


@pytest.fixture
def pictures(tmp_path: Path) -> list[Match]:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, color in (("a.png", (255, 0, 0)), (HOSTILE, (0, 0, 255))):
        Image.new("RGB", (1000, 500), color).save(folder / name, "PNG")
    return [
        match(1, folder / "a.png"),
        match(2, folder / HOSTILE, 0.2, weak=True),
        match(3, folder / "gone.png", None),
    ]


def test_the_pictures_are_inside(pictures: list[Match], tmp_path: Path) -> None:
    page = written(pictures, tmp_path / "page.html")
    images = page.all("img")
    assert [(one["width"], one["height"]) for one in images] == [("480", "240")] * 2
    for image, color in zip(images, ((255, 0, 0), (0, 0, 255)), strict=True):
        kind, _, data = (image["src"] or "").partition(",")
        assert kind == "data:image/webp;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            seen = picture.convert("RGB").getpixel((240, 120))
        assert isinstance(seen, tuple)
        assert max(abs(a - b) for a, b in zip(seen, color, strict=True)) < 12
    assert page.texts["span"].count("cannot be shown") == 1


def test_each_match_is_told_whole(pictures: list[Match], tmp_path: Path) -> None:
    page = written(pictures, tmp_path / "page.html")
    items = page.all("li")
    assert [(one["data-rank"], one["data-name"], one["class"]) for one in items] == [
        ("1", "a.png", "match"), ("2", SHOWN, "weak"), ("3", "gone.png", "match"),
    ]  # fmt: skip
    assert page.texts["bdi"] == ["a.png", SHOWN, "gone.png"]
    assert [one["alt"] for one in page.all("img")] == ["a.png", SHOWN]
    told = " ".join(page.texts["span"])
    assert re.findall(r"\d+%(?:, weak)?|score [\d.]+", told) == ["90%", "20%, weak", "score 0.310"]
    assert told.count("200 × 150") == told.count("12 kB") == told.count("2021-05-04") == 3
    assert page.texts["title"] == page.texts["h1"] == ["a dog"]
    assert "3 pictures" in page.texts["p"]


def test_no_name_and_no_query_is_markup(pictures: list[Match], tmp_path: Path) -> None:
    page = written(pictures, tmp_path / "page.html", title=HOSTILE)
    assert page.texts["title"] == page.texts["h1"] == [SHOWN]
    assert len(page.all("script")) == 1
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "p", "label", "input",
        "button", "main", "ol", "li", "a", "img", "span", "b", "meter", "bdi", "small", "dialog",
        "h2", "dl", "dt", "dd", "kbd", "form", "script",
    }  # fmt: skip


def test_links_lead_to_the_files(pictures: list[Match], tmp_path: Path) -> None:
    names = [os.fsencode(os.path.basename(one.path)) for one in pictures]
    beside = written(pictures, tmp_path / "page.html")
    links = [unquote_to_bytes(one["href"] or "") for one in beside.all("a")]
    assert links == [b"./photos/" + name for name in names]
    (tmp_path / "elsewhere").mkdir()
    apart = written(pictures, tmp_path / "elsewhere" / "page.html")
    links = [unquote_to_bytes(one["href"] or "") for one in apart.all("a")]
    assert links == [b"file://" + os.fsencode(one.path) for one in pictures]


def test_a_browser_may_run_its_script_and_load_nothing(
    pictures: list[Match], tmp_path: Path
) -> None:
    page = written(pictures, tmp_path / "page.html")
    assert_self_contained(page)


def test_an_earlier_gallery_is_replaced_and_nothing_else(
    pictures: list[Match], tmp_path: Path
) -> None:
    target = tmp_path / "page.html"
    written(pictures, target)
    assert len(written(pictures[:1], target).all("li")) == 1
    theirs = tmp_path / "theirs.html"
    theirs.write_text("<html>mine</html>")
    for place in (theirs, tmp_path / "photos", tmp_path / "photos" / "a.png"):
        before = place.read_bytes() if place.is_file() else None
        with pytest.raises(UsageError, match="is no gallery of vsearch"):
            written(pictures, place)
        assert before == (place.read_bytes() if place.is_file() else None)
    assert sorted(os.listdir(tmp_path)) == ["page.html", "photos", "theirs.html"]


def test_progress_is_told_picture_by_picture(pictures: list[Match], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_gallery(
        pictures, "", tmp_path / "p.html", workers=1, pixel_limit=10_000_000,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_end_of_a_long_name_is_shown(tmp_path: Path) -> None:
    name = "a" * 100 + " 0013.jpg"
    page = written([match(1, tmp_path / name)], tmp_path / "page.html")
    (shown,) = page.texts["bdi"]
    assert shown.endswith("a 0013.jpg")
    assert "…" in shown
    assert len(shown) == 60
    assert page.all("li")[0]["data-name"] == name
