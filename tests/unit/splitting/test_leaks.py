"""The proof: near pairs across splits are found, as pair by pair, and none within a split."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vsearch.duplicates.near import is_near
from vsearch.images.perceptual import HASH_BYTES, distances, forms
from vsearch.splitting import grouping
from vsearch.splitting import leaks as module
from vsearch.splitting.grouping import ALIKE_FLAT
from vsearch.splitting.leaks import leaks


def made_up(count: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((count, 64))
    hashes = random.integers(0, 256, (count, HASH_BYTES), dtype=np.uint8)
    for place in range(1, count):
        source = int(random.integers(0, place))
        if random.random() < 0.5:
            bits = np.unpackbits(forms(hashes[source][None])[0, random.integers(0, 8)])
            bits[random.choice(256, int(random.integers(0, 100)), replace=False)] ^= 1
            hashes[place] = np.packbits(bits)
        if random.random() < 0.5:
            vectors[place] = vectors[source] + random.choice([0.1, 0.5]) * vectors[place]
    hashes[::9] = 0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), hashes


@pytest.mark.parametrize("count", [0, 1, 2, 40, 300])
@pytest.mark.parametrize("size", [3, 64])
def test_as_pair_by_pair(count: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_QUERIES", size)
    monkeypatch.setattr(module, "_COLUMNS", 3 * size)
    vectors, hashes = made_up(count, count)
    splits = np.random.default_rng(1).choice(3, count, p=[0.6, 0.3, 0.1]).astype(np.int64)
    steps = [(0, 0)]
    pairs, near = leaks(vectors, hashes, splits, 0.8, lambda *step: steps.append(step))
    first, second = np.nonzero(np.triu(splits[:, None] != splits[None, :]))
    cosines = (vectors[first] * vectors[second]).sum(axis=1)
    flat = hashes.max(axis=1, initial=0) == 0
    least = np.where(flat[first] | flat[second], ALIKE_FLAT, 0.8)
    are = is_near(cosines, distances(hashes[first], hashes[second])) | (cosines >= least)
    assert pairs == len(first)
    assert steps[-1] == (pairs, pairs) or not pairs
    expected = {(int(a), int(b)) for a, b in zip(first[are], second[are], strict=True)}
    assert {(min(pair), max(pair)) for pair in near.tolist()} == expected
    assert len(near) == len(expected)
    assert count < 300 or len(expected) > 20


@pytest.mark.parametrize("count", [1, 5, 200])
def test_what_is_alike_hangs_together_through_any_number(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "_ROWS", 7)
    vectors, hashes = made_up(count, count + 1)
    flat = hashes.max(axis=1) == 0
    together = np.arange(count)
    together[3::5] = together[2::5][: len(together[3::5])]
    found = grouping.joined_by_embedding(together, vectors, flat, 0.85)
    edges = (vectors @ vectors.T >= np.where(flat[:, None] | flat, 0.75, 0.85)) | (
        together[:, None] == together
    )
    reached = edges
    for _ in range(10):
        reached = reached @ reached
    assert np.array_equal(found[:, None] == found, reached)
    by_none = grouping.joined_by_embedding(together, vectors, flat, 1.0)
    assert np.array_equal(by_none, together)
