"""The score of outliers: what it is, and what it finds."""

from __future__ import annotations

import numpy as np
import pytest

from vsearch.analysis.neighbours import nearest
from vsearch.analysis.outliers import local_scores, threshold_of
from vsearch.vectors import unit


def test_the_score_by_hand() -> None:
    """Three pictures with one neighbour each."""
    places = np.array([[1], [0], [1]])
    far = np.array([0.5, 0.5, 1.0])
    cosines = (1 - far**2 / 2).astype(np.float32)[:, None]
    expected = [0.5 / 0.5**0.5 / 0.5**0.5, 1.0, 1.0 / 0.5]
    assert local_scores(places, cosines) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("together", [1, 12], ids=["alone", "twelve of a kind"])
def test_what_is_apart_comes_first(together: int) -> None:
    random = np.random.default_rng(0)
    centres = unit(random.standard_normal((4, 32)).astype(np.float32))
    width = np.array([0.05, 0.05, 0.15, 0.15])  # dense parts and sparse ones
    usual = centres[np.arange(400) % 4] + (
        width[np.arange(400) % 4, None] * random.standard_normal((400, 32))
    )
    strange = unit(random.standard_normal((1, 32)).astype(np.float32))
    odd = strange + 0.1 * random.standard_normal((together, 32))
    vectors = unit(np.concatenate([usual, odd]).astype(np.float32))
    each = np.arange(len(vectors))
    scores = local_scores(*nearest(vectors, vectors, 30, query_groups=each, target_groups=each))
    assert set(np.argsort(-scores)[:together].tolist()) == set(range(400, 400 + together))
    assert np.median(scores) == pytest.approx(1, abs=0.15)


def test_equal_pictures_are_not_apart() -> None:
    vectors = np.tile(np.array([[1, 0]], np.float32), (20, 1))
    each = np.arange(20)
    scores = local_scores(*nearest(vectors, vectors, 10, query_groups=each, target_groups=each))
    assert scores == pytest.approx(np.ones(20))
    assert threshold_of(scores) == 1.25


def test_the_threshold_is_that_of_the_modified_z_score() -> None:
    logarithms = np.array([-2.0, -1, 0, 1, 2])
    expected = np.exp(3.5 * 1 / 0.6745)  # the median of the deviations is 1
    assert threshold_of(np.exp(logarithms)) == pytest.approx(expected)
