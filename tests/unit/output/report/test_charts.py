"""Charts: the series are drawn where they are, and nothing in them speaks for the page."""

from __future__ import annotations

import random
import re
import warnings
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from vsearch.output.report.charts import (
    Bins,
    Line,
    Mark,
    binned,
    columns,
    densities,
    few_digits,
    histogram,
    lines,
)

HOSTILE = 'a\n</svg><script>alert(1)</script>"$x^2$ \udcff\u202e日本'


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  # our own


def texts(svg: str) -> list[str]:
    return ["".join(one.itertext()) for one in parsed(svg).iter("text")]


def drawn(svg: str, color: int) -> list[tuple[float, float]]:
    """Return the points of the first line in a series' colour."""
    for path in parsed(svg).iter("path"):
        if path.get("stroke") == f"var(--series-{color})" and path.get("stroke-width") == "1.5":
            pairs = re.findall(r"[ML] ([-\d.]+) ([-\d.]+)", path.get("d", ""))
            return [(float(x), float(y)) for x, y in pairs]
    raise AssertionError("no such line")


@pytest.mark.parametrize("log", [False, True], ids=["linear", "logarithmic"])
def test_a_line_goes_through_its_points(log: bool) -> None:
    points = [(1, 0.2), (2, 0.5), (10, 0.75), (50, 1.0)]
    svg = lines("c", "Recall", [Line("mini", points, 3)], x="k", y="recall@k", log=log, unit=True)
    found = drawn(svg, 3)
    assert len(found) == len(points)
    across = np.log([k for k, _ in points]) if log else np.array([k for k, _ in points], float)
    # Pixels are a linear function of the values: the same ratio between all neighbours.
    for pixels, values in ((0, across), (1, np.array([y for _, y in points]))):
        steps = np.diff([point[pixels] for point in found]) / np.diff(values)
        assert np.allclose(steps, steps[0], rtol=1e-3)
    assert found[0][1] > found[-1][1]  # upwards is up


def test_what_is_below_zero_is_in_the_chart() -> None:
    svg = lines("c", "t", [Line("a", [(1, -0.5), (2, 0.5)])], x="k", y="cosine")
    (frame,) = (one for one in parsed(svg).iter("rect") if one.get("height"))
    top, height = float(frame.get("y", "")), float(frame.get("height", ""))
    assert all(top - 0.01 <= y <= top + height + 0.01 for _, y in drawn(svg, 0))


def test_each_of_several_lines_is_named_and_no_name_lies_over_another() -> None:
    series = [Line(f"model {one}", [(1, 0.5), (10, 0.99 - one / 1000)], one) for one in range(6)]
    svg = lines("c", "Recall", series, x="k", y="recall@k", unit=True)
    names = {
        "".join(one.itertext()): float(one.get("y", ""))
        for one in parsed(svg).iter("text")
        if "model" in "".join(one.itertext())
    }
    assert sorted(names) == [f"model {one}" for one in range(6)]
    heights = [names[f"model {one}"] for one in range(6)]
    assert heights == sorted(heights)  # as the lines end: the highest one first
    assert min(np.diff(heights)) > 12
    colors = [one.get("fill") for one in parsed(svg).iter("text") if "model" in (one.text or "")]
    assert sorted(filter(None, colors)) == [f"var(--series-{one})" for one in range(6)]


def test_a_histogram_has_its_heights_and_marks() -> None:
    svg = histogram(
        "c", "Cosines", [Bins("matching", [0, 1, 2, 4], [2.0, 4.0, 1.0])], x="cosine", y="density",
        marks=[Mark("cut-off 1.500", 1.5)],
    )  # fmt: skip
    found = drawn(svg, 0)
    base = max(y for _, y in found)
    tops = sorted({round(base - y, 1) for _, y in found if y < base})
    assert [round(top / tops[0], 2) for top in tops] == [1, 2, 4]
    edges = sorted({x for x, _ in found})
    assert [round((x - edges[0]) / (edges[1] - edges[0]), 2) for x in edges] == [0, 1, 2, 4]
    assert "cut-off 1.500" in texts(svg)
    (mark,) = (
        re.findall(r"M ([-\d.]+)", path.get("d", ""))[0]
        for path in parsed(svg).iter("path")
        if path.get("stroke") == "var(--text)"
    )
    assert float(mark) == pytest.approx(edges[0] + 1.5 * (edges[1] - edges[0]), abs=0.01)


