"""An evaluation for CI: JUnit XML, Markdown, lines."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from vsearch.errors import UsageError
from vsearch.evaluation.comparison import compare
from vsearch.evaluation.results import (
    Comparison,
    Estimate,
    Evaluated,
    Evaluation,
    Gate,
    Latency,
    Result,
)
from vsearch.output.evaluation.junit import require_junit, write_junit
from vsearch.output.evaluation.markdown import require_markdown, write_markdown
from vsearch.output.evaluation.table import print_evaluation, say_gates, say_missing
from vsearch.records import ModelIdentity

HOSTILE = "a|b\n<script>`*_\x1b[31m\udcff"
NAN = float("nan")


def evaluation(*, gates: tuple[Gate, ...] = (), truth: str = "captions.csv") -> Evaluation:
    metrics = {
        "recall@1": Estimate(0.6667, 0.5208, 0.8125, 48),
        "median_rank": Estimate(1.0, 1.0, 2.0, 48),
        "eer": Estimate(NAN, NAN, NAN, 0),
    }
    result = Result("text_to_image", "captions ask for their pictures", 48, 48, 0, metrics)
    latency = Latency((300.0,), (8.0, 9.0), 100.0)
    return Evaluation(
        truth, "captions", None, 48, "2026-01-01T12:00:00+00:00", {"cores": 2},
        (
            Evaluated(ModelIdentity("mini", "w", "p", 384), "whole", (result,), latency),
            Evaluated(ModelIdentity("fast", "w", "p", 512), "whole", (result,)),
        ),
        (Comparison("text_to_image.recall@1", "fast", "mini", 0.1, 0.02, 0.18, 0.01, 0.04),),
        gates,
    )  # fmt: skip


PASSED = Gate("recall@1>=0.6", True, "text_to_image.recall@1 is 0.6667, and >= 0.6 is required")
FAILED = Gate("recall@1>=0.7", False, f"recall@1 {HOSTILE}")


def test_junit_has_a_case_for_each_gate(tmp_path: Path) -> None:
    write_junit(evaluation(gates=(PASSED, FAILED), truth=HOSTILE), tmp_path / "j.xml")
    suites = ET.parse(tmp_path / "j.xml").getroot()  # noqa: S314  # written a line above
    assert suites.attrib == {"name": "vsearch evaluate", "tests": "2", "failures": "1"}
    (suite,) = suites
    assert suite.attrib["timestamp"] == "2026-01-01T12:00:00+00:00"
    cases = {case.attrib["name"]: [child.tag for child in case] for case in suite}
    assert cases == {"recall@1>=0.6": ["system-out"], "recall@1>=0.7": ["failure"]}
    (failure,) = suite.iter("failure")
    assert failure.attrib["message"] == r"recall@1 a|b\n<script>`*_\x1b[31m\xff"


def test_markdown_shows_gates_metrics_and_comparisons(tmp_path: Path) -> None:
    write_markdown(evaluation(gates=(PASSED, FAILED)), tmp_path / "m.md")
    assert (tmp_path / "m.md").read_text() == (
        "<!-- vsearch evaluate -->\n"
        "### Evaluation of mini, fast\n\n"
        "48 pictures of captions.csv; [95 % intervals].\n\n"
        "**1 of 2 gates passed.**\n\n"
        "- ❌ recall@1 a\\|b\\\\n\\<script\\>\\`\\*\\_\\\\x1b\\[31m\\\\xff\n"
        "<details><summary>passed</summary>\n\n"
        "- ✅ text\\_to\\_image.recall@1 is 0.6667, and \\>= 0.6 is required\n\n"
        "</details>\n\n"
        "| metric | mini | fast |\n"
        "| --- | ---: | ---: |\n"
        "| text\\_to\\_image.recall@1 | 0.667 [0.521, 0.812] | 0.667 [0.521, 0.812] |\n"
        "| text\\_to\\_image.median\\_rank | 1.000 [1.000, 2.000] | 1.000 [1.000, 2.000] |\n"
        "| text\\_to\\_image.eer | - | - |\n"
        "| latency\\_p50\\_ms | 8.5 |  |\n"
        "| latency\\_p95\\_ms | 8.9 |  |\n"
        "| latency\\_p99\\_ms | 9.0 |  |\n"
        "| latency\\_cold\\_p50\\_ms | 300.0 |  |\n"
        "| latency\\_cold\\_p95\\_ms | 300.0 |  |\n"
        "| latency\\_cold\\_p99\\_ms | 300.0 |  |\n"
        "| throughput\\_qps | 100.0 |  |\n\n"
        "| against the first model | difference | 95 % interval | p (Holm) |\n"
        "| --- | ---: | ---: | ---: |\n"
        "| text\\_to\\_image.recall@1 of fast | +0.100 | +0.020 to +0.180 | 0.04 |\n"
    )


@pytest.mark.parametrize(
    ("require", "write", "name"),
    [(require_junit, write_junit, "a.xml"), (require_markdown, write_markdown, "a.md")],
    ids=["junit", "markdown"],
)  # fmt: skip
def test_an_earlier_one_is_replaced_and_nothing_else(
    tmp_path: Path,
    require: object,
    write: object,
    name: str,
) -> None:
    assert callable(require)
    assert callable(write)
    target = tmp_path / name
    for gates in (), (PASSED,):
        require(target)
        write(evaluation(gates=gates), target)
    assert b"recall@1" in target.read_bytes()
    target.write_text("mine")
    with pytest.raises(UsageError, match="no report of vsearch's"):
        require(target)
    with pytest.raises(UsageError, match="no report of vsearch's"):
        write(evaluation(), target)
    assert target.read_text() == "mine"


def test_lines_are_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_evaluation(evaluation(gates=(FAILED,)), "lines")
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == [
        ["mini", "text_to_image.recall@1", "0.6667", "0.5208", "0.8125"],
        ["mini", "text_to_image.median_rank", "1.0000", "1.0000", "2.0000"],
        ["mini", "text_to_image.eer", "", "", ""],
    ]
    assert ["mini", "latency_p50_ms", "8.5000", "", ""] in lines
    say_gates(evaluation(gates=(PASSED, FAILED)))
    assert capsys.readouterr().err == "failed: recall@1 a|b\\n<script>`*_\\x1b[31m\\xff\n"


@pytest.mark.parametrize(("columns", "models"), [(80, 5), (40, 5), (30, 2)])
def test_a_terminal_shows_every_value_of_many_models(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    models: int,
) -> None:
    """In one table, or in one for some of them after the other."""
    monkeypatch.setenv("COLUMNS", str(columns))
    found = evaluation()
    names = ["mini", "fast", "balanced", "multilingual", "best"][:models]
    one = found.models[0]
    several = tuple(
        dataclasses.replace(one, model=ModelIdentity(name, "w", "p", 3)) for name in names
    )
    print_evaluation(dataclasses.replace(found, models=several, comparisons=()), "table")
    lines = capsys.readouterr().out.splitlines()
    shown = [word for line in lines if line.startswith("  ") for word in line.split()]
    assert "".join(shown) == 2 * "".join(names)  # of the protocol, and of latency
    for metric, value in (("recall@1", "0.667"), ("latency_cold_p50_ms", "300.0")):
        told = [word for line in lines if line.startswith(metric) for word in line.split()[1:]]
        assert told == models * [value]


@pytest.mark.parametrize(("columns", "intervals"), [(80, False), (100, True)])
def test_a_terminal_shows_every_value_and_intervals_where_there_is_room(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    intervals: bool,
) -> None:
    """Of three models, with the longest of metrics."""
    monkeypatch.setenv("COLUMNS", str(columns))
    metric = "nearest_neighbour.balanced_accuracy"
    found = evaluation()
    models = (
        *found.models,
        dataclasses.replace(found.models[1], model=ModelIdentity("3", "w", "p", 3)),
    )
    comparisons = (
        Comparison(metric, "fast", "mini", 0.1, 0.02, 0.18, 0.01, 0.04),
        Comparison(metric, "3", "mini", -0.1, -0.18, -0.02, 0.0001, 0.0002),
        Comparison(metric, "3", "mini", -0.1, -0.2, 0.02, 0.01, 0.07),
    )
    found = dataclasses.replace(found, models=models, comparisons=comparisons)
    print_evaluation(found, "table")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= columns
    recall = next(line for line in out.splitlines() if line.startswith("recall@1"))
    assert recall.split() == ["recall@1", *3 * ["0.667", *intervals * ["0.521", "to", "0.812"]]]
    latency = next(line for line in out.splitlines() if line.startswith("latency_p50_ms"))
    assert latency.split() == ["latency_p50_ms", "8.5"]
    told = [line.split() for line in out.splitlines() if line.startswith(metric)]
    assert told == [
        [metric, "+0.100", "+0.020", "to", "+0.180", "0.04", "better"],
        [metric, "-0.100", "-0.180", "to", "-0.020", "0.0002", "worse"],
        [metric, "-0.100", "-0.200", "to", "+0.020", "0.07", "unsure"],
    ]
    against = [line for line in out.splitlines() if " against " in line]
    assert against == [f"{name} against mini  unsure: it may be chance" for name in ("fast", "3")]


def test_models_that_had_other_pictures_to_find_are_not_compared(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = evaluation()
    first, second = found.models
    others = (
        dataclasses.replace(second, judgements=frozenset("a")),
        dataclasses.replace(second, items=frozenset("a")),
        dataclasses.replace(second, results=(dataclasses.replace(second.results[0], gallery=47),)),
    )
    assert compare([first, second])
    for other in others:
        assert compare([first, other]) == []
        found = dataclasses.replace(found, models=(first, other), comparisons=())
        say_missing(found)
        line = "fast is not compared with mini, since they had other pictures to find; bring the"
        assert capsys.readouterr().err.startswith(f"vsearch: {line} index up to date")
        write_markdown(found, tmp_path / "m.md")
        assert f"**{line} index" in (tmp_path / "m.md").read_text()
