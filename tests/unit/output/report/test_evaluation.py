"""The report of an evaluation: all of it is there, and nothing else gets in."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from parsed_page import Page, assert_self_contained
from PIL import Image

from vsearch.errors import UsageError
from vsearch.evaluation.results import (
    Came,
    ClassRow,
    Comparison,
    Estimate,
    Evaluated,
    Evaluation,
    Example,
    Gate,
    Latency,
    Result,
    Scores,
)
from vsearch.output.report.evaluation import write_evaluation
from vsearch.output.report.protocol import HEAT, confusions, score_bins
from vsearch.records import ModelIdentity

HOSTILE = os.fsdecode(b"\"'><script>alert(1)<b>&amp;$title\n\x1b\xe9\xe2\x80\xae.png")
SHOWN = r""""'><script>alert(1)<b>&amp;$title\n\x1b\xe9\u202e.png"""
NAN = float("nan")


def identity(name: str = "mini") -> ModelIdentity:
    return ModelIdentity(name, "a" * 64, "b" * 64, 512)


def result(name: str = "text_to_image", **parts: Any) -> Result:
    plain = Result(name, f"About {name}", 10, 12, 1, {"recall@1": Estimate(0.6, 0.5, 0.7, 10)},
                   worst_by="map")  # fmt: skip
    return dataclasses.replace(plain, **parts)


def evaluation(*models: Evaluated, **parts: Any) -> Evaluation:
    plain = Evaluation("/truth.csv", "labels", "test", 12, "2025-01-02T03:04:05+00:00",
                       {"cpu": "a quick one", "cores": 2}, models)  # fmt: skip
    return dataclasses.replace(plain, **parts)


def of(*results: Result, name: str = "mini", latency: Latency | None = None) -> Evaluated:
    return Evaluated(identity(name), "whole", results, latency)


def text_of(found: Evaluation, target: Path) -> str:
    write_evaluation(found, target, workers=2, pixel_limit=10_000_000, progress=lambda *_: None)
    return target.read_text("utf-8")


def written(found: Evaluation, target: Path) -> Page:
    page = Page(text_of(found, target))
    assert_self_contained(page)
    return page


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "photos"
    folder.mkdir()
    found = {"gone": str(folder / "gone.png")}
    for key, name, color in (("red", "red.png", "red"), ("hostile", HOSTILE, "blue")):
        Image.new("RGB", (1000, 500), color).save(folder / name, "PNG")
        found[key] = str(folder / name)
    return found


def full(pictures: dict[str, str]) -> Evaluation:
    """All there can be, with hostile names wherever a name can be."""
    came = (
        Came(0.4, False, path=pictures["hostile"], label=HOSTILE),
        Came(0.3, True, path=pictures["red"]),
        Came(0.2, False, words=HOSTILE),
        Came(0.1, False, path=pictures["gone"]),
    )
    examples = (
        Example(2.5, 0.1, came, words=HOSTILE, label=HOSTILE, wanted=(pictures["red"],)),
        Example(3, 0.2, came, path=pictures["hostile"], wanted_words=(HOSTILE,)),
    )
    edges = np.linspace(-1, 1, 5)
    parts: dict[str, Any] = {
        "title": HOSTILE,
        "curve": ((1, 0.6), (5, 0.8), (50, 1.0)),
        "worst": examples,
        "scores": Scores(edges, np.array([0, 1, 2, 3]), np.array([5, 3, 0, 0]), 0.25),
        "classes": (ClassRow(HOSTILE, 4, 0.75, 0.5, 0.6), ClassRow("dog", 6, 1.0, 0.9, 0.95)),
        "confusion": {(HOSTILE, "dog"): 1, (HOSTILE, HOSTILE): 3, ("dog", "dog"): 6},
        "metrics": {HOSTILE: Estimate(0.5, 0.4, 0.6, 9), "mrr": Estimate(0.9, 0.8, 1.0, 9)},
    }
    latency = Latency((300.0, 310.0), (4.0, 5.0, 6.0, 90.0), 250.0)
    return evaluation(
        of(result(**parts), name=HOSTILE, latency=latency),
        of(result(**parts), name="other", latency=latency),
        truth=f"/{HOSTILE}",
        split=HOSTILE,
        machine={HOSTILE: HOSTILE},
        comparisons=(Comparison(HOSTILE, HOSTILE, "other", -0.1, -0.2, 0.0, 0.0001, 0.0004),),
        gates=(Gate(HOSTILE, False, HOSTILE), Gate("mrr>=0.5", True, "0.9")),
    )


def test_no_name_is_markup(pictures: dict[str, str], tmp_path: Path) -> None:
    page = written(full(pictures), tmp_path / "page.html")
    assert len(page.all("script")) == 1
    assert {tag for tag, _ in page.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "p", "nav",
        "a", "main", "section", "div", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th",
        "td", "button", "bdi", "b", "small", "span", "abbr", "code", "q", "img", "figure",
        "figcaption", "details", "summary", "dl", "dt", "dd", "svg", "g", "path", "rect", "line",
        "circle", "text", "use", "defs", "clippath", "desc", "script",
    }  # fmt: skip
    assert page.texts["h1"] == [f"Evaluation with {SHOWN}"]
    assert page.texts["h3"].count(SHOWN) == 1  # the protocol's card
    assert SHOWN in page.texts["h2"]
    assert page.texts["bdi"].count(SHOWN) >= 6
    assert SHOWN in page.texts["dt"]
    assert SHOWN in page.texts["code"]