def test_columns_are_as_high_as_their_counts() -> None:
    svg = columns("c", "Dates", ["2020", "2021", "2022"], [10, 0, 5], y="pictures")
    tops = []
    for path in parsed(svg).iter("path"):
        if path.get("fill") == "var(--series-0)":
            ys = [float(y) for y in re.findall(r"[ML] [-\d.]+ ([-\d.]+)", path.get("d", ""))]
            tops.append(max(ys) - min(ys))
    assert tops[0] == pytest.approx(2 * tops[2], rel=1e-3)
    assert tops[1] == 0
    assert [one for one in texts(svg) if one.startswith("20")] == ["2020", "2021", "2022"]


@pytest.mark.parametrize("seed", range(20))
def test_densities_have_an_area_of_one(seed: int) -> None:
    choose = random.Random(seed)
    edges = sorted(choose.uniform(-1, 1) for _ in range(choose.randint(2, 30)))
    counts = [choose.randint(0, 1000) for _ in edges[1:]]
    counts[0] += 1
    found = densities(edges, counts)
    area = sum(
        height * (high - low) for height, low, high in zip(found, edges, edges[1:], strict=False)
    )
    assert area == pytest.approx(1)
    assert [height == 0 for height in found] == [count == 0 for count in counts]


def test_densities_of_nothing_are_zeros() -> None:
    assert densities([0, 1, 2], [0, 0]) == [0, 0]


@pytest.mark.parametrize(
    "values",
    [[5.0], [5.0, 5.0], [1.0, 2.0, 3.0], [*map(float, range(500)), 1e6], [0.0, 0.0]],
    ids=["one", "equal", "few", "straggler", "zeros"],
)
def test_bins_hold_all_values(values: list[float]) -> None:
    edges, counts = binned(values)
    assert sum(counts) == len(values)
    assert len(edges) == len(counts) + 1
    assert all(low < high for low, high in pairwise(edges))
    assert edges[0] == min(values)
    assert edges[-1] < 5000  # a straggler does not press the others together


def test_a_chart_speaks_only_for_itself() -> None:
    series = [Line(HOSTILE, [(1, 0.1), (2, 0.2)]), Line("b", [(1, 0.3), (2, 0.1)])]
    first, second = (lines(one, HOSTILE, series, x="k", y="y") for one in ("one", "two"))
    for svg, ident in ((first, "one"), (second, "two")):
        root = parsed(svg)
        for element in root.iter():
            assert ":" not in element.tag
            assert "{" not in element.tag
            assert element.tag not in ("style", "script", "metadata")
            assert not set(element.attrib) & {"style", "onload"}
            assert not any("#" in value and f"#{ident}-" not in value
                           for value in element.attrib.values())  # fmt: skip
        names = {one.get("id") for one in root.iter()} - {None}
        assert names
        assert all((name or "").startswith(f"{ident}-") for name in names)
        assert root.get("viewBox") == "0 0 460 280"
        assert root.get("width") is None
    assert first.replace("one-", "two-") == second


def test_names_are_text_and_no_mathematics() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = lines(
            "c", "t", [Line("$x^2$ 日本", [(1, 0.1)]), Line("$$", [(1, 0.3)])], x="k", y="y"
        )
    assert {"$x^2$ 日本", "$$"} <= set(texts(svg))


def test_no_setting_of_a_person_changes_a_chart() -> None:
    import matplotlib as mpl

    def chart() -> str:
        return lines("c", "t", [Line("a", [(1, 0.1), (2, 0.2)])], x="k", y="y")

    plain = chart()
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 30, "svg.fonttype": "path"}):
        assert chart() == plain
        assert mpl.rcParams["font.size"] == 30


def test_a_chart_is_described_to_who_cannot_see_it() -> None:
    svg = lines("c", "Recall", [Line("mini", [(1, 0.25), (10, 0.5)])], x="k", y="recall@k")
    root = parsed(svg)
    told = {one.get("id"): one.text for one in root}
    assert [told[one] for one in (root.get("aria-labelledby") or "").split()] == [
        "Recall", "recall@k by k. mini: 0.25 at 1 to 0.5 at 10",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "said"), [(2304.4, "2,304"), (12.345, "12.3"), (0.01234, "0.0123"), (0.0, "0")]
)
def test_few_digits(value: float, said: str) -> None:
    assert few_digits(value) == said
