"""The report of an analysis, and the map in it."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from parsed_page import Page, assert_self_contained
from PIL import Image

from vsearch.analysis.results import (
    Analysis,
    Chosen,
    ClassCount,
    Confusion,
    Coverage,
    Distribution,
    Duplicates,
    Facts,
    Group,
    Labelling,
    Leak,
    Map,
    Neighbour,
    Outlier,
    Outliers,
    Pair,
    Picture,
    Point,
    Radius,
    Suspect,
    Suspects,
)
from vsearch.errors import UsageError
from vsearch.output.report.analysis import write_analysis
from vsearch.output.report.files import by_date
from vsearch.output.report.map import as_data, points
from vsearch.records import ModelIdentity

HOSTILE = os.fsdecode(b"\"'></script><script>alert(1)<!--<b>&amp;$data\n\x1b\xe9\xe2\x80\xae.png")
SHOWN = r""""'></script><script>alert(1)<!--<b>&amp;$data\n\x1b\xe9\u202e.png"""
FACTS = Facts({}, {}, {}, 0, {}, {}, 0, 0, None, None, None, None)
EMPTY = Analysis(
    "/index", None, "2025-01-02T03:04:05+00:00", 0, 20, False, 0, 0, 0, FACTS, None,
    Duplicates(0, 0, (), 0, 0, (), (), 0, ()), Outliers((), 0, (), 0, 0.0, 0, 0, ()), None,
    Coverage((), None, ()), Map((), 0, "t-SNE"),
)  # fmt: skip


def text_of(found: Analysis, target: Path) -> str:
    write_analysis(found, target, workers=2, pixel_limit=10_000_000, progress=lambda *_: None)
    return target.read_text("utf-8")