def test_a_metric_is_told_with_its_interval(tmp_path: Path) -> None:
    metrics = {"recall@1": Estimate(0.6, 0.5, 0.7, 10), "median_rank": Estimate(2, 1, 3, 9)}
    text = text_of(evaluation(of(result(metrics=metrics))), tmp_path / "page.html")
    assert "<b>0.600</b> <small>0.500 to 0.700</small>" in text
    assert "<b>2.000</b> <small>1.000 to 3.000</small>" in text
    page = Page(text)
    drawn = [one for one in page.all("svg") if one.get("class") == "intervals"]
    assert len(drawn) == 1  # a rank lies outside of 0 to 1
    assert "how often that is" in " ".join(one.get("title") or "" for one in page.all("abbr"))
    assert "recall@1" in page.texts["dt"]


def test_models_stand_side_by_side(tmp_path: Path) -> None:
    other = result(metrics={"mrr": Estimate(0.9, 0.8, 1.0, 10)})
    found = evaluation(
        of(result(), name="first"),
        of(other, result("search"), name="second"),
        comparisons=(
            Comparison("recall@1", "second", "first", 0.1, 0.02, 0.2, 0.002, 0.05),
            Comparison("recall@1", "second", "first", -0.1, -0.2, -0.02, 0.0001, 0.0004),
            Comparison("mrr", "second", "first", 0.1, 0.1, 0.3, 0.03, 0.06),
            Comparison("mrr", "second", "first", 0.0, 0.0, 0.0, NAN, NAN),
        ),
    )
    page = written(found, tmp_path / "page.html")
    assert page.texts["h2"] == [
        "Overview", "About text_to_image", "About search", "How this was measured",
    ]  # fmt: skip
    cells = page.texts["td"]
    assert [one for one in cells if one in ("higher", "lower", "no difference shown")] == [
        "higher", "lower", "no difference shown", "no difference shown",
    ]  # fmt: skip
    assert "+0.020 to +0.200" in cells
    assert "< 0.001" in cells
    assert cells.count("–") >= 2  # what one of them has and the other has not


def test_gates_say_what_failed(tmp_path: Path) -> None:
    gates = (Gate("recall@1>=0.5", True, "is 0.6"), Gate("mrr>=0.9", False, "is 0.1"))
    page = written(evaluation(of(result()), gates=gates), tmp_path / "page.html")
    assert "Gates: 1 of 2 failed" in page.texts["h3"]
    assert [one for one in page.texts["b"] if "ed" in one] == ["✗ failed", "✓ passed"]
    page = written(evaluation(of(result()), gates=gates[:1]), tmp_path / "page.html")
    assert "Gates: all 1 passed" in page.texts["h3"]
    assert "1 passed" not in page.texts.get("summary", [])
    page = written(evaluation(of(result()), gates=gates[:1] * 9), tmp_path / "page.html")
    assert "9 passed" in page.texts["summary"]  # folded


def test_the_worst_queries_are_seen(pictures: dict[str, str], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    target = tmp_path / "page.html"
    write_evaluation(
        full(pictures), target, workers=1, pixel_limit=10_000_000,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 3), (2, 3), (3, 3)]  # each is decoded once
    page = Page(target.read_text("utf-8"))
    images = page.all("img")
    # Two models, each with: red, (hostile, red); hostile, (hostile, red).
    names = [one["alt"] for one in images]
    assert names == ["red.png", SHOWN, "red.png", SHOWN, SHOWN, "red.png"] * 2
    with Image.open(io.BytesIO(base64.b64decode((images[1]["src"] or "").split(",")[1]))) as seen:
        assert seen.size == (240, 120)
        pixel = seen.convert("RGB").getpixel((100, 60))
    assert isinstance(pixel, tuple)
    assert pixel[2] > 230
    assert page.texts["span"].count("cannot be shown") == 4
    marks = [one for one in page.texts["b"] if one in ("✓ right", "✗ wrong")]
    assert marks == ["✗ wrong", "✓ right", "✗ wrong", "✗ wrong"] * 4
    cosines = re.findall(r"^ (0\.\d{3})$", "\n".join(page.texts["span"]), re.MULTILINE)
    assert cosines == ["0.400", "0.300", "0.200", "0.100"] * 4
    links = {unquote_to_bytes(one["href"] or "") for one in page.all("a")}
    assert b"./photos/" + os.fsencode(HOSTILE) in links
    assert " ".join(page.texts["small"]).count("came at rank 2.5; map 0.100") == 2


