"""Nearest neighbours in blocks against a sort of all."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.analysis import neighbours
from vsearch.analysis.neighbours import distances, nearest

Vectors = NDArray[np.float32]
Groups = NDArray[np.int64]


def plain(
    queries: Vectors, targets: Vectors, k: int, of_query: Groups, of_target: Groups
) -> list[list[int]]:
    """The places of the nearest, equal ones by place."""
    found = []
    for query, group in zip(queries, of_query, strict=True):
        cosines = [float(query @ target) for target in targets]
        others = [place for place in range(len(targets)) if of_target[place] != group]
        ranked = sorted(others, key=lambda place: (-cosines[place], place))[:k]
        found.append(ranked + [-1] * (k - len(ranked)))
    return found


def grid(count: int, seed: int) -> Vectors:
    """Vectors whose products are exact, with many ties; not of length one."""
    random = np.random.default_rng(seed)
    return (random.integers(-2, 3, (count, 4)) / 8).astype(np.float32)


@pytest.mark.parametrize("k", [1, 3, 50])
@pytest.mark.parametrize(("queries", "targets"), [(0, 5), (5, 0), (1, 1), (40, 30), (30, 200)])
@pytest.mark.parametrize("block", [1, 7, 64])
def test_the_same_as_a_sort_of_all(
    queries: int, targets: int, k: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_QUERIES", block)
    monkeypatch.setattr(neighbours, "_TARGETS", 2 * block)
    asked, among = grid(queries, 1), grid(targets, 2)
    random = np.random.default_rng(3)
    of_query, of_target = random.integers(0, 6, queries), random.integers(0, 6, targets)
    places, cosines = nearest(asked, among, k, query_groups=of_query, target_groups=of_target)
    assert places.tolist() == plain(asked, among, k, of_query, of_target)
    for query, row, found in zip(asked, places, cosines, strict=True):
        assert np.array_equal(found[row >= 0], np.clip(among[row[row >= 0]] @ query, -1, 1))
        assert np.isnan(found[row < 0]).all()


def test_nothing_of_the_size_of_all_pairs_is_held() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((6000, 8)).astype(np.float32)
    each = np.arange(len(vectors))
    tracemalloc.start()
    nearest(vectors, vectors, 5, query_groups=each, target_groups=each)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6 < 4 * len(vectors) ** 2


def test_distances_are_those_of_unit_vectors() -> None:
    found = distances(np.array([1, 0, -1, 1.0001, np.nan], dtype=np.float32))
    assert found == pytest.approx([0, 2**0.5, 2, 0, np.nan], nan_ok=True)
