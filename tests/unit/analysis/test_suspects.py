"""Classes told by others, and confident learning, against plain code."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.analysis import suspects
from vsearch.analysis.classifier import FOLDS, Classifier, by_neighbours, folds, votes
from vsearch.analysis.neighbours import nearest
from vsearch.analysis.suspects import doubts
from vsearch.vectors import unit


def test_votes_by_hand() -> None:
    """The nearest has one vote; two of one group share theirs; what is not there has none."""
    squared = [0.2, 0.4, 0.6]
    cosines = np.array([[*(1 - one / 2 for one in squared), np.nan]], dtype=np.float32)
    (found,) = votes(cosines, np.array([[7, 8, 8, 8]]))
    width = sum(squared) / 3
    expected = [1, math.exp(-0.2 / width) / 2, math.exp(-0.4 / width) / 2, 0]
    assert found == pytest.approx(expected, abs=1e-5)
    assert votes(np.full((1, 2), np.nan, np.float32), np.zeros((1, 2), np.int64)).tolist() == [
        [0, 0]
    ]


def test_probabilities_by_neighbours_by_hand() -> None:
    cosines = np.full((2, 2), 0.5, np.float32)
    cosines[1] = np.nan
    places, labels = np.array([[0, 2], [-1, -1]]), np.array([0, 0, 1])
    found = by_neighbours(places, cosines, labels, np.arange(3), np.array([0.7, 0.3]))
    assert found == pytest.approx(np.array([[1.7 / 3, 1.3 / 3], [0.7, 0.3]]))


def plain_doubts(
    labels: list[int], probabilities: list[list[float]], besides: dict[int, list[int]]
) -> list[tuple[int, float, float, bool]]:
    """Confident learning, as its paper has it (equations 1 to 3)."""
    classes = range(len(probabilities[0]))
    usual = []
    for one in classes:
        own = [row[one] for row, label in zip(probabilities, labels, strict=True) if label == one]
        usual.append(sum(own) / len(own))
    found = []
    for place, (row, label) in enumerate(zip(probabilities, labels, strict=True)):
        left = [
            0.0 if one != label and one in besides.get(place, []) else row[one] for one in classes
        ]
        sure = [one for one in classes if left[one] >= usual[one]]
        best = max(sure, key=lambda one: (left[one], -one), default=label)
        other = max((one for one in classes if one != label), key=lambda one: (left[one], -one))
        found.append((other, row[label], left[other], best != label))
    return found


@pytest.mark.parametrize("rows", [3, 4096])
def test_doubts_are_those_of_confident_learning(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "_ROWS", rows)
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = np.concatenate([np.arange(4), random.integers(0, 4, 20)])
        probabilities = random.dirichlet(np.ones(4), len(labels)).round(2)
        besides = {1: [1, 2], 5: [0, 1, 2, 3], 9: [3]} if seed % 2 else {}
        found = doubts(labels, lambda start, end: probabilities[start:end].copy(), besides)  # noqa: B023  # called at once
        told = zip(
            found.proposed.tolist(), found.given.tolist(), found.other.tolist(),
            found.confident.tolist(), strict=True,
        )  # fmt: skip
        assert list(told) == plain_doubts(labels.tolist(), probabilities.tolist(), besides)


def test_folds_keep_groups_together_and_classes_apart() -> None:
    random = np.random.default_rng(0)
    groups = random.integers(0, 60, 200)
    labels = groups % 4
    found = folds(labels, groups, seed=3)
    for group in np.unique(groups):
        assert len(set(found[groups == group].tolist())) == 1
    for label in range(4):
        assert set(found[labels == label].tolist()) == set(range(FOLDS))
    assert found.tolist() == folds(labels, groups, seed=3).tolist()
    assert found.tolist() != folds(labels, groups, seed=4).tolist()


def classified(
    vectors: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64]
) -> NDArray[np.float64]:
    near = nearest(vectors, vectors, 20, query_groups=groups, target_groups=groups)
    return Classifier(vectors, labels, groups, *near, seed=0).probabilities(0, len(labels))


def clusters(seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pictures of three classes, 40 of each."""
    random = np.random.default_rng(seed)
    labels = np.arange(120) % 3
    centres = random.standard_normal((3, 16))
    return unit((centres[labels] + random.standard_normal((120, 16))).astype(np.float32)), labels


def test_a_wrong_label_is_seen_though_its_copies_have_it_too() -> None:
    vectors, labels = clusters(0)
    given = labels.copy()
    given[0] = 1
    vectors = np.concatenate([vectors, np.repeat(vectors[:1], 30, axis=0)])
    given = np.concatenate([given, np.ones(30, np.int64)])
    groups = np.concatenate([np.arange(120), np.zeros(30, np.int64)])
    found = classified(vectors, given, groups)
    assert found[0].argmax() == 0
    assert found[0] == pytest.approx(found[-1])  # each copy is told the same
    # Were they no group, they would vouch for it.
    assert classified(vectors, given, np.arange(150))[0].argmax() == 1


def test_what_is_near_to_a_neighbour_of_it_does_not_vouch() -> None:
    """A picture may be near to one that another picture stands in for."""
    random = np.random.default_rng(0)
    hashes = random.integers(0, 256, (5, 32), dtype=np.uint8)
    hashes[3] = hashes[0]
    places = np.array([[1, 3], [0, -1], [4, 0]])
    cosines = np.array([[0.95, 0.95], [0.95, np.nan], [1.0, 0.5]], dtype=np.float32)
    hashes[4] = hashes[2]
    suspects._leave_out_near(places, cosines, hashes)
    assert places.tolist() == [[1, -1], [0, -1], [-1, 0]]
    assert np.isnan(cosines).tolist() == [[False, True], [False, True], [True, False]]


def test_probabilities_are_some_also_where_all_pictures_are_equal() -> None:
    vectors = np.tile(np.array([[1, 0, 0]], np.float32), (30, 1))
    found = classified(vectors, np.arange(30) % 2, np.arange(30))
    assert found.sum(axis=1) == pytest.approx(np.ones(30))
