"""Gates: what is required, and what is worse than before beyond chance."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest

from vsearch.errors import SourceError, UsageError, VsearchError
from vsearch.evaluation.comparison import compare
from vsearch.evaluation.estimates import means
from vsearch.evaluation.gates import Requirement, check, check_baseline, depths_of, metrics_of
from vsearch.evaluation.record import as_json, read_earlier
from vsearch.evaluation.results import Estimate, Evaluated, Evaluation, Latency, Result
from vsearch.records import ModelIdentity


def model(
    values: np.ndarray,
    *,
    name: str = "one",
    latency: Latency | None = None,
    others: Mapping[str, Estimate] | None = None,
    gallery: int = 100,
    judgements: Iterable[str] = ("a",),
    items: Iterable[str] = (),
) -> Evaluated:
    """Return a model with these values of recall@1 by query, and other metrics as they are."""
    per_query = {"recall@1": np.asarray(values, dtype=np.float64)}
    result = Result(
        "text_to_image",
        "captions ask for their pictures",
        len(values),
        gallery,
        0,
        means(per_query) | dict(others or {}),
        tuple(f"query {number}" for number in range(len(values))),
        per_query,
    )
    return Evaluated(
        ModelIdentity(name, "w", "p", 3),
        "whole",
        (result,),
        latency,
        judgements=frozenset(judgements),
        items=frozenset(items),
    )


def measured(values: Mapping[str, np.ndarray]) -> Evaluated:
    """Return a model with these values of each metric by query, of one protocol."""
    count = len(next(iter(values.values())))
    ids = tuple(map(str, range(count)))
    result = Result("text_to_image", "", count, count, 0, means(values), ids, values)
    return Evaluated(ModelIdentity("one", "w", "p", 3), "whole", (result,))


def evaluation(*models: Evaluated) -> Evaluation:
    created = "2026-01-01T12:00:00+00:00"
    return Evaluation(
        "captions.csv", "captions", None, 100, created, {"cores": 2}, models,
        tuple(compare(models)) if models else (),
    )  # fmt: skip


def earlier(path: Path, *models: Evaluated) -> Path:
    path.write_text(json.dumps(as_json(evaluation(*models))))
    return path


HALF = np.arange(100) % 2.0


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("recall@1>=0.5", True),
        ("recall@1 > 0.5", False),
        ("recall@1<=0.5", True),
        ("recall@1<0.5", False),
        ("text_to_image.recall@1>=.51", False),
        (" recall@1 >= 5e-1 ", True),
        ("latency_p50_ms<=2", True),
        ("latency_p95_ms<2", False),
        ("latency_cold_p50_ms<=300", True),
        ("throughput_qps>=99", True),
    ],
)
def test_a_requirement_is_met_or_not(text: str, passed: bool) -> None:
    timed = model(HALF, latency=Latency((300.0,), (1.0, 2.0, 3.0), 100.0))
    (gate,) = check([Requirement.parsed(text)], [timed], "captions")
    assert gate.passed is passed
    assert gate.requirement == text.strip()


def test_the_line_says_what_is_and_what_should_be() -> None:
    (gate,) = check([Requirement.parsed("recall@1>=0.6")], [model(HALF)], "captions")
    assert gate.line == "text_to_image.recall@1 is 0.5, and >= 0.6 is required"


@pytest.mark.parametrize(
    "text",
    ["", "recall@1", "recall@1=0.6", "recall@1>=", "recall@1>=much", ">=1", "recall@1>=nan",
     "recall@1>=inf", "a b>=1", "recall@1>=0.6 or so"],
)  # fmt: skip
def test_what_is_no_requirement_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="no requirement"):
        Requirement.parsed(text)


def test_a_requirement_brings_its_depth() -> None:
    assert Requirement.parsed("recall@7>=0").depth == 7
    assert Requirement.parsed("map@r>=0").depth is None
    assert Requirement.parsed("recall@0>=0").depth is None
    assert Requirement.parsed("recall@\u00b2>=0").depth is None
    assert Requirement.parsed("recall@99999999999999999999>=0").depth is None


def test_a_metric_that_there_is_not_is_named_with_those_there_are() -> None:
    for text in ("precision@1>=0", "image_to_text.ndcg>=0", "search.mrr>=0", "recal@1>=0", "@1>=0"):
        with pytest.raises(UsageError, match=r"no such metric.*text_to_image: recall@k"):
            Requirement.parsed(text).full_name("captions")


def test_a_metric_without_a_value_meets_nothing() -> None:
    nan = float("nan")
    none = model(HALF, others={"ece": Estimate(nan, nan, nan, 0)})
    for text in ("ece<=1", "ece>=0", "ece>0", "ece<9"):
        (gate,) = check([Requirement.parsed(text)], [none], "captions")
        assert not gate.passed
        assert "without a value" in gate.line


def test_every_model_has_to_meet_it() -> None:
    gates = list(
        check(
            [Requirement.parsed("recall@1>=0.6")],
            [model(HALF), model(HALF + 0.5, name="two")],
            "captions",
        )
    )
    assert [gate.passed for gate in gates] == [False, True]
    assert [" of one " in gates[0].line, " of two " in gates[1].line] == [True, True]


def worse_by(count: int) -> np.ndarray:
    """Return HALF, with so many of what was right wrong."""
    values = HALF.copy()
    values[np.flatnonzero(values)[:count]] = 0
    return values


@pytest.mark.parametrize(
    ("now", "most", "passed", "said"),
    [
        (worse_by(0), 0.0, True, "is as it was"),
        (worse_by(10), 0.01, False, "worse by 0.1"),
        (worse_by(10), 0.2, True, "worse by 0.1"),
        (worse_by(2), 0.01, True, "which may be chance"),
        (1 - worse_by(0), 0.0, True, "is as it was"),
        (HALF * 0 + 1, 0.0, True, "better by 0.5"),
    ],
    ids=["same", "ten of 100 lost", "allowed", "two of 100", "others right", "all right"],
)  # fmt: skip
def test_worse_than_before(
    tmp_path: Path,
    now: np.ndarray,
    most: float,
    passed: bool,
    said: str,
) -> None:
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF)))
    (gate,) = check_baseline(before, [model(now)], most, "captions")
    assert gate.passed is passed
    assert said in gate.line
    assert gate.requirement == "baseline text_to_image.recall@1"


def test_queries_in_another_order_are_the_same_queries(tmp_path: Path) -> None:
    path = earlier(tmp_path / "before.json", model(HALF))
    found = json.loads(path.read_text())
    result = found["models"][0]["protocols"]["text_to_image"]
    result["ids"].reverse()
    result["per_query"]["recall@1"].reverse()
    path.write_text(json.dumps(found))
    (gate,) = check_baseline(read_earlier(path), [model(worse_by(10))], 0.01, "captions")
    assert not gate.passed


def asking(values: np.ndarray, first: int) -> Evaluated:
    """Return a model with these values of recall@1, of the queries from the number `first` on."""
    one = model(values)
    ids = tuple(f"query {first + number}" for number in range(len(values)))
    return dataclasses.replace(one, results=(dataclasses.replace(one.results[0], ids=ids),))


def test_queries_that_are_new_leave_the_others_paired(tmp_path: Path) -> None:
    """Ten of 100 are lost, one query is another: that is told as if all were the same."""
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF)))
    (gate,) = check_baseline(before, [asking(worse_by(10)[1:], 1)], 0.01, "captions")
    assert not gate.passed
    assert "(0.5051 before, 0.404 now, over the 99 queries of both, " in gate.line
    values = np.append(HALF, np.zeros(60))  # what is new counts for nothing
    (gate,) = check_baseline(before, [asking(values, 0)], 0.0, "captions")
    assert gate.passed
    assert "is as it was (0.5 before, 0.5 now, over the 100 queries of both, p 1)" in gate.line


def test_other_queries_are_compared_by_both_intervals(tmp_path: Path) -> None:
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF)))
    lower = (np.arange(1000) % 100 < 40).astype(float)  # .50 of 100 is in no interval of .40
    (gate,) = check_baseline(before, [asking(lower, 500)], 0.0, "captions")
    assert gate.passed
    assert "(0.5 before, 0.4 now, by the intervals of both, p 0.06)" in gate.line
    (gate,) = check_baseline(before, [asking(HALF * 0, 500)], 0.0, "captions")
    assert not gate.passed


def test_a_few_in_common_do_not_speak_for_the_others(tmp_path: Path) -> None:
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF)))
    now = np.ones(100)
    now[:30] = 0  # of the 30 that both asked, as many as were right before are wrong now
    (gate,) = check_baseline(before, [asking(now, 70)], 0.0, "captions")
    assert gate.passed
    assert "is better by 0.2 (0.5 before, 0.7 now, by the intervals of both, p" in gate.line


@pytest.mark.parametrize("queries", [30, 200])
def test_chance_fails_few_baselines_of_other_queries(tmp_path: Path, queries: int) -> None:
    """Of 100 that are as good as before, some 5 % at most fail."""
    random = np.random.default_rng(1)
    failed = 0
    for _ in range(100):
        old, new = ((random.random(queries) < 0.6).astype(float) for _ in range(2))
        before = read_earlier(earlier(tmp_path / "before.json", model(old)))
        (gate,) = check_baseline(before, [asking(new, queries)], 0.0, "captions")
        failed += not gate.passed
    assert failed <= 8


@pytest.mark.parametrize(
    ("of", "gate", "said"),
    [
        (
            lambda values, digests: model(values, judgements=digests),
            "baseline truth", "judgements of the truth",
        ),
        (
            lambda values, digests: model(values, items=digests),
            "baseline gallery", "pictures to find",
        ),
    ],
    ids=["truth", "gallery"],
)  # fmt: skip
def test_another_truth_or_gallery_is_told_and_nothing_compared(
    tmp_path: Path, of: Callable[[np.ndarray, list[str]], Evaluated], gate: str, said: str
) -> None:
    """Two of 100 are others: labels are corrected, pictures of an index were changed."""
    every = list(map(str, range(100)))
    before = read_earlier(earlier(tmp_path / "before.json", of(HALF, every)))
    now = of(worse_by(10), [*every[2:], "one", "another"])
    for most in (0.0, 0.01, 0.019):
        (found,) = check_baseline(before, [now], most, "captions")
        assert (found.requirement, found.passed) == (gate, False)
        assert found.line == (
            f"only 98 of 100 {said} are those of the baseline, and nothing but the graph is "
            f"compared; make the baseline anew (up to --max-drop, {most:g} of them, may differ)"
        )
    (found,) = check_baseline(before, [now], 0.02, "captions")  # so little is no reason
    assert not found.passed
    assert "recall@1 is worse by 0.1" in found.line


def test_pictures_that_are_missing_are_said_to_be_the_reason(tmp_path: Path) -> None:
    every = list(map(str, range(100)))
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF, judgements=every)))
    now = dataclasses.replace(model(HALF, judgements=every[5:]), missing=5)
    (gate,) = check_baseline(before, [now], 0.01, "captions")
    assert gate.line.startswith(
        "only 95 of 100 judgements of the truth (5 pictures are missing) are those of the baseline"
    )


def test_more_to_find_is_told_and_nothing_compared(tmp_path: Path) -> None:
    """With queries, the index may have grown by what the truth says nothing of."""
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF, gallery=1000)))
    for gallery in (989, 1011):
        now = model(HALF, gallery=gallery)
        (gate,) = check_baseline(before, [now], 0.01, "captions")
        assert not gate.passed
        assert gate.requirement == "baseline text_to_image"
        said = f"text_to_image had 1,000 items to find and has {gallery:,} now, and is not"
        assert gate.line.startswith(said)
    (gate,) = check_baseline(before, [model(HALF, gallery=1010)], 0.01, "captions")
    assert gate.passed
    assert "is as it was (0.5 before, 0.5 now, among 1,000 items before and 1,010" in gate.line


def test_the_graph_is_compared_whatever_the_truth(tmp_path: Path) -> None:
    def with_graph(recall: float, judgement: str) -> Evaluated:
        one = model(HALF, judgements=[judgement])
        (of_words,) = one.results
        values = {"recall@1": np.full(100, recall)}
        found = dataclasses.replace(
            of_words, name="graph", metrics=means(values), per_query=values, gallery=len(judgement)
        )
        return dataclasses.replace(one, results=(of_words, found))

    before = read_earlier(earlier(tmp_path / "before.json", with_graph(1, "a")))
    for recall, passed in ((1, True), (0.5, False)):
        truth, of_graph = check_baseline(before, [with_graph(recall, "other")], 0.01, "captions")
        assert (truth.requirement, truth.passed) == ("baseline truth", False)
        assert (of_graph.requirement, of_graph.passed) == ("baseline graph.recall@1", passed)


def test_several_models_are_compared_by_holms_method() -> None:
    """One of 20 metrics differs with p near .01: that happens where there is no difference."""
    lost = {f"m@{n}": 9 if n == 20 else 1 for n in range(1, 21)}
    first, second = (
        measured({name: values(one) for name, one in lost.items()})
        for values in (lambda _count: HALF, worse_by)
    )
    found = compare([first, second])
    assert found[-1].p < 0.01
    assert found[-1].p_holm == pytest.approx(20 * found[-1].p)
    assert all(one.p_holm == 1 for one in found[:-1])


def test_what_was_rounded_when_it_was_written_is_as_it_was(tmp_path: Path) -> None:
    thirds = np.arange(90) % 3 / 3
    before = read_earlier(earlier(tmp_path / "before.json", model(thirds)))
    (gate,) = check_baseline(before, [model(thirds)], 0.0, "captions")
    assert gate.passed
    assert "is as it was (0.3333 before, 0.3333 now, p 1)" in gate.line


def test_what_was_read_off_an_evaluation_is_met(tmp_path: Path) -> None:
    two = model((np.arange(90) % 3 > 0).astype(float))
    path = earlier(tmp_path / "e.json", two)
    result = json.loads(path.read_text())["models"][0]["protocols"]["text_to_image"]
    written = result["metrics"]["recall@1"]["value"]
    (gate,) = check([Requirement.parsed(f"recall@1>={written}")], [two], "captions")
    assert gate.passed
    (gate,) = check([Requirement.parsed("recall@1>=0.6667")], [two], "captions")
    assert gate.line == "text_to_image.recall@1 is 0.66667, and >= 0.6667 is required"


def test_each_k_of_a_baseline_is_asked_for(tmp_path: Path) -> None:
    at = {name: Estimate(0.5, 0.4, 0.6, 100) for name in ("recall@7", "map@r", "tar@0.001")}
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF, others=at)))
    assert depths_of(before) == {1, 7}
    gates = {one.requirement: one for one in check_baseline(before, [model(HALF)], 0.0, "captions")}
    assert not gates["baseline text_to_image.recall@7"].passed


def test_a_model_that_knows_less_of_its_cosines_is_not_worse(tmp_path: Path) -> None:
    ece = {"ece": Estimate(0.05, 0.04, 0.06, 100)}
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF, others=ece)))
    for name, passed in (("one", False), ("two", True)):
        gates = list(check_baseline(before, [model(HALF, name=name)], 0.0, "captions"))
        assert [gate.passed for gate in gates] == [True, passed]
    assert gates[1].line == "text_to_image.ece has no value with this model (0.05 with one)"


def test_of_some_metrics_less_is_better(tmp_path: Path) -> None:
    def with_eer(value: float) -> Evaluated:
        return model(HALF, others={"eer": Estimate(value, value - 0.01, value + 0.01, 100)})

    before = read_earlier(earlier(tmp_path / "before.json", with_eer(0.2)))
    up, down = (
        list(check_baseline(before, [with_eer(value)], 0.01, "captions")) for value in (0.3, 0.1)
    )
    assert [gate.passed for gate in up] == [True, False]
    assert [gate.passed for gate in down] == [True, True]


def test_many_metrics_do_not_make_chance_a_failure(tmp_path: Path) -> None:
    """Of 60 models that are as good as before, some 5 % at most fail, over 20 metrics each."""
    random = np.random.default_rng(0)
    failed = 0
    for _ in range(60):
        old = {f"m@{one}": (random.random(60) < 0.5).astype(float) for one in range(1, 21)}
        new = {name: (random.random(60) < 0.5).astype(float) for name in old}
        before = read_earlier(earlier(tmp_path / "before.json", measured(old)))
        gates = check_baseline(before, [measured(new)], 0.0, "captions")
        failed += not all(one.passed for one in gates)
    assert failed <= 7


def test_another_kind_of_truth_cannot_be_compared(tmp_path: Path) -> None:
    path = earlier(tmp_path / "a.json", model(HALF))
    with pytest.raises(UsageError, match="the baseline is of captions, and this truth of labels"):
        list(check_baseline(read_earlier(path), [model(HALF)], 0.01, "labels"))


@pytest.mark.parametrize("lost", ["the value", "the metric", "the protocol"])
def test_what_has_no_value_any_more_is_worse(tmp_path: Path, lost: str) -> None:
    mrr = {"mrr": Estimate(0.5, 0.4, 0.6, 100)}
    before = read_earlier(earlier(tmp_path / "before.json", model(HALF, others=mrr)))
    nan = float("nan")
    now = model(HALF, others={"mrr": Estimate(nan, nan, nan, 0)} if lost == "the value" else None)
    if lost == "the protocol":
        now = dataclasses.replace(now, results=())
    gates = {gate.requirement: gate for gate in check_baseline(before, [now], 1.0, "captions")}
    gate = gates["baseline text_to_image.mrr"]
    assert not gate.passed
    assert gate.line == "text_to_image.mrr has no value any more (0.5 before)"


def test_what_is_allowed_does_not_choose_what_is_tested(tmp_path: Path) -> None:
    """One of 20 metrics is worse by more than is allowed, with p below .05: Holm asks for .0025."""
    lost = {f"m@{n}": 6 if n == 20 else 1 for n in range(1, 21)}
    old, new = dict.fromkeys(lost, HALF), {name: worse_by(one) for name, one in lost.items()}
    before = read_earlier(earlier(tmp_path / "before.json", measured(old)))
    gates = list(check_baseline(before, [measured(new)], 0.05, "captions"))
    assert all(gate.passed for gate in gates)
    assert "worse by 0.06 (" in gates[-1].line
    assert "which may be chance" in gates[-1].line


def test_of_hundreds_of_metrics_each_can_fail(tmp_path: Path) -> None:
    """Resamples are as many as it takes for a p-value to come below what Holm's method asks."""
    names = [f"recall@{k}" for k in range(1, 301)]
    old = dict.fromkeys(names, HALF.astype(np.float64))
    new = dict.fromkeys(names, np.zeros(100))
    before = read_earlier(earlier(tmp_path / "before.json", measured(old)))
    gates = list(check_baseline(before, [measured(new)], 0.01, "captions"))
    assert len(gates) == 300
    assert not any(gate.passed for gate in gates)


