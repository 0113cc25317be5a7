"""k-centre greedy against plain code; the map."""

from __future__ import annotations

import numpy as np
import pytest

from vsearch.analysis.coverage import NONE, central, furthest_first
from vsearch.analysis.projection import PCA, TSNE, projected, sampled
from vsearch.vectors import unit


def made_up(count: int, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    random = np.random.default_rng(seed)
    vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]] = unit(
        random.standard_normal((count, 12)).astype(np.float32)
    )
    return vectors


@pytest.mark.parametrize("chosen_before", [0, 1, 7])
def test_the_furthest_comes_first(chosen_before: int) -> None:
    vectors = made_up(60)
    chosen = list(range(chosen_before))
    nearest = np.full(60, NONE, np.float32)
    if chosen:
        nearest = (vectors @ vectors[chosen].T).max(axis=1)
    found = list(furthest_first(vectors, nearest, 15))
    for place, cosine in found:
        if not chosen:
            assert (place, cosine) == (central(vectors), NONE)
        else:
            closest = [max(float(one @ vectors[other]) for other in chosen) for one in vectors]
            assert place == int(np.argmin(closest))
            assert cosine == pytest.approx(min(closest), abs=1e-6)
        chosen.append(place)
    assert len(found) == 15
    left = (vectors @ vectors[chosen].T).max(axis=1)
    assert nearest == pytest.approx(np.minimum(left, 1), abs=1e-6)


def test_no_more_are_chosen_than_differ() -> None:
    vectors = np.repeat(made_up(3), 4, axis=0)
    nearest = np.full(12, NONE, np.float32)
    assert len(list(furthest_first(vectors, nearest, 100))) == 3
    nothing = np.empty((0, 12), np.float32)
    assert list(furthest_first(nothing, np.empty(0, np.float32), 5)) == []


@pytest.mark.parametrize(
    ("count", "method"), [(0, PCA), (1, PCA), (2, PCA), (7, PCA), (8, TSNE), (40, TSNE)]
)
def test_a_map_of_any_number(count: int, method: str) -> None:
    places, by = projected(made_up(count), seed=1)
    assert (places.shape, by) == ((count, 2), method)
    assert np.isfinite(places).all()
    if count > 1:
        assert np.abs(places).max() == pytest.approx(1)
    assert np.array_equal(places, projected(made_up(count), seed=1)[0])


def test_a_map_of_what_is_all_the_same() -> None:
    places, method = projected(np.repeat(made_up(1), 30, axis=0), seed=0)
    assert method == PCA
    assert not places.any()


def test_near_ones_are_near_on_the_map() -> None:
    random = np.random.default_rng(0)
    centres = made_up(3)[np.arange(90) % 3]
    vectors = unit((centres + 0.05 * random.standard_normal((90, 12))).astype(np.float32))
    places, _ = projected(vectors, seed=0)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + 9 * np.eye(90)
    assert (distance.argmin(axis=1) % 3 == np.arange(90) % 3).all()


def test_a_sample_has_what_is_named_and_every_class() -> None:
    named = np.zeros(1000, bool)
    named[[5, 17]] = True
    classes = np.array([0] * 990 + list(range(1, 11)))
    found = sampled(named, classes, 50, seed=0)
    assert len(found) == 50
    assert (np.diff(found) > 0).all()
    assert {5, 17} <= set(found.tolist())
    assert set(classes[found].tolist()) == set(range(11))
    assert found.tolist() == sampled(named, classes, 50, seed=0).tolist()
    assert found.tolist() != sampled(named, classes, 50, seed=1).tolist()
    assert sampled(named, classes, 1000, seed=0).tolist() == list(range(1000))
