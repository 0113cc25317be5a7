"""Figures: medians and spreads, what may be noise, and files that are none."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from vsearch.benchmark.figures import Benchmark, Figure, Samples, read, summarised
from vsearch.errors import UsageError

FIGURE = Figure("decode.jpeg", "decode", "JPEG", "pictures/s", 10.0, 9.0, 11.5, 7)
BENCHMARK = Benchmark(
    "2026-01-02T03:04:05+00:00",
    False,
    "mini",
    "cpu",
    {"cpu": "A", "cores": 2, "gb": 2.5},
    (FIGURE,),
)


def test_runs_of_one_name_are_one_figure_in_the_order_they_came() -> None:
    draw = random.Random(0)
    for _ in range(200):
        first, more, other = (
            [draw.choice([1.0, draw.random()]) for _ in range(draw.randint(1, 40))] for _ in "abc"
        )
        found = summarised(
            [
                Samples("b", "g", "t", "ms", first),
                Samples("a", "h", "u", "MB", other),
                Samples("b", "g", "t", "ms", more),
            ]
        )
        assert [(one.name, one.group, one.title, one.unit) for one in found] == [
            ("b", "g", "t", "ms"), ("a", "h", "u", "MB"),
        ]  # fmt: skip
        for one, values in zip(found, (first + more, other), strict=True):
            wanted = np.percentile(values, [50, 5, 95])
            assert (one.median, one.p5, one.p95) == pytest.approx(tuple(wanted))
            assert one.n == len(values)
            assert min(values) <= one.p5 <= one.median <= one.p95 <= max(values)
    (one,) = summarised([Samples("a", "g", "t", "MB", [0.1 * 3] * 10)])
    assert one.p5 == one.median == one.p95 == 0.1 * 3


def test_what_has_no_value_is_no_figure() -> None:
    assert summarised([Samples("a", "g", "t", "ms", [])]) == []
    (one,) = summarised([Samples("a", "g", "t", "ms", [3.0])])
    assert (one.median, one.p5, one.p95, one.n) == (3.0, 3.0, 3.0, 1)


@pytest.mark.parametrize(
    ("p5", "p95", "n", "apart"),
    [
        (12.0, 13.0, 7, True),
        (7.0, 8.9, 7, True),
        (11.5, 13.0, 7, False),
        (9.5, 10.0, 7, False),
        (1.0, 100.0, 7, False),
        (12.0, 12.0, 1, False),
    ],
)
def test_spreads_that_touch_may_be_noise(p5: float, p95: float, n: int, apart: bool) -> None:
    other = replace(FIGURE, p5=p5, p95=p95, n=n)
    assert (FIGURE.apart(other), other.apart(FIGURE)) == (apart, apart)


def test_what_is_printed_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    told = asdict(BENCHMARK) | {"of a later version": [1]}
    told["machine"]["a list"] = [1]
    file.write_text(json.dumps(told))
    assert read(file) == BENCHMARK


def broken(**changes: object) -> str:
    return json.dumps(asdict(BENCHMARK) | changes)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="nothing in it"),
        pytest.param("[" * 100_000, id="deep"),
        pytest.param('{"figures": [1]}', id="no figure"),
        pytest.param(broken(figures=[asdict(FIGURE) | {"median": "NaN"}]), id="nan"),
        pytest.param(broken(figures=[asdict(FIGURE) | {"n": float("inf")}]), id="no count"),
        pytest.param(broken(figures=[asdict(FIGURE) | {"title": 3}]), id="no title"),
        pytest.param(broken(machine="fast"), id="no facts"),
        pytest.param(broken(model=None), id="no model"),
        pytest.param("\xff\x00", id="no text"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "a.json"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(UsageError, match=r"no figures of a benchmark, in .*a.json"):
        read(file)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No such file.*--json"):
        read(tmp_path / "none")
    with pytest.raises(UsageError, match="Is a directory"):
        read(tmp_path)


def test_what_is_not_the_same_is_told() -> None:
    other = replace(
        BENCHMARK, quick=True, device="cuda", machine={"cpu": "B", "cores": 2, "os": "X"}
    )
    assert list(BENCHMARK.differences(BENCHMARK)) == []
    assert list(BENCHMARK.differences(other)) == [
        ("device", "cpu", "cuda"),
        ("cpu", "A", "B"),
        ("gb", "2.5", "-"),
        ("runs", "all", "fewer (--quick)"),
        ("os", "-", "X"),
    ]
