"""Tables and the small marks in them."""

from __future__ import annotations

import math
import re

import pytest
from parsed_page import Page

from vsearch.output.report.glossary import meaning
from vsearch.output.report.tables import (
    Cell,
    Column,
    bar,
    bars,
    count,
    figure,
    interval,
    intervals,
    name,
    share,
    table,
)

NAN = math.nan


def test_a_table_says_what_it_is_sorted_by() -> None:
    columns = [Column("class"), Column("F1", True, 'mean "of" both'), Column("plot", sorts=False)]
    page = Page(table(columns, [(name("<b>"), share(0.5), Cell("-"))], label="Classes"))
    assert page.texts["bdi"] == ["class", "F1", "plot", "<b>"]
    assert len(page.all("button")) == 2
    assert [one.get("title") for one in page.all("th")] == [None, 'mean "of" both', None, None]
    assert [one.get("scope") for one in page.all("th")] == ["col", "col", "col", "row"]
    assert [one.get("data-value") for one in page.all("td")] == ["0.5", None]


@pytest.mark.parametrize(
    ("value", "long"),
    [(0, "0.00%"), (0.25, "25.00%"), (1, "100.00%"), (7, "100.00%"), (NAN, "0.00%")],
)
def test_a_bar_is_as_long_as_its_value(value: float, long: str) -> None:
    assert [one["width"] for one in Page(bar(value)).all("rect")] == [long]


def test_bars_are_shares_of_all_and_of_the_longest() -> None:
    page = Page(bars({"JPEG": 60, "PNG": 20}, label="Formats", noun="format"))
    assert [one["width"] for one in page.all("rect")] == ["100.00%", "33.33%"]
    assert re.findall(r"[\d.]+%", page.whole("td")) == ["75.0%", "25.0%"]


def test_intervals_lie_where_they_are() -> None:
    page = Page(intervals([(0.5, 0.4, 0.625), None, (1, 1, 1)]))
    drawn = [one for one in page.all("line") if "grid" not in (one.get("class") or "")]
    assert [(one["x1"], one["x2"]) for one in drawn] == [
        ("40.00%", "62.50%"), ("100.00%", "100.00%"),
    ]  # fmt: skip
    assert [one["cx"] for one in page.all("circle")] == ["50.00%", "100.00%"]
    assert [one["class"] for one in page.all("g")] == ["s0", "s2"]


@pytest.mark.parametrize("outside", [(1.0, 1.0, 2.0), (NAN, NAN, NAN), (-0.1, -0.2, 0.0)])
def test_what_lies_outside_is_not_drawn(outside: tuple[float, float, float]) -> None:
    assert intervals([(0.5, 0.4, 0.6), outside]) == ""


def test_figures_for_reading() -> None:
    assert [figure(one) for one in (0.12345, 1.0, NAN, math.inf)] == ["0.123", "1.000", "–", "–"]
    assert interval(0.1, 0.2) == "0.100 to 0.200"
    assert interval(NAN, NAN) == ""
    assert count(1234).html == "1,234"
    assert share(NAN).value == -1


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("recall@10", "among the first 10;"),
        ("map@r", "by R, which"),
        ("mAP@R", "by R, which"),
        ("ndcg@5", "of the first 5,"),
        ("top5_accuracy", "among the 5 most likely"),
        ("eer", "less is better"),
        ("hit_rate@1", "among the first 1"),
    ],
)
def test_metrics_are_explained(metric: str, said: str) -> None:
    assert said in meaning(metric)
    assert "{" not in meaning(metric)


def test_what_is_not_known_is_not_explained() -> None:
    assert meaning("sparkle@3") == meaning("recall@") == meaning("") == ""