def test_confusion_is_whole_or_the_most_frequent(tmp_path: Path) -> None:
    few = [f"class {one}" for one in range(HEAT)]
    confusion = {(one, one): 5 for one in few} | {(few[0], few[1]): 1}
    page = written(evaluation(of(result(confusion=confusion))), tmp_path / "page.html")
    cells = [
        one for one in page.all("td") if (one.get("class") or "").startswith(("right", "wrong"))
    ]
    assert len(cells) == HEAT**2
    levels = [one["class"] for one in cells[:3]]
    assert levels == ["right h7", "wrong h2", "wrong h0"]  # 5 and 1 of 6, in eighths, rounded up
    confusion["one", "more"] = 2
    page = written(evaluation(of(result(confusion=confusion))), tmp_path / "page.html")
    assert "Most frequent confusions" in page.texts["h3"]
    assert confusions(confusion) == [("one", "more", 2), (few[0], few[1], 1)]


def test_two_hundred_classes_and_one(tmp_path: Path) -> None:
    for many in (1, 200):
        rows = tuple(ClassRow(f"class {one}", one, 0.5, 0.5, 0.5) for one in range(many))
        confusion = {(one.label, one.label): one.support for one in rows}
        page = written(
            evaluation(of(result(classes=rows, confusion=confusion))), tmp_path / "page.html"
        )
        assert sum(one.get("scope") == "row" for one in page.all("th")) >= many


@pytest.mark.parametrize(
    "found",
    [
        evaluation(),
        evaluation(of()),
        evaluation(of(result(metrics={}))),
        evaluation(of(result(queries=0, metrics={"recall@1": Estimate(NAN, NAN, NAN, 0)}))),
        evaluation(of(result(scores=Scores(np.array([0.0, 1.0]), np.array([0]), np.array([0]))))),
        evaluation(of(result(confusion={}))),
        evaluation(of(result(curve=((1, 0.5),)))),
        evaluation(of(result(), latency=Latency((), (), 0.0))),
        evaluation(of(result(), latency=Latency((1.0,), (2.0, 2.0), 0.0))),
        evaluation(of(result(worst=(Example(float("inf"), 0.0, ()),)))),
    ],
    ids=["no models", "no results", "no metrics", "no queries", "no scores", "no confusion",
         "one k", "no times", "equal times", "nothing came"],
)  # fmt: skip
def test_where_there_is_little(found: Evaluation, tmp_path: Path) -> None:
    written(found, tmp_path / "page.html")


def test_score_bins_are_of_equal_area() -> None:
    scores = Scores(np.array([0.0, 0.5, 1.0]), np.array([1, 3]), np.array([100, 0]))
    assert [(one.name, one.heights) for one in score_bins(scores)] == [
        ("matching", [0.5, 1.5]), ("others", [2.0, 0.0]),
    ]  # fmt: skip


def test_score_bins_are_no_finer_than_few_pairs_bear() -> None:
    edges = np.linspace(-1, 1, 257)
    counts = np.zeros(256, np.int64)
    counts[100:148] = 1
    for many in (1, 1000, 10**6):
        found = score_bins(Scores(edges, counts * many, counts * 10**7))
        for bins in found:
            widths = np.diff(bins.edges)
            assert float((widths * bins.heights).sum()) == pytest.approx(1)
            assert (bins.edges[0], bins.edges[-1]) == (-1, 1)
            assert len(bins.heights) == {1: 20, 1000: 52, 10**6: 52}[many]


@pytest.mark.parametrize(
    ("curve_of", "said"),
    [
        ("recall", "Recall by how many are looked at"),
        ("hit_rate", "Hit rate by how many are looked at"),
    ],
)
def test_the_curve_says_of_what_it_is(curve_of: str, said: str, tmp_path: Path) -> None:
    found = result(curve=((1, 0.5), (5, 0.8)), curve_of=curve_of)
    page = written(evaluation(of(found)), tmp_path / "page.html")
    assert page.texts["figcaption"] == [said]


def test_percentiles_of_times(tmp_path: Path) -> None:
    times = tuple(float(one) for one in range(101))
    page = written(
        evaluation(of(result(), latency=Latency((), times, 25.0))), tmp_path / "page.html"
    )
    assert [one for one in page.texts["td"] if one.endswith(".0")] == ["50.0", "95.0", "99.0"]
    assert {"p50 50", "p95 95", "p99 99"} <= set(page.texts["text"])


def test_the_same_evaluation_makes_the_same_page(pictures: dict[str, str], tmp_path: Path) -> None:
    found = full(pictures)
    assert text_of(found, tmp_path / "a.html") == text_of(found, tmp_path / "b.html")


def test_an_earlier_report_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    written(evaluation(of(result())), target)
    written(evaluation(of(result())), target)
    theirs = tmp_path / "theirs.html"
    for content in ("<html>mine</html>", '<meta name="generator" content="vsearch gallery">'):
        theirs.write_text(content)
        with pytest.raises(UsageError, match="is no report of vsearch"):
            written(evaluation(of(result())), theirs)
        assert theirs.read_text() == content
    assert sorted(os.listdir(tmp_path)) == ["page.html", "theirs.html"]