def written(found: Analysis, target: Path) -> Page:
    page = Page(text_of(found, target))
    assert_self_contained(page)
    return page


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    """A red one, a blue one of a hostile name and label, and one that is gone."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, color in (("red.png", "red"), (HOSTILE.replace("/", "_"), "blue")):
        Image.new("RGB", (300, 150), color).save(folder / name, "PNG")
    return [
        Picture(str(folder / "red.png"), 300, 150, "dog", "train"),
        Picture(str(folder / HOSTILE.replace("/", "_")), 300, 150, HOSTILE, "test"),
        Picture(str(folder / "gone.png"), 300, 150),
    ]


def full(pictures: list[Picture]) -> Analysis:
    """All there can be."""
    red, blue, gone = pictures
    nearest = (Neighbour(blue, 0.75), Neighbour(gone, 0.5))
    sizes = Distribution((1.0, 2.0, 4.0), (2, 1), 1.0, 1.0, 1.0, 1.5, 2.0, 3.0, 4.0)
    return dataclasses.replace(
        EMPTY,
        index=f"/{HOSTILE}",
        model=ModelIdentity(HOSTILE, "a" * 64, "b" * 64, 4),
        filtered=True,
        pictures=3,
        contents=2,
        damaged=1,
        facts=Facts(
            {"PNG": 3}, {"landscape": 3}, {HOSTILE: 1}, 2, {"2020": 3},
            {"2020-01": 1, "2020-03": 2}, 2, 0, sizes, sizes, sizes, sizes,
        ),
        labelling=Labelling(
            "truth", f"/{HOSTILE}",
            (ClassCount("dog", 1, {"train": 1}), ClassCount(HOSTILE, 1, {})),
            2, 1, 3, (f"/{HOSTILE}",), 1, {"train": 1, HOSTILE: 1}, 1.0, 1.0, 2.0,
        ),
        duplicates=Duplicates(
            1, 2, (Group((red, blue), False, ("dog", HOSTILE), ("train", "test")),), 1, 2,
            (Leak("train", HOSTILE, 1, 2),), (Pair(red, blue, "near", 0.97, 12),), 1,
            (Group((red, gone), True, ("dog", HOSTILE), ("train",)),),
        ),
        outliers=Outliers((Outlier(red, 2.5, nearest),), 1, (Outlier(blue, 1.7, nearest, HOSTILE),),
                          1, 1.5, 20, 1, (blue,)),
        suspects=Suspects((Suspect(red, "dog", HOSTILE, 0.1, 0.8, 0.7, True, nearest),), 1, 2, 1, 2,
                          0.9, (Confusion("dog", HOSTILE, 1),)),
        coverage=Coverage((Radius(1, 1.0, 0.5), Radius(2, 0.5, 0.875)), Radius(2, 0.6, 0.82),
                          (Chosen(blue, None), Chosen(gone, 0.25))),
        map=Map((Point(red, 0.5, -1.0), Point(blue, 0.12345, 1.0), Point(gone, -1.0, 0.0)), 9,
                "t-SNE"),
    )  # fmt: skip


def test_all_of_it_is_told(pictures: list[Picture], tmp_path: Path) -> None:
    page = written(full(pictures), tmp_path / "page.html")
    assert page.texts["h2"] == [
        "Overview", "Map", "Files", "Labels", "Duplicates", "Label suspects", "Outliers",
        "Coverage",
    ]  # fmt: skip
    assert [one["href"] for one in page.all("a")[:8]] == [
        "#overview", "#map-of-all", "#files", "#labels", "#duplicates", "#suspects", "#outliers",
        "#coverage",
    ]  # fmt: skip
    told = " ".join(one for texts in page.texts.values() for one in texts)
    for said in (
        "nearly the same, cosine 0.970, 12 of 256 bits differ", "labels: dog, " + SHOWN,
        "cosine 0.750", "median 1.5", "3 of 9 pictures, in two dimensions by t-SNE",
        "Dates: 2 pictures with the time", "vsearch check --repair", "80%", "2.50",
    ):  # fmt: skip
        assert said in told, said
    assert page.texts["span"].count("cannot be shown") >= 3
    links = {unquote_to_bytes(one["href"] or "") for one in page.all("a")}
    assert b"./photos/" + os.fsencode(os.path.basename(pictures[1].path)) in links


def test_no_name_is_markup(pictures: list[Picture], tmp_path: Path) -> None:
    page = written(full(pictures), tmp_path / "page.html")
    assert len(page.all("script")) == 2  # the points, and what shows them
    assert SHOWN in page.texts["bdi"]
    data = json.loads(page.texts["script"][0])
    assert data["labels"] == sorted([SHOWN, "dog"])
    assert data["points"][1][6] == SHOWN.replace("/", "_")


def test_nothing_is_a_page_too(tmp_path: Path) -> None:
    page = written(EMPTY, tmp_path / "page.html")
    assert page.texts["h2"] == ["Overview", "Files", "Duplicates", "Outliers", "Coverage"]


def test_flat_pictures_are_shown_where_there_are_few(
    pictures: list[Picture], tmp_path: Path
) -> None:
    few = Outliers((), 0, (), 0, 0.0, 0, 2, (pictures[0],))
    page = written(dataclasses.replace(EMPTY, outliers=few), tmp_path / "page.html")
    assert "Too flat to compare (a clear sky, a blank page): 2 pictures" in page.texts["h3"]
    assert "Left out of outliers, coverage and labels that may be wrong." in page.texts["p"]


def test_points_are_as_the_map_has_them(pictures: list[Picture], tmp_path: Path) -> None:
    shown = full(pictures).map
    found = points(shown, [(96, 48), (96, 48), (0, 0)], str(tmp_path))
    assert found["splits"] == ["test", "train"]
    assert found["labels"] == [SHOWN, "dog"]
    name = unquote_to_bytes(found["points"][1].pop())
    assert name == b"./photos/" + os.fsencode(os.path.basename(pictures[1].path))
    assert found["points"] == [
        [0.5, -1.0, 1, 1, 96, 48, "red.png", "./photos/red.png"],
        [0.1235, 1.0, 0, 0, 96, 48, SHOWN.replace("/", "_")],
        [-1.0, 0.0, -1, -1, 0, 0, "gone.png", "./photos/gone.png"],
    ]


def test_the_small_pictures_are_where_the_points_say(
    pictures: list[Picture], tmp_path: Path
) -> None:
    page = written(full(pictures), tmp_path / "page.html")
    data = json.loads(page.texts["script"][0])
    (sheet,) = data["sheets"]
    with Image.open(io.BytesIO(base64.b64decode(sheet))) as opened:
        seen = opened.convert("RGB")
    assert seen.size == (data["side"] * data["columns"], data["side"])
    for place, color in ((0, (255, 0, 0)), (1, (0, 0, 255))):
        pixel = seen.getpixel((place * data["side"] + 48, 24))
        assert isinstance(pixel, tuple)
        assert max(abs(a - b) for a, b in zip(pixel, color, strict=True)) < 16
    assert [one[4:6] for one in data["points"]] == [[96, 48], [96, 48], [0, 0]]


def test_data_ends_no_script() -> None:
    data = {"a": "</script><!--<script>"}
    assert "<" not in as_data(data)
    assert json.loads(as_data(data)) == data


@pytest.mark.parametrize(
    ("months", "shown"),
    [
        ({}, {}),
        ({"2020-11": 2, "2021-01": 1}, {"2020-11": 2, "2020-12": 0, "2021-01": 1}),
        ({"2015-05": 1, "2018-02": 4, "2020-01": 1},
         {"2015": 1, "2016": 0, "2017": 0, "2018": 4, "2019": 0, "2020": 1}),
    ],
    ids=["none", "months", "years"],
)  # fmt: skip
def test_dates_leave_no_gap(months: dict[str, int], shown: dict[str, int]) -> None:
    years: dict[str, int] = {}
    for month, pictures in months.items():
        years[month[:4]] = years.get(month[:4], 0) + pictures
    assert by_date(dataclasses.replace(FACTS, months=months, years=years)) == shown


def test_progress_goes_on_through_both(pictures: list[Picture], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_analysis(
        full(pictures), tmp_path / "p.html", workers=1, pixel_limit=10_000_000,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 6), (2, 6), (3, 6), (6, 6)]


def test_the_same_analysis_makes_the_same_page(pictures: list[Picture], tmp_path: Path) -> None:
    found = full(pictures)
    assert text_of(found, tmp_path / "a.html") == text_of(found, tmp_path / "b.html")


def test_another_file_stays(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.html"
    theirs.write_text("mine")
    with pytest.raises(UsageError, match="is no report of vsearch"):
        written(EMPTY, theirs)
    assert theirs.read_text() == "mine"
