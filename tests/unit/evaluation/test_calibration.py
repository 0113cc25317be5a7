"""`calibration` against scikit-learn's calibration curve, and against plain binning."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from vsearch.evaluation.calibration import expected_calibration_error, reliability


def test_the_diagram_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    for _ in range(1000):
        n, bins = int(chance.integers(1, 60)), int(chance.integers(1, 20))
        # Many on the edges of bins, and at 0 and 1.
        confidence = np.round(chance.random(n), int(chance.integers(1, 4)))
        right = chance.random(n) < confidence
        diagram = reliability(confidence, right, bins)
        some = diagram.counts > 0
        true, predicted = calibration_curve(right.astype(int), confidence, n_bins=bins, pos_label=1)
        assert diagram.accuracy[some] == pytest.approx(true)
        assert diagram.confidence[some] == pytest.approx(predicted)
        assert diagram.counts.sum() == n
        assert np.isnan(diagram.accuracy[~some]).all()
        gap = sum(diagram.counts[some] / n * np.abs(true - predicted))
        assert expected_calibration_error(confidence, right, bins) == pytest.approx(gap)


@pytest.mark.parametrize(
    ("confidence", "right", "expected"),
    [
        pytest.param([0.8] * 10, [1] * 8 + [0] * 2, 0.0, id="as sure as right"),
        pytest.param([1.0, 1.0], [0, 0], 1.0, id="sure and wrong"),
        pytest.param([0.0, 0.0], [1, 1], 1.0, id="unsure and right"),
        pytest.param([0.9, 0.5], [1, 0], (0.1 + 0.5) / 2, id="two bins"),
        pytest.param([0.61, 0.65], [1, 0], 0.13, id="one bin: the mean gap"),
        pytest.param([0.9, 0.9], [0.5, 1.0], 0.15, id="classes that tied"),
    ],
)
def test_what_can_be_told_by_hand(
    confidence: list[float], right: list[float], expected: float
) -> None:
    error = expected_calibration_error(np.array(confidence), np.array(right, float))
    assert error == pytest.approx(expected, abs=1e-12)


def test_bins_are_closed_above() -> None:
    diagram = reliability(np.array([0.0, 0.5, 0.5 + 1e-9, 1.0]), np.ones(4, bool), 2)
    assert diagram.counts.tolist() == [2, 2]
    assert diagram.edges.tolist() == [0, 0.5, 1]


@pytest.mark.filterwarnings("error")  # nor do they warn of 0 / 0
def test_no_predictions_have_no_error() -> None:
    assert np.isnan(expected_calibration_error(np.empty(0), np.empty(0, bool)))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, np.nan])
def test_what_is_no_probability_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        reliability(np.array([0.5, wrong]), np.ones(2, bool))
