"""`significance`: do intervals cover what they say, and does the test err as often as it says."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from vsearch.evaluation import significance
from vsearch.evaluation.classification import by_class, confusion, macro_f1
from vsearch.evaluation.results import Estimate
from vsearch.evaluation.significance import holm, interval, interval_of, paired, unpaired

Floats = NDArray[np.float64]


def plain(values: Floats, clusters: NDArray[Any], resamples: int) -> tuple[float, float]:
    """Return the interval by drawing clusters one by one."""
    chance = np.random.default_rng(1234)
    names = np.unique(clusters)
    means = []
    for _ in range(resamples):
        drawn = np.concatenate([values[clusters == c] for c in chance.choice(names, len(names))])
        means.append(drawn.mean())
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@pytest.mark.parametrize(
    "kind", [pytest.param("hits", id="few kinds"), pytest.param("ranks", id="all different")]
)
@pytest.mark.parametrize(
    "size", [pytest.param(1, id="single"), pytest.param(4, id="clusters of 4 and less")]
)
def test_an_interval_is_that_of_plain_resampling(kind: str, size: int) -> None:
    chance = np.random.default_rng(0)
    clusters = np.sort(chance.integers(0, 400 // size, 400)) if size > 1 else np.arange(400)
    per_cluster = chance.random(400)[clusters]
    values = (per_cluster < 0.7).astype(float) if kind == "hits" else per_cluster
    expected = plain(values, clusters, 4000)
    answer = interval(values, clusters if size > 1 else None, resamples=4000)
    assert answer == pytest.approx(expected, abs=0.006)


def test_clusters_of_unequal_size_that_are_few_kinds_are_still_drawn_whole() -> None:
    clusters = np.append(np.arange(200), np.repeat(np.arange(200, 300), 3))
    values = np.append(True, clusters[1:] != clusters[:-1]).astype(float)  # one hit in each
    expected = plain(values, clusters, 2000)
    assert interval(values, clusters, resamples=4000) == pytest.approx(expected, abs=0.006)
    assert expected[1] - expected[0] > 0.07


COVERED = [
    pytest.param(lambda chance: chance.random(100), 0.5, id="uniform"),
    pytest.param(lambda chance: (chance.random(200) < 0.6) * 1.0, 0.6, id="hits"),
    pytest.param(lambda chance: 1 / chance.integers(1, 11, 200), np.mean(1 / np.arange(1, 11)),
                 id="reciprocal ranks"),
]  # fmt: skip


@pytest.mark.parametrize(("sample", "truth"), COVERED)
def test_95_percent_of_intervals_hold_the_true_mean(sample: Any, truth: float) -> None:
    chance = np.random.default_rng(1)
    trials = 1500
    covered = 0
    for trial in range(trials):
        low, high = interval(sample(chance), seed=trial, resamples=500)
        covered += low <= truth <= high
    assert 0.93 <= covered / trials <= 0.965


def captions(chance: np.random.Generator, pictures: int) -> tuple[Floats, NDArray[np.int64]]:
    """Return hits of five captions each of some pictures, hard and easy ones: 0.6 on average."""
    of = np.repeat(np.arange(pictures), 5)
    easy = chance.random(pictures) < 0.5
    return (chance.random(len(of)) < np.where(easy, 0.9, 0.3)[of]).astype(float), of


def test_with_clusters_it_holds_too_and_without_it_would_not() -> None:
    chance = np.random.default_rng(2)
    trials = 1000
    right = wrong = 0
    for trial in range(trials):
        values, of = captions(chance, 80)
        low, high = interval(values, of, seed=trial, resamples=500)
        right += low <= 0.6 <= high
        low, high = interval(values, seed=trial, resamples=500)
        wrong += low <= 0.6 <= high
    assert 0.93 <= right / trials <= 0.965
    assert wrong / trials < 0.9


def test_five_percent_of_equal_models_seem_different() -> None:
    chance = np.random.default_rng(3)
    trials = 1500
    ps = np.empty(trials)
    for trial in range(trials):
        hardness = chance.random(150)
        a, b = ((chance.random(150) < hardness).astype(float) for _ in range(2))
        ps[trial] = paired(a, b, seed=trial, resamples=500).p
    assert 0.035 <= (ps < 0.05).mean() <= 0.07
    assert 0.4 <= (ps < 0.5).mean() <= 0.6


def test_clusters_keep_five_captions_from_being_five_proofs() -> None:
    chance = np.random.default_rng(4)
    trials = 800
    right, wrong = np.empty(trials), np.empty(trials)
    for trial in range(trials):
        # Each model finds a picture hard or easy on its own account.
        (a, of), (b, _) = captions(chance, 80), captions(chance, 80)
        right[trial] = paired(a, b, of, seed=trial, resamples=400).p
        wrong[trial] = paired(a, b, seed=trial, resamples=400).p
    assert 0.03 <= (right < 0.05).mean() <= 0.075
    assert (wrong < 0.05).mean() > 0.12


def test_a_better_model_is_found_to_be_better() -> None:
    chance = np.random.default_rng(5)
    found = 0
    for trial in range(200):
        hardness = chance.random(400)
        b = chance.random(400) < hardness
        a = b | (chance.random(400) < 0.06)  # hits what b hits, and 3 % more
        answer = paired(a.astype(float), b.astype(float), seed=trial, resamples=500)
        assert answer.difference == pytest.approx(a.mean() - b.mean())
        assert answer.low <= answer.difference <= answer.high
        found += answer.p < 0.05
    # Unpaired, the difference would be less than one standard error.
    assert found / 200 > 0.85


def test_the_interval_and_the_p_value_agree() -> None:
    chance = np.random.default_rng(6)
    for trial in range(300):
        differences = chance.normal(0.15, 1, 200)
        answer = paired(differences, np.zeros(200), seed=trial)
        if not 0.03 < answer.p < 0.08:
            assert (answer.p < 0.05) == (not answer.low <= 0 <= answer.high)


def test_it_is_the_same_the_other_way_round() -> None:
    chance = np.random.default_rng(7)
    a, b = chance.random(100), chance.random(100)
    one, other = paired(a, b), paired(b, a)
    assert other.difference == pytest.approx(-one.difference)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=0.01)
    assert other.p == pytest.approx(one.p, abs=0.05)


def test_what_is_as_far_from_zero_counts_whatever_was_rounded_off() -> None:
    tenths = np.append([1.0, 2.0, 3.0], np.zeros(97))  # exact in binary, unlike 0.1
    for seed in range(20):
        exact = paired(tenths, np.zeros(100), seed=seed).p
        assert paired(tenths / 10, np.zeros(100), seed=seed).p == exact


def test_equal_models_differ_by_nothing() -> None:
    values = np.random.default_rng(8).random(50)
    answer = paired(values, values.copy())
    assert (answer.difference, answer.low, answer.high, answer.p) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("n", "least"),
    [
        pytest.param(1, 1.0, id="one query proves nothing"),
        pytest.param(3, 0.25, id="three prove little"),
        pytest.param(5000, 1 / 2001, id="p is never 0"),
    ],
)
def test_few_queries_do_not_prove_much(n: int, least: float) -> None:
    assert paired(np.ones(n), np.zeros(n)).p == pytest.approx(least)


def test_one_cluster_proves_nothing_either() -> None:
    assert paired(np.ones(50), np.zeros(50), np.zeros(50, np.int64)).p == 1


def test_queries_without_a_value_are_left_out() -> None:
    values = np.random.default_rng(9).random(100)
    clusters = np.arange(100) // 3
    holes = np.append(values, [np.nan, np.nan])
    assert interval(holes) == interval(values)
    assert interval(holes, np.append(clusters, [0, 77])) == interval(values, clusters)
    others = np.append(np.zeros(100), [1, np.nan])
    assert paired(holes, others) == paired(values, np.zeros(100))
    assert paired(others, holes) == paired(np.zeros(100), values)


def test_no_values_have_no_interval() -> None:
    nothing = np.array([np.nan])
    assert np.isnan(interval(nothing)).all()
    answer = paired(nothing, nothing)
    assert np.isnan([answer.difference, answer.low, answer.high]).all()
    assert answer.p == 1
    assert np.isnan(interval_of(lambda drawn: float(len(drawn)), np.zeros(3, np.int64))).all()


def test_one_value_is_its_interval() -> None:
    assert interval(np.array([0.25])) == (0.25, 0.25)


def test_the_seed_decides_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(10).random(500)
    hits, ones = (values < 0.5).astype(float), np.ones(500, np.int64)

    def all_of_it(seed: int) -> list[object]:
        return [
            interval(values, seed=seed),
            interval(hits, seed=seed),
            paired(values, hits, np.arange(500) // 5, seed=seed),
            interval_of(lambda drawn: float(drawn @ values), ones, seed=seed),
        ]

    first = all_of_it(1)
    assert all(a != b for a, b in zip(first, all_of_it(2), strict=True))
    monkeypatch.setattr(significance, "_DRAWS", 1000)  # nor how many are drawn at once
    assert all_of_it(1) == first


def test_a_statistic_that_is_a_mean_has_the_interval_of_the_mean() -> None:
    chance = np.random.default_rng(11)
    values = chance.random(400)
    kinds = np.array([0.0, 1.0])
    counts = np.array([130, 270])
    of_values = interval_of(lambda drawn: float(drawn @ values / 400), np.ones(400, np.int64))
    assert of_values == pytest.approx(interval(values), abs=0.004)
    of_kinds = interval_of(lambda drawn: float(drawn @ kinds / 400), counts)
    assert of_kinds == pytest.approx(interval(np.repeat(kinds, counts)), abs=0.006)


def test_macro_f1_has_the_interval_of_drawing_pictures_one_by_one() -> None:
    chance = np.random.default_rng(12)
    truth = chance.integers(0, 4, 300)
    predicted = np.where(chance.random(300) < 0.6, truth, chance.integers(0, 4, 300))
    pairs = confusion(truth, predicted)
    answer = interval_of(lambda drawn: macro_f1(by_class(pairs, 4, drawn)), pairs.counts)
    scores = []
    for _ in range(1500):
        drawn = chance.integers(0, 300, 300)
        scores.append(f1_score(truth[drawn], predicted[drawn], average="macro"))
    assert answer == pytest.approx(tuple(np.percentile(scores, [2.5, 97.5])), abs=0.01)


def test_draws_without_a_value_are_left_out() -> None:
    counts = np.array([1, 4])
    answer = interval_of(lambda drawn: 7.0 if drawn[0] else float("nan"), counts)
    assert answer == (7, 7)


def estimate(values: Floats, clusters: NDArray[Any] | None = None) -> Estimate:
    return Estimate(float(values.mean()), *interval(values, clusters), len(values))


def test_of_other_queries_p_is_that_of_two_normal_means() -> None:
    """Of the same, too: what both have in common counts as chance, so that p is too large."""
    chance = np.random.default_rng(0)
    for shift in (0.0, 0.1, 0.2, 0.4):
        one, other = chance.normal(shift, 1, 300), chance.normal(0, 2, 500)
        answer = unpaired(estimate(one), estimate(other))
        error = np.hypot(one.std() / 300**0.5, other.std() / 500**0.5)
        difference = one.mean() - other.mean()
        p = 2 * NormalDist().cdf(-abs(difference) / error)
        assert answer.p == pytest.approx(p, rel=0.2, abs=0.01)
        ends = difference - 1.96 * error, difference + 1.96 * error
        assert (answer.low, answer.difference, answer.high) == pytest.approx(
            (ends[0], difference, ends[1]), abs=0.02
        )
    values = chance.random(300)
    same = estimate(values + 0.01), estimate(values)
    assert unpaired(*same).p > 0.5
    assert paired(values + 0.01, values).p < 0.001


def test_of_skewed_intervals_the_sides_count_that_face_each_other() -> None:
    one, other = Estimate(0.5, 0.2, 0.56, 100), Estimate(0.6, 0.52, 0.9, 100)
    assert unpaired(one, other).p == pytest.approx(0.05, abs=1e-6)  # .1 is the root of .06² + .08²
    assert unpaired(other, one).p == unpaired(one, other).p
    found = unpaired(other, one)
    assert (found.low, found.high) == pytest.approx((0, 0.1 + np.hypot(0.3, 0.3)))


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        pytest.param(Estimate(1, 1, 1, 2), Estimate(0, 0, 0, 50), 0.5, id="two queries"),
        pytest.param(Estimate(1, 1, 1, 1), Estimate(0, 0, 0, 50), 1, id="one query"),
        pytest.param(Estimate(1, 1, 1, 0), Estimate(0, 0, 0, 50), 1, id="no query"),
        pytest.param(Estimate(1, 0.9, 1, 50), Estimate(1, 1, 1, 50), 1, id="equal"),
        pytest.param(Estimate(3, 1, np.inf, 50), Estimate(9, 8, 10, 50), 1, id="without an end"),
        pytest.param(Estimate(1, np.nan, np.nan, 50), Estimate(0, 0, 0, 50), 1, id="unknown"),
        pytest.param(Estimate(np.nan, 0, 0, 50), Estimate(0, 0, 0, 50), 1, id="no value"),
    ],
)
def test_what_intervals_do_not_tell(one: Estimate, other: Estimate, p: float) -> None:
    assert unpaired(one, other).p == p


@pytest.mark.parametrize(
    ("wrong", "exact"), [(1, 1.0), (2, 0.494), (4, 0.116), (6, 0.0255), (10, 0.00104)]
)
def test_what_has_no_width_is_told_no_more_surely_than_counts_tell_it(
    wrong: int, exact: float
) -> None:
    """40 of 40 right, and some wrong: much as by Fisher's test (`scipy.stats.fisher_exact`)."""
    right = np.ones(40)
    less = right.copy()
    less[:wrong] = 0
    p = unpaired(estimate(right), estimate(less)).p
    assert p == unpaired(estimate(less), estimate(right)).p
    assert p == pytest.approx(unpaired(estimate(1 - right), estimate(1 - less)).p, rel=0.5)
    assert exact / 2 < p < 2 * exact


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        pytest.param(Estimate(1.5, 1, 2, 48), Estimate(1, 1, 1, 48), 0.1, 0.2, id="half of one"),
        pytest.param(Estimate(2, 2, 5, 48), Estimate(1, 1, 1, 48), 0.001, 0.01, id="its own end"),
        pytest.param(Estimate(2, 2, 2, 48), Estimate(1, 1, 1, 48), 0.001, 0.01, id="one rank"),
        pytest.param(Estimate(4, 3, 6, 48), Estimate(1, 1, 1, 48), 0, 0.01, id="three ranks"),
        pytest.param(Estimate(50, 40, 60, 48), Estimate(40, 30, 50, 48), 0.1, 0.2, id="far down"),
    ],
)
def test_ranks_are_known_no_better_than_by_half_of_one(
    one: Estimate, other: Estimate, least: float, most: float
) -> None:
    assert least <= unpaired(one, other).p <= most


def test_holms_method_is_as_it_is_defined() -> None:
    """The k-th smallest of n is told where each p(i) <= a / (n - i + 1)."""
    chance = np.random.default_rng(3)
    for _ in range(200):
        p_values = (chance.random(chance.integers(1, 12)) ** 3).tolist()
        adjusted = holm(p_values)
        for level in (0.01, 0.05, 0.3):
            told = set()
            for place, index in enumerate(np.argsort(p_values).tolist()):
                if p_values[index] > level / (len(p_values) - place):
                    break
                told.add(index)
            assert {i for i, p in enumerate(adjusted) if p <= level} == told
    assert holm([]) == []
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
