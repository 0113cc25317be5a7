"""Near pairs -> groups, against a walk through all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from vsearch.analysis import groups as module
from vsearch.analysis.groups import NO_SIDE, SEVERAL, alike, pairs_of_flat
from vsearch.duplicates.near import Pairs


def as_pairs(listed: list[tuple[int, int]]) -> Pairs:
    first, second = np.array(listed, dtype=np.int64).reshape(-1, 2).T
    cosines = np.array([0.9 + one / 1e3 for one, _ in listed], dtype=np.float32)
    return Pairs(first, second, cosines, np.arange(len(listed)))


def test_groups_are_what_pairs_connect() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        count = 30
        drawn = {tuple(sorted(random.choice(count, 2, replace=False).tolist())) for _ in range(20)}
        listed = sorted((one, other) for one, other in drawn)
        found = alike([as_pairs(listed[:7]), as_pairs(listed[7:])], count, None)
        first = list(range(count))
        for _ in range(count):  # the smallest number spreads along the pairs
            for one, other in listed:
                first[one] = first[other] = min(first[one], first[other])
        assert found.groups.tolist() == first
        near = set(listed)
        standing = set(found.stand_ins.tolist())
        for one, for_it in enumerate(found.stand_ins.tolist()):
            assert one == for_it or (for_it, one) in near
        assert not any(one in standing and other in standing for one, other in listed)
        assert len(found.first) == 0


def test_pairs_across_sides_are_kept() -> None:
    listed = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (4, 5)]
    sides = np.array([0, 0, 1, NO_SIDE, SEVERAL, SEVERAL])
    found = alike([as_pairs(listed[:3]), as_pairs(listed[3:])], 6, sides)
    assert list(zip(found.first, found.second, strict=True)) == [(0, 2), (1, 2), (4, 5)]
    assert found.bits.tolist() == [1, 2, 2]
    assert [round(float(one), 3) for one in found.cosines] == [0.9, 0.901, 0.904]
    nothing = alike([], 0, np.empty(0, np.int64))
    assert len(nothing.groups) == len(nothing.first) == len(nothing.cosines) == 0


@pytest.mark.parametrize("size", [3, 64])
def test_flat_ones_are_near_by_their_embeddings(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUERIES", size)
    monkeypatch.setattr(module, "_COLUMNS", 2 * size)
    random = np.random.default_rng(0)
    vectors = random.standard_normal((120, 16))
    for place in range(1, 120, 2):  # near some one before it, or nearly so
        vectors[place] = (
            vectors[random.integers(0, place)] + random.uniform(0, 0.8) * vectors[place]
        )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[[4, 5]] = 0  # damaged
    flat = random.random(120) < 0.3
    flat[4] = True
    cosines = vectors.astype(np.float32) @ vectors.astype(np.float32).T
    expected = {
        (one, other)
        for one in range(120)
        for other in range(one + 1, 120)
        if (flat[one] or flat[other]) and cosines[one, other] >= 0.9
    }
    found = list(pairs_of_flat(vectors.astype(np.float32), flat))
    listed = [pair for some in found for pair in zip(some.first, some.second, strict=True)]
    assert len(listed) == len(expected) > 10
    assert set(listed) == expected
    for some in found:
        assert np.allclose(some.cosines, cosines[some.first, some.second], atol=1e-6)
        assert (some.bits == 256).all()


def test_of_many_flat_ones_that_are_alike_not_all_pairs_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_QUERIES", 8)
    monkeypatch.setattr(module, "ENOUGH", 16)
    count = 200
    vectors = np.ones((count, 1), np.float32)
    found = list(pairs_of_flat(vectors, np.ones(count, bool)))
    assert sum(len(some.first) for some in found) < 24 * count
    named = np.concatenate([np.concatenate([some.first, some.second]) for some in found])
    assert len(np.unique(named)) == count  # but each is in one


def test_pairs_besides_join_nothing_and_cross_sides() -> None:
    sides = np.array([0, 1, 1, 0])
    found = alike([as_pairs([(0, 1)])], 4, sides, [as_pairs([(1, 3), (2, 3)])])
    assert found.groups.tolist() == [0, 0, 2, 3]
    assert found.stand_ins.tolist() == [0, 0, 2, 3]
    assert list(zip(found.first, found.second, strict=True)) == [(0, 1), (1, 3), (2, 3)]
