"""Block by block on several threads comes to what one product of matrices does."""

from __future__ import annotations

import numpy as np
import pytest
from made_truths import Vectors, gallery, vectors
from numpy.typing import NDArray

from vsearch.evaluation import ranking, retrieval, verification
from vsearch.evaluation.gallery import Gallery
from vsearch.evaluation.retrieval import Asked, at, came_first, retrieve, worst_first


@pytest.fixture(params=[1, 7, 1000], ids=["one query", "7 queries", "all"])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of so many queries, in a gallery of 60."""
    monkeypatch.setattr(retrieval, "BLOCK_BYTES", request.param * 60 * 4)


def asked(embeddings: Vectors, *, without: bool) -> tuple[Asked, NDArray[np.int64]]:
    of = np.random.default_rng(1).integers(0, 6, len(embeddings))
    own = np.arange(len(embeddings)) if without else np.full(len(embeddings), -1)
    relevant = [np.flatnonzero(of == one) for one in of]
    return Asked(tuple(map(str, range(len(embeddings)))), embeddings, relevant, without=own), of


@pytest.mark.usefixtures("_block")
@pytest.mark.parametrize("without", [False, True])
def test_blocks_come_to_what_all_at_once_does(without: bool) -> None:
    random = np.random.default_rng(0)
    embeddings = vectors(random, 60, kinds=20)
    one, of = asked(embeddings, without=without)
    measures = {**at((1, 5), ranking.recall_at, "recall"), "map": ranking.average_precision}
    found = retrieve(one, gallery(embeddings), measures, ranking.hit_rate_at, workers=2)
    scores = gallery(embeddings).scores(embeddings)
    whole = ranking.ranked(scores, one.relevant, without=one.without)
    for name, measure in measures.items():
        assert np.array_equal(found.values[name], measure(whole), equal_nan=True), name
    expected = {k: float(np.nanmean(ranking.hit_rate_at(whole, k))) for k, _ in found.curve}
    assert dict(found.curve) == pytest.approx(expected)
    assert list(expected) == [1, 2, 3, 5, 7, 10, 15, 20, 30, 50]
    same = of[:, None] == of
    counted = ~np.eye(60, dtype=bool) if without else np.ones((60, 60), dtype=bool)
    assert found.matching.sum() == (same & counted).sum()
    assert found.others.sum() == (~same & counted).sum()
    # The distribution: each cosine is in the bin that has it; what is 1 by rounding in the last.
    shown = found.scores()
    cosines = np.clip(scores[same & counted], -1, np.nextafter(np.float32(1), np.float32(0)))
    exact, _ = np.histogram(cosines, bins=np.asarray(shown.edges))
    assert np.array_equal(exact, shown.matching)


def test_of_a_large_gallery_some_are_looked_at_and_stand_for_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrieval, "LOOKED_AT", 100)
    random = np.random.default_rng(0)
    embeddings = vectors(random, 1000)
    of = random.integers(0, 10, 1000)
    one = Asked(
        tuple(map(str, range(1000))),
        embeddings,
        [np.flatnonzero(of == kind) for kind in of],
        without=np.arange(1000),
    )
    found = retrieve(one, gallery(embeddings), {}, ranking.recall_at, workers=2)
    assert found.matching.sum() == sum((of == kind).sum() - 1 for kind in of)
    scores = embeddings @ embeddings.T
    others = scores[of[:, None] != of]
    assert found.others.sum() == pytest.approx(len(others), rel=0.02)
    centres = verification.centers()
    mean = (found.others.sum(axis=0) * centres).sum() / found.others.sum()
    assert mean == pytest.approx(others.mean(), abs=0.005)


def test_the_worst_come_first_and_of_equals_the_one_that_ranks_lowest() -> None:
    values = np.array([0.5, np.nan, 0.1, 0.1, 0.9])
    ranks = np.array([2.0, np.nan, 5.0, 9.0, 1.0])
    assert worst_first(values, ranks, 3) == [3, 2, 0]
    assert worst_first(values, ranks, 9) == [3, 2, 0, 4]


def test_what_came_first_is_told_without_the_query_itself() -> None:
    embeddings = np.eye(3, dtype=np.float32)
    embeddings[2] = embeddings[0]
    items = gallery(embeddings)
    one = Asked(
        ("a", "b", "c"), embeddings, [np.array([2]), np.array([0]), np.array([0])],
        without=np.arange(3),
    )  # fmt: skip
    assert came_first(one, 0, items, 5) == [(2, 1.0, True), (1, 0.0, False)]


def test_copies_tie_to_the_last_bit_whatever_the_place() -> None:
    random = np.random.default_rng(0)
    embeddings = vectors(random, 999, dim=384)
    embeddings[[17, 500, 998]] = embeddings[3]
    scores = gallery(embeddings).scores(vectors(random, 50, dim=384))
    for place in (17, 500, 998):
        assert np.array_equal(scores[:, place], scores[:, 3])


def test_a_gallery_without_copies_is_multiplied_as_it_is() -> None:
    embeddings = np.eye(4, dtype=np.float32)
    plain = Gallery(("a", "b", "c", "d"), embeddings)
    assert np.array_equal(plain.scores(embeddings), np.eye(4))
    assert np.array_equal(plain.of(np.array([2])), embeddings[2:3])
