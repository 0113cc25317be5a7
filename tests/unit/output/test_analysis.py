"""What an analysis comes to, in each form."""

from __future__ import annotations

import dataclasses

import pytest

from vsearch.analysis.results import (
    Analysis,
    ClassCount,
    Coverage,
    Duplicates,
    Facts,
    Labelling,
    Map,
    Outliers,
    Picture,
    Suspects,
)
from vsearch.output.analysis import print_analysis

BEACH, SKY = (Picture(f"/pictures/{name}.jpg", 4, 3, "a") for name in ("beach", "sky"))
CLASSES = (ClassCount("a", 6, {}), ClassCount("b", 3, {}))
FOUND = Analysis(
    "/index", None, "2025-01-02T03:04:05+00:00", 0, 20, False, 9, 9, 0,
    Facts({}, {}, {}, 0, {}, {}, 0, 0, None, None, None, None),
    Labelling("folders", None, CLASSES, 9, 0, 0, (), 0, {}, 2.0, 0.9183, 1.8899),
    Duplicates(0, 0, (), 0, 0, (), (), 0, ()),
    Outliers((), 0, (), 0, 0.0, 0, 3, (BEACH, SKY)),
    Suspects((), 2, 7, 2, 2, 0.4286, ()), Coverage((), None, ()), Map((), 0, "t-SNE"),
)  # fmt: skip
LITTLE = "these labels hardly follow what pictures look like: this says little"


def test_lines_for_programs(capfd: pytest.CaptureFixture[str]) -> None:
    print_analysis(FOUND, "tab")
    assert capfd.readouterr().out.splitlines()[3:] == [
        "labels\tfolders\t9\t0",
        "balance\t2.0000\t0.9183\t1.8899",
        "class\ta\t6",
        "class\tb\t3",
        "agreement\t0.4286\t7\t2",
        "flat\t1\t/pictures/beach.jpg",
        "flat\t2\t/pictures/sky.jpg",
    ]


def test_flat_pictures_are_named_for_a_person_where_there_are_few(
    capfd: pytest.CaptureFixture[str],
) -> None:
    print_analysis(FOUND, "table")
    lines = capfd.readouterr().out.splitlines()
    start = lines.index("Too flat to compare (a clear sky, a blank page): 3 pictures")
    assert "left out of outliers, coverage and labels that may be wrong" in lines[start + 1]
    assert lines[start + 2 : start + 4] == [
        "    1   flat  /pictures/beach.jpg",
        "    2   flat  /pictures/sky.jpg",
    ]


@pytest.mark.parametrize("form", ["table", "tab", "json"])
def test_labels_that_pictures_do_not_follow_are_told(
    capfd: pytest.CaptureFixture[str], form: str
) -> None:
    print_analysis(FOUND, form)  # type: ignore[arg-type]  # one of the forms
    assert capfd.readouterr().err.splitlines() == [
        "9 pictures; 2 labels that may be wrong; 0 outliers",
        f"labels: 43% of 7 are what pictures like them say; {LITTLE}",
    ]
    assert FOUND.suspects is not None
    followed = dataclasses.replace(FOUND.suspects, accuracy=0.5)
    print_analysis(dataclasses.replace(FOUND, suspects=followed), form)  # type: ignore[arg-type]  # one of the forms
    assert LITTLE not in capfd.readouterr().err
