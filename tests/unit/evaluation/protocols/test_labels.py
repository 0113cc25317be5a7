"""Leaving one out, and telling classes: against plain code and scikit-learn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from made_truths import gallery, labels, nothing, vectors
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score, roc_curve

from vsearch.evaluation.comparison import Outcome, changes, outcome_of
from vsearch.evaluation.protocols import labels as module
from vsearch.evaluation.protocols.labels import NEIGHBOURS, TEMPERATURE, image_to_image, zero_shot
from vsearch.evaluation.results import Result
from vsearch.records import Logistic
from vsearch.truth.values import Labels

N = 80


def asked(
    seed: int, queries: list[int] | None = None, *, classes: int = 7
) -> tuple[Labels, np.ndarray, Result, Result]:
    random = np.random.default_rng(seed)
    truth = labels(random, N, classes)
    embeddings = vectors(random, N)
    names = [path[1:] for path in truth.paths]
    chosen = np.array(queries if queries is not None else range(N), dtype=np.int64)
    found, voted = image_to_image(
        truth, names, chosen, gallery(embeddings), (1, 5), workers=2, progress=nothing
    )
    return truth, embeddings, found, voted


@pytest.mark.parametrize("seed", range(4))
def test_leaving_one_out_is_what_plain_code_says(seed: int) -> None:
    truth, embeddings, found, _ = asked(seed)
    assert found.per_query is not None
    of = np.array(truth.labels)
    for place in range(N):
        scores = embeddings @ embeddings[place]
        order = [one for one in np.argsort(-scores) if one != place]
        right = of[order] == of[place]
        ranks = np.flatnonzero(right) + 1
        r = len(ranks)
        precisions = np.arange(1, r + 1) / ranks
        expected = {
            "hit_rate@1": float(right[0]),
            "hit_rate@5": float(right[:5].any()),
            "precision@5": right[:5].mean(),
            "r_precision": right[:r].mean(),
            "map@r": (precisions * (ranks <= r)).sum() / r,
            "map": precisions.mean(),
            "mrr": 1 / ranks[0],
        }
        for name, value in expected.items():
            assert found.per_query[name][place] == pytest.approx(value), (name, place)
    assert (found.queries, found.gallery, found.left_out) == (N, N - 1, 0)


def test_pairs_of_one_class_are_told_from_others_as_scikit_learn_says() -> None:
    truth, embeddings, found, _ = asked(0)
    of = np.array(truth.labels)
    apart = ~np.eye(N, dtype=bool)
    exact = roc_auc_score((of[:, None] == of)[apart], (embeddings @ embeddings.T)[apart])
    assert found.metrics["roc_auc"].value == pytest.approx(exact, abs=2e-3)  # bins of .0005
    assert found.metrics["roc_auc"].n == N * (N - 1)
    fars, tars, _ = roc_curve((of[:, None] == of)[apart], (embeddings @ embeddings.T)[apart])
    assert found.metrics["tar@0.001"].value == pytest.approx(np.interp(1e-3, fars, tars), abs=2e-3)
    assert found.metrics["roc_auc"].low < exact < found.metrics["roc_auc"].high


def test_the_neighbours_vote_as_plain_code_has_them_do() -> None:
    truth, embeddings, _, voted = asked(1)
    of = np.array(truth.labels)
    names = sorted(set(of))
    predicted = []
    for place in range(N):
        scores = embeddings @ embeddings[place]
        near = [one for one in np.argsort(-scores) if one != place][:NEIGHBOURS]
        weights = dict.fromkeys(names, 0.0)
        for one in near:
            weights[of[one]] += float(np.exp(scores[one] / TEMPERATURE))
        predicted.append(max(names, key=weights.__getitem__))
    assert voted.metrics["top1_accuracy"].value == np.mean(np.array(predicted) == of)
    assert voted.metrics["micro_f1"].value == np.mean(np.array(predicted) == of)
    macro = f1_score(of, predicted, average="macro")
    assert voted.metrics["macro_f1"].value == pytest.approx(macro)
    balanced = balanced_accuracy_score(of, predicted)
    assert voted.metrics["balanced_accuracy"].value == pytest.approx(balanced)
    assert voted.confusion is not None
    assert sum(voted.confusion.values()) == N
    wrong = sum(count for (true, guess), count in voted.confusion.items() if true != guess)
    assert wrong == (np.array(predicted) != of).sum()
    assert {row.label: row.support for row in voted.classes} == {
        name: (of == name).sum() for name in names
    }


def test_equal_neighbours_share_what_votes_are_left_whatever_their_order() -> None:
    """Sixty copies of one picture, half of each class: nobody is nearer, so nobody wins."""
    accuracies = []
    for order in (["a"] * 30 + ["b"] * 30, ["a", "b"] * 30, ["b"] * 30 + ["a"] * 30):
        truth = Labels(tuple(f"/p/{number}" for number in range(60)), tuple(order))
        copies = gallery(np.tile(np.array([[1, 0]], dtype=np.float32), (60, 1)))
        _, voted = image_to_image(
            truth, [path[1:] for path in truth.paths], np.arange(60), copies, (1,),
            workers=1, progress=nothing,
        )  # fmt: skip
        accuracies.append(voted.metrics["top1_accuracy"].value)
        assert voted.metrics["micro_f1"] == voted.metrics["top1_accuracy"]
    assert accuracies == [0, 0, 0]  # of the 59 others, one more is of the other class


def test_few_may_ask_and_all_are_there_to_be_found() -> None:
    chosen = [3, 40, 41]
    _, _, everything, _ = asked(2)
    _, _, some, voted = asked(2, chosen)
    assert (some.queries, some.gallery) == (3, N - 1)
    assert some.per_query is not None
    assert everything.per_query is not None
    for name, values in some.per_query.items():
        assert np.allclose(values, everything.per_query[name][chosen]), name
    assert some.ids == ("p/3.jpg", "p/40.jpg", "p/41.jpg")
    assert voted.queries == 3


def test_the_only_one_of_its_class_has_nothing_to_find() -> None:
    truth = Labels(("/a", "/b", "/c"), ("x", "x", "alone"))
    pictures = gallery(np.eye(3, dtype=np.float32))
    found, voted = image_to_image(
        truth, ["a", "b", "c"], np.arange(3), pictures, (1,), workers=1, progress=nothing
    )
    assert (found.queries, found.left_out) == (2, 1)
    assert (voted.queries, voted.left_out) == (2, 1)
    assert found.metrics["map@r"].n == 2


def test_one_class_alone_has_no_pairs_that_differ() -> None:
    truth = Labels(("/a", "/b"), ("x", "x"))
    found, _ = image_to_image(
        truth, ["a", "b"], np.arange(2), gallery(np.eye(2, dtype=np.float32)), (1,),
        workers=1, progress=nothing,
    )  # fmt: skip
    assert np.isnan(found.metrics["roc_auc"].value)
    assert found.metrics["map@r"].value == 1


def test_zero_shot_is_the_nearest_of_the_words_and_knows_how_sure_it_is() -> None:
    random = np.random.default_rng(0)
    truth = labels(random, N, 4)
    embeddings, words = vectors(random, N), vectors(random, 4)
    names = [path[1:] for path in truth.paths]
    found = zero_shot(
        truth, names, np.arange(N), gallery(embeddings), words, Logistic(9.0, -2.0),
        progress=nothing,
    )  # fmt: skip
    kinds = sorted(set(truth.labels))
    scores = embeddings @ words.T
    guess = np.array(kinds)[scores.argmax(axis=1)]
    right = guess == np.array(truth.labels)
    assert found.metrics["top1_accuracy"].value == right.mean()
    assert "top5_accuracy" not in found.metrics  # of four classes
    chances = np.exp(9 * scores) / np.exp(9 * scores).sum(axis=1, keepdims=True)
    sure = chances.max(axis=1)
    error = 0.0
    for low in np.arange(15) / 15:
        inside = (sure > low) & (sure <= low + 1 / 15)
        if inside.any():
            error += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert found.metrics["ece"].value == pytest.approx(error)
    plain = zero_shot(
        truth, names, np.arange(N), gallery(embeddings), words, None, progress=nothing
    )
    assert "ece" not in plain.metrics


def test_of_models_that_are_as_good_few_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """By drawing queries alone some 30 % of them would be: a picture is found as it asks, too."""
    monkeypatch.setattr(module, "interval_of", lambda *_args, **_options: (0.0, 1.0))  # quicker
    random = np.random.default_rng(0)
    of = np.arange(60) % 6
    truth = Labels(tuple(f"/{one}" for one in range(60)), tuple(map(str, of)))

    def drawn(shared: np.ndarray, centers: np.ndarray) -> Outcome:
        embeddings = centers[of] + 1.5 * (shared + random.standard_normal((60, 32)))
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        pictures = gallery(embeddings.astype(np.float32))
        found, _ = image_to_image(
            truth, truth.paths, np.arange(60), pictures, (1,), workers=1, progress=nothing
        )
        return outcome_of(found)

    told, by_queries = 0, 0
    for _ in range(60):
        world = random.standard_normal((60, 32)), random.standard_normal((6, 32))
        now, before = (drawn(*world) for _ in range(2))
        told += changes(now, before)["map"].difference.p <= 0.05
        alone = dataclasses.replace(now, spread=1.0)
        by_queries += changes(alone, before)["map"].difference.p <= 0.05
    assert told <= 6
    assert by_queries >= 10
