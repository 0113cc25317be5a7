"""`verification` against scikit-learn's ROC curve, on 1,000 cases with ties."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics

from vsearch.evaluation.verification import (
    BINS,
    auc_error,
    centers,
    counted,
    equal_error_rate,
    histogram,
    roc_auc,
    true_accept_rate,
)

Case = tuple[NDArray[np.float64], NDArray[np.bool_]]


def cases() -> list[Case]:
    chance = np.random.default_rng(0)
    made: list[Case] = []
    while len(made) < 1000:
        n = int(chance.integers(2, 40))
        match = chance.random(n) < chance.random()
        scores = chance.integers(0, chance.integers(1, 12), n) / 11 + match * chance.integers(0, 2)
        if match.any() and not match.all():
            made.append((scores, match))
    return made


def test_roc_auc_is_that_of_scikit_learn() -> None:
    for scores, match in cases():
        _, matching, others = counted(scores, match)
        assert roc_auc(matching, others) == pytest.approx(metrics.roc_auc_score(match, scores))


def test_counts_are_those_of_each_score_ascending() -> None:
    scores = np.array([0.5, -1, 0.5, np.nan, 0.5, np.inf, 2], np.float32)
    match = np.array([True, False, False, True, True, True, False])
    values, matching, others = counted(scores, match)
    assert values.tolist() == [-1, 0.5, 2]
    assert (matching.tolist(), others.tolist()) == ([0, 2, 0], [1, 1, 1])


def test_the_equal_error_rate_is_where_scikit_learns_curve_crosses_the_diagonal() -> None:
    for scores, match in cases():
        rate, threshold = equal_error_rate(*counted(scores, match))
        far, tar, _ = metrics.roc_curve(match, scores, drop_intermediate=False)
        # The curve at so fine steps between its points that the nearest to the diagonal is it.
        steps = np.linspace(0, 1, 2001)
        fine_far = (far[:-1, None] + np.diff(far)[:, None] * steps).reshape(-1)
        fine_frr = 1 - (tar[:-1, None] + np.diff(tar)[:, None] * steps).reshape(-1)
        nearest = np.argmin(np.abs(fine_far - fine_frr))
        assert rate == pytest.approx(fine_far[nearest], abs=5e-4)
        # Accepting from just above the threshold errs on one side, from it on the other.
        accepted, before = scores >= threshold, scores > threshold
        assert before[~match].mean() <= rate + 1e-12
        assert accepted[~match].mean() >= rate - 1e-12
        assert (~before)[match].mean() >= rate - 1e-12
        assert (~accepted)[match].mean() <= rate + 1e-12


@pytest.mark.parametrize("far", [0.0, 1e-3, 0.1, 0.25, 0.5, 1.0])
def test_the_true_accept_rate_is_scikit_learns_curve(far: float) -> None:
    for scores, match in cases():
        _, matching, others = counted(scores, match)
        fars, tars, _ = metrics.roc_curve(match, scores, drop_intermediate=False)
        best = {share: max(tars[fars == share]) for share in fars}  # straight up at the same far
        after = min((share for share in best if share > far), default=1.0)
        before = max(share for share in best if share <= far)
        expected = best[before]
        if far > before:
            lowest = min(tars[fars == after])
            expected += (lowest - best[before]) * (far - before) / (after - before)
        assert true_accept_rate(matching, others, far) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "match", "expected"),
    [
        pytest.param([1, 2, 3, 4], [0, 0, 1, 1], (1.0, 0.0, 1.0), id="apart"),
        pytest.param([1, 2, 3, 4], [1, 1, 0, 0], (0.0, 1.0, 0.0), id="the wrong way round"),
        pytest.param([1, 1, 1, 1], [0, 1, 1, 0], (0.5, 0.5, 0.1), id="all tied"),
        pytest.param([1, 1, 2, 2], [0, 1, 0, 1], (0.5, 0.5, 0.1), id="two ties"),
    ],
)
def test_what_can_be_told_by_hand(
    scores: list[int], match: list[int], expected: tuple[float, float, float]
) -> None:
    values, matching, others = counted(np.array(scores, float), np.array(match, bool))
    rate, _ = equal_error_rate(values, matching, others)
    tar = true_accept_rate(matching, others, 0.1)
    assert (roc_auc(matching, others), rate, tar) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "match", "expected"),
    [
        pytest.param([1, 2, 3, 4], [0, 0, 1, 1], 3, id="apart"),
        pytest.param([1, 2, 3, 4], [0, 1, 0, 1], 3, id="crossing at a point"),
        pytest.param([1, 2, 2, 2, 3], [0, 0, 1, 1, 1], 2, id="within a tie"),
    ],
)
def test_from_the_threshold_on_as_many_are_wrongly_accepted_as_refused(
    scores: list[int], match: list[int], expected: float
) -> None:
    _, threshold = equal_error_rate(*counted(np.array(scores, float), np.array(match, bool)))
    assert threshold == expected


def test_without_pairs_of_both_kinds_there_is_no_value() -> None:
    values, some, none = np.array([0.5]), np.array([3]), np.array([0])
    for matching, others in ((some, none), (none, some), (none, none)):
        answers = [
            roc_auc(matching, others),
            *equal_error_rate(values, matching, others),
            true_accept_rate(matching, others),
        ]
        assert np.isnan(answers).all()


def test_a_million_million_pairs_do_not_overflow() -> None:
    matching, others = np.array([10**9, 3 * 10**9]), np.array([5 * 10**9, 5 * 10**9])
    assert roc_auc(matching, others) == pytest.approx(0.25 * 0.25 + 0.75 * 0.75)


def binned(cosines: NDArray[np.float64]) -> NDArray[np.int64]:
    return histogram(cosines, np.zeros(cosines.shape, np.int64), 1).reshape(-1)


def test_bins_of_cosines_count_every_one_that_is_finite_in_its_group() -> None:
    cosines = np.array([[-1, -1 - 1e-6, 1, 1 + 1e-6], [0, np.nan, -np.inf, np.inf]], np.float32)
    counts = histogram(cosines, np.array([[0, 0, 0, 2], [2, 2, 0, 2]]), 3)
    assert counts.dtype == np.int64
    assert counts.shape == (3, BINS)
    assert counts.sum(axis=1).tolist() == [3, 0, 2]
    assert counts[:, [0, BINS // 2, BINS - 1]].tolist() == [[2, 0, 1], [0, 0, 0], [0, 1, 1]]
    assert (centers()[0], centers()[-1]) == (-1 + 1 / BINS, 1 - 1 / BINS)
    spread = np.random.default_rng(1).uniform(-1, 1, 1000)
    at = centers()[np.flatnonzero(binned(spread))]
    nearest = np.abs(spread[:, None] - at).min(axis=1)
    assert nearest.max() <= 1 / BINS + 1e-12


def test_bins_are_off_by_no_more_than_they_say() -> None:
    chance = np.random.default_rng(2)
    for _ in range(20):
        match = chance.random(20_000) < 0.3
        scores = np.clip(chance.normal(0.2, 0.002, 20_000) + match * 0.001, -1, 1)
        values, matching, others = counted(scores, match)
        coarse = binned(scores[match]), binned(scores[~match])
        off = abs(roc_auc(*coarse) - roc_auc(matching, others))
        assert 0 < off <= auc_error(*coarse) < 0.1
        rate, threshold = equal_error_rate(values, matching, others)
        near_rate, near = equal_error_rate(centers(), *coarse)
        assert abs(near - threshold) <= 2 / BINS
        there = int((near + 1) * BINS / 2)
        share = max(counts[there] / counts.sum() for counts in coarse)
        assert abs(near_rate - rate) <= share
