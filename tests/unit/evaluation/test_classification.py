"""`classification` against scikit-learn, and ties against every order of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn import metrics

from vsearch.evaluation.classification import (
    balanced_accuracy,
    by_class,
    confusion,
    macro_f1,
    micro_f1,
    top_k_accuracy,
)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_accuracy_is_that_of_scikit_learn_where_nothing_is_tied(k: int) -> None:
    chance = np.random.default_rng(0)
    for _ in range(1000):
        n, classes = int(chance.integers(1, 20)), int(chance.integers(6, 9))
        scores = chance.random((n, classes))
        truth = chance.integers(0, classes, n)
        expected = metrics.top_k_accuracy_score(truth, scores, k=k, labels=np.arange(classes))
        assert top_k_accuracy(scores, truth, k).mean() == pytest.approx(expected)


def test_a_tied_class_is_among_the_k_in_its_share_of_orders() -> None:
    chance = np.random.default_rng(1)
    for _ in range(1000):
        classes = int(chance.integers(1, 6))
        scores = chance.integers(0, 3, classes)
        truth, k = int(chance.integers(0, classes)), int(chance.integers(1, 7))
        orders = [
            order
            for order in itertools.permutations(range(classes))
            if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
        ]
        expected = np.mean([truth in order[:k] for order in orders])
        answer = top_k_accuracy(scores[None].astype(np.float32), np.array([truth]), k)
        assert answer.tolist() == pytest.approx([expected])


def test_scores_that_are_not_finite_are_below_all_others() -> None:
    scores = np.array([[np.nan, -np.inf, -1.0], [np.inf, 0.0, 1.0]])
    assert top_k_accuracy(scores, np.array([0, 0]), 2).tolist() == [0.5, 0.0]
    assert top_k_accuracy(scores, np.array([2, 1]), 2).tolist() == [1.0, 1.0]


def test_no_k_is_below_one() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        top_k_accuracy(np.ones((1, 2)), np.array([0]), 0)


@pytest.mark.filterwarnings("ignore:y_pred contains classes", "ignore:A single label was found")
def test_all_of_it_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(2)
    for _ in range(1000):
        n, classes = int(chance.integers(1, 40)), int(chance.integers(1, 9))
        truth = chance.integers(0, classes, n)
        predicted = np.where(chance.random(n) < 0.5, truth, chance.integers(0, classes, n))
        pairs = confusion(truth, predicted)
        told = by_class(pairs, classes)

        table = np.zeros((classes, classes), np.int64)
        table[pairs.truth, pairs.predicted] = pairs.counts
        everything = range(classes)
        expected = metrics.confusion_matrix(truth, predicted, labels=everything)
        assert table.tolist() == expected.tolist()
        assert pairs.counts.all()
        precision, recall, f1, support = metrics.precision_recall_fscore_support(
            truth, predicted, labels=everything, zero_division=0
        )
        assert told.precision == pytest.approx(precision)
        assert told.recall == pytest.approx(recall)
        assert told.f1 == pytest.approx(f1)
        assert told.support.tolist() == support.tolist()
        assert told.predicted.tolist() == table.sum(axis=0).tolist()
        assert told.right.tolist() == table.diagonal().tolist()
        assert macro_f1(told) == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
        assert micro_f1(told) == pytest.approx(metrics.f1_score(truth, predicted, average="micro"))
        balanced = metrics.balanced_accuracy_score(truth, predicted)
        assert balanced_accuracy(told) == pytest.approx(balanced)


def test_counts_stand_in_for_items_that_were_drawn_so_often() -> None:
    truth, predicted = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0])
    drawn = np.array([3, 0, 2, 1])
    again = confusion(np.repeat(truth, drawn), np.repeat(predicted, drawn))
    weighted = by_class(confusion(truth, predicted), 3, drawn)
    assert weighted.f1.tolist() == by_class(again, 3).f1.tolist()
    assert macro_f1(weighted) == macro_f1(by_class(again, 3))


def test_classes_that_do_not_occur_are_in_no_mean() -> None:
    told = by_class(confusion(np.array([0, 0]), np.array([0, 1])), 5)
    assert told.f1.tolist() == pytest.approx([2 / 3, 0, 0, 0, 0])
    assert macro_f1(told) == pytest.approx(1 / 3)  # class 1 is predicted, if only wrongly
    assert balanced_accuracy(told) == 0.5  # and nothing is of it


def test_nothing_has_no_value() -> None:
    nothing = np.empty(0, np.int64)
    told = by_class(confusion(nothing, nothing), 3)
    assert np.isnan([macro_f1(told), micro_f1(told), balanced_accuracy(told)]).all()
    assert told.precision.tolist() == [0, 0, 0]