def test_the_graph_says_nothing_of_a_model_unless_it_is_named() -> None:
    with pytest.raises(UsageError, match=r"no such metric with labels, 'recall@1'.*hit_rate@k"):
        Requirement.parsed("recall@1>=0.9").full_name("labels")
    assert Requirement.parsed("graph.recall@1>=0").full_name("labels") == "graph.recall@1"
    assert Requirement.parsed("hit_rate@1>=0").full_name("labels") == "image_to_image.hit_rate@1"
    assert Requirement.parsed("tar@0.001>=0").full_name("labels") == "image_to_image.tar@0.001"
    assert Requirement.parsed("mrr>=0").full_name("queries") == "search.mrr"


def test_latency_is_required_only_where_it_is_measured() -> None:
    requirement = Requirement.parsed("latency_p95_ms<=50")
    assert requirement.full_name("captions") == "latency_p95_ms"
    with pytest.raises(UsageError, match="latency is not measured"):
        requirement.full_name("captions", latency=False)


def test_a_model_is_compared_with_the_one_of_its_name(tmp_path: Path) -> None:
    both = [model(HALF, name="one"), model(HALF * 0, name="two")]
    before = read_earlier(earlier(tmp_path / "before.json", *both))
    (gate,) = check_baseline(before, [model(HALF * 0, name="two")], 0.0, "captions")
    assert gate.passed
    (gate,) = check_baseline(
        before, [model(HALF * 0, name="three")], 0.0, "captions"
    )  # with the first
    assert not gate.passed


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, UsageError, "no such file"),
        (b"", SourceError, "no evaluation"),
        (b"\xff\xfe", SourceError, "no evaluation"),
        (b"[]", SourceError, "no evaluation"),
        (b"{}", SourceError, "no evaluation"),
        (b'{"models": [{"model": {"name": "a"}, "protocols": {"x": 1}}]}', SourceError, "no eval"),
        (
            (
                b'{"kind": "captions", "models": [{"model": {"name": "a"}, "protocols": {"x": '
                b'{"metrics": {}, "ids": ["a"], "per_query": {"mrr": [1, 2]}}}}]}'
            ),
            SourceError,
            "no evaluation",
        ),
        (b'{"models": []}', SourceError, "no evaluation"),
        (b'{"format": 1, "models": []}', SourceError, "an earlier vsearch wrote it"),
        (b'{"format": 99, "models": []}', SourceError, "a later vsearch"),
        (b"[" * 200_000, SourceError, "no evaluation"),
    ],
)
def test_what_is_no_baseline_is_told(
    tmp_path: Path, content: bytes | None, error: type[VsearchError], said: str
) -> None:
    path = tmp_path / "before.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=said):
        read_earlier(path)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    nan = float("nan")
    one = model(
        HALF, others={"ece": Estimate(nan, nan, nan, 0)}, latency=Latency((1.0,), (2.0,), 3.0)
    )
    path = earlier(tmp_path / "e.json", one)
    (found,) = read_earlier(path)
    result = found.results["text_to_image"]
    assert found.model == "one"
    assert result.ids == one.results[0].ids
    assert np.array_equal(result.per_query["recall@1"], HALF)
    assert result.metrics["recall@1"].value == 0.5
    assert result.metrics["recall@1"].n == 100
    assert np.isnan(result.metrics["ece"].value)
    assert json.loads(path.read_text())["models"][0]["latency"]["latency_p50_ms"] == 2.0


def test_the_better_of_two_models_is_told_with_its_p() -> None:
    models = [model(worse_by(10)), model(HALF, name="two")]
    (told,) = compare(models)
    assert (told.metric, told.model, told.other) == ("text_to_image.recall@1", "two", "one")
    assert told.difference == pytest.approx(0.1)
    assert 0 < told.low < 0.1 < told.high
    assert told.p < 0.01
    (same,) = compare([models[0], model(worse_by(10), name="two")])
    assert (same.difference, same.p) == (0, 1)


def test_all_metrics_have_a_full_name() -> None:
    timed = model(HALF, latency=Latency((), (1.0,), 5.0))
    assert set(metrics_of(timed)) == {
        "text_to_image.recall@1", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms",
        "throughput_qps",
    }  # fmt: skip
