"""Captions and pictures: every figure against plain code that ranks each query by itself."""

from __future__ import annotations

import numpy as np
import pytest
from made_truths import captions, gallery, nothing, vectors

from vsearch.evaluation.calibration import expected_calibration_error
from vsearch.evaluation.protocols.captions import image_to_text, text_to_image
from vsearch.evaluation.results import Result
from vsearch.records import Calibration, Logistic
from vsearch.searching.relevance import evidence, relevance
from vsearch.truth.values import Captions

K = (1, 3, 10)
TOLD = Calibration(sentence=Logistic(20.0, -10.0), keyword=Logistic(15.0, -8.0))


def asked(seed: int, *, calibration: Calibration = TOLD) -> tuple[Captions, Result, Result]:
    random = np.random.default_rng(seed)
    truth = captions(random, 30, 90)
    pictures = gallery(vectors(random, 30))
    words = dict(zip(truth.captions, vectors(random, 90), strict=True))
    texts = np.stack([words[text] for text in truth.captions])
    names = [path[1:] for path in truth.paths]
    to_image = text_to_image(
        truth, names, texts, pictures, calibration, K, workers=2, progress=nothing
    )
    to_text = image_to_text(truth, names, texts, pictures, K, workers=2, progress=nothing)
    scores = texts @ pictures.of(np.arange(30)).T
    check_text_to_image(truth, scores, to_image)
    check_image_to_text(truth, scores, to_text)
    return truth, to_image, to_text


def check_text_to_image(truth: Captions, scores: np.ndarray, found: Result) -> None:
    ranks = np.array(
        [1 + (row > row[image]).sum() for row, image in zip(scores, truth.image_of, strict=True)]
    )
    assert found.per_query is not None
    for k in K:
        assert np.allclose(found.per_query[f"recall@{k}"], ranks <= k)
        assert found.metrics[f"recall@{k}"].value == pytest.approx((ranks <= k).mean())
    assert np.allclose(found.per_query["mrr"], 1 / ranks)
    assert found.metrics["median_rank"].value == np.median(ranks)
    assert dict(found.curve)[5] == pytest.approx((ranks <= 5).mean())
    assert (found.queries, found.gallery, found.left_out) == (90, 30, 0)
    worst = found.worst[0]
    assert worst.rank == ranks.max()
    assert worst.words in truth.captions
    assert len(found.worst) == 12
    assert [one.value for one in found.worst] == sorted(1 / ranks)[:12]


def check_image_to_text(truth: Captions, scores: np.ndarray, found: Result) -> None:
    assert found.per_query is not None
    texts = np.array(truth.captions)
    for image, column in enumerate(scores.T):
        own = np.flatnonzero(np.array(truth.image_of) == image)
        if len(set(texts[own])) < len(own) or any((texts == texts[one]).sum() > 1 for one in own):
            continue  # the same words twice tie, which test_ranking.py looks into
        order = np.argsort(-column)
        places = np.flatnonzero(np.isin(order, own))  # from 0
        assert found.per_query["mrr"][image] == pytest.approx(1 / (1 + places[0]))
        precisions = np.arange(1, len(own) + 1) / (1 + places)
        assert found.per_query["map"][image] == pytest.approx(precisions.mean())
        for k in K:
            assert found.per_query[f"hit_rate@{k}"][image] == float(places[0] < k)
            assert found.per_query[f"recall@{k}"][image] == pytest.approx((places < k).mean())
        first = (places < len(own)).mean()
        assert found.per_query["r_precision"][image] == pytest.approx(first)
    assert (found.queries, found.gallery) == (30, 90)
    assert found.worst[0].path in truth.paths
    assert set(found.worst[0].wanted_words) <= set(truth.captions)


@pytest.mark.parametrize("seed", range(5))
def test_all_is_what_plain_code_says(seed: int) -> None:
    asked(seed)


def test_the_error_of_calibration_is_that_of_what_a_search_tells() -> None:
    truth = Captions(("/a", "/b"), ("one two three four five", "dog"), (0, 1))
    embeddings = np.eye(2, dtype=np.float32)
    found = text_to_image(
        truth, ["a", "b"], embeddings, gallery(embeddings), TOLD, (1,), workers=1, progress=nothing
    )
    told, right = [], []
    for place, kind in enumerate((TOLD.sentence, TOLD.keyword)):  # by the number of words
        evident = evidence(embeddings[place], kind, None)
        assert evident is not None
        told.append(relevance(evident, 2))
        right.append(np.arange(2) == place)
    expected = expected_calibration_error(np.concatenate(told), np.concatenate(right))
    assert found.metrics["ece"].value == pytest.approx(expected)


def test_a_model_that_tells_no_relevance_has_no_error_of_it() -> None:
    _, found, _ = asked(0, calibration=Calibration())
    assert "ece" not in found.metrics
    assert found.scores is not None
    assert found.scores.cutoff is None


def test_the_same_caption_of_two_pictures_is_in_no_order() -> None:
    truth = Captions(("/a", "/b"), ("the same", "the same"), (0, 1))
    pictures = gallery(np.eye(2, dtype=np.float32))
    texts = np.array([[1, 0], [1, 0]], dtype=np.float32)
    found = image_to_text(truth, ["a", "b"], texts, pictures, (1,), workers=1, progress=nothing)
    assert found.metrics["hit_rate@1"].value == 0.5  # the mean over both orders
    assert found.worst[0].rank == 1.5


def test_queries_are_known_by_the_picture_and_the_words_even_if_said_twice() -> None:
    truth = Captions(("/a",), ("twice", "twice"), (0, 0))
    pictures = gallery(np.eye(1, dtype=np.float32))
    texts = np.ones((2, 1), dtype=np.float32)
    found = text_to_image(truth, ["a"], texts, pictures, TOLD, (1,), workers=1, progress=nothing)
    assert found.ids == ("a: twice", "a: twice #2")
    assert found.clusters is not None
    assert found.clusters.tolist() == [0, 0]
