"""Near pairs -> groups, against a walk through all pairs."""

from __future__ import annotations

import numpy as np

from vsearch.analysis.groups import NO_SIDE, SEVERAL, alike
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
